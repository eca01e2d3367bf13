package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// versionsPath is the operators' page about the clinics' migrations.
const versionsPath = "/platform/versions"

// versionsShown is how many versions have a figure of their own.
const versionsShown = 5

// versions lists where the clinics' schemas stand; for htmx only what changes.
func (s *Site) versions(w http.ResponseWriter, r *http.Request) error {
	q := platform.VersionQuery{Only: asked(r, "state"), Text: asked(r, "q"), After: asked(r, "after")}
	got, err := s.Platform.Versions(r.Context(), q)
	if err != nil {
		return err
	}
	l := s.words(r)
	p := page.Versions{Shell: s.operatorShell(r, l.T("versions.title")), Back: ui.Button{Label: l.T("clinics.title"), Href: consolePath}, Query: q.Text, State: q.Only,
		Now: versionsNow(l, q, got)}
	if httpx.Fragment(r) {
		return s.show(w, r, http.StatusOK, page.VersionsList(p.Now))
	}
	return s.show(w, r, http.StatusOK, page.VersionsPage(p))
}

// versionsAt is the page's address with a filter.
func versionsAt(q platform.VersionQuery) string {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "state": q.Only, "after": q.After} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return versionsPath
	}
	return versionsPath + "?" + v.Encode()
}

func versionsNow(l *locale.Loc, q platform.VersionQuery, got platform.Versions) page.VersionsNow {
	p := page.VersionsNow{All: versionsPath, Here: versionsAt(q), Filtered: q.Only != "" || q.Text != "", Updated: l.T("versions.updated", "At", l.Time(time.Now()))}
	late := got.Total - got.ByState[platform.Current]
	p.Asks = late > 0 // a run may be under way, or begin
	switch {
	case got.Total == 0:
	case got.ByState[platform.Failed] > 0:
		p.Notice = ui.Notice{Kind: "danger", Bold: l.N("versions.failures", got.ByState[platform.Failed]), Text: l.T("versions.failures_text")}
	case late > 0:
		p.Notice = ui.Notice{Kind: "wait", Bold: l.N("versions.late", late), Text: l.T("versions.late_text")}
	default:
		p.Notice = ui.Notice{Kind: "done", Bold: l.T("versions.whole", "Version", l.Num(int(got.Target)))}
	}
	for i, v := range got.ByVersion {
		if i == versionsShown {
			break
		}
		f := ui.Stat{Value: l.Num(v.Clinics), Label: l.T("versions.at", "Version", l.Num(int(v.Version)))}
		if v.Version == got.Target {
			f.Context = l.T("versions.own")
		}
		p.Figures = append(p.Figures, f)
	}
	p.Tabs = []ui.Tab{{Label: l.T("filter.all"), Count: got.Found, Href: versionsAt(platform.VersionQuery{Text: q.Text}), Current: q.Only == ""}}
	for _, c := range platform.Conditions() {
		if n := got.FoundBy[c]; n > 0 || q.Only == c.String() {
			p.Tabs = append(p.Tabs, ui.Tab{Label: conditionFlag(l, c).Text, Count: n, Href: versionsAt(platform.VersionQuery{Text: q.Text, Only: c.String()}), Current: q.Only == c.String()})
		}
	}
	for _, x := range got.Places {
		p.Rows = append(p.Rows, versionRow(l, x))
	}
	p.Shown = l.N("clinics.shown", len(p.Rows))
	if q.After != "" {
		p.First = versionsAt(platform.VersionQuery{Text: q.Text, Only: q.Only})
	}
	if got.Next != "" {
		p.Next = versionsAt(platform.VersionQuery{Text: q.Text, Only: q.Only, After: got.Next})
	}
	return p
}

func versionRow(l *locale.Loc, x platform.Place) page.VersionRow {
	row := page.VersionRow{Slug: x.Slug, Name: x.Name, Version: l.Num(int(x.Version)), State: conditionFlag(l, x.Condition), Shut: !x.Served, Error: x.Error}
	if !x.Finished.IsZero() {
		row.Finished = l.DateTime(x.Finished)
	}
	if x.Took > 0 {
		row.Took = l.T("versions.ms", "N", l.Num(int(x.Took.Milliseconds())))
	}
	if x.Took >= time.Second {
		row.Took = l.T("versions.seconds", "N", l.Num(int(x.Took.Seconds())))
	}
	return row
}

func conditionFlag(l *locale.Loc, c platform.Condition) ui.Flag {
	switch c {
	case platform.Failed:
		return ui.Flag{Kind: "urgent", Icon: "triangle-alert", Text: l.T("versions.failed")}
	case platform.Behind:
		return ui.Flag{Kind: "wait", Icon: "clock", Text: l.T("versions.behind")}
	case platform.Running:
		return ui.Flag{Kind: "info", Icon: "refresh-cw", Text: l.T("versions.running")}
	case platform.Ahead:
		return ui.Flag{Kind: "info", Icon: "skip-forward", Text: l.T("versions.ahead")}
	}
	return ui.Flag{Kind: "done", Icon: "check", Text: l.T("versions.current")}
}
