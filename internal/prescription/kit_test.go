package prescription_test

import (
	"context"
	"encoding/base64"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

// world is one database with the slice on it.
type world struct {
	kit   *testkit.DB
	db    *tenants.DB
	queue *visit.Service
	*prescription.Service
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: 4, QueueLimit: 1024, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	w.queue = visit.NewService(w.db, patient.NewService(w.db, keys.NewRing(master, nil)), []byte("link key of the tests, 32 bytes!"))
	w.Service = prescription.NewService(w.db)
	return w
}

func by(t testing.TB, c testkit.Clinic, r access.Role, id uuid.UUID) context.Context {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Actor: tenants.Actor{Kind: access.User, ID: id, Role: r},
		Clinic: &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: zone, Lang: "en"}})
}

func as(t testing.TB, r access.Role) context.Context {
	t.Helper()
	return by(t, testkit.Alpha, r, testkit.StaffID(r))
}

func doctor(t testing.TB) context.Context { t.Helper(); return as(t, access.Doctor) }

func otherDoctor(t testing.TB) context.Context {
	t.Helper()
	return by(t, testkit.Alpha, access.Doctor, testkit.SecondDoctor)
}

func code(t *testing.T, what string, err error, want apperr.Code) {
	t.Helper()
	if !apperr.Is(err, want) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// sheet is what a doctor types for the names given, all of them right.
func sheet(names ...string) prescription.Sheet {
	var s prescription.Sheet
	for _, n := range names {
		s.Lines = append(s.Lines, prescription.Typed{Medicine: n, Form: "tablet", Dose: "101", Days: "5d"})
	}
	return s
}

// issue issues at Asha's visit, of which the doctor has an open consultation.
func (w *world) issue(t testing.TB, s prescription.Sheet) prescription.Prescription {
	t.Helper()
	id, err := w.Issue(doctor(t), uuid.New(), testkit.Visit, uuid.Nil, "", s)
	if err != nil {
		t.Fatal(err)
	}
	return w.see(t, id)
}

func (w *world) see(t testing.TB, id uuid.UUID) prescription.Prescription {
	t.Helper()
	p, err := w.Get(doctor(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
