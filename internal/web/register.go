package web

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) registerRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "/register", access.PatientRegister, s.register),
		row(http.MethodPost, "/register", access.CheckIn, s.registerPost),
		row(http.MethodGet, "/register/matches", access.PatientRegister, s.registerMatches),
		row(http.MethodGet, "/check-in", access.CheckIn, s.checkInOf),
		row(http.MethodGet, "/patients/{id}/check-in", access.CheckIn, s.checkIn),
		row(http.MethodPost, "/patients/{id}/check-in", access.CheckIn, s.checkInPost),
	}
}

// registerForm is the short form, empty, with the shortest line chosen.
func (s *Site) registerForm(r *http.Request, lines []visit.Load) page.Register {
	l := s.words(r)
	options, shortest := lineOptions(l, lines)
	return page.Register{Base: base(r), Once: once(), Doctors: options, Doctor: shortest, Kinds: page.VisitKinds(l), Kind: "routine"}
}

// lineOptions are the lines for a form and the one to propose: of the doctors
// who are here the one with the fewest waiting.
func lineOptions(l *locale.Loc, lines []visit.Load) (options []ui.Option, shortest string) {
	best := -1
	for _, x := range lines {
		options = append(options, page.DoctorOption(l, x.ID.String(), x.Name, x.Waiting))
		here := !x.Department && x.Availability == "available"
		if here && (best < 0 || x.Waiting < best) {
			best, shortest = x.Waiting, x.ID.String()
		}
	}
	if shortest == "" && len(options) > 0 {
		shortest = options[0].Value
	}
	return options, shortest
}

// register is the short form for those who give tokens; who only registers has
// the whole one.
func (s *Site) register(w http.ResponseWriter, r *http.Request) error {
	if !httpx.From(r.Context()).Can(access.CheckIn) {
		return httpx.Redirect(w, r, base(r).At("/patients/new"))
	}
	return s.showRegister(w, r, http.StatusOK, nil)
}

// showRegister draws the form as a page, or for htmx as the panel. change fills
// in what a refused save keeps.
func (s *Site) showRegister(w http.ResponseWriter, r *http.Request, status int, change func(*page.Register)) error {
	lines, err := s.Visits.Lines(r.Context())
	if err != nil {
		return err
	}
	f := s.registerForm(r, lines)
	if change != nil {
		change(&f)
	}
	if httpx.Fragment(r) {
		return s.show(w, r, status, page.RegisterPanel(f))
	}
	p := page.RegisterPage{Shell: s.shell(r, "/queue", s.words(r).T("register.title")), Form: f}
	p.Shell.Failed = len(f.Errors) > 0
	return s.show(w, r, status, page.RegisterFull(p))
}

func registerInput(r *http.Request) (patient.Input, visit.Arrival) {
	in := patient.Input{Name: r.FormValue("name"), Local: r.FormValue("local"), Phone: r.FormValue("phone"), Age: r.FormValue("age"), Born: r.FormValue("born"), Sex: r.FormValue("sex")}
	line, _ := uuid.Parse(r.FormValue("doctor")) // a wrong one is none chosen
	return in, visit.Arrival{Line: line, Kind: r.FormValue("kind"), Purpose: r.FormValue("purpose")}
}

// keepRegister puts what was typed back into the form.
func keepRegister(r *http.Request, f *page.Register) {
	f.Phone, f.Name, f.Local, f.Age, f.Born, f.Sex = r.FormValue("phone"), r.FormValue("name"), r.FormValue("local"), r.FormValue("age"), r.FormValue("born"), r.FormValue("sex")
	f.Purpose = r.FormValue("purpose")
	if d := r.FormValue("doctor"); d != "" {
		f.Doctor = d
	}
	if k := r.FormValue("kind"); k != "" {
		f.Kind = k
	}
	if key := r.PostFormValue("_once"); key != "" {
		f.Once = formKey(r).String()
	}
}

// unseen are the records that may be of the same person and that the form was
// not shown with: the warning is shown once and never stops anybody twice.
func (s *Site) unseen(r *http.Request, in patient.Input, except uuid.UUID) ([]page.Person, bool, error) {
	alike, err := s.Patients.LikeThis(r.Context(), in, except)
	if err != nil {
		return nil, false, err
	}
	l, day, news := s.words(r), today(r), false
	var out []page.Person
	for _, a := range alike {
		out = append(out, person(l, a.Card, day))
		news = news || !slices.Contains(r.PostForm["seen"], a.ID.String())
	}
	return out, news, nil
}

// warn tells whether the form must be shown again for its matches: not when it
// has other problems to show, and not when it was carried out already.
func (s *Site) warn(r *http.Request, news bool, in patient.Input) (bool, error) {
	if !news || in.Check(today(r)) != nil {
		return false, nil //nolint:nilerr // the form is shown for its own problems first
	}
	sent, err := s.Patients.Sent(r.Context(), formKey(r))
	return !sent, err
}

func (s *Site) registerMatches(w http.ResponseWriter, r *http.Request) error {
	in, _ := registerInput(r)
	people, _, err := s.unseen(r, in, uuid.Nil)
	if err != nil {
		return err
	}
	if !httpx.Fragment(r) {
		return s.showRegister(w, r, http.StatusOK, func(f *page.Register) { keepRegister(r, f); f.Matches = people })
	}
	return s.show(w, r, http.StatusOK, page.MatchesAnswer(base(r), people))
}

func (s *Site) registerPost(w http.ResponseWriter, r *http.Request) error {
	key := formKey(r)
	in, arrival := registerInput(r)
	people, news, err := s.unseen(r, in, uuid.Nil)
	if err != nil {
		return err
	}
	refuse := func(status int, errs ui.Errors) error {
		return s.showRegister(w, r, status, func(f *page.Register) { keepRegister(r, f); f.Errors, f.Matches = errs, people })
	}
	l := s.words(r)
	if news, err = s.warn(r, news, in); err != nil {
		return err
	}
	if news {
		return refuse(http.StatusOK, ui.Errors{{Text: l.T("register.check")}})
	}
	if r.PostFormValue("then") == "save" {
		made, err := s.Patients.Register(r.Context(), key, in)
		if err != nil {
			return s.refusedRegister(err, l, refuse)
		}
		if !httpx.Fragment(r) {
			return httpx.Redirect(w, r, base(r).Patient(made.ID.String()))
		}
		return s.showRegister(w, r, http.StatusOK, func(f *page.Register) { f.Done = &page.Issued{Name: made.Name.Reveal()} })
	}
	issued, err := s.Visits.Register(r.Context(), key, in, arrival)
	if err != nil {
		return s.refusedRegister(err, l, refuse)
	}
	return s.issued(w, r, issued)
}

func (s *Site) refusedRegister(err error, l *locale.Loc, refuse func(int, ui.Errors) error) error {
	errs, err := FormErrors(l, err)
	if err != nil {
		return err
	}
	return refuse(http.StatusUnprocessableEntity, errs)
}

// issued answers with the slip: printed from the panel, or as a page.
func (s *Site) issued(w http.ResponseWriter, r *http.Request, v visit.Issued) error {
	at := base(r).Visit(v.Visit.String(), "slip")
	if !httpx.Fragment(r) {
		return httpx.Redirect(w, r, at)
	}
	slip, err := s.Visits.Slip(r.Context(), v.Visit)
	if err != nil {
		return err
	}
	paper := s.paper(r, slip, "")
	return s.showRegister(w, r, http.StatusOK, func(f *page.Register) {
		f.Done = &page.Issued{Token: v.Token, Name: v.Name.Reveal(), Slip: at, Print: &paper, Now: !v.Before}
	})
}

// checkInOf leads from the search field to a patient's check-in.
func (s *Site) checkInOf(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.URL.Query().Get("patient"))
	if err != nil {
		return httpx.Redirect(w, r, base(r).At("/patients"))
	}
	return httpx.Redirect(w, r, base(r).CheckIn(id.String()))
}

func (s *Site) checkIn(w http.ResponseWriter, r *http.Request) error {
	return s.showCheckIn(w, r, http.StatusOK, nil)
}

func (s *Site) showCheckIn(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	chart, err := s.Visits.Chart(r.Context(), id, 20)
	if err != nil {
		return err
	}
	if to := chart.Record.MergedInto; to != uuid.Nil {
		return httpx.Redirect(w, r, base(r).CheckIn(to.String()))
	}
	lines, err := s.Visits.Lines(r.Context())
	if err != nil {
		return err
	}
	l := s.words(r)
	c := page.CheckIn{Shell: s.shell(r, "/patients", l.T("checkin.title"), ui.Crumb{Label: l.T("nav.patients"), Href: base(r).At("/patients")}), Base: base(r), ID: id.String(),
		Banner: s.banner(r, chart.Record), Once: once(), Kinds: page.VisitKinds(l), Kind: "routine", Errors: errs, Open: s.openToday(r, chart)}
	c.Shell.Failed = len(errs) > 0
	c.Doctors, c.Doctor = lineOptions(l, lines)
	if d := r.FormValue("doctor"); d != "" {
		c.Doctor = d
	}
	if k := r.FormValue("kind"); k != "" {
		c.Kind = k
	}
	if c.Booked, err = s.bookedToday(r, chart.Record); err != nil {
		return err
	}
	c.Purpose, c.Note, c.Urgent = r.FormValue("purpose"), r.FormValue("note"), r.FormValue("urgent") == "1"
	for _, x := range lines {
		if x.ID.String() == c.Doctor {
			c.Wait = l.T("checkin.wait", "Wait", l.Minutes(x.Wait), "Name", x.Name)
		}
	}
	return s.show(w, r, status, page.CheckInPage(c))
}

func (s *Site) checkInPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	_, a := registerInput(r)
	a.Note, a.Priority = r.PostFormValue("note"), r.PostFormValue("urgent") == "1"
	issued, err := s.Visits.CheckIn(r.Context(), formKey(r), id, a)
	if err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showCheckIn(w, r, http.StatusUnprocessableEntity, errs)
	}
	return httpx.Redirect(w, r, base(r).Visit(issued.Visit.String(), "slip"))
}
