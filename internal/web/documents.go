package web

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

const (
	// uploadTime is enough for the largest file over a slow line.
	uploadTime = 3 * time.Minute
	// formRoom is what a form may have besides its file, and a file too many for
	// its limit, so that the form can say so.
	formRoom = 2 << 20
	// fileCSP lets a file do nothing at all, whatever is in it: it has no origin,
	// runs nothing and loads nothing.
	fileCSP = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'self'; frame-ancestors 'none'; sandbox"
)

func (s *Site) documentRoutes() []httpx.Route {
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: httpx.ClinicPath + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	add := row(http.MethodPost, "/patients/{id}/documents", access.DocumentAdd, s.documentPost)
	add.Body, add.Timeout = document.Largest+formRoom, uploadTime
	file := row(http.MethodGet, "/documents/{id}/file", access.DocumentView, s.documentFile)
	file.Timeout = uploadTime
	return []httpx.Route{
		row(http.MethodGet, "/patients/{id}/documents", access.DocumentView, s.documents), add,
		row(http.MethodGet, "/documents/{id}", access.DocumentView, s.document), file,
		row(http.MethodPost, "/documents/{id}/withdraw", access.DocumentWithdraw, s.documentWithdraw),
	}
}

func (s *Site) documents(w http.ResponseWriter, r *http.Request) error {
	return s.showDocuments(w, r, http.StatusOK, page.DocumentForm{})
}

// showDocuments draws a patient's files; f is the form as it was sent.
func (s *Site) showDocuments(w http.ResponseWriter, r *http.Request, status int, f page.DocumentForm) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	list, err := s.Documents.List(r.Context(), id, after(r), pageSize)
	if err != nil {
		return err
	}
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	p := page.Documents{Base: at, ID: id.String()}
	p.Shell = s.shell(r, "/patients", l.T("documents.title"), s.patientCrumbs(r, list.Patient)...)
	p.Shell.Failed = len(f.Errors) > 0
	if p.Banner, err = s.documentBanner(r, list.Patient); err != nil {
		return err
	}
	if list.Merged {
		p.Notices = append(p.Notices, ui.Notice{Kind: "wait", Text: l.T("patient.merged")})
	}
	if r.URL.Query().Get("kept") != "" {
		p.Notices = append(p.Notices, ui.Notice{Kind: "done", Text: l.T("documents.kept")})
	}
	for _, d := range list.Documents {
		p.Rows = append(p.Rows, documentRow(l, at, d))
	}
	if list.More {
		last := list.Documents[len(list.Documents)-1]
		p.Next = at.Query("/patients/"+id.String()+"/documents", "day", last.Uploaded.UTC().Format(time.DateOnly), "at", last.Uploaded.Format(time.RFC3339Nano), "after", last.ID.String())
	}
	if info.Can(access.DocumentAdd) && !list.Merged {
		f.Kinds = page.DocumentKinds(l)
		if f.Once == "" {
			f.Once = once()
		}
		p.Form = &f
	}
	return s.show(w, r, status, page.DocumentsPage(p))
}

// patientCrumbs lead back to whose page a document's is, as far as the reader may.
func (s *Site) patientCrumbs(r *http.Request, c patient.Card) []ui.Crumb {
	out := []ui.Crumb{{Label: s.words(r).T("nav.patients"), Href: base(r).At("/patients")}}
	if httpx.From(r.Context()).Can(access.PatientRecord) {
		out = append(out, ui.Crumb{Label: c.Name.Reveal(), Href: base(r).Patient(c.ID.String())})
	}
	return out
}

// documentBanner is the head with allergies for those who may see them.
func (s *Site) documentBanner(r *http.Request, c patient.Card) (ui.Banner, error) {
	if httpx.From(r.Context()).Can(access.PatientRecord) {
		rec, err := s.Patients.Get(r.Context(), c.ID)
		return s.banner(r, rec), err
	}
	return ui.Banner{Name: c.Name.Reveal(), Local: local(c.Local.Reveal()), Bare: true,
		Line: dots(page.SexAge(s.words(r), c.Sex, c.Birth.On(), today(r)), c.Number, c.MaskedPhone())}, nil
}

func documentRow(l *locale.Loc, at page.Base, d document.Document) page.DocumentRow {
	row := page.DocumentRow{Href: at.At("/documents/" + d.ID.String()), Title: d.Title.Reveal(), When: l.DateTime(d.Uploaded), Stamp: l.Stamp(d.Uploaded),
		About: dots(page.DocumentKind(l, d.Kind), l.Day(d.Dated), fileAbout(l, d), uploader(l, d))}
	if !d.Withdrawn.IsZero() {
		row.Withdrawn = l.T("documents.why", "Reason", d.Reason.Reveal())
	}
	return row
}

func fileAbout(l *locale.Loc, d document.Document) string {
	if d.Picture() {
		return dots(l.T("documents.picture"), l.Size(d.Bytes))
	}
	return dots("PDF", l.N("documents.pages", d.Pages), l.Size(d.Bytes))
}

func uploader(l *locale.Loc, d document.Document) string {
	if d.Uploader == "" {
		return l.T("documents.by_patient")
	}
	return d.Uploader
}

func (s *Site) documentPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	done, err := s.Documents.Admit(r.Context())
	if err != nil {
		return err
	}
	defer done()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)) // not every reader has one
	in := document.Upload{}
	in.Content, in.Filename, err = sentFile(r)
	if err == nil {
		in.Kind, in.Title, in.Dated, in.Note = text(r, "kind"), text(r, "title"), text(r, "dated"), r.PostFormValue("note")
		_, err = s.Documents.Upload(r.Context(), formKey(r), id, in)
	}
	if err == nil {
		return httpx.Redirect(w, r, base(r).Query("/patients/"+id.String()+"/documents", "kept", "1"))
	}
	form := page.DocumentForm{Once: r.PostFormValue("_once"), Kind: in.Kind, Title: in.Title, Dated: in.Dated, Note: in.Note}
	if form.Errors, err = FormErrors(s.words(r), err); err != nil {
		return err
	}
	return s.showDocuments(w, r, http.StatusUnprocessableEntity, form)
}

// sentFile reads the form's file at once; a form of this size stays in memory,
// so nothing is written to a disk in the clear.
func sentFile(r *http.Request) (content []byte, name string, err error) {
	f, head, err := r.FormFile("file")
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, "", document.TooLarge()
	case errors.Is(err, http.ErrMissingFile), errors.Is(err, http.ErrNotMultipart):
		return nil, "", nil
	case err != nil:
		return nil, "", apperr.Wrap(apperr.Invalid, "error.problem", "There is a problem", err)
	}
	defer f.Close()
	if head.Size > document.Largest {
		return nil, "", document.TooLarge()
	}
	content = make([]byte, head.Size)
	_, err = io.ReadFull(f, content)
	return content, head.Filename, err
}

func (s *Site) document(w http.ResponseWriter, r *http.Request) error {
	return s.showDocument(w, r, http.StatusOK, nil)
}

func (s *Site) showDocument(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	d, card, err := s.Documents.Get(r.Context(), id)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	crumbs := append(s.patientCrumbs(r, card), ui.Crumb{Label: l.T("documents.title"), Href: at.Patient(card.ID.String()) + "/documents"})
	p := page.Document{Base: at, Title: d.Title.Reveal(), File: at.At("/documents/" + id.String() + "/file"), Picture: d.Picture(), Shell: s.shell(r, "/patients", d.Title.Reveal(), crumbs...)}
	p.Shell.Failed = len(errs) > 0
	if p.Banner, err = s.documentBanner(r, card); err != nil {
		return err
	}
	p.Facts = []ui.Fact{
		{Label: l.T("documents.kind"), Value: page.DocumentKind(l, d.Kind)}, {Label: l.T("documents.dated"), Value: l.Day(d.Dated)},
		{Label: l.T("documents.file"), Value: fileAbout(l, d)}, {Label: l.T("visit.note"), Value: d.Note.Reveal()},
		{Label: l.T("documents.uploaded"), Value: dots(l.DateTime(d.Uploaded), uploader(l, d))},
	}
	switch {
	case !d.Withdrawn.IsZero():
		p.Withdrawn = &ui.Notice{Kind: "wait", Text: dots(l.T("documents.withdrawn"), l.T("documents.why", "Reason", d.Reason.Reveal()), d.Withdrawer, l.DateTime(d.Withdrawn))}
	case httpx.From(r.Context()).Can(access.DocumentWithdraw):
		p.Withdraw = &page.DocumentWithdraw{Action: at.At("/documents/" + id.String() + "/withdraw"), Reason: r.PostFormValue("reason"), Errors: errs}
	}
	return s.show(w, r, status, page.DocumentPage(p))
}

// documentFile gives the file itself, to look at or to keep.
func (s *Site) documentFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	d, content, err := s.Documents.Open(r.Context(), id)
	if err != nil {
		return err
	}
	defer content.Close()
	// A file that does not open here fails before anything is said of it.
	from := bufio.NewReaderSize(content, 64<<10)
	if _, err := from.Peek(1); err != nil {
		return err
	}
	how := "inline"
	if r.URL.Query().Get("download") != "" {
		how = "attachment"
	}
	h := w.Header()
	h.Set("Content-Type", d.Media)
	h.Set("Content-Length", strconv.FormatInt(d.Bytes, 10))
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": d.Filename(httpx.From(r.Context()).Clinic.Zone)}))
	h.Set("Content-Security-Policy", fileCSP)
	h.Set("Cache-Control", "no-store")
	// What is sent less than was announced is told as cut by the connection.
	_, err = io.Copy(w, from)
	return err
}

func (s *Site) documentWithdraw(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Documents.Withdraw(r.Context(), id, r.PostFormValue("reason")); err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showDocument(w, r, http.StatusUnprocessableEntity, errs)
	}
	return httpx.Redirect(w, r, base(r).At("/documents/"+id.String()))
}
