package migrate_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// fixture is an empty database on the shared server and a migrator for it.
// Roles belong to the whole server, so all tests there use one master key.
func fixture(t *testing.T, edit func(*migrate.Config)) (*migrate.Migrator, string) {
	t.Helper()
	return on(t, testkit.Empty(t), testkit.Master(t), edit)
}

func on(t *testing.T, dsn string, k *keys.Master, edit func(*migrate.Config)) (*migrate.Migrator, string) {
	t.Helper()
	migrator, err := pg.Login(dsn, "cloister_migrator", k.DatabasePassword("cloister_migrator"))
	if err != nil {
		t.Fatal(err)
	}
	c := migrate.Config{Admin: dsn, Migrator: migrator, Keys: k}
	if edit != nil {
		edit(&c)
	}
	m, err := migrate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m, dsn
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pg.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
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

func TestBootstrapTwice(t *testing.T) {
	t.Parallel()
	m, dsn := fixture(t, nil)
	first, err := m.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Applied) == 0 || first.Version == 0 || len(first.Notices) > 0 {
		t.Errorf("first: %+v", first)
	}
	again, err := m.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Applied) != 0 || again.Version != first.Version {
		t.Errorf("again: %+v", again)
	}
	admin := connect(t, dsn)
	if owner := value[string](t, admin, "select proowner::regrole::text from pg_proc where proname = 'search_patients'"); owner != "cloister_search" {
		t.Errorf("the search belongs to %s", owner)
	}
	if n := value[int](t, admin, `select count(*)::int from pg_class c where relnamespace = 'platform'::regnamespace and relkind = 'r'
		and not (relrowsecurity and relforcerowsecurity and relowner = 'cloister_owner'::regrole)`); n != 0 {
		t.Errorf("%d tables of the shared schema stand open", n)
	}
	if n := value[int](t, admin, "select count(*)::int from pg_authid where rolname = any ($1) and rolpassword like 'SCRAM-SHA-256$%'", migrate.Logins()); n != len(migrate.Logins()) {
		t.Errorf("%d logins have a SCRAM verifier", n)
	}
}

// TestTheSignatureFitsTheDatabase proves that what the program signs is what the
// database's own functions accept, with the key that Bootstrap left there.
func TestTheSignatureFitsTheDatabase(t *testing.T) {
	t.Parallel()
	m, dsn := fixture(t, nil)
	if _, err := m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := testkit.Master(t)
	migrator, err := pg.Login(dsn, "cloister_migrator", k.DatabasePassword("cloister_migrator"))
	if err != nil {
		t.Fatal(err)
	}
	const clinic = "00000000-0000-7000-8000-000000000001"
	for name, c := range map[string]struct {
		sig  string
		want string
	}{
		"right":        {k.SignScope(clinic, "system:x", "cloister_owner"), clinic},
		"other role":   {k.SignScope(clinic, "system:x", "cloister_jobs"), ""},
		"other clinic": {k.SignScope("00000000-0000-7000-8000-000000000002", "system:x", "cloister_owner"), ""},
		"none":         {"", ""},
	} {
		conn := connect(t, migrator)
		exec(t, conn, migrate.SetScope, "cloister_owner", "pg_catalog", clinic, "system:x", c.sig, "{}", false)
		if got := value[string](t, conn, "select coalesce(platform.current_clinic()::text, '')"); got != c.want {
			t.Errorf("%s: the clinic is %q, want %q", name, got, c.want)
		}
	}
}

func TestWithoutTheRightToMakeRoles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := ownServer(t)
	root := connect(t, server)
	exec(t, root, "create role landlord login password 'lodging' nosuperuser nocreaterole")
	exec(t, root, "create database clinics owner landlord")
	limited, err := pg.Login(server, "landlord", "lodging")
	if err != nil {
		t.Fatal(err)
	}
	if limited, err = pg.Database(limited, "clinics"); err != nil {
		t.Fatal(err)
	}
	k := testkit.Master(t)
	m, _ := on(t, limited, k, nil)

	_, err = m.Bootstrap(ctx)
	var byHand *migrate.ByHandError
	if !errors.As(err, &byHand) {
		t.Fatalf("bootstrap says %v", err)
	}
	if byHand.User != "landlord" || byHand.Database != "clinics" || len(byHand.Missing) == 0 {
		t.Errorf("%+v", byHand)
	}
	if strings.Contains(byHand.SQL, k.DatabasePassword("cloister_app")) {
		t.Error("the SQL holds a password")
	}
	if n := value[int](t, root, "select count(*)::int from pg_roles where rolname like 'cloister%'"); n != 0 {
		t.Errorf("%d roles were made", n)
	}

	super, err := pg.Database(server, "clinics")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, connect(t, super), byHand.SQL)
	p, err := m.Bootstrap(ctx)
	if err != nil {
		t.Fatalf("after the SQL was run: %v", err)
	}
	if len(p.Notices) != 1 || !strings.Contains(p.Notices[0], "cloister_search") {
		t.Errorf("notices: %v", p.Notices)
	}

	t.Run("another master key changes nothing", func(t *testing.T) {
		other, err := keys.Parse(keys.Generate())
		if err != nil {
			t.Fatal(err)
		}
		before := value[string](t, root, "select string_agg(rolpassword, ',' order by rolname) from pg_authid where rolname like 'cloister%'")
		wrong, _ := on(t, super, other, nil)
		if _, err := wrong.Bootstrap(ctx); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("as a superuser: %v", err)
		}
		wrong, _ = on(t, limited, other, nil)
		if _, err := wrong.Bootstrap(ctx); err == nil || !strings.Contains(err.Error(), "derived from the master key") {
			t.Errorf("as the landlord: %v", err)
		}
		wrong, _ = on(t, limited, other, func(c *migrate.Config) {
			c.Migrator, _ = pg.Login(c.Admin, "cloister_migrator", k.DatabasePassword("cloister_migrator"))
		})
		if _, err := wrong.Bootstrap(ctx); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("with the migrator's own password: %v", err)
		}
		if after := value[string](t, root, "select string_agg(rolpassword, ',' order by rolname) from pg_authid where rolname like 'cloister%'"); after != before {
			t.Error("passwords were changed")
		}
	})
	t.Run("a superuser finishes the search", func(t *testing.T) {
		full, _ := on(t, super, k, nil)
		p, err := full.Bootstrap(ctx)
		if err != nil || len(p.Notices) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// ownServer is a server of this test's own: it looks at roles that are missing.
func ownServer(t *testing.T) string {
	t.Helper()
	b, err := pg.Find(t.Context(), pg.Lookup{Dir: os.Getenv(testkit.EnvBinDir)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := pg.Start(t.Context(), pg.Config{State: t.TempDir(), Binaries: b, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s.DSN()
}
