package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/history"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/platform"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
)

// Site is every page of the service over the slices that it shows. Each area
// has a file of its own with its rows and handlers.
type Site struct {
	*Faces
	Origin    string // how addresses of the site begin for others, such as https://clinics.example; empty: as the browser has it
	Find      finder // of clinics, for the home page
	People    *identity.Service
	Clinic    *clinic.Service
	Platform  *platform.Service
	Walls     *platform.Walls // the last check of what keeps one clinic from another
	Patients  *patient.Service
	Visits    *visit.Service
	Consults  *consultation.Service
	Print     *print.Renderer
	Documents *document.Service
	// Appointments are who comes when.
	Appointments  *appointment.Service
	Prescriptions *prescription.Service
	History       *history.Service
	Shares        *share.Service
	Verifier      *prescription.Verifier // of papers, for who isn't signed in
}

// Routes are the rows of every page.
func (s *Site) Routes() []httpx.Route {
	return slices.Concat(s.commonRoutes(), s.homeRoutes(), s.signInRoutes(), s.accountRoutes(), s.staffRoutes(), s.settingsRoutes(), s.officeRoutes(), s.platformRoutes(), s.isolationRoutes(),
		s.receptionRoutes(), s.consultationRoutes(), s.prescriptionRoutes(), s.formularyRoutes(), s.paperRoutes(), s.verifyRoutes(), s.shareRoutes(), s.appointmentRoutes())
}

// receptionRoutes are the desk's and the waiting room's. Rows with a fixed last
// part stand before those with an id in its place.
func (s *Site) receptionRoutes() []httpx.Route {
	return slices.Concat(s.registerRoutes(), s.visitListRoutes(), s.queueRoutes(), s.patientRoutes(), s.documentRoutes(), s.displayRoutes())
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
