package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// openAlways sets alpha's opening hours to every hour of the week, so that the
// tests find a free time whenever they run.
func (s *site) openAlways(t *testing.T) {
	t.Helper()
	tx := s.db.As(t, testkit.Alpha, access.Owner)
	if _, err := tx.Exec(t.Context(), `update settings set opening_hours = (select jsonb_object_agg(d, '[["00:00","24:00"]]'::jsonb) from unnest(array['mon','tue','wed','thu','fri','sat','sun']) d)`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// slot is a moment some days from now at a clock time in India, and its day.
func slot(days, hour int) (at, day string) {
	zone := time.FixedZone("IST", 5*3600+1800)
	now := time.Now().In(zone).AddDate(0, 0, days)
	start := time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, zone)
	return start.UTC().Format(time.RFC3339), start.Format("02/01/2006")
}

// booked sends the booking form and gives the appointment's address.
func (s *site) booked(t *testing.T, form url.Values) string {
	t.Helper()
	form.Set("_once", uuid.NewString())
	w := s.send("POST", "/appointments/new", access.Receptionist, form, false)
	to := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !regexp.MustCompile(`/appointments/[0-9a-f-]{36}$`).MatchString(to) {
		t.Fatalf("%d to %q: %.1500s", w.Code, to, w.Body)
	}
	return strings.TrimPrefix(to, "/clinic/alpha")
}

func asha(at, day string) url.Values {
	return url.Values{"patient_id": {testkit.Asha.String()}, "doctor": {testkit.Doctor.String()}, "day": {day}, "time": {at}, "kind": {"routine"}, "purpose": {"<b>Cough</b>"}}
}

func TestAppointmentsWithoutScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want(t, s.get("/appointments"), 200, []string{"opening hours are not set"})
	s.openAlways(t)
	at, day := slot(3, 9)
	want(t, s.get("/appointments?day="+url.QueryEscape(day)), 200, []string{"Deepak Rao", "Esha Nair", "09:00 AM", "/appointments/new?doctor="})
	want(t, s.get("/appointments/week?doctor="+testkit.Doctor.String()), 200, []string{"Hours and leave", "Deepak Rao"})
	want(t, s.get("/appointments?day=99/99/2026"), 200, []string{"Deepak Rao"}) // no day is today
	want(t, s.get("/appointments?doctor="+uuid.NewString()), 404, nil)

	want(t, s.get("/patients?q=asha"), 200, []string{"/appointments/new?patient_id=" + testkit.Asha.String()})
	want(t, s.get("/queue"), 200, []string{"Book appointment"})

	// From the patient's page, and by what was typed where no script fills the list.
	want(t, s.get("/patients/"+testkit.Asha.String()), 200, []string{"/appointments/new?patient_id=" + testkit.Asha.String()})
	want(t, s.get("/appointments/new?patient_id="+testkit.Asha.String()+"&doctor="+testkit.Doctor.String()+"&time="+url.QueryEscape(at)), 200,
		[]string{"Asha Kulkarni", `value="` + at + `" checked`, `value="` + day + `"`}, `role="combobox" name="patient"`)
	form := asha(at, day)
	form.Del("patient_id")
	want(t, s.send("POST", "/appointments/new", access.Receptionist, form, false), 422, []string{"Choose a patient", "&lt;b&gt;Cough"}, "<b>Cough")
	form.Set("patient", "zzzz")
	want(t, s.send("POST", "/appointments/new", access.Receptionist, form, false), 422, []string{"Choose a patient", `value="zzzz"`})
	form.Set("then", "times")
	form.Set("doctor", testkit.SecondDoctor.String())
	want(t, s.send("POST", "/appointments/new", access.Receptionist, form, false), 200, []string{`value="zzzz"`, "Free on"})
	form.Set("day", "31/02/2031")
	want(t, s.send("POST", "/appointments/new", access.Receptionist, form, false), 200, []string{"Write the date", `value="31/02/2031"`})
	form = asha(at, day)
	form.Del("patient_id")
	// Somebody of a name that is like hers is found as well, and is not meant.
	if w := s.send("POST", "/register", access.Receptionist, newcomer("Asha Kulkarnis", "98220 11999"), false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d: %.500s", w.Code, w.Body)
	}
	want(t, s.get("/patients?q=asha+kulkarni"), 200, []string{"Asha Kulkarnis", testkit.Asha.String()})
	form.Set("patient", " asha  kulkarni")
	appt := s.booked(t, form)
	want(t, s.get(appt), 200, []string{"Asha Kulkarni", "Booked", "09:00 AM", "&lt;b&gt;Cough", appt + "/move"}, "<b>Cough", appt+"/check-in", appt+"/no-show")
	want(t, s.get("/appointments?day="+url.QueryEscape(day)), 200, []string{"Asha Kulkarni", appt})
	want(t, s.get("/patients/"+testkit.Asha.String()), 200, []string{"Deepak Rao", appt})

	// Who comes second is told so and keeps what was typed.
	second := asha(at, day)
	second.Set("patient_id", testkit.Bilal.String())
	want(t, s.send("POST", "/appointments/new", access.Receptionist, second, false), 422, []string{"just taken", "&lt;b&gt;Cough", "Bilal Ansari"})
}

func TestAppointmentIsMovedAndCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	at, day := slot(3, 9)
	appt := s.booked(t, asha(at, day))
	page := s.get(appt + "/move")
	want(t, page, 200, []string{"Change time", "Asha Kulkarni", "Esha Nair"}, "Reason for visit")
	later, _ := slot(4, 10)
	_, next := slot(4, 10)
	move := url.Values{"version": {field(t, page.Body.String(), "version")}, "doctor": {testkit.SecondDoctor.String()}, "day": {next}, "time": {at}}
	// The time is of another day than the one that stands in the form now.
	want(t, s.send("POST", appt+"/move", access.Receptionist, move, false), 422, []string{"Choose a time"})
	move.Set("time", later)
	if w := s.send("POST", appt+"/move", access.Receptionist, move, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.1000s", w.Code, w.Body)
	}
	want(t, s.send("POST", appt+"/move", access.Receptionist, url.Values{"version": {"1"}, "day": {day}, "time": {at}}, false), 422, []string{"at the same time"})
	want(t, s.get(appt), 200, []string{"10:00 AM", "Esha Nair"})
	want(t, s.send("POST", appt+"/no-show", access.Receptionist, url.Values{"version": {"2"}}, false), 422, []string{"not come yet"})
	want(t, s.send("POST", appt+"/check-in", access.Receptionist, url.Values{"version": {"2"}}, false), 422, []string{"not for today"})
	want(t, s.send("POST", appt+"/cancel", access.Receptionist, url.Values{"version": {"2"}, "reason": {" "}}, false), 422, []string{"Say why"})
	if w := s.send("POST", appt+"/cancel", access.Receptionist, url.Values{"version": {"2"}, "reason": {"Travels"}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.500s", w.Code, w.Body)
	}
	want(t, s.get(appt), 200, []string{"Cancelled", "Travels"}, appt+"/move", appt+"/cancel")
	// The doctor whose it is not may look, and neither the nurse may change one.
	other := s.booked(t, func() url.Values { f := asha(at, day); f.Set("doctor", testkit.SecondDoctor.String()); return f }())
	want(t, s.send("GET", other, access.Doctor, nil, false), 200, []string{"Asha Kulkarni"}, other+"/move", other+"/cancel")
	want(t, s.send("POST", other+"/cancel", access.Doctor, url.Values{"version": {"1"}, "reason": {"x"}}, false), 403, nil)
	want(t, s.send("GET", other, access.Nurse, nil, false), 200, []string{"Asha Kulkarni"}, other+"/move")
	want(t, s.send("POST", other+"/cancel", access.Nurse, url.Values{"version": {"1"}, "reason": {"x"}}, false), 403, nil)
	want(t, s.send("GET", other, access.LabTechnician, nil, false), 403, nil)
}

func TestAppointmentChecksIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	// The first time that today still offers has begun already, as at a desk.
	page := s.get("/appointments/new?patient_id=" + testkit.Asha.String() + "&doctor=" + testkit.Doctor.String()).Body.String()
	times := regexp.MustCompile(`name="time" value="([^"]+)"`).FindStringSubmatch(page)
	if times == nil {
		t.Fatalf("nothing is free today: %.2000s", page)
	}
	form := asha(times[1], "")
	form.Set("kind", "follow_up")
	appt := s.booked(t, form)
	// Whoever comes to the ordinary check-in is asked for the appointment first.
	want(t, s.get("/patients/"+testkit.Asha.String()+"/check-in"), 200, []string{"Appointment today", appt + "/check-in"})
	want(t, s.get("/patients/"+testkit.Bilal.String()+"/check-in"), 200, nil, "Appointment today")
	one := s.get(appt).Body.String()
	if !strings.Contains(one, appt+"/check-in") || !strings.Contains(one, appt+"/no-show") {
		t.Fatalf("no way to check in: %.3000s", one)
	}
	if w := s.send("POST", appt+"/no-show", access.Receptionist, url.Values{"version": {"1"}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	// Came after all.
	want(t, s.get(appt), 200, []string{"No show", appt + "/check-in"})
	want(t, s.send("POST", appt+"/check-in", access.Doctor, url.Values{"version": {"2"}}, false), 403, nil)
	w := s.send("POST", appt+"/check-in", access.Receptionist, url.Values{"version": {"2"}, "_once": {uuid.NewString()}}, false)
	slip := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasSuffix(slip, "/slip") {
		t.Fatalf("%d to %q %.500s", w.Code, slip, w.Body)
	}
	want(t, s.get(strings.TrimSuffix(strings.TrimPrefix(slip, "/clinic/alpha"), "/slip")), 200, []string{"Follow-up", "&lt;b&gt;Cough", "Waiting"})
	want(t, s.get("/patients/"+testkit.Asha.String()+"/check-in"), 200, nil, "Appointment today")
	want(t, s.get(appt), 200, []string{"Arrived", "/visits/"}, appt+"/check-in", appt+"/move")
	// A second visit in one line is refused, and the appointment stays as it was.
	bilal := url.Values{"patient_id": {testkit.Bilal.String()}, "doctor": {testkit.SecondDoctor.String()}, "kind": {"routine"}, "_once": {uuid.NewString()}}
	if w := s.send("POST", "/patients/"+testkit.Bilal.String()+"/check-in", access.Receptionist, bilal, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	bilal.Set("time", times[1])
	second := s.booked(t, bilal)
	want(t, s.send("POST", second+"/check-in", access.Receptionist, url.Values{"version": {"1"}, "_once": {uuid.NewString()}}, false), 422, []string{"already waits", "Booked"})
}

func TestAppointmentTimesByScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	_, day := slot(5, 9)
	q := "?doctor=" + testkit.SecondDoctor.String() + "&day=" + url.QueryEscape(day)
	want(t, s.send("GET", "/appointments/times"+q, access.Receptionist, nil, true), 200, []string{`id="appt-times"`, "11:45 PM"}, "<html")
	want(t, s.send("GET", "/appointments/times?day=x", access.Receptionist, nil, true), 200, []string{"Write the date"}, "09:00 AM")
	if w := s.get("/appointments/times" + q); w.Code != http.StatusSeeOther {
		t.Errorf("without script: %d", w.Code)
	}
	want(t, s.send("GET", "/patients/search?pick=appointment&patient=asha", access.Receptionist, nil, true), 200, []string{`id="appt-patient-list-0"`, testkit.Asha.String()}, "data-href")
}

func TestFollowUpsAtTheDesk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	page := s.get("/follow-ups")
	want(t, page, 200, []string{"Asha Kulkarni", "17 Jan 2025", "1 due", "/close"})
	want(t, s.get("/follow-ups?doctor="+testkit.Doctor.String()), 200, []string{"No follow-up is due"})
	want(t, s.send("GET", "/follow-ups", access.Nurse, nil, false), 200, []string{"Asha Kulkarni"}, "/close", "/appointments/new")
	want(t, s.send("GET", "/follow-ups", access.LabTechnician, nil, false), 403, nil)
	at := regexp.MustCompile(`/clinic/alpha(/follow-ups/[0-9a-f-]+/close)`).FindStringSubmatch(page.Body.String())
	if at == nil {
		t.Fatal("no way to close it")
	}
	w := s.send("POST", at[1], access.Receptionist, url.Values{"version": {"1"}, "state": {"done"}, "list": {"1"}}, false)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/clinic/alpha/follow-ups" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	want(t, s.get("/follow-ups"), 200, []string{"No follow-up is due"})
}

func TestScheduleOfADoctor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	schedule := "/schedule/" + testkit.Doctor.String()
	at, day := slot(3, 9)
	s.booked(t, asha(at, day))
	want(t, s.send("POST", schedule+"/hours", access.Doctor, url.Values{"hours_mon": {"9 to 5"}, "hours_tue": {"10-12"}}, false), 422, []string{"09:00-13:00", `value="9 to 5"`, `value="10-12"`})
	if w := s.send("POST", schedule+"/hours", access.Doctor, url.Values{"hours_mon": {"10-12"}}, false); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.send("GET", schedule, access.Doctor, nil, false), 200, []string{`value="10:00-12:00"`})
	want(t, s.send("POST", schedule+"/hours", access.Receptionist, url.Values{"hours_mon": {"10-12"}}, false), 403, nil)
	want(t, s.get(schedule), 200, []string{"10:00-12:00", "Take leave"}, `name="hours_mon"`)
	want(t, s.send("POST", schedule+"/leave", access.Receptionist, url.Values{"from": {"x"}, "until": {day}, "_once": {uuid.NewString()}}, false), 422, []string{"Write the date", `value="x"`})
	w := s.send("POST", schedule+"/leave", access.Receptionist, url.Values{"from": {day}, "reason": {"<i>Wedding"}, "_once": {uuid.NewString()}}, false)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	want(t, s.get(strings.TrimPrefix(w.Header().Get("Location"), "/clinic/alpha")), 200, []string{"1 appointment stands", "&lt;i&gt;Wedding", "Take back"})
	want(t, s.get("/appointments?day="+url.QueryEscape(day)+"&doctor="+testkit.Doctor.String()), 200, []string{"On leave", "Asha Kulkarni"}, "/appointments/new?doctor="+testkit.Doctor.String()+"&amp;time=")
	end := regexp.MustCompile(`/clinic/alpha(/leaves/[0-9a-f-]+/end)`).FindStringSubmatch(s.get(schedule).Body.String())
	if end == nil {
		t.Fatal("no way to take it back")
	}
	want(t, s.send("POST", end[1], access.Nurse, nil, false), 403, nil)
	if w := s.send("POST", end[1], access.Doctor, nil, false); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	want(t, s.get(schedule), 200, []string{"No leave to come"})
	want(t, s.send("GET", "/schedule/"+testkit.Nurse.String(), access.ClinicAdmin, nil, false), 404, nil)
}
