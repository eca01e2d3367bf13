package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

type shape struct {
	sql  string
	want []string
}

// shapes are migrations of the clinics, each tried after those before it: what it
// does, and the warnings it must give, by name, table and object.
var shapes = []shape{
	// What a release may do at any time.
	{"alter table departments add column note text;", nil},
	{"alter table departments add column open boolean not null default true;", nil},
	{"create table rooms (clinic_id uuid not null default platform.current_clinic(), id uuid primary key default platform.uuid7(), label text not null check (label <> ''));\n" +
		"create index rooms_label on rooms (label);\nselect platform.protect('rooms', '{\"clinic_admin\": \"S I U\"}');", nil},
	{"alter table departments add constraint noted check (note <> 'x') not valid;", nil},
	{"alter table departments validate constraint noted;", nil},
	{"alter table departments add constraint filled check (note is not null) not valid;", nil},
	{"alter table departments validate constraint filled;\n", nil},
	{"alter table departments alter column note set not null;", nil}, // the check proves it
	{"update departments set note = 'y';", nil},
	{"drop index rooms_label;", nil},
	// What it may not.
	{"alter table visits add column stamp uuid default platform.uuid7();", []string{"table-rewrite visits "}},
	{"alter table visits alter column note type varchar(80);", []string{"column-type visits note"}},
	{"alter table visits alter column note set not null;", nil}, // it is already
	{"alter table departments alter column name drop not null, alter column room type varchar(9);", []string{"column-type departments room"}},
	{"alter table patients alter column age_years set not null;", []string{"set-not-null patients age_years"}},
	{"alter table visits add column needed text not null;", []string{"required-column visits needed"}},
	{"alter table visits add constraint short check (length(note) < 99);", []string{"constraint-scan visits short"}},
	{"alter table visits add column room_id uuid;\nalter table visits add constraint in_room foreign key (room_id) references rooms (id);", []string{"foreign-key-scan visits in_room"}},
	{"alter table visits add constraint in_dept foreign key (room_id) references departments (id) not valid;", nil},
	{"create index visits_needed on visits (needed);", []string{"index-build visits visits_needed"}},
	{"alter table visits add constraint one_needed unique (needed);", []string{"index-build visits one_needed"}},
	{"alter table visits add column late text;\nalter table visits add constraint late check (late <> '') not valid;\nalter table visits validate constraint late;",
		[]string{"validate-under-lock visits late"}},
	{"alter table visits add column early text;\nupdate visits set early = note;", []string{"write-under-lock visits "}},
	{"alter table visits rename column early to first;", []string{"rename visits early to first"}},
	{"alter table visits drop column first;", []string{"drop-column visits first"}},
	{"alter table rooms rename to halls;\nalter table halls rename constraint rooms_clinic to halls_clinic;", nil}, // the clinics don't have it yet
	{"alter table drafts rename to sketches;\nalter table sketches rename constraint drafts_clinic to sketches_clinic;", []string{"rename drafts sketches"}},
	{"drop table submissions;", []string{"drop-table submissions "}},
	{"lock table platform.schemas in share mode;", []string{"shared-lock platform.schemas SHARE"}},
}

// shared is the shared schema's migrations and some after them.
func shared(t *testing.T, more ...string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	for i, sql := range more {
		all[fmt.Sprintf("%d_test.sql", 90001+i)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql + "\n-- +goose Down\nselect 1;\n")}
	}
	err := fs.WalkDir(db.Platform(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(db.Platform(), path)
		all[path] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func plan(t *testing.T, dsn string, o migrate.PlanOptions, edit func(*migrate.Config)) migrate.Plan {
	t.Helper()
	m, _ := on(t, dsn, testkit.Master(t), edit)
	conn := connect(t, dsn)
	before := value[string](t, conn, fingerprint)
	p, err := m.Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if value[string](t, conn, fingerprint) != before {
		t.Error("the plan changed the real database")
	}
	return p
}

func warned(s migrate.Step) []string {
	all := []string{}
	for _, w := range s.Warnings {
		if w.Reason == "" || w.Instead == "" || w.Statement == "" || w.Level < migrate.Caution {
			all = append(all, "a warning without its words: ")
		}
		all = append(all, w.Name+" "+w.Table+" "+w.Object)
	}
	return all
}

func lock(s migrate.Step, table string) string {
	for _, l := range s.Locks {
		if l.Table == table {
			return l.Mode
		}
	}
	return ""
}

// TestPlan goes through what a plan must tell, on one installation.
func TestPlan(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 4)
	named(t, dsn, all[:3]) // the fourth is being built
	admin := connect(t, dsn)

	t.Run("nothing to do", func(t *testing.T) {
		p := plan(t, dsn, migrate.PlanOptions{}, nil)
		if p.Pending() || p.Total != 4 || p.Current != 4 || p.Platform.Version == 0 {
			t.Errorf("%+v", p)
		}
	})

	t.Run("each shape", func(t *testing.T) {
		var sql []string
		for _, s := range shapes {
			sql = append(sql, s.sql)
		}
		files, target := next(t, sql...)
		p := plan(t, dsn, migrate.PlanOptions{}, with(files))
		if len(p.Groups) != 1 || p.Target != target || len(p.Groups[0].Clinics) != 3 || p.Groups[0].Spares != 1 || len(p.Groups[0].Steps) != len(shapes) || p.Fault() != nil {
			t.Fatalf("%d groups; fault %+v", len(p.Groups), p.Fault())
		}
		for i, s := range p.Groups[0].Steps {
			if got := warned(s); !slices.Equal(got, append([]string{}, shapes[i].want...)) {
				t.Errorf("%s\nwarns of %q, not of %q", shapes[i].sql, got, shapes[i].want)
			}
		}
		steps := p.Groups[0].Steps
		if lock(steps[0], "departments") != "ACCESS EXCLUSIVE" || lock(steps[4], "departments") != "SHARE UPDATE EXCLUSIVE" || lock(steps[8], "departments") != "ROW EXCLUSIVE" ||
			lock(steps[2], "rooms") != "" || steps[17].Locks[0].Table != "visits" {
			t.Errorf("locks %+v %+v %+v %+v %+v", steps[0].Locks, steps[4].Locks, steps[8].Locks, steps[2].Locks, steps[17].Locks)
		}
	})

	t.Run("clinics at two versions, and what they hold", func(t *testing.T) {
		exec(t, admin, "delete from platform.migrations where clinic_id = $1 and version = (select max(version) from platform.migrations where clinic_id = $1)", all[0].id)
		exec(t, admin, "update platform.schemas s set version = (select max(version) from platform.migrations m where m.clinic_id = s.clinic_id)")
		exec(t, admin, "update pg_class set reltuples = 250000 where oid = $1::regclass", all[1].schema+".visits")
		exec(t, admin, "update pg_class set reltuples = 1000 where oid = $1::regclass", all[2].schema+".visits")
		files, _ := next(t, "create index visits_note on visits (note);\ncreate index departments_room on departments (room);")
		p := plan(t, dsn, migrate.PlanOptions{}, with(files))
		if len(p.Groups) != 2 || len(p.Groups[0].Steps) != 2 || len(p.Groups[1].Steps) != 1 || !slices.Equal(p.Groups[0].Clinics, []string{"c00"}) {
			t.Fatalf("%+v", p)
		}
		w := p.Groups[1].Steps[0].Warnings
		if len(w) != 2 || w[0].Table != "visits" || w[0].Level != migrate.Danger || w[0].Rows != 250000 || w[0].Total != 251000 || w[1].Level != migrate.Caution {
			t.Errorf("%+v", w)
		}
		if one := plan(t, dsn, migrate.PlanOptions{Clinics: []string{"c00"}}, with(files)); len(one.Groups) != 1 || one.Total != 1 || len(one.Groups[0].Steps) != 2 {
			t.Errorf("of one clinic: %+v", one)
		}
		exec(t, admin, "insert into platform.migrations (clinic_id, version) select $1, max(version) from platform.migrations", all[0].id)
		exec(t, admin, "update platform.schemas s set version = (select max(version) from platform.migrations m where m.clinic_id = s.clinic_id)")
	})

	t.Run("a version that was passed over, and one that nobody noted", func(t *testing.T) {
		exec(t, admin, "delete from platform.migrations where clinic_id = $1 and version = 4", all[0].id)
		exec(t, admin, "update platform.schemas set version = version - 1 where clinic_id = $1", all[1].id)
		files, _ := next(t, addNote)
		p := plan(t, dsn, migrate.PlanOptions{Clinics: []string{"c00", "c01"}}, with(files))
		if len(p.Groups) != 2 || !strings.Contains(p.Groups[0].Steps[0].Fault.Reason, "the registry says") || !strings.Contains(p.Groups[1].Steps[0].Fault.Reason, "was applied and this one was not") ||
			!p.Groups[1].Steps[1].Untried {
			t.Errorf("%+v", p.Groups)
		}
		exec(t, admin, "insert into platform.migrations (clinic_id, version) values ($1, 4)", all[0].id)
		exec(t, admin, "update platform.schemas set version = version + 1 where clinic_id = $1", all[1].id)
	})

	t.Run("a migration that fails, and the shared schema's", func(t *testing.T) {
		files, _ := next(t, addNote, "select 1;\nalter table departments add column note text;", addNote)
		p := plan(t, dsn, migrate.PlanOptions{}, func(c *migrate.Config) {
			with(files)(c)
			c.Platform = shared(t, "alter table platform.clinics add column motto text;\ncreate function platform.seven() returns int language sql as 'select 7';")
		})
		if len(p.Platform.Steps) != 1 || lock(p.Platform.Steps[0], "platform.clinics") != "ACCESS EXCLUSIVE" || len(p.Platform.Steps[0].Warnings) != 0 {
			t.Errorf("the shared schema: %+v", p.Platform)
		}
		steps := p.Groups[0].Steps
		f := steps[1].Fault
		if f == nil || f.State != "42701" || f.Statement != "alter table departments add column note text;" || !strings.Contains(f.Reason, "already exists") {
			t.Errorf("the fault is %+v", f)
		}
		if steps[0].Fault != nil || !steps[2].Untried || steps[0].Untried || len(steps[1].Warnings) != 0 {
			t.Errorf("%+v", steps)
		}
		// What a clinic's migration needs of the shared one is there, and a wall that would fall is a fault.
		files, _ = next(t, "select platform.seven();", "alter table patients no force row level security;")
		p = plan(t, dsn, migrate.PlanOptions{}, func(c *migrate.Config) {
			with(files)(c)
			c.Platform = shared(t, "create function platform.seven() returns int language sql as 'select 7';")
		})
		if f := p.Groups[0].Steps[1].Fault; p.Groups[0].Steps[0].Fault != nil || f == nil || !strings.Contains(f.Reason, "walls of") {
			t.Errorf("%+v", p.Groups[0].Steps)
		}
		p = plan(t, dsn, migrate.PlanOptions{}, func(c *migrate.Config) { with(files)(c); c.Platform = shared(t, "select 1/0;") })
		if p.Platform.Steps[0].Fault == nil || !p.Groups[0].Steps[0].Untried {
			t.Errorf("after the shared schema failed: %+v", p)
		}
	})

	t.Run("nothing remains, also of a plan that was killed", func(t *testing.T) {
		of := value[string](t, admin, "select current_database()")
		left, alive := migrate.TrialName("00000000", of), migrate.TrialName("00000001", of)
		root := connect(t, testkit.Server(t))
		for _, name := range []string{left, alive} {
			exec(t, root, "create database "+pgx.Identifier{name}.Sanitize()+" template template0")
			t.Cleanup(func() {
				_, _ = root.Exec(context.Background(), "drop database if exists "+pgx.Identifier{name}.Sanitize())
			})
		}
		exec(t, admin, migrate.TakeTrial, migrate.TrialLock, "00000001") // another plan is at work
		files, _ := next(t, "select 1;")
		plan(t, dsn, migrate.PlanOptions{}, with(files))
		names := value[[]string](t, root, "select coalesce(array_agg(datname::text), '{}') from pg_database where right(datname, $1) = $2 and datname ^@ 'cloister_plan_'", 7, left[len(left)-7:])
		if !slices.Equal(names, []string{alive}) {
			t.Errorf("databases that remain: %v", names)
		}
	})

	t.Run("who may not", func(t *testing.T) {
		files, _ := next(t, "select 1;")
		login, err := pg.Login(dsn, "cloister_migrator", testkit.Master(t).DatabasePassword("cloister_migrator"))
		if err != nil {
			t.Fatal(err)
		}
		m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) { with(files)(c); c.Admin = login })
		if _, err := m.Plan(t.Context(), migrate.PlanOptions{}); err == nil || !strings.Contains(err.Error(), "CREATEDB") {
			t.Error(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if _, err := m.Plan(stopped, migrate.PlanOptions{}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		bare, _ := on(t, testkit.Empty(t), testkit.Master(t), nil)
		if _, err := bare.Plan(t.Context(), migrate.PlanOptions{}); !errors.Is(err, migrate.ErrUnprepared) {
			t.Error(err)
		}
		if _, err := m.Plan(t.Context(), migrate.PlanOptions{Clinics: []string{"nobody"}}); err == nil || !strings.Contains(err.Error(), "nobody") {
			t.Error(err)
		}
	})
}

// fingerprint is all that the real database has, but for statistics.
const fingerprint = `select md5(string_agg(x, ' ' order by x)) from (
  select format('r %s %s %s', c.oid, c.relname, c.relfilenode) from pg_class c where c.oid >= 16384
  union all select format('s %s', s) from platform.schemas s where state <> 'x'
  union all select format('m %s %s', m.clinic_id, m.version) from platform.migrations m) s(x)`

// TestEveryWarningIsExplainedAndTried: in the runbook, and by one of the shapes.
func TestEveryWarningIsExplainedAndTried(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations/migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range migrate.Warnings() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/operations/migrations.md does not explain %s", name)
		}
		if !slices.ContainsFunc(shapes, func(s shape) bool {
			return slices.ContainsFunc(s.want, func(w string) bool { return strings.HasPrefix(w, name+" ") })
		}) {
			t.Errorf("no migration is tried that must warn of %s", name)
		}
	}
}
