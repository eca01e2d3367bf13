package web

import (
	"net/http"
	"strings"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Token slips: what the desk prints for who checks in.

func (s *Site) slip(w http.ResponseWriter, r *http.Request) error {
	p, err := s.visitSlip(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page.SlipPage(p))
}

func (s *Site) slipPDF(w http.ResponseWriter, r *http.Request) error {
	p, err := s.visitSlip(r)
	if err != nil {
		return err
	}
	p.Clinic.Logo, p.Clinic.BrandCSS = "", "" // a slip has neither
	return s.pdf(w, r, s.Env(r), page.SlipPage(p), fileName(p.Token))
}

func (s *Site) visitSlip(r *http.Request) (page.Slip, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return page.Slip{}, err
	}
	slip, err := s.Visits.Slip(r.Context(), id)
	if err != nil {
		return page.Slip{}, err
	}
	p := s.paper(r, slip, r.URL.Query().Get("w"))
	if err := s.Print.Available(); err != nil {
		p.PDF, p.NoPDF = "", s.words(r).Text("error.pdf.browser", err.Error(), nil)
	}
	return p, nil
}

// paper is a slip ready to be printed; width is 58 or 80, else the clinic's.
func (s *Site) paper(r *http.Request, v visit.Slip, width string) page.Slip {
	l, at := s.words(r), base(r)
	narrow := v.WidthMM == 58
	if width == "58" || width == "80" {
		narrow = width == "58"
	}
	wide, other := "80", "58"
	if narrow {
		wide, other = other, wide
	}
	out := page.Slip{Clinic: s.clinic(r), Narrow: narrow, Token: v.Token, Place: place(l, v.Line), Who: shortName(v.Name.Reveal()), When: l.DateTime(v.Arrived),
		Back: at.At("/queue"), Other: at.Visit(v.Visit.String(), "slip") + "?w=" + other, PDF: at.Visit(v.Visit.String(), "slip.pdf") + "?w=" + wide, Follow: at.At("/place/" + v.Place + "/qr.png"), Printed: r.URL.Query().Get("print") == "1"}
	if v.State == visit.Waiting {
		out.Wait = page.Ahead(l, v.Ahead, v.Wait)
	}
	if l.Lang() == "en" {
		out.Local = ui.Words{Text: "टोकन", Lang: "mr"}
	}
	return out
}

// shortName is the first name and the initial of the last: enough to tell whose
// slip it is, and no more.
func shortName(full string) string {
	words := strings.Fields(full)
	if len(words) < 2 {
		return full
	}
	last := []rune(words[len(words)-1])
	return words[0] + " " + string(last[0]) + "."
}

func (s *Site) lastSlip(w http.ResponseWriter, r *http.Request) error {
	id, err := s.Visits.LastOfMine(r.Context())
	if apperr.Is(err, apperr.NotFound) {
		return httpx.Redirect(w, r, base(r).Query("/queue", "slip", "none"))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(id.String(), "slip"))
}
