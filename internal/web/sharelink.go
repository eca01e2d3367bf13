package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// What whoever opens a link meets: its question, then the prescription for a
// quarter of an hour, and a page that says why when the link works no more.

// shareCookie holds the pass of an opening; it goes to the link's own address
// only.
const shareCookie = "cloister_share"

// sharing is a request at a link.
type sharing struct {
	r     *http.Request
	token string
	path  string // the link's own
	look  share.Look
}

// sharingOf looks at a link; what it answers is kept by no cache, no index and no
// other site. The page speaks the patient's language unless the browser chose one.
func (s *Site) sharingOf(w http.ResponseWriter, r *http.Request) (sharing, error) {
	h := w.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	h.Set("Cache-Control", "no-store")
	token := mux.Vars(r)["token"]
	at := sharing{r: r, token: token, path: base(r).At("/s/" + token)}
	var err error
	if at.look, err = s.Shares.Look(r.Context(), visitor(r), token); err != nil {
		return at, err
	}
	if !locale.Known(cookie(r, LangCookie)) && locale.Known(at.look.Language) {
		at.r = r.Clone(r.Context())
		at.r.AddCookie(&http.Cookie{Name: LangCookie, Value: at.look.Language})
	}
	return at, nil
}

func visitor(r *http.Request) share.Visitor {
	info := httpx.From(r.Context())
	return share.Visitor{Clinic: info.Clinic, RequestID: info.RequestID, Address: info.Address}
}

func (s *Site) shared(w http.ResponseWriter, r *http.Request) error {
	at, err := s.sharingOf(w, r)
	if err != nil {
		return err
	}
	if at.look.State != share.Open {
		return s.sharedOver(w, at)
	}
	doc, err := s.Shares.Read(r.Context(), visitor(r), at.token, cookie(r, shareCookie), false)
	if share.NotOpen(err) {
		return s.askShared(w, at, http.StatusOK, "")
	}
	if err != nil {
		return err
	}
	return s.show(w, at.r, http.StatusOK, page.SharedPage(s.sharedPage(at, doc)))
}

// askShared draws the link's question; wrong says what was wrong with the answer.
// Its title stands in previews of messages, so it tells nothing.
func (s *Site) askShared(w http.ResponseWriter, at sharing, status int, wrong string) error {
	l := s.words(at.r)
	p := page.ShareAsk{Frame: s.plain(at.r, l.T("share.ask_title")), Action: at.path, Wrong: wrong}
	p.Frame.Failed = wrong != ""
	return s.show(w, at.r, status, page.ShareAskPage(p))
}

// sharedOver says that the link works no more, and why.
func (s *Site) sharedOver(w http.ResponseWriter, at sharing) error {
	l := s.words(at.r)
	why := l.T("share.over_expired")
	switch at.look.State {
	case share.Revoked:
		why = l.T("share.over_revoked")
	case share.Withdrawn:
		why = l.T("share.over_withdrawn")
	case share.Locked:
		why = l.T("share.over_locked")
	}
	return s.show(w, at.r, http.StatusGone, page.ShareOverPage(s.plain(at.r, l.T("share.over_title")), why))
}

// sharedPost takes the answer. One that is no four digits is a slip and counts for
// nothing.
func (s *Site) sharedPost(w http.ResponseWriter, r *http.Request) error {
	at, err := s.sharingOf(w, r)
	if err != nil {
		return err
	}
	if at.look.State != share.Open {
		return s.sharedOver(w, at)
	}
	l, answer := s.words(at.r), r.PostFormValue("answer")
	if share.Answer(answer) == "" {
		return s.askShared(w, at, http.StatusUnprocessableEntity, l.T("share.four"))
	}
	opening, look, err := s.Shares.Try(r.Context(), visitor(r), at.token, answer)
	if err != nil {
		return err
	}
	switch look.State {
	case share.Open:
		http.SetCookie(w, &http.Cookie{Name: shareCookie, Value: opening.Pass, Path: at.path, Expires: opening.Until, MaxAge: int(time.Until(opening.Until) / time.Second),
			HttpOnly: true, Secure: strings.HasPrefix(s.origin(r), "https:"), SameSite: http.SameSiteLaxMode})
		return httpx.Redirect(w, r, at.path)
	case share.Wrong:
		return s.askShared(w, at, http.StatusUnprocessableEntity, l.N("share.wrong", look.TriesLeft))
	}
	at.look = look
	return s.sharedOver(w, at)
}

func (s *Site) sharedPDF(w http.ResponseWriter, r *http.Request) error {
	at, err := s.sharingOf(w, r)
	if err != nil {
		return err
	}
	if at.look.State != share.Open {
		return s.sharedOver(w, at)
	}
	if err := s.Print.Available(); err != nil {
		return err
	}
	doc, err := s.Shares.Read(r.Context(), visitor(r), at.token, cookie(r, shareCookie), true)
	if share.NotOpen(err) {
		return httpx.Redirect(w, r, at.path)
	}
	if err != nil {
		return err
	}
	p, k := s.sharedPaper(at, doc)
	return s.pdf(w, at.r, s.env(at.r, k), paper.PrescriptionPage(p), fileName(doc.Number))
}

func sharedRecord(doc share.Paper) patient.Record {
	day := func(text string) *time.Time {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil
		}
		return &t
	}
	p := doc.Patient
	out := patient.Record{Allergies: p.Allergies, NoKnownAllergies: p.NoneKnown}
	out.Name, out.Local, out.Number, out.Sex = p.Name, p.LocalName, p.Number, p.Sex
	out.Birth = patient.BirthOf(day(p.BirthDate), p.AgeYears, p.AgeMonths, day(p.AgeToldOn))
	return out
}

func sharedLine(x share.Line) prescription.Line {
	return prescription.Line{Medicine: x.Medicine, Generic: x.Generic, Form: x.Form, Strength: x.Strength, Days: x.Days, Quantity: x.Quantity, Food: x.Food, Route: x.Route,
		Instructions: x.Instructions, Refills: x.Refills, Dose: prescription.Dose{Morning: x.Morning, Afternoon: x.Afternoon, Evening: x.Evening, Night: x.Night, SOS: x.SOS}}
}

// sharedPage is the prescription for a phone.
func (s *Site) sharedPage(at sharing, doc share.Paper) page.Shared {
	l, who := s.words(at.r), sharedRecord(doc)
	c := doc.Clinic
	p := page.Shared{Frame: s.plain(at.r, l.T("rx.number", "Number", doc.Number)), Number: doc.Number, When: l.DateTime(doc.Issued), Name: who.Name.Reveal(), Local: local(who.Local.Reveal()),
		By: dots(page.SexAge(l, who.Sex, who.Birth.On(), today(at.r)), who.Number), Allergies: who.Allergies.Reveal(), NoneKnown: who.NoKnownAllergies,
		Doctor: doctorName(l, doc.Doctor.Name), DoctorLine: dots(doc.Doctor.Qualification, licence(l, doc.Doctor.Licence)), Clinic: joined(", ", c.Address, strings.TrimSpace(c.City+" "+c.PIN)),
		Until: l.T("share.until", "Time", l.DateTime(doc.Expires)), PDF: at.path + "/pdf"}
	if err := s.Print.Available(); err != nil {
		p.PDF = ""
	}
	if c.Phone != "" {
		p.Call = ui.Button{Label: l.T("share.call", "Phone", patient.SpacedPhone(c.Phone)), Href: "tel:" + c.Phone}
	}
	for _, x := range doc.Lines {
		p.Lines = append(p.Lines, sharedMedicine(l, x))
	}
	for _, t := range doc.Tests {
		p.Tests = append(p.Tests, page.TestAsked{Name: t.Name.Reveal(), Note: t.Note.Reveal(), Stat: t.Stat})
	}
	if n := doc.Notes; n != nil {
		p.Advice, p.Review = n.Advice.Reveal(), reviewDay(at.r, l, sharedNotes(n))
	}
	if c.StoreName != "" {
		p.Store = dots(c.StoreName, c.StoreAddress, patient.SpacedPhone(c.StorePhone))
	}
	return p
}

// sharedMedicine says a dose in words too: a patient need not know how doctors
// write one.
func sharedMedicine(l *locale.Loc, x share.Line) page.SharedLine {
	line := rxLines(wish{l: l}, []prescription.Line{sharedLine(x)})[0]
	out := page.SharedLine{Name: line.Name, Generic: line.Detail, Food: page.Food(l, x.Food), Note: line.Special}
	if x.Days > 0 {
		out.Days = l.N("share.for_days", x.Days)
	}
	if x.SOS {
		out.If = l.T("share.if_needed")
	}
	times := []string{l.T("share.morning"), l.T("share.noon"), l.T("share.night")}
	if x.Evening > 0 {
		times = []string{l.T("share.morning"), l.T("share.noon"), l.T("share.evening"), l.T("share.night")}
	}
	if amounts := strings.Split(line.Dose, "-"); len(amounts) == len(times) {
		for i, t := range times {
			out.Times = append(out.Times, page.SharedTime{Label: t, Amount: amounts[i], None: amounts[i] == "0"})
		}
	}
	return out
}

// sharedPaper is the prescription as it is printed for everybody else. The file
// goes to who has no paper with the clinic's head on it, so it always has one.
func (s *Site) sharedPaper(at sharing, doc share.Paper) (paper.Prescription, wish) {
	c := doc.Clinic
	head := clinic.Letterhead{Signer: clinic.Signer{Name: doc.Doctor.Name, LocalName: doc.Doctor.LocalName, Qualification: doc.Doctor.Qualification, Licence: doc.Doctor.Licence},
		Facts: clinic.Facts{Name: c.Name, LocalName: c.LocalName, Registration: c.Registration, Address: c.Address, City: c.City, PIN: c.PIN, Phone: c.Phone, Email: c.Email,
			StoreName: c.StoreName, StoreAddress: c.StoreAddress, StorePhone: c.StorePhone}}
	k := s.wish(at.r, at.path, s.words(at.r).Lang())
	var lines []prescription.Line
	for _, x := range doc.Lines {
		lines = append(lines, sharedLine(x))
	}
	out := paper.Prescription{Sheet: s.sheet(at.r, k, head, sharedRecord(doc), k.l.T("rx.number", "Number", doc.Number), ui.Button{}), Lines: rxLines(k, lines), Store: store(head.Facts)}
	out.Head.Titles = signerTitles(k.l, prescription.Prescription{Qualification: doc.Doctor.Qualification, Specialty: doc.Doctor.Specialty, Licence: doc.Doctor.Licence})
	v := doc.Vitals
	out.Vitals = paperVitals(k.l, consultation.Work{Record: sharedRecord(doc), Now: doc.Issued, Vitals: consultation.Vitals{Systolic: v.Systolic, Diastolic: v.Diastolic, Pulse: v.Pulse,
		Temperature: v.Temperature, Unit: v.Unit, Respiration: v.Respiration, SpO2: v.SpO2, Sugar: v.Sugar, SugarKind: v.SugarKind, WeightGrams: v.WeightGrams, HeightMM: v.HeightMM}})
	out.Check = base(at.r).At("/verify/" + s.Verifier.Code(httpx.From(at.r.Context()).Clinic.ID, doc.ID) + "/qr.png")
	out.Head.Blank, out.Foot = false, doseOrder(k.l, lines)
	out.Facts = []string{doc.Number, k.l.DateTime(doc.Issued)}
	for _, t := range doc.Tests {
		out.Tests = append(out.Tests, testInLine(k.l, sharedTest(t)))
	}
	if n := doc.Notes; n != nil {
		notes := sharedNotes(n)
		out.Diagnosis, out.Complaint, out.Findings = diagnoses(notes), n.Complaint.Reveal(), n.Findings.Reveal()
		out.Advice, out.Review = written(n.Advice.Reveal(), k.l), reviewDay(at.r, k.l, notes)
	}
	return out, k
}

func sharedTest(t share.Test) prescription.Request {
	out := prescription.Request{Name: t.Name, Note: t.Note}
	if t.Stat {
		out.Urgency = "stat"
	}
	return out
}

func sharedNotes(n *share.Notes) *consultation.Consultation {
	out := &consultation.Consultation{Complaint: n.Complaint, Findings: n.Findings, Advice: n.Advice, FollowUpDays: n.FollowUpDays, FinishedAt: n.Finished}
	for _, d := range n.Diagnoses {
		out.Diagnoses = append(out.Diagnoses, consultation.Noted{Code: d.Code, Title: d.Title})
	}
	return out
}
