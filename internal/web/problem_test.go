package web

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
	"github.com/cloister-health/cloister/tenants"

	"net/http"

	"github.com/sirupsen/logrus"
	"io"
)

func faces(t *testing.T) *Faces {
	t.Helper()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := access.NewMatrix(access.StaffRoles(), func(r access.Role, _ access.Privilege) (bool, error) { return r == access.Receptionist, nil })
	if err != nil {
		t.Fatal(err)
	}
	return &Faces{Assets: a, Words: b, Can: m.Can}
}

func frame(t *testing.T, f *Faces) *httpx.Router {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	fail := func(err error) httpx.Handler {
		return func(http.ResponseWriter, *http.Request) error { return err }
	}
	rt, err := httpx.New(httpx.Options{
		Log: log, Can: f.Can, Problem: f.Problem,
		Resolve: func(_ context.Context, slug string) (*tenants.Clinic, tenants.Outcome, error) {
			if slug != "north" {
				return nil, tenants.Unknown, nil
			}
			return &tenants.Clinic{ID: uuid.Max, Slug: slug, Name: "North", Lang: "mr"}, tenants.Active, nil
		},
		Session: func(_ http.ResponseWriter, r *http.Request, _ *tenants.Clinic) (*httpx.Who, error) {
			if r.Header.Get("X-In") == "" {
				return nil, nil
			}
			return &httpx.Who{Actor: tenants.Actor{Kind: access.User, Role: access.Nurse}, Lang: "hi", Theme: "dark"}, nil
		},
		Routes: []httpx.Route{
			{Method: "GET", Path: httpx.ClinicPath + "/gone", Gate: httpx.Member, Handler: fail(apperr.New(apperr.NotFound, "", "no"))},
			{Method: "GET", Path: httpx.ClinicPath + "/broken", Gate: httpx.Member, Handler: fail(errors.New("SQLSTATE 42P01"))},
			{Method: "GET", Path: httpx.ClinicPath + "/refused", Gate: httpx.Capable, Capability: access.PatientRegister, Handler: fail(nil)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close(context.Background()) })
	return rt
}

func get(rt http.Handler, path string, in, htmx bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	if in {
		r.Header.Set("X-In", "1")
	}
	if htmx {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Request-Type", "partial")
	}
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	return w
}

func TestNotFoundPageIsTheSameForEveryone(t *testing.T) {
	t.Parallel()
	rt := frame(t, faces(t))
	want := get(rt, "/clinic/nowhere/gone", true, false)
	for _, path := range []string{"/clinic/north/gone", "/clinic/north/nothing", "/nothing"} {
		got := get(rt, path, true, false)
		if got.Code != 404 || got.Body.String() != want.Body.String() {
			t.Errorf("%s differs from an unknown clinic's answer", path)
		}
	}
	if strings.Contains(want.Body.String(), "North") {
		t.Error("the page names a clinic")
	}
}

func TestProblemsInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	f := faces(t)
	rt := frame(t, f)
	hi := f.Words.For("hi", nil)
	got := get(rt, "/clinic/north/refused", true, false)
	if body := got.Body.String(); got.Code != 403 || !strings.Contains(body, hi.T("role.receptionist")) || !strings.Contains(body, `lang="hi"`) || !strings.Contains(body, `data-theme="dark"`) {
		t.Errorf("%d %s", got.Code, body)
	}
	got = get(rt, "/clinic/north/broken", true, false)
	if body := got.Body.String(); got.Code != 500 || strings.Contains(body, "SQLSTATE") || !strings.Contains(body, got.Header().Get("X-Request-Id")) {
		t.Errorf("%d %s", got.Code, body)
	}
}

func TestEndedSessionOpensADialog(t *testing.T) {
	t.Parallel()
	rt := frame(t, faces(t))
	got := get(rt, "/clinic/north/gone", false, true)
	body := got.Body.String()
	if got.Code != 401 || got.Header().Get("HX-Retarget") != "body" || got.Header().Get("HX-Reswap") != "beforeend" || !strings.Contains(body, "<dialog") || strings.Contains(body, "<html") {
		t.Errorf("%d %v %s", got.Code, got.Header(), body)
	}
	if !strings.Contains(body, "/clinic/north/login") {
		t.Error("the dialog does not lead to sign-in")
	}
}
