package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/tenants"
)

// Site is every page of the service over the slices that it shows. Each area
// has a file of its own with its rows and handlers.
type Site struct {
	*Faces
	Find   finder // of clinics, for the home page
	People *identity.Service
}

// Routes are the rows of every page.
func (s *Site) Routes() []httpx.Route {
	return slices.Concat(s.commonRoutes(), s.homeRoutes(), s.signInRoutes())
}

func (s *Site) commonRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: httpx.ClinicPath, Gate: httpx.Member, Handler: s.door},
		{Method: http.MethodPost, Path: "/language", Gate: httpx.Public, Handler: s.chooseLanguage},
	}
}

// door leads to the first area of the person's navigation.
func (s *Site) door(w http.ResponseWriter, r *http.Request) error {
	info := httpx.From(r.Context())
	b := base(r)
	for _, item := range page.Nav(s.words(r), b, info.Can, "") {
		return httpx.Redirect(w, r, item.Href)
	}
	return httpx.Redirect(w, r, b.At("/account"))
}

// chooseLanguage keeps the language of somebody who is not signed in.
func (s *Site) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	if lang := r.PostFormValue("lang"); locale.Known(lang) {
		http.SetCookie(w, &http.Cookie{Name: LangCookie, Value: lang, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return httpx.Redirect(w, r, httpx.SafeNext(r.PostFormValue("back"), "/"))
}

// Session finds the person of a request at a clinic, for httpx.
func (s *Site) Session(_ http.ResponseWriter, r *http.Request, c *tenants.Clinic) (*httpx.Who, error) {
	info := httpx.From(r.Context())
	ses, ok, err := s.People.Enter(r, tenants.Scope{Clinic: c, RequestID: info.RequestID, Address: info.Address})
	if err != nil || !ok {
		return nil, err
	}
	sc := ses.In(tenants.Scope{Clinic: c})
	return &httpx.Who{Actor: sc.Actor, Session: ses.ID, Deadline: ses.EndsAt(), Lang: ses.Language, Theme: ses.Theme, Density: ses.Density, NoKeys: !ses.SingleKeys}, nil
}

// Operator finds the operator of a request, for httpx.
func (s *Site) Operator(_ http.ResponseWriter, r *http.Request) (*httpx.Who, error) {
	info := httpx.From(r.Context())
	o, ok, err := s.People.EnterPlatform(r, tenants.Scope{RequestID: info.RequestID, Address: info.Address})
	if err != nil || !ok {
		return nil, err
	}
	return &httpx.Who{Actor: o.In(tenants.Scope{}).Actor, Session: o.ID, Deadline: o.EndsAt(), Lang: o.Language, Theme: o.Theme}, nil
}
