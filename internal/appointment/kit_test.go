package appointment_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// Every day is open from midnight to midnight but Sunday, so that a test finds
// a free time at whatever hour it runs.
const always = `{"mon":[["00:00","24:00"]],"tue":[["00:00","24:00"]],"wed":[["00:00","24:00"]],"thu":[["00:00","24:00"]],"fri":[["00:00","24:00"]],"sat":[["00:00","24:00"]]}`

// world is one database with the slice on it, in two clinics.
type world struct {
	kit  *testkit.DB
	db   *tenants.DB
	zone *time.Location
	*appointment.Service
}

func open(t testing.TB, conns int) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		w.exec(t, c, access.Owner, "update settings set opening_hours = $1", always)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: conns, QueueLimit: 1024, StatementTimeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	if w.zone, err = time.LoadLocation("Asia/Kolkata"); err != nil {
		t.Fatal(err)
	}
	w.Service = appointment.NewService(w.db)
	return w
}

// exec runs a statement as a role of a clinic, beside the product's code.
func (w *world) exec(t testing.TB, c testkit.Clinic, r access.Role, sql string, args ...any) {
	t.Helper()
	tx := w.kit.As(t, c, r)
	if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

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

func desk(t testing.TB) context.Context { return as(t, access.Receptionist) }

// later is a weekday some weeks on, at a clock time of the clinic.
func (w *world) later(hour, minute int) time.Time {
	day := time.Now().In(w.zone).AddDate(0, 0, 21)
	for day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, w.zone)
}

// dayOf is the clinic's day of a moment, as days are kept.
func (w *world) dayOf(at time.Time) time.Time {
	y, m, d := at.In(w.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func asha(start time.Time) appointment.Request {
	return appointment.Request{Patient: testkit.Asha, Doctor: testkit.Doctor, Start: start, Kind: "routine", Purpose: "Cough"}
}

func (w *world) book(t testing.TB, r appointment.Request) uuid.UUID {
	t.Helper()
	id, err := w.Book(desk(t), uuid.New(), r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) see(t testing.TB, id uuid.UUID) appointment.Detail {
	t.Helper()
	d, err := w.Get(desk(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
