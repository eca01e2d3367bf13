package web

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// The page behind the code on a printed prescription. Whoever holds the paper
// may ask, without an account.

func (s *Site) verifyRoutes() []httpx.Route {
	at := httpx.ClinicPath + "/verify/{key}"
	return []httpx.Route{
		{Method: http.MethodGet, Path: at, Gate: httpx.Visitor, Handler: s.verify},
		{Method: http.MethodGet, Path: at + "/qr.png", Gate: httpx.Visitor, Handler: s.linkQR},
	}
}

func (s *Site) verify(w http.ResponseWriter, r *http.Request) error {
	c := httpx.From(r.Context()).Clinic
	x, err := s.Verifier.Verify(r.Context(), c, mux.Vars(r)["key"])
	if err != nil {
		return err
	}
	l := s.words(r)
	p := page.Verified{Frame: s.plain(r, l.T("verify.title")), Number: x.Number, Clinic: c.Name, Local: local(c.LocalName), Issued: l.Date(x.Issued)}
	p.Flag, p.Means = standing(l, x.State)
	return s.show(w, r, http.StatusOK, page.VerifiedPage(p))
}

func standing(l *locale.Loc, state string) (ui.Flag, string) {
	switch state {
	case prescription.Replaced:
		return ui.Flag{Kind: "wait", Icon: "triangle-alert", Text: l.T("verify.replaced")}, l.T("verify.replaced_means")
	case prescription.Cancelled:
		return ui.Flag{Kind: "urgent", Icon: "x", Text: l.T("status.cancelled")}, l.T("verify.cancelled_means")
	}
	return ui.Flag{Kind: "done", Icon: "check", Text: l.T("verify.valid")}, l.T("verify.valid_means")
}
