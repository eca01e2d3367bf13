package backup_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants/backup"
)

// classes reads docs/classification.md: table.column to class, of the clinic's
// schema.
func classes(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "classification.md"))
	if err != nil {
		t.Fatal(err)
	}
	own, _, _ := strings.Cut(string(raw), "## Schema platform")
	out := map[string]string{}
	for _, line := range strings.Split(own, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.TrimSpace(cells[1]) == "table" {
			continue
		}
		for _, column := range strings.Split(cells[3], ",") {
			out[strings.TrimSpace(cells[1])+"."+strings.TrimSpace(column)] = strings.TrimSpace(cells[2])
		}
	}
	if len(out) < 200 {
		t.Fatalf("read %d columns", len(out))
	}
	return out
}

// column is one of clinic_alpha.
type column struct {
	Table, Name, Type string
	Words             bool // one of a few words
}

func (k kit) columns(t *testing.T) []column {
	t.Helper()
	rows, err := k.admin.Query(t.Context(), `select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
		exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey) and pg_get_constraintdef(k.oid) ~ 'ARRAY')
		from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
		where c.relnamespace = 'clinic_alpha'::regnamespace and c.relkind = 'r' order by 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsSaidOfColumnsHoldsAgainstTheirClasses(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	class := classes(t)
	for _, c := range k.columns(t) {
		place := c.Table + "." + c.Name
		if class[place] == "secret" && !backup.TakenCareOf(place) && !slices.Contains(backup.WithheldTables, c.Table) && place != "users.password_hash" {
			t.Errorf("%s is secret: say in catalog.go whether an archive holds it opened, or it is made anew", place)
		}
		if !slices.Contains(backup.KeptColumns[c.Table], c.Name) {
			continue
		}
		open := c.Type == "text" || strings.HasSuffix(c.Type, "[]") || c.Type == "jsonb" || c.Type == "bytea"
		if class[place] == "personal" || class[place] == "secret" || class[place] == "clinical" && open && !c.Words {
			t.Errorf("%s is %s and a scrubbed copy keeps it", place, class[place])
		}
	}
	for table, columns := range backup.KeptColumns {
		for _, c := range columns {
			if class[table+"."+c] == "" {
				t.Errorf("%s.%s is kept and is no column", table, c)
			}
		}
	}
}

// TestAScrubbedCopyTellsNothing writes a word of its own into every column that
// is anybody's, and looks for it in the whole archive.
func TestAScrubbedCopyTellsNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	class := classes(t)
	const canary = "zqcanary"
	marked := 0
	for _, c := range k.columns(t) {
		place := c.Table + "." + c.Name
		if class[place] == "internal" && place != "users.username" || class[place] == "public" && place != "users.full_name" {
			continue
		}
		to, ok := map[string]string{"text": "'" + canary + "' || left(md5(ctid::text), 8)", "jsonb": `'{"` + canary + `": 1}'`, "text[]": "'{" + canary + "}'"}[c.Type]
		if !ok {
			continue
		}
		if strings.Contains(c.Name, "email") {
			to = "'" + canary + "' || left(md5(ctid::text), 8) || '@example.org'"
		}
		// Not every column takes any word.
		if k.try(t, "update clinic_alpha."+c.Table+" set "+c.Name+" = "+to) {
			marked++
		}
	}
	if marked < 40 {
		t.Fatalf("marked %d columns", marked)
	}
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file, out := k.export(t, "alpha", backup.ExportOptions{Scrub: true, Recipients: []age.Recipient{me.Recipient()}})
	if !out.Header.Scrubbed || out.Manifest.Rows() < 60 {
		t.Errorf("scrubbed %d rows", out.Manifest.Rows())
	}
	whole, _ := k.export(t, "alpha", backup.ExportOptions{Recipients: []age.Recipient{me.Recipient()}})
	if !slices.ContainsFunc(entries(t, whole, me), func(e entry) bool { return bytes.Contains(e.body, []byte(canary)) }) {
		t.Error("an archive that is not scrubbed does not hold the word either")
	}
	for _, e := range entries(t, file, me) {
		for _, secret := range []string{canary, secretNumber, "+919811111111", "+919800000002", "1980-05-17", "Alpha Clinic"} {
			if bytes.Contains(e.body, []byte(secret)) {
				t.Errorf("%s holds %s", e.name, secret)
			}
		}
	}
	copied, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "for-tests"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if !k.routes(t, "for-tests") || copied.Admin.String() == "" || copied.Invitation == copied.ID {
		t.Errorf("%+v", copied)
	}
	if n := value[int](t, k.admin, "select count(*)::int from clinic_for_tests.users where password_hash is not null"); n != 0 {
		t.Errorf("%d people have a password", n)
	}
	first := value[string](t, k.admin, "select full_name from clinic_for_tests.patients order by id limit 1")
	key := patient.SearchKey(first, "", "")
	if n := value[int](t, k.admin, "select count(*)::int from clinic_for_tests.patients where search_key = $1", strings.ToLower(first)); n == 0 || !strings.Contains(string(key), strings.ToLower(strings.Fields(first)[0])) {
		t.Errorf("%s is not found by name", first)
	}
}

// try runs SQL past the triggers and tells whether it was taken.
func (k kit) try(t *testing.T, sql string) bool {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), k.admin, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "set local session_replication_role = replica; "+sql)
		return err
	})
	return err == nil
}

func TestACopyThatIsNotScrubbedIsTheSame(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	_, first := k.export(t, "alpha", backup.ExportOptions{})
	if _, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "twin"}, false); err != nil {
		t.Fatal(err)
	}
	_, second := k.export(t, "twin", backup.ExportOptions{})
	if d := first.Manifest.Differing(second.Manifest); len(d) > 0 {
		t.Errorf("the twin differs in %v", d)
	}
	if _, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "twin"}, false); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("a second twin: %v", err)
	}
}

// entry is one of an archive.
type entry struct {
	name string
	kind byte
	body []byte
}

// entries takes an archive apart as anybody with the key would.
func entries(t *testing.T, file string, id age.Identity) []entry {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := age.Decrypt(f, id)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []entry
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entry{h.Name, h.Typeflag, body})
	}
}
