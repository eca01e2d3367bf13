package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/testkit"
)

// The route matrix: every row of the service for everybody who might come,
// through the real router over a real database. What a row lets in is the
// row's and the grants' to say; this test holds the answers against both, and
// that nobody outside gets anything changed or told.

// site is the service over a test world, with one living session of every
// staff role in both clinics.
type site struct {
	*app
	db     *testkit.DB
	folder string // of its state
	client atomic.Uint32
}

func newSite(t testing.TB, env ...string) *site {
	t.Helper()
	s := &site{db: testkit.New(t), folder: t.TempDir()}
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		tx := s.db.As(t, c, access.Owner)
		for _, r := range access.StaffRoles() {
			hash := sha256.Sum256(sessionToken(c, r))
			if _, err := tx.Exec(t.Context(), "insert into sessions (id, user_id, token_hash) values ($1, $2, $3)", uuid.New(), testkit.StaffID(r), hash[:]); err != nil {
				t.Fatal(err)
			}
		}
		// A patient that only this clinic has, named by the clinic's own id.
		if _, err := tx.Exec(t.Context(), "insert into patients (id, first_name, registered_on) values ($1, 'Only', now())", c.ID); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		jobs := s.db.As(t, c, access.Jobs)
		if _, err := jobs.Exec(t.Context(), "insert into visits (id, patient_id, doctor_id, day, kind, state, arrived_at) values ($1, $1, $2, now(), 'routine', 'waiting', now())", c.ID, testkit.Doctor); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.Exec(t.Context(), "insert into tokens (id, visit_id) values ($1, $1)", c.ID); err != nil {
			t.Fatal(err)
		}
		if err := jobs.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c, err := loadConfig(append([]string{
		"CLOISTER_APP_URL=" + s.db.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey),
		"CLOISTER_STATE_DIR=" + s.folder, "CLOISTER_TRUSTED_PROXIES=192.0.2.0/24", "CLOISTER_POOL_CONNECTIONS=4",
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	if s.app, err = newApp(t.Context(), c, &health{stopping: t.Context().Done(), log: log}, nil, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close(context.Background()) })
	return s
}

func sessionToken(c testkit.Clinic, r access.Role) []byte {
	sum := sha256.Sum256([]byte("session of " + c.Slug + " " + string(r)))
	return sum[:]
}

// ask sends a request as a browser would, with the session of a role of a
// clinic, or without one where role is empty.
func (s *site) ask(method, path string, c testkit.Clinic, role access.Role) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r := httptest.NewRequest(method, path, strings.NewReader(""))
	n := s.client.Add(1) // an address of its own, so that no limit is met
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", n/256%256, n%256))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if role != "" {
		r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(c, role))})
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r.WithContext(ctx))
	return w
}

var pathVar = regexp.MustCompile(`\{[a-z]+\}`)

// address fills a row's path: the clinic's slug, and an id for the rest.
func address(row httpx.Route, slug, id string) string {
	path := strings.Replace(row.Path, "{clinic}", slug, 1)
	return pathVar.ReplaceAllString(path, id)
}

// told is an answer without what differs from request to request.
func told(w *httptest.ResponseRecorder) string {
	h := w.Header().Clone()
	h.Del("X-Request-Id")
	return fmt.Sprint(w.Code, h, w.Body)
}

// state is a digest of everything that a clinic holds, its trail included.
func (s *site) state(t *testing.T, c testkit.Clinic) string {
	t.Helper()
	conn := testkit.Conn(t, s.db.Admin)
	var all bytes.Buffer
	rows, err := conn.Query(t.Context(), `select relname::text from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by 1`, c.Schema)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var sum *string
		if err := conn.QueryRow(t.Context(), "select md5(string_agg(x::text, '|' order by x::text)) from "+c.Schema+"."+table+" x").Scan(&sum); err != nil {
			t.Fatal(err)
		}
		if sum != nil {
			fmt.Fprintln(&all, table, *sum)
		}
	}
	return all.String()
}

func clinicRows(s *site) []httpx.Route {
	var out []httpx.Route
	for _, row := range s.router.Routes() {
		if strings.HasPrefix(row.Path, httpx.ClinicPath) {
			out = append(out, row)
		}
	}
	return out
}

// Without a session no row but a visitor's opens, nothing changes, and a
// clinic that does not exist answers like every other that does not.
func TestRoutesForNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := s.state(t, testkit.Alpha)
	unknown := told(s.ask("GET", "/clinic/nobodys/queue", testkit.Alpha, ""))
	for _, row := range clinicRows(s) {
		name := row.Method + " " + row.Path
		if got := told(s.ask(row.Method, address(row, "nobodys", testkit.Visit.String()), testkit.Alpha, access.ClinicAdmin)); row.Method == "GET" && got != unknown {
			t.Errorf("%s of an unknown clinic differs from another unknown clinic's:\n%.300s", name, got)
		}
		if row.Gate == httpx.Visitor {
			continue
		}
		got := s.ask(row.Method, address(row, "alpha", testkit.Visit.String()), testkit.Alpha, "")
		switch {
		case row.Method == "GET" && !row.Stream && got.Code == http.StatusSeeOther && strings.HasPrefix(got.Header().Get("Location"), "/clinic/alpha/login"):
		case got.Code == http.StatusUnauthorized:
		case row.Stream && got.Code == http.StatusSeeOther:
		default:
			t.Errorf("%s without a session: %d %s", name, got.Code, got.Header().Get("Location"))
		}
	}
	if s.state(t, testkit.Alpha) != before {
		t.Error("somebody without a session changed something")
	}
}

// A role meets exactly the rows whose capability the grants give it.
func TestRoutesForEveryRole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	can, err := s.app.db.Rights(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, row := range clinicRows(s) {
		if row.Gate != httpx.Capable || row.Stream {
			continue
		}
		for _, role := range access.StaffRoles() {
			got := s.ask(row.Method, address(row, "alpha", testkit.Beta.ID.String()), testkit.Alpha, role)
			tried++
			if allowed := can.Can(role, row.Capability); allowed == (got.Code == http.StatusForbidden) || got.Code == http.StatusUnauthorized {
				t.Errorf("%s %s as %s: %d, the grants say %v", row.Method, row.Path, role, got.Code, allowed)
			}
			if got.Code >= 500 {
				t.Errorf("%s %s as %s: %d", row.Method, row.Path, role, got.Code)
			}
		}
	}
	t.Logf("%d rows and roles tried", tried)
}

// A session of one clinic is nothing at another, and an id of the other
// clinic's is not found in the own, byte for byte like one that nobody has.
func TestRoutesAcrossClinics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	beta := s.state(t, testkit.Beta)
	nobodys := uuid.New().String()
	for _, row := range clinicRows(s) {
		name := row.Method + " " + row.Path
		if row.Gate != httpx.Visitor {
			got := s.ask(row.Method, address(row, "beta", testkit.Visit.String()), testkit.Alpha, access.ClinicAdmin)
			if got.Code != http.StatusUnauthorized && got.Code != http.StatusSeeOther {
				t.Errorf("%s at the other clinic with one's own session: %d", name, got.Code)
			}
		}
		if row.Stream || !strings.Contains(row.Path, "{id}") {
			continue
		}
		for _, role := range access.StaffRoles() {
			foreign := s.ask(row.Method, address(row, "alpha", testkit.Beta.ID.String()), testkit.Alpha, role)
			missing := s.ask(row.Method, address(row, "alpha", nobodys), testkit.Alpha, role)
			a, b := strings.ReplaceAll(told(foreign), testkit.Beta.ID.String(), "ID"), strings.ReplaceAll(told(missing), nobodys, "ID")
			if a != b && !sameButKeys(a, b) {
				t.Errorf("%s as %s tells the other clinic's record from one that nobody has:\n%.400s\n%.400s", name, role, a, b)
			}
		}
	}
	if s.state(t, testkit.Beta) != beta {
		t.Error("a session of alpha changed something at beta")
	}
}

var formKeys = regexp.MustCompile(`name="_once" value="[^"]*"`)

// sameButKeys compares two pages without the keys of their forms.
func sameButKeys(a, b string) bool {
	return formKeys.ReplaceAllString(a, "") == formKeys.ReplaceAllString(b, "")
}

// Nothing is changed by GET: a changing row does not answer to it, and no
// reading row leaves a trace but views on the trail.
func TestRoutesChangeNothingByReading(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	reading := map[string]bool{}
	for _, row := range s.router.Routes() {
		if row.Method == http.MethodGet {
			reading[row.Path] = true
		}
	}
	for _, row := range clinicRows(s) {
		if row.Method == http.MethodPost && !reading[row.Path] {
			if got := s.ask("GET", address(row, "alpha", testkit.Alpha.ID.String()), testkit.Alpha, access.Receptionist); got.Code != http.StatusNotFound && got.Code != http.StatusSeeOther && !covered(s, row) {
				t.Errorf("GET %s answers %d", row.Path, got.Code)
			}
		}
	}
	without := func() string {
		var kept []string
		for _, l := range strings.Split(s.state(t, testkit.Alpha), "\n") {
			if !strings.HasPrefix(l, "trail ") && !strings.HasPrefix(l, "sessions ") && !strings.HasPrefix(l, "users ") {
				kept = append(kept, l)
			}
		}
		return strings.Join(kept, "\n")
	}
	before := without()
	for _, row := range clinicRows(s) {
		if row.Method != http.MethodGet || row.Stream {
			continue
		}
		for _, role := range access.StaffRoles() {
			if got := s.ask("GET", address(row, "alpha", testkit.Alpha.ID.String()), testkit.Alpha, role); got.Code >= 500 {
				t.Errorf("GET %s as %s: %d", row.Path, role, got.Code)
			}
		}
	}
	if after := without(); after != before {
		t.Errorf("reading changed:\n%s\n%s", before, after)
	}
}

// covered reports whether a reading row with a variable takes the address of a
// changing one, such as /visits/{id} for /visits/export.
func covered(s *site, row httpx.Route) bool {
	for _, other := range s.router.Routes() {
		if other.Method == http.MethodGet && strings.Count(other.Path, "/") == strings.Count(row.Path, "/") && other.Path != row.Path &&
			strings.HasPrefix(row.Path, strings.SplitN(other.Path, "{id}", 2)[0]) && strings.HasSuffix(other.Path, "}") {
			return true
		}
	}
	return false
}

// A suspended clinic lets nobody work, and only its admin further than the door.
func TestRoutesOfASuspendedClinic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tx := s.db.As(t, testkit.Alpha, access.Owner)
	if _, err := tx.Exec(t.Context(), "update platform.clinics set status = 'suspended', status_reason = 'unpaid' where id = $1", testkit.Alpha.ID); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Sessions that a request would note as alive, were it let in.
	s.db.Exec(t, "set session_replication_role = replica; update clinic_alpha.sessions set last_seen_at = now() - interval '5 minutes'")
	before := s.state(t, testkit.Alpha)
	for _, row := range clinicRows(s) {
		if row.Closed || row.Stream {
			continue
		}
		for _, role := range []access.Role{access.Doctor, access.Receptionist} {
			if got := s.ask(row.Method, address(row, "alpha", testkit.Alpha.ID.String()), testkit.Alpha, role); got.Code != http.StatusForbidden {
				t.Errorf("%s %s of a suspended clinic as %s: %d", row.Method, row.Path, role, got.Code)
			}
		}
	}
	if s.state(t, testkit.Alpha) != before {
		t.Error("something was changed in a suspended clinic")
	}
}
