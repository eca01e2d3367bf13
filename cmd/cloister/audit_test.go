package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
)

// The commands from a sealing round to a trail that somebody falsified.
func TestChainAtCommand(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	folder := t.TempDir()
	heads, export := filepath.Join(folder, "heads"), filepath.Join(folder, "alpha.trail")
	registry := filepath.Join(folder, "platform.trail")
	env := []string{"DATABASE_URL=" + db.Admin, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + folder}
	force := func(sql string) {
		t.Helper()
		db.Exec(t, "set session_replication_role = replica; "+sql)
	}
	force("delete from clinic_alpha.seals; delete from clinic_beta.seals; delete from platform.seals") // the seeded ones are of no trail
	conn := testkit.Conn(t, db.Admin)
	for settled := false; !settled; { // other tests' transactions hold the seals up
		if err := conn.QueryRow(t.Context(), "select pg_sleep(0.02) is not null and pg_snapshot_xmin(pg_current_snapshot()) > all (select xact from clinic_alpha.trail union all select xact from platform.trail)").Scan(&settled); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(want int, says string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		if code := run(t.Context(), args, env, &out, &errs); code != want || !strings.Contains(out.String()+errs.String(), says) {
			t.Errorf("%v: %d\n%s%s", args, code, out.String(), errs.String())
		}
	}
	ask(exitOK, "", "worker", "--once", "--spares", "0")
	ask(exitOK, "", "audit", "heads", heads)
	ask(exitOK, "", "audit", "export", "--clinic", "alpha", export)
	ask(exitOK, "WHOLE: 3 chains\n(platform): 1 seals", "audit", "verify", "--heads", heads)
	ask(exitOK, "WHOLE: 1 chains", "audit", "verify", "--heads", heads, "--export", export)
	ask(exitOK, "", "audit", "export", "--platform", registry)
	ask(exitOK, "WHOLE: 1 chains\n(platform)", "audit", "verify", "--heads", heads, "--export", registry)
	force("update clinic_alpha.trail set actor = 'x' where id = (select last_id from clinic_alpha.seals where number = 1)")
	ask(exitFailed, "row changed, seal 1, row 0", "audit", "verify", "--clinic", "alpha")
	ask(exitFailed, `"kind": "row changed"`, "audit", "verify", "--json")
	force("delete from clinic_beta.seals")
	ask(exitFailed, "chain cut off, seal 1", "audit", "verify", "--clinic", "beta", "--heads", heads)

	force("update platform.trail set actor = 'x' where id = (select last_id from platform.seals)")
	ask(exitFailed, "row changed, seal 1, row ", "audit", "verify", "--platform")
	force("delete from platform.seals")
	ask(exitFailed, "chain cut off, seal 1", "audit", "verify", "--platform", "--heads", heads)

	ask(exitUsage, "no clinic", "audit", "verify", "--clinic", "gamma")
	ask(exitUsage, "give one", "audit", "verify", "--clinic", "alpha", "--platform")
	ask(exitUsage, "name the trail", "audit", "export", export)
	ask(exitUsage, "no place", "audit", "verify", "--clinic", "alpha", "--export", export)
	ask(exitUsage, "the file of heads", "audit", "verify", "--heads", export)
	if err := os.Truncate(export, 5000); err != nil {
		t.Fatal(err)
	}
	ask(exitUsage, "damaged or cut off", "audit", "verify", "--export", export)
}
