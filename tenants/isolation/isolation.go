// Package isolation says what a check of the walls between clinics found, and
// writes it for whoever asks: a person at a terminal or with a printed page, a
// spreadsheet, a build server, a scanner's console.
//
// It talks to no database and knows no rule: packages audit (static rules) and
// prove (attacks) fill a Report, and everything about formats, accepted
// findings and comparison with an earlier run stands here, once for both.
package isolation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Severity ranks a finding by what an attacker gains. Info alone never makes a
// report unclean: it is told, and nothing has to be done.
type Severity string

// The ranks, worst first.
const (
	Critical Severity = "critical" // one clinic's rows can be had by another, now
	High     Severity = "high"     // one wall is down, or one step is missing to that
	Medium   Severity = "medium"   // a wall is weaker than designed
	Low      Severity = "low"      // a habit that will weaken one
	Info     Severity = "info"     // worth knowing
)

// Severities are all ranks, worst first.
var severities = []Severity{Critical, High, Medium, Low, Info}

func (s Severity) rank() int { return slices.Index(severities, s) }

// The kinds of reports.
const (
	Audit = "audit" // static rules over the catalogs
	Prove = "prove" // attacks
)

// Rule is one thing that is checked, under an id that never changes its meaning.
type Rule struct {
	ID       string   `json:"id"` // CLO-A001 for audit, CLO-P001 for prove
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Why      string   `json:"why"`
	Help     string   `json:"help"` // the rule's page, from the root of the documentation
}

// Finding is one object at which a rule was broken.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Schema   string   `json:"schema,omitempty"`
	Clinic   string   `json:"clinic,omitempty"` // its slug
	Object   string   `json:"object"`           // qualified name within the database, without the schema where Schema is set
	Reason   string   `json:"reason"`
	// Evidence is what stands in the catalog. It is part of the fingerprint, as is
	// the reason, so that a finding which was accepted counts again when the object changes.
	Evidence  string `json:"evidence,omitempty"`
	Mend      string `json:"mend,omitempty"`      // SQL that ends it
	Reproduce string `json:"reproduce,omitempty"` // SQL that shows it
	Help      string `json:"help,omitempty"`
	// Fingerprint is the finding's key in baselines and comparisons.
	Fingerprint string `json:"fingerprint"`
	// State is new or unchanged, where the report was compared with an earlier one.
	State string `json:"state,omitempty"`
}

// Name is the object with its schema.
func (f Finding) Name() string {
	if f.Schema == "" {
		return f.Object
	}
	if f.Object == "" {
		return f.Schema
	}
	return f.Schema + "." + f.Object
}

func (f Finding) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, f.Schema, f.Object, f.Reason, f.Evidence}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Gap is a rule that could not be checked. A report with a gap is not clean,
// since nobody knows.
type Gap struct {
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason"`
}

// Report is what one run found.
type Report struct {
	Format   int       `json:"format"` // of this JSON
	Kind     string    `json:"kind"`   // Audit or Prove
	Version  string    `json:"version,omitempty"`
	Database string    `json:"database"`
	Server   string    `json:"server"` // 15.14
	Started  time.Time `json:"started"`
	TookMS   int64     `json:"took_ms"`
	Scope    []string  `json:"scope,omitempty"` // schemas, where the run was narrowed
	Clinics  int       `json:"clinics"`
	// Checked counts the objects that rules looked at.
	Checked int `json:"checked,omitempty"`
	// Attempts counts attacks; Controls those that had to succeed with the wall
	// taken down, and did.
	Attempts int `json:"attempts,omitempty"`
	Controls int `json:"controls,omitempty"`
	// Notes are told under the verdict: what the figures leave out, what load the run made.
	Notes    []string   `json:"notes,omitempty"`
	Rules    []Rule     `json:"rules"`
	Findings []Finding  `json:"findings"`
	Accepted []Accepted `json:"accepted,omitempty"`
	Expired  []Entry    `json:"expired,omitempty"` // of the baseline; their findings count again
	Unused   []Entry    `json:"unused,omitempty"`  // of the baseline; nothing of the kind was found
	Gaps     []Gap      `json:"gaps,omitempty"`
	Diff     *Diff      `json:"diff,omitempty"`
}

// FormatNumber goes up when a field of the JSON changes its meaning.
const FormatNumber = 1

// Add takes a finding in; severity and help come from its rule unless it says
// its own. It panics on a rule that the report doesn't list: a finding without
// a page to explain it must not leave the house.
func (r *Report) Add(f Finding) {
	i := slices.IndexFunc(r.Rules, func(x Rule) bool { return x.ID == f.Rule })
	if i < 0 {
		panic("isolation: finding of unlisted rule " + f.Rule)
	}
	if f.Severity == "" {
		f.Severity = r.Rules[i].Severity
	}
	if f.Help == "" {
		f.Help = r.Rules[i].Help
	}
	f.Fingerprint = f.fingerprint()
	r.Findings = append(r.Findings, f)
}

// Sort puts findings worst first, then by rule and name, and drops a second one
// of the same fingerprint, so that two runs over the same database differ in
// nothing but their times.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if d := a.Severity.rank() - b.Severity.rank(); d != 0 {
			return d
		}
		return strings.Compare(a.Rule+"\x00"+a.Name()+"\x00"+a.Fingerprint, b.Rule+"\x00"+b.Name()+"\x00"+b.Fingerprint)
	})
	r.Findings = slices.CompactFunc(r.Findings, func(a, b Finding) bool { return a.Fingerprint == b.Fingerprint })
}

// Verdict is the report in one word.
type Verdict string

// The verdicts, and the exit codes of the commands: 0, 1, 2.
const (
	Clean   Verdict = "clean"
	Found   Verdict = "found"   // something has to be done
	Unknown Verdict = "unknown" // nothing was found, and not everything could be checked
)

// Verdict is found as soon as one finding counts: what is known to be broken
// outweighs what is not known.
func (r Report) Verdict() Verdict {
	for _, f := range r.Findings {
		if f.Severity != Info {
			return Found
		}
	}
	if len(r.Gaps) > 0 {
		return Unknown
	}
	return Clean
}

// ExitCode is the verdict as the commands end.
func (r Report) ExitCode() int {
	return map[Verdict]int{Clean: 0, Found: 1, Unknown: 2}[r.Verdict()]
}

// Count is how many open findings have the severity.
func (r Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Headline is the verdict as a sentence.
func (r Report) Headline() string {
	counts := r.countsText()
	switch r.Verdict() {
	case Found:
		return fmt.Sprintf("NOT ISOLATED: %s (%s)", plural(len(r.Findings), "finding"), counts)
	case Unknown:
		return fmt.Sprintf("NOT KNOWN: nothing was found, but %s could not be made", plural(len(r.Gaps), "check"))
	}
	head := "ISOLATED: "
	if r.Kind == Prove {
		head += fmt.Sprintf("no leak in %s", plural(r.Attempts, "attempt"))
	} else {
		head += fmt.Sprintf("nothing found in %s of %s", plural(r.Checked, "object"), plural(r.Clinics, "clinic"))
	}
	if len(r.Accepted) > 0 {
		head += fmt.Sprintf(", %d accepted", len(r.Accepted))
	}
	if counts != "" {
		head += " (" + counts + ")"
	}
	return head
}

func (r Report) countsText() string {
	var parts []string
	for _, s := range severities {
		if n := r.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// figures are the line under the headline.
func (r Report) figures() string {
	parts := []string{plural(r.Clinics, "clinic"), plural(len(r.Rules), "rule")}
	if r.Checked > 0 {
		parts = append(parts, plural(r.Checked, "object")+" looked at")
	}
	if r.Attempts > 0 {
		parts = append(parts, plural(r.Attempts, "attempt"))
	}
	if r.Controls > 0 {
		parts = append(parts, plural(r.Controls, "control")+" passed")
	}
	if len(r.Accepted) > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted", len(r.Accepted)))
	}
	return strings.Join(parts, ", ")
}

func (r Report) took() string { return fmt.Sprintf("%.1f s", float64(r.TookMS)/1000) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rule finds a rule by id; a zero Rule if there is none.
func (r Report) rule(id string) Rule {
	for _, x := range r.Rules {
		if x.ID == id {
			return x
		}
	}
	return Rule{ID: id}
}

// ReadJSON reads a report that WriteTo wrote as JSON. Errors: not JSON, or of a
// later format.
func ReadJSON(src io.Reader) (Report, error) {
	var r Report
	if err := json.NewDecoder(src).Decode(&r); err != nil {
		return Report{}, fmt.Errorf("not a report: %w", err)
	}
	if r.Format != FormatNumber || r.Kind == "" {
		return Report{}, fmt.Errorf("not a report of format %d", FormatNumber)
	}
	return r, nil
}
