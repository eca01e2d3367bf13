package main

import (
	"bufio"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/web"
)

// at puts a clinic's schema at a version, as a migration's last statement does,
// and waits until the service has heard of it.
func (s *site) at(t *testing.T, c testkit.Clinic, version int64, applied ...int64) {
	t.Helper()
	heard, stop := s.app.db.Subscribe(c.ID)
	defer stop()
	tx := s.db.As(t, c, access.Owner)
	for _, v := range applied {
		if _, err := tx.Exec(t.Context(), "insert into platform.migrations (clinic_id, version) values ($1, $2)", c.ID, v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Exec(t.Context(), "update platform.schemas set version = $2 where clinic_id = $1", c.ID, version); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(20 * time.Second):
		t.Fatal("the service was not told of the clinic's version")
	}
}

// TestClinicsAtOtherVersions: one migration behind or ahead a clinic works, further
// it answers 503 on every route, and its neighbour works on.
func TestClinicsAtOtherVersions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	known := db.TenantVersions()
	newest, before, older := known[len(known)-1], known[len(known)-2], known[len(known)-3]
	queue := func(c testkit.Clinic, want int) {
		t.Helper()
		if got := s.ask("GET", "/clinic/"+c.Slug+"/queue", c, access.Receptionist); got.Code != want {
			t.Errorf("%s answers %d, not %d: %.300s", c.Slug, got.Code, want, got.Body)
		}
	}
	queue(testkit.Alpha, http.StatusOK)
	s.at(t, testkit.Alpha, before)
	queue(testkit.Alpha, http.StatusOK)
	s.at(t, testkit.Alpha, newest+1, newest+1)
	queue(testkit.Alpha, http.StatusOK)
	s.at(t, testkit.Alpha, newest+3, newest+3)
	queue(testkit.Alpha, http.StatusServiceUnavailable)
	s.at(t, testkit.Alpha, newest)
	queue(testkit.Alpha, http.StatusOK)

	stream := s.listen(t, "/clinic/alpha/queue/events", testkit.Alpha, access.Receptionist)
	s.at(t, testkit.Alpha, older)
	stream.ended(t)
	queue(testkit.Alpha, http.StatusServiceUnavailable)
	queue(testkit.Beta, http.StatusOK)
	unchanged := s.state(t, testkit.Alpha)
	for _, row := range clinicRows(s) {
		got := s.ask(row.Method, address(row, "alpha", testkit.Visit.String()), testkit.Alpha, access.ClinicAdmin)
		if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "15" {
			t.Errorf("%s %s: %d, Retry-After %q", row.Method, row.Path, got.Code, got.Header().Get("Retry-After"))
		}
		if !strings.Contains(got.Body.String(), "This clinic is being updated") || strings.Contains(got.Body.String(), testkit.Alpha.Name) {
			t.Errorf("%s %s says %.400s", row.Method, row.Path, got.Body)
		}
		if display := strings.Contains(row.Path, "/display/"); display != (got.Header().Get("Refresh") == "15") {
			t.Errorf("%s %s: Refresh %q", row.Method, row.Path, got.Header().Get("Refresh"))
		}
	}
	if s.state(t, testkit.Alpha) != unchanged {
		t.Error("something was changed in a clinic that is not served")
	}
	for lang, word := range map[string]string{"hi": "अपडेट किया जा रहा", "mr": "अपडेट होत आहे"} {
		if got := s.askIn(lang, "/clinic/alpha/login"); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), word) ||
			!strings.Contains(got.Body.String(), `name="back" value="/clinic/alpha/login"`) {
			t.Errorf("%s: %d %.600s", lang, got.Code, got.Body)
		}
	}
	s.at(t, testkit.Alpha, newest)
	queue(testkit.Alpha, http.StatusOK)
}

// askIn is ask for a visitor who chose a language.
func (s *site) askIn(lang, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.AddCookie(&http.Cookie{Name: web.LangCookie, Value: lang})
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

// listening is a stream that somebody hears.
type listening struct{ done chan struct{} }

// listen opens a stream and waits for its first event.
func (s *site) listen(t *testing.T, path string, c testkit.Clinic, role access.Role) *listening {
	t.Helper()
	server := httptest.NewServer(s.router)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "cloister", Value: base64.RawURLEncoding.EncodeToString(sessionToken(c, role))})
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Body.Close() })
	lines := bufio.NewReader(got.Body)
	if first, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(first, "id: ") {
		t.Fatalf("the stream begins with %q, %v", first, err)
	}
	l := &listening{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		_, _ = io.Copy(io.Discard, lines) // ends with the stream
	}()
	return l
}

// ended waits for the end of the stream.
func (l *listening) ended(t *testing.T) {
	t.Helper()
	select {
	case <-l.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream goes on")
	}
}
