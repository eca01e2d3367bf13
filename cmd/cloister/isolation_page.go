package main

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

// wallsPage is the console's check of the walls, with the auditor's login. Where
// that is not known to the service the page says so.
func (c config) wallsPage(log *logrus.Logger) *platform.Walls {
	dsn, err := c.auditorURL()
	if err != nil {
		return platform.NewWalls(nil)
	}
	return platform.NewWalls(func(ctx context.Context) (platform.Isolation, error) {
		r, err := runAudit(ctx, dsn, audit.Options{Version: version})
		if err != nil {
			log.WithError(err).Error("check the walls between clinics")
			return platform.Isolation{}, platform.ErrUnchecked
		}
		return shownIsolation(r)
	})
}

func shownIsolation(r isolation.Report) (platform.Isolation, error) {
	var file bytes.Buffer
	if err := r.Write(&file, isolation.HTML); err != nil {
		return platform.Isolation{}, err
	}
	out := platform.Isolation{Verdict: string(r.Verdict()), Database: r.Database, Server: r.Server, At: r.Started, Took: time.Duration(r.TookMS) * time.Millisecond,
		Clinics: r.Clinics, Objects: r.Checked, Rules: len(r.Rules), File: file.Bytes()}
	for _, g := range r.Gaps {
		out.Gaps = append(out.Gaps, strings.TrimPrefix(g.Rule+": "+g.Reason, ": "))
	}
	titles := map[string]string{}
	for _, x := range r.Rules {
		titles[x.ID] = x.Title
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, platform.IsolationFinding{Rule: f.Rule, Severity: string(f.Severity), Title: titles[f.Rule], Object: f.Name(), Clinic: f.Clinic,
			Reason: f.Reason, Evidence: f.Evidence, Mend: f.Mend})
	}
	return out, nil
}
