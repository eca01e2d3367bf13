package tenants_test

import (
	"context"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// The test world's two clinics, in which one department is named after the
// clinic, so that a leak shows as a wrong word.
var (
	north = clinic(testkit.Alpha, "north")
	south = clinic(testkit.Beta, "south")
	depID = testkit.Department
)

func clinic(c testkit.Clinic, slug string) *tenants.Clinic {
	return &tenants.Clinic{ID: c.ID, Slug: slug, Name: c.Name, Schema: c.Schema, Zone: time.UTC, Lang: "en"}
}

// world is one database of two clinics with a DB on it.
type world struct {
	*tenants.DB
	su   string // a superuser's connection string
	conf tenants.Config
	reg  *prometheus.Registry
}

func open(t testing.TB, change ...func(*tenants.Config)) *world {
	t.Helper()
	kit := testkit.New(t)
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	w := &world{su: kit.Admin, reg: prometheus.NewRegistry()}
	w.exec(t, `set session_replication_role = replica;
		update clinic_alpha.departments set name = 'north' where id = '018f0000-0000-7000-8000-000000000010';
		update clinic_beta.departments set name = 'south' where id = '018f0000-0000-7000-8000-000000000010'`)
	w.conf = tenants.Config{DSN: kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: quiet, Metrics: w.reg, Pool: tenants.PoolConfig{MaxConns: 2}}
	for _, f := range change {
		f(&w.conf)
	}
	var err error
	if w.DB, err = tenants.Open(t.Context(), w.conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// exec runs SQL as the superuser.
func (w *world) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	c := w.connect(t)
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	c, err := pg.Connect(context.Background(), w.su)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counter reads one of the metrics, summed over its labels.
func (w *world) counter(t testing.TB, name, label string) float64 {
	t.Helper()
	all, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range all {
		if f.GetName() != "cloister_tenants_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || (len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// await waits until so many callers stand in the queue.
func (w *world) await(t testing.TB, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		all, err := w.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == "cloister_tenants_waiting" && int(f.GetMetric()[0].GetGauge().GetValue()) == n {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("never %d callers in the queue", n)
		}
	}
}

func as(ctx context.Context, c *tenants.Clinic, role access.Role) context.Context {
	return tenants.WithScope(ctx, tenants.Scope{Clinic: c, Actor: tenants.Actor{Kind: access.User, ID: testkit.StaffID(role), Role: role},
		RequestID: "req-1", Address: "192.0.2.7"})
}

// department reads the one row whose word tells the clinics apart.
func department(ctx context.Context, tx *tenants.Tx) (name string, err error) {
	err = tx.QueryRow(ctx, `select name from departments where id = $1`, depID).Scan(&name)
	return name, err
}
