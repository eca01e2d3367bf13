package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/google/go-cmp/cmp"
)

func TestTheTableOfVariablesIsTheConfig(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	fields, err := env.GetFieldParams(&config{})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range fields {
		want = append(want, fmt.Sprintf("%s = %s", f.Key, f.DefaultValue))
	}
	row := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([^|]*) \\|")
	program, _, _ := strings.Cut(string(raw), "## For tests and builds")
	for _, m := range row.FindAllStringSubmatch(program, -1) {
		got = append(got, fmt.Sprintf("%s = %s", m[1], strings.Trim(strings.TrimSpace(m[2]), "`")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/configuration.md (+) is not cmd/cloister/config.go (-):\n%s", diff)
	}
}

func TestTheTableOfExitCodesIsTheProgram(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for code := exitOK; code <= exitDatabase; code++ {
		if !strings.Contains(string(raw), fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("docs/cli.md has no row for exit code %d", code)
		}
	}
}

func TestWrongConfigurationIsNamedWhole(t *testing.T) {
	t.Parallel()
	_, err := loadConfig([]string{"PORT=8o8o", "CLOISTER_LOG_LEVEL=loud", "CLOISTER_SHUTDOWN_WAIT=20", "CLOISTER_LOG_FORMAT=xml",
		"CLOISTER_MASTER_KEY=hunter2", "CLOISTER_MASTER_KEY_FILE=/etc/key", "CLOISTER_LOG_KEEP=0",
		"CLOISTER_BASE_URL=clinics.example", "CLOISTER_TRUSTED_PROXIES=ten", "CLOISTER_METRICS_ADDRESS=9090", "CLOISTER_POOL_PLAIN=si"})
	var ce *configError
	if !errors.As(err, &ce) {
		t.Fatalf("error: %v", err)
	}
	for _, name := range []string{"PORT: must be a whole number", "CLOISTER_LOG_LEVEL: must be error", "CLOISTER_SHUTDOWN_WAIT: must be a duration",
		"CLOISTER_LOG_FORMAT: must be auto", "CLOISTER_MASTER_KEY: is set together", "CLOISTER_LOG_KEEP: must be at least 1",
		"CLOISTER_BASE_URL: must be like", "CLOISTER_TRUSTED_PROXIES: must be networks", "CLOISTER_METRICS_ADDRESS: must be host:port", "CLOISTER_POOL_PLAIN: must be true"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("no word of %q in\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "8o8o") {
		t.Errorf("the error quotes a value:\n%v", err)
	}
}

func TestDefaultsAndEmptyVariables(t *testing.T) {
	t.Parallel()
	bare, err := loadConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := loadConfig([]string{"PORT=", "CLOISTER_LOG_LEVEL=", "DATABASE_URL="})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bare, empty); diff != "" {
		t.Errorf("empty variables are not like absent ones: %s", diff)
	}
	if bare.address() != "127.0.0.1:8080" {
		t.Errorf("listens on %s", bare.address())
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	c, err := loadConfig([]string{"DATABASE_URL=postgres://u:hunter2@h/d", "CLOISTER_MASTER_KEY=hunter2", "CLOISTER_APP_PASSWORD=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "hunter2") {
			t.Errorf("%s shows a secret: %s", verb, s)
		}
	}
}

func TestTheLogGoesToItsFileAndTurns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := loadConfig([]string{"CLOISTER_LOG_FILE=" + filepath.Join(dir, "cloister.log"), "CLOISTER_LOG_MAX_MB=1"})
	if err != nil {
		t.Fatal(err)
	}
	log, closeLog := newLog(c, nil)
	line := strings.Repeat("x", 64<<10)
	for range 20 {
		log.Info(line)
	}
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	// The one turned away is compressed behind the program's back.
	var files []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if files, err = filepath.Glob(filepath.Join(dir, "*")); err != nil {
			t.Fatal(err)
		}
		if len(files) == 2 && slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, ".gz") }) {
			break
		}
	}
	if len(files) != 2 {
		t.Errorf("more than a megabyte, and what was turned away, in %v", files)
	}
	raw, err := os.ReadFile(c.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(raw), `{"level":"info","message":"xxx`) {
		t.Errorf("a line begins %.60s", raw)
	}
}

// Containers get the same variables as the program without them.
func TestContainersUseTheSameVariables(t *testing.T) {
	t.Parallel()
	fields, err := env.GetFieldParams(&config{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"POSTGRES_DB": true, "POSTGRES_PASSWORD": true, "POSTGRES_INITDB_ARGS": true, "CLOISTER_VERSION": true}
	for _, f := range fields {
		known[f.Key] = true
	}
	for file, variable := range map[string]string{
		"docker-compose.yml": `(?m)^ +([A-Z][A-Z_]+): |\$\{([A-Z_]+)`,
		"Dockerfile":         `(?m)(?:^ENV| )\b([A-Z][A-Z_]+)=`,
	} {
		raw, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(variable).FindAllStringSubmatch(string(raw), -1)
		if len(found) < 4 {
			t.Errorf("%s: only %d variables", file, len(found))
		}
		for _, m := range found {
			name := strings.Join(m[1:], "")
			if !known[name] && name != "VERSION" && name != "CGO_ENABLED" {
				t.Errorf("%s sets %s, which the program doesn't read", file, name)
			}
		}
	}
}
