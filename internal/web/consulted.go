package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// visitBanner is the patient's banner with the token and what the visit adds.
func (s *Site) visitBanner(r *http.Request, k consultation.Work) ui.Banner {
	l := s.words(r)
	b := s.banner(r, k.Record)
	b.Token = k.Visit.Token
	if h := k.Record.History.Reveal(); h != "" && len([]rune(h)) <= 40 {
		b.Flags = append(b.Flags, ui.Flag{Kind: "wait", Icon: "activity", Text: h})
	}
	if k.Visit.Priority || k.Visit.Kind == "emergency" {
		b.Flags = append(b.Flags, ui.Flag{Kind: "stat", Icon: "triangle-alert", Text: l.T("consultation.urgent_visit")})
	}
	return b
}

// consultationPast puts what was before this visit beside it, and on the banner
// what the patient takes now.
func (s *Site) consultationPast(r *http.Request, k consultation.Work, t *page.Timeline, b *ui.Banner) error {
	past, running, err := s.past(r, k.Record.ID, k.Visit.ID)
	if err != nil {
		return err
	}
	*t, b.Takes = past, takesLine(s.words(r), running)
	return nil
}

// showConsulted draws what was found at a visit, to read and to add to.
func (s *Site) showConsulted(w http.ResponseWriter, r *http.Request, k consultation.Work, status int, add *page.AddendumForm) error {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	area, trail := "/patients", ui.Crumb{Label: l.T("nav.patients"), Href: at.At("/patients")}
	if info.Can(access.ConsultationOwn) {
		area, trail = "/my-queue", ui.Crumb{Label: l.T("nav.my_queue"), Href: at.At("/my-queue")}
	}
	p := page.Consulted{Shell: s.shell(r, area, l.T("consultation.title", "Name", k.Record.Name.Reveal()), trail), Base: at, ID: k.Visit.ID.String(), Banner: s.visitBanner(r, k),
		Trends: trends(l, k), Vitals: vitalFacts(l, k)}
	all := k.Others
	if k.Mine != nil {
		all = append([]consultation.Consultation{*k.Mine}, all...)
	}
	for _, c := range all {
		if c.State == consultation.Finished {
			p.Notes = append(p.Notes, consultedNotes(l, c))
		} else {
			p.Notices = append(p.Notices, ui.Notice{Text: l.T("consultation.with_doctor", "Name", c.Doctor)})
		}
	}
	if len(all) == 0 {
		p.Notices = append(p.Notices, ui.Notice{Text: l.T("consultation.none")})
	}
	st := visit.State(k.Visit.State)
	mine := k.Visit.Doctor == info.Who.Actor.ID || k.Visit.Doctor == uuid.Nil
	// A visit of a day that is over and of no doctor is history, such as an older system's.
	if st == visit.Done && k.Visit.Doctor == uuid.Nil && k.Visit.Day.Before(today(r)) {
		mine = false
	}
	if info.Can(access.ConsultationOwn) && mine && k.Mine == nil && (st == visit.InConsultation || st == visit.Done || visit.MayGo(st, visit.InConsultation)) {
		p.Begin = &ui.Post{Action: at.Visit(p.ID, "consultation/begin"), Once: once(), Hidden: [][2]string{{"version", strconv.Itoa(int(k.Visit.Version))}},
			Button: ui.Button{Label: l.T("consultation.begin"), Kind: "primary", Icon: "stethoscope", Attrs: map[string]any{"data-focus": ""}}}
	}
	if info.Can(access.ConsultationOwn) && k.Mine != nil && k.Mine.State == consultation.Finished {
		if add == nil {
			add = &page.AddendumForm{Once: once()}
		}
		p.Add = add
	}
	p.Links = []ui.Button{{Label: l.T("patient.one"), Href: at.Patient(k.Visit.Patient.String()), Icon: "user"}}
	if len(p.Notes) > 0 {
		p.Links = append(p.Links, ui.Button{Label: l.T("paper.print_summary"), Href: at.Visit(p.ID, "summary"), Icon: "printer"})
	}
	if info.Can(access.VitalsRecord) && !info.Can(access.ConsultationOwn) {
		p.Links = append(p.Links, ui.Button{Label: l.T("vitals.title"), Href: at.Visit(p.ID, "vitals"), Icon: "activity"})
	}
	if p.Add != nil {
		p.Links = append(p.Links, ui.Button{Label: l.T("rx.title"), Href: at.Visit(p.ID, "prescribe"), Icon: "plus"})
	}
	var err error
	if err = s.consultationPast(r, k, &p.Past, &p.Banner); err != nil {
		return err
	}
	if p.Given, p.Asked, err = s.givenAt(r, k.Visit.ID); err != nil {
		return err
	}
	return s.show(w, r, status, page.ConsultedPage(p))
}

func consultedNotes(l *locale.Loc, c consultation.Consultation) page.ConsultedNotes {
	n := page.ConsultedNotes{Doctor: c.Doctor, When: l.DateTime(c.FinishedAt)}
	var ticked []string
	for _, x := range c.Symptoms {
		ticked = append(ticked, page.Symptom(l, x))
	}
	for _, d := range c.Diagnoses {
		n.Diagnoses = append(n.Diagnoses, page.DiagnosisRow{Code: d.Code, Title: d.Title.Reveal(), Note: d.Note.Reveal()})
	}
	for _, f := range []ui.Fact{
		{Label: l.T("consultation.complaint"), Value: c.Complaint.Reveal()}, {Label: l.T("consultation.symptoms"), Value: strings.Join(ticked, ", ")},
		{Label: l.T("consultation.findings"), Value: c.Findings.Reveal()}, {Label: l.T("consultation.plan"), Value: c.Plan.Reveal()},
		{Label: l.T("consultation.advice"), Value: c.Advice.Reveal()}, {Label: l.T("consultation.urgency"), Value: page.Urgency(l, c.Urgency)},
	} {
		if f.Value != "" {
			n.Facts = append(n.Facts, f)
		}
	}
	if c.FollowUpDays > 0 {
		n.Facts = append(n.Facts, ui.Fact{Label: l.T("consultation.follow_up"), Value: l.N("consultation.in_days", c.FollowUpDays)})
	}
	for _, a := range c.Addenda {
		n.Addenda = append(n.Addenda, page.AddendumRow{When: l.DateTime(a.At), Doctor: a.Doctor, Body: a.Body.Reveal()})
	}
	return n
}

func (s *Site) addendumPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	body := r.PostFormValue("body")
	err = s.Consults.AddTo(r.Context(), formKey(r), id, body)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Visit(id.String(), "consultation"))
	}
	if !apperr.Is(err, apperr.Invalid) {
		return err
	}
	k, gone := s.Consults.Work(r.Context(), id)
	if gone != nil {
		return gone
	}
	return s.showConsulted(w, r, k, http.StatusUnprocessableEntity, &page.AddendumForm{Once: formKey(r).String(), Body: body, Errors: ui.ErrorsOf(s.words(r), err)})
}

func (s *Site) vitals(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	k, err := s.Consults.Taken(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showVitals(w, r, k, http.StatusOK, k.Vitals.Measured(), nil)
}

func (s *Site) showVitals(w http.ResponseWriter, r *http.Request, k consultation.Work, status int, m consultation.Measured, errs ui.Errors) error {
	l, at := s.words(r), base(r)
	p := page.VitalsPage{Shell: s.shell(r, "/queue", l.T("vitals.of", "Name", k.Record.Name.Reveal()), ui.Crumb{Label: l.T("queue.title"), Href: at.At("/queue")},
		ui.Crumb{Label: l.T("slip.title", "Token", k.Visit.Token), Href: at.Visit(k.Visit.ID.String(), "")}), Base: at, ID: k.Visit.ID.String(), Banner: s.visitBanner(r, k),
		Vitals: vitalFields(l, k, m, errs), Errors: errs, Done: r.URL.Query().Get("saved") != ""}
	p.Shell.Failed = len(errs) > 0
	if len(k.Takers) > 0 {
		p.Taken = l.T("vitals.taken", "Names", strings.Join(k.Takers, ", "))
	}
	for _, c := range k.Others {
		p.Closed = p.Closed || c.State == consultation.Finished
	}
	return s.show(w, r, status, page.VitalsFormPage(p))
}

func (s *Site) vitalsPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	m := measured(r)
	err = s.Consults.Measure(r.Context(), id, m)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Visit(id.String(), "vitals")+"?saved=1")
	}
	if !apperr.Is(err, apperr.Invalid) {
		return err
	}
	k, gone := s.Consults.Taken(r.Context(), id)
	if gone != nil {
		return gone
	}
	return s.showVitals(w, r, k, http.StatusUnprocessableEntity, m, ui.ErrorsOf(s.words(r), err))
}

// clip shortens a text to so many letters.
func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimSpace(string(r[:most])) + "…"
}

func flagWord(l *locale.Loc, flag string) string {
	switch flag {
	case "high":
		return l.T("vitals.high")
	case "low":
		return l.T("vitals.low")
	}
	return ""
}

// closeFollowUp are the two ways in which a follow-up ends; of is the patient's
// page that leads back, or nobody's.
func closeFollowUp(l *locale.Loc, at page.Base, f consultation.Due, of uuid.UUID) []ui.Post {
	post := func(state, label string) ui.Post {
		p := ui.Post{Action: at.At("/follow-ups/" + f.ID.String() + "/close"), Hidden: [][2]string{{"version", strconv.Itoa(int(f.Version))}, {"state", state}},
			Button: ui.Button{Label: label, Spoken: dots(f.Patient.Name.Reveal(), l.Day(f.On)), Small: true}}
		if of != uuid.Nil {
			p.Hidden = append(p.Hidden, [2]string{"patient", of.String()})
		}
		return p
	}
	return []ui.Post{post("done", l.T("follow_up.done")), post("cancelled", l.T("follow_up.cancel"))}
}

func (s *Site) followUpPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Consults.CloseFollowUp(r.Context(), id, version(r), r.PostFormValue("state")); err != nil {
		return err
	}
	if of, err := uuid.Parse(r.PostFormValue("patient")); err == nil {
		return httpx.Redirect(w, r, base(r).Patient(of.String()))
	}
	if r.PostFormValue("list") != "" {
		return httpx.Redirect(w, r, base(r).At("/follow-ups"))
	}
	return httpx.Redirect(w, r, base(r).At("/my-queue"))
}

// dayPanels are what the doctor has open besides the queue.
func (s *Site) dayPanels(r *http.Request) (page.DayPanels, error) {
	d, err := s.Consults.Day(r.Context())
	if err != nil {
		return page.DayPanels{}, err
	}
	l, at := s.words(r), base(r)
	var out page.DayPanels
	for _, u := range d.Unfinished {
		if u.Inside && u.Day.Equal(d.Today) {
			continue // the card above is theirs
		}
		when := dots(u.Token, l.Time(u.Started))
		if !u.Day.Equal(d.Today) {
			when = l.DateTime(u.Started)
		}
		row := page.DayRow{Person: person(l, u.Patient, d.Today), When: when, Late: !u.Day.Equal(d.Today), Href: at.Visit(u.VisitID.String(), "consultation")}
		if u.Medicines > 0 {
			row.About = l.N("doctor.not_issued", u.Medicines)
		}
		out.Unfinished = append(out.Unfinished, row)
	}
	if out.Tests, err = s.pendingTests(r); err != nil {
		return out, err
	}
	for _, f := range d.Due {
		out.Due = append(out.Due, page.DayRow{Person: person(l, f.Patient, d.Today), When: l.Day(f.On), Late: f.On.Before(d.Today), Href: at.Patient(f.Patient.ID.String()),
			Links: []ui.Button{bookAgain(l.T("appointment.book_short"), at, f.ID, f.Patient, httpx.From(r.Context()).Who.Actor.ID, later(f.On, d.Today).Format(dayForm))},
			Posts: closeFollowUp(l, at, f, uuid.Nil)})
	}
	return out, nil
}
