package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// world is a frame over made-up clinics: north is active, shut is suspended,
// old moved to north. The header X-Test-Role signs in.
type world struct {
	rt  *Router
	log *bytes.Buffer
}

func clinics(_ context.Context, slug string) (*tenants.Clinic, tenants.Outcome, error) {
	c := &tenants.Clinic{ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(slug)), Slug: slug, Name: slug}
	switch slug {
	case "north", "south":
		return c, tenants.Active, nil
	case "shut":
		return c, tenants.Suspended, nil
	case "old":
		c.Slug = "north"
		return c, tenants.Moved, nil
	case "migrating":
		return c, tenants.Migrating, nil
	case "broken":
		return nil, tenants.Unknown, errors.New("dial tcp 10.0.0.1: secret dsn")
	}
	return nil, tenants.Unknown, nil
}

func session(_ http.ResponseWriter, r *http.Request, c *tenants.Clinic) (*Who, error) {
	role := r.Header.Get("X-Test-Role")
	if role == "" || (r.Header.Get("X-Test-Clinic") != "" && r.Header.Get("X-Test-Clinic") != c.Slug) {
		return nil, nil
	}
	return &Who{Actor: tenants.Actor{Kind: access.User, ID: uuid.Max, Role: access.Role(role)}}, nil
}

func write(text string) Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err := io.WriteString(w, text)
		return err
	}
}

func fails(err error) Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func rows() []Route {
	return []Route{
		{Method: "GET", Path: "/", Gate: Public, Handler: write("home")},
		{Method: "GET", Path: "/platform/clinics", Gate: Operator, Handler: write("console")},
		{Method: "GET", Path: ClinicPath + "/login", Gate: Visitor, Closed: true, Handler: write("login")},
		{Method: "POST", Path: ClinicPath + "/login", Gate: Visitor, Closed: true, Strict: true, Handler: write("in")},
		{Method: "GET", Path: ClinicPath + "/account", Gate: Member, Handler: write("account")},
		{Method: "GET", Path: ClinicPath + "/queue", Gate: Capable, Capability: access.QueueView, Handler: write(strings.Repeat("queue ", 500))},
		{Method: "POST", Path: ClinicPath + "/visits/{id}/call", Gate: Capable, Capability: access.QueueMove, Body: 64, Handler: func(w http.ResponseWriter, r *http.Request) error {
			if err := r.ParseForm(); err != nil {
				return err
			}
			if _, ok := tenants.ScopeFrom(r.Context()); !ok {
				return errors.New("no scope")
			}
			return Redirect(w, r, "/clinic/north/queue")
		}},
		{Method: "GET", Path: ClinicPath + "/gone", Gate: Member, Handler: fails(apperr.Wrap(apperr.NotFound, "x", "patient Ramesh is archived", errors.New("sql")))},
		{Method: "GET", Path: ClinicPath + "/broken", Gate: Member, Handler: fails(errors.New("ERROR: relation clinic_x.patients (SQLSTATE 42P01)"))},
		{Method: "GET", Path: ClinicPath + "/panic", Gate: Member, Handler: func(http.ResponseWriter, *http.Request) error { panic("secret stack") }},
		{Method: "GET", Path: ClinicPath + "/slow", Gate: Member, Timeout: time.Millisecond, Handler: func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}},
		{Method: "GET", Path: ClinicPath + "/scope", Gate: Visitor, Handler: func(w http.ResponseWriter, r *http.Request) error {
			_, ok := tenants.ScopeFrom(r.Context())
			return write(fmt.Sprint(ok))(w, r)
		}},
	}
}

func newWorld(t *testing.T, change func(*Options)) world {
	t.Helper()
	log := &bytes.Buffer{}
	l := logrus.New()
	l.SetOutput(log)
	l.SetFormatter(&logrus.JSONFormatter{})
	o := Options{
		Routes: rows(), Resolve: clinics, Session: session, Log: l,
		Can:  func(r access.Role, c access.Capability) bool { return r == access.Receptionist },
		Shut: write("why it is shut"),
	}
	if change != nil {
		change(&o)
	}
	rt, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close(context.Background()) })
	return world{rt, log}
}

func (w world) do(method, path, role string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if method == "POST" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if role != "" {
		r.Header.Set("X-Test-Role", role)
	}
	for _, c := range change {
		c(r)
	}
	rec := httptest.NewRecorder()
	w.rt.ServeHTTP(rec, r)
	return rec
}

func TestGates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, c := range []struct {
		method, path, role string
		status             int
		say                string
	}{
		{"GET", "/", "", 200, "home"},
		{"GET", "/platform/clinics", "receptionist", 303, "/platform/login?next=%2Fplatform%2Fclinics"},
		{"GET", "/clinic/north/login", "", 200, "login"},
		{"GET", "/clinic/north/account", "", 303, "/clinic/north/login?next=%2Fclinic%2Fnorth%2Faccount"},
		{"GET", "/clinic/north/account", "nurse", 200, "account"},
		{"GET", "/clinic/north/queue", "nurse", 403, "role"},
		{"GET", "/clinic/north/queue", "receptionist", 200, "queue"},
		{"POST", "/clinic/north/visits/1/call", "", 401, "Sign in"},
		{"POST", "/clinic/north/visits/1/call", "nurse", 403, "role"},
		{"POST", "/clinic/north/visits/1/call", "receptionist", 303, ""},
		{"GET", "/clinic/north/visits/1/call", "receptionist", 404, "does not exist"},
		{"GET", "/clinic/old/queue?state=waiting", "receptionist", 308, "/clinic/north/queue?state=waiting"},
		{"GET", "/clinic/shut/account", "nurse", 403, "closed"},
		{"GET", "/clinic/shut/account", "clinic_admin", 200, "why it is shut"},
		{"GET", "/clinic/shut/login", "", 200, "login"},
		{"GET", "/clinic/broken/account", "nurse", 503, "busy"},
		{"GET", "/clinic/north/slow", "nurse", 503, "busy"},
	} {
		got := w.do(c.method, c.path, c.role)
		said := got.Body.String() + got.Header().Get("Location")
		if got.Code != c.status || !strings.Contains(said, c.say) {
			t.Errorf("%s %s as %q: %d %q, want %d %q", c.method, c.path, c.role, got.Code, said, c.status, c.say)
		}
	}
}

// An answer about what may not be seen is the same, byte for byte, whatever it is.
func TestNotFoundTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var first string
	for _, path := range []string{"/nowhere", "/clinic/nowhere/queue", "/clinic/archived/account", "/clinic/north/gone", "/clinic/north/nowhere", "/clinic/north/visits/1/call"} {
		got := w.do("GET", path, "receptionist")
		got.Header().Del("X-Request-Id")
		whole := fmt.Sprint(got.Code, got.Header(), got.Body)
		if first == "" {
			first = whole
		}
		if whole != first || got.Code != 404 {
			t.Errorf("%s: %s\nwant %s", path, whole, first)
		}
	}
}

func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, path := range []string{"/clinic/north/broken", "/clinic/north/panic", "/clinic/broken/account", "/clinic/north/gone"} {
		got := w.do("GET", path+"?q=Ramesh", "nurse")
		for _, bad := range []string{"SQLSTATE", "clinic_x", "secret", "goroutine", ".go:", "Ramesh", "dsn"} {
			if strings.Contains(got.Body.String(), bad) {
				t.Errorf("%s tells %q: %s", path, bad, got.Body)
			}
		}
	}
	if log := w.log.String(); !strings.Contains(log, "42P01") || !strings.Contains(log, "secret stack") || strings.Contains(log, "q=Ramesh") {
		t.Errorf("the log must have the cause and no query: %s", log)
	}
}

func TestAnotherClinicsSessionIsAVisitor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got := w.do("GET", "/clinic/south/queue", "receptionist", func(r *http.Request) { r.Header.Set("X-Test-Clinic", "north") })
	if got.Code != 303 || !strings.HasPrefix(got.Header().Get("Location"), "/clinic/south/login") {
		t.Errorf("%d %v", got.Code, got.Header())
	}
}

func TestVisitorHasNoScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if got := w.do("GET", "/clinic/north/scope", "").Body.String(); got != "false" {
		t.Error("a visitor's request has a scope")
	}
	if got := w.do("GET", "/clinic/north/scope", "nurse").Body.String(); got != "true" {
		t.Error("a member's request has no scope")
	}
}

func TestForgedPostIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 303, "none": 303} {
		got := w.do("POST", "/clinic/north/visits/1/call", "receptionist", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) })
		if got.Code != want {
			t.Errorf("%s: %d, want %d", site, got.Code, want)
		}
	}
	got := w.do("POST", "/clinic/north/visits/1/call", "receptionist", func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
	})
	if got.Code != 403 {
		t.Errorf("foreign origin: %d", got.Code)
	}
}

func TestAClinicBetweenVersionsIsNotAskedAnything(t *testing.T) {
	asked := false
	w := newWorld(t, func(o *Options) {
		o.Session = func(http.ResponseWriter, *http.Request, *tenants.Clinic) (*Who, error) { asked = true; return nil, nil }
	})
	for _, path := range []string{"/login", "/queue", "/account"} {
		if got := w.do("GET", "/clinic/migrating"+path, "receptionist"); got.Code != 503 || got.Header().Get("Retry-After") != "15" || asked {
			t.Errorf("%s: %d, Retry-After %q, asked for a session: %v", path, got.Code, got.Header().Get("Retry-After"), asked)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := httptest.NewRequest("POST", "/clinic/north/visits/1/call", strings.NewReader("x="+strings.Repeat("y", 100)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Test-Role", "receptionist")
	rec := httptest.NewRecorder()
	w.rt.ServeHTTP(rec, r)
	if rec.Code != 413 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestStrictLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.StrictPerMinute = 3 })
	for i := range 5 {
		got := w.do("POST", "/clinic/north/login", "")
		if want := map[bool]int{true: 200, false: 429}[i < 3]; got.Code != want {
			t.Errorf("try %d: %d, want %d", i+1, got.Code, want)
		}
		if got.Code == 429 && got.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if got := w.do("POST", "/clinic/north/login", "", func(r *http.Request) { r.RemoteAddr = "192.0.2.9:1" }); got.Code != 200 {
		t.Errorf("another address is limited too: %d", got.Code)
	}
}

func TestHeadersAndCompression(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got := w.do("GET", "/clinic/north/queue", "receptionist", func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, br") })
	h := got.Header()
	if h.Get("Content-Security-Policy") != CSP || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" {
		t.Errorf("headers: %v", h)
	}
	if h.Get("Content-Encoding") != "gzip" || got.Body.Len() > 300 || !strings.Contains(h.Get("Vary"), "HX-Request") {
		t.Errorf("not compressed: %v, %d bytes", h, got.Body.Len())
	}
	if strings.Contains(CSP, "unsafe") || strings.Contains(CSP, "data:") || strings.Contains(CSP, "*") {
		t.Error("the policy is not strict")
	}
}

func TestHTMXRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got := w.do("POST", "/clinic/north/visits/1/call", "receptionist", func(r *http.Request) { r.Header.Set("HX-Request", "true") })
	if got.Code != 200 || got.Header().Get("HX-Redirect") != "/clinic/north/queue" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
}

func TestAddressBehindProxies(t *testing.T) {
	t.Parallel()
	rt := &Router{opt: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, c := range [][3]string{
		{"198.51.100.7:5", "203.0.113.9", "198.51.100.7"},
		{"10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"10.0.0.1:5", "nonsense", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5", "2001:db8::1", "2001:db8::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c[0]
		r.Header.Set("X-Forwarded-For", c[1])
		if got := rt.address(r); got != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestSafeNext(t *testing.T) {
	t.Parallel()
	root := "/clinic/north/"
	for next, want := range map[string]string{
		"/clinic/north/queue?state=waiting": "/clinic/north/queue?state=waiting", "": root, "/clinic/south/queue": root, "https://evil.example/clinic/north/": root,
		"//evil.example": root, `/\evil.example`: root, "/clinic/north/../../x": root, "javascript:alert(1)": root, "/clinic/northern/x": root, "/clinic/north//evil": root,
	} {
		if got := SafeNext(next, root); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func FuzzSafeNext(f *testing.F) {
	f.Add("/clinic/north/queue")
	f.Add("//x")
	f.Fuzz(func(t *testing.T, next string) {
		if got := SafeNext(next, "/clinic/north/"); !strings.HasPrefix(got, "/clinic/north/") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

func TestRowsMustSayWhoComesIn(t *testing.T) {
	t.Parallel()
	ok := write("")
	for name, row := range map[string]Route{
		"no gate":               {Method: "GET", Path: "/x", Handler: ok},
		"no handler":            {Method: "GET", Path: "/x", Gate: Public},
		"method":                {Method: "PUT", Path: "/x", Gate: Public, Handler: ok},
		"member outside":        {Method: "GET", Path: "/x", Gate: Member, Handler: ok},
		"public inside":         {Method: "GET", Path: ClinicPath + "/x", Gate: Public, Handler: ok},
		"unknown capability":    {Method: "GET", Path: ClinicPath + "/x", Gate: Capable, Capability: "no.such", Handler: ok},
		"capability not held":   {Method: "GET", Path: ClinicPath + "/x", Gate: Member, Capability: access.QueueView, Handler: ok},
		"member from anywhere":  {Method: "POST", Path: ClinicPath + "/x", Gate: Member, Anywhere: true, Handler: ok},
		"reading from anywhere": {Method: "GET", Path: ClinicPath + "/x", Gate: Visitor, Anywhere: true, Handler: ok},
		"slash":                 {Method: "GET", Path: "x", Gate: Public, Handler: ok},
	} {
		if err := checkAll([]Route{row}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	row := Route{Method: "GET", Path: "/x", Gate: Public, Handler: ok}
	if err := checkAll([]Route{row, row}); err == nil {
		t.Error("a row twice is accepted")
	}
}
