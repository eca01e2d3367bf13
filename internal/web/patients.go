package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) patientRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	photo := row(http.MethodPost, "/patients/{id}/photo", access.PatientEdit, s.photoPost)
	photo.Body = patient.LargestPhoto + 1<<20
	return []httpx.Route{
		row(http.MethodGet, "/patients", access.PatientView, s.patients),
		row(http.MethodGet, "/patients/search", access.PatientView, s.patientSearch),
		row(http.MethodGet, "/patients/new", access.PatientRegister, s.newPatient),
		row(http.MethodPost, "/patients/new", access.PatientRegister, s.newPatientPost),
		row(http.MethodGet, "/patients/{id}", access.PatientView, s.patient),
		row(http.MethodPost, "/patients/{id}/identity", access.PatientRecord, s.identityPost),
		row(http.MethodGet, "/patients/{id}/photo", access.PatientRecord, s.photo),
		photo,
		row(http.MethodGet, "/patients/{id}/looks", access.TrailView, s.looks),
		row(http.MethodGet, "/patients/{id}/edit", access.PatientClinical, s.editPatient),
		row(http.MethodPost, "/patients/{id}/edit", access.PatientClinical, s.editPatientPost),
		row(http.MethodGet, "/patients/{id}/merge", access.PatientMerge, s.merge),
		row(http.MethodPost, "/patients/{id}/merge", access.PatientMerge, s.mergePost),
		row(http.MethodPost, "/patients/{id}/unmerge", access.PatientMerge, s.unmergePost),
	}
}

const pageSize = 50

// after reads a place in a list from the address: day, moment and id of the
// last row of the page before. A wrong one is the beginning.
func after(r *http.Request) patient.Page {
	q := r.URL.Query()
	id, err := uuid.Parse(q.Get("after"))
	if err != nil {
		return patient.Page{}
	}
	p := patient.Page{ID: id}
	if p.Day, err = time.Parse(time.DateOnly, q.Get("day")); err != nil {
		return patient.Page{}
	}
	p.At = p.Day
	if at, err := time.Parse(time.RFC3339Nano, q.Get("at")); err == nil {
		p.At = at
	}
	return p
}

func (s *Site) patients(w http.ResponseWriter, r *http.Request) error {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	p := page.Patients{Shell: s.shell(r, "/patients", l.T("nav.patients")), Search: !info.Can(access.PatientRecord), Base: at, Query: r.URL.Query().Get("q"), CanAdd: info.Can(access.PatientRegister)}
	var cards []patient.Card
	var err error
	if p.Query != "" {
		cards, err = s.Patients.Find(r.Context(), p.Query)
		if err == nil && len(cards) == 1 && patient.ParseSearch(p.Query).Code != "" {
			return httpx.Redirect(w, r, at.Patient(cards[0].ID.String()))
		}
	} else if info.Can(access.PatientRecord) {
		var more bool
		cards, more, err = s.Patients.Newest(r.Context(), after(r), pageSize)
		if more {
			last := cards[len(cards)-1]
			p.Next = at.Query("/patients", "day", last.Registered.Format(time.DateOnly), "after", last.ID.String())
		}
	}
	if err != nil {
		return err
	}
	p.Rows = s.patientRows(r, cards)
	return s.show(w, r, http.StatusOK, page.PatientsPage(p))
}

func (s *Site) patientRows(r *http.Request, cards []patient.Card) []page.PatientRow {
	l, day, info := s.words(r), today(r), httpx.From(r.Context())
	mayCheckIn, mayBook := info.Can(access.CheckIn), info.Can(access.AppointmentBook)
	out := make([]page.PatientRow, 0, len(cards))
	for _, c := range cards {
		out = append(out, page.PatientRow{Person: person(l, c, day), LastVisit: l.Day(c.LastVisit), CheckIn: mayCheckIn, Book: mayBook})
	}
	return out
}

// patientSearch answers the search field: options while somebody types, the
// list without script.
func (s *Site) patientSearch(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query().Get("q")
	if q == "" {
		q = r.URL.Query().Get("other") // the field of the merge form
	}
	if q == "" {
		q = r.URL.Query().Get("patient") // of the booking form
	}
	if !httpx.Fragment(r) {
		return httpx.Redirect(w, r, base(r).Query("/patients", "q", q))
	}
	cards, err := s.Patients.Find(r.Context(), q)
	if err != nil {
		return err
	}
	l, day, pick := s.words(r), today(r), r.URL.Query().Get("pick")
	var items []ui.Pick
	for _, c := range cards {
		p := person(l, c, day)
		it := ui.Pick{Value: p.ID, Text: p.Name, Bold: p.Name, Local: p.Local, Meta: dots(p.SexAge, p.Number, p.Phone, l.Day(c.LastVisit))}
		if pick == "" {
			it.Href = base(r).Patient(p.ID)
		}
		items = append(items, it)
	}
	list := "patient-search-list"
	switch pick {
	case "":
	case "appointment":
		list = "appt-patient-list"
	default:
		list = "merge-other-list"
	}
	return s.show(w, r, http.StatusOK, ui.Picks(list, items, l.T("patients.none_found")))
}

// patientMeant is the one patient that words typed without script mean: the only
// one found, or the only one of exactly that name. The search also finds names
// that are like it.
func (s *Site) patientMeant(r *http.Request, typed string) (uuid.UUID, error) {
	typed = strings.Join(strings.Fields(typed), " ")
	if typed == "" {
		return uuid.Nil, nil
	}
	cards, err := s.Patients.Find(r.Context(), typed)
	if err != nil {
		return uuid.Nil, err
	}
	if named := slices.DeleteFunc(slices.Clone(cards), func(c patient.Card) bool { return !strings.EqualFold(c.Name.Reveal(), typed) }); len(named) > 0 {
		cards = named
	}
	if len(cards) != 1 {
		return uuid.Nil, nil
	}
	return cards[0].ID, nil
}

// patient is the record. Who may know a patient and not read the record, as the
// lab, is led to the files.
func (s *Site) patient(w http.ResponseWriter, r *http.Request) error {
	if info := httpx.From(r.Context()); !info.Can(access.PatientRecord) && info.Can(access.DocumentView) {
		id, err := pathID(r, "id")
		if err != nil {
			return err
		}
		return httpx.Redirect(w, r, base(r).Patient(id.String())+"/documents")
	}
	return s.showPatient(w, r, http.StatusOK, "", nil)
}

// openVisits is how many of the newest visits are looked through for one of today
// that is open; a patient has one a doctor at most.
const openVisits = 8

// showPatient draws the record, read in one transaction. shown is the identity
// number when it was just revealed, errs what was wrong with a photo.
func (s *Site) showPatient(w http.ResponseWriter, r *http.Request, status int, shown string, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	var p page.PatientPage
	err = s.Patients.Joined(r.Context(), func(ctx context.Context) (err error) {
		p, err = s.patientPage(r.WithContext(ctx), id, shown, errs)
		return err
	})
	if err != nil {
		return err
	}
	return s.show(w, r, status, page.PatientRecord(p))
}

func (s *Site) patientPage(r *http.Request, id uuid.UUID, shown string, errs ui.Errors) (p page.PatientPage, err error) {
	c, err := s.Visits.Chart(r.Context(), id, openVisits)
	if err != nil {
		return p, err
	}
	l, at, info, rec := s.words(r), base(r), httpx.From(r.Context()), c.Record
	p = page.PatientPage{Shell: s.shell(r, "/patients", rec.Name.Reveal(), ui.Crumb{Label: l.T("nav.patients"), Href: at.At("/patients")}), Base: at, ID: id.String(), Banner: s.banner(r, rec)}
	merged := rec.MergedInto != uuid.Nil
	p.CheckIn, p.Edit, p.Merge = info.Can(access.CheckIn) && !merged, info.Can(access.PatientClinical) && !merged, info.Can(access.PatientMerge)
	s.patientFacts(r, &p, rec, shown)
	p.Open = s.openToday(r, c)
	past, running, err := s.past(r, id, uuid.Nil)
	if err != nil {
		return p, err
	}
	p.Past, p.Takes, p.Banner.Takes = past, taken(l, at, running), takesLine(l, running)
	if err := s.dueAgain(r, &p, rec); err != nil {
		return p, err
	}
	if info.Can(access.DocumentView) {
		p.Files, p.AddFile = at.Patient(id.String())+"/documents", info.Can(access.DocumentAdd) && !merged
	}
	if err := s.bookedVisits(r, &p, rec); err != nil {
		return p, err
	}
	if merged {
		p.Notices = append(p.Notices, ui.Notice{Kind: "wait", Text: l.T("patient.merged")})
		p.Survivor = at.Patient(rec.MergedInto.String())
	}
	for _, m := range rec.Merged {
		p.Notices = append(p.Notices, ui.Notice{Text: l.T("patient.merged_from", "Number", m.Number, "Name", m.Name.Reveal())})
	}
	if info.Can(access.PatientEdit) && !merged {
		p.PhotoUp = &page.PhotoForm{Action: at.Patient(id.String()) + "/photo", Has: rec.HasPhoto, Errors: errs}
	}
	if rec.HasPhoto {
		p.Photo = at.Patient(id.String()) + "/photo?v=" + strconv.Itoa(int(rec.Version))
	}
	if info.Can(access.TrailView) {
		if err := s.lastLooks(r, &p, id); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (s *Site) patientFacts(r *http.Request, p *page.PatientPage, rec patient.Record, shown string) {
	l, at := s.words(r), base(r)
	masked := ""
	if rec.IDKind != "" {
		masked = labelled(page.IdentityKinds(l), rec.IDKind) + " ••••" + rec.IDTail.Reveal()
		if shown != "" {
			masked = labelled(page.IdentityKinds(l), rec.IDKind) + " " + shown
		} else {
			p.Reveal = &ui.Post{Action: at.Patient(p.ID) + "/identity", Button: ui.Button{Label: l.T("identity.show"), Small: true}}
		}
	}
	p.Identity = []ui.Fact{
		{Label: l.T("patient.number"), Value: rec.Number}, {Label: l.T("patient.sex"), Value: l.Text("sex."+rec.Sex, "", nil)},
		{Label: l.T("patient.born"), Value: bornText(l.Day(rec.Birth.On()), rec.Birth.Estimated(), l.T("patient.about"))},
		{Label: l.T("identity.kind"), Value: masked}, {Label: l.T("queue.status"), Value: l.Text("status."+rec.Status, rec.Status, nil)},
		{Label: l.T("patient.registered"), Value: l.Day(rec.Registered)}, {Label: l.T("patient.last_visit"), Value: l.Day(rec.LastVisit)},
	}
	for _, e := range rec.Elsewhere {
		label := e.System
		if label == "legacy.number" {
			label = l.T("patient.older_number")
		}
		p.Identity = append(p.Identity, ui.Fact{Label: label, Value: e.Value})
	}
	p.Contact = []ui.Fact{
		{Label: l.T("patient.mobile"), Value: rec.Phone.Reveal()}, {Label: l.T("patient.email"), Value: rec.Email.Reveal()},
		{Label: l.T("patient.address"), Value: dots(rec.Address.Reveal(), rec.City, rec.State, rec.Pin)},
		{Label: l.T("patient.emergency_name"), Value: dots(rec.EmergencyName.Reveal(), rec.EmergencyRelation, rec.EmergencyPhone.Reveal())},
	}
	known, none := rec.KnownAllergies()
	allergies := known.Reveal()
	if none {
		allergies = l.T("patient.no_allergies")
	}
	p.Clinical = []ui.Fact{
		{Label: l.T("patient.allergies"), Value: allergies}, {Label: l.T("patient.blood"), Value: rec.BloodGroup},
		{Label: l.T("patient.weight"), Value: kilograms(rec.WeightGrams)}, {Label: l.T("patient.history"), Value: rec.History.Reveal()},
		{Label: l.T("visit.note"), Value: rec.Note.Reveal()},
	}
}

func bornText(day string, estimated bool, about string) string {
	if estimated {
		return about + " " + day
	}
	return day
}

func labelled(options []ui.Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

func kilograms(grams int32) string {
	if grams == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(grams)/1000, 'f', -1, 64)
}

// banner is a record's head on every page of the patient.
func (s *Site) banner(r *http.Request, rec patient.Record) ui.Banner {
	l := s.words(r)
	born := ""
	if rec.Birth.Known() && !rec.Birth.Estimated() {
		born = l.Day(rec.Birth.Date)
	}
	allergies, none := rec.KnownAllergies()
	return ui.Banner{Name: rec.Name.Reveal(), Local: local(rec.Local.Reveal()), Allergies: allergies.Reveal(), NoneKnown: none,
		Line: dots(page.SexAge(l, rec.Sex, rec.Birth.On(), today(r)), born, rec.Number, rec.BloodGroup, rec.MaskedPhone())}
}

// openToday is the patient's open visit of today, if there is one.
func (s *Site) openToday(r *http.Request, c visit.Chart) *ui.TokenCard {
	l, at, day := s.words(r), base(r), today(r)
	for _, v := range c.Visits.Entries {
		if v.State.Open() && v.Day.Equal(day) {
			return &ui.TokenCard{Token: v.Token, Line: place(l, v.Line), Now: v.State != visit.Waiting, Status: ui.Status(v.State),
				Links: []ui.Button{{Label: l.T("action.open"), Href: at.Visit(v.ID.String(), "")}, {Label: l.T("action.print"), Href: at.Visit(v.ID.String(), "slip"), Icon: "printer"}}}
		}
	}
	return nil
}

func (s *Site) identityPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	number, err := s.Patients.Reveal(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showPatient(w, r, http.StatusOK, number.Reveal(), nil)
}

func (s *Site) photo(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	b, err := s.Patients.Photo(r.Context(), id)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, err = w.Write(b)
	return err
}

func (s *Site) photoPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	file, err := formFile(r, "photo")
	if err != nil {
		return err
	}
	if r.PostFormValue("remove") == "1" {
		file = nil
	} else if len(file) == 0 {
		file = []byte{0} // no picture: the form is told so
	}
	if err := s.Patients.SetPhoto(r.Context(), id, file); err != nil {
		if !apperr.Is(err, apperr.Invalid) {
			return err
		}
		return s.showPatient(w, r, http.StatusUnprocessableEntity, "", ui.ErrorsOf(s.words(r), err))
	}
	return httpx.Redirect(w, r, base(r).Patient(id.String()))
}
