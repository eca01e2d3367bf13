package main

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
)

// The operators' console: another door, another cookie, no clinic's record.

func (s *site) operator(t *testing.T) *visitor {
	t.Helper()
	v := s.visitor()
	form := v.fill(t, "/platform/login")
	email := ask1[string](t, s, "select email from platform.operators where id = $1", testkit.Operator)
	wantRedirect(t, v.do("/platform/login", but(form, "username", email, "password", operatorPassword)), "/platform/clinics")
	return v
}

func TestOperatorsDoor(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	v := s.visitor()
	wantRedirect(t, v.do("/platform/clinics?q=pune", nil), "/platform/login?next="+url.QueryEscape("/platform/clinics?q=pune"))
	email := ask1[string](t, s, "select email from platform.operators where id = $1", testkit.Operator)
	wrong := v.do("/platform/login", url.Values{"username": {email}, "password": {alphaPassword}})
	unknown := v.do("/platform/login", url.Values{"username": {"nobody@platform.example"}, "password": {alphaPassword}})
	want(t, wrong, 401, []string{"too many tries"}, alphaPassword)
	if a, b := bare(wrong.Body.String(), `value="`+email+`"`), bare(unknown.Body.String(), `value="nobody@platform.example"`); a != b || len(v.jar) > 0 {
		t.Errorf("the door tells who is an operator:\n%s\n%s", a, b)
	}
	// Nor is an admin of a clinic one.
	want(t, v.do("/platform/login", url.Values{"username": {"admin"}, "password": {alphaPassword}}), 401, nil)

	op := s.operator(t)
	want(t, op.do("/platform/clinics", nil), 200, []string{"Alpha Clinic", "Beta Clinic"}, "Kulkarni", "Deepak Rao")
	wantRedirect(t, op.do("/platform", nil), "/platform/clinics")
	wantRedirect(t, op.do("/platform/login", nil), "/platform/clinics")
	// Neither cookie is worth anything at the other door, wherever it is sent.
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	for _, who := range []*visitor{op, admin} {
		for _, c := range who.jar {
			c.Path = "/"
		}
	}
	for name, c := range op.jar {
		admin.jar["x"+name] = &http.Cookie{Name: "cloister", Value: c.Value, Path: "/clinic/beta"}
	}
	if w := op.do("/clinic/alpha/account", nil); w.Code != http.StatusSeeOther {
		t.Errorf("an operator at a clinic: %d", w.Code)
	}
	if w := admin.do("/platform/clinics", nil); w.Code != http.StatusSeeOther {
		t.Errorf("an admin at the console: %d", w.Code)
	}
	if w := admin.do("/clinic/beta/account", nil); w.Code != http.StatusSeeOther {
		t.Errorf("an operator's token as a clinic's cookie: %d", w.Code)
	}
	stolen := op.clone()
	for range 2 {
		wantRedirect(t, op.do("/platform/logout", url.Values{}), "/platform/login")
	}
	if w := stolen.do("/platform/clinics", nil); w.Code != http.StatusSeeOther {
		t.Errorf("the console after signing out: %d", w.Code)
	}
	want(t, stolen.do("/platform/login", nil), 200, []string{"Your session has ended"})
	s.raw(t, "update platform.operator_sessions set last_seen_at = now() - interval '16 minutes'")
	if w := s.operator(t).do("/platform/clinics", nil); w.Code != http.StatusOK {
		t.Errorf("a new session: %d", w.Code)
	}
}

func TestOperatorsLockOut(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	email := ask1[string](t, s, "select email from platform.operators where id = $1", testkit.Operator)
	for range 5 {
		want(t, s.visitor().do("/platform/login", url.Values{"username": {email}, "password": {"wrong"}}), 401, nil)
	}
	want(t, s.visitor().do("/platform/login", url.Values{"username": {email}, "password": {operatorPassword}}), 401, nil)
	s.raw(t, "update platform.operators set locked_until = now() - interval '1 second'")
	s.operator(t)
}
