// Package browser runs the scripts of tests/browser, so that a plain go test
// proves the pages in a real Chromium as well.
//
// It is for tests only. Nothing is skipped: a program that is missing fails the
// test and is named. What the scripts check stands in the scripts.
package browser

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Env is the variable that names the Chromium to drive.
const Env = "CHROMIUM"

// names of Chromium, in the order in which they are tried. The shell, where a
// system has it, draws the same at half the cost.
var names = []string{
	"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// Run runs scripts of tests/browser, one after another, and fails the test with
// what they wrote when one fails. env is added to the environment.
func Run(t *testing.T, env []string, scripts ...string) {
	t.Helper()
	dir, err := folder()
	if err != nil {
		t.Fatal(err)
	}
	chromium, err := ready(dir)
	if err != nil {
		t.Fatalf("%v; make browser installs what the browser tests need", err)
	}
	// Reading them tells go test that its cached result depends on them.
	sources, err := filepath.Glob(filepath.Join(dir, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		if _, err := os.ReadFile(s); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"--test", "--test-concurrency=1", "--test-reporter=spec"}, scripts...)
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), Env+"="+chromium), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("node %v: %v", args, err)
	}
}

// ready gives the Chromium to drive, or says what is missing.
func ready(dir string) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", errors.New("node is missing (Node.js 20 or newer)")
	}
	if _, err := exec.LookPath("pdftotext"); err != nil {
		return "", errors.New("pdftotext is missing (poppler-utils)")
	}
	for _, m := range []string{"playwright-core", "axe-core"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", m)); err != nil {
			return "", fmt.Errorf("%s is missing in %s", m, dir)
		}
	}
	if own := os.Getenv(Env); own != "" {
		return own, nil
	}
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("no Chromium: none of %v, and %s is not set", names, Env)
}

// folder is tests/browser of the checkout that the test runs in.
func folder() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return filepath.Join(dir, "tests", "browser"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			err = errors.New("no go.mod above the test's folder")
		}
		dir = up
	}
	return "", err
}
