package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

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

// manyReports gives a copy of the older system's file in which n more rows name a
// report.
func manyReports(t *testing.T, n int) string {
	t.Helper()
	content, err := os.ReadFile(legacyFile("legacy.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "many.sqlite3")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO hospital_medicalreport
		SELECT 1000 + i, report_file, report_type, description, uploaded_at, patient_id, clinic_id FROM n, hospital_medicalreport WHERE id = 1`, n); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
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
	args := []string{"import", "legacy", "--clinic", "alpha", "--media", legacyFile("legacy_media"), "--json", manyReports(t, 300)}
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

	// The files come last and there are many: what lies in the store says that the
	// import is there.
	var said strings.Builder
	child := exec.Command(os.Args[0], args...)
	child.Env = append(append(os.Environ(), env...), asProgram+"=1")
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); stored(t, state) < 10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			_ = child.Process.Kill()
			t.Fatalf("the import never came to the files: %s", said.String())
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the killed import ended well")
	}
	left := stored(t, state)
	if after := count(everything); after != before || left < 10 || left >= 313 {
		t.Errorf("%d rows after the kill, %d before; %d files", after, before, left)
	}

	var stdout, stderr strings.Builder
	if code := run(t.Context(), args, env, &stdout, &stderr); code != exitOK {
		t.Fatalf("again: code %d, %s", code, stderr.String())
	}
	var r legacy.Report
	if err := json.Unmarshal([]byte(stdout.String()), &struct{ Totals *legacy.Totals }{&r.Totals}); err != nil || r.Totals.Imported != 1031+300 {
		t.Errorf("again: %+v, %v", r.Totals, err)
	}
	if n := count("select count(*) from clinic_alpha.documents where uploaded_at < now() - interval '1 minute' and id::text not like '018f0000%'"); n != 313 {
		t.Errorf("%d documents", n)
	}
	if n := stored(t, state); n != left+313 {
		t.Errorf("%d files, the killed import left %d", n, left)
	}
}
