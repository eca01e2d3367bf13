package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// FuzzAddress asks the whole site for any path, query, host, cookies and chain
// of proxies: nothing is a fault of ours, nobody who isn't signed in gets
// further than a door, and no clinic's page comes from an address that isn't
// its own.
func FuzzAddress(f *testing.F) {
	s := newSite(f)
	for _, slug := range []string{"alpha", "beta", "gamma", "ALPHA", "alpha%00", "\xff", "al pha", "-alpha", "alpha--x", "..", "alpha/..", "\u0430lpha", "alpha.", "%61lpha", strings.Repeat("a", 5000)} {
		f.Add("/clinic/"+slug+"/login", "", "clinics.example", "", "198.51.100.7", false)
		f.Add("/clinic/"+slug, "next=//evil.example", "alpha.clinics.example:8080", "cloister=x", "", true)
	}
	for _, path := range []string{"/", "/platform/clinics", "/platform/login", "/clinic/alpha/patients", "/clinic/alpha/patients/search", "/clinic/alpha/visits", "/clinic/alpha/staff/x",
		"/clinic/alpha/password/x", "/clinic/alpha/display/x", "/clinic/alpha/place/x", "/clinic/alpha/verify/x", "/clinic/alpha/settings/branding/preview.css", "/clinic/alpha/account/sessions", "//", "/clinic//login", "/assets/../x"} {
		for _, query := range []string{"", "q=\xff\x00", "q=%ff%00&from=%ff&to=0&state=%00&role=%ff&status=%ff&after=%ff", "q=' or 1=1 --&colour=%3B}", "%", "a;b"} {
			f.Add(path, query, "[::1]:x", "cloister="+strings.Repeat("A", 43)+"; cloister_operator="+strings.Repeat("_", 43), "1, ::1, \x00", true)
		}
	}
	var n atomic.Uint32
	f.Fuzz(func(t *testing.T, path, query, host, cookies, forwarded string, inside bool) {
		if !strings.HasPrefix(path, "/") || strings.HasSuffix(strings.TrimRight(path, "/"), "/events") {
			return // no request, or a stream, which has no end
		}
		i := n.Add(1) // of another address each time, so that no limit is met
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Cookie": {cookies}, "X-Forwarded-For": {forwarded}, "X-Request-Id": {forwarded}}, Body: http.NoBody,
			RemoteAddr: "10." + strconv.Itoa(int(i>>16%256)) + "." + strconv.Itoa(int(i>>8%256)) + "." + strconv.Itoa(int(i%256)) + ":1"}).WithContext(ctx)
		if i%2 == 0 {
			r.RemoteAddr = "192.0.2." + strconv.Itoa(int(i/2%256)) + ":1" // a proxy that is believed
		}
		if inside {
			r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(testkit.Alpha, access.ClinicAdmin))})
		}
		w := httptest.NewRecorder()
		s.router.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%q ? %q of %q: %d %.300s", path, query, host, w.Code, w.Body)
		}
		if w.Code != http.StatusOK {
			return
		}
		slug, rest, _ := strings.Cut(strings.TrimPrefix(path, "/clinic/"), "/")
		if body := w.Body.String(); !strings.HasPrefix(path, "/clinic/") {
			if strings.Contains(body, "Kulkarni") {
				t.Fatalf("%q shows a patient", path)
			}
		} else if slug != "alpha" && slug != "beta" {
			t.Fatalf("%q is a clinic's page", path)
		} else if slug == "beta" && (strings.Contains(body, "Alpha Clinic") || strings.Contains(body, "Kulkarni")) {
			t.Fatalf("%q shows alpha's", path)
		} else if !inside && strings.Contains(body, "Kulkarni") {
			t.Fatalf("%q (%s) shows a patient to nobody", path, rest)
		}
	})
}
