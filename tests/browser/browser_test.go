// Package browser_test uses the service in Chromium: the scripts beside it say as
// what, and what must hold.
package browser_test

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/testkit/browser"
)

// TestDesk uses the service in Chromium as reception, a waiting room's screen and
// a patient with a link do.
func TestDesk(t *testing.T) {
	t.Parallel()
	inBrowser(t, "desk.test.mjs", "display.test.mjs", "print.test.mjs", "share.test.mjs", "appointments.test.mjs", "documents.test.mjs", "merge.test.mjs")
}

// TestRoom uses it as nurses and doctors do.
func TestRoom(t *testing.T) {
	t.Parallel()
	inBrowser(t, "consultation.test.mjs", "prescription.test.mjs")
}

// TestScreens looks at every screen, also an admin's and an operator's. Its
// service is its own, so that it can look while the others are used.
func TestScreens(t *testing.T) {
	t.Parallel()
	inBrowser(t, "screens.test.mjs")
}

// inBrowser runs scripts against the whole service on demo clinics of its own.
func inBrowser(t *testing.T, scripts ...string) {
	t.Helper()
	s := newService(t, demoDatabase(t).Admin)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		complaints(t, s.output())
	})
	browser.Run(t, []string{"CLOISTER_URL=" + s.base, "CLOISTER_PASSWORD=" + demo.Password, "CLOISTER_OPERATOR=" + demo.OperatorEmail}, scripts...)
}

// made tells this process's demo from those of others, whose code or day may be
// another.
var made = testkit.HashOf(strconv.Itoa(os.Getpid()), time.Now().String())

// demoDatabase gives the test a database with the demo's clinics, which are
// made once for all tests.
func demoDatabase(t *testing.T) *testkit.DB {
	t.Helper()
	return testkit.Copy(t, testkit.Template{Name: "demo", Hash: made, Build: func(_ context.Context, dsn string) error {
		s := newService(t, dsn)
		if err := s.start(); err != nil {
			return err
		}
		return s.stop()
	}})
}

// complaints shows, after a failure, what the service said of itself: not the
// requests that it answered well.
func complaints(t *testing.T, log string) {
	t.Helper()
	if !t.Failed() {
		return
	}
	var told []string
	for line := range strings.Lines(log) {
		var said struct {
			Level  string
			Status int
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Level != "info" || said.Status >= 500 {
			told = append(told, line)
		}
	}
	t.Logf("what the service complained of:\n%s", strings.Join(told[max(0, len(told)-20):], ""))
}
