package main

import (
	"context"
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
)

// The command from the outside: its exit codes, its formats, a baseline and a
// comparison, with the auditor's login alone.
func TestIsolationAudit(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	env := []string{"CLOISTER_AUDITOR_URL=" + w.Auditor}
	run := func(want int, args ...string) string {
		t.Helper()
		var out, said strings.Builder
		if code := run(t.Context(), append([]string{"isolation", "audit"}, args...), env, &out, &said); code != want {
			t.Fatalf("%v: code %d, want %d\n%s%s", args, code, want, out.String(), said.String())
		}
		return out.String()
	}
	dir := t.TempDir()
	earlier, baseline := filepath.Join(dir, "earlier.json"), filepath.Join(dir, "baseline.json")

	if got := run(exitOK); !strings.HasPrefix(got, "ISOLATED: nothing found") {
		t.Errorf("a clean installation: %s", got)
	}
	w.Exec(t, "alter table clinic_beta.visits no force row level security")
	if got := run(exitFailed); !strings.HasPrefix(got, "NOT ISOLATED: 1 finding (1 high)") || !strings.Contains(got, "alter table clinic_beta.visits force row level security;") {
		t.Errorf("an unforced table: %s", got)
	}
	run(exitFailed, "--clinic", "beta")
	run(exitOK, "--schema", "clinic_alpha")
	run(exitUsage, "--clinic", "nowhere")
	run(exitUsage, "--format", "yaml")
	run(exitUsage, "--baseline", filepath.Join(dir, "none.json"))

	if got := run(exitFailed, "--format", "json", "--out", earlier); !strings.HasPrefix(got, "NOT ISOLATED") || strings.Contains(got, "{") {
		t.Errorf("with --out: %s", got)
	}
	f, err := os.Open(earlier)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := isolation.ReadJSON(f)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Rule != "CLO-A102" || r.Findings[0].Clinic != "beta" {
		t.Fatalf("the JSON: %v, %+v", err, r.Findings)
	}
	text := `{"accepted":[{"fingerprint":"` + r.Findings[0].Fingerprint + `","rule":"CLO-A102","reason":"tried out","expires":"2999-12-31"}]}`
	if err := os.WriteFile(baseline, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(exitOK, "--baseline", baseline)
	w.Exec(t, "grant truncate on clinic_alpha.visits to cloister_doctor")
	if got := run(exitFailed, "--baseline", baseline, "--diff", earlier); !strings.Contains(got, "1 new, 0 gone, 1 unchanged") || !strings.Contains(got, "ACCEPTED") {
		t.Errorf("compared: %s", got)
	}
}

// Whatever keeps the audit from looking ends with the code for "not known".
func TestIsolationAuditThatCannotLook(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"no database named":     nil,
		"nobody listens":        {"CLOISTER_AUDITOR_URL=postgres://cloister_auditor:x@127.0.0.1:1/cloister"},
		"no schema isolation":   {"CLOISTER_AUDITOR_URL=" + testkit.Empty(t)},
		"a login that may not":  {"CLOISTER_AUDITOR_URL=" + testkit.New(t).App},
		"neither URL nor words": {"CLOISTER_AUDITOR_URL=:::"},
	} {
		var out, said strings.Builder
		if code := run(t.Context(), []string{"isolation", "audit"}, env, &out, &said); code != exitUsage || said.Len() == 0 {
			t.Errorf("%s: code %d, %s", name, code, said.String())
		}
	}
}

// The console's page checks with the auditor's login, says what is wrong, and
// gives the report as a file; without that login it says so.
func TestConsoleShowsTheWalls(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	op := s.operator(t)
	want(t, op.do("/platform/isolation", nil), 200, []string{"does not know the auditor", "cloister isolation audit"}, "Check now")
	want(t, op.do("/platform/isolation", url.Values{}), 409, []string{"does not know the auditor"})
	wantRedirect(t, op.do("/platform/isolation/report", nil), "/platform/isolation")

	s = s.withAuditor(t)
	op = s.operator(t)
	want(t, op.do("/platform/isolation", nil), 200, []string{"have not been checked"})
	s.raw(t, "alter table clinic_beta.visits no force row level security")
	wantRedirect(t, op.do("/platform/isolation", url.Values{}), "/platform/isolation")
	want(t, op.do("/platform/isolation", nil), 200, []string{"1 finding", "CLO-A102", "clinic_beta.visits", "alter table clinic_beta.visits force row level security;"})
	file := op.do("/platform/isolation/report", nil)
	want(t, file, 200, []string{"NOT ISOLATED: 1 finding", "CLO-A102"})
	if !strings.HasPrefix(file.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the report is shown among our pages: %v", file.Header())
	}
	if w := s.signedIn(t, "alpha", "admin", alphaPassword).do("/platform/isolation", nil); w.Code != 303 {
		t.Errorf("a clinic's admin at the page: %d", w.Code)
	}
}

// withAuditor is another service over the same database, which was told the
// auditor's login.
func (s *site) withAuditor(t *testing.T) *site {
	t.Helper()
	c, err := loadConfig([]string{"CLOISTER_APP_URL=" + s.db.App, "CLOISTER_AUDITOR_URL=" + s.db.Auditor, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey),
		"CLOISTER_STATE_DIR=" + t.TempDir(), "CLOISTER_TRUSTED_PROXIES=192.0.2.0/24", "CLOISTER_POOL_CONNECTIONS=2"})
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	told := &site{db: s.db, folder: c.State}
	if told.app, err = newApp(t.Context(), c, &health{stopping: t.Context().Done(), log: log}, nil, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { told.close(context.Background()) })
	return told
}
