package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/brand"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) homeRoutes() []httpx.Route {
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/", Gate: httpx.Public, Handler: s.home},
		{Method: http.MethodGet, Path: httpx.ClinicPath + "/brand.css", Gate: httpx.Visitor, Closed: true, Handler: s.brandCSS},
	}
}

// Found is a clinic as the finder shows it: nothing but what leads to its door.
type Found struct{ Slug, Name, City string }

// finder looks for clinics by a part of their name or city.
type finder func(ctx context.Context, fragment string, atMost int) ([]Found, error)

// shortest is the fewest letters that the finder looks for.
const shortest = 2

// home is the product's page with the clinic finder: names and cities only.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	l := s.words(r)
	h := page.Home{Plain: s.plain(r, l.T("product.name")), Query: strings.TrimSpace(asked(r, "q"))}
	h.Plain.Clinic.Name, h.Plain.Wide = l.T("product.name"), true
	if len([]rune(h.Query)) >= shortest && len(h.Query) <= 100 {
		found, err := s.Find(r.Context(), h.Query, 20)
		if err != nil {
			return err
		}
		for _, c := range found {
			h.Clinics = append(h.Clinics, page.FoundClinic{Name: c.Name, City: c.City, Href: "/clinic/" + c.Slug + "/login"})
		}
	}
	return s.show(w, r, http.StatusOK, page.HomePage(h))
}

// brandCSS is the clinic's colour, corrected until it reads in both themes.
// Its address carries the colour, so it may be kept.
func (s *Site) brandCSS(w http.ResponseWriter, r *http.Request) error {
	c := httpx.From(r.Context()).Clinic
	css := ""
	if rgb, err := brand.Parse(c.Brand.Color); err == nil {
		css = brand.Make(rgb).CSS()
	}
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	if r.FormValue("v") != "" {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, err := w.Write([]byte(css))
	return err
}

// Shut is what a suspended or expired clinic's admin sees on every page.
func (s *Site) Shut(w http.ResponseWriter, r *http.Request) error {
	info := httpx.From(r.Context())
	expired := info.Clinic.Status == "expired"
	title := "shut.suspended"
	if expired {
		title = "shut.expired"
	}
	l := s.words(r)
	v := page.Shut{Plain: s.plain(r, l.T(title)), Expired: expired, Reason: info.Clinic.StatusReason, SignOut: base(r).At("/logout")}
	return ui.Write(ui.With(r.Context(), s.Env(r)), w, http.StatusForbidden, page.ShutPage(v))
}
