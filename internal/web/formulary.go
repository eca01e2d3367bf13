package web

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// The clinic's lists of medicines and of tests, kept by its admin and doctors.

func (s *Site) formularyRoutes() []httpx.Route {
	row := func(method, path string, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: access.FormularyKeep, Handler: h}
	}
	return []httpx.Route{
		row(http.MethodGet, "/formulary", s.formulary),
		row(http.MethodGet, "/formulary/new", s.newMedicine),
		row(http.MethodPost, "/formulary/new", s.newMedicinePost),
		row(http.MethodGet, "/formulary/{id}", s.medicine),
		row(http.MethodPost, "/formulary/{id}", s.medicinePost),
		row(http.MethodPost, "/formulary/{id}/switch", s.switchMedicine),
		row(http.MethodGet, "/catalogue", s.catalogue),
		row(http.MethodGet, "/catalogue/new", s.newTest),
		row(http.MethodPost, "/catalogue/new", s.newTestPost),
		row(http.MethodGet, "/catalogue/{id}", s.test),
		row(http.MethodPost, "/catalogue/{id}", s.testPost),
		row(http.MethodPost, "/catalogue/{id}/switch", s.switchTest),
	}
}

// Parts of a list, as its address names them.
const (
	partOff  = "off"
	partBare = "bare"
)

func lookup(r *http.Request) prescription.Lookup {
	part := asked(r, "part")
	f := prescription.Lookup{Text: asked(r, "q"), Off: part == partOff, Bare: part == partBare, Most: pageSize}
	f.After, _ = uuid.Parse(r.URL.Query().Get("after")) // a wrong one is the beginning
	return f
}

// stock is what both lists have.
func (s *Site) stock(r *http.Request, path, title string, f prescription.Lookup, parts [][2]string) page.Stock {
	l, at := s.words(r), base(r)
	p := page.Stock{Shell: s.shell(r, "/formulary", title), Path: at.At(path), Query: f.Text, Say: s.done(r)}
	for _, t := range [][2]string{{"/formulary", l.T("formulary.title")}, {"/catalogue", l.T("formulary.tests")}} {
		p.Lists = append(p.Lists, ui.Tab{Label: t[1], NoCount: true, Href: at.At(t[0]), Current: t[0] == path})
	}
	switch {
	case f.Off:
		p.Part = partOff
	case f.Bare:
		p.Part = partBare
	}
	for _, t := range parts {
		p.Parts = append(p.Parts, ui.Tab{Label: t[1], NoCount: true, Href: at.Query(path, "part", t[0], "q", f.Text), Current: t[0] == p.Part})
	}
	return p
}

// switchPost offers an entry, or no more; part and query lead back to where it was.
func switchPost(l *locale.Loc, action, name string, active bool, version int32, part, query string) ui.Post {
	p := ui.Post{Action: action + "/switch", Hidden: [][2]string{{"version", strconv.Itoa(int(version))}, {"on", "1"}, {"part", part}, {"q", query}}, Button: ui.Button{Label: l.T("formulary.on"), Spoken: name, Small: true}}
	if active {
		p.Hidden[1][1], p.Button.Label = "0", l.T("formulary.off")
	}
	return p
}

func (s *Site) formulary(w http.ResponseWriter, r *http.Request) error {
	f := lookup(r)
	list, more, err := s.Prescriptions.Formulary(r.Context(), f)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := s.stock(r, "/formulary", l.T("formulary.title"), f, [][2]string{{"", l.T("formulary.in_use")}, {partOff, l.T("formulary.switched_off")}, {partBare, l.T("formulary.bare")}})
	p.Add = ui.Button{Label: l.T("formulary.add"), Href: at.At("/formulary/new"), Icon: "plus", Kind: "primary", Key: "N", Hot: "n"}
	p.Group, p.Standard = l.T("rx.form"), l.T("formulary.standard")
	for _, m := range list {
		href := at.At("/formulary/" + m.ID)
		days := ""
		if m.Days > 0 {
			days = l.N("formulary.days", m.Days)
		}
		p.Rows = append(p.Rows, page.StockRow{Href: href, Name: m.Name, About: otherThan(m.Generic, m.Name), Group: page.Form(l, m.Form), Starter: m.Starter,
			Standard: dots(m.Strength, m.Dose.String(), days, page.Food(l, m.Food)), Switch: switchPost(l, href, m.Name, m.Active, m.Version, p.Part, p.Query)})
	}
	if more {
		p.Next = at.Query("/formulary", "part", p.Part, "q", f.Text, "after", list[len(list)-1].ID)
	}
	return s.show(w, r, http.StatusOK, page.StockPage(p))
}

func entryOf(r *http.Request) prescription.Entry {
	return prescription.Entry{Name: text(r, "name"), Generic: text(r, "generic"), Form: text(r, "form"), Strengths: text(r, "strengths"), Strength: text(r, "strength"),
		Dose: text(r, "dose"), Days: text(r, "days"), Food: text(r, "food"), Route: text(r, "route"), Class: text(r, "class")}
}

// showMedicine draws the form; of is the entry that is changed, or none.
func (s *Site) showMedicine(w http.ResponseWriter, r *http.Request, status int, of *prescription.Listed, e prescription.Entry, errs ui.Errors) error {
	l, at := s.words(r), base(r)
	title, action := l.T("formulary.add"), at.At("/formulary/new")
	f := page.MedicineForm{Once: r.PostFormValue("_once"), V: page.MedicineValues(e), Errors: errs, Back: at.At("/formulary"), Say: s.done(r), Classes: page.MedicineClasses(l, prescription.Classes(), e.Class)}
	if f.Once == "" {
		f.Once = once()
	}
	if of != nil {
		title, action = of.Name, at.At("/formulary/"+of.ID)
		f.Version = strconv.Itoa(int(of.Version))
		post := switchPost(l, action, of.Name, of.Active, of.Version, "", "")
		post.Button.Small, f.Switch = false, &post
	}
	f.Action, f.Shell = action, s.shell(r, "/formulary", title, ui.Crumb{Label: l.T("formulary.title"), Href: at.At("/formulary")})
	f.Shell.Failed = len(errs) > 0
	return s.show(w, r, status, page.MedicinePage(f))
}

func (s *Site) newMedicine(w http.ResponseWriter, r *http.Request) error {
	return s.showMedicine(w, r, http.StatusOK, nil, prescription.Entry{Name: asked(r, "name")}, nil)
}

func (s *Site) newMedicinePost(w http.ResponseWriter, r *http.Request) error {
	e := entryOf(r)
	if err := s.Prescriptions.AddMedicine(r.Context(), formKey(r), e); err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showMedicine(w, r, http.StatusUnprocessableEntity, nil, e, errs)
	}
	return httpx.Redirect(w, r, base(r).Query("/formulary", "done", "saved", "q", e.Name))
}

func (s *Site) listedMedicine(r *http.Request) (uuid.UUID, prescription.Listed, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return id, prescription.Listed{}, err
	}
	m, err := s.Prescriptions.Listed(r.Context(), id)
	return id, m, err
}

func (s *Site) medicine(w http.ResponseWriter, r *http.Request) error {
	_, m, err := s.listedMedicine(r)
	if err != nil {
		return err
	}
	return s.showMedicine(w, r, http.StatusOK, &m, m.Entry(), nil)
}

func (s *Site) medicinePost(w http.ResponseWriter, r *http.Request) error {
	id, m, err := s.listedMedicine(r)
	if err != nil {
		return err
	}
	e := entryOf(r)
	if err := s.Prescriptions.ChangeMedicine(r.Context(), id, version(r), e); err != nil {
		errs, status, err := s.formError(r, err)
		if err != nil {
			return err
		}
		return s.showMedicine(w, r, status, &m, e, errs)
	}
	return httpx.Redirect(w, r, base(r).Query("/formulary/"+id.String(), "done", "saved"))
}

func (s *Site) switchMedicine(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Prescriptions.SwitchMedicine(r.Context(), id, version(r), r.PostFormValue("on") == "1"); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Query("/formulary", "part", text(r, "part"), "q", text(r, "q"), "done", "saved"))
}

func (s *Site) catalogue(w http.ResponseWriter, r *http.Request) error {
	f := lookup(r)
	f.Bare = false
	list, more, err := s.Prescriptions.Catalogue(r.Context(), f)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := s.stock(r, "/catalogue", l.T("formulary.tests"), f, [][2]string{{"", l.T("formulary.in_use")}, {partOff, l.T("formulary.switched_off")}})
	p.Add = ui.Button{Label: l.T("tests.add"), Href: at.At("/catalogue/new"), Icon: "plus", Kind: "primary", Key: "N", Hot: "n"}
	p.Group = l.T("documents.kind")
	for _, t := range list {
		href := at.At("/catalogue/" + t.ID.String())
		p.Rows = append(p.Rows, page.StockRow{Href: href, Name: t.Name, About: dots(t.Category, t.Code), Group: page.TestKind(l, t.Kind), Starter: t.Starter,
			Switch: switchPost(l, href, t.Name, t.Active, t.Version, p.Part, p.Query)})
	}
	if more {
		p.Next = at.Query("/catalogue", "part", p.Part, "q", f.Text, "after", list[len(list)-1].ID.String())
	}
	return s.show(w, r, http.StatusOK, page.StockPage(p))
}

func testEntry(r *http.Request) prescription.TestEntry {
	return prescription.TestEntry{Name: text(r, "name"), Kind: text(r, "kind"), Category: text(r, "category"), Code: text(r, "code")}
}

func (s *Site) showTest(w http.ResponseWriter, r *http.Request, status int, of *prescription.ListedTest, e prescription.TestEntry, errs ui.Errors) error {
	l, at := s.words(r), base(r)
	title, action := l.T("tests.add"), at.At("/catalogue/new")
	f := page.TestForm{Once: r.PostFormValue("_once"), Name: e.Name, Kind: e.Kind, Category: e.Category, Code: e.Code, Kinds: page.TestKinds(l), Errors: errs, Back: at.At("/catalogue"), Say: s.done(r)}
	if f.Once == "" {
		f.Once = once()
	}
	if of != nil {
		title, action = of.Name, at.At("/catalogue/"+of.ID.String())
		f.Version = strconv.Itoa(int(of.Version))
		post := switchPost(l, action, of.Name, of.Active, of.Version, "", "")
		post.Button.Small, f.Switch = false, &post
	}
	f.Action, f.Shell = action, s.shell(r, "/formulary", title, ui.Crumb{Label: l.T("formulary.tests"), Href: at.At("/catalogue")})
	f.Shell.Failed = len(errs) > 0
	return s.show(w, r, status, page.TestPage(f))
}

func (s *Site) newTest(w http.ResponseWriter, r *http.Request) error {
	return s.showTest(w, r, http.StatusOK, nil, prescription.TestEntry{Name: asked(r, "name"), Kind: "blood"}, nil)
}

func (s *Site) newTestPost(w http.ResponseWriter, r *http.Request) error {
	e := testEntry(r)
	if err := s.Prescriptions.AddTest(r.Context(), formKey(r), e); err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showTest(w, r, http.StatusUnprocessableEntity, nil, e, errs)
	}
	return httpx.Redirect(w, r, base(r).Query("/catalogue", "done", "saved", "q", e.Name))
}

func (s *Site) test(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	t, err := s.Prescriptions.ListedTest(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showTest(w, r, http.StatusOK, &t, t.TestEntry, nil)
}

func (s *Site) testPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	e := testEntry(r)
	err = s.Prescriptions.ChangeTest(r.Context(), id, version(r), e)
	if err == nil {
		return httpx.Redirect(w, r, base(r).Query("/catalogue/"+id.String(), "done", "saved"))
	}
	if apperr.Is(err, apperr.NotFound) {
		return err
	}
	errs, status, err := s.formError(r, err)
	if err != nil {
		return err
	}
	t, err := s.Prescriptions.ListedTest(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showTest(w, r, status, &t, e, errs)
}

func (s *Site) switchTest(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Prescriptions.SwitchTest(r.Context(), id, version(r), r.PostFormValue("on") == "1"); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Query("/catalogue", "part", text(r, "part"), "q", text(r, "q"), "done", "saved"))
}
