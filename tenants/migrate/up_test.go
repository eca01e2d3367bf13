package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// next is the program's migrations and more after them, without their head.
func next(t *testing.T, more ...string) (fs.FS, int64) {
	t.Helper()
	own := db.Tenant()
	all := fstest.MapFS{}
	names, err := fs.Glob(own, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(own, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: b}
	}
	const first = 90001
	for i, sql := range more {
		all[fmt.Sprintf("%d_test.sql", first+i)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql + "\n-- +goose Down\nselect 1;\n")}
	}
	return all, int64(first + len(more) - 1)
}

func with(files fs.FS) func(*migrate.Config) {
	return func(c *migrate.Config) {
		c.Tenant = files
		c.Times.Lock, c.Times.Backoff = 100*time.Millisecond, time.Millisecond
	}
}

const addNote = "alter table departments add column note text not null default '';"

func TestUpBringsEveryClinicAndThenDoesNothing(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 4)
	files, target := next(t, addNote, "alter table departments add column more text;")
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	var steps []migrate.Progress
	r, err := m.Up(t.Context(), migrate.Options{Workers: 3, Progress: func(p migrate.Progress) { steps = append(steps, p) }})
	if err != nil || r.Migrated != 4 || r.Pending != 4 || r.Total != 4 || len(r.Failures) != 0 || r.Target != target {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(steps) != 4 || steps[3] != (migrate.Progress{Done: 4, Total: 4}) {
		t.Errorf("progress %+v", steps)
	}
	admin := connect(t, dsn)
	for _, c := range all {
		if n := value[int](t, admin, "select count(*)::int from platform.migrations where clinic_id = $1 and version > 90000", c.id); n != 2 {
			t.Errorf("%s has %d ledger rows", c.schema, n)
		}
	}
	if n := value[int](t, admin, "select count(*)::int from platform.schemas where version = $1", target); n != 4 {
		t.Errorf("%d schemas are at the target", n)
	}
	again, err := m.Up(t.Context(), migrate.Options{Workers: 3})
	if err != nil || again.Pending != 0 || again.Total != 4 {
		t.Errorf("again: %+v, %v", again, err)
	}
	older, _ := on(t, dsn, testkit.Master(t), nil)
	if r, err := older.Up(t.Context(), migrate.Options{}); err != nil || r.Pending != 0 {
		t.Errorf("an older program on newer clinics: %+v, %v", r, err)
	}
}

// TestNothingToDoIsOneQuery counts what the server was asked.
func TestNothingToDoIsOneQuery(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 3)
	tr := &counter{}
	m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) { c.Tracer = tr })
	if r, err := m.Up(t.Context(), migrate.Options{}); err != nil || r.Total != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := tr.queries.Load(); n != 1 {
		t.Errorf("%d queries", n)
	}
}

type counter struct{ queries atomic.Int32 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries.Add(1)
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestOneFailingClinicStopsNoOther(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 4)
	admin := connect(t, dsn)
	exec(t, admin, "alter table "+all[1].schema+".departments add column note text") // somebody was here by hand
	files, target := next(t, addNote)
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	r, err := m.Up(t.Context(), migrate.Options{Workers: 2})
	if err != nil || r.Migrated != 3 || len(r.Failures) != 1 || r.Failures[0].Name != all[1].schema {
		t.Fatalf("%+v, %v", r, err)
	}
	if !strings.Contains(r.Failures[0].Reason, "already exists") || !strings.Contains(r.Failures[0].Reason, fmt.Sprint(target)) {
		t.Errorf("the reason is %q", r.Failures[0].Reason)
	}
	states, err := m.Status(t.Context())
	if err != nil || len(states) != 4 || states[1].Condition != migrate.Failed || states[1].Error == "" || !states[1].Behind() || states[0].Condition != migrate.Current || states[0].Duration <= 0 ||
		m.Summarise(states) != (migrate.Summary{Target: target, Total: 4, Current: 3, Failed: 1}) {
		t.Errorf("%+v, %v", states, err)
	}
	exec(t, admin, "alter table "+all[1].schema+".departments drop column note")
	if r, err = m.Up(t.Context(), migrate.Options{}); err != nil || r.Migrated != 1 || r.Pending != 1 {
		t.Errorf("after it was mended: %+v, %v", r, err)
	}
}

func TestAMigrationThatWeakensAWallDoesNotLand(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 1)
	for name, sql := range map[string]string{
		"row security":                          "alter table patients no force row level security;",
		"another policy":                        "create policy open on patients for select to cloister_nurse using (true);",
		"a changed policy":                      "alter policy \"select\" on patients using (true);",
		"a changed policy, in a subtransaction": "-- +goose StatementBegin\ndo $$ begin alter policy \"select\" on patients using (true); exception when division_by_zero then null; end $$;\n-- +goose StatementEnd",
		"another clinic's check":                "alter table patients drop constraint patients_clinic, add constraint patients_clinic check (clinic_id = '00000000-0000-7000-8000-000000000009'::uuid);",
		"another column":                        "alter table patients rename column clinic_id to old_id;\nalter table patients add column clinic_id uuid;",
		"a bare table":                          "create table loose (id uuid primary key);",
		"a view":                                "create view everything as select id from patients;",
		"the trail":                             "drop trigger trail on patients;",
		"the clinic":                            "alter table patients drop constraint patients_clinic;",
		"a direct right":                        "grant select on patients to cloister_app;",
		"an enum":                               "create type mood as enum ('good');",
		"a function":                            "create function f() returns int language plpgsql as 'begin return 1; end';",
		"the write check":                       "create policy w on patients for update to cloister_nurse using (clinic_id = (select platform.current_clinic()));",
	} {
		files, _ := next(t, sql)
		m, _ := on(t, dsn, testkit.Master(t), with(files))
		r, err := m.Up(t.Context(), migrate.Options{})
		if err != nil || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, "walls of "+all[0].schema) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	m, _ := on(t, dsn, testkit.Master(t), nil)
	if s, err := m.Status(t.Context()); err != nil || s[0].Version != m.Target() {
		t.Errorf("the clinic is at %+v, %v", s, err)
	}
}

func TestDataThatDoesNotFitIsNotQuoted(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 1)
	files, _ := next(t, "select 'Asha Kulkarni'::integer;")
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	r, err := m.Up(t.Context(), migrate.Options{})
	if err != nil || len(r.Failures) != 1 || strings.Contains(r.Failures[0].Reason, "Asha") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAMigrationOutsideATransactionIsRefused(t *testing.T) {
	t.Parallel()
	_, err := migrate.New(migrate.Config{Keys: testkit.Master(t), Tenant: fstest.MapFS{
		"00001_x.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;")}}})
	if err == nil || !strings.Contains(err.Error(), "outside a transaction") {
		t.Error(err)
	}
}

// TestATableInUseIsWaitedForButNotForLong holds a lock that the migration needs.
func TestATableInUseIsWaitedForButNotForLong(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 2)
	files, _ := next(t, addNote)
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	holder, err := connect(t, dsn).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), "lock table "+all[0].schema+".departments in access share mode"); err != nil {
		t.Fatal(err)
	}
	r, err := m.Up(t.Context(), migrate.Options{Workers: 2})
	if err != nil || r.Migrated != 1 || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, "in use for too long") {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err = m.Up(t.Context(), migrate.Options{}); err != nil || r.Migrated != 1 {
		t.Errorf("later: %+v, %v", r, err)
	}
}

// TestTwoRunsAtOnce: each clinic gets each migration once, and both runs are fine.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 5)
	files, _ := next(t, addNote)
	runs := make(chan error, 3)
	for range 3 {
		m, _ := on(t, dsn, testkit.Master(t), with(files))
		go func() {
			r, err := m.Up(t.Context(), migrate.Options{Workers: 2})
			if err == nil && len(r.Failures) > 0 {
				err = fmt.Errorf("%+v", r.Failures)
			}
			runs <- err
		}()
	}
	for range 3 {
		if err := <-runs; err != nil {
			t.Error(err)
		}
	}
}

func TestStoppedRunIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 6)
	files, _ := next(t, addNote)
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	ctx, stop := context.WithCancel(t.Context())
	r, err := m.Up(ctx, migrate.Options{Workers: 1, Progress: func(p migrate.Progress) {
		if p.Done == 2 {
			stop()
		}
	}})
	if err != nil || !r.Stopped || r.Migrated < 2 || r.Migrated == 6 || len(r.Failures) != 0 {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	again, err := m.Up(t.Context(), migrate.Options{})
	if err != nil || again.Migrated != 6-r.Migrated {
		t.Errorf("again: %+v, %v", again, err)
	}
	// A closed connection's server side ends a moment later.
	conn := connect(t, dsn)
	const locks = "select count(*)::int from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"
	for end := time.Now().Add(10 * time.Second); value[int](t, conn, locks) != 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("advisory locks are left")
		}
	}
}

func TestDownTo(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 2)
	files, target := next(t, "select 1;", "select 2;")
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	if r, err := m.Up(t.Context(), migrate.Options{}); err != nil || r.Migrated != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := m.DownTo(t.Context(), target-1, false); !errors.Is(err, migrate.ErrProduction) {
		t.Errorf("in production: %v", err)
	}
	if err := m.DownTo(t.Context(), target+1, true); err == nil {
		t.Error("a version that is not there was taken")
	}
	if err := m.DownTo(t.Context(), target-1, true); err != nil {
		t.Fatal(err)
	}
	s, err := m.Status(t.Context())
	if err != nil || s[0].Version != target-1 || s[1].Version != target-1 {
		t.Errorf("%+v, %v", s, err)
	}
	if r, err := m.Up(t.Context(), migrate.Options{}); err != nil || r.Migrated != 2 {
		t.Errorf("up again: %+v, %v", r, err)
	}
}

func TestConnectionErrorsSayWhere(t *testing.T) {
	t.Parallel()
	_, dsn := fixture(t, nil)
	wrong, err := pg.Login(dsn, "cloister_migrator", "wrong")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) { c.Migrator = wrong })
	_, err = m.Up(t.Context(), migrate.Options{})
	if err == nil || !strings.Contains(err.Error(), "refuses this user or password") || strings.Contains(err.Error(), "wrong@") {
		t.Error(err)
	}
}
