package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Papers: each is a page to print, and the same as PDF.

func (s *Site) paperRoutes() []httpx.Route {
	row := func(path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: http.MethodGet, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	pdf := func(path string, c access.Capability, h httpx.Handler) httpx.Route {
		out := row(path, c, h)
		out.Timeout = time.Minute // a browser may have to be started
		return out
	}
	return []httpx.Route{
		row("/visits/{id}/summary", access.ConsultationView, s.summary),
		pdf("/visits/{id}/summary.pdf", access.ConsultationView, s.summaryPDF),
	}
}

// pdf sends what a page would show as a PDF file.
func (s *Site) pdf(w http.ResponseWriter, r *http.Request, c templ.Component, name string) error {
	var html bytes.Buffer
	if err := c.Render(ui.With(r.Context(), s.Env(r)), &html); err != nil {
		return err
	}
	out, err := s.Print.PDF(r.Context(), print.Document{HTML: html.Bytes(), File: func(path string) ([]byte, string, bool) {
		if path != base(r).At("/logo") {
			return s.Assets.File(path)
		}
		logo, err := s.Clinic.Logo(r.Context(), httpx.From(r.Context()).Clinic)
		return logo, "image/png", err == nil
	}})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `inline; filename="`+name+`.pdf"`)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	_, err = w.Write(out)
	return err
}

// fileName is made of letters, digits and hyphens that stand in any file system.
func fileName(parts ...string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return '-'
		}
		return r
	}, strings.Join(parts, "-")), "-")
}

// sheet is what every paper of a patient has. at is the paper's address.
func (s *Site) sheet(r *http.Request, h clinic.Letterhead, who patient.Record, title, at, back string) paper.Sheet {
	l, size := s.words(r), paper.SizeOf(r.URL.Query().Get("size"))
	out := paper.Sheet{Size: size, Title: title, Head: s.head(r, h),
		Patient: paper.Patient{Name: who.Name.Reveal(), Local: local(who.Local.Reveal()), Allergies: who.Allergies.Reveal(), NoneKnown: who.NoKnownAllergies},
		Screen:  paper.Screen{Back: back, PDF: at + ".pdf?size=" + size}}
	for _, f := range []string{page.SexAge(l, who.Sex, who.Birth.On(), today(r)), who.Number} {
		if f != "" {
			out.Patient.Facts = append(out.Patient.Facts, f)
		}
	}
	for _, other := range paper.Sizes() {
		if other != size {
			out.Screen.Other = append(out.Screen.Other, ui.Button{Label: strings.ToUpper(other), Href: at + "?size=" + other})
		}
	}
	if err := s.Print.Available(); err != nil {
		out.Screen.PDF, out.Screen.NoPDF = "", l.Text("error.pdf.browser", err.Error(), nil)
	}
	return out
}

// head is the letterhead. ?head=none and ?head=full override the clinic's way.
func (s *Site) head(r *http.Request, h clinic.Letterhead) paper.Head {
	f := h.Facts
	out := paper.Head{Blank: h.Blank, OffsetMM: h.OffsetMM, Clinic: f.Name, Local: local(f.LocalName), Logo: s.clinic(r).Logo, Doctor: h.Signer.Name}
	switch r.URL.Query().Get("head") {
	case "none":
		out.Blank = true
	case "full":
		out.Blank = false
	}
	for _, line := range []string{
		joined(", ", f.Address, strings.TrimSpace(f.City+" "+f.PIN)), joined(" · ", f.Phone, f.Email), f.Registration,
	} {
		if line != "" {
			out.Lines = append(out.Lines, line)
		}
	}
	for _, t := range []string{h.Signer.Qualification, licence(s.words(r), h.Signer.Licence)} {
		if t != "" {
			out.Titles = append(out.Titles, t)
		}
	}
	return out
}

func licence(l *locale.Loc, number string) string {
	if number == "" {
		return ""
	}
	return l.T("paper.licence", "Number", number)
}

func joined(between string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, between)
}

func (s *Site) summary(w http.ResponseWriter, r *http.Request) error {
	sum, _, err := s.visitSummary(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, paper.SummaryPage(sum))
}

func (s *Site) summaryPDF(w http.ResponseWriter, r *http.Request) error {
	sum, name, err := s.visitSummary(r)
	if err != nil {
		return err
	}
	return s.pdf(w, r, paper.SummaryPage(sum), name)
}

// visitSummary is the summary of the visit's finished consultation, the reader's
// own first. Without one there is nothing to print.
func (s *Site) visitSummary(r *http.Request) (sum paper.Summary, name string, err error) {
	id, err := pathID(r, "id")
	if err != nil {
		return sum, "", err
	}
	k, err := s.Consults.Work(r.Context(), id)
	if err != nil {
		return sum, "", err
	}
	c := finished(k)
	if c == nil {
		return sum, "", apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
	}
	head, err := s.Clinic.Letterhead(r.Context(), c.DoctorID)
	if err != nil {
		return sum, "", err
	}
	l, at := s.words(r), base(r).Visit(id.String(), "summary")
	sum = paper.Summary{Sheet: s.sheet(r, head, k.Record, l.T("paper.summary", "Name", k.Record.Name.Reveal()), at, base(r).Visit(id.String(), "consultation")),
		Complaint: c.Complaint.Reveal(), Findings: c.Findings.Reveal(), Plan: c.Plan.Reveal(), Advice: c.Advice.Reveal()}
	sum.Facts = []string{l.T("paper.summary_title"), l.DateTime(c.FinishedAt)}
	for _, f := range vitalFacts(l, k) {
		sum.Vitals = append(sum.Vitals, f.Label+" "+f.Value)
	}
	for _, x := range c.Symptoms {
		sum.Symptoms = append(sum.Symptoms, page.Symptom(l, x))
	}
	for _, d := range c.Diagnoses {
		sum.Diagnoses = append(sum.Diagnoses, paper.Diagnosis{Title: d.Title.Reveal(), Code: d.Code, Note: d.Note.Reveal()})
	}
	if c.FollowUpDays > 0 {
		sum.FollowUp = l.Day(patient.DayIn(c.FinishedAt, httpx.From(r.Context()).Clinic.Zone).AddDate(0, 0, c.FollowUpDays))
	}
	for _, a := range c.Addenda {
		sum.Addenda = append(sum.Addenda, paper.Addendum{When: l.DateTime(a.At), Who: a.Doctor, Text: a.Body.Reveal()})
	}
	return sum, fileName(k.Record.Number, c.FinishedAt.Format("2006-01-02")), nil
}

func finished(k consultation.Work) *consultation.Consultation {
	if k.Mine != nil && k.Mine.State == consultation.Finished {
		return k.Mine
	}
	for i := range k.Others {
		if k.Others[i].State == consultation.Finished {
			return &k.Others[i]
		}
	}
	return nil
}
