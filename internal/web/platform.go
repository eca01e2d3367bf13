package web

import (
	"net/http"
	"net/url"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// consolePath is the operators' list of clinics.
const consolePath = "/platform/clinics"

func (s *Site) platformRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/platform", Gate: httpx.Operator, Handler: s.platformDoor},
		{Method: http.MethodGet, Path: consolePath, Gate: httpx.Operator, Handler: s.console},
		{Method: http.MethodGet, Path: versionsPath, Gate: httpx.Operator, Handler: s.versions},
	}
}

func (s *Site) platformDoor(w http.ResponseWriter, r *http.Request) error {
	return httpx.Redirect(w, r, consolePath)
}

// console lists the clinics to operators.
func (s *Site) console(w http.ResponseWriter, r *http.Request) error {
	want := platform.Query{Status: asked(r, "status"), Text: asked(r, "q"), After: asked(r, "after")}
	got, err := s.Platform.Clinics(r.Context(), want)
	if err != nil {
		return err
	}
	l := s.words(r)
	p := page.Clinics{Isolation: isolationPath, Versions: versionsPath, Query: want.Text, Status: want.Status, Shown: l.N("clinics.shown", len(got.Clinics)), All: consolePath, Filtered: want != platform.Query{},
		Shell: s.operatorShell(r, l.T("clinics.title"))}
	for _, c := range got.Clinics {
		row := page.ClinicRow{Slug: c.Slug, Name: c.Name, City: c.City, Plan: c.Plan, Status: ui.Status(c.Status), Reason: c.Reason,
			Staff: l.Num(int(c.Staff)), Patients: l.Num(int(c.Patients)), Storage: l.Size(c.Storage), LastActive: l.DateTime(c.LastActivity), Made: l.Date(c.CreatedAt)}
		if c.LastActivity.IsZero() {
			row.LastActive = l.T("staff.never")
		}
		p.Rows = append(p.Rows, row)
	}
	p.Tabs = []ui.Tab{{Label: l.T("filter.all"), Count: got.Total, Href: consoleAt(want.Text, "", ""), Current: want.Status == ""}}
	for _, st := range []struct{ code, label string }{
		{"pending", l.T("status.pending")}, {"trial", l.T("status.trial")}, {"active", l.T("status.active")}, {"past_due", l.T("status.past_due")},
		{"suspended", l.T("status.suspended")}, {"expired", l.T("status.expired")}, {"archived", l.T("status.archived")},
	} {
		if n := got.Counts[st.code]; n > 0 || want.Status == st.code {
			p.Tabs = append(p.Tabs, ui.Tab{Label: st.label, Count: n, Href: consoleAt(want.Text, st.code, ""), Current: want.Status == st.code})
		}
	}
	if want.After != "" {
		p.First = consoleAt(want.Text, want.Status, "")
	}
	if got.More {
		p.Next = consoleAt(want.Text, want.Status, got.Clinics[len(got.Clinics)-1].Slug)
	}
	return s.show(w, r, http.StatusOK, page.ClinicsPage(p))
}

// consoleAt is the console's address with a filter.
func consoleAt(text, status, after string) string {
	q := url.Values{}
	for k, v := range map[string]string{"q": text, "status": status, "after": after} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return consolePath
	}
	return consolePath + "?" + q.Encode()
}
