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
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) prescriptionPaper(w http.ResponseWriter, r *http.Request) error {
	return s.showPaper(w, r, http.StatusOK, "", nil)
}

// showPaper draws a prescription's page; reason is what was typed to cancel it.
func (s *Site) showPaper(w http.ResponseWriter, r *http.Request, status int, reason string, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rx, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return err
	}
	p, err := s.paperOf(r, rx.VisitID, rx.DoctorID)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p.Title = l.T("rx.number", "Number", rx.Number)
	p.Doctor, p.DoctorLine = rx.Doctor, doctorLine(l, rx)
	p.Number, p.When = rx.Number, l.DateTime(rx.Issued)
	if rx.OlderNumber != "" {
		p.When = dots(p.When, l.T("rx.older_number", "Number", rx.OlderNumber))
	}
	for _, line := range rx.Lines {
		p.Lines = append(p.Lines, paperLine(l, line))
	}
	if rx.VersionOf != uuid.Nil {
		p.Corrects = l.T("rx.corrects", "Number", rx.OldNumber, "Reason", rx.VersionReason.Reveal())
	}
	switch {
	case rx.NewID != uuid.Nil:
		p.Void = l.T("rx.replaced", "Number", rx.NewNumber)
		p.Links = append(p.Links, ui.Button{Label: rx.NewNumber, Href: at.At("/prescriptions/" + rx.NewID.String() + "/print")})
	case rx.State == prescription.Draft:
		p.Void = l.T("rx.unfinished")
	case rx.State == prescription.Cancelled:
		p.Void = l.T("rx.void", "Reason", rx.CancelReason.Reveal())
	}
	info := httpx.From(r.Context())
	if info.Can(access.PrescriptionOwn) && rx.DoctorID == info.Who.Actor.ID && rx.State == prescription.Issued {
		p.Links = append(p.Links, ui.Button{Label: l.T("rx.correct"), Href: at.At("/prescriptions/" + id.String() + "/correct"), Icon: "pencil"})
		p.Cancel = at.At("/prescriptions/" + id.String() + "/cancel")
		p.Version = strconv.Itoa(int(rx.Version))
		p.Reason = ui.Field{ID: "cancel-reason", Name: "reason", Label: l.T("rx.cancel_reason"), Value: reason, Max: 300, Error: errs.For("reason")}
	}
	return s.show(w, r, status, page.RxPaperPage(p))
}

// paperOf is what every paper of a visit shows: clinic, patient, and what the
// doctor found.
func (s *Site) paperOf(r *http.Request, visitID, doctorID uuid.UUID) (page.RxPaper, error) {
	k, err := s.Consults.Work(r.Context(), visitID)
	if err != nil {
		return page.RxPaper{}, err
	}
	facts, err := s.Clinic.Facts(r.Context())
	if err != nil {
		return page.RxPaper{}, err
	}
	_, tests, err := s.Prescriptions.At(r.Context(), visitID)
	if err != nil {
		return page.RxPaper{}, err
	}
	l, at := s.words(r), base(r)
	p := page.RxPaper{Clinic: s.clinic(r), ClinicLine: dots(facts.Address, facts.City, facts.PIN, facts.Phone), Patient: k.Record.Name.Reveal(),
		PatientBy: dots(page.SexAge(l, k.Record.Sex, k.Record.Birth.On(), today(r)), k.Record.Number), Allergies: k.Record.Allergies.Reveal(), NoneKnown: k.Record.NoKnownAllergies,
		Now: r.URL.Query().Get("now") == "1"}
	if facts.StoreName != "" {
		p.Store = dots(facts.StoreName, facts.StoreAddress, facts.StorePhone)
	}
	var vitals []string
	for _, f := range vitalFacts(l, k) {
		vitals = append(vitals, f.Label+" "+f.Value)
	}
	p.Vitals = strings.Join(vitals, ", ")
	for _, t := range tests {
		if t.State != prescription.Cancelled && t.DoctorID == doctorID {
			p.Tests = append(p.Tests, testsAsked(l, []prescription.Request{t})...)
		}
	}
	findings(l, &p, k, doctorID)
	p.Back = ui.Button{Label: l.T("patient.one"), Href: at.Patient(k.Record.ID.String()), Icon: "user"}
	if httpx.From(r.Context()).Can(access.ConsultationOwn) {
		p.Back = ui.Button{Label: l.T("nav.my_queue"), Href: at.Query("/my-queue", "finished", visitID.String()), Kind: "primary", Attrs: map[string]any{"data-focus": ""}}
		p.Links = append(p.Links, ui.Button{Label: l.T("consultation.one"), Href: at.Visit(visitID.String(), "consultation")})
	}
	return p, nil
}

// findings puts the doctor's finished notes on a paper.
func findings(l *locale.Loc, p *page.RxPaper, k consultation.Work, doctorID uuid.UUID) {
	all := k.Others
	if k.Mine != nil {
		all = append([]consultation.Consultation{*k.Mine}, all...)
	}
	for _, c := range all {
		if c.DoctorID != doctorID || c.State != consultation.Finished {
			continue
		}
		p.Complaint, p.Findings, p.Advice = c.Complaint.Reveal(), c.Findings.Reveal(), c.Advice.Reveal()
		for _, d := range c.Diagnoses {
			p.Diagnoses = append(p.Diagnoses, strings.TrimSpace(d.Code+" "+d.Title.Reveal()))
		}
		if c.FollowUpDays > 0 {
			p.Review = l.T("rx.review", "Date", l.Date(c.FinishedAt.AddDate(0, 0, c.FollowUpDays)))
		}
		p.Doctor = c.Doctor
	}
}

func doctorLine(l *locale.Loc, rx prescription.Prescription) string {
	licence := ""
	if rx.Licence != "" {
		licence = l.T("rx.licence", "Number", rx.Licence)
	}
	return dots(rx.Qualification, rx.Specialty, licence)
}

func paperLine(l *locale.Loc, x prescription.Line) page.RxPaperLine {
	out := page.RxPaperLine{Name: dots(strings.TrimSpace(x.Medicine.Reveal()+" "+x.Strength), page.Form(l, x.Form)), Generic: otherThan(x.Generic, x.Medicine.Reveal()),
		Dose: x.Dose.String(), When: page.Food(l, x.Food)}
	if x.Days > 0 {
		out.Days = strconv.Itoa(x.Days)
	}
	if x.Quantity > 0 {
		out.Quantity = strconv.Itoa(x.Quantity)
	}
	refills, route := "", ""
	if x.Refills > 0 {
		refills = l.T("rx.refilled", "N", l.Num(x.Refills))
	}
	if x.Route != "" && x.Route != "oral" {
		route = page.Route(l, x.Route)
	}
	out.Note = dots(route, x.Instructions.Reveal(), refills)
	return out
}

// testsPaper is the request form of a visit's tests.
func (s *Site) testsPaper(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	_, tests, err := s.Prescriptions.At(r.Context(), id)
	if err != nil {
		return err
	}
	doctor := uuid.Nil
	if len(tests) > 0 {
		doctor = tests[0].DoctorID
	}
	p, err := s.paperOf(r, id, doctor)
	if err != nil {
		return err
	}
	l := s.words(r)
	p.Title, p.Advice, p.Review = l.T("tests.form"), "", ""
	if len(tests) > 0 {
		p.Doctor, p.When = tests[0].Doctor, l.DateTime(tests[0].Requested)
	}
	return s.show(w, r, http.StatusOK, page.RxPaperPage(p))
}

func (s *Site) cancelPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	reason := r.PostFormValue("reason")
	err = s.Prescriptions.Cancel(r.Context(), id, version(r), reason)
	if apperr.Is(err, apperr.Invalid) {
		return s.showPaper(w, r, http.StatusUnprocessableEntity, reason, ui.ErrorsOf(s.words(r), err))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/prescriptions/"+id.String()+"/print"))
}
