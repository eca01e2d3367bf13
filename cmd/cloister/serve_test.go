package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
)

// output is a buffer that a program writes while the test reads.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await reads until the program has written what the pattern says.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("no %s in\n%s", pattern, o.String())
	return ""
}

// running is a program under test.
type running struct {
	out, errs output
	stop      context.CancelFunc
	code      chan int
}

func begin(t *testing.T, env []string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &running{stop: stop, code: make(chan int, 1)}
	go func() { p.code <- run(ctx, args, env, &p.out, &p.errs) }()
	return p
}

// end stops the program as Ctrl-C does.
func (p *running) end(t *testing.T) {
	t.Helper()
	p.stop()
	select {
	case code := <-p.code:
		if code != exitOK {
			t.Errorf("a stop ended with %d\n%s", code, p.errs.String())
		}
	case <-time.After(time.Minute):
		t.Errorf("does not stop\n%s", p.errs.String())
	}
}

// installation is the environment of a service on a test's database.
func installation(t *testing.T, db *testkit.DB) []string {
	t.Helper()
	return []string{
		"CLOISTER_APP_URL=" + db.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey),
		"CLOISTER_STATE_DIR=" + t.TempDir(), "PORT=0", "CLOISTER_POOL_CONNECTIONS=2",
	}
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestServe(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := l.Addr().String()
	_ = l.Close() // the service takes it over
	p := begin(t, append(installation(t, db), "CLOISTER_METRICS_ADDRESS="+metrics), "serve")
	base := "http://" + p.errs.await(t, `"address":"([^"]+)"`)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/healthz":             {200, `"status":"ok"`},
		"/readyz":              {200, `"status":"ready"`},
		"/metrics":             {404, "<html"},
		"/dev/ui":              {404, "<html"}, // only in development
		"/clinic/nowhere/home": {404, "<html"},
	} {
		if status, body := fetch(t, base+path); status != want.status || !strings.Contains(body, want.text) {
			t.Errorf("%s: %d %.80s", path, status, body)
		}
	}
	if status, body := fetch(t, "http://"+metrics+"/metrics"); status != 200 || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %d %.80s", status, body)
	}
	port := base[strings.LastIndex(base, ":")+1:]
	if code, out, errs := program(t, []string{"PORT=" + port}, "health", "--ready"); code != exitOK {
		t.Errorf("health: %d %s%s", code, out, errs)
	}
	p.end(t)
	if !strings.Contains(p.errs.String(), "finishing the requests under way") {
		t.Errorf("no word of the stop:\n%s", p.errs.String())
	}
}

func TestServeWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	wrong, err := pg.Login(db.App, "cloister_app", "wrong")
	if err != nil {
		t.Fatal(err)
	}
	env := installation(t, db)
	for _, c := range []struct {
		change string
		code   int
		says   string
	}{
		{"CLOISTER_APP_URL=" + wrong, exitDatabase, "refuses this user or password"},
		{"CLOISTER_APP_URL=postgres://u:hunter2@127.0.0.1:1/x", exitDatabase, "connection refused"},
		{"CLOISTER_APP_URL=", exitConfig, "CLOISTER_APP_URL: is missing"},
		{"CLOISTER_MASTER_KEY=", exitConfig, "no master key"},
		{"CLOISTER_MASTER_KEY=hunter2", exitConfig, "must be 32 bytes"},
		{"CLOISTER_SMTP_URL=ftp://hunter2@x", exitConfig, "CLOISTER_SMTP_URL"},
	} {
		code, _, errs := program(t, append(env[:len(env):len(env)], c.change), "serve")
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(errs, "hunter2") {
			t.Errorf("%s: exit %d, want %d and %q\n%s", fmt.Sprintf("%.20s", c.change), code, c.code, c.says, errs)
		}
	}
}
