package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/testkit/browser"
)

// TestBrowser uses the service in Chromium as reception, doctors and a waiting
// room's screen do.
func TestBrowser(t *testing.T) {
	t.Parallel()
	inBrowser(t, "desk.test.mjs", "display.test.mjs", "print.test.mjs", "consultation.test.mjs", "prescription.test.mjs", "share.test.mjs", "appointments.test.mjs", "documents.test.mjs", "merge.test.mjs")
}

// TestScreens looks at every screen, also an admin's and an operator's. Its
// service is its own, so that it can look while the other one is used.
func TestScreens(t *testing.T) {
	t.Parallel()
	inBrowser(t, "screens.test.mjs")
}

// inBrowser runs scripts against the whole service with its demo clinics on a
// database of its own. Each visitor comes from an address of their own, which is
// why the test's address is trusted to say so.
func inBrowser(t *testing.T, scripts ...string) {
	t.Helper()
	db := testkit.New(t)
	// The test world's operator has no password; the demo makes one who has.
	if _, err := testkit.Conn(t, db.Admin).Exec(t.Context(), "delete from platform.operators where email = $1", demo.OperatorEmail); err != nil {
		t.Fatal(err)
	}
	p := begin(t, []string{
		"DATABASE_URL=" + db.Admin, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + t.TempDir(),
		"PORT=0", "CLOISTER_POOL_CONNECTIONS=8", "CLOISTER_TRUSTED_PROXIES=127.0.0.0/8",
	}, "demo")
	t.Cleanup(func() { complaints(t, p.errs.String()) })
	base := p.out.await(t, `Cloister is ready: (\S+)`)
	browser.Run(t, []string{"CLOISTER_URL=" + base, "CLOISTER_PASSWORD=" + demo.Password, "CLOISTER_OPERATOR=" + demo.OperatorEmail}, scripts...)
	p.end(t)
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
