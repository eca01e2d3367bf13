package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

const (
	shownPast   = 25 // entries that come with a page
	bannerTakes = 4  // medicines that the banner names
)

// historyKind is a kind in words, with its icon and its filter.
type historyKind struct{ one, all, icon string }

func kindOf(l *locale.Loc, k history.Kind) historyKind {
	switch k {
	case history.Visit:
		return historyKind{l.T("visit.title"), l.T("patient.visits"), "stethoscope"}
	case history.Prescription:
		return historyKind{l.T("rx.title"), l.T("patient.prescriptions"), "pill"}
	case history.Test:
		return historyKind{l.T("tests.form"), l.T("tests.title"), "flask-conical"}
	case history.Document:
		return historyKind{l.T("timeline.file"), l.T("timeline.files"), "file-text"}
	case history.Appointment:
		return historyKind{l.T("appointment.one"), l.T("nav.appointments"), "calendar-clock"}
	case history.FollowUp:
		return historyKind{l.T("visit.follow_up"), l.T("timeline.follow_ups"), "rotate-ccw"}
	}
	return historyKind{all: l.T("timeline.all")}
}

// past reads the beginning of a patient's history for another page. besides is
// the visit that the page is about, or none.
func (s *Site) past(r *http.Request, id, besides uuid.UUID) (page.Timeline, []history.Running, error) {
	w := history.Wanted{Besides: besides, Most: shownPast, Whole: besides != uuid.Nil}
	p, err := s.History.Of(r.Context(), id, w)
	if err != nil {
		return page.Timeline{}, nil, err
	}
	return s.timeline(r, p, w), p.Running, nil
}

func (s *Site) timeline(r *http.Request, p history.Past, w history.Wanted) page.Timeline {
	l, at := s.words(r), base(r)
	path := "/patients/" + p.Patient.ID.String() + "/history"
	besides := ""
	if w.Besides != uuid.Nil {
		besides = w.Besides.String()
	}
	t := page.Timeline{Title: l.T("consultation.history"), Kind: w.Kind != ""}
	for _, k := range append([]history.Kind{""}, history.Kinds()...) {
		to := at.Query(path, "kind", string(k), "besides", besides)
		t.Tabs = append(t.Tabs, ui.Tab{Label: kindOf(l, k).all, NoCount: true, Href: to, Current: k == w.Kind, Attrs: templ.Attributes{
			"id": "timeline-" + string(k), "hx-get": to, "hx-target": "#timeline", "hx-swap": "outerHTML", "hx-sync": "this:drop"}})
	}
	usual := consultation.RangesAt(p.Patient.Birth.On(), today(r))
	for _, e := range p.Entries {
		t.Events = append(t.Events, entryEvent(l, at, e, usual))
	}
	if p.More {
		t.Older = at.Query(path, "kind", string(w.Kind), "besides", besides, "day", p.Next.Day.UTC().Format(time.DateOnly), "at", p.Next.At.UTC().Format(time.RFC3339Nano),
			"after", p.Next.ID.String())
	}
	return t
}

// history is a patient's past: a page of its own, or the part of one that a
// filter or the way to older entries asks for.
func (s *Site) history(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	wanted := history.Wanted{Kind: history.KindOf(q.Get("kind")), After: after(r), Most: shownPast}
	wanted.Besides, _ = uuid.Parse(q.Get("besides")) // a wrong one is no visit
	part := httpx.Fragment(r)
	if !part {
		wanted.Most = pageSize
	}
	p, err := s.History.Of(r.Context(), id, wanted)
	if err != nil {
		return err
	}
	t := s.timeline(r, p, wanted)
	switch {
	case part && wanted.After.ID != uuid.Nil:
		return s.show(w, r, http.StatusOK, page.TimelineEvents(t, true))
	case part:
		return s.show(w, r, http.StatusOK, page.TimelinePanel(t))
	}
	l, at := s.words(r), base(r)
	rec, err := s.Patients.Get(r.Context(), id)
	if err != nil {
		return err
	}
	h := page.HistoryPage{Timeline: t, Banner: s.banner(r, rec), Shell: s.shell(r, "/patients", l.T("consultation.history"), ui.Crumb{Label: l.T("nav.patients"), Href: at.At("/patients")},
		ui.Crumb{Label: rec.Name.Reveal(), Href: at.Patient(id.String())})}
	h.Banner.Takes = takesLine(l, p.Running)
	return s.show(w, r, http.StatusOK, page.PatientHistory(h))
}

// takesLine names the medicines being taken, as the banner has room for.
func takesLine(l *locale.Loc, all []history.Running) string {
	var names []string
	for _, m := range all[:min(len(all), bannerTakes)] {
		names = append(names, strings.TrimSpace(m.Medicine.Reveal()+" "+m.Dose.String()))
	}
	if n := len(all) - bannerTakes; n > 0 {
		names = append(names, l.T("timeline.more_running", "N", n))
	}
	return dots(names...)
}

func taken(l *locale.Loc, at page.Base, all []history.Running) []page.Taken {
	var out []page.Taken
	for _, m := range all {
		out = append(out, page.Taken{Name: m.Medicine.Reveal(), Dose: m.Dose.String(), Until: l.T("timeline.until", "Date", l.Day(m.Until)), Doctor: m.Doctor,
			Href: at.At("/prescriptions/" + m.PrescriptionID.String() + "/print")})
	}
	return out
}

// entryEvent is an entry as the timeline shows it.
func entryEvent(l *locale.Loc, at page.Base, e history.Entry, usual consultation.Ranges) ui.Event {
	k := kindOf(l, e.Kind)
	ev := ui.Event{When: l.DateTime(e.At), Stamp: l.Stamp(e.At), Kind: k.one, Icon: k.icon, Status: ui.Status(e.State), Stat: e.Stat}
	text := clip(e.Text.Reveal(), 120)
	switch e.Kind {
	case history.Visit:
		visitEvent(l, at, e, usual, &ev)
		return ev
	case history.Prescription:
		ev.Title, ev.Href = e.Number, at.At("/prescriptions/"+e.ID.String()+"/print")
		text = clip(revealed(e.What), 200)
	case history.Test:
		ev.Title, ev.Href = revealed(e.What), at.Visit(e.VisitID.String(), "tests")
		ev.Kind = dots(ev.Kind, page.TestKind(l, e.Sort))
	case history.Document:
		ev.Title, ev.Href = revealed(e.What), at.At("/documents/"+e.ID.String())
		ev.Kind = dots(ev.Kind, page.DocumentKind(l, e.Sort), l.Day(e.Day))
		if e.Doctor == "" {
			e.Doctor = l.T("documents.by_patient")
		}
	case history.Appointment:
		ev.Title, ev.Href = ev.Kind, at.Appointment(e.ID.String(), "")
		ev.Kind = ""
	case history.FollowUp:
		ev.Title, ev.Href = l.T("timeline.again", "Date", l.Day(e.Day)), at.Visit(e.VisitID.String(), "consultation")
	}
	ev.Gist = dots(e.Doctor, text, clip(e.Result.Reveal(), 120), clip(e.Reason.Reveal(), 120))
	return ev
}

func visitEvent(l *locale.Loc, at page.Base, e history.Entry, usual consultation.Ranges, ev *ui.Event) {
	if ev.Status == ui.Done {
		ev.Status = "" // as nearly all are
	}
	kind, text := page.VisitKind(l, e.Sort), e.Text.Reveal()
	ev.Href, ev.Kind = at.Visit(e.VisitID.String(), ""), dots(ev.Kind, e.Number)
	if e.Found {
		ev.Href = at.Visit(e.VisitID.String(), "consultation")
	}
	switch {
	case len(e.What) > 0:
		ev.Title = revealed(e.What)
	case text != "":
		ev.Title, text = text, kind
	default:
		ev.Title = kind
	}
	if e.Systolic > 0 {
		v := consultation.Vitals{Systolic: e.Systolic, Diastolic: e.Diastolic}
		bp := l.T("vitals.bp") + " " + v.Measured().Pressure
		if flag := flagWord(l, usual.Pressure(v)); flag != "" {
			ev.Abnormal = bp + " " + flag
		} else {
			text = dots(bp, text)
		}
	}
	ev.Gist = dots(e.Doctor, clip(text, 120))
}

func revealed(all []phi.Text) string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = t.Reveal()
	}
	return strings.Join(out, ", ")
}

// dueAgain puts the follow-ups that a patient waits for on the page.
func (s *Site) dueAgain(r *http.Request, p *page.PatientPage, rec patient.Record) error {
	due, err := s.Consults.DueOf(r.Context(), rec.Family())
	if err != nil {
		return err
	}
	l, day := s.words(r), today(r)
	for _, f := range due {
		row := page.DayRow{Text: f.Doctor, When: l.Day(f.On), Late: f.On.Before(day)}
		if httpx.From(r.Context()).Can(access.FollowUpClose) {
			row.Posts = closeFollowUp(l, base(r), f, rec.ID)
		}
		p.Due = append(p.Due, row)
	}
	return nil
}
