package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// waveAudit asks the isolation audit between the waves of a run. What was found
// before the first one is the installation's, not the run's, and stops nothing.
type waveAudit struct {
	dsn    string // of cloister_auditor
	before map[string]bool
}

// toldFindings is how many findings a run that ends early names.
const toldFindings = 3

func (w *waveAudit) begin(ctx context.Context) error {
	r, err := runAudit(ctx, w.dsn, audit.Options{Version: version})
	if err != nil {
		return fmt.Errorf("the isolation audit before the first wave: %w (--no-audit goes without)", err)
	}
	w.before = map[string]bool{}
	for _, f := range r.Findings {
		w.before[f.Fingerprint] = true
	}
	return nil
}

// check audits the schemas of a wave: a finding that is new ends the run, and so
// does not knowing.
func (w *waveAudit) check(ctx context.Context, wave []migrate.Schema) error {
	o := audit.Options{Version: version}
	for _, s := range wave {
		o.Schemas = append(o.Schemas, s.Name)
	}
	if len(o.Schemas) == 0 {
		return nil
	}
	r, err := runAudit(ctx, w.dsn, o)
	if err != nil {
		return fmt.Errorf("the isolation audit: %w", err)
	}
	var fresh []isolation.Finding
	for _, f := range r.Findings {
		if f.Severity != isolation.Info && !w.before[f.Fingerprint] {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) == 0 {
		if len(r.Gaps) > 0 {
			return fmt.Errorf("the isolation audit does not know: %s %s", r.Gaps[0].Rule, r.Gaps[0].Reason)
		}
		return nil
	}
	var told []string
	for _, f := range fresh[:min(len(fresh), toldFindings)] {
		line := fmt.Sprintf("%s %s %s: %s", f.Severity, f.Rule, f.Name(), f.Reason)
		if f.Mend != "" {
			line += "\n    mend: " + strings.ReplaceAll(strings.TrimSpace(f.Mend), "\n", "\n    ")
		}
		told = append(told, line)
	}
	if more := len(fresh) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("%d more (cloister isolation audit lists them)", more))
	}
	return fmt.Errorf("the isolation audit found what was not there before:\n  %s", strings.Join(told, "\n  "))
}
