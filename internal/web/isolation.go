package web

import (
	"errors"
	"net/http"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// isolationPath is the operators' page about the walls between clinics.
const isolationPath = "/platform/isolation"

func (s *Site) isolationRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: isolationPath, Gate: httpx.Operator, Handler: s.isolation},
		{Method: http.MethodPost, Path: isolationPath, Gate: httpx.Operator, Handler: s.checkIsolation},
		{Method: http.MethodGet, Path: isolationPath + "/report", Gate: httpx.Operator, Handler: s.isolationReport},
	}
}

// operatorShell is the frame of the console's pages.
func (s *Site) operatorShell(r *http.Request, title string) ui.Shell {
	info, l := httpx.From(r.Context()), s.words(r)
	return ui.Shell{Title: title, Clinic: ui.Clinic{Name: product, Home: "/platform"}, SignOut: "/platform/logout",
		User: ui.User{Name: info.Who.Actor.Name, Role: page.RoleName(l, access.Platform)}, Deadline: info.Who.Deadline.UTC().Format(deadlineForm)}
}

// isolation shows the last check.
func (s *Site) isolation(w http.ResponseWriter, r *http.Request) error {
	return s.showIsolation(w, r, http.StatusOK, false)
}

// checkIsolation checks now and leads back to the page.
func (s *Site) checkIsolation(w http.ResponseWriter, r *http.Request) error {
	err := s.Walls.Check(r.Context())
	switch {
	case errors.Is(err, platform.ErrNoAuditor):
		return s.showIsolation(w, r, http.StatusConflict, false)
	case errors.Is(err, platform.ErrUnchecked):
		return s.showIsolation(w, r, http.StatusBadGateway, true)
	case err != nil:
		return err
	}
	return httpx.Redirect(w, r, isolationPath)
}

func (s *Site) showIsolation(w http.ResponseWriter, r *http.Request, status int, failed bool) error {
	l := s.words(r)
	last, err := s.Walls.Last(r.Context())
	if err != nil && !errors.Is(err, platform.ErrNoAuditor) {
		return err
	}
	p := page.Isolation{Shell: s.operatorShell(r, l.T("isolation.title")), Back: ui.Button{Label: l.T("clinics.title"), Href: consolePath}}
	if err != nil {
		p.Notice = ui.Notice{Kind: "wait", Text: l.T("isolation.no_auditor")}
		return s.show(w, r, status, page.IsolationPage(p))
	}
	p.Check = ui.Post{Action: isolationPath, Button: ui.Button{Label: l.T("isolation.check"), Icon: "shield", Kind: "primary"}}
	p.Notice = ui.Notice{Text: l.T("isolation.never")}
	if last != nil {
		fillIsolation(&p, l, last)
	}
	if failed {
		p.Notice = ui.Notice{Kind: "danger", Text: l.T("isolation.failed")}
	}
	return s.show(w, r, status, page.IsolationPage(p))
}

// isolationKinds are the notices of the verdicts.
var isolationKinds = map[string]string{"clean": "done", "found": "danger", "unknown": "wait"}

// isolationRanks are the badges of the severities.
var isolationRanks = map[string]string{"critical": "urgent", "high": "urgent", "medium": "wait"}

func fillIsolation(p *page.Isolation, l *locale.Loc, last *platform.Isolation) {
	p.Context = l.T("isolation.when", "At", l.DateTime(last.At))
	p.File = isolationPath + "/report"
	verdicts := map[string]string{"clean": l.T("isolation.clean"), "found": l.N("isolation.found", len(last.Findings)), "unknown": l.N("isolation.unknown", len(last.Gaps))}
	p.Notice = ui.Notice{Kind: isolationKinds[last.Verdict], Bold: verdicts[last.Verdict]}
	p.Figures = []ui.Stat{
		{Value: l.Num(last.Clinics), Label: l.T("isolation.clinics")}, {Value: l.Num(last.Rules), Label: l.T("isolation.rules")},
		{Value: l.Num(last.Objects), Label: l.T("isolation.objects")}, {Value: last.Server, Label: "PostgreSQL"},
	}
	p.Gaps = last.Gaps
	ranks := map[string]string{"critical": l.T("isolation.critical"), "high": l.T("isolation.high"), "medium": l.T("isolation.medium"), "low": l.T("isolation.low"), "info": l.T("isolation.info")}
	for _, f := range last.Findings {
		p.Findings = append(p.Findings, page.IsolationFinding{Rule: f.Rule, Title: f.Title, Object: f.Object, Clinic: f.Clinic, Reason: f.Reason, Evidence: f.Evidence, Mend: f.Mend,
			Rank: ui.Flag{Kind: isolationRanks[f.Severity], Text: ranks[f.Severity]}})
	}
}

// isolationReport is the last check as a file of its own: it carries its style,
// which a page of ours may not.
func (s *Site) isolationReport(w http.ResponseWriter, r *http.Request) error {
	last, err := s.Walls.Last(r.Context())
	if errors.Is(err, platform.ErrNoAuditor) || err == nil && last == nil {
		return httpx.Redirect(w, r, isolationPath)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="isolation.html"`)
	_, err = w.Write(last.File)
	return err
}
