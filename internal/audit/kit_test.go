package audit_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// world is a database whose chains begin empty, since the seeded seals are of no
// trail.
type world struct {
	kit   *testkit.DB
	db    *tenants.DB
	admin *pgx.Conn

	registry bool // the chain is the registry's own, not alpha's
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	w.admin = testkit.Conn(t, w.kit.Admin)
	w.force(t, "delete from clinic_alpha.seals; delete from clinic_beta.seals; delete from platform.seals")
	log := logrus.New()
	log.SetOutput(io.Discard)
	db, err := tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log, Pool: tenants.PoolConfig{MaxConns: 4}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w.db = db
	return w
}

// force does what only somebody with the whole server in hand can.
func (w *world) force(t *testing.T, sql string) {
	t.Helper()
	if _, err := w.admin.Exec(t.Context(), "begin; set local session_replication_role = replica; "+sql+"; commit"); err != nil {
		_, _ = w.admin.Exec(t.Context(), "rollback")
		t.Fatal(err)
	}
}

func scope(ctx context.Context, kind access.ActorKind, id uuid.UUID, r access.Role) context.Context {
	return tenants.WithScope(ctx, tenants.Scope{Clinic: &tenants.Clinic{ID: testkit.Alpha.ID, Slug: testkit.Alpha.Slug, Name: testkit.Alpha.Name, Schema: testkit.Alpha.Schema, Zone: time.UTC},
		RequestID: "test", Actor: tenants.Actor{Kind: kind, ID: id, Role: r}})
}

func (w *world) seal(t *testing.T) int {
	t.Helper()
	seal := audit.SealAll
	if w.registry {
		seal = audit.SealRegistry
	}
	n, err := seal(scope(t.Context(), access.System, tenants.SystemID("seal"), access.Jobs), w.db)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// schema is where the trail and its seals are.
func (w *world) schema() string {
	if w.registry {
		return "platform"
	}
	return testkit.Alpha.Schema
}

func (w *world) slug() string {
	if w.registry {
		return audit.Platform
	}
	return testkit.Alpha.Slug
}

// settle goes on when every transaction of the server that is as old as this
// one has ended: other tests have theirs, in other databases.
func (w *world) settle(t *testing.T) {
	t.Helper()
	var now string
	if err := w.admin.QueryRow(t.Context(), "select pg_current_xact_id()::text").Scan(&now); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		if err := w.admin.QueryRow(t.Context(), "select pg_sleep(0.02) is not null and pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8", now).Scan(&done); err != nil {
			t.Fatal(err)
		}
	}
}

// sealed settles and seals.
func (w *world) sealed(t *testing.T) int {
	t.Helper()
	w.settle(t)
	return w.seal(t)
}

// write makes a row of the trail and gives its id.
func (w *world) write(t *testing.T, note string) uuid.UUID {
	t.Helper()
	tx := w.kit.As(t, testkit.Alpha, access.ClinicAdmin)
	w.note(t, tx, note)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.last(t)
}

func (w *world) note(t *testing.T, tx pgx.Tx, note string) {
	t.Helper()
	sql := "update settings set display_notice = $1"
	if w.registry {
		sql = "update platform.clinics set website = $1"
	}
	if _, err := tx.Exec(t.Context(), sql, note); err != nil {
		t.Fatal(err)
	}
}

func (w *world) last(t *testing.T) (id uuid.UUID) {
	t.Helper()
	if err := w.admin.QueryRow(t.Context(), "select id from "+w.schema()+".trail order by xact desc, id desc limit 1").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) verify(t *testing.T, heads audit.Heads) audit.Result {
	t.Helper()
	all, err := audit.NewReader(w.admin).Verify(t.Context(), w.slug(), heads)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func (w *world) whole(t *testing.T) audit.Result {
	t.Helper()
	r := w.verify(t, audit.Heads{})
	if len(r.Findings) > 0 {
		t.Fatalf("a whole chain: %v", r.Findings)
	}
	return r
}
