package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) visitListRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/visits", Gate: httpx.Capable, Capability: access.QueueView, Handler: s.visits},
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/visits/export", Gate: httpx.Capable, Capability: access.QueueView, Timeout: 5 * time.Minute, Handler: s.exportVisits},
	}
}

const dayForm = "02/01/2006"

// period reads the filter of the list; a day that can't be read is named.
func period(r *http.Request) (visit.Period, error) {
	q := r.URL.Query()
	var p visit.Period
	var problems apperr.Problems
	for _, f := range []struct {
		name string
		to   *time.Time
	}{{"from", &p.From}, {"to", &p.To}} {
		day, err := patient.ParseDay(q.Get(f.name))
		if err != nil {
			problems.Add(f.name, "error.date.invalid", "Enter a date, such as 23/04/1986")
		}
		*f.to = day
	}
	p.Line, _ = uuid.Parse(q.Get("doctor")) // a wrong one is every line
	for _, st := range visit.States() {
		if q.Get("state") == string(st) {
			p.State = st
		}
	}
	p.Search, p.Changes = strings.TrimSpace(q.Get("q")), q.Get("changes") != ""
	return p, problems.Err()
}

func (s *Site) visits(w http.ResponseWriter, r *http.Request) error {
	l, at, q := s.words(r), base(r), r.URL.Query()
	v := page.Visits{Shell: s.shell(r, "/visits", l.T("nav.visits")), Base: at, From: q.Get("from"), To: q.Get("to"), Query: q.Get("q"), State: q.Get("state"), Doctor: q.Get("doctor")}
	for _, st := range visit.States() {
		v.States = append(v.States, ui.Option{Value: string(st), Label: stateName(l, st)})
	}
	v.Periods = periods(l, at, today(r), v.From, v.To)
	p, err := period(r)
	var list visit.List
	if err == nil {
		list, err = s.Visits.List(r.Context(), p, after(r), pageSize)
	}
	status := http.StatusOK
	if err != nil {
		if v.Errors, err = FormErrors(l, err); err != nil {
			return err
		}
		status, v.Shell.Failed = http.StatusUnprocessableEntity, true
		return s.show(w, r, status, page.VisitsPage(v))
	}
	v.From, v.To = list.From.Format(dayForm), list.To.Format(dayForm)
	for _, line := range list.Lines {
		v.Doctors = append(v.Doctors, ui.Option{Value: line.ID.String(), Label: line.Name})
	}
	for _, e := range list.Entries {
		v.Rows = append(v.Rows, visitRow(l, e, today(r)))
	}
	changes := ""
	if v.Changes = p.Changes; p.Changes {
		changes = "1"
	}
	rest := []string{"q", v.Query, "state", v.State, "doctor", v.Doctor, "changes", changes}
	keep := append([]string{"from", v.From, "to", v.To}, rest...)
	for _, step := range []struct {
		to    *string
		steps int
	}{{&v.Earlier, -1}, {&v.Later, 1}} {
		from, to := shifted(list.From, list.To, step.steps)
		*step.to = at.Query("/visits", append([]string{"from", from.Format(dayForm), "to", to.Format(dayForm)}, rest...)...)
	}
	if list.More {
		n := list.Next
		v.Next = at.Query("/visits", append(keep, "day", n.Day.Format(time.DateOnly), "at", n.At.UTC().Format(time.RFC3339Nano), "after", n.ID.String())...)
	}
	v.Export = at.Query("/visits/export", keep...)
	return s.show(w, r, status, page.VisitsPage(v))
}

// periods are today, this week, this month and this year.
func periods(l *locale.Loc, at page.Base, day time.Time, from, to string) []ui.Tab {
	week := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	month := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	year := time.Date(day.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	end := day.Format(dayForm)
	var out []ui.Tab
	for _, p := range []struct {
		label string
		begin time.Time
	}{{l.T("queue.today"), day}, {l.T("visits.week"), week}, {l.T("visits.month"), month}, {l.T("visits.year"), year}} {
		begin := p.begin.Format(dayForm)
		out = append(out, ui.Tab{Label: p.label, NoCount: true, Href: at.Query("/visits", "from", begin, "to", end), Current: (from == begin && to == end) || (from == "" && to == "" && p.begin.Equal(day))})
	}
	return out
}

// shifted is the period beside one, before it (-1) or after it (1): of a whole
// month or year the next one, else as many days.
func shifted(from, to time.Time, steps int) (time.Time, time.Time) {
	months := 0
	switch next := to.AddDate(0, 0, 1); {
	case from.Day() != 1 || next.Day() != 1:
	case from.AddDate(0, 1, 0).Equal(next):
		months = 1
	case from.Month() == time.January && from.AddDate(1, 0, 0).Equal(next):
		months = 12
	}
	if months > 0 {
		begin := from.AddDate(0, steps*months, 0)
		return begin, begin.AddDate(0, months, -1)
	}
	days := steps * (int(to.Sub(from)/(24*time.Hour)) + 1)
	return from.AddDate(0, 0, days), to.AddDate(0, 0, days)
}

func visitRow(l *locale.Loc, e visit.Entry, day time.Time) page.VisitRow {
	var steps []string
	for _, st := range e.Steps {
		ev := stepEvent(l, st)
		steps = append(steps, dots(l.Time(st.At), ev.Title, ev.Gist))
	}
	return page.VisitRow{Steps: steps, ID: e.ID.String(), Token: e.Token, Day: l.Day(e.Day), Patient: person(l, e.Patient, day), Doctor: e.Line.Name, Kind: page.VisitKind(l, e.Kind),
		Status: ui.Status(e.State), Arrived: l.Time(e.Arrived), Called: l.Time(e.CalledAt), Started: l.Time(e.Started), Ended: l.Time(e.Ended)}
}

// exportVisits writes the list as CSV, row by row as it is read.
func (s *Site) exportVisits(w http.ResponseWriter, r *http.Request) error {
	p, err := period(r)
	if err != nil {
		return err
	}
	l := s.words(r)
	out := csv.NewWriter(w)
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="check-ins.csv"`)
		if _, err := w.Write([]byte("\ufeff")); err != nil { // Excel takes it for UTF-8 only so
			return err
		}
		return out.Write([]string{l.T("visits.day"), l.T("queue.token"), l.T("patient.number"), l.T("patient.one"), l.T("patient.mobile"), l.T("queue.doctor"),
			l.T("visit.kind"), l.T("visit.purpose"), l.T("queue.status"), l.T("visit.reason"), l.T("visit.moves")})
	}
	err = s.Visits.Export(r.Context(), p, func(e visit.Entry) error {
		if err := begin(); err != nil {
			return err
		}
		var steps []string
		for _, st := range e.Steps {
			steps = append(steps, dots(l.DateTime(st.At), stateName(l, st.To), st.Name, st.Reason))
		}
		return out.Write(neutral(e.Day.Format(time.DateOnly), e.Token, e.Patient.Number, e.Patient.Name.Reveal(), e.Patient.Phone.Reveal(), e.Line.Name,
			page.VisitKind(l, e.Kind), e.Purpose.Reveal(), stateName(l, e.State), e.Reason, strings.Join(steps, "; ")))
	})
	if err == nil {
		err = begin()
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// neutral puts an apostrophe before cells that a spreadsheet would run as a
// formula (OWASP, CSV injection).
func neutral(cells ...string) []string {
	for i, c := range cells {
		if c != "" && strings.ContainsAny(firstOf(c), "=+-@\t\r\n＝＋－＠") {
			cells[i] = "'" + c
		}
	}
	return cells
}

// firstOf is the first letter of a text.
func firstOf(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
