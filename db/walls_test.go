package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

func sqlstate(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// reach counts the patients that a scope can read, or says why it can't.
func reach(t *testing.T, w *testkit.DB, s testkit.Scope, sql string) (int, error) {
	t.Helper()
	tx := testkit.Begin(t, testkit.Conn(t, w.App))
	if err := s.Set(context.Background(), tx); err != nil {
		return 0, err
	}
	var n int
	err := tx.QueryRow(context.Background(), sql).Scan(&n)
	return n, err
}

func scope(c testkit.Clinic, r access.Role) testkit.Scope {
	return testkit.ScopeOf(c, r, testkit.ActorOf(r))
}

const (
	countHere = "select count(*) from patients"
	countBeta = "select count(*) from clinic_beta.patients"
	// downClinic takes the clinic wall away, downRole the role wall.
	downClinic = "alter table clinic_beta.patients disable row level security, no force row level security; alter table clinic_alpha.patients disable row level security, no force row level security"
	downRole   = "grant all on clinic_alpha.patients, clinic_beta.patients to cloister_display, cloister_receptionist"
)

// Each wall stops a leak with the two others taken down, and the control shows
// that with all three down the rows would be had.
func TestEachWallStandsAlone(t *testing.T) {
	t.Parallel()
	t.Run("control: all down", func(t *testing.T) {
		w := testkit.New(t)
		w.Exec(t, downClinic)
		w.Exec(t, downRole)
		if n, err := reach(t, w, scope(testkit.Alpha, access.Display), countBeta); err != nil || n == 0 {
			t.Fatalf("the control must read the other clinic's rows, got %d, %v", n, err)
		}
	})
	t.Run("schema", func(t *testing.T) {
		w := testkit.New(t)
		w.Exec(t, downClinic)
		w.Exec(t, downRole)
		// A table is only where the path says: the clinic's own rows, and
		// without a path none at all.
		s := scope(testkit.Alpha, access.Receptionist)
		tx := testkit.Begin(t, testkit.Conn(t, w.App))
		if err := s.Set(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		var foreign, own int
		if err := tx.QueryRow(t.Context(), "select count(*) filter (where clinic_id <> $1), count(*) filter (where clinic_id = $1) from patients",
			testkit.Alpha.ID).Scan(&foreign, &own); err != nil || foreign != 0 || own == 0 {
			t.Errorf("the path led to %d foreign and %d own rows, %v", foreign, own, err)
		}
		s.Path = ""
		if _, err := reach(t, w, s, countHere); sqlstate(err) != "42P01" {
			t.Errorf("without a path: %v, want 42P01", err)
		}
	})
	t.Run("clinic", func(t *testing.T) {
		w := testkit.New(t)
		w.Exec(t, downRole)
		s := scope(testkit.Alpha, access.Receptionist)
		s.Path = testkit.ScopeOf(testkit.Beta, access.Receptionist, "").Path
		if n, err := reach(t, w, s, countHere); err != nil || n != 0 {
			t.Errorf("with the other clinic's path: %d rows, %v", n, err)
		}
		tx := testkit.Begin(t, testkit.Conn(t, w.App))
		if err := s.Set(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "insert into departments (id, name) values (gen_random_uuid(), 'x')"); err == nil {
			t.Error("a row was written into the other clinic's schema")
		}
	})
	t.Run("role", func(t *testing.T) {
		w := testkit.New(t)
		w.Exec(t, downClinic)
		if _, err := reach(t, w, scope(testkit.Alpha, access.Display), countBeta); sqlstate(err) != "42501" {
			t.Errorf("a role without the grant: %v, want 42501", err)
		}
	})
}

// A scope is believed only with the right signature over clinic, actor and
// role. Whatever is forged, no row is seen and none is written.
func TestForgedScopes(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	right := scope(testkit.Alpha, access.Receptionist)
	if n, err := reach(t, w, right, countHere); err != nil || n == 0 {
		t.Fatalf("the right scope reads %d, %v", n, err)
	}
	forge := map[string]func(*testkit.Scope){
		"unsigned":                      func(s *testkit.Scope) { s.Signature = "" },
		"no clinic":                     func(s *testkit.Scope) { s.Clinic = "" },
		"no actor":                      func(s *testkit.Scope) { s.Actor = "" },
		"other clinic":                  func(s *testkit.Scope) { s.Clinic = testkit.Beta.ID.String(); s.Path = "clinic_beta" },
		"other actor":                   func(s *testkit.Scope) { s.Actor = testkit.ActorOf(access.ClinicAdmin) },
		"other role":                    func(s *testkit.Scope) { s.Role = access.ClinicAdmin.PG() },
		"replayed from another clinic":  func(s *testkit.Scope) { s.Signature = scope(testkit.Beta, access.Receptionist).Signature },
		"replayed from another role":    func(s *testkit.Scope) { s.Signature = scope(testkit.Alpha, access.Doctor).Signature },
		"unknown key":                   func(s *testkit.Scope) { s.Signature = "9" + s.Signature },
		"one digit off":                 func(s *testkit.Scope) { s.Signature = s.Signature[:len(s.Signature)-1] + "g" },
		"truncated":                     func(s *testkit.Scope) { s.Signature = s.Signature[:10] },
		"key id only":                   func(s *testkit.Scope) { s.Signature = testkit.KeyID + ":" },
		"clinic and actor run together": func(s *testkit.Scope) { s.Clinic += "|"; s.Actor = strings.TrimPrefix(s.Actor, "|") },
		"SQL in the clinic":             func(s *testkit.Scope) { s.Clinic = "' or true --" },
		"SQL in the signature":          func(s *testkit.Scope) { s.Signature = "1' or '1'='1:x" },
		"NUL-like and odd letters":      func(s *testkit.Scope) { s.Signature = "1:\u0001\u202e" },
	}
	for name, change := range forge {
		t.Run(name, func(t *testing.T) {
			s := right
			change(&s)
			if n, err := reach(t, w, s, countHere); err == nil && n != 0 {
				t.Errorf("read %d rows", n)
			}
			tx := testkit.Begin(t, testkit.Conn(t, w.App))
			if err := s.Set(t.Context(), tx); err != nil {
				return
			}
			if tag, err := tx.Exec(t.Context(), "update patients set city = 'x'"); err == nil && tag.RowsAffected() != 0 {
				t.Errorf("changed %d rows", tag.RowsAffected())
			}
		})
	}
}

// Text injected into a statement can't leave the clinic: set_config is not
// executable once a role is taken, and where a server keeps it executable the
// signature still holds.
func TestInjectedStatements(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	beta := testkit.Beta.ID.String()
	injected := []string{
		"select count(*) from clinic_beta.patients, set_config('app.clinic_id', '" + beta + "', true)",
		"with s as materialized (select set_config('app.clinic_id', '" + beta + "', true)) select count(*) from s, clinic_beta.patients",
		"select count(*) from patients where set_config('search_path', 'clinic_beta', true) is not null",
		"select count(*) from clinic_beta.patients where (select set_config('role', 'cloister_clinic_admin', true)) is not null",
	}
	try := func(t *testing.T) {
		for _, sql := range injected {
			tx := testkit.Begin(t, testkit.Conn(t, w.App))
			if err := scope(testkit.Alpha, access.Receptionist).Set(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
			var foreign int
			_ = tx.QueryRow(t.Context(), sql).Scan(&foreign) // refused, or no row
			if strings.Contains(sql, "clinic_beta.patients") && foreign != 0 {
				t.Errorf("%s read %d rows", sql, foreign)
			}
			if err := tx.QueryRow(t.Context(), "select count(*) from clinic_beta.patients").Scan(&foreign); err == nil && foreign != 0 {
				t.Errorf("after %s: read %d rows", sql, foreign)
			}
		}
	}
	tx := w.As(t, testkit.Alpha, access.Receptionist)
	if _, err := tx.Exec(t.Context(), "select set_config('app.clinic_id', $1, true)", beta); sqlstate(err) != "42501" {
		t.Errorf("set_config under a staff role: %v, want 42501", err)
	}
	try(t)
	w.Exec(t, "grant execute on function pg_catalog.set_config(text, text, boolean) to public")
	try(t)
	for _, sql := range []string{"do $$ begin null; end $$", "create temp table x ()", "create table clinic_alpha.x ()", "create schema x",
		"select lo_create(0)", "copy patients to program 'true'", "set role cloister_owner", "set role cloister_migrator",
		"create function pg_temp.f() returns int language sql as 'select 1'", "select inner_pad from platform.scope_keys",
		"select * from platform.operators", "alter table patients disable row level security", "truncate patients"} {
		tx := w.As(t, testkit.Alpha, access.ClinicAdmin)
		if _, err := tx.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s was let through", sql)
		}
	}
}

// The service's own login, before it takes a role, can read nothing.
func TestTheServiceAloneReadsNothing(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	conn := testkit.Conn(t, w.App)
	for _, sql := range []string{"select 1 from clinic_alpha.patients", "select 1 from clinic_alpha.users", "select 1 from platform.clinics",
		"select 1 from platform.keysets", "select platform.record_view('patients', null, null)", "select platform.gate_signin('admin')",
		"select * from platform.search_patients('a', 'zxa', '', '', 20)", "select platform.next_number('clinic_alpha', 'x', 'x')"} {
		if _, err := conn.Exec(t.Context(), sql); sqlstate(err) != "42501" {
			t.Errorf("%s: %v, want 42501", sql, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "select 1 from patients"); sqlstate(err) != "42P01" {
		t.Errorf("an unqualified table: %v, want 42P01", err)
	}
}

// A change without a signed actor is refused, the owner's too; and nobody
// changes what is on the trail.
func TestTheTrailIsKept(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	conn := testkit.Conn(t, w.Migrator)
	tx := testkit.Begin(t, conn)
	for _, sql := range []string{"set local role cloister_owner", "set local search_path = clinic_alpha, ext, pg_temp"} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if tag, err := tx.Exec(t.Context(), "update settings set currency = 'EUR'"); err == nil && tag.RowsAffected() > 0 {
		t.Error("the owner changed a row without a scope")
	}
	for _, sql := range []string{"update trail set actor = 'nobody'", "delete from trail", "truncate trail", "delete from queue_moves", "update queue_moves set reason = 'x'"} {
		own := w.As(t, testkit.Alpha, access.Owner)
		if _, err := own.Exec(t.Context(), sql); sqlstate(err) != "42501" {
			t.Errorf("%s as the owner: %v, want 42501", sql, err)
		}
	}
	change := w.As(t, testkit.Alpha, access.Receptionist)
	if _, err := change.Exec(t.Context(), "update patients set city = 'Nashik' where id = $1", testkit.Asha); err != nil {
		t.Fatal(err)
	}
	if err := change.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var actor, role, request, before, after string
	err := w.As(t, testkit.Alpha, access.ClinicAdmin).QueryRow(t.Context(),
		"select actor, actor_role, request_id, before ->> 'city', after ->> 'city' from trail where entity = 'patients' and action = 'update' order by at desc, id desc limit 1").
		Scan(&actor, &role, &request, &before, &after)
	if err != nil || actor != testkit.ActorOf(access.Receptionist) || role != "cloister_receptionist" || request != "test" || before != "" || after != "Nashik" {
		t.Errorf("trail: %q %q %q %q→%q, %v", actor, role, request, before, after, err)
	}
	secret := w.As(t, testkit.Alpha, access.ClinicAdmin)
	var leaked int
	if err := secret.QueryRow(t.Context(), `select count(*) from trail where after ->> 'token_hash' not like 'sha256:%' or after ->> 'id_cipher' not like 'sha256:%'`).Scan(&leaked); err != nil || leaked != 0 {
		t.Errorf("%d trail rows hold a secret column as it is, %v", leaked, err)
	}
}

// A migration that weakens a wall can't land: check_walls names the fault.
func TestCheckWallsFindsEachFault(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	faults := map[string]string{
		"disable":                 "alter table visits disable row level security",
		"no force":                "alter table visits no force row level security",
		"new table":               "create table extra (clinic_id uuid, id uuid primary key)",
		"no policy":               "do $$ declare p text; begin for p in select policyname from pg_policies where schemaname = 'clinic_alpha' and tablename = 'visits' loop execute format('drop policy %I on visits', p); end loop; end $$",
		"or":                      "drop policy \"select\" on visits; create policy \"select\" on visits for select to cloister_doctor using (clinic_id = (select platform.current_clinic()) or true)",
		"true":                    "create policy everything on visits for select to cloister_doctor using (true)",
		"weak check":              "create policy w on visits for insert to cloister_doctor with check (true)",
		"restrictive":             "create policy r on visits as restrictive for select to cloister_doctor using (clinic_id = (select platform.current_clinic()))",
		"raw setting":             "create policy s on visits for select to cloister_doctor using (clinic_id = current_setting('app.clinic_id')::uuid)",
		"grant public":            "grant select on visits to public",
		"grant app":               "grant select on visits to cloister_app",
		"no trail":                "drop trigger trail on visits",
		"no trail, by a block":    "do $$ begin begin drop trigger trail on visits; exception when others then null; end; end $$",
		"no trail, by cascade":    "drop function platform.record_change() cascade",
		"trail disabled":          "alter table visits disable trigger trail",
		"no check":                "alter table visits drop constraint visits_clinic",
		"check of another clinic": "alter table visits drop constraint visits_clinic, add constraint visits_clinic check (clinic_id is not null)",
		"or after and":            "create policy o on visits for select to cloister_doctor using (clinic_id = (select platform.current_clinic()) and state = 'done' or state = 'waiting')",
		"view":                    "create view v as select 1 as one from visits",
		"matview":                 "create materialized view v as select 1 as one from visits",
		"sequence":                "create sequence s",
		"enum":                    "create type mood as enum ('a')",
		"domain":                  "create domain d as text",
		"function":                "create function f() returns int language plpgsql as 'begin return 1; end'",
	}
	for name, sql := range faults {
		t.Run(name, func(t *testing.T) {
			for _, changedOnly := range []bool{false, true} {
				tx := testkit.Begin(t, testkit.Conn(t, w.Admin))
				if _, err := tx.Exec(t.Context(), "set local search_path = clinic_alpha, ext, pg_temp; "+sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(t.Context(), "select platform.check_walls('clinic_alpha', $1)", changedOnly); sqlstate(err) != "42501" {
					t.Errorf("check_walls, of what changed only: %v, says %v", changedOnly, err)
				}
				if err := tx.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if _, err := testkit.Conn(t, w.Admin).Exec(t.Context(), "select platform.check_walls('clinic_alpha'), platform.check_walls('clinic_beta')"); err != nil {
		t.Errorf("the untouched schemas must pass: %v", err)
	}
}
