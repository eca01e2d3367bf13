package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// show renders a page with the request's environment.
func (f *Faces) show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	return ui.Write(ui.With(r.Context(), f.Env(r)), w, status, c)
}

// base is the root of the request's clinic.
func base(r *http.Request) page.Base {
	return page.Base("/clinic/" + httpx.From(r.Context()).Clinic.Slug)
}

// deadlineForm is how a page's script reads the end of the session.
const deadlineForm = time.RFC3339

// product stands where a clinic's name would, on the service's own pages.
const product = "Cloister"

// clinic is the request's clinic as every page's head shows it.
func (f *Faces) clinic(r *http.Request) ui.Clinic {
	c := httpx.From(r.Context()).Clinic
	if c == nil {
		return ui.Clinic{Name: product, Home: "/"}
	}
	b := base(r)
	out := ui.Clinic{Name: c.Name, Local: local(c.LocalName), Home: string(b)}
	if c.Brand.HasLogo {
		out.Logo = b.Query("/logo", "v", c.Brand.LogoHash)
	}
	if c.Brand.Color != "" {
		out.BrandCSS = b.Query("/brand.css", "v", strings.TrimPrefix(c.Brand.Color, "#"))
	}
	return out
}

// local is text in the local script; Devanagari is all that clinics write so far.
func local(text string) ui.Words {
	if text == "" {
		return ui.Words{}
	}
	return ui.Words{Text: text, Lang: "mr"}
}

// shell is the frame of a signed-in page. area is the path of the part of the
// navigation that the page belongs to; trail is the breadcrumb below the clinic.
func (f *Faces) shell(r *http.Request, area, title string, trail ...ui.Crumb) ui.Shell {
	info := httpx.From(r.Context())
	l := f.Env(r).Loc
	b := base(r)
	s := ui.Shell{
		Title: title, Clinic: f.clinic(r), Nav: page.Nav(l, b, info.Can, area),
		Crumbs:  append([]ui.Crumb{{Label: info.Clinic.Name, Href: string(b)}}, trail...),
		Account: page.AccountLinks(l, b), SignOut: b.At("/logout"),
	}
	s.Crumbs = append(s.Crumbs, ui.Crumb{Label: title})
	if who := info.Who; who != nil {
		s.User = ui.User{Name: who.Actor.Name, Role: page.RoleName(l, who.Actor.Role)}
		if !who.Deadline.IsZero() {
			s.Deadline = who.Deadline.UTC().Format(deadlineForm)
		}
	}
	if info.Can(access.PatientView) {
		s.Search = b.At("/patients")
	}
	if info.Can(access.CheckIn) {
		s.CheckIn = b.At("/check-in")
	}
	return s
}

// plain is the frame of a page without navigation.
func (f *Faces) plain(r *http.Request, title string) ui.Plain {
	return ui.Plain{Title: title, Clinic: f.clinic(r), Lang: &ui.Language{Action: "/language", Back: r.URL.Path}}
}

// words is the request's language.
func (f *Faces) words(r *http.Request) *locale.Loc { return f.Env(r).Loc }

// pathID reads an id from the address. What is no id is not found, like an id
// that nobody has.
func pathID(r *http.Request, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(mux.Vars(r)[name])
	if err != nil {
		return uuid.Nil, apperr.Wrap(apperr.NotFound, "error.not_found", "This page does not exist", err)
	}
	return id, nil
}

// once is the key of a rendered form: the same form sent twice is done once.
func once() string { return uuid.Must(uuid.NewV7()).String() }

// formKey reads the form's key; a form without one gets a key of its own.
func formKey(r *http.Request) uuid.UUID {
	id, err := uuid.Parse(r.PostFormValue("_once"))
	if err != nil {
		return uuid.Must(uuid.NewV7())
	}
	return id
}
