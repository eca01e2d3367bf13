package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) consultationRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "/visits/{id}/consultation", access.ConsultationView, s.consultation),
		row(http.MethodPost, "/visits/{id}/consultation", access.ConsultationOwn, s.finishPost),
		row(http.MethodPost, "/visits/{id}/consultation/begin", access.ConsultationOwn, s.beginPost),
		row(http.MethodPost, "/visits/{id}/consultation/draft", access.ConsultationOwn, s.draftPost),
		row(http.MethodPost, "/visits/{id}/consultation/discard", access.ConsultationOwn, s.discardPost),
		row(http.MethodPost, "/visits/{id}/consultation/addendum", access.ConsultationOwn, s.addendumPost),
		row(http.MethodGet, "/visits/{id}/vitals", access.VitalsRecord, s.vitals),
		row(http.MethodPost, "/visits/{id}/vitals", access.VitalsRecord, s.vitalsPost),
		row(http.MethodGet, "/diagnoses", access.ConsultationOwn, s.diagnoses),
		row(http.MethodGet, "/patients/{id}/history", access.ConsultationView, s.history),
		row(http.MethodPost, "/follow-ups/{id}/close", access.FollowUpClose, s.followUpPost),
	}
}

// consultationForm are the fields as typed.
func consultationForm(r *http.Request) consultation.Form {
	v := r.PostFormValue // parses the form
	f := consultation.Form{Complaint: lines(v("complaint")), Findings: lines(v("findings")), Plan: lines(v("plan")), Advice: lines(v("advice")), Urgency: v("urgency"),
		FollowUp: v("follow_up"), Typed: v("diagnosis"), Window: v("_once"), Symptoms: r.PostForm["symptoms"], Measured: measured(r), Rx: sheetOf(r)}
	remove := -1
	if n, err := strconv.Atoi(v("remove")); err == nil {
		remove = n
	}
	titles, notes := r.PostForm["dx_title"], r.PostForm["dx_note"]
	for i, code := range r.PostForm["dx_code"] {
		if i == remove || i >= len(titles) || i >= len(notes) {
			continue
		}
		f.Diagnoses = append(f.Diagnoses, consultation.Diagnosis{Code: code, Title: titles[i], Note: notes[i]})
	}
	return f
}

// lines are a text area's with the line ends that it was given.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func measured(r *http.Request) consultation.Measured {
	v := r.PostFormValue
	return consultation.Measured{Pressure: v("bp"), Pulse: v("pulse"), Temperature: v("temp"), Respiration: v("resp"), SpO2: v("spo2"), Sugar: v("sugar"),
		SugarKind: v("sugar_kind"), Weight: v("weight"), Height: v("height")}
}

func draftVersion(r *http.Request) int32 {
	n, err := strconv.ParseInt(r.PostFormValue("draft"), 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func (s *Site) consultation(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	k, err := s.Consults.Work(r.Context(), id)
	if err != nil {
		return err
	}
	if k.Mine == nil || k.Mine.State == consultation.Finished {
		return s.showConsulted(w, r, k, http.StatusOK, nil)
	}
	return s.showConsultation(w, r, k, http.StatusOK, consulting{form: k.Form, version: k.Draft.Version})
}

// consulting is what the screen shows besides the record.
type consulting struct {
	form    consultation.Form
	version int32
	once    string
	errs    ui.Errors
	theirs  *consultation.Form // another window's, to compare
}

func (s *Site) showConsultation(w http.ResponseWriter, r *http.Request, k consultation.Work, status int, c consulting) error {
	l, at := s.words(r), base(r)
	if c.once == "" {
		c.once = once()
	}
	p := page.Consultation{Shell: s.shell(r, "/my-queue", l.T("consultation.title", "Name", k.Record.Name.Reveal()), ui.Crumb{Label: l.T("nav.my_queue"), Href: at.At("/my-queue")}),
		Base: at, ID: k.Visit.ID.String(), Banner: s.visitBanner(r, k), Once: c.once, Version: strconv.Itoa(int(c.version)), V: consultationValues(c.form), Errors: c.errs,
		Since: l.Time(k.Now), SignIn: at.At("/login"), Trends: trends(l, k), Degrees: page.Urgencies(l), Symptoms: page.Symptoms(l), Discard: k.Draft.Version > 0}
	p.Shell.Failed = len(c.errs) > 0
	p.Vitals = vitalFields(l, k, c.form.Measured, c.errs)
	v, _ := c.form.Measured.Parse() // what can't be read yet is not counted
	if bmi := v.BMI(); bmi > 0 {
		p.BMI = strings.Replace(l.T("vitals.bmi"), "#", decimal(bmi), 1)
	}
	if len(k.Takers) > 0 {
		p.Taken = l.T("vitals.taken", "Names", strings.Join(k.Takers, ", "))
	}
	if k.Draft.Version > 0 {
		p.Saved, p.Since = l.T("consultation.saved", "Time", clock(l, k.Draft.At)), clock(l, k.Draft.At)
	}
	if c.theirs != nil {
		p.Stale = partedForms(l, c.form, *c.theirs)
	}
	if text := dots(k.Visit.Purpose.Reveal(), k.Visit.Note.Reveal()); text != "" {
		p.Notices = append(p.Notices, ui.Notice{Bold: l.T("visit.purpose") + ":", Text: text})
	}
	if k.Visit.State == "waiting" || k.Visit.State == "called" || k.Visit.State == "skipped" {
		p.Notices = append(p.Notices, ui.Notice{Kind: "wait", Text: l.T("consultation.waits")})
	}
	if r.URL.Query().Get("template") != "" {
		p.Notices = append(p.Notices, ui.Notice{Kind: "done", Text: l.T("template.saved")})
	}
	var err error
	if err = s.consultationPast(r, k, &p.Past, &p.Banner); err != nil {
		return err
	}
	if p.Rx, err = s.consultationRx(r, k, c.form.Rx, c.errs); err != nil {
		return err
	}
	return s.show(w, r, status, page.ConsultationPage(p))
}

// clock is the time with its seconds, as the state of a draft shows it.
func clock(l *locale.Loc, t time.Time) string { return t.In(l.Zone()).Format("15:04:05") }

func consultationValues(f consultation.Form) page.ConsultationValues {
	v := page.ConsultationValues{Complaint: f.Complaint, Findings: f.Findings, Plan: f.Plan, Advice: f.Advice, Urgency: f.Urgency, FollowUp: f.FollowUp, Symptoms: f.Symptoms,
		Diagnosis: f.Typed}
	for _, d := range f.Diagnoses {
		v.Diagnoses = append(v.Diagnoses, page.DiagnosisRow(d))
	}
	return v
}

func (s *Site) beginPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Consults.Begin(r.Context(), id, version(r)); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), "consultation"))
}

// kept tells the page's script what became of a draft.
type kept struct {
	Version string `json:"version"`
	Text    string `json:"text"`
	Since   string `json:"since"`
}

// draftPost keeps what is being typed: for the script with a word of the time,
// for a browser without one by going back to the page.
func (s *Site) draftPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	f := consultationForm(r)
	do := r.PostFormValue("rx_do")
	if !httpx.Fragment(r) {
		if err := s.addTyped(r, &f); err != nil {
			return err
		}
		if f.Rx, err = s.doSheet(r, id, f.Rx, do); err != nil {
			return err
		}
	}
	d, err := s.Consults.Keep(r.Context(), id, draftVersion(r), f)
	if httpx.Fragment(r) {
		return s.tellKept(w, r, d, err)
	}
	if apperr.Is(err, apperr.Stale) {
		return s.showStale(w, r, id, f, d)
	}
	if err != nil {
		return err
	}
	if do == "keep" {
		return s.keepTemplate(w, r, id, f)
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), "consultation")+anchor(do))
}

// anchor is the part of the page that a button of the builder leads back to.
func anchor(do string) string {
	if do == "" {
		return ""
	}
	return "#prescription"
}

func (s *Site) tellKept(w http.ResponseWriter, r *http.Request, d consultation.Draft, err error) error {
	l := s.words(r)
	status, said := http.StatusOK, kept{Version: strconv.Itoa(int(d.Version))}
	switch {
	case apperr.Is(err, apperr.Stale) || apperr.Is(err, apperr.Conflict):
		status = http.StatusConflict
	case err != nil:
		return err
	default:
		said.Since = clock(l, d.At)
		said.Text = l.T("consultation.saved", "Time", said.Since)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(said)
}

// addTyped makes a line of what stands in the search for a diagnosis, as the
// script would when somebody picks or presses Enter.
func (s *Site) addTyped(r *http.Request, f *consultation.Form) error {
	d := consultation.Line(f.Typed)
	if d.Title == "" {
		return nil
	}
	if d.Code != "" {
		found, err := s.Consults.Suggest(r.Context(), d.Code, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Code != d.Code {
			return nil // left in its field, where finishing says what is wrong
		}
		d.Title = found[0].Title
	}
	f.Typed, f.Diagnoses = "", append(f.Diagnoses, d)
	return nil
}

// showStale shows two windows' texts side by side. The form keeps this window's
// and the other's version: who saves again has seen both.
func (s *Site) showStale(w http.ResponseWriter, r *http.Request, id uuid.UUID, mine consultation.Form, theirs consultation.Draft) error {
	k, err := s.Consults.Work(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showConsultation(w, r, k, http.StatusConflict, consulting{form: mine, version: theirs.Version, theirs: &theirs.Form})
}

func (s *Site) finishPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	f := consultationForm(r)
	theirs, err := s.Consults.Finish(r.Context(), formKey(r), id, draftVersion(r), f)
	switch {
	case err == nil:
		return s.prescribed(w, r, id, f.Rx)
	case apperr.Is(err, apperr.Stale):
		return s.showStale(w, r, id, f, theirs)
	case !apperr.Is(err, apperr.Invalid):
		return err
	}
	k, gone := s.Consults.Work(r.Context(), id)
	if gone != nil || k.Mine == nil || k.Mine.State == consultation.Finished {
		return err
	}
	return s.showConsultation(w, r, k, http.StatusUnprocessableEntity, consulting{form: f, version: draftVersion(r), once: formKey(r).String(), errs: ui.ErrorsOf(s.words(r), err)})
}

func (s *Site) discardPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Consults.Throw(r.Context(), id); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), "consultation"))
}

// partedForms are the fields in which two windows part.
func partedForms(l *locale.Loc, mine, theirs consultation.Form) []page.StaleField {
	dx := func(f consultation.Form) string {
		var all []string
		for _, d := range f.Diagnoses {
			all = append(all, strings.TrimSpace(d.Code+" "+d.Title+" "+d.Note))
		}
		return strings.Join(append(all, f.Typed), "\n")
	}
	ticked := func(f consultation.Form) string {
		var all []string
		for _, x := range f.Symptoms {
			all = append(all, page.Symptom(l, x))
		}
		return strings.Join(all, ", ")
	}
	m := func(f consultation.Form) string {
		x := f.Measured
		return dots(x.Pressure, x.Pulse, x.Temperature, x.Respiration, x.SpO2, x.Sugar, x.Weight, x.Height)
	}
	var out []page.StaleField
	for _, f := range []page.StaleField{
		{Label: l.T("vitals.title"), Mine: m(mine), Theirs: m(theirs)},
		{Label: l.T("consultation.complaint"), Mine: mine.Complaint, Theirs: theirs.Complaint},
		{Label: l.T("consultation.symptoms"), Mine: ticked(mine), Theirs: ticked(theirs)},
		{Label: l.T("consultation.findings"), Mine: mine.Findings, Theirs: theirs.Findings},
		{Label: l.T("consultation.diagnoses"), Mine: dx(mine), Theirs: dx(theirs)},
		{Label: l.T("rx.title"), Mine: sheetNames(mine.Rx), Theirs: sheetNames(theirs.Rx)},
		{Label: l.T("consultation.plan"), Mine: mine.Plan, Theirs: theirs.Plan},
		{Label: l.T("consultation.advice"), Mine: mine.Advice, Theirs: theirs.Advice},
		{Label: l.T("consultation.urgency"), Mine: page.Urgency(l, mine.Urgency), Theirs: page.Urgency(l, theirs.Urgency)},
		{Label: l.T("consultation.follow_up"), Mine: mine.FollowUp, Theirs: theirs.FollowUp},
	} {
		if strings.TrimSpace(f.Mine) != strings.TrimSpace(f.Theirs) {
			out = append(out, f)
		}
	}
	return out
}

// mostPicks is how many suggestions a list of them shows.
const mostPicks = 8

// diagnoses answers the search for a diagnosis.
func (s *Site) diagnoses(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Consults.Suggest(r.Context(), r.URL.Query().Get("diagnosis"), mostPicks)
	if err != nil {
		return err
	}
	l := s.words(r)
	items := make([]ui.Pick, 0, len(found))
	for _, f := range found {
		p := ui.Pick{Value: f.Code, Text: f.Title, Bold: f.Code, Plain: f.Title}
		if f.Recent {
			p.Flag = ui.Flag{Icon: "clock", Text: l.T("consultation.recent")}
		}
		items = append(items, p)
	}
	return s.show(w, r, http.StatusOK, ui.Picks("cons-diagnosis-list", items, l.T("consultation.no_code")))
}
