package web

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// rxWork is what a page with the builder alone is about.
type rxWork struct {
	visit  uuid.UUID
	of     uuid.UUID // the prescription that is corrected
	number string    // its
	reason string
	sheet  prescription.Sheet
	once   string
	errs   ui.Errors
}

func (s *Site) prescribe(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.showRxForm(w, r, http.StatusOK, rxWork{visit: id})
}

func (s *Site) prescribePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.rxFormPost(w, r, rxWork{visit: id})
}

func (s *Site) correct(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rx, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showRxForm(w, r, http.StatusOK, rxWork{visit: rx.VisitID, of: id, number: rx.Number, sheet: rx.Sheet()})
}

func (s *Site) correctPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rx, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return s.rxFormPost(w, r, rxWork{visit: rx.VisitID, of: id, number: rx.Number})
}

// rxFormPost issues, or does to the rows what a button without script says.
func (s *Site) rxFormPost(w http.ResponseWriter, r *http.Request, k rxWork) error {
	k.sheet, k.reason, k.once = sheetOf(r), r.PostFormValue("reason"), formKey(r).String()
	if do := r.PostFormValue("rx_do"); do != "" {
		c, err := s.Consults.Work(r.Context(), k.visit)
		if err != nil {
			return err
		}
		rev, err := s.Prescriptions.Apply(r.Context(), c.Record.ID, k.sheet, do)
		if err != nil {
			return err
		}
		k.sheet = rev.Sheet
		return s.showRxForm(w, r, http.StatusOK, k)
	}
	id, err := s.Prescriptions.Issue(r.Context(), formKey(r), k.visit, k.of, k.reason, k.sheet)
	if apperr.Is(err, apperr.Invalid) {
		k.errs = ui.ErrorsOf(s.words(r), err)
		return s.showRxForm(w, r, http.StatusUnprocessableEntity, k)
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/prescriptions/"+id.String()+"/print?now=1"))
}

func (s *Site) showRxForm(w http.ResponseWriter, r *http.Request, status int, k rxWork) error {
	c, err := s.Consults.Work(r.Context(), k.visit)
	if err != nil {
		return err
	}
	rx, err := s.rxPanel(r, c.Record.ID, k.sheet, k.errs)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	action := at.Visit(k.visit.String(), "prescribe")
	title, back := l.T("rx.new", "Name", c.Record.Name.Reveal()), at.Visit(k.visit.String(), "consultation")
	if k.of != uuid.Nil {
		action, back = at.At("/prescriptions/"+k.of.String()+"/correct"), at.At("/prescriptions/"+k.of.String()+"/print")
		title = l.T("rx.correcting", "Number", k.number)
	}
	rx.Act, rx.Repeat = action, k.of == uuid.Nil
	banner := s.visitBanner(r, c)
	p := page.RxForm{Shell: s.shell(r, "/my-queue", title, ui.Crumb{Label: l.T("nav.my_queue"), Href: at.At("/my-queue")}), Base: at, Banner: &banner, Action: action, Once: k.once,
		Rx: rx, Errors: k.errs, Submit: l.T("rx.issue"), Back: back}
	if p.Once == "" {
		p.Once = once()
	}
	p.Shell.Failed = len(k.errs) > 0
	if k.of != uuid.Nil {
		p.Reason = &ui.Field{ID: "cons-reason", Name: "reason", Label: l.T("rx.correct_reason"), Value: k.reason, Max: 300, Error: k.errs.For("reason")}
	}
	return s.show(w, r, status, page.RxFormPage(p))
}

func (s *Site) templates(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Prescriptions.Templates(r.Context(), "", 0)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := page.TemplatesPage{Shell: s.shell(r, "/templates", l.T("nav.templates")), New: at.At("/templates/new")}
	for _, t := range all {
		row := page.TemplateRow{Name: t.Name, Keyword: t.Keyword, Medicines: dots(t.Description, sheetNames(t.Sheet)), Shared: t.Shared, Doctor: t.Doctor}
		if t.Retired {
			row.Status = ui.Inactive
		}
		if t.Mine {
			row.Href = at.At("/templates/" + t.ID.String())
			row.Delete = &ui.Post{Action: row.Href + "/delete", Button: ui.Button{Label: l.T("template.delete"), Spoken: t.Name, Small: true}}
		}
		p.Rows = append(p.Rows, row)
	}
	return s.show(w, r, http.StatusOK, page.Templates(p))
}

func (s *Site) newTemplate(w http.ResponseWriter, r *http.Request) error {
	return s.showTemplate(w, r, http.StatusOK, prescription.Template{}, nil)
}

func (s *Site) template(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	t, err := s.Prescriptions.Template(r.Context(), id)
	if err != nil {
		return err
	}
	return s.showTemplate(w, r, http.StatusOK, t, nil)
}

func (s *Site) newTemplatePost(w http.ResponseWriter, r *http.Request) error {
	return s.saveTemplate(w, r, uuid.Nil)
}

func (s *Site) templatePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	return s.saveTemplate(w, r, id)
}

// saveTemplate keeps a template, or does to its rows what a button says.
func (s *Site) saveTemplate(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	if id != uuid.Nil { // one that is not there is not found, whatever was sent
		if _, err := s.Prescriptions.Template(r.Context(), id); err != nil {
			return err
		}
	}
	t := prescription.Template{ID: id, Name: r.PostFormValue("template_name"), Keyword: r.PostFormValue("template_keyword"), Shared: r.PostFormValue("template_shared") != "",
		Version: version(r), Sheet: sheetOf(r)}
	if do := r.PostFormValue("rx_do"); do != "" {
		rev, err := s.Prescriptions.Apply(r.Context(), uuid.Nil, t.Sheet, do)
		if err != nil {
			return err
		}
		t.Sheet = rev.Sheet
		return s.showTemplate(w, r, http.StatusOK, t, nil)
	}
	_, err := s.Prescriptions.SaveTemplate(r.Context(), t)
	if apperr.Is(err, apperr.Invalid) {
		return s.showTemplate(w, r, http.StatusUnprocessableEntity, t, ui.ErrorsOf(s.words(r), err))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/templates"))
}

func (s *Site) showTemplate(w http.ResponseWriter, r *http.Request, status int, t prescription.Template, errs ui.Errors) error {
	rx, err := s.rxPanel(r, uuid.Nil, t.Sheet, errs)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	action, title := at.At("/templates/new"), l.T("template.new")
	if t.ID != uuid.Nil {
		action, title = at.At("/templates/"+t.ID.String()), t.Name
	}
	rx.Act, rx.Templates = action, nil
	p := page.RxForm{Shell: s.shell(r, "/templates", title, ui.Crumb{Label: l.T("nav.templates"), Href: at.At("/templates")}), Base: at, Action: action, Once: once(),
		Version: strconv.Itoa(int(t.Version)), Rx: rx, Errors: errs, Submit: l.T("template.save"), Back: at.At("/templates"),
		Name:    &ui.Field{ID: "cons-name", Name: "template_name", Label: l.T("template.name"), Value: t.Name, Max: 100, Error: errs.For("name")},
		Keyword: &ui.Field{ID: "cons-keyword", Name: "template_keyword", Label: l.T("template.keyword"), Hint: l.T("template.keyword_hint"), Value: t.Keyword, Max: 30, Optional: true, Error: errs.For("keyword")},
		Shared:  &ui.Check{ID: "cons-shared", Name: "template_shared", Label: l.T("template.share"), On: t.Shared}}
	p.Shell.Failed = len(errs) > 0
	return s.show(w, r, status, page.RxFormPage(p))
}

func (s *Site) templateDelete(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Prescriptions.DeleteTemplate(r.Context(), id); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/templates"))
}
