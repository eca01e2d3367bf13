package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/demo"
)

// stateFolder is one that the private server's account can enter, which those
// of t.TempDir are not when the tests run as root.
func stateFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cloister-demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDemo(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	env := []string{"CLOISTER_STATE_DIR=" + state, "PORT=0", "CLOISTER_PG_BIN=" + os.Getenv("CLOISTER_PG_BIN"), "CLOISTER_POOL_CONNECTIONS=2"}
	const ready, database = `Cloister is ready: (\S+)`, `Private Postgres \d+ on (\S+)`

	first := begin(t, env, "demo")
	base := first.out.await(t, ready)
	at := first.out.await(t, database)
	if out := first.out.String(); !strings.Contains(out, base+"/clinic/northside/login") || !strings.Contains(out, demo.Password) {
		t.Errorf("doesn't say how to sign in:\n%s", out)
	}
	for _, path := range []string{"/readyz", "/clinic/northside/login", "/clinic/southside/login", "/dev/ui"} {
		if status, body := fetch(t, base+path); status != 200 {
			t.Errorf("%s: %d %.80s", path, status, body)
		}
	}
	if code, _, errs := program(t, env, "demo", "reset"); code != exitFailed || !strings.Contains(errs, "still running") {
		t.Errorf("reset under a running demo: %d %s", code, errs)
	}
	first.end(t)
	pid := filepath.Join(state, "postgres", "data", "postmaster.pid")
	if _, err := os.Stat(pid); err == nil {
		t.Error("the private Postgres was left running")
	}
	key, err := os.Stat(filepath.Join(state, "master.key"))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("the master key's file: %v, %v", key, err)
	}

	second := begin(t, env, "demo")
	second.out.await(t, ready)
	if again := second.out.await(t, database); again != at {
		t.Errorf("the database moved from %s to %s", at, again)
	}
	second.end(t)

	if code, out, errs := program(t, env, "demo", "reset"); code != exitOK {
		t.Errorf("reset: %d %s%s", code, out, errs)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) != 0 {
		t.Errorf("left in the state folder: %v, %v", left, err)
	}
}

func TestDemoResetKeepsOffForeignDatabases(t *testing.T) {
	t.Parallel()
	code, _, errs := program(t, []string{"DATABASE_URL=postgres://x@127.0.0.1:1/y", "CLOISTER_STATE_DIR=" + t.TempDir()}, "demo", "reset")
	if code != exitUsage || !strings.Contains(errs, "DATABASE_URL") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestTheDemosKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	key := filepath.Join(state, "master.key")
	if _, err := demoKey(state); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := demoKey(state); err != nil { // kept, not made anew
		t.Fatal(err)
	}
	if two, err := os.ReadFile(key); err != nil || string(one) != string(two) {
		t.Errorf("the key changed: %v", err)
	}
}
