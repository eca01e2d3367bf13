package isolation_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloister-health/cloister/tenants/isolation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

var rules = []isolation.Rule{
	{ID: "CLO-A001", Severity: isolation.Critical, Title: "Row-level security is off", Why: "Every role with a grant reads every clinic.", Help: "docs/isolation/rules.md#clo-a001"},
	{ID: "CLO-A002", Severity: isolation.Medium, Title: "A policy is made by hand", Why: "Nobody reviewed it.", Help: "docs/isolation/rules.md#clo-a002"},
	{ID: "CLO-A003", Severity: isolation.High, Title: "Connections may be unencrypted", Why: "Rows can be read on the way.", Help: "docs/isolation/rules.md#clo-a003"},
	{ID: "CLO-A004", Severity: isolation.Info, Title: "Many locks", Why: "A limit is near.", Help: "docs/isolation/rules.md#clo-a004"},
}

// filled is a report with everything in it that a format has to carry.
func filled(t *testing.T) isolation.Report {
	t.Helper()
	r := isolation.Report{Format: isolation.FormatNumber, Kind: isolation.Audit, Version: "1.2.3", Database: "cloister", Server: "15.14", Started: noon, TookMS: 1234, Clinics: 2, Checked: 512,
		Notes: []string{"Read as cloister_auditor."}, Rules: rules}
	r.Add(isolation.Finding{Rule: "CLO-A004", Object: "max_locks_per_transaction", Reason: "64 for 2 clinics"})
	r.Add(isolation.Finding{Rule: "CLO-A002", Schema: "clinic_alpha", Clinic: "alpha", Object: "visits", Reason: "policy <b>hand</b> is not ours", Evidence: "=HYPERLINK(\"http://x\")", Mend: "drop policy \"<b>hand</b>\" on clinic_alpha.visits;"})
	r.Add(isolation.Finding{Rule: "CLO-A001", Schema: "clinic_beta", Clinic: "beta", Object: "patients", Reason: "row-level security is not enabled", Evidence: "relrowsecurity = false",
		Mend: "alter table clinic_beta.patients enable row level security;\nalter table clinic_beta.patients force row level security;", Reproduce: "select count(*) from clinic_beta.patients;"})
	r.Add(isolation.Finding{Rule: "CLO-A002", Schema: "clinic_beta", Object: "-evil\x1b[2J", Reason: "+1"})
	r.Add(isolation.Finding{Rule: "CLO-A001", Schema: "clinic_beta", Clinic: "beta", Object: "patients", Reason: "row-level security is not enabled", Evidence: "relrowsecurity = false"})
	r.Gaps = []isolation.Gap{{Rule: "CLO-A003", Reason: "pg_hba_file_rules can't be read"}}
	r.Sort()
	return r
}

func write(t *testing.T, r isolation.Report, f isolation.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole is filled, compared with an earlier report and under a baseline.
func whole(t *testing.T) isolation.Report {
	t.Helper()
	earlier, now := filled(t), filled(t)
	earlier.Started = noon.AddDate(0, 0, -1)
	earlier.Findings = slices.DeleteFunc(earlier.Findings, func(f isolation.Finding) bool { return f.Schema == "clinic_alpha" })
	earlier.Add(isolation.Finding{Rule: "CLO-A001", Schema: "clinic_beta", Object: "visits", Reason: "row-level security is not enabled"})
	hand := now.Findings[slices.IndexFunc(now.Findings, func(f isolation.Finding) bool { return f.Schema == "clinic_alpha" })]
	evil := now.Findings[slices.IndexFunc(now.Findings, func(f isolation.Finding) bool { return f.Reason == "+1" })]
	now.Accept(isolation.Baseline{Accepted: []isolation.Entry{
		{Fingerprint: hand.Fingerprint, Rule: hand.Rule, Schema: hand.Schema, Object: hand.Object, Reason: "until the move", Expires: "2026-11-27"},
		{Fingerprint: evil.Fingerprint, Rule: evil.Rule, Object: evil.Object, Reason: "was a test", Expires: "2026-11-26"},
		{Fingerprint: "0000000000000000", Rule: "CLO-A001", Object: "gone", Reason: "was mended", Expires: "2027-01-01"},
	}}, noon)
	if err := now.Compare(earlier); err != nil {
		t.Fatal(err)
	}
	return now
}

func TestGolden(t *testing.T) {
	t.Parallel()
	clean := isolation.Report{Kind: isolation.Prove, Database: "cloister", Server: "16.10", Started: noon, TookMS: 59000, Clinics: 2, Attempts: 12345, Controls: 77, Rules: rules}
	for _, f := range isolation.Formats {
		for name, r := range map[string]isolation.Report{"whole": whole(t), "clean": clean} {
			got := write(t, r, f)
			file := filepath.Join("testdata", name+"."+map[isolation.Format]string{isolation.Text: "txt", isolation.JUnit: "junit.xml", isolation.SARIF: "sarif.json"}[f])
			if strings.HasSuffix(file, ".") {
				file += string(f)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (run with -update if it is right):\n%s", file, d)
			}
		}
	}
}

func TestVerdictAndExitCode(t *testing.T) {
	t.Parallel()
	r := isolation.Report{Kind: isolation.Audit, Rules: rules}
	expect := func(v isolation.Verdict, code int) {
		t.Helper()
		if r.Verdict() != v || r.ExitCode() != code {
			t.Errorf("%s, %d; want %s, %d", r.Verdict(), r.ExitCode(), v, code)
		}
	}
	expect(isolation.Clean, 0)
	r.Add(isolation.Finding{Rule: "CLO-A004", Object: "x"})
	expect(isolation.Clean, 0)
	r.Gaps = []isolation.Gap{{Reason: "no right"}}
	expect(isolation.Unknown, 2)
	r.Add(isolation.Finding{Rule: "CLO-A002", Object: "x"})
	expect(isolation.Found, 1)
}

func TestAFindingNeedsItsRule(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a finding of no rule was taken")
		}
	}()
	r := isolation.Report{Rules: rules}
	r.Add(isolation.Finding{Rule: "CLO-A999"})
}

// An accepted finding counts again when the object has changed.
func TestAcceptanceIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := isolation.Report{Kind: isolation.Audit, Rules: rules}
	r.Add(isolation.Finding{Rule: "CLO-A002", Schema: "s", Object: "p", Evidence: "using (a)"})
	b := isolation.Baseline{Accepted: []isolation.Entry{{Fingerprint: r.Findings[0].Fingerprint, Rule: "CLO-A002", Reason: "known", Expires: "2027-01-01"}}}
	worse := isolation.Report{Kind: isolation.Audit, Rules: rules}
	worse.Add(isolation.Finding{Rule: "CLO-A002", Schema: "s", Object: "p", Evidence: "using (true)"})
	r.Accept(b, noon)
	worse.Accept(b, noon)
	if r.Verdict() != isolation.Clean || len(r.Accepted) != 1 {
		t.Errorf("the same finding: %s", r.Verdict())
	}
	if worse.Verdict() != isolation.Found || len(worse.Unused) != 1 {
		t.Errorf("another finding at the same object: %s, %d unused", worse.Verdict(), len(worse.Unused))
	}
}

func TestNarrowedRunCallsNoStrangerUnused(t *testing.T) {
	t.Parallel()
	r := isolation.Report{Kind: isolation.Audit, Scope: []string{"clinic_alpha"}}
	r.Accept(isolation.Baseline{Accepted: []isolation.Entry{
		{Fingerprint: "1", Rule: "CLO-A001", Schema: "clinic_beta", Reason: "r", Expires: "2027-01-01"},
		{Fingerprint: "2", Rule: "CLO-A001", Schema: "clinic_alpha", Reason: "r", Expires: "2027-01-01"},
	}}, noon)
	if len(r.Unused) != 1 || r.Unused[0].Fingerprint != "2" {
		t.Errorf("unused: %+v", r.Unused)
	}
}

func TestReadBaseline(t *testing.T) {
	t.Parallel()
	good := `{"accepted":[{"fingerprint":"a","rule":"CLO-A001","reason":"because","expires":"2027-01-31"}]}`
	if b, err := isolation.ReadBaseline(strings.NewReader(good)); err != nil || len(b.Accepted) != 1 || b.Accepted[0].Expires != "2027-01-31" {
		t.Errorf("%+v, %v", b, err)
	}
	for text, complaint := range map[string]string{
		`{"accepted":[{"fingerprint":"a","rule":"R","reason":" ","expires":"2027-01-31"}]}`:                                                                    "a reason is needed",
		`{"accepted":[{"fingerprint":"a","rule":"R","reason":"x"}]}`:                                                                                           "expires",
		`{"accepted":[{"fingerprint":"a","rule":"R","reason":"x","expires":"never"}]}`:                                                                         "no day",
		`{"accepted":[{"rule":"R","reason":"x","expires":"2027-01-31"}]}`:                                                                                      "fingerprint and rule",
		`{"accepted":[{"fingerprint":"a","rule":"R","reason":"x","expires":"2027-01-31"},{"fingerprint":"a","rule":"R","reason":"x","expires":"2027-01-31"}]}`: "twice",
		`{"accepted":[{"fingerprint":"a","rule":"R","reason":"x","expires":"2027-01-31","severity":"low"}]}`:                                                   "unknown field",
		good + good: "follows",
		`[]`:        "baseline",
	} {
		if _, err := isolation.ReadBaseline(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v, want %q", text, err, complaint)
		}
	}
}

func TestCompareRefusesAnotherKind(t *testing.T) {
	t.Parallel()
	r := isolation.Report{Kind: isolation.Audit}
	if err := r.Compare(isolation.Report{Kind: isolation.Prove}); err == nil {
		t.Error("compared with another kind")
	}
	if err := r.Compare(isolation.Report{Kind: isolation.Audit, Scope: []string{"clinic_alpha"}}); err == nil {
		t.Error("compared with a narrower run")
	}
}

// The JSON is what --diff reads: it must come back as it was.
func TestJSONComesBack(t *testing.T) {
	t.Parallel()
	want := whole(t)
	got, err := isolation.ReadJSON(strings.NewReader(write(t, want, isolation.JSON)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, text := range []string{"", "{}", `{"format":99,"kind":"audit"}`, "[1]"} {
		if _, err := isolation.ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as a report", text)
		}
	}
}

// What SARIF 2.1.0 requires: the version, a driver's name, rule ids that are
// unique and meet the results, a message for every result, levels and kinds out
// of their lists, addresses without spaces.
func TestSARIFIsValid(t *testing.T) {
	t.Parallel()
	var log struct {
		Version string `json:"version"`
		Schema  string `json:"$schema"`
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct{ ID string }
				}
			}
			Invocations []struct{ ExecutionSuccessful *bool }
			Results     []struct {
				RuleID        string
				RuleIndex     int
				Level         string
				BaselineState string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
				PartialFingerprints map[string]string
				Suppressions        []struct{ Kind string }
			}
		}
	}
	r := whole(t)
	if err := json.Unmarshal([]byte(write(t, r, isolation.SARIF)), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
		t.Fatalf("version %q, %d runs", log.Version, len(log.Runs))
	}
	run := log.Runs[0]
	if run.Tool.Driver.Name == "" || len(run.Tool.Driver.Rules) != len(rules) || len(run.Invocations) != 1 || run.Invocations[0].ExecutionSuccessful == nil || *run.Invocations[0].ExecutionSuccessful {
		t.Errorf("driver or invocation: %+v", run)
	}
	if want := len(r.Findings) + len(r.Accepted) + len(r.Diff.Gone); len(run.Results) != want {
		t.Errorf("%d results, want %d", len(run.Results), want)
	}
	for _, x := range run.Results {
		if x.RuleIndex < 0 || x.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID {
			t.Errorf("rule %s is not at %d", x.RuleID, x.RuleIndex)
		}
		if !slices.Contains([]string{"none", "note", "warning", "error"}, x.Level) || !slices.Contains([]string{"new", "unchanged", "absent"}, x.BaselineState) {
			t.Errorf("level %q, state %q", x.Level, x.BaselineState)
		}
		if x.Message.Text == "" || len(x.Locations) == 0 || x.PartialFingerprints["cloister/v1"] == "" || strings.ContainsAny(x.Locations[0].PhysicalLocation.ArtifactLocation.URI, " <>\"\x1b") {
			t.Errorf("message, location or fingerprint: %+v", x)
		}
		for _, s := range x.Suppressions {
			if s.Kind != "external" && s.Kind != "inSource" {
				t.Errorf("suppression %q", s.Kind)
			}
		}
	}
}

func TestJUnitParses(t *testing.T) {
	t.Parallel()
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Tests int `xml:"tests,attr"`
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(write(t, whole(t), isolation.JUnit)), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Suites) != 1 || doc.Tests != len(rules) || doc.Suites[0].Tests != doc.Tests || len(doc.Suites[0].Cases) != doc.Tests {
		t.Fatalf("%+v", doc)
	}
	failures, errors := 0, 0
	for _, c := range doc.Suites[0].Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			errors++
		}
	}
	// A001 and A002 fail, A003 could not be checked, A004 is worth knowing only.
	if failures != 2 || doc.Failures != 2 || errors != 1 || doc.Errors != 1 {
		t.Errorf("%d of %d failures, %d of %d errors", failures, doc.Failures, errors, doc.Errors)
	}
}

func TestCSVHoldsNoFormula(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(write(t, whole(t), isolation.CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 3 + 1 + 1; len(rows) != want { // head, open, accepted, not checked
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r\n") == 0 {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
}

func TestPageAndTextCarryNoForeignMarkup(t *testing.T) {
	t.Parallel()
	r := whole(t)
	page := write(t, r, isolation.HTML)
	if strings.Contains(page, "<b>") || strings.Contains(page, "<script") || strings.Contains(page, "style=\"") || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page carries markup of a finding, a script or an inline style")
	}
	if text := write(t, r, isolation.Text); strings.Contains(text, "\x1b") || !strings.HasPrefix(text, "NOT ISOLATED: 3 findings (1 critical, 1 medium, 1 info)\n") {
		t.Errorf("the text steers the terminal or does not begin with the verdict:\n%s", text)
	}
}
