// Package web is the pages' face: rows of routes, and for each a handler that
// turns a form into a struct, asks a slice, and fills a page. It decides
// nothing: rules are the slices', rights the database's, looks the page's.
// Nothing here may import the database, its driver or tenants' transactions.
package web

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/static"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Names of the cookies that those who are not signed in may set.
const (
	LangCookie  = "lang"
	ThemeCookie = "theme"
)

// Faces is what every page needs: the assets, the words and, for saying who
// may do what was refused, which role can what.
type Faces struct {
	Assets *static.Assets
	Words  *locale.Bundle
	Can    func(access.Role, access.Capability) bool
}

// Env is the rendering environment of a request: the signed-in person's own
// settings, else the cookies', else the clinic's.
func (f *Faces) Env(r *http.Request) ui.Env {
	info := httpx.From(r.Context())
	e := ui.Env{Assets: f.Assets, Theme: cookie(r, ThemeCookie)}
	var own, clinic string
	if info.Who != nil {
		own = info.Who.Lang
		e.Density, e.NoKeys = info.Who.Density, info.Who.NoKeys
		if info.Who.Theme != "" {
			e.Theme = info.Who.Theme
		}
	}
	e.Loc = f.Words.For(locale.Choose(own, cookie(r, LangCookie), ""), nil)
	if info.Clinic != nil {
		clinic = info.Clinic.Lang
		e.Loc = f.Words.For(locale.Choose(own, cookie(r, LangCookie), clinic), info.Clinic.Zone)
	}
	return e
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// Problem draws an error for httpx: a page, or for htmx a dialog over the page
// that asked, which keeps everything typed.
func (f *Faces) Problem(w http.ResponseWriter, r *http.Request, p httpx.Problem) error {
	env := f.Env(r)
	if p.Err.Code == apperr.NotFound {
		// Not there is not there: neither a person's nor a clinic's settings show.
		env = ui.Env{Assets: f.Assets, Theme: cookie(r, ThemeCookie), Loc: f.Words.For(locale.Choose("", cookie(r, LangCookie), ""), nil)}
	}
	l := env.Loc
	v := page.Problem{Status: p.Status, Title: l.Error(p.Err), Home: "/", Lang: &ui.Language{Action: "/language", Back: "/"}}
	switch p.Err.Code {
	case apperr.NotFound:
		v.Missing, v.Text = true, l.T("problem.not_found_text")
	case apperr.Forbidden:
		if who := f.rolesWith(l, p.Capability); who != "" {
			v.Text = l.T("problem.forbidden_text", "Who", who)
		}
	case apperr.Unavailable:
		if p.Err.Key == "error.migrating" {
			v.Text, v.Home = l.T("problem.migrating_text"), r.URL.RequestURI()
			if r.Method != http.MethodGet {
				v.Home = "/"
			}
			v.Retry = r.Method == http.MethodGet
			v.Lang.Back = v.Home // who reads it in another language still waits for this page
		}
		// A display asks by itself: nobody is there to close a dialog, or to ask again.
		if info := httpx.From(r.Context()); info.Route != nil && strings.Contains(info.Route.Path, "/display/") {
			if p.Fragment {
				w.Header().Set("HX-Reswap", "none")
				w.WriteHeader(p.Status)
				return nil
			}
			w.Header().Set("Refresh", w.Header().Get("Retry-After"))
		}
	case apperr.Internal:
		v.Text = l.T("problem.internal_text", "ID", p.RequestID)
	case apperr.Unauthenticated:
		v.SignIn = p.SignIn
		if wasSignedIn(r) {
			v.Title = l.T("problem.ended")
		}
		switch v.Again = again(r); {
		case p.Fragment:
			v.Text = l.T("problem.sign_in_text")
		case v.Again != nil:
			v.Text = l.T("problem.again_text")
		case r.Method == http.MethodPost:
			v.Text = l.T("problem.lost_text")
		}
	}
	ctx := ui.With(r.Context(), env)
	if p.Fragment {
		// A dialog at the end of the body whatever the request's target was.
		w.Header().Set("HX-Retarget", "body")
		w.Header().Set("HX-Reswap", "beforeend")
		return ui.Write(ctx, w, p.Status, page.ProblemDialog(v))
	}
	return ui.Write(ctx, w, p.Status, page.ProblemPage(v))
}

// wasSignedIn reports a browser that brings a session, which lives no longer if
// it is asked to sign in.
func wasSignedIn(r *http.Request) bool {
	return cookie(r, identity.CookieName) != "" || cookie(r, identity.OperatorCookie) != ""
}

// again keeps the form of a request without a session, so that nothing typed is
// lost. Passwords and files are not kept, and so neither is a form with one.
func again(r *http.Request) *page.Again {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		return nil
	}
	a := &page.Again{Action: r.URL.RequestURI()}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		if slices.Contains(httpx.Passwords, name) {
			return nil
		}
		for _, v := range r.PostForm[name] {
			a.Fields = append(a.Fields, [2]string{name, v})
		}
	}
	return a
}

// rolesWith names the roles that have a capability.
func (f *Faces) rolesWith(l *locale.Loc, c access.Capability) string {
	if c == "" {
		return ""
	}
	var names []string
	for _, r := range access.StaffRoles() {
		if f.Can(r, c) {
			names = append(names, page.RoleName(l, r))
		}
	}
	return strings.Join(names, ", ")
}

// FormErrors gives a refused form's problems, or the error itself when it is
// not one that the form can show.
func FormErrors(l *locale.Loc, err error) (ui.Errors, error) {
	var e *apperr.Error
	if errors.As(err, &e) {
		switch e.Code {
		case apperr.Invalid, apperr.Conflict, apperr.Quota:
			return ui.ErrorsOf(l, err), nil
		}
	}
	return nil, err
}
