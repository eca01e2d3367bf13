package audit

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// TestReferenceIsFresh builds every version of a clinic's schema and compares
// what stands in it with reference.txt; with -update it writes the file.
func TestReferenceIsFresh(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := testkit.Conn(t, w.Admin)
	ctx := t.Context()
	versions := tenantVersions(t)
	schemas := map[string]int64{}
	for _, v := range versions[:len(versions)-1] {
		id, name := uuid.New(), fmt.Sprintf("spare_v%d", v)
		err := pgx.BeginFunc(ctx, admin, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "set local role cloister_owner"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "select platform.make_schema($1, $2)", id, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := upTo(t, w, v).Schema(ctx, migrate.Schema{Clinic: id, Name: name}); err != nil {
			t.Fatal(err)
		}
		schemas[name] = v
	}
	schemas[testkit.Alpha.Schema] = versions[len(versions)-1]

	a := &run{q: testkit.Conn(t, w.Auditor)}
	for _, step := range []func() error{func() error { return a.open(ctx) }, func() error { return a.homes(ctx) }, func() error { return a.classes(ctx) }, func() error { return a.everything(ctx) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	got := reference{clinic: map[int64]expectation{}, platform: a.platform, shared: expectation{}}
	for _, g := range a.objects {
		for _, one := range a.lookedAt(g.homes) {
			for _, oid := range a.membersOf(one) {
				h := a.homesBy[oid]
				if h.kind == "shared" {
					got.shared[g.object] = g.definition
				} else if v, ok := schemas[h.name]; ok {
					if got.clinic[v] == nil {
						got.clinic[v] = expectation{}
					}
					got.clinic[v][g.object] = g.definition
				}
			}
		}
	}
	text := formatReference(got)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile("reference.txt", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(strings.Split(referenceText, "\n"), strings.Split(text, "\n")); d != "" {
		t.Errorf("reference.txt is stale; read the difference, then run make gen:\n%s", d)
	}
	back, err := parseReference(text)
	if err != nil || cmp.Diff(got.clinic, back.clinic) != "" || cmp.Diff(got.shared, back.shared) != "" {
		t.Errorf("what is written is not what is read: %v", err)
	}
}

func tenantVersions(t *testing.T) []int64 {
	t.Helper()
	names, err := fs.Glob(db.Tenant(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no migration: %v", err)
	}
	var out []int64
	for _, n := range names {
		var v int64
		if _, err := fmt.Sscanf(n, "%d_", &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// upTo is a migrator that knows the clinics' migrations up to a version.
func upTo(t *testing.T, w *testkit.DB, last int64) *migrate.Migrator {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(db.Tenant(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		var v int64
		if _, err := fmt.Sscanf(n, "%d_", &v); err != nil {
			t.Fatal(err)
		}
		if v > last {
			continue
		}
		text, err := fs.ReadFile(db.Tenant(), n)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = &fstest.MapFile{Data: text}
	}
	m, err := migrate.New(migrate.Config{Admin: w.Admin, Migrator: w.Migrator, Keys: testkit.Master(t), Tenant: files})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
