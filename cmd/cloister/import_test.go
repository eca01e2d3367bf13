package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/testkit"
)

func legacyFile(name string) string {
	return filepath.Join("..", "..", "internal", "legacy", "testdata", name)
}

func TestImportLegacy(t *testing.T) {
	t.Parallel()
	kit := testkit.New(t)
	env := []string{"CLOISTER_APP_URL=" + kit.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + t.TempDir()}
	report := filepath.Join(t.TempDir(), "report.json")
	try := func(args ...string) (int, string, string) {
		var stdout, stderr strings.Builder
		code := run(t.Context(), append([]string{"import", "legacy"}, args...), env, &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"--dry-run"}, []string{"dry run: nothing was written", "hospital_patient ", "patient_login_without_patient", "Passwords", "0 imported"}},
		{[]string{"--media", legacyFile("legacy_media"), "--report", report}, []string{"Settings filled", "logo", "not_at_this_stage", "75 76", "medical_reports/no_row_names_this.pdf", "file_missing"}},
		{nil, []string{"all tables", "1031"}},
	} {
		code, stdout, stderr := try(append(c.args, "--clinic", "alpha", legacyFile("legacy.sqlite3"))...)
		if code != exitOK || stderr != "" {
			t.Fatalf("%v: code %d, %s", c.args, code, stderr)
		}
		for _, says := range c.says {
			if !strings.Contains(stdout, says) {
				t.Errorf("%v doesn't say %q:\n%s", c.args, says, stdout)
			}
		}
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Clinic string `json:"clinic"`
		Totals legacy.Totals
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Clinic != "alpha" || r.Totals.Imported != 1031 {
		t.Errorf("the report: %+v, %v", r, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(report), ".cloister-report-*")); err != nil || len(left) > 0 {
		t.Errorf("left beside the report: %v, %v", left, err)
	}
	code, stdout, _ := try("--json", "--clinic", "alpha", legacyFile("legacy.sqlite3"))
	if err := json.Unmarshal([]byte(stdout), &r); code != exitOK || err != nil || r.Totals.Imported != 0 || r.Totals.AlreadyThere != 1031 {
		t.Errorf("the third run: code %d, %+v, %v", code, r.Totals, err)
	}
	kit.Exec(t, "set session_replication_role = replica; update platform.clinics set status = 'suspended', status_reason = 'unpaid' where slug = 'beta'; update platform.plans set max_patients = 50")
	kit.Exec(t, "set session_replication_role = replica; delete from clinic_alpha.identifiers where system = 'legacy.row' and value like 'hospital_patient:%'")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--clinic", "gamma", legacyFile("legacy.sqlite3")}, exitUsage, "--clinic: there is no clinic"},
		{[]string{"--clinic", "beta", legacyFile("legacy.sqlite3")}, exitUsage, "--clinic: the clinic is suspended"},
		{[]string{"--clinic", "alpha", legacyFile("legacy.sqlite3")}, exitFailed, "plan allows 50 patients"},
	} {
		code, _, stderr := try(c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: code %d, %s; want %d, %s", c.args, code, stderr, c.code, c.says)
		}
	}
}

// TestImportSendsWhenAsked: letters wait until somebody asks for them, go once,
// and are made anew for whoever's link has lost its time.
func TestImportSendsWhenAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	env := []string{"CLOISTER_APP_URL=" + s.db.App, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey),
		"CLOISTER_STATE_DIR=" + s.folder, "CLOISTER_BASE_URL=https://clinics.example"}
	try := func(env []string, args ...string) (int, string, string) {
		var stdout, stderr strings.Builder
		code := run(t.Context(), append([]string{"import", "legacy", "--clinic", "alpha", legacyFile("legacy.sqlite3")}, args...), env, &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	letters := func() int {
		files, err := filepath.Glob(filepath.Join(s.folder, "mail", "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	for _, c := range []struct {
		env  []string
		args []string
		code int
		says string
	}{
		{env, []string{"--send", "--dry-run"}, exitUsage, "--send: a dry run sends nothing"},
		{env[:3], []string{"--send"}, exitConfig, "CLOISTER_BASE_URL"},
		{env, []string{"--dry-run"}, exitOK, "would wait to be sent"},
		{env, nil, exitOK, "run the same command with --send"},
	} {
		if code, stdout, stderr := try(c.env, c.args...); code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Fatalf("%v: code %d, want %d and %q: %s%s", c.args, code, c.code, c.says, stdout, stderr)
		}
	}
	if n := letters(); n != 0 {
		t.Fatalf("%d letters went unasked", n)
	}
	made := ask1[int](t, s, "select count(*)::int from clinic_alpha.invitations where created_by = $1 and user_id is not null", legacy.CreatedBy())
	// One has no time left, one was written to by the admin meanwhile.
	s.raw(t, `with i as (select id, row_number() over (order by id) n from clinic_alpha.invitations where created_by like 'system:%' and user_id is not null and sent_at is null)
		update clinic_alpha.invitations x set expires_at = case n when 1 then now() - interval '1 day' else x.expires_at end, sent_at = case n when 2 then now() end from i where i.id = x.id and n <= 2`)
	code, stdout, stderr := try(env, "--send", "--json")
	var r struct{ Letters legacy.Letters }
	if err := json.Unmarshal([]byte(stdout), &r); code != exitOK || err != nil || r.Letters != (legacy.Letters{Sent: made - 1}) || letters() != made-1 {
		t.Fatalf("code %d, %v, %+v of %d invitations, %d letters: %s", code, err, r.Letters, made, letters(), stderr)
	}
	if code, stdout, _ := try(env, "--send"); code != exitOK || !strings.Contains(stdout, "0 sent, none waits") || letters() != made-1 {
		t.Errorf("again: code %d, %d letters: %s", code, letters(), stdout)
	}
	for _, letter := range s.letters(t, made-1) {
		if !strings.Contains(letter, "https://clinics.example/clinic/alpha/password/") || !strings.Contains(letter, "7 days") {
			t.Fatalf("letter:\n%s", letter)
		}
		want(t, s.visitor().do(linkIn(t, letter), nil), 200, []string{"Welcome, "})
	}
	// A letter that can't be sent stops nothing that is done, and waits.
	s.raw(t, "update clinic_alpha.invitations set sent_at = null where created_by like 'system:%'")
	code, stdout, stderr = try(append(env, "CLOISTER_SMTP_URL=smtp://127.0.0.1:1", "CLOISTER_MAIL_FROM=clinic@clinics.example"), "--send")
	if code != exitFailed || !strings.Contains(stderr, "the import is done, and 0 of ") || !strings.Contains(stdout, "all tables") {
		t.Errorf("without a mail server: code %d\n%s\n%s", code, stdout, stderr)
	}
}

// TestImportBeforeAnyDatabase: a wrong file or flag needs none.
func TestImportBeforeAnyDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{legacyFile("legacy.sqlite3")}, exitUsage, "--clinic: name the clinic"},
		{[]string{"--clinic", "alpha"}, exitUsage, "arg(s)"},
		{[]string{"--clinic", "alpha", legacyFile("legacy_expected.json")}, exitUsage, "not an SQLite file"},
		{[]string{"--clinic", "alpha", filepath.Join(folder, "gone")}, exitUsage, "no such file"},
		{[]string{"--clinic", "alpha", "--media", filepath.Join(folder, "gone"), legacyFile("legacy.sqlite3")}, exitUsage, "--media: is not a folder"},
		{[]string{"--clinic", "alpha", "--report", filepath.Join(folder, "gone", "r.json"), legacyFile("legacy.sqlite3")}, exitUsage, "--report: the file can't be written"},
		{[]string{"--clinic", "alpha", legacyFile("legacy.sqlite3")}, exitConfig, "no master key"},
	} {
		var stdout, stderr strings.Builder
		code := run(t.Context(), append([]string{"import", "legacy"}, c.args...), nil, &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%v: code %d, %s; want %d, %s", c.args, code, stderr.String(), c.code, c.says)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
