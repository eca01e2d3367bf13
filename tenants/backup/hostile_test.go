package backup_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
)

// pack makes an archive of entries, as anybody could who knows the format.
func pack(t *testing.T, to *age.X25519Identity, all []entry, tail ...byte) string {
	t.Helper()
	var b bytes.Buffer
	locked, err := age.Encrypt(&b, to.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(locked)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.body)), Mode: 0o600}
		if e.kind == tar.TypeSymlink {
			h.Linkname, h.Size = string(e.body), 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write(e.body); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []func() error{w.Close, func() error { _, err := z.Write(tail); return err }, z.Close, locked.Close} {
		if err := c(); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "hostile.cloister")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// consistent writes the manifest anew, so that every digest is right: a forger
// can do that, too.
func consistent(t *testing.T, all []entry) []entry {
	t.Helper()
	var m backup.Manifest
	at := slices.IndexFunc(all, func(e entry) bool { return e.name == "manifest.json" })
	if err := json.Unmarshal(all[at].body, &m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(all[0].body)
	m.Header = hex.EncodeToString(sum[:])
	for i := range m.Tables {
		var body []byte
		for _, e := range all {
			if strings.HasPrefix(e.name, "tables/"+m.Tables[i].Name+"/") {
				body = append(body, e.body...)
			}
		}
		sum := sha256.Sum256(body)
		m.Tables[i].Bytes, m.Tables[i].Rows, m.Tables[i].SHA256 = int64(len(body)), int64(bytes.Count(body, []byte("\n"))), hex.EncodeToString(sum[:])
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	all[at].body = raw
	return all
}

func TestHostileArchivesChangeNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file, _ := k.export(t, "alpha", backup.ExportOptions{Recipients: []age.Recipient{me.Recipient()}})
	good := entries(t, file, me)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) string {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// edit changes a copy of the good entries.
	edit := func(fn func([]entry) []entry) string {
		return pack(t, me, fn(slices.Clone(good)))
	}
	in := func(all []entry, name string) *entry {
		return &all[slices.IndexFunc(all, func(e entry) bool { return strings.HasPrefix(e.name, name) })]
	}
	replaced := func(name, from, to string) func([]entry) []entry {
		return func(all []entry) []entry {
			e := in(all, name)
			if !bytes.Contains(e.body, []byte(from)) {
				t.Fatalf("%s does not hold %q", name, from)
			}
			e.body = bytes.Replace(e.body, []byte(from), []byte(to), 1)
			return all
		}
	}
	sane := func(fn func([]entry) []entry) string {
		return edit(func(all []entry) []entry { return consistent(t, fn(all)) })
	}
	insert := func(before string, e entry) func([]entry) []entry {
		return func(all []entry) []entry {
			i := slices.IndexFunc(all, func(o entry) bool { return strings.HasPrefix(o.name, before) })
			return slices.Insert(all, i, e)
		}
	}
	flipped := slices.Clone(raw)
	flipped[len(flipped)/2] ^= 1
	cases := []struct{ name, file, says string }{
		{"empty", write(nil), "cut short"},
		{"no archive", write([]byte("select 1; drop table patients; --")), "damaged"},
		{"half", write(raw[:len(raw)/2]), "cut short"},
		{"without its last byte", write(raw[:len(raw)-1]), ""},
		{"a bit flipped", write(flipped), ""},
		{"something appended", write(append(slices.Clone(raw), 'x')), ""},
		{"something behind the tar", pack(t, me, good, 'x'), "behind its end"},
		{"an entry after the end", edit(func(all []entry) []entry { return append(all, entry{"more", tar.TypeReg, nil}) }), "goes on after its end"},
		{"no manifest", edit(func(all []entry) []entry { return slices.Delete(all, len(all)-2, len(all)-1) }), "where manifest.json must be"},
		{"no seal", edit(func(all []entry) []entry { return all[:len(all)-1] }), "seal is missing"},
		{"a value changed", edit(replaced("tables/patients/", "Asha", "Usha")), "not what its manifest says"},
		{"a row left out", edit(replaced("tables/departments/", "\n", "")), ""},
		{"a file changed", edit(func(all []entry) []entry { in(all, "files/").body = []byte("other"); return all }), "files that are not"},
		{"a path upwards", edit(insert("files/", entry{"files/../../etc/passwd", tar.TypeReg, []byte("x")})), "a file with the name"},
		{"a path from the root", edit(insert("files/", entry{"/etc/passwd", tar.TypeReg, []byte("x")})), "where manifest.json must be"},
		{"a link", edit(insert("files/", entry{"files/x", tar.TypeSymlink, []byte("/etc/passwd")})), "no plain file"},
		{"a file twice", edit(func(all []entry) []entry { e := *in(all, "files/"); return insert("files/", e)(all) }), "twice or out of its order"},
		{"a table twice", edit(func(all []entry) []entry { e := *in(all, "tables/patients/"); return insert("files/", e)(all) }), "where manifest.json must be"},
		{"an unknown table", sane(replaced("cloister.json", `"name": "visits"`, `"name": "visitors"`)), "where manifest.json must be"},
		{"SQL as a table", sane(replaced("cloister.json", `"name": "visits"`, `"name": "visits; drop schema platform cascade; --"`)), "as none is named"},
		{"SQL as a column", sane(replaced("cloister.json", `"name": "purpose"`, `"name": "purpose) from '/etc/passwd' --"`)), "as none is named"},
		{"an unknown column", sane(replaced("cloister.json", `"name": "purpose"`, `"name": "password"`)), "other columns than version"},
		{"another type", sane(replaced("cloister.json", `"type": "jsonb"`, `"type": "text"`)), "other columns than version"},
		{"a field the header does not have", edit(replaced("cloister.json", `"format"`, `"run": "rm -rf /", "format"`)), "can't be read"},
		{"a later format", edit(replaced("cloister.json", `"format": 1`, `"format": 2`)), "newer program"},
		{"a later version", sane(replaced("cloister.json", `"migration": `, `"migration": 9`)), "newer program"},
		{"an end of data inside", sane(replaced("tables/visits/", "018f", "\\.\n018f")), "a row of visits that is none"},
		{"a number that is none", sane(replaced("tables/tokens/", "\t1\t", "\tone\t")), "do not take (SQLSTATE 22P02)"},
		{"a reference to nobody", sane(replaced("tables/tokens/", "018f0000-0000-7000-8000-000000000030", "018f0000-0000-7000-8000-00000000dead")), "SQLSTATE 23503"},
		{"a state that is none", sane(replaced("tables/visits/", "done", "gone")), "SQLSTATE 23514"},
		{"a trail of numbers that no server comes to", sane(func(all []entry) []entry {
			e := in(all, "tables/trail/")
			f := bytes.SplitN(e.body, []byte{'\t'}, 4) // id, at, xact
			f[2] = []byte("9223372036854775807")
			e.body = bytes.Join(f, []byte{'\t'})
			return all
		}), "numbers that no server comes to"},
		{"a slug that is none", sane(replaced("cloister.json", `"zone": "Asia/Kolkata"`, `"zone": "Asia/Kolkata", "name": ""`)), "describes its clinic as none can be"},
		{"a file of nobody", edit(func(all []entry) []entry {
			i := slices.IndexFunc(all, func(e entry) bool { return e.name == "manifest.json" })
			return slices.Insert(all, i, entry{"files/ffffffff-ffff-7fff-bfff-ffffffffffff", tar.TypeReg, []byte("x")})
		}), "files that are not"},
		{"a bomb", edit(insert("files/", entry{"files/ffffffff-ffff-7fff-bfff-ffffffffffff", tar.TypeReg, make([]byte, 64<<20+1)})), "of 67108865 bytes"},
	}
	before := k.print(t)
	for _, c := range cases {
		_, err := k.Restore(t.Context(), open(c.file), backup.RestoreOptions{As: "hostile", Foreign: true, Identities: []age.Identity{me}, MaxBytes: 128 << 20})
		if apperr.CodeOf(err) != apperr.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	// What is whole and not ours needs a word, and what is too much is refused.
	forged := sane(replaced("tables/patients/", "Asha", "Usha"))
	if _, err := k.Restore(t.Context(), open(forged), backup.RestoreOptions{As: "hostile", Identities: []age.Identity{me}}); err == nil || !strings.Contains(err.Error(), "--foreign") {
		t.Errorf("a forged archive: %v", err)
	}
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "hostile", MaxBytes: 1000}); err == nil || !strings.Contains(err.Error(), "--max-bytes") {
		t.Errorf("a large archive: %v", err)
	}
	other, err := keys.Parse(keys.Generate())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := backup.New(backup.Config{Keys: other})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Verify(t.Context(), open(file), backup.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "--identity") {
		t.Errorf("elsewhere without the key: %v", err)
	}
	if v, err := elsewhere.Verify(t.Context(), open(file), backup.VerifyOptions{Identities: []age.Identity{me}}); err != nil || v.Own {
		t.Errorf("elsewhere with the key: own %v, %v", v.Own, err)
	}
	if after := k.print(t); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if all, err := k.store.Clinics(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("files of %v, %v", all, err)
	}
	if out, err := k.Restore(t.Context(), open(forged), backup.RestoreOptions{As: "hostile", Foreign: true, Identities: []age.Identity{me}}); err != nil || out.Rows == 0 {
		t.Errorf("a foreign archive that is wanted: %v", err)
	}
}

func TestAnErasedClinicComesBackOnlyWhenItIsMeant(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, _ := k.export(t, "alpha", backup.ExportOptions{})
	k.change(t, "", "update platform.clinics set status = 'deleted', deleted_at = now() where id = $1", testkit.Alpha.ID)
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "ghost"}); apperr.CodeOf(err) != apperr.Conflict {
		t.Errorf("it came back: %v", err)
	}
	if out, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "ghost", AfterErasure: true}); err != nil || out.Status != "active" {
		t.Errorf("%+v, %v", out, err)
	}
}
