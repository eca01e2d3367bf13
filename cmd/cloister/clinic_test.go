package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
)

// installed is an environment with a database that is set up, and its database.
func installed(t *testing.T) ([]string, *testkit.DB) {
	t.Helper()
	db := testkit.New(t)
	return []string{"DATABASE_URL=" + db.Admin, keys.EnvKey + "=" + base64.StdEncoding.EncodeToString(testkit.MasterKey)}, db
}

func TestAClinicsLifeByCommands(t *testing.T) {
	t.Parallel()
	env, _ := installed(t)
	create := []string{"clinic", "create", "--name", "Asha Kiran Clinic", "--slug", "asha-kiran", "--admin-email", "admin@asha-kiran.example", "--city", "Pune"}
	for _, step := range []struct {
		args []string
		code int
		says []string
	}{
		{create, exitOK, []string{"made", "/clinic/asha-kiran", "trial until", "/clinic/asha-kiran/password/"}},
		{create, exitOK, []string{"nothing was changed"}},
		{[]string{"clinic", "create", "--slug", "Bad_Slug"}, exitUsage, []string{"--slug: ", "--name: is required", "--admin-email: is required"}},
		{[]string{"clinic", "create", "--name", "x", "--slug", "alpha", "--admin-email", "a@b.example"}, exitUsage, []string{"--slug: is taken"}},
		{[]string{"clinic", "list"}, exitOK, []string{"SLUG", "asha-kiran", "Pune"}},
		{[]string{"clinic", "show", "asha-kiran"}, exitOK, []string{"clinic_asha_kiran, assigned"}},
		{[]string{"clinic", "show", "nobody"}, exitFailed, []string{"no clinic with the slug"}},
		{[]string{"clinic", "suspend", "asha-kiran"}, exitUsage, []string{"--reason: is required"}},
		{[]string{"clinic", "suspend", "asha-kiran", "--reason", "unpaid"}, exitOK, []string{"is suspended"}},
		{[]string{"clinic", "resume", "asha-kiran"}, exitOK, []string{"is trial"}},
		{[]string{"clinic", "rename-slug", "asha-kiran", "asha"}, exitOK, []string{"(asha)"}},
		{[]string{"clinic", "archive", "asha"}, exitOK, []string{"is archived"}},
		{[]string{"clinic", "restore", "asha"}, exitOK, []string{"is trial"}},
		{[]string{"clinic", "delete", "asha"}, exitUsage, []string{"--confirm: must be the clinic's slug, asha"}},
		{[]string{"clinic", "delete", "asha", "--confirm", "asha", "--grace-days", "0"}, exitOK, []string{"is deleted", "Export it first"}},
		{[]string{"worker", "--once", "--spares", "1"}, exitOK, []string{"erased", "spare schemas"}},
		{[]string{"clinic", "restore", "asha"}, exitFailed, []string{"cannot be brought back"}},
		{[]string{"clinic", "spares", "--target", "1"}, exitOK, []string{"1 spare schemas are ready, 0 made"}},
		{[]string{"clinic", "spares", "--target", "-1"}, exitUsage, []string{"--target: "}},
	} {
		code, stdout, stderr := program(t, env, step.args...)
		if code != step.code {
			t.Errorf("%v: exit %d, want %d", step.args, code, step.code)
		}
		for _, says := range step.says {
			if !strings.Contains(stdout+stderr, says) {
				t.Errorf("%v does not say %q:\n%s%s", step.args, says, stdout, stderr)
			}
		}
	}
}

func TestMachineReadableOutput(t *testing.T) {
	t.Parallel()
	env, _ := installed(t)
	for _, c := range []struct {
		args []string
		key  string
	}{
		{[]string{"clinic", "create", "--name", "J", "--slug", "jj", "--admin-email", "j@j.example", "--json"}, "invitation_link"},
		{[]string{"clinic", "show", "jj", "--json"}, "ledger"},
		{[]string{"clinic", "suspend", "jj", "--reason", "r", "--json"}, "changed"},
		{[]string{"clinic", "spares", "--target", "0", "--json"}, "ready"},
		{[]string{"migrate", "up", "--json"}, "failures"},
	} {
		code, stdout, stderr := program(t, env, c.args...)
		var v map[string]any
		if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != exitOK || v[c.key] == nil {
			t.Errorf("%v: exit %d, %v, %s%s", c.args, code, err, stdout, stderr)
		}
	}
	code, stdout, stderr := program(t, env, "migrate", "status", "--json")
	var status struct {
		Summary struct{ Total, Current int }
		Schemas []struct{ State, Kind string }
	}
	if err := json.Unmarshal([]byte(stdout), &status); err != nil || code != exitOK || status.Summary.Current != 3 || len(status.Schemas) != 3 || status.Schemas[0].State != "current" {
		t.Errorf("migrate status: exit %d, %v, %s%s", code, err, stdout, stderr)
	}
	for _, args := range [][]string{{"clinic", "list", "--json"}} {
		code, stdout, _ := program(t, env, args...)
		var v []map[string]any
		if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != exitOK || len(v) != 3 {
			t.Errorf("%v: exit %d, %v, %s", args, code, err, stdout)
		}
	}
}

func TestMigrateByCommands(t *testing.T) {
	t.Parallel()
	env, db := installed(t)
	for _, step := range []struct {
		env  []string
		args []string
		code int
		says string
	}{
		{env, []string{"migrate", "up"}, exitOK, "0 of 2 were behind"},
		{env, []string{"migrate", "status"}, exitOK, "2 schemas, 0 behind"},
		{env, []string{"migrate", "verify"}, exitOK, "The ledger and the schemas agree"},
		{env, []string{"migrate", "plan"}, exitOK, "NOTHING TO DO"},
		{env, []string{"migrate", "plan", "--clinic", "nobody"}, exitUsage, "nobody"},
		{env, []string{"migrate", "plan", "--fail-on", "warning"}, exitUsage, "neither danger nor caution"},
		{env[1:], []string{"migrate", "plan"}, exitConfig, "DATABASE_URL"},
		{env, []string{"migrate", "up", "--canary", "1", "--canary-clinics", "a"}, exitUsage, "one of the two"},
		{env, []string{"migrate", "up", "--canary-clinics", "nobody"}, exitUsage, "nobody"},
		{env, []string{"migrate", "up", "--lock-timeout", "0s"}, exitUsage, "--lock-timeout"},
		{env, []string{"migrate", "up", "--workers", "0"}, exitUsage, "--workers"},
		{env, []string{"migrate", "down-to", "0"}, exitUsage, "development"},
		{env, []string{"migrate", "down-to", "x"}, exitUsage, "VERSION"},
		// The chain's migration makes an index on a table with rows.
		{append(env[:2:2], "CLOISTER_DEVELOPMENT=true"), []string{"migrate", "down-to", "10"}, exitOK, ""},
		{env, []string{"migrate", "plan"}, exitOK, "index-build on trail"},
		{env, []string{"migrate", "plan", "--fail-on", "caution"}, exitFailed, "there are warnings"},
		{env, []string{"migrate", "up"}, exitOK, "2 of 2 were behind"},
		{env, []string{"migrate", "plan", "--fail-on", "caution"}, exitOK, "NOTHING TO DO"},
		{env[:1], []string{"migrate", "up"}, exitConfig, "no master key"},
		{env[1:], []string{"migrate", "up"}, exitConfig, "DATABASE_URL"},
		{[]string{env[0], keys.EnvKey + "=" + keys.Generate()}, []string{"migrate", "up"}, exitConfig, "wrong master key"},
		{[]string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/x", env[1]}, []string{"migrate", "up"}, exitDatabase, "cannot use the database"},
	} {
		code, stdout, stderr := program(t, step.env, step.args...)
		if code != step.code || !strings.Contains(stdout+stderr, step.says) {
			t.Errorf("%v: exit %d, want %d\n%s%s", step.args, code, step.code, stdout, stderr)
		}
	}
	db.Exec(t, "delete from platform.migrations where clinic_id = $1", testkit.Beta.ID)
	code, stdout, stderr := program(t, env, "migrate", "plan")
	if code != exitFailed || !strings.HasPrefix(stdout, "FAILS: 00001_clinic.sql") || !strings.Contains(stdout, "1 clinic (beta) at version") {
		t.Errorf("plan of a clinic that fails: exit %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = program(t, env, "migrate", "up")
	if code != exitFailed || !strings.Contains(stdout, "clinic_beta") || !strings.Contains(stderr, "1 clinics could not be migrated") {
		t.Errorf("with a clinic that fails: exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestAnOperatorIsMadeWithAPasswordFromTheInput(t *testing.T) {
	t.Parallel()
	env, _ := installed(t)
	create := func(password string) (int, string) {
		var out bytes.Buffer
		root := newRoot(env)
		root.SetArgs([]string{"operator", "create", "--email", "op@cloister.example", "--name", "Omana Pillai"})
		root.SetIn(strings.NewReader(password + "\n"))
		root.SetOut(&out)
		root.SetErr(&out)
		err := root.ExecuteContext(t.Context())
		if err != nil {
			out.WriteString(err.Error())
		}
		return exitCode(err), out.String()
	}
	if code, out := create("short"); code != exitUsage || !strings.Contains(out, "--password: ") {
		t.Errorf("a short password: exit %d, %s", code, out)
	}
	for _, says := range []string{"is an operator now", "has the new name and password"} {
		if code, out := create("violet-harbour-lantern-88"); code != exitOK || !strings.Contains(out, says) {
			t.Errorf("exit %d, %s", code, out)
		}
	}
}
