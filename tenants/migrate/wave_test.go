package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// named makes schemas clinics in the registry: the first has the most patients.
func named(t *testing.T, dsn string, all []clinic) {
	t.Helper()
	admin := connect(t, dsn)
	for i, c := range all {
		exec(t, admin, "set session_replication_role = replica")
		exec(t, admin, "update platform.schemas set state = 'assigned' where clinic_id = $1", c.id)
		exec(t, admin, "insert into platform.clinics (id, slug, name, status) values ($1, $2, 'A clinic', 'active')", c.id, fmt.Sprintf("c%02d", i))
		exec(t, admin, "insert into platform.usage (clinic_id, kind, used) values ($1, 'patients', $2)", c.id, 100-i)
		exec(t, admin, `insert into `+c.schema+`.settings (clinic_id, id, opening_hours) values ($1, $2, '{}')`, c.id, uuid.New())
		exec(t, admin, "set session_replication_role = origin")
	}
}

func atTarget(t *testing.T, dsn string, target int64) []string {
	t.Helper()
	return value[[]string](t, connect(t, dsn), "select coalesce(array_agg(schema_name order by schema_name), '{}') from platform.schemas where version = $1", target)
}

// TestWaves goes through one installation step by step: each step's fault stops
// the run where it must, and what was migrated stays.
func TestWaves(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 7)
	named(t, dsn, all[:6]) // the seventh is being built
	files, target := next(t, addNote)
	m, _ := on(t, dsn, testkit.Master(t), with(files))

	if _, err := m.Up(t.Context(), migrate.Options{CanaryClinics: []string{"c01", "nobody"}}); !errors.Is(err, migrate.ErrUnknownClinic) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("an unknown canary: %v", err)
	}

	// Nobody's schema and the named canary; the check after them says no.
	seen := []string{}
	r, err := m.Up(t.Context(), migrate.Options{CanaryClinics: []string{"c01"}, Check: func(_ context.Context, wave []migrate.Schema) error {
		for _, s := range wave {
			seen = append(seen, s.Name)
		}
		return errors.New("something looks odd")
	}})
	if err != nil || r.Migrated != 2 || !strings.Contains(r.Halted, "odd") || len(r.Waves) != 1 || r.Waves[0].Schemas != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	slices.Sort(seen)
	if want := []string{all[1].schema, all[6].schema}; !slices.Equal(seen, want) || !slices.Equal(atTarget(t, dsn, target), want) {
		t.Errorf("checked %v, migrated %v", seen, atTarget(t, dsn, target))
	}

	// A clinic that fails is the smallest, so the canary: nobody comes after it.
	admin := connect(t, dsn)
	exec(t, admin, "alter table "+all[5].schema+".departments add column note text")
	r, err = m.Up(t.Context(), migrate.Options{Canary: 1, Workers: 2})
	if err != nil || r.Migrated != 0 || len(r.Failures) != 1 || r.Failures[0].Name != all[5].schema || r.Halted == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	// It is let pass when one may fail, and then the rest follows in its wave.
	var steps []migrate.Progress
	r, err = m.Up(t.Context(), migrate.Options{Canary: 1, MaxFailures: 2, Progress: func(p migrate.Progress) { steps = append(steps, p) }})
	if err != nil || r.Migrated != 4 || len(r.Failures) != 1 || r.Halted != "" || len(r.Waves) != 2 || r.Waves[1].Migrated != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(steps) != 5 || steps[0].Wave != 1 || steps[4] != (migrate.Progress{Done: 5, Failed: 1, Total: 5, Wave: 2}) {
		t.Errorf("progress %+v", steps)
	}

	// The walls are looked at in full: this fault was not this migration's.
	exec(t, admin, "alter table "+all[5].schema+".departments drop column note")
	exec(t, admin, "alter table "+all[5].schema+".patients no force row level security")
	exec(t, admin, "update platform.migration_outcomes set state = 'ok'")
	if r, err = m.Up(t.Context(), migrate.Options{Canary: 1}); err != nil || !strings.Contains(fmt.Sprint(r.Halted, r.Failures), "patients: row-level security") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestAProbeMeetsAClinicThatReadsNothing: walls that let nobody see anything are
// no leak, and no service.
func TestAProbeMeetsAClinicThatReadsNothing(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 2)
	named(t, dsn, all)
	admin := connect(t, dsn)
	files, _ := next(t, "revoke select on settings from cloister_jobs;", "select 1;")
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	r, err := m.Up(t.Context(), migrate.Options{Canary: 1})
	if err != nil || !strings.Contains(r.Halted, "a probe of "+all[1].schema) || r.Migrated != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	exec(t, admin, "set session_replication_role = replica")
	exec(t, admin, "delete from "+all[0].schema+".settings")
	files, _ = next(t, "select 1;")
	m, _ = on(t, dsn, testkit.Master(t), with(files))
	exec(t, admin, "delete from platform.migrations where version > 90000 and clinic_id = $1", all[1].id)
	r, err = m.Up(t.Context(), migrate.Options{CanaryClinics: []string{"c00"}})
	if err != nil || !strings.Contains(r.Halted, "reads nothing") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSchemasMadeMeanwhile: one that a program of the release before makes while
// the run is under way, and a spare that becomes a clinic under it.
func TestSchemasMadeMeanwhile(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 2)
	older, _ := on(t, dsn, testkit.Master(t), nil)
	files, target := next(t, addNote, "create index extra on departments (room);", "drop index extra;")
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	owner := connect(t, dsn)
	exec(t, owner, "set role cloister_owner")
	once := false
	r, err := m.Up(t.Context(), migrate.Options{Workers: 1, Progress: func(migrate.Progress) {
		if once {
			return
		}
		once = true
		late := uuid.Must(uuid.NewV7())
		exec(t, owner, "select platform.make_schema($1, 'clinic_late')", late)
		if err := older.Schema(t.Context(), migrate.Schema{Clinic: late, Name: "clinic_late"}); err != nil {
			t.Error(err)
		}
		exec(t, owner, "alter schema "+all[1].schema+" rename to clinic_taken")
		exec(t, owner, "update platform.schemas set schema_name = 'clinic_taken' where clinic_id = $1", all[1].id)
	}})
	if err != nil || r.Migrated != 3 || len(r.Failures) != 0 || r.Pending != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, want := atTarget(t, dsn, target), []string{"clinic_late", all[0].schema, "clinic_taken"}; !slices.Equal(got, want) {
		t.Errorf("at the target: %v", got)
	}
}

// TestAServerThatRefusesForAWhile: a server that takes no more connections is no
// fault of a clinic's, and what is there when it comes back is enough.
func TestAServerThatRefusesForAWhile(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 3)
	files, target := next(t, addNote)
	name := value[string](t, connect(t, dsn), "select current_database()")
	elsewhere, err := pg.Database(dsn, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, elsewhere)
	for _, back := range []bool{true, false} {
		m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) {
			with(files)(c)
			c.Times.Away = 20 * time.Second
			if !back {
				c.Times.Away = time.Millisecond
			}
		})
		calls := 0
		r, err := m.Up(t.Context(), migrate.Options{Workers: 1, Progress: func(migrate.Progress) {
			if calls++; calls > 1 {
				return
			}
			exec(t, admin, `alter database "`+name+`" allow_connections false`)
			exec(t, admin, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and application_name = 'cloister migrate'", name)
			if back {
				exec(t, admin, `alter database "`+name+`" allow_connections true`)
			}
		}})
		exec(t, admin, `alter database "`+name+`" allow_connections true`)
		if len(r.Failures) != 0 {
			t.Errorf("a clinic was blamed: %+v", r.Failures)
		}
		if back && (err != nil || r.Migrated != 3 || len(atTarget(t, dsn, target)) != 3) {
			t.Errorf("%+v, %v", r, err)
		}
		if !back && (err == nil || r.Migrated != 1 || r.Halted == "") {
			t.Errorf("%+v, %v", r, err)
		}
		files, target = next(t, addNote, "select 1;")
	}
}
