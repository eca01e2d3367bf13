package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
)

func TestOneClinicsArchiveByCommands(t *testing.T) {
	t.Parallel()
	env, db := installed(t)
	env = append(env, "CLOISTER_STATE_DIR="+t.TempDir())
	file := filepath.Join(t.TempDir(), "alpha.cloister")
	for _, step := range []struct {
		env  []string
		args []string
		code int
		says []string
	}{
		{env, []string{"backup", "export", file}, exitFailed, []string{"clinic"}},
		{env, []string{"backup", "export", "--clinic", "nobody", file}, exitFailed, []string{"no clinic with the slug"}},
		{env, []string{"backup", "export", "--clinic", "alpha", "--recipient", "age1no", file}, exitUsage, []string{"--recipient: is no age public key"}},
		{env, []string{"backup", "verify", file}, exitUsage, []string{"no such file"}},
		{env, []string{"backup", "export", "--clinic", "alpha", file}, exitOK, []string{"Alpha Clinic (alpha)", "3 documents have no file"}},
		{env, []string{"backup", "export", "--clinic", "alpha", file}, exitUsage, []string{"--force"}},
		// Offline: the master key, and no database.
		{env[1:], []string{"backup", "verify", file}, exitOK, []string{"every digest is right", "by this installation"}},
		{[]string{keys.EnvKey + "=" + keys.Generate()}, []string{"backup", "verify", file}, exitUsage, []string{"locked for somebody else"}},
		{env, []string{"backup", "diff", file, "--clinic", "alpha", "--exit-code"}, exitOK, []string{"Nothing was lost"}},
		{env, []string{"backup", "restore", file}, exitUsage, []string{"--as: "}},
		{env, []string{"backup", "restore", file, "--as", "alpha"}, exitUsage, []string{"--as: is taken"}},
		{env, []string{"backup", "restore", file, "--as", "Not A Slug"}, exitUsage, []string{"--as: may have"}},
		{env, []string{"backup", "restore", file, "--as", "alpha-two", "--pace", "101"}, exitUsage, []string{"--pace: must be"}},
		{env, []string{"backup", "restore", file, "--as", "alpha-two", "--pace", "100"}, exitOK, []string{"alpha-two", "is a clinic now", "/clinic/alpha-two"}},
		{env, []string{"backup", "restore", file, "--replace", "--confirm", "beta"}, exitUsage, []string{"--confirm: must be"}},
		{env, []string{"backup", "restore", file, "--replace", "--confirm", "alpha", "--pace", "100"}, exitOK, []string{"is as it was"}},
		{env, []string{"backup", "clone", "--clinic", "alpha", "--as", "alpha-test", "--scrub", "--pace", "100"}, exitOK, []string{"Made-up clinic", "/clinic/alpha-test/password/"}},
		{env, []string{"clinic", "list"}, exitOK, []string{"alpha-two", "alpha-test"}},
		{env, []string{"migrate", "status"}, exitOK, []string{"4 schemas, 0 behind"}},
	} {
		code, stdout, stderr := program(t, step.env, step.args...)
		if code != step.code {
			t.Errorf("%v: exit %d, want %d", step.args, code, step.code)
		}
		for _, says := range step.says {
			if !strings.Contains(stdout+stderr, says) {
				t.Errorf("%v does not say %q:\n%s%s", step.args, says, stdout, stderr)
			}
		}
	}
	code, stdout, _ := program(t, env[1:], "backup", "verify", "--json", file)
	var v struct {
		Content struct{ Tables []struct{ Rows int } }
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != exitOK || len(v.Content.Tables) < 30 {
		t.Errorf("exit %d, %v, %s", code, err, stdout)
	}
	db.Exec(t, "set session_replication_role = replica; update clinic_alpha.departments set name = 'Changed'")
	if code, stdout, stderr := program(t, env, "backup", "diff", file, "--clinic", "alpha", "--exit-code"); code != exitFailed || !strings.Contains(stdout, "[name]") || strings.Contains(stdout+stderr, "Changed ") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
