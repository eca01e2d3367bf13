package visit_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

var linkKey = []byte("link key of the tests, 32 bytes!")

// world is one database with both slices on it.
type world struct {
	kit      *testkit.DB
	db       *tenants.DB
	patients *patient.Service
	*visit.Service
}

func open(t testing.TB, conns int) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: conns, QueueLimit: 4096, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	w.patients = patient.NewService(w.db, keys.NewRing(master, nil))
	w.Service = visit.NewService(w.db, w.patients, linkKey)
	return w
}

func clinic(c testkit.Clinic) *tenants.Clinic {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		panic(err) // the zones are compiled in
	}
	return &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: zone, Lang: "en"}
}

// as is a request of the role's seeded member of staff at a clinic.
func as(t testing.TB, c testkit.Clinic, r access.Role) context.Context {
	return tenants.WithScope(t.Context(), tenants.Scope{
		Clinic: clinic(c), RequestID: "test", Actor: tenants.Actor{Kind: access.User, ID: testkit.StaffID(r), Role: r},
	})
}

func desk(t testing.TB) context.Context { return as(t, testkit.Alpha, access.Receptionist) }

var routine = visit.Arrival{Line: testkit.Doctor, Kind: "routine"}

// newcomer is the n-th made-up patient.
func newcomer(n int) patient.Input {
	return patient.Input{Name: fmt.Sprintf("Kavita Test%d", n), Phone: fmt.Sprintf("98%08d", n), Age: "34", Sex: "female"}
}

// arrive registers somebody and gives the token.
func (w *world) arrive(t testing.TB, ctx context.Context, n int, a visit.Arrival) visit.Issued {
	t.Helper()
	out, err := w.Register(ctx, uuid.New(), newcomer(n), a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) see(t testing.TB, ctx context.Context, id uuid.UUID) visit.Detail {
	t.Helper()
	v, err := w.Visit(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
