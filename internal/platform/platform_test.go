package platform_test

import (
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func TestConsoleShowsCountsAndNoPatient(t *testing.T) {
	t.Parallel()
	kit := testkit.New(t)
	log := logrus.New()
	log.SetOutput(io.Discard)
	db, err := tenants.Open(t.Context(), tenants.Config{DSN: kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log, Pool: tenants.PoolConfig{MaxConns: 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s := platform.NewService(db)
	op := tenants.WithScope(t.Context(), tenants.Scope{Actor: tenants.Actor{Kind: access.Operator, ID: testkit.Operator, Role: access.Platform}})
	p, err := s.Clinics(op, platform.Query{})
	if err != nil || len(p.Clinics) != 2 || p.Total != 2 || p.Counts["active"] != 2 || p.More {
		t.Fatalf("%+v %v", p, err)
	}
	if c := p.Clinics[0]; c.Slug != "alpha" || c.Staff != 6 || c.Patients != 3 || c.Plan != "Professional" || !c.LastActivity.IsZero() {
		t.Errorf("%+v", c)
	}
	for q, n := range map[platform.Query]int{{Text: "BETA"}: 1, {Status: "suspended"}: 0, {After: "alpha"}: 1, {Text: "%"}: 0} {
		if p, err := s.Clinics(op, q); err != nil || len(p.Clinics) != n {
			t.Errorf("%+v: %d %v", q, len(p.Clinics), err)
		}
	}
	clinic, _, err := db.Resolve(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	admin := tenants.WithScope(t.Context(), tenants.Scope{Clinic: clinic, Actor: tenants.Actor{Kind: access.User, ID: testkit.ClinicAdmin, Role: access.ClinicAdmin}})
	if _, err := s.Clinics(admin, platform.Query{}); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("a clinic's admin: %v", err)
	}
	if _, err := s.Clinics(t.Context(), platform.Query{}); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("nobody: %v", err)
	}
}
