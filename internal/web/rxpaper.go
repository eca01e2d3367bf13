package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) prescriptionPage(w http.ResponseWriter, r *http.Request) error {
	p, k, _, err := s.prescription(r)
	if err != nil {
		return err
	}
	return s.page(w, r, k, paper.PrescriptionPage(p))
}

func (s *Site) prescriptionPDF(w http.ResponseWriter, r *http.Request) error {
	p, k, name, err := s.prescription(r)
	if err != nil {
		return err
	}
	return s.pdf(w, r, s.env(r, k), paper.PrescriptionPage(p), name)
}

// prescription is a prescription on paper, with what the doctor found at the
// visit and the tests asked for.
func (s *Site) prescription(r *http.Request) (p paper.Prescription, k wish, name string, err error) {
	id, err := pathID(r, "id")
	if err != nil {
		return p, k, "", err
	}
	rx, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return p, k, "", err
	}
	work, err := s.Consults.Work(r.Context(), rx.VisitID)
	if err != nil {
		return p, k, "", err
	}
	_, tests, err := s.Prescriptions.At(r.Context(), rx.VisitID)
	if err != nil {
		return p, k, "", err
	}
	head, err := s.Clinic.Letterhead(r.Context(), rx.DoctorID)
	if err != nil {
		return p, k, "", err
	}
	k = s.wish(r, base(r).At("/prescriptions/"+id.String()+"/print"), work.Record.Language)
	l := k.l
	p = paper.Prescription{Sheet: s.sheet(r, k, head, work.Record, l.T("rx.number", "Number", rx.Number), s.backTo(r, work.Record, rx.VisitID)),
		Vitals: paperVitals(l, work), Store: store(head.Facts), Lines: rxLines(k, rx.Lines)}
	p.Head.Titles = signerTitles(l, rx)
	p.Facts = []string{rx.Number, l.DateTime(rx.Issued)}
	if rx.OlderNumber != "" {
		p.Facts = append(p.Facts, l.T("rx.older_number", "Number", rx.OlderNumber))
	}
	p.Foot = doseOrder(l, rx.Lines)
	if rx.VersionOf != uuid.Nil {
		p.Note = l.T("rx.corrects", "Number", rx.OldNumber, "Reason", rx.VersionReason.Reveal())
	}
	s.standing(r, l, &p.Sheet, rx)
	if rx.State != prescription.Draft {
		p.Check = base(r).At("/verify/" + s.Verifier.Code(httpx.From(r.Context()).Clinic.ID, rx.ID) + "/qr.png")
	}
	if c := notesOf(work, rx.DoctorID); c != nil {
		p.Complaint, p.Findings, p.Diagnosis = c.Complaint.Reveal(), c.Findings.Reveal(), diagnoses(c)
		p.Advice, p.Review = written(c.Advice.Reveal(), l), reviewDay(r, l, c)
	}
	for _, t := range tests {
		if t.State != prescription.Cancelled && t.DoctorID == rx.DoctorID {
			p.Tests = append(p.Tests, testInLine(l, t))
		}
	}
	s.mayDo(r, &p.Screen, rx)
	return p, k, fileName(rx.Number), nil
}

// standing says on a paper that it is no valid prescription, and why.
func (s *Site) standing(r *http.Request, l *locale.Loc, p *paper.Sheet, rx prescription.Prescription) {
	switch {
	case rx.NewID != uuid.Nil:
		p.Mark, p.Void = l.T("paper.not_valid"), l.T("rx.replaced", "Number", rx.NewNumber)
		p.Screen.Links = append(p.Screen.Links, ui.Button{Label: rx.NewNumber, Href: base(r).At("/prescriptions/" + rx.NewID.String() + "/print")})
	case rx.State == prescription.Cancelled:
		p.Mark, p.Void = l.T("paper.not_valid"), l.T("rx.void", "Reason", rx.CancelReason.Reveal())
	case rx.State == prescription.Draft:
		p.Mark, p.Void = l.T("paper.draft"), l.T("rx.unfinished")
	}
}

// mayDo adds what its doctor may do with a prescription.
func (s *Site) mayDo(r *http.Request, around *paper.Screen, rx prescription.Prescription) {
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	if info.Can(access.ConsultationOwn) {
		around.Links = append(around.Links, ui.Button{Label: l.T("consultation.one"), Href: at.Visit(rx.VisitID.String(), "consultation")})
	}
	if info.Can(access.ShareView) && rx.State != prescription.Draft {
		around.Links = append(around.Links, ui.Button{Label: l.T("share.title"), Href: at.At("/prescriptions/" + rx.ID.String() + "/share")})
	}
	if info.Can(access.PrescriptionOwn) && rx.DoctorID == info.Who.Actor.ID && rx.State == prescription.Issued {
		around.Links = append(around.Links, ui.Button{Label: l.T("rx.correct"), Href: at.At("/prescriptions/" + rx.ID.String() + "/correct")},
			ui.Button{Label: l.T("rx.cancel"), Href: at.At("/prescriptions/" + rx.ID.String() + "/cancel")})
	}
	if rx.DoctorID == mayPrescribe(r) {
		around.Posts = movePosts(l, at, rx.ID, rx.Number, rx.State, rx.Version, "")
	}
}

// backTo is where a paper's reader goes next: a doctor to the queue, with the
// visit said to be finished, everybody else to the patient.
func (s *Site) backTo(r *http.Request, who patient.Record, visit uuid.UUID) ui.Button {
	l, at := s.words(r), base(r)
	if httpx.From(r.Context()).Can(access.ConsultationOwn) {
		return ui.Button{Label: l.T("nav.my_queue"), Href: at.Query("/my-queue", "finished", visit.String())}
	}
	return ui.Button{Label: l.T("patient.one"), Href: at.Patient(who.ID.String())}
}

// notesOf are a doctor's finished notes of a visit, nil while there are none.
func notesOf(k consultation.Work, doctor uuid.UUID) *consultation.Consultation {
	if k.Mine != nil && k.Mine.DoctorID == doctor && k.Mine.State == consultation.Finished {
		return k.Mine
	}
	for i := range k.Others {
		if c := &k.Others[i]; c.DoctorID == doctor && c.State == consultation.Finished {
			return c
		}
	}
	return nil
}

func diagnoses(c *consultation.Consultation) string {
	var all []string
	for _, d := range c.Diagnoses {
		code := ""
		if d.Code != "" {
			code = " (" + d.Code + ")"
		}
		all = append(all, d.Title.Reveal()+code)
	}
	return strings.Join(all, ", ")
}

// written is free text in the language whose script it has.
func written(text string, l *locale.Loc) ui.Words {
	out := ui.Words{Text: text, Lang: "en"}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x900 && r <= 0x97f }) {
		if out.Lang = l.Lang(); out.Lang == "en" {
			out.Lang = "mr"
		}
	}
	return out
}

func store(f clinic.Facts) []string {
	if f.StoreName == "" {
		return nil
	}
	return slices.DeleteFunc([]string{f.StoreName, f.StoreAddress, patient.SpacedPhone(f.StorePhone)}, func(s string) bool { return s == "" })
}

func signerTitles(l *locale.Loc, rx prescription.Prescription) []string {
	return slices.DeleteFunc([]string{rx.Qualification, rx.Specialty, licence(l, rx.Licence)}, func(s string) bool { return s == "" })
}

// rxLines are the medicines in the paper's language, and how they go with meals
// in the second as well: the patient reads one, the pharmacist the other.
func rxLines(k wish, lines []prescription.Line) []paper.Line {
	var out []paper.Line
	for _, x := range lines {
		p := paper.Line{Name: strings.TrimSpace(x.Medicine.Reveal() + " " + x.Strength), Dose: x.Dose.String(), When: whenTaken(k.l, x)}
		route, refills := page.Route(k.l, x.Route), ""
		if x.Route == "oral" {
			route = ""
		}
		if x.Refills > 0 {
			refills = k.l.T("rx.refilled", "N", k.l.Num(x.Refills))
		}
		p.Detail, p.Special = dots(otherThan(x.Generic, x.Medicine.Reveal()), page.Form(k.l, x.Form), route), dots(x.Instructions.Reveal(), refills)
		if k.second != nil {
			p.Local = ui.Words{Text: whenTaken(k.second, x), Lang: k.second.Lang()}
		}
		if x.Days > 0 {
			p.Days = strconv.Itoa(x.Days)
		}
		if x.Quantity > 0 {
			p.Count = strconv.Itoa(x.Quantity)
		}
		out = append(out, p)
	}
	return out
}

func whenTaken(l *locale.Loc, x prescription.Line) string {
	needed := ""
	if x.Dose.SOS {
		needed = l.T("paper.if_needed")
	}
	return joined(", ", needed, page.Food(l, x.Food))
}

// doseOrder explains the numbers of the doses that the lines have.
func doseOrder(l *locale.Loc, lines []prescription.Line) string {
	three, four := "", ""
	for _, x := range lines {
		switch {
		case x.Dose.IsZero() || x.Dose.SOS:
		case x.Dose.Evening > 0:
			four = l.T("paper.dose_order_four")
		default:
			three = l.T("paper.dose_order")
		}
	}
	return dots(three, four)
}

func testInLine(l *locale.Loc, t prescription.Request) string {
	name := t.Name.Reveal()
	if t.Urgency == "stat" {
		name += " (" + l.T("tests.stat") + ")"
	}
	return name
}

func (s *Site) request(w http.ResponseWriter, r *http.Request) error {
	p, k, _, err := s.testRequest(r)
	if err != nil {
		return err
	}
	return s.page(w, r, k, paper.RequestPage(p))
}

func (s *Site) requestPDF(w http.ResponseWriter, r *http.Request) error {
	p, k, name, err := s.testRequest(r)
	if err != nil {
		return err
	}
	return s.pdf(w, r, s.env(r, k), paper.RequestPage(p), name)
}

// testRequest is the form with a visit's tests. It is signed by who asked for
// the first; a test that another doctor asked for says so.
func (s *Site) testRequest(r *http.Request) (p paper.Request, k wish, name string, err error) {
	id, err := pathID(r, "id")
	if err != nil {
		return p, k, "", err
	}
	_, tests, err := s.Prescriptions.At(r.Context(), id)
	if err != nil {
		return p, k, "", err
	}
	tests = slices.DeleteFunc(tests, func(t prescription.Request) bool { return t.State == prescription.Cancelled })
	if len(tests) == 0 {
		return p, k, "", noPaper()
	}
	first := tests[0]
	work, err := s.Consults.Work(r.Context(), id)
	if err != nil {
		return p, k, "", err
	}
	head, err := s.Clinic.Letterhead(r.Context(), first.DoctorID)
	if err != nil {
		return p, k, "", err
	}
	k = s.wish(r, base(r).Visit(id.String(), "tests"), work.Record.Language)
	l := k.l
	p = paper.Request{Sheet: s.sheet(r, k, head, work.Record, l.T("tests.form"), s.backTo(r, work.Record, id)), Vitals: paperVitals(l, work)}
	p.Facts = []string{l.DateTime(first.Requested)}
	if c := notesOf(work, first.DoctorID); c != nil {
		p.Complaint, p.Diagnosis = c.Complaint.Reveal(), diagnoses(c)
	}
	for _, t := range tests {
		x := paper.Test{Name: t.Name.Reveal(), Code: t.Code, Kind: page.TestKind(l, t.Kind), Stat: t.Urgency == "stat", Note: t.Note.Reveal()}
		if t.DoctorID != first.DoctorID {
			x.Note = dots(x.Note, doctorName(l, t.Doctor))
		}
		if !t.Required.IsZero() {
			x.By = l.T("tests.due", "Date", l.Day(t.Required))
		}
		p.Tests = append(p.Tests, x)
	}
	return p, k, fileName(work.Record.Number, "tests", first.Requested.Format("2006-01-02")), nil
}

func (s *Site) cancelPrescription(w http.ResponseWriter, r *http.Request) error {
	return s.showCancel(w, r, http.StatusOK, "", nil)
}

// showCancel asks why a prescription shall be cancelled. One that can't be any
// more shows itself instead.
func (s *Site) showCancel(w http.ResponseWriter, r *http.Request, status int, reason string, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rx, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	back := at.At("/prescriptions/" + id.String() + "/print")
	if rx.State != prescription.Issued || rx.DoctorID != httpx.From(r.Context()).Who.Actor.ID {
		return httpx.Redirect(w, r, back)
	}
	title := l.T("rx.cancel_question", "Number", rx.Number)
	p := page.RxCancel{Shell: s.shell(r, "/my-queue", title, ui.Crumb{Label: l.T("rx.number", "Number", rx.Number), Href: back}), Action: at.At("/prescriptions/" + id.String() + "/cancel"),
		Version: strconv.Itoa(int(rx.Version)), Back: back, Errors: errs, Confirm: l.T("rx.cancel"),
		Reason: ui.Field{ID: "cancel-reason", Name: "reason", Label: l.T("rx.cancel_reason"), Value: reason, Max: 300, Error: errs.For("reason")}}
	p.Shell.Failed = len(errs) > 0
	for _, x := range rx.Lines {
		p.Medicines = append(p.Medicines, dots(strings.TrimSpace(x.Medicine.Reveal()+" "+x.Strength), x.Dose.String()))
	}
	return s.show(w, r, status, page.RxCancelPage(p))
}

func (s *Site) cancelPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	reason := r.PostFormValue("reason")
	err = s.Prescriptions.Cancel(r.Context(), id, version(r), reason)
	if apperr.Is(err, apperr.Invalid) {
		return s.showCancel(w, r, http.StatusUnprocessableEntity, reason, ui.ErrorsOf(s.words(r), err))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/prescriptions/"+id.String()+"/print"))
}
