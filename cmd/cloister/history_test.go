package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// The history of a patient as a page, and as the parts that script asks for.
func TestPatientsHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	record := "/patients/" + testkit.Asha.String()
	at := record + "/history"
	every := []string{"Acute pharyngitis, unspecified", "152/96", "RX-2025-00001", "Paracetamol 500 mg", "Malaria parasite smear", "Blood count of the city laboratory",
		"Come again on 17 Jan 2025", "Appointment"}
	for _, r := range []access.Role{access.ClinicAdmin, access.Doctor, access.Nurse, access.Receptionist} {
		want(t, s.send("GET", record, r, nil, false), 200, every)
		want(t, s.send("GET", at, r, nil, false), 200, append(every, "<html", "Asha Kulkarni"))
	}
	part := s.send("GET", at+"?kind=test", access.Doctor, nil, true)
	want(t, part, 200, []string{`id="timeline"`, "Malaria parasite smear", `aria-current="true" hx-get`}, "<html", "Paracetamol 500 mg")
	want(t, s.send("GET", at+"?kind=nothing", access.Doctor, nil, true), 200, []string{"Malaria parasite smear", "Paracetamol 500 mg"})
	want(t, s.send("GET", at+"?kind=visit&besides="+testkit.Visit.String(), access.Doctor, nil, true), 200, []string{"Nothing of this kind"}, "pharyngitis")
	// The consultation's own visit is not beside it.
	want(t, s.send("GET", "/visits/"+testkit.Visit.String()+"/consultation", access.Doctor, nil, false), 200, []string{`id="timeline"`, "RX-2025-00001", "besides=" + testkit.Visit.String()})
	if w := s.send("GET", at, access.LabTechnician, nil, false); w.Code != 403 {
		t.Errorf("a lab technician: %d", w.Code)
	}
	want(t, s.send("GET", "/patients/"+testkit.Display.String()+"/history", access.Doctor, nil, false), 404, nil, "Asha")
}

var olderLink = regexp.MustCompile(`hx-get="([^"]+)" hx-target="closest li"`)

func TestOlderEntriesComeInTheirPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.db.Exec(t, `set session_replication_role = replica; set search_path = clinic_alpha, ext, pg_temp;
		insert into documents (clinic_id, id, patient_id, kind, title, media_type, bytes, pages, uploaded_at)
		select '`+testkit.Alpha.ID.String()+`', gen_random_uuid(), '`+testkit.Bilal.String()+`', 'lab', 'Report no ' || n || '.', 'application/pdf', 10, 1, '2026-01-01'::timestamptz + n / 2 * interval '1 hour'
		from generate_series(1, 60) n`)
	page := s.send("GET", "/patients/"+testkit.Bilal.String(), access.Receptionist, nil, false)
	seen := map[string]int{}
	for range 5 {
		for _, m := range regexp.MustCompile(`Report no \d+\.`).FindAllString(page.Body.String(), -1) {
			seen[m]++
		}
		m := olderLink.FindStringSubmatch(page.Body.String())
		if m == nil {
			break
		}
		page = s.send("GET", strings.TrimPrefix(html.UnescapeString(m[1]), "/clinic/alpha"), access.Receptionist, nil, true)
		want(t, page, 200, []string{"data-focus"}, "<html", `id="timeline"`)
	}
	for title, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", title, n)
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d reports of 60", len(seen))
	}
}

// What becomes of a prescription and of a test, without script.
func TestMovesOfAPrescriptionAndATest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	visit := "/visits/" + testkit.Visit.String() + "/consultation"
	paper := ""
	for _, m := range regexp.MustCompile(`/prescriptions/[0-9a-f-]{36}`).FindAllString(s.send("GET", "/patients/"+testkit.Asha.String(), access.Doctor, nil, false).Body.String(), 1) {
		paper = m
	}
	page := s.send("GET", paper+"/print", access.Doctor, nil, false)
	want(t, page, 200, []string{"Mark as dispensed", "Mark as completed"})
	want(t, s.send("GET", paper+"/print", access.Receptionist, nil, false), 200, nil, "Mark as")
	form := url.Values{"version": {field(t, page.Body.String(), "version")}, "state": {"dispensed"}}
	for range 2 { // pressed twice
		if w := s.send("POST", paper+"/move", access.Doctor, form, false); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+paper+"/print" {
			t.Fatalf("%d to %q: %.300s", w.Code, w.Header().Get("Location"), w.Body)
		}
	}
	want(t, s.send("GET", paper+"/print", access.Doctor, nil, false), 200, []string{"Mark as completed"}, "Mark as dispensed")
	want(t, s.send("POST", paper+"/move", access.Doctor, url.Values{"version": {"1"}, "state": {"completed"}}, false), 409, nil)
	day := s.send("GET", "/my-queue", access.Doctor, nil, false)
	want(t, day, 200, []string{"Pending tests", "Malaria parasite smear"})
	ask := linkTo(t, day.Body.String(), "/test-requests/") + "/cancel"
	question := s.send("GET", ask, access.Doctor, nil, false)
	want(t, question, 200, []string{"Cancel this test?", "Malaria parasite smear"})
	form = url.Values{"version": {field(t, question.Body.String(), "version")}, "reason": {" "}}
	want(t, s.send("POST", ask, access.Doctor, form, false), 422, []string{"There is a problem", "cancel-reason"})
	form.Set("reason", "<b>not needed")
	if w := s.send("POST", ask, access.Doctor, form, false); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+visit+"#tests" {
		t.Fatalf("%d to %q: %.300s", w.Code, w.Header().Get("Location"), w.Body)
	}
	want(t, s.send("GET", "/my-queue", access.Doctor, nil, false), 200, nil, "Malaria parasite smear")
	want(t, s.send("GET", "/patients/"+testkit.Asha.String()+"/history?kind=test", access.Nurse, nil, true), 200, []string{"Cancelled", "&lt;b&gt;not needed"}, "<b>not")
}

// Reception reads finished notes, and neither what is being typed nor a way to
// write: docs/decisions/2026-11-26-what-reception-reads.md.
func TestWhatReceptionReads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	seeded := "/visits/" + testkit.Visit.String() + "/consultation"
	want(t, s.get(seeded), 200, []string{"Throat red", "Acute pharyngitis, unspecified", "Rest, fluids"}, "consultation/begin", "consultation/addendum", `name="findings"`)
	// The seeded doctor's own consultation of this visit is open: its text is a draft.
	visit := s.inside(t, "Ravi Shinde", "98220 11599")
	at := visit + "/consultation"
	form := url.Values{"draft": {"0"}, "complaint": {"Typed and not finished"}, "findings": {"Nobody else's"}}
	if w := s.send("POST", at+"/draft", access.Doctor, form, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.send("GET", at, access.Doctor, nil, false), 200, []string{"Typed and not finished"})
	for _, r := range []access.Role{access.Receptionist, access.Nurse, access.ClinicAdmin} {
		want(t, s.send("GET", at, r, nil, false), 200, []string{"Deepak Rao"}, "Typed and not finished", "Nobody else")
		for _, path := range []string{at, at + "/draft", at + "/addendum", at + "/begin"} {
			if w := s.send("POST", path, r, form, false); w.Code != http.StatusForbidden {
				t.Errorf("%s writes to %s: %d", r, path, w.Code)
			}
		}
	}
}
