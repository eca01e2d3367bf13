package demo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

func open(t *testing.T) (*testkit.DB, demo.Config) {
	t.Helper()
	db, k := testkit.New(t), testkit.Master(t)
	m, err := migrate.New(migrate.Config{Admin: db.Admin, Migrator: db.Migrator, Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	s, err := provision.Open(t.Context(), provision.Config{DSN: db.Migrator, Keys: k, Migrator: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	app, err := tenants.Open(t.Context(), tenants.Config{DSN: db.App, ScopeKey: k.ScopeKey(), KeyID: keys.KeyID, Pool: tenants.PoolConfig{MaxConns: 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Close)
	return db, demo.Config{Provision: s, DB: app, Keys: k}
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

func TestTheDemoIsFilledOnceAndToppedUp(t *testing.T) {
	t.Parallel()
	db, c := open(t)
	now := time.Now()
	c.Now = func() time.Time { return now }
	first, err := demo.Fill(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if first.Made != 2 || first.Visits < 400 || len(first.SignIns) != 17 {
		t.Errorf("made %d, %d visits, %d sign-ins", first.Made, first.Visits, len(first.SignIns))
	}
	admin := testkit.Conn(t, db.Admin)
	for _, schema := range []string{"clinic_northside", "clinic_southside"} {
		check(t, admin, schema)
	}
	again, err := demo.Fill(t.Context(), c)
	if err != nil || again.Made != 0 || again.Visits != 0 {
		t.Errorf("again: %d made, %d visits, %v", again.Made, again.Visits, err)
	}
	now = now.AddDate(0, 0, 1)
	next, err := demo.Fill(t.Context(), c)
	if err != nil || next.Visits < 30 || next.Visits > 80 {
		t.Errorf("a day later: %d visits, %v", next.Visits, err)
	}
}

// check looks at one clinic as a person would.
func check(t *testing.T, admin *pgx.Conn, schema string) {
	t.Helper()
	one := func(sql string) int {
		return value[int](t, admin, "select ("+strings.ReplaceAll(sql, "@", schema+".")+")::int")
	}
	for what, sql := range map[string]string{
		"patients":                     "select count(*) - 400 from @patients",
		"without a local name":         "select count(*) from @patients where local_name !~ '[\u0900-\u097F]'",
		"not found by name":            "select count(*) from @patients where search_key = ''",
		"phones of others":             "select count(*) from @patients where phone !~ '^\\+9190000[0-9]{5}$'",
		"visits before registration":   "select count(*) / 100 from @visits v join @patients p on p.id = v.patient_id where v.day < p.registered_on",
		"visits in the future":         "select count(*) from @visits where arrived_at > now() or called_at > now() or started_at > now() or ended_at > now()",
		"times out of order":           "select count(*) from @visits where called_at < arrived_at or started_at < called_at or ended_at < coalesce(started_at, arrived_at)",
		"visits on another day":        "select count(*) from @visits where (arrived_at at time zone 'Asia/Kolkata')::date <> day",
		"visits without a token":       "select count(*) from @visits v where not exists (select from @tokens t where t.visit_id = v.id)",
		"staff without a password":     "select count(*) from @users where password_hash is null",
		"roles missing":                "select 5 - count(distinct role) from @users",
		"states missing from today":    "select 7 - count(distinct state) from @visits where day = (now() at time zone 'Asia/Kolkata')::date",
		"two in one room":              "select count(*) from (select from @visits where state = 'in_consultation' group by line_id having count(*) > 1) x",
		"no urgent one today":          "select case when exists (select from @visits where priority and state = 'waiting') then 0 else 1 end",
		"days of history too few":      "select greatest(0, 15 - count(distinct day)) from @visits",
		"identity numbers unencrypted": "select count(*) from @patients where (id_cipher is null) <> (id_tail = '')",
		"identity numbers missing":     "select greatest(0, 50 - count(id_cipher)) from @patients",
	} {
		if n := one(sql); n != 0 {
			t.Errorf("%s: %s: %d", schema, what, n)
		}
	}
}

func TestTheDemosPasswordIsAGoodOne(t *testing.T) {
	t.Parallel()
	var p apperr.Problems
	identity.CheckPassword(&p, "password", demo.Password, "northside", "admin")
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}
