package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// inside registers somebody for the doctor, who begins; it gives the visit's
// address.
func (s *site) inside(t *testing.T, name, phone string) string {
	t.Helper()
	visit := s.token(t, name, phone)
	v := field(t, s.get(visit).Body.String(), "version")
	w := s.send("POST", visit+"/consultation/begin", access.Doctor, url.Values{"version": {v}}, false)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+visit+"/consultation" {
		t.Fatalf("%d to %q: %.300s", w.Code, w.Header().Get("Location"), w.Body)
	}
	return visit
}

func TestConsultationWithoutScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	visit := s.inside(t, "Sunita Deshmukh", "98220 11514")
	at := visit + "/consultation"
	page := s.send("GET", at, access.Doctor, nil, false)
	want(t, page, 200, []string{"Sunita Deshmukh", "Save draft", "Finish", `name="bp"`, "Burning urine"})
	form := url.Values{"_once": {field(t, page.Body.String(), "_once")}, "draft": {"0"}, "complaint": {"<script>cough"}, "symptoms": {"cough", "made_up"}, "bp": {"168/102"},
		"diagnosis": {"i10"}, "follow_up": {"x"}, "urgency": {"moderate"}}
	if w := s.send("POST", at+"/draft", access.Doctor, form, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.500s", w.Code, w.Body)
	}
	page = s.send("GET", at, access.Doctor, nil, false)
	want(t, page, 200, []string{"&lt;script&gt;cough", "Essential (primary) hypertension", "Draft saved", "168/102", "High"}, "<script>cough")
	form.Set("draft", field(t, page.Body.String(), "draft"))
	form.Del("diagnosis")
	form["dx_code"], form["dx_title"], form["dx_note"] = []string{"I10"}, []string{"x"}, []string{""}
	want(t, s.send("POST", at, access.Doctor, form, false), 422, []string{"There is a problem", "cons-follow_up", "&lt;script&gt;cough"})
	form.Set("follow_up", "7")
	w := s.send("POST", at, access.Doctor, form, false)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/clinic/alpha/my-queue?finished=") {
		t.Fatalf("%d to %q: %.500s", w.Code, w.Header().Get("Location"), w.Body)
	}
	want(t, s.send("GET", strings.TrimPrefix(w.Header().Get("Location"), "/clinic/alpha"), access.Doctor, nil, false), 200, []string{"Sunita Deshmukh: finished", "Follow-ups due"})
	// The same form again is done already; another one is told so.
	if w := s.send("POST", at, access.Doctor, form, false); w.Code != http.StatusSeeOther {
		t.Errorf("sent twice: %d", w.Code)
	}
	form.Set("_once", uuid.NewString())
	want(t, s.send("POST", at, access.Doctor, form, false), 409, []string{"finished"})
	for _, r := range []access.Role{access.Doctor, access.Nurse, access.Receptionist, access.ClinicAdmin} {
		want(t, s.send("GET", at, r, nil, false), 200, []string{"&lt;script&gt;cough", "I10", "in 7 days", "168/102 mmHg · High"}, "made_up", `name="complaint"`)
	}
	want(t, s.send("GET", at, access.LabTechnician, nil, false), 403, nil)
	want(t, s.send("POST", at+"/addendum", access.Doctor, url.Values{"body": {" "}, "_once": {uuid.NewString()}}, false), 422, []string{"Fill this in"})
	if w := s.send("POST", at+"/addendum", access.Doctor, url.Values{"body": {"ECG normal"}, "_once": {uuid.NewString()}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.send("GET", at, access.Nurse, nil, false), 200, []string{"ECG normal", "Addendum"})
	want(t, s.get(visit), 200, []string{"Completed"})
}

func TestConsultationDraftsByScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.inside(t, "Ramesh Patil", "9822011515") + "/consultation"
	save := func(version, window, text string) (int, string) {
		t.Helper()
		w := s.send("POST", at+"/draft", access.Doctor, url.Values{"draft": {version}, "_once": {window}, "complaint": {text}}, true)
		var said struct{ Version, Text string }
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
			t.Fatalf("%d %q: %v", w.Code, w.Body, err)
		}
		if w.Code == 200 && !strings.HasPrefix(said.Text, "Draft saved ") {
			t.Errorf("said %q", said.Text)
		}
		return w.Code, said.Version
	}
	one, two := uuid.NewString(), uuid.NewString()
	if code, v := save("0", one, "Sneezing"); code != 200 || v != "1" {
		t.Fatal(code, v)
	}
	if code, v := save("0", two, "Foot"); code != 409 || v != "1" {
		t.Errorf("the second window: %d, version %s", code, v)
	}
	form := url.Values{"draft": {"0"}, "_once": {two}, "complaint": {"Foot"}}
	want(t, s.send("POST", at+"/draft", access.Doctor, form, false), 409, []string{"Another window", "Sneezing", "Foot", `name="draft" value="1"`})
	want(t, s.send("POST", at, access.Doctor, form, false), 409, []string{"Another window", "Sneezing", "Foot"})
	want(t, s.send("GET", at, access.Doctor, nil, false), 200, []string{"Sneezing"}, "Foot")
	if w := s.send("POST", at+"/discard", access.Doctor, nil, false); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	want(t, s.send("GET", at, access.Doctor, nil, false), 200, nil, "Sneezing")
	// Without a session the page is told so and nothing is kept.
	w := s.ask("POST", "/clinic/alpha"+at+"/draft", testkit.Alpha, "")
	want(t, w, 401, nil)
	// Other roles and a visit that nobody has.
	for _, r := range []access.Role{access.Nurse, access.Receptionist, access.ClinicAdmin, access.LabTechnician} {
		want(t, s.send("POST", at+"/draft", r, form, true), 403, nil)
	}
	want(t, s.send("POST", "/visits/"+uuid.NewString()+"/consultation/draft", access.Doctor, form, true), 404, nil)
}

func TestVitalsAtTheDesk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	visit := s.token(t, "Kavita More", "9822011516")
	want(t, s.send("GET", visit, access.Nurse, nil, false), 200, []string{visit + "/vitals"})
	want(t, s.send("GET", visit+"/vitals", access.Nurse, nil, false), 200, []string{"Kavita More", `name="spo2"`})
	want(t, s.send("POST", visit+"/vitals", access.Nurse, url.Values{"pulse": {"9"}, "bp": {"120-80"}}, false), 422, []string{"from 20 to 300", "as 120/80", `value="120-80"`})
	want(t, s.send("POST", visit+"/vitals", access.Nurse, nil, false), 422, []string{"at least one value"})
	if w := s.send("POST", visit+"/vitals", access.Nurse, url.Values{"pulse": {"104"}, "temp": {"38.4"}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.send("GET", visit+"/vitals?saved=1", access.Nurse, nil, false), 200, []string{"The vitals are saved", "Taken by Nalini Jadhav", "High"})
	want(t, s.send("GET", visit+"/vitals", access.LabTechnician, nil, false), 403, nil)
}

func TestDiagnosisSuggestions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for typed, found := range map[string]string{"hypertention": "I10", "J06": "J06.9", "diarrhoea": "R19.7"} {
		want(t, s.send("GET", "/diagnoses?diagnosis="+url.QueryEscape(typed), access.Doctor, nil, true), 200, []string{found, `role="option"`})
	}
	want(t, s.send("GET", "/diagnoses?diagnosis=xqzzt", access.Doctor, nil, true), 200, []string{"free text"})
	want(t, s.send("GET", "/diagnoses?diagnosis=fever", access.Nurse, nil, true), 403, nil)
}

func TestPatientsPastIsOnTheirPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asha := "/patients/" + testkit.Asha.String()
	for _, r := range []access.Role{access.Doctor, access.Nurse, access.Receptionist, access.ClinicAdmin} {
		want(t, s.send("GET", asha, r, nil, false), 200, []string{"Acute pharyngitis", "/visits/" + testkit.Visit.String() + "/consultation"})
		want(t, s.send("GET", asha+"/history", r, nil, false), 200, []string{"Acute pharyngitis"})
	}
	want(t, s.send("GET", asha+"/history", access.LabTechnician, nil, false), 403, nil)
	// The follow-up shows to whoever may read it; the desk may close it.
	want(t, s.send("GET", asha, access.Nurse, nil, false), 200, []string{"Follow-ups due", "17 Jan 2025"}, "/close")
	page := s.get(asha).Body.String()
	at := regexp.MustCompile(`/clinic/alpha(/follow-ups/[0-9a-f-]+/close)`).FindStringSubmatch(page)
	if at == nil {
		t.Fatalf("no way to close it: %.3000s", page)
	}
	form := url.Values{"version": {"1"}, "state": {"done"}, "patient": {testkit.Asha.String()}}
	want(t, s.send("POST", at[1], access.Nurse, form, false), 403, nil)
	if w := s.send("POST", at[1], access.Receptionist, form, false); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha"+asha {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	want(t, s.get(asha), 200, nil, "Follow-ups due")
}
