package web

import (
	"net/http"
	"slices"
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

func (s *Site) prescriptionRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "/patients/{id}/medicines", access.PrescriptionOwn, s.medicines),
		row(http.MethodPost, "/patients/{id}/sheet", access.PrescriptionOwn, s.sheetPost),
		row(http.MethodGet, "/tests", access.PrescriptionOwn, s.tests),
		row(http.MethodPost, "/visits/{id}/tests", access.PrescriptionOwn, s.testsPost),
		row(http.MethodGet, "/visits/{id}/prescribe", access.PrescriptionOwn, s.prescribe),
		row(http.MethodPost, "/visits/{id}/prescribe", access.PrescriptionOwn, s.prescribePost),
		row(http.MethodGet, "/prescriptions/{id}/correct", access.PrescriptionOwn, s.correct),
		row(http.MethodPost, "/prescriptions/{id}/correct", access.PrescriptionOwn, s.correctPost),
		row(http.MethodGet, "/prescriptions/{id}/cancel", access.PrescriptionOwn, s.cancelPrescription),
		row(http.MethodPost, "/prescriptions/{id}/cancel", access.PrescriptionOwn, s.cancelPost),
		row(http.MethodPost, "/prescriptions/{id}/move", access.PrescriptionOwn, s.movePost),
		row(http.MethodGet, "/test-requests/{id}/cancel", access.PrescriptionOwn, s.cancelTest),
		row(http.MethodPost, "/test-requests/{id}/cancel", access.PrescriptionOwn, s.cancelTestPost),
		row(http.MethodGet, "/templates", access.TemplateOwn, s.templates),
		row(http.MethodGet, "/templates/new", access.TemplateOwn, s.newTemplate),
		row(http.MethodPost, "/templates/new", access.TemplateOwn, s.newTemplatePost),
		row(http.MethodGet, "/templates/{id}", access.TemplateOwn, s.template),
		row(http.MethodPost, "/templates/{id}", access.TemplateOwn, s.templatePost),
		row(http.MethodPost, "/templates/{id}/delete", access.TemplateOwn, s.templateDelete),
	}
}

// sheetOf are the builder's fields as typed.
func sheetOf(r *http.Request) prescription.Sheet {
	s := prescription.Sheet{Medicine: r.PostFormValue("medicine"), Test: r.PostFormValue("test")} // parses the form
	at := func(name string, i int) string {
		if all := r.PostForm[name]; i < len(all) {
			return all[i]
		}
		return ""
	}
	for i, name := range r.PostForm["rx_medicine"] {
		s.Lines = append(s.Lines, prescription.Typed{Medicine: name, Form: at("rx_form", i), Strength: at("rx_strength", i), Dose: at("rx_dose", i), Days: at("rx_days", i),
			Quantity: at("rx_quantity", i), Food: at("rx_food", i), Route: at("rx_route", i), Instructions: at("rx_instructions", i), Refills: at("rx_refills", i),
			Reason: at("rx_reason", i), Keep: slices.Contains(r.PostForm["rx_keep"], strconv.Itoa(i))})
	}
	for i, name := range r.PostForm["test_name"] {
		s.Tests = append(s.Tests, prescription.TypedTest{Name: name, Urgency: at("test_urgency", i), By: at("test_by", i), Note: at("test_note", i)})
	}
	return s
}

// rxParts are the rows of both lists with what is to be said of them.
func rxParts(l *locale.Loc, rev prescription.Reviewed, errs ui.Errors) page.Rx {
	p := page.Rx{Medicine: rev.Sheet.Medicine, Test: rev.Sheet.Test, Errors: errs, Forms: page.Forms(l), Foods: page.Foods(l), Routes: page.Routes(l)}
	for _, f := range rev.Problems {
		if p.Errors.For(f.Name) == "" {
			p.Errors = append(p.Errors, ui.FieldError{Name: f.Name, Text: l.Field(f)})
		}
	}
	for i, t := range rev.Sheet.Lines {
		row := page.RxRow{Medicine: t.Medicine, Strength: t.Strength, Form: t.Form, Dose: t.Dose, Food: t.Food, Days: t.Days, Quantity: t.Quantity, Route: t.Route,
			Instructions: t.Instructions, Refills: t.Refills, Reason: t.Reason, Keep: t.Keep}
		if i < len(rev.Lines) {
			line := rev.Lines[i]
			row.Generic, row.New = line.Generic, !line.Listed
			if n, ok := prescription.Quantity(line.Form, line.Dose, line.Days); ok {
				row.Derived = strconv.Itoa(n)
			}
			for _, w := range line.Warnings {
				row.Warnings = append(row.Warnings, page.RxWarning(l, w.Kind, w.What.Reveal()))
			}
		}
		p.Rows = append(p.Rows, row)
	}
	for _, t := range rev.Sheet.Tests {
		p.Tests = append(p.Tests, page.TestRow(t))
	}
	return p
}

const shownTemplates = 4 // as buttons beside the builder

// rxPanel is the builder for a patient; sheet is what its fields hold.
func (s *Site) rxPanel(r *http.Request, patientID uuid.UUID, sheet prescription.Sheet, errs ui.Errors) (page.Rx, error) {
	rev, err := s.Prescriptions.Review(r.Context(), patientID, sheet)
	if err != nil {
		return page.Rx{}, err
	}
	at := base(r)
	p := rxParts(s.words(r), rev, errs)
	p.Review, p.Medicines, p.TestList = at.Patient(patientID.String())+"/sheet", at.Patient(patientID.String())+"/medicines", at.At("/tests")
	mine, err := s.Prescriptions.Templates(r.Context(), "", shownTemplates)
	if err != nil {
		return page.Rx{}, err
	}
	for _, t := range mine {
		if t.Retired {
			continue
		}
		p.Templates = append(p.Templates, page.RxTemplate{ID: t.ID.String(), Name: t.Name, Keyword: t.Keyword})
	}
	return p, nil
}

// consultationRx is the builder within the consultation.
func (s *Site) consultationRx(r *http.Request, k consultation.Work, sheet prescription.Sheet, errs ui.Errors) (page.Rx, error) {
	p, err := s.rxPanel(r, k.Record.ID, sheet, errs)
	if err != nil {
		return p, err
	}
	id := k.Visit.ID.String()
	p.Act, p.Ask, p.Repeat, p.Keep = base(r).Visit(id, "consultation/draft"), base(r).Visit(id, "tests"), true, true
	p.Given, p.Asked, err = s.givenAt(r, k.Visit.ID)
	return p, err
}

// givenAt are the prescriptions and tests of a visit in the record.
func (s *Site) givenAt(r *http.Request, visitID uuid.UUID) ([]page.RxGiven, []page.TestAsked, error) {
	all, tests, err := s.Prescriptions.At(r.Context(), visitID)
	if err != nil {
		return nil, nil, err
	}
	given := rxGiven(s.words(r), base(r), all, mayPrescribe(r))
	for i, p := range all {
		if httpx.From(r.Context()).Can(access.ShareCreate) && p.State != prescription.Cancelled {
			given[i].Share = base(r).At("/prescriptions/" + p.ID.String() + "/share")
		}
	}
	return given, testsAsked(s.words(r), base(r), tests, mayPrescribe(r)), nil
}

// mayPrescribe is who may change what they have prescribed: the reader, if a
// doctor, or nobody.
func mayPrescribe(r *http.Request) uuid.UUID {
	if info := httpx.From(r.Context()); info.Can(access.PrescriptionOwn) {
		return info.Who.Actor.ID
	}
	return uuid.Nil
}

// movePosts are the states that a prescription may be moved to; from names the
// page that it leads back to.
func movePosts(l *locale.Loc, at page.Base, id uuid.UUID, number, state string, version int32, from string) []ui.Post {
	words := map[string]string{prescription.Dispensed: l.T("rx.mark_dispensed"), prescription.Completed: l.T("rx.mark_completed")}
	var out []ui.Post
	for _, to := range prescription.Next(state) {
		out = append(out, ui.Post{Action: at.At("/prescriptions/" + id.String() + "/move"), Hidden: [][2]string{{"version", strconv.Itoa(int(version))}, {"state", to}, {"from", from}},
			Button: ui.Button{Label: words[to], Spoken: number, Small: true}})
	}
	return out
}

// rxGiven are prescriptions for a list; mine is the doctor whose own may be moved on.
func rxGiven(l *locale.Loc, at page.Base, all []prescription.Summary, mine uuid.UUID) []page.RxGiven {
	var out []page.RxGiven
	for _, p := range all {
		var names []string
		for _, m := range p.Medicines {
			names = append(names, m.Reveal())
		}
		g := page.RxGiven{Number: p.Number, When: l.DateTime(p.Issued), Doctor: p.Doctor, Medicines: strings.Join(names, ", "), Status: ui.Status(p.State),
			Href: at.At("/prescriptions/" + p.ID.String() + "/print")}
		if p.DoctorID == mine {
			g.Moves = movePosts(l, at, p.ID, p.Number, p.State, p.Version, "visit")
		}
		out = append(out, g)
	}
	return out
}

func testsAsked(l *locale.Loc, at page.Base, all []prescription.Request, mine uuid.UUID) []page.TestAsked {
	var out []page.TestAsked
	for _, t := range all {
		due := ""
		if !t.Required.IsZero() {
			due = l.T("tests.due", "Date", l.Day(t.Required))
		}
		x := page.TestAsked{Name: t.Name.Reveal(), When: l.Date(t.Requested), Note: dots(due, t.Note.Reveal(), t.Result.Reveal()), Stat: t.Urgency == "stat", Status: ui.Status(t.State)}
		if t.DoctorID == mine && t.Pending() {
			x.Cancel = at.At("/test-requests/" + t.ID.String() + "/cancel")
		}
		out = append(out, x)
	}
	return out
}

// medicines answers the search for a medicine, or with a slash for a template.
func (s *Site) medicines(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	found, err := s.Prescriptions.Suggest(r.Context(), id, r.URL.Query().Get("medicine"), mostPicks)
	if err != nil {
		return err
	}
	l := s.words(r)
	items := make([]ui.Pick, 0, len(found))
	for _, f := range found {
		if t := f.Template; t != nil {
			items = append(items, ui.Pick{Value: "template:" + t.ID.String(), Text: t.Name, Bold: t.Name, Plain: slash(t.Keyword), Meta: sheetNames(t.Sheet)})
			continue
		}
		strength := f.Strength
		if f.Wanted != "" {
			strength = f.Wanted
		}
		p := ui.Pick{Value: "medicine:" + f.ID + ":" + strength, Text: f.Name, Bold: f.Name, Plain: dots(strength, page.Form(l, f.Form)), Meta: dots(otherThan(f.Generic, f.Name), f.Dose.String())}
		switch {
		case f.Clash != "":
			p.Flag = ui.Flag{Kind: "urgent", Icon: "triangle-alert", Text: l.T("patient.allergy", "What", f.Clash.Reveal())}
		case f.Recent:
			p.Flag = ui.Flag{Icon: "clock", Text: l.T("consultation.recent")}
		}
		items = append(items, p)
	}
	return s.show(w, r, http.StatusOK, ui.Picks("cons-medicine-list", items, l.T("rx.no_match")))
}

func slash(keyword string) string {
	if keyword == "" {
		return ""
	}
	return "/" + keyword
}

func otherThan(a, b string) string {
	if strings.EqualFold(a, b) {
		return ""
	}
	return a
}

// sheetNames says in one line what a template holds.
func sheetNames(s prescription.Sheet) string {
	var names []string
	for _, t := range s.Lines {
		names = append(names, strings.TrimSpace(t.Medicine+" "+t.Strength))
	}
	for _, t := range s.Tests {
		names = append(names, t.Name)
	}
	return clip(strings.Join(names, ", "), 120)
}

// tests answers the search for a test.
func (s *Site) tests(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Prescriptions.SuggestTests(r.Context(), r.URL.Query().Get("test"), mostPicks)
	if err != nil {
		return err
	}
	l := s.words(r)
	items := make([]ui.Pick, 0, len(found))
	for _, f := range found {
		name := f.Name.Reveal()
		items = append(items, ui.Pick{Value: "test:" + name, Text: name, Bold: name, Plain: page.TestKind(l, f.Kind)})
	}
	return s.show(w, r, http.StatusOK, ui.Picks("cons-test-list", items, l.T("tests.no_match")))
}

// sheetPost does one thing to the builder's rows and answers with them.
func (s *Site) sheetPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rev, err := s.Prescriptions.Apply(r.Context(), id, sheetOf(r), r.PostFormValue("rx_do"))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.RxParts(rxParts(s.words(r), rev, nil)))
}

// testsPost asks for the tests of a consultation that goes on. The rest of the
// form stays in the draft.
func (s *Site) testsPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	f := consultationForm(r)
	if err := s.Prescriptions.Ask(r.Context(), formKey(r), id, f.Rx); err != nil {
		k, gone := s.Consults.Work(r.Context(), id)
		if !apperr.Is(err, apperr.Invalid) || gone != nil || k.Mine == nil || k.Mine.State == consultation.Finished {
			return err
		}
		return s.showConsultation(w, r, k, http.StatusUnprocessableEntity, consulting{form: f, version: draftVersion(r), errs: ui.ErrorsOf(s.words(r), err)})
	}
	f.Rx.Tests, f.Rx.Test = nil, ""
	d, err := s.Consults.Keep(r.Context(), id, draftVersion(r), f)
	if apperr.Is(err, apperr.Stale) {
		return s.showStale(w, r, id, f, d)
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), "consultation")+"#tests")
}

// prescribed leads to the paper of what finishing has issued, or to the queue.
func (s *Site) prescribed(w http.ResponseWriter, r *http.Request, visitID uuid.UUID, sheet prescription.Sheet) error {
	if len(sheet.Lines)+len(sheet.Tests) > 0 {
		all, _, err := s.Prescriptions.At(r.Context(), visitID)
		if err != nil {
			return err
		}
		me := httpx.From(r.Context()).Who.Actor.ID
		for _, p := range slices.Backward(all) {
			if p.DoctorID == me && p.State == prescription.Issued && len(sheet.Lines) > 0 {
				return httpx.Redirect(w, r, base(r).At("/prescriptions/"+p.ID.String()+"/print?now=1"))
			}
		}
		return httpx.Redirect(w, r, base(r).Visit(visitID.String(), "tests?now=1"))
	}
	return httpx.Redirect(w, r, base(r).Query("/my-queue", "finished", visitID.String()))
}

// doSheet does to a visit's sheet what a button without script says; saving
// adds what was typed in the search fields.
func (s *Site) doSheet(r *http.Request, visitID uuid.UUID, sheet prescription.Sheet, do string) (prescription.Sheet, error) {
	if do == "" {
		do = "add"
	}
	if sheet.Empty() && do == "add" {
		return sheet, nil
	}
	k, err := s.Consults.Work(r.Context(), visitID)
	if err != nil {
		return sheet, err
	}
	rev, err := s.Prescriptions.Apply(r.Context(), k.Record.ID, sheet, do)
	return rev.Sheet, err
}

// keepTemplate saves the rows of a consultation, whose draft was kept, as a
// template.
func (s *Site) keepTemplate(w http.ResponseWriter, r *http.Request, visitID uuid.UUID, f consultation.Form) error {
	_, err := s.Prescriptions.SaveTemplate(r.Context(), prescription.Template{Name: r.PostFormValue("template_name"), Keyword: r.PostFormValue("template_keyword"),
		Shared: r.PostFormValue("template_shared") != "", Sheet: f.Rx})
	if err == nil {
		return httpx.Redirect(w, r, base(r).Visit(visitID.String(), "consultation")+"?template=saved#prescription")
	}
	k, gone := s.Consults.Work(r.Context(), visitID)
	if !apperr.Is(err, apperr.Invalid) || gone != nil || k.Mine == nil {
		return err
	}
	return s.showConsultation(w, r, k, http.StatusUnprocessableEntity, consulting{form: k.Form, version: k.Draft.Version, errs: ui.ErrorsOf(s.words(r), err)})
}
