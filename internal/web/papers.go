package web

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
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
		row("/visits/{id}/slip", access.QueueView, s.slip),
		pdf("/visits/{id}/slip.pdf", access.QueueView, s.slipPDF),
		row("/visits/{id}/tests", access.PrescriptionView, s.request),
		pdf("/visits/{id}/tests.pdf", access.PrescriptionView, s.requestPDF),
		row("/prescriptions/{id}/print", access.PrescriptionView, s.prescriptionPage),
		pdf("/prescriptions/{id}/print.pdf", access.PrescriptionView, s.prescriptionPDF),
	}
}

// wish is a paper as somebody wants it: what the address says, else what the
// patient and the clinic usually get.
type wish struct {
	l       *locale.Loc // of the paper
	second  *locale.Loc // of what stands twice on it, nil for nothing
	size    string
	address string // of the page; with .pdf behind it, of the file
	asked   url.Values
}

// wish reads what is asked for. lang is the patient's language, if it is known.
func (s *Site) wish(r *http.Request, address, lang string) wish {
	q, c := r.URL.Query(), httpx.From(r.Context()).Clinic
	k := wish{l: s.Words.For(locale.Choose(q.Get("lang"), lang, c.Lang), c.Zone), size: paper.SizeOf(q.Get("paper")), address: address, asked: url.Values{}}
	switch first := k.l.Lang(); {
	case first != "en":
		k.second = s.Words.For("en", c.Zone)
	case locale.Choose(lang, "", c.Lang) != first:
		k.second = s.Words.For(locale.Choose(lang, "", c.Lang), c.Zone)
	}
	for _, name := range []string{"paper", "head", "lang"} {
		if v := q.Get(name); v != "" {
			k.asked.Set(name, v)
		}
	}
	return k
}

// with is the address of the paper with one thing changed, none for an empty name.
func (k wish) with(end, name, value string) string {
	q := maps.Clone(k.asked)
	if name != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return k.address + end
	}
	return k.address + end + "?" + q.Encode()
}

// env is the paper's environment: the request's in the paper's language.
func (s *Site) env(r *http.Request, k wish) ui.Env {
	e := s.Env(r)
	e.Loc = k.l
	return e
}

// page sends the paper as a page.
func (s *Site) page(w http.ResponseWriter, r *http.Request, k wish, c templ.Component) error {
	return ui.Write(ui.With(r.Context(), s.env(r, k)), w, http.StatusOK, c)
}

// pdf sends what a page would show as a PDF file.
func (s *Site) pdf(w http.ResponseWriter, r *http.Request, e ui.Env, c templ.Component, name string) error {
	var html bytes.Buffer
	if err := c.Render(ui.With(r.Context(), e), &html); err != nil {
		return err
	}
	out, err := s.Print.PDF(r.Context(), print.Document{HTML: html.Bytes(), For: httpx.From(r.Context()).Clinic.Slug, File: s.file(r)})
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

// file gives the files that a paper names: the service's own, the clinic's logo
// and the pictures that lead from paper to the web.
func (s *Site) file(r *http.Request) func(path string) ([]byte, string, bool) {
	at, c := base(r), httpx.From(r.Context()).Clinic
	return func(path string) ([]byte, string, bool) {
		if link, ok := strings.CutSuffix(path, "/qr.png"); ok && (strings.HasPrefix(link, at.At("/place/")) || strings.HasPrefix(link, at.At("/verify/"))) {
			png, err := s.qrPicture(r, link)
			return png, "image/png", err == nil
		}
		if path == at.At("/logo") {
			logo, err := s.Clinic.Logo(r.Context(), c)
			return logo, "image/png", err == nil
		}
		return s.Assets.File(path)
	}
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

// sheet is what every paper of a patient has.
func (s *Site) sheet(r *http.Request, k wish, h clinic.Letterhead, who patient.Record, title string, back ui.Button) paper.Sheet {
	allergies, none := who.KnownAllergies()
	out := paper.Sheet{Size: k.size, Title: title, Head: s.head(r, k, h), Screen: s.around(r, k, back),
		Patient: paper.Patient{Name: who.Name.Reveal(), Local: local(who.Local.Reveal()), Allergies: allergies.Reveal(), NoneKnown: none}}
	for _, f := range []string{page.SexAge(k.l, who.Sex, who.Birth.On(), today(r)), who.Number} {
		if f != "" {
			out.Patient.Facts = append(out.Patient.Facts, f)
		}
	}
	on := "full"
	if out.Head.Blank {
		on = "none"
	}
	l := s.words(r)
	letterhead := paper.Choice{Label: l.T("settings.letterhead"), Options: []paper.Option{
		{Label: l.T("settings.letterhead_full"), Href: k.with("", "head", "full"), On: on == "full"}, {Label: l.T("settings.letterhead_none"), Href: k.with("", "head", "none"), On: on == "none"}}}
	out.Screen.Choices = append(out.Screen.Choices, letterhead)
	return out
}

// around is what stands around a paper on a screen, in the reader's language.
func (s *Site) around(r *http.Request, k wish, back ui.Button) paper.Screen {
	l := s.words(r)
	out := paper.Screen{Lang: l.Lang(), Label: l.T("paper.around"), Back: back, Print: l.T("action.print"), Now: r.URL.Query().Get("now") == "1",
		PDF: ui.Button{Label: l.T("paper.pdf"), Href: k.with(".pdf", "", "")}}
	if err := s.Print.Available(); err != nil {
		out.PDF, out.NoPDF = ui.Button{}, l.Text("error.pdf.browser", err.Error(), nil)
	}
	sizes, langs := paper.Choice{Label: l.T("paper.size")}, paper.Choice{Label: l.T("shell.language")}
	for _, size := range paper.Sizes() {
		sizes.Options = append(sizes.Options, paper.Option{Label: strings.ToUpper(size), Href: k.with("", "paper", size), On: size == k.size})
	}
	for _, code := range locale.Languages() {
		langs.Options = append(langs.Options, paper.Option{Label: locale.LanguageName(code), Lang: code, Href: k.with("", "lang", code), On: code == k.l.Lang()})
	}
	out.Choices = []paper.Choice{langs, sizes}
	return out
}

// usualRoom is left, in millimetres, for a head that is on the paper when the
// clinic, which prints its own, never measured one.
const usualRoom = 35

// head is the letterhead. ?head=none and ?head=full override the clinic's way.
func (s *Site) head(r *http.Request, k wish, h clinic.Letterhead) paper.Head {
	f := h.Facts
	out := paper.Head{Blank: h.Blank, OffsetMM: h.OffsetMM, Clinic: f.Name, Local: local(f.LocalName), Logo: s.clinic(r).Logo, Doctor: doctorName(k.l, h.Signer.Name)}
	switch k.asked.Get("head") {
	case "none":
		out.Blank = true
		if !h.Blank && h.OffsetMM == 0 {
			out.OffsetMM = usualRoom
		}
	case "full":
		out.Blank = false
	}
	for _, line := range []string{
		joined(", ", f.Address, strings.TrimSpace(f.City+" "+f.PIN)), joined(" · ", patient.SpacedPhone(f.Phone), f.Email), f.Registration,
	} {
		if line != "" {
			out.Lines = append(out.Lines, line)
		}
	}
	for _, t := range []string{h.Signer.Qualification, licence(k.l, h.Signer.Licence)} {
		if t != "" {
			out.Titles = append(out.Titles, t)
		}
	}
	return out
}

// doctorName is a doctor's name with the title, which some write themselves.
func doctorName(l *locale.Loc, name string) string {
	if name == "" || strings.HasPrefix(name, "Dr") || strings.HasPrefix(name, "डॉ") {
		return name
	}
	return l.T("paper.doctor", "Name", name)
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
	sum, k, _, err := s.visitSummary(r)
	if err != nil {
		return err
	}
	return s.page(w, r, k, paper.SummaryPage(sum))
}

func (s *Site) summaryPDF(w http.ResponseWriter, r *http.Request) error {
	sum, k, name, err := s.visitSummary(r)
	if err != nil {
		return err
	}
	return s.pdf(w, r, s.env(r, k), paper.SummaryPage(sum), name)
}

// visitSummary is the summary of the visit's finished consultation, the reader's
// own first. Without one there is nothing to print.
func (s *Site) visitSummary(r *http.Request) (sum paper.Summary, k wish, name string, err error) {
	id, err := pathID(r, "id")
	if err != nil {
		return sum, k, "", err
	}
	work, err := s.Consults.Work(r.Context(), id)
	if err != nil {
		return sum, k, "", err
	}
	c := finished(work)
	if c == nil {
		return sum, k, "", noPaper()
	}
	head, err := s.Clinic.Letterhead(r.Context(), c.DoctorID)
	if err != nil {
		return sum, k, "", err
	}
	at := base(r)
	k = s.wish(r, at.Visit(id.String(), "summary"), work.Record.Language)
	l := k.l
	sum = paper.Summary{Sheet: s.sheet(r, k, head, work.Record, l.T("paper.summary", "Name", work.Record.Name.Reveal()), ui.Button{Label: s.words(r).T("action.back"), Href: at.Visit(id.String(), "consultation")}),
		Vitals: paperVitals(l, work), Complaint: c.Complaint.Reveal(), Findings: c.Findings.Reveal(), Plan: c.Plan.Reveal(), Advice: c.Advice.Reveal()}
	sum.Facts = []string{l.T("paper.summary_title"), l.DateTime(c.FinishedAt)}
	for _, x := range c.Symptoms {
		sum.Symptoms = append(sum.Symptoms, page.Symptom(l, x))
	}
	for _, d := range c.Diagnoses {
		sum.Diagnoses = append(sum.Diagnoses, paper.Diagnosis{Title: d.Title.Reveal(), Code: d.Code, Note: d.Note.Reveal()})
	}
	sum.FollowUp = reviewDay(r, l, c)
	for _, a := range c.Addenda {
		sum.Addenda = append(sum.Addenda, paper.Addendum{When: l.DateTime(a.At), Who: a.Doctor, Text: a.Body.Reveal()})
	}
	return sum, k, fileName(work.Record.Number, patient.DayIn(c.FinishedAt, httpx.From(r.Context()).Clinic.Zone).Format(time.DateOnly)), nil
}

// noPaper is said where there is nothing to print.
func noPaper() error {
	return apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
}

const longestReading = 60 // bytes that stay on one line

// paperVitals are a visit's vitals as papers name them, each of which stays on
// one line.
func paperVitals(l *locale.Loc, k consultation.Work) []string {
	var out []string
	for _, f := range vitalFacts(l, k) {
		text := f.Label + " " + strings.ReplaceAll(f.Value, " · ", ", ")
		if len(text) <= longestReading { // what an older system wrote down may be longer than a line
			text = strings.ReplaceAll(text, " ", "\u00a0")
		}
		out = append(out, text)
	}
	return out
}

// reviewDay is when the patient shall come again, empty if nothing was said.
func reviewDay(r *http.Request, l *locale.Loc, c *consultation.Consultation) string {
	if c.FollowUpDays == 0 {
		return ""
	}
	return l.Day(patient.DayIn(c.FinishedAt, httpx.From(r.Context()).Clinic.Zone).AddDate(0, 0, c.FollowUpDays))
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
