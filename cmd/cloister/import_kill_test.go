package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/testkit"
)

// asProgram has the test's own binary be the program, for tests that end a
// process as a lost machine would.
const asProgram = "CLOISTER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// stored counts the files of the store.
func stored(t *testing.T, state string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(state, filesFolder), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilledImport: a process that is killed when all is written and nothing
// committed leaves no row; the same command run again does the whole, and what
// the first left in the store is cleared.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	kit := testkit.New(t)
	state := t.TempDir()
	env := []string{"CLOISTER_APP_URL=" + kit.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + state}
	args := []string{"import", "legacy", "--clinic", "alpha", "--media", legacyFile("legacy_media"), "--json", legacyFile("legacy.sqlite3")}
	conn := testkit.Conn(t, kit.Admin)
	count := func(sql string) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const everything = `select (select count(*) from clinic_alpha.patients) + (select count(*) from clinic_alpha.prescriptions) + (select count(*) from clinic_alpha.documents)
		+ (select count(*) from clinic_alpha.identifiers) + (select count(*) from clinic_alpha.trail)`
	before := count(everything)

	// The documents' rows come last; a lock on their table holds the import there.
	holder := testkit.Conn(t, kit.Admin)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table clinic_alpha.documents in share mode"); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	child := exec.Command(os.Args[0], args...)
	child.Env = append(append(os.Environ(), env...), asProgram+"=1")
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); count("select count(*) from pg_locks where not granted and relation = 'clinic_alpha.documents'::regclass") == 0; {
		if time.Now().After(end) {
			_ = child.Process.Kill()
			t.Fatalf("the import never came to the documents: %s", said.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the killed import ended well")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := stored(t, state)
	if after := count(everything); after != before || left == 0 {
		t.Errorf("%d rows after the kill, %d before; %d files", after, before, left)
	}

	var stdout, stderr strings.Builder
	if code := run(t.Context(), args, env, &stdout, &stderr); code != exitOK {
		t.Fatalf("again: code %d, %s", code, stderr.String())
	}
	var r legacy.Report
	if err := json.Unmarshal([]byte(stdout.String()), &struct{ Totals *legacy.Totals }{&r.Totals}); err != nil || r.Totals.Imported != 1031 {
		t.Errorf("again: %+v, %v", r.Totals, err)
	}
	if n := count("select count(*) from clinic_alpha.documents where uploaded_at < now() - interval '1 minute' and id::text not like '018f0000%'"); n != 13 {
		t.Errorf("%d documents", n)
	}
	if n := stored(t, state); n != left+13 {
		t.Errorf("%d files, the killed import left %d", n, left)
	}
}
