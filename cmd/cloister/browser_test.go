package main

import (
	"context"
	"encoding/base64"
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
// Each visitor comes from an address of their own, which is why the test's address
// is trusted to say so.
func inBrowser(t *testing.T, scripts ...string) {
	t.Helper()
	p := begin(t, demoEnv(t, demoDatabaseOf(t).Admin), "demo")
	t.Cleanup(func() { complaints(t, p.errs.String()) })
	base := p.out.await(t, `Cloister is ready: (\S+)`)
	browser.Run(t, []string{"CLOISTER_URL=" + base, "CLOISTER_PASSWORD=" + demo.Password, "CLOISTER_OPERATOR=" + demo.OperatorEmail}, scripts...)
	p.end(t)
}

// demoEnv is the environment of a demo on a database.
func demoEnv(t *testing.T, admin string) []string {
	t.Helper()
	return []string{
		"DATABASE_URL=" + admin, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + t.TempDir(),
		"PORT=0", "CLOISTER_POOL_CONNECTIONS=8", "CLOISTER_TRUSTED_PROXIES=127.0.0.0/8",
	}
}

// made tells this process's demo from those of others, whose code or day may be
// another.
var made = testkit.HashOf(strconv.Itoa(os.Getpid()), time.Now().String())

// demoDatabaseOf gives the test a database with the demo's clinics, which are
// made once for all tests.
func demoDatabaseOf(t *testing.T) *testkit.DB {
	t.Helper()
	return testkit.Copy(t, testkit.Template{Name: "demo", Hash: made, Build: func(_ context.Context, dsn string) error {
		p := begin(t, demoEnv(t, dsn), "demo")
		p.out.await(t, `Cloister is ready: (\S+)`)
		p.end(t)
		return nil
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
