// Package bench measures what the three walls cost and what the pool gives, and
// prints it as ratios: each case runs ours and its yardstick side by side in one
// process, in interleaved rounds, and compares medians, so that a slow moment of
// the machine hits both.
//
// A case is a function in Cases; what several need (a server, clinics, the
// delaying proxy, the statistics) is here. No product code may import it, and no
// case may test: a wrong row ends the run, a missed goal is only said.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Case is one of the things measured.
type Case struct {
	Name  string // for --only
	Title string
	Run   func(ctx context.Context, e *Env) ([]Row, error)
}

// Cases lists them in the order of the table.
func Cases() []Case {
	return []Case{
		{"access", "Read and Write against the same SQL without transaction, scope or policies", Access},
		{"signature", "Signed scope against one that is believed", Signature},
		{"pool", "The affine pool over many clinics against one shared schema", Pool},
		{"provision", "Making a clinic, with a schema made ahead and without", Provision},
		{"migrate", "One new DDL over every clinic against a loop of the same", Migrate},
		{"backup", "One clinic out and back in, and the others meanwhile", Backup},
		{"prove", "Attacking the walls, and every attack where they are down", Prove},
		{"audit", "The walls of few and many clinics, read from the catalogs", Audit},
		{"chain", "What the chain over the trail costs writes", Chain},
		{"search", "Patient search in a clinic of 100 000", Search},
		{"consultation", "Suggestions of ICD-10, and the screen of a long history", Consultation},
		{"prescribing", "Suggestions of medicines, and from a template to the prescription", Prescribing},
		{"history", "The page of a patient with 1000 visits", History},
		{"pdf", "The PDF of a prescription", PDF},
		{"pages", "Pages of the service under 50 users", Pages},
	}
}

// Row is one line of the table: two measures of the same unit and their ratio.
type Row struct {
	Case     string  `json:"case"`
	What     string  `json:"what"`
	Unit     string  `json:"unit"`
	Ours     float64 `json:"ours"`
	Base     float64 `json:"base,omitempty"`
	BaseIs   string  `json:"base_is,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
	Goal     string  `json:"goal,omitempty"` // "<= 1.25" or ">= 0.85", of the ratio or, without one, of ours
	Reached  *bool   `json:"reached,omitempty"`
	Comments string  `json:"comments,omitempty"`
}

// judge fills Ratio and Reached.
func (r Row) judge() Row {
	v := r.Ours
	if r.Base != 0 {
		r.Ratio = r.Ours / r.Base
		v = r.Ratio
	}
	var limit float64
	var op string
	if n, _ := fmt.Sscanf(r.Goal, "%s %f", &op, &limit); n == 2 {
		ok := v <= limit
		if op == ">=" {
			ok = v >= limit
		}
		r.Reached = &ok
	}
	return r
}

// Report is what a run gives.
type Report struct {
	Machine string    `json:"machine"`
	Server  string    `json:"server"`
	Quick   bool      `json:"quick"`
	At      time.Time `json:"at"`
	Rows    []Row     `json:"rows"`
}

// Print writes the table.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s\n\n", r.Machine, r.Server)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "case\twhat\tours\tyardstick\tratio\tgoal\t\t")
	for _, x := range r.Rows {
		base, ratio, ok := "", "", ""
		if x.Base != 0 {
			base = fmt.Sprintf("%s %s (%s)", number(x.Base), x.Unit, x.BaseIs)
			ratio = fmt.Sprintf("%.2f", x.Ratio)
		}
		if x.Reached != nil {
			ok = map[bool]string{true: "reached", false: "missed"}[*x.Reached]
		}
		fmt.Fprintf(tw, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", x.Case, x.What, number(x.Ours), x.Unit, base, ratio, x.Goal, ok, x.Comments)
	}
	return tw.Flush()
}

// JSON writes the report for machines.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Run measures the cases whose names are in only, or all. With an error it gives
// what was measured before, nil when nothing could be.
func Run(ctx context.Context, e *Env, only string) (*Report, error) {
	rep := &Report{Machine: machine(), Quick: e.Quick, At: time.Now().UTC()}
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	defer e.stop()
	rep.Server = e.version
	for _, c := range Cases() {
		if only != "" && !slices.Contains(strings.Split(only, ","), c.Name) {
			continue
		}
		e.say("%s: %s", c.Name, c.Title)
		rows, err := c.Run(ctx, e)
		if err != nil {
			return rep, fmt.Errorf("%s: %w", c.Name, err)
		}
		for _, r := range rows {
			r.Case = c.Name
			rep.Rows = append(rep.Rows, r.judge())
		}
	}
	return rep, nil
}

// median of some values; it sorts them.
func median(v []float64) float64 { return quantile(v, 0.5) }

// quantile of some values by nearest rank; it sorts them.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	i := int(q * float64(len(v)))
	return v[min(i, len(v)-1)]
}

// micros is a duration in microseconds.
func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// versus times two ways of doing the same thing in interleaved rounds by one
// caller, and gives the median of the rounds' median times, in microseconds.
func versus(rounds, each int, ours, base func() error) (a, b float64, err error) {
	var as, bs []float64
	turn := func(f func() error, out *[]float64) error {
		v := make([]float64, each)
		for i := range v {
			begun := time.Now()
			if err := f(); err != nil {
				return err
			}
			v[i] = micros(time.Since(begun))
		}
		*out = append(*out, median(v))
		return nil
	}
	for r := range rounds + 1 {
		first, second, fo, so := ours, base, &as, &bs
		if r%2 == 1 {
			first, second, fo, so = base, ours, &bs, &as
		}
		if err := turn(first, fo); err != nil {
			return 0, 0, err
		}
		if err := turn(second, so); err != nil {
			return 0, 0, err
		}
		if r == 0 { // warms caches, plans and connections
			as, bs = nil, nil
		}
	}
	return median(as), median(bs), nil
}
