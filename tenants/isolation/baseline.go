package isolation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Day is a calendar day, written as 2026-11-27, so that days compare as texts.
type Day string

// UnmarshalText reads the day.
func (d *Day) UnmarshalText(text []byte) error {
	if _, err := time.Parse(time.DateOnly, string(text)); err != nil {
		return fmt.Errorf("%q is no day like 2026-11-27", text)
	}
	*d = Day(text)
	return nil
}

// Entry accepts one finding for a time. Rule, schema and object are for the
// reader; the fingerprint decides.
type Entry struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	Schema      string `json:"schema,omitempty"`
	Object      string `json:"object,omitempty"`
	Reason      string `json:"reason"`
	Expires     Day    `json:"expires"` // the last day on which it is accepted, in UTC
}

// Accepted is a finding that the baseline lets stand, and why.
type Accepted struct {
	Finding Finding `json:"finding"`
	Reason  string  `json:"reason"`
	Expires Day     `json:"expires"`
}

// Baseline is the file of accepted findings.
type Baseline struct {
	Accepted []Entry `json:"accepted"`
}

// ReadBaseline reads a baseline. Errors: one that says, entry by entry, what is
// wrong: an unknown field, a missing reason or expiry, the same finding twice.
func ReadBaseline(src io.Reader) (Baseline, error) {
	var b Baseline
	d := json.NewDecoder(src)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	if d.More() {
		return Baseline{}, errors.New("baseline: something follows the JSON object")
	}
	var wrong []string
	seen := map[string]bool{}
	for i, e := range b.Accepted {
		switch {
		case e.Fingerprint == "" || e.Rule == "":
			wrong = append(wrong, fmt.Sprintf("entry %d: fingerprint and rule are needed", i+1))
		case strings.TrimSpace(e.Reason) == "":
			wrong = append(wrong, fmt.Sprintf("entry %d (%s): a reason is needed", i+1, e.Fingerprint))
		case e.Expires == "":
			wrong = append(wrong, fmt.Sprintf("entry %d (%s): a day on which it expires is needed", i+1, e.Fingerprint))
		case seen[e.Fingerprint]:
			wrong = append(wrong, fmt.Sprintf("entry %d (%s): is there twice", i+1, e.Fingerprint))
		}
		seen[e.Fingerprint] = true
	}
	if len(wrong) > 0 {
		return Baseline{}, fmt.Errorf("baseline: %s", strings.Join(wrong, "; "))
	}
	return b, nil
}

// Accept sets aside the findings that the baseline accepts on the day of now.
// An entry that expired is told and its finding counts; an entry that met
// nothing is told, too, unless the run was narrowed to schemas that are not its own.
func (r *Report) Accept(b Baseline, now time.Time) {
	today := Day(now.UTC().Format(time.DateOnly))
	for _, e := range b.Accepted {
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Fingerprint == e.Fingerprint && f.Rule == e.Rule })
		switch {
		case i < 0 && (len(r.Scope) == 0 || slices.Contains(r.Scope, e.Schema)):
			r.Unused = append(r.Unused, e)
		case i < 0:
		case e.Expires < today:
			r.Expired = append(r.Expired, e)
		default:
			r.Accepted = append(r.Accepted, Accepted{r.Findings[i], e.Reason, e.Expires})
			r.Findings = slices.Delete(r.Findings, i, i+1)
		}
	}
}

// Diff is what changed since an earlier report.
type Diff struct {
	Since     time.Time `json:"since"`
	New       []string  `json:"new"` // fingerprints
	Unchanged int       `json:"unchanged"`
	Gone      []Finding `json:"gone"`
}

// The states of a finding in a report that was compared.
const (
	StateNew       = "new"
	StateUnchanged = "unchanged"
)

// Compare marks what is new since the earlier report and lists what is gone.
// Findings that either run accepted are compared like the others. Errors: the
// earlier report is of another kind or was narrowed differently.
func (r *Report) Compare(earlier Report) error {
	if earlier.Kind != r.Kind {
		return fmt.Errorf("the earlier report is of kind %s, this one of kind %s", earlier.Kind, r.Kind)
	}
	if !slices.Equal(earlier.Scope, r.Scope) {
		return fmt.Errorf("the earlier report covers %s, this one %s", scopeText(earlier.Scope), scopeText(r.Scope))
	}
	before := map[string]Finding{}
	for _, f := range earlier.all() {
		before[f.Fingerprint] = *f
	}
	d := Diff{Since: earlier.Started, New: []string{}, Gone: []Finding{}}
	for _, f := range r.all() {
		if _, ok := before[f.Fingerprint]; ok {
			f.State = StateUnchanged
			d.Unchanged++
		} else {
			f.State = StateNew
			d.New = append(d.New, f.Fingerprint)
		}
		delete(before, f.Fingerprint)
	}
	for _, f := range before {
		d.Gone = append(d.Gone, f)
	}
	slices.SortFunc(d.Gone, func(a, b Finding) int {
		return strings.Compare(a.Rule+a.Name()+a.Fingerprint, b.Rule+b.Name()+b.Fingerprint)
	})
	r.Diff = &d
	return nil
}

func (r *Report) all() []*Finding {
	var out []*Finding
	for i := range r.Findings {
		out = append(out, &r.Findings[i])
	}
	for i := range r.Accepted {
		out = append(out, &r.Accepted[i].Finding)
	}
	return out
}

func scopeText(scope []string) string {
	if len(scope) == 0 {
		return "everything"
	}
	return strings.Join(scope, ", ")
}
