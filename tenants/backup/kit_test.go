package backup_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

// kit is a database with the two clinics, of which alpha has files and a number
// that is really encrypted.
type kit struct {
	*testkit.DB
	admin *pgx.Conn
	store *files.Store
	conf  backup.Config

	folder string // of the store
	*backup.Service
}

const secretNumber = "499118665246"

var documents = []uuid.UUID{seeded(0xa0), seeded(0xa1), seeded(0xa3)}

func seeded(n byte) uuid.UUID {
	id := testkit.Asha
	id[15] = n
	return id
}

func newKit(t *testing.T) kit {
	t.Helper()
	db := testkit.New(t)
	folder := filepath.Join(t.TempDir(), "files")
	store, err := files.Open(t.Context(), "", folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	k := kit{DB: db, admin: testkit.Conn(t, db.Admin), store: store, folder: folder,
		conf: backup.Config{Backup: db.Backup, Migrator: db.Migrator, Keys: testkit.Master(t), Files: store, Program: "test"}}
	if k.Service, err = backup.New(k.conf); err != nil {
		t.Fatal(err)
	}
	ks := k.keyset(t, testkit.Alpha.ID)
	for i, id := range documents {
		if err := store.Put(t.Context(), ks, testkit.Alpha.ID, id, bytes.Repeat([]byte{byte('a' + i)}, 100_000*i+1)); err != nil {
			t.Fatal(err)
		}
	}
	cipher, err := ks.Encrypt(keys.Place{Table: "patients", Row: testkit.Bilal, Column: "id_cipher"}, []byte(secretNumber))
	if err != nil {
		t.Fatal(err)
	}
	blind, err := ks.BlindIndex("patients.id_cipher.aadhaar", secretNumber)
	if err != nil {
		t.Fatal(err)
	}
	k.change(t, "patients", "update clinic_alpha.patients set id_cipher = $1, id_blind = $2 where id = $3", cipher, blind, testkit.Bilal)
	return k
}

// change writes past the triggers, as the superuser.
func (k kit) change(t *testing.T, _ string, sql string, args ...any) {
	t.Helper()
	tx, err := k.admin.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "set local session_replication_role = replica")
	}
	if err == nil {
		_, err = tx.Exec(t.Context(), sql, args...)
	}
	if err == nil {
		err = tx.Commit(t.Context())
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (k kit) keyset(t *testing.T, clinic uuid.UUID) *keys.Keyset {
	t.Helper()
	ks, err := testkit.Master(t).OpenKeyset(clinic, value[[]byte](t, k.admin, "select wrapped from platform.keysets where clinic_id = $1", clinic))
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

// Restore never rests, unless the test says so: other tests' transactions are
// none of its business.
func (k kit) Restore(ctx context.Context, from backup.Opener, o backup.RestoreOptions) (backup.Restored, error) {
	o.Pace = cmp.Or(o.Pace, 100)
	return k.Service.Restore(ctx, from, o)
}

// Clone doesn't either.
func (k kit) Clone(ctx context.Context, slug string, o backup.RestoreOptions, scrub bool) (backup.Restored, error) {
	o.Pace = cmp.Or(o.Pace, 100)
	return k.Service.Clone(ctx, slug, o, scrub)
}

// export writes an archive into a file and gives its name.
func (k kit) export(t *testing.T, slug string, o backup.ExportOptions) (string, backup.Exported) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "*.cloister")
	if err != nil {
		t.Fatal(err)
	}
	out, err := k.Export(t.Context(), slug, f, o)
	if err != nil {
		t.Fatalf("export of %s: %v", slug, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name(), out
}

func open(name string) backup.Opener {
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// routes tells whether the service finds the slug.
func (k kit) routes(t *testing.T, slug string) bool {
	t.Helper()
	return value[int](t, k.admin, "select count(*)::int from platform.resolve_clinic($1)", slug) == 1
}

// print is everything there is, in a word: two that are equal mean that nothing
// was changed.
func (k kit) print(t *testing.T) string {
	t.Helper()
	return value[string](t, k.admin, `select concat_ws(' ', (select string_agg(nspname, ',' order by nspname) from pg_namespace where nspname ~ '^(clinic|spare)_'),
		(select md5(string_agg(c::text, '' order by id)) from platform.clinics c), (select md5(string_agg(s::text, '' order by clinic_id)) from platform.schemas s),
		(select md5(string_agg(u::text, '' order by clinic_id, kind)) from platform.usage u), (select count(*) from platform.keysets),
		(select md5(string_agg(p::text, '' order by id)) from clinic_alpha.patients p), (select count(*) from clinic_alpha.trail))`)
}

// audited has the audit look at the whole database: walls, grants, and every
// clinic's schema against what its version should have.
func (k kit) audited(t *testing.T) {
	t.Helper()
	r, err := audit.Run(t.Context(), testkit.Conn(t, k.Auditor), audit.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Errorf("the audit finds %+v", f)
	}
}
