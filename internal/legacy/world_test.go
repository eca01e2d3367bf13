package legacy_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// world is a test's own database with a way in.
type world struct {
	*testkit.DB
	store  *files.Store
	keys   *keys.Ring
	folder string // of the store
	db     *tenants.DB
	log    *strings.Builder
	conn   *pgx.Conn // superuser's
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{DB: testkit.New(t), log: &strings.Builder{}}
	log := logrus.New()
	log.SetOutput(w.log)
	log.SetLevel(logrus.TraceLevel)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log, Pool: tenants.PoolConfig{MaxConns: 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	w.conn = testkit.Conn(t, w.Admin)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	w.keys, w.folder = keys.NewRing(master, nil), filepath.Join(t.TempDir(), "files")
	if w.store, err = files.Open(t.Context(), "", w.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) clinic(t testing.TB, slug string) *tenants.Clinic {
	t.Helper()
	clinic, outcome, err := w.db.Resolve(t.Context(), slug)
	if err != nil || outcome != tenants.Active {
		t.Fatalf("%s: %v, %v", slug, outcome, err)
	}
	return clinic
}

// rows gives a query's rows as text, to be compared.
func (w *world) rows(t testing.TB, sql string, args ...any) []string {
	t.Helper()
	rows, err := w.conn.Query(context.Background(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
		values, err := r.Values()
		return fmt.Sprint(values...), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) one(t testing.TB, sql string, args ...any) string {
	t.Helper()
	rows := w.rows(t, sql, args...)
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows", sql, len(rows))
	}
	return rows[0]
}

// tables lists the tables of a schema.
func (w *world) tables(t testing.TB, schema string) []string {
	t.Helper()
	return w.rows(t, "select tablename from pg_tables where schemaname = $1 order by 1", schema)
}

// content is a digest of every table of a schema.
func (w *world) content(t testing.TB, schema string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, table := range w.tables(t, schema) {
		name := pgx.Identifier{schema, table}.Sanitize()
		out[table] = w.one(t, "select count(*) || ' ' || coalesce(md5(string_agg(r::text, '' order by r::text)), '') from "+name+" r")
	}
	return out
}

// emptied makes a clinic of the test world one that was just founded.
func (w *world) emptied(t testing.TB, schema string) {
	t.Helper()
	var all []string
	for _, table := range w.tables(t, schema) {
		if table != "settings" {
			all = append(all, pgx.Identifier{schema, table}.Sanitize())
		}
	}
	w.Exec(t, "set session_replication_role = replica; truncate "+strings.Join(all, ", ")+
		"; delete from platform.usage where clinic_id = (select clinic_id from platform.schemas where schema_name = '"+schema+"')")
}

var mediaFolder = filepath.Join("testdata", "legacy_media")

// testFile is read once: nothing changes it.
var testFile = sync.OnceValues(func() (*legacy.File, error) {
	return legacy.Read(context.Background(), filepath.Join("testdata", "legacy.sqlite3"), legacy.DefaultLimits())
})

func testPlan(t testing.TB) *legacy.Plan {
	t.Helper()
	file, err := testFile()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := legacy.PlanOf(t.Context(), file, legacy.PlanOptions{Media: mediaFolder, Now: importDay})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (w *world) imported(t testing.TB, slug string, o legacy.Options) legacy.Report {
	t.Helper()
	return w.importedPlan(t, slug, testPlan(t), o)
}

func (w *world) importedPlan(t testing.TB, slug string, plan *legacy.Plan, o legacy.Options) legacy.Report {
	t.Helper()
	o.Store, o.Keys = w.store, w.keys
	report, err := legacy.Import(t.Context(), w.db, w.clinic(t, slug), plan, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// options are those of a test that calls Import itself.
func (w *world) options(told func(string, int, int)) legacy.Options {
	return legacy.Options{Progress: told, Store: w.store, Keys: w.keys}
}

// passwords are the password values of the file, read without the importer.
func passwords(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, sql := range []string{"SELECT password FROM hospital_user", "SELECT default_password FROM hospital_patient WHERE default_password <> ''"} {
		out = append(out, column(t, sql)...)
	}
	return out
}

// column reads a query of the file's own.
func column(t testing.TB, query string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:testdata/legacy.sqlite3?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
