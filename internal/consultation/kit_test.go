package consultation_test

import (
	"context"
	"encoding/base64"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

// world is one database with the slice and the queue on it.
type world struct {
	kit   *testkit.DB
	db    *tenants.DB
	queue *visit.Service
	stop  func()
	*consultation.Service
}

func open(t testing.TB) *world {
	t.Helper()
	return reopen(t, testkit.New(t))
}

// reopen starts the service anew on a database.
func reopen(t testing.TB, kit *testkit.DB) *world {
	t.Helper()
	w := &world{kit: kit}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: 4, QueueLimit: 1024, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	w.stop = sync.OnceFunc(w.db.Close)
	t.Cleanup(w.stop)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	patients := patient.NewService(w.db, keys.NewRing(master, nil))
	w.queue = visit.NewService(w.db, patients, []byte("link key of the tests, 32 bytes!"))
	w.Service = consultation.NewService(w.db)
	return w
}

// by is a request of somebody of a role at a clinic.
func by(t testing.TB, c testkit.Clinic, r access.Role, id uuid.UUID) context.Context {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Actor: tenants.Actor{Kind: access.User, ID: id, Role: r},
		Clinic: &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: zone, Lang: "en"}})
}

func as(t testing.TB, r access.Role) context.Context {
	return by(t, testkit.Alpha, r, testkit.StaffID(r))
}

func doctor(t testing.TB) context.Context { return as(t, access.Doctor) }

func otherDoctor(t testing.TB) context.Context {
	return by(t, testkit.Alpha, access.Doctor, testkit.SecondDoctor)
}

// arrive checks Asha in with a doctor and gives the visit.
func (w *world) arrive(t testing.TB, who, line uuid.UUID) uuid.UUID {
	t.Helper()
	out, err := w.queue.CheckIn(as(t, access.Receptionist), uuid.New(), who, visit.Arrival{Line: line, Kind: "routine"})
	if err != nil {
		t.Fatal(err)
	}
	return out.Visit
}

// begun is a visit of Asha that the doctor has begun.
func (w *world) begun(t testing.TB) uuid.UUID {
	t.Helper()
	id := w.arrive(t, testkit.Asha, testkit.Doctor)
	if err := w.Begin(doctor(t), id, 1); err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) see(t testing.TB, ctx context.Context, id uuid.UUID) consultation.Work {
	t.Helper()
	out, err := w.Work(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func throat() consultation.Form {
	return consultation.Form{Complaint: "Sore throat since two days", Symptoms: []string{"fever", "sore_throat"}, Findings: "Throat red", Plan: "Fluids", Advice: "Rest",
		Urgency: "moderate", FollowUp: "5", Diagnoses: []consultation.Diagnosis{{Code: "J02.9", Title: "whatever the form says", Note: "left"}, {Title: "Tired of work"}},
		Measured: consultation.Measured{Pressure: "168/102", Pulse: "96", Temperature: "101.2", SpO2: "97", Weight: "62.5", Height: "158"}}
}
