package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
)

// The clinic's lists without script: found, added to, changed, switched.
func TestFormularyWithoutScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	post := func(path string, form url.Values, lands string) {
		t.Helper()
		w := s.send("POST", path, access.ClinicAdmin, form, false)
		if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/clinic/alpha"+lands) {
			t.Fatalf("%s: %d to %q: %.500s", path, w.Code, w.Header().Get("Location"), w.Body)
		}
	}
	get := func(path string) string { return s.send("GET", path, access.ClinicAdmin, nil, false).Body.String() }
	want(t, s.send("GET", "/settings/profile", access.ClinicAdmin, nil, false), 200, []string{`href="/clinic/alpha/formulary"`})
	want(t, s.send("GET", "/formulary", access.Doctor, nil, false), 200, []string{"Starter list", "Switch off", "after="})
	want(t, s.send("GET", "/formulary?q=qqqqqq", access.Doctor, nil, false), 200, []string{"Nothing in the list matches"})
	form := url.Values{"_once": {uuid.NewString()}, "name": {"<b>Zyxomol"}, "dose": {"seldom"}}
	want(t, s.send("POST", "/formulary/new", access.ClinicAdmin, form, false), 422, []string{"There is a problem", "med-dose", "&lt;b&gt;Zyxomol"}, "<b>Zyxomol")
	form.Set("dose", "101")
	post("/formulary/new", form, "/formulary?")
	list := get("/formulary?q=zyxomol")
	at := linkTo(t, list, "/formulary/")
	form.Set("version", field(t, get(at), "version"))
	form.Set("generic", "Amoxicillin")
	post(at, form, at+"?done=saved")
	want(t, s.send("POST", at, access.ClinicAdmin, form, false), 409, []string{"There is a problem", "Amoxicillin"}) // somebody's older form
	post(at+"/switch", url.Values{"version": {field(t, get(at), "version")}, "on": {"0"}, "q": {"zyx"}}, "/formulary?")
	if strings.Contains(get("/formulary?q=zyxomol"), "Zyxomol</a>") || !strings.Contains(get("/formulary?part=off"), "Zyxomol</a>") {
		t.Error("it is not among those that are switched off")
	}
	test := url.Values{"_once": {uuid.NewString()}, "name": {""}, "kind": {"blood"}}
	want(t, s.send("POST", "/catalogue/new", access.Doctor, test, false), 422, []string{"test-name"})
	test.Set("name", "Zymogen assay")
	post("/catalogue/new", test, "/catalogue?")
	at = linkTo(t, get("/catalogue?q=zymogen"), "/catalogue/")
	test.Set("version", field(t, get(at), "version"))
	test.Set("code", "ZYM")
	post(at, test, at+"?done=saved")
	want(t, s.send("GET", at, access.ClinicAdmin, nil, false), 200, []string{`value="ZYM"`})
	post(at+"/switch", url.Values{"version": {field(t, get(at), "version")}, "on": {"0"}}, "/catalogue?")
	want(t, s.send("GET", "/catalogue?part=off", access.ClinicAdmin, nil, false), 200, []string{"Zymogen assay", "Switch on"})
}

// linkTo gives the address of the first record under a path that a page links.
func linkTo(t *testing.T, body, under string) string {
	t.Helper()
	for rest := body; ; {
		_, after, ok := strings.Cut(rest, `href="/clinic/alpha`+under)
		if !ok {
			t.Fatalf("no link below %s in %.2000s", under, body)
		}
		if len(after) > 36 {
			if id, err := uuid.Parse(after[:36]); err == nil {
				return under + id.String()
			}
		}
		rest = after
	}
}
