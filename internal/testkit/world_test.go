//go:build unix

package testkit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// content is every row of a clinic without its clinic_id, table by table.
func content(t *testing.T, conn *pgx.Conn, c testkit.Clinic) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	rows, err := conn.Query(t.Context(), `select relname from pg_class where relnamespace = $1::regnamespace and relkind = 'r'`, c.Schema)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		// What the database makes itself differs by time and chance.
		rows, err := conn.Query(t.Context(), `select (to_jsonb(x) - '{clinic_id,xact,at,created_at,updated_at,last_seen_at,moved_at,made_at,merged_at,written_at,taken_at,started_at,finished_at}'::text[]
			- case when $1 in ('trail', 'queue_moves', 'formulary', 'test_catalogue') then '{id,record_id,before,after}'::text[] else '{}' end)::text as line
			from `+pgx.Identifier{c.Schema, table}.Sanitize()+` x order by 1`, table)
		if err != nil {
			t.Fatal(err)
		}
		if all[table], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestTheTwoClinicsHoldTheSameAndSomethingInEveryTable(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	alpha, beta := content(t, conn, testkit.Alpha), content(t, conn, testkit.Beta)
	if diff := cmp.Diff(alpha, beta); diff != "" {
		t.Errorf("alpha and beta differ:\n%s", diff)
	}
	for table, rows := range alpha {
		if len(rows) == 0 {
			t.Errorf("table %s has no row in seed.sql", table)
		}
	}
	if len(alpha) < 18 {
		t.Errorf("only %d tables", len(alpha))
	}
}

func TestAScopeSeesItsOwnClinicOnly(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	tx := db.As(t, testkit.Alpha, access.Receptionist)
	var name string
	if err := tx.QueryRow(t.Context(), "select full_name from patients where id = $1", testkit.Asha).Scan(&name); err != nil || name != "Asha Kulkarni" {
		t.Errorf("%q, %v", name, err)
	}
	var n int
	if err := tx.QueryRow(t.Context(), "select count(*) from clinic_beta.patients").Scan(&n); err != nil || n != 0 {
		t.Errorf("sees %d patients of the other clinic, %v", n, err)
	}
}

func TestAForgedScopeSeesNothing(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	s := testkit.ScopeOf(testkit.Alpha, access.Receptionist, testkit.ActorOf(access.Receptionist))
	s.Clinic = testkit.Beta.ID.String()
	tx := testkit.Begin(t, testkit.Conn(t, db.App))
	if err := s.Set(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow(t.Context(), "select count(*) from clinic_beta.patients").Scan(&n); err != nil || n != 0 {
		t.Errorf("sees %d patients, %v", n, err)
	}
}

func TestTheOwnerIsOutOfTheServicesReach(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	_, err := testkit.Conn(t, db.App).Exec(t.Context(), "set role cloister_owner")
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || pe.Code != "42501" {
		t.Errorf("set role cloister_owner: %v", err)
	}
	tx := db.As(t, testkit.Alpha, access.Owner)
	if _, err := tx.Exec(t.Context(), "update settings set currency = 'USD'"); err != nil {
		t.Errorf("the migrator as owner: %v", err)
	}
}

func TestEveryLoginWorks(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	for login, dsn := range map[string]string{"cloister_app": db.App, "cloister_migrator": db.Migrator, "cloister_auditor": db.Auditor, "cloister_backup": db.Backup} {
		var user string
		if err := testkit.Conn(t, dsn).QueryRow(t.Context(), "select session_user").Scan(&user); err != nil || user != login {
			t.Errorf("%s: %q, %v", login, user, err)
		}
	}
}

func TestAWorldIsReadyInMilliseconds(t *testing.T) {
	t.Parallel()
	testkit.New(t)
	best := time.Hour
	for range 5 {
		started := time.Now()
		testkit.New(t)
		best = min(best, time.Since(started))
	}
	t.Logf("best of 5: %v", best)
	if best > time.Second {
		t.Errorf("the fastest of five worlds took %v", best)
	}
}

func BenchmarkNew(b *testing.B) {
	testkit.New(b)
	for b.Loop() {
		testkit.New(b)
	}
}

// The script that an installation runs finds nothing to do in a copy.
func TestACopyHasWhatPostgresKeepsBesideADatabase(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	kept := func() (rights, settings []string) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `select array(select unnest(datacl)::text order by 1),
			array(select setrole::regrole || ' ' || unnest(setconfig) from pg_db_role_setting where setdatabase = d.oid order by 1)
			from pg_database d where datname = current_database()`).Scan(&rights, &settings)
		if err != nil {
			t.Fatal(err)
		}
		return rights, settings
	}
	rights, settings := kept()
	if _, err := conn.Exec(t.Context(), db.Database()); err != nil {
		t.Fatal(err)
	}
	wantRights, wantSettings := kept()
	if diff := cmp.Diff(wantRights, rights); diff != "" || len(rights) < 5 {
		t.Errorf("rights of a copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantSettings, settings); diff != "" || len(settings) < 14 {
		t.Errorf("settings of a copy (-want +got):\n%s", diff)
	}
}
