package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
)

// forge sends a request that no browser of ours would make.
func (s *site) forge(t *testing.T, method, target string, form url.Values, role access.Role, headers map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := httptest.NewRequest(method, "/", strings.NewReader(form.Encode()))
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.RequestURI = u, target
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if role != "" {
		r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(testkit.Alpha, role))})
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r.WithContext(ctx))
	return w
}

// A way to a clinic that isn't spelt as its own leads nowhere, or back to the
// one spelling.
func TestPathTricks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, want := range map[string]string{
		"/clinic/ALPHA/login": "", "/clinic/%00/login": "", "/clinic/alpha%00/login": "", "/clinic/%ff/login": "", "/clinic/%ef%bd%81lpha/login": "",
		"/clinic/alpha;/login": "", "/clinic/alpha%20/login": "", "/clinic/alpha/login/": "", "/clinic/alpha/display/%00": "", "/clinic/alpha/place/%ff": "",
		"/clinic/" + strings.Repeat("a", 5000) + "/login": "",
		"/clinic/alpha%2f..%2fbeta/login":                 "/clinic/beta/login", "/clinic/alpha/%2e%2e/beta/login": "/clinic/beta/login",
		"//evil.example/clinic/alpha/login": "/evil.example/clinic/alpha/login", "/clinic//alpha/login": "/clinic/alpha/login",
	} {
		got := s.forge(t, http.MethodGet, path, nil, "", nil)
		if want == "" && got.Code != http.StatusNotFound || want != "" && got.Header().Get("Location") != want {
			t.Errorf("%.60q: %d %q, want 404 or %q", path, got.Code, got.Header().Get("Location"), want)
		}
	}
}

// Whatever is typed or sent, no page breaks of it.
func TestHostileFormsBreakNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	fields := strings.Fields(`username password again current next q name full_name first_name last_name phone email purpose note reason lines role
		language theme density colour day from to status after doctor department kind key once id patient city address allergies history zone version
		survivor duplicate number id_kind id_number birth_date age_years local_name display_notice state search`)
	for _, evil := range []string{"a\x00b", "\xff\xfe", strings.Repeat("x", 4000), "<script>alert(1)</script>"} {
		form := url.Values{}
		for _, f := range fields {
			form.Set(f, evil)
		}
		for _, row := range s.router.Routes() {
			if row.Stream || strings.HasSuffix(row.Path, "/logout") {
				continue
			}
			for _, id := range []string{testkit.Visit.String(), testkit.Asha.String(), testkit.Display.String()} {
				path, body := address(row, "alpha", id), form
				if row.Method == http.MethodGet {
					path, body = path+"?"+form.Encode(), nil
				}
				got := s.forge(t, row.Method, path, body, access.ClinicAdmin, nil)
				if got.Code >= 500 || strings.Contains(got.Body.String(), "<script>alert") {
					t.Errorf("%s %s with %.10q: %d", row.Method, row.Path, evil, got.Code)
				}
			}
		}
	}
}

// A form of another site changes nothing, and none leads away after a sign-in.
func TestOtherSitesGetNowhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := s.state(t, testkit.Alpha)
	for _, h := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "", "Origin": "http://evil.example"},
		{"Sec-Fetch-Site": "", "Origin": "null"}, {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
	} {
		if got := s.forge(t, http.MethodPost, "/clinic/alpha/displays", url.Values{"name": {"x"}}, access.ClinicAdmin, h); got.Code != http.StatusForbidden {
			t.Errorf("%v: %d", h, got.Code)
		}
	}
	if s.state(t, testkit.Alpha) != before {
		t.Error("another site's form changed something")
	}
	for _, next := range []string{"//evil.example", "/\\evil.example", "https://evil.example" + httpx.ClinicPath, "/clinic/alpha/../../evil", "/clinic/alpha//evil",
		"/clinic/alpha/%2e%2e/x", "/clinic/beta/", "/clinic/alphax", "javascript:alert(1)", "/\t/evil.example"} {
		got := s.forge(t, http.MethodGet, "/clinic/alpha/login?next="+url.QueryEscape(next), nil, access.ClinicAdmin, nil)
		if to := got.Header().Get("Location"); to != "/clinic/alpha" {
			t.Errorf("next %q leads to %q", next, to)
		}
	}
}

// A keyset that was destroyed opens nothing more, also in a service that had it
// open.
func TestADestroyedKeysetIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := testkit.Conn(t, s.db.Admin)
	fetch := func(ctx context.Context) (wrapped []byte, err error) {
		err = admin.QueryRow(ctx, "select wrapped from platform.keysets where clinic_id = $1", testkit.Alpha.ID).Scan(&wrapped)
		return wrapped, err
	}
	if _, err := s.keys.Keyset(t.Context(), testkit.Alpha.ID, fetch); err != nil {
		t.Fatal(err)
	}
	s.db.Exec(t, "update platform.keysets set wrapped = null, destroyed_at = now() where clinic_id = $1", testkit.Alpha.ID)
	if _, err := s.keys.Keyset(t.Context(), testkit.Alpha.ID, fetch); err != nil {
		t.Fatalf("before the registry speaks: %v", err)
	}
	tx := s.db.As(t, testkit.Alpha, access.ClinicAdmin)
	if _, err := tx.Exec(t.Context(), "update platform.clinics set website = 'https://alpha.example'"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := s.keys.Keyset(t.Context(), testkit.Alpha.ID, fetch)
		if errors.Is(err, keys.ErrDestroyed) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the service still has the keyset: %v", err)
		}
	}
}
