package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
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

func TestConsoleSearchesAndPages(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	op := s.operator(t)
	s.raw(t, `insert into platform.clinics (id, slug, name, city, status, status_reason, plan)
		select gen_random_uuid(), 'made-' || lpad(n::text, 3, '0'), 'Made ' || n, case when n % 2 = 0 then 'Nagpur' else 'Thane' end,
		  case when n <= 3 then 'suspended' else 'active' end, case when n <= 3 then 'unpaid' else '' end, plan
		from generate_series(1, 120) n, platform.clinics where slug = 'alpha'`)
	for query, c := range map[string]struct{ has, lacks []string }{
		"?q=ALPHA":                        {[]string{"Alpha Clinic", `value="ALPHA"`, "1 clinic"}, []string{"Beta Clinic"}},
		"?q=made-007":                     {[]string{"Made 7 ", "1 clinic"}, []string{"Alpha Clinic"}},
		"?q=nagpur&status=suspended":      {[]string{"Made 2 ", `name="status" value="suspended"`, "unpaid"}, []string{"Made 1 ", "Made 4 "}},
		"?q=suspended":                    {[]string{"Made 1 ", "Made 2 ", "Made 3 ", "3 clinics"}, []string{"Made 4 "}},
		"?q=nowhere":                      {[]string{"No clinic matches", "Show all"}, []string{"<table"}},
		"?q=%25":                          {[]string{"No clinic matches"}, nil},
		"?q=" + url.QueryEscape("' or 1"): {[]string{"No clinic matches"}, nil},
		"?q=%ff%00":                       {[]string{"Alpha Clinic"}, nil},
		"?status=%ff%00%27":               {[]string{"No clinic matches"}, nil},
	} {
		want(t, op.do("/platform/clinics"+query, nil), 200, c.has, c.lacks...)
	}
	// Pages of fifty, by key; every clinic on exactly one of them.
	seen := map[string]int{}
	at, pages := "/platform/clinics?q=made", 0
	for next := regexp.MustCompile(`href="(/platform/clinics\?[^"]*after=[^"]*)"`); at != ""; pages++ {
		w := op.do(at, nil)
		want(t, w, 200, []string{"Made"})
		for _, slug := range regexp.MustCompile(`made-\d{3}`).FindAllString(regexp.MustCompile(`(?s)<tbody.*</tbody>`).FindString(w.Body.String()), -1) {
			seen[slug]++
		}
		if first := strings.Contains(w.Body.String(), "Back to the first page"); first != (pages > 0) {
			t.Errorf("page %d has a way to the first: %v", pages+1, first)
		}
		if at = ""; next.MatchString(w.Body.String()) {
			at = unescape(next.FindStringSubmatch(w.Body.String())[1])
		}
	}
	if pages != 3 || len(seen) != 120 {
		t.Errorf("%d clinics on %d pages", len(seen), pages)
	}
	for slug, n := range seen {
		if n != 1 {
			t.Errorf("%s stands %d times", slug, n)
		}
	}
	s.raw(t, "delete from platform.clinics") // the sessions of operators hang on none
	want(t, op.do("/platform/clinics", nil), 200, []string{"There is no clinic yet"}, "No clinic matches")
	want(t, s.visitor().do("/?q=%ff%00al", nil), 200, nil)
}
