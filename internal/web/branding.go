package web

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/brand"
	"github.com/cloister-health/cloister/internal/web/page"
)

// previewCSS is the stylesheet of a colour that is only being tried.
func (s *Site) previewCSS(w http.ResponseWriter, r *http.Request) error {
	css := ""
	if rgb, err := brand.Parse(r.URL.Query().Get("colour")); err == nil {
		css = brand.Make(rgb).CSS()
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, err := io.WriteString(w, css)
	return err
}

// brandValues are a colour and what becomes of it.
func brandValues(b page.Base, color string) *page.BrandValues {
	v := &page.BrandValues{Colour: color}
	c, ok := clinic.ReadColor(color)
	rgb, err := brand.Parse(c)
	if !ok || c == "" || err != nil {
		return v
	}
	p := brand.Make(rgb)
	v.Colour, v.Used, v.Changed, v.Clash, v.CSS = c, p.Light.Brand.String(), p.Changed, p.Clash, b.Query("/settings/branding/preview.css", "colour", strings.TrimPrefix(c, "#"))
	return v
}

func (s *Site) branding(w http.ResponseWriter, r *http.Request) error {
	p, err := s.brandingPage(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.SettingsPage(p))
}

func (s *Site) brandingPage(r *http.Request) (page.Settings, error) {
	f, err := s.Clinic.Facts(r.Context())
	p := s.settingsPage(r, "branding", f.Version)
	p.Brand = brandValues(p.Base, f.BrandColor)
	if f.HasLogo {
		p.Brand.Logo = p.Shell.Clinic.Logo
	}
	return p, err
}

func (s *Site) brandingPreview(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, page.BrandPreview(*brandValues(base(r), r.URL.Query().Get("colour"))))
}

func (s *Site) brandingPost(w http.ResponseWriter, r *http.Request) error {
	file, err := upload(r, "logo")
	if err != nil {
		return err
	}
	in := clinic.Look{Color: text(r, "colour"), Logo: file, NoLogo: r.PostFormValue("then") == "no-logo", Version: version(r)}
	var cause error
	if r.PostFormValue("then") != "preview" {
		if cause = s.Clinic.SaveLook(r.Context(), in); cause == nil {
			return httpx.Redirect(w, r, base(r).Query("/settings/branding", "done", "saved"))
		}
	}
	p, err := s.brandingPage(r)
	if err != nil {
		return err
	}
	logo, now := p.Brand.Logo, p.Brand.Colour
	p.Brand = brandValues(p.Base, in.Color)
	p.Brand.Logo = logo
	if cause == nil {
		p.Version = strconv.Itoa(int(in.Version))
		return s.show(w, r, http.StatusOK, page.SettingsPage(p))
	}
	status, err := s.settingsRefused(r, &p, cause)
	if err != nil {
		return err
	}
	if apperr.Is(cause, apperr.Stale) {
		p.Stale = differences([][3]string{{s.words(r).T("settings.colour"), in.Color, now}})
	}
	return s.show(w, r, status, page.SettingsPage(p))
}

// upload reads one file of a form, nil when none was chosen.
func upload(r *http.Request, name string) ([]byte, error) {
	f, head, err := r.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if head.Size == 0 && head.Filename == "" {
		return nil, nil
	}
	return io.ReadAll(f)
}

// logo serves the clinic's logo to anybody at its door.
func (s *Site) logo(w http.ResponseWriter, r *http.Request) error {
	info := httpx.From(r.Context())
	b, err := s.Clinic.Logo(r.Context(), info.Clinic)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	if h.Set("Cache-Control", "private, max-age=300"); r.URL.Query().Get("v") == info.Clinic.Brand.LogoHash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, err = w.Write(b)
	return err
}
