package clinic_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

type world struct {
	*clinic.Service
	kit    *testkit.DB
	db     *tenants.DB
	people *identity.Service
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{kit: testkit.New(t)}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	if w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log, Pool: tenants.PoolConfig{MaxConns: 4}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	post, err := mail.Open(mail.Config{Folder: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.people, err = identity.New(identity.Config{DB: w.db, LinkKey: make([]byte, 32), BaseURL: "http://cloister.test", Mail: post, Log: log,
		Words: func(_, key string, _ ...any) string { return key }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.people.Close)
	w.Service = clinic.NewService(w.db, w.people)
	return w
}

// as is the context of the seeded person of a role.
func (w *world) as(t *testing.T, c testkit.Clinic, r access.Role) context.Context {
	t.Helper()
	return w.person(t, c, r, testkit.StaffID(r))
}

func (w *world) person(t *testing.T, c testkit.Clinic, r access.Role, id uuid.UUID) context.Context {
	t.Helper()
	found, _, err := w.db.Resolve(t.Context(), c.Slug)
	if err != nil || found == nil {
		t.Fatal(err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{Clinic: found, Actor: tenants.Actor{Kind: access.User, ID: id, Role: r}, Session: id, RequestID: "test"})
}

func (w *world) admin(t *testing.T) context.Context {
	t.Helper()
	return w.as(t, testkit.Alpha, access.ClinicAdmin)
}

// fields are the names of the inputs that an error complains about.
func fields(t *testing.T, err error) map[string]bool {
	t.Helper()
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid {
		t.Fatalf("not a refused form: %v", err)
	}
	out := map[string]bool{}
	for _, f := range e.Fields {
		if f.Key == "" || f.Text == "" {
			t.Errorf("%s has no words", f.Name)
		}
		out[f.Name] = true
	}
	return out
}

func key() uuid.UUID { return uuid.Must(uuid.NewV7()) }
