package main

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// reminder is a letter as it lies in the folder.
type reminder struct{ to, subject, text string }

// remindAt lets the worker of a site remind at a moment and gives what is new in
// its folder of letters, by address.
func (s *site) remindAt(t *testing.T, now time.Time) ([]reminder, error) {
	t.Helper()
	c, err := loadConfig([]string{"DATABASE_URL=" + s.db.Admin, "CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_STATE_DIR=" + s.folder})
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	w, err := openWorker(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.remind.now = func() time.Time { return now }
	failed := w.remind.round(t.Context(), w.roll)
	if again := w.remind.round(t.Context(), w.roll); again != nil { // ten minutes have not passed
		t.Error(again)
	}
	var out []reminder
	files, err := filepath.Glob(filepath.Join(s.folder, "mail", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		out = append(out, readReminder(t, name))
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(out, func(a, b reminder) int { return strings.Compare(a.to, b.to) })
	return out, failed
}

func readReminder(t *testing.T, name string) reminder {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := mail.ReadMessage(f)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return reminder{to: strings.Trim(m.Header.Get("To"), "<>"), subject: subject, text: string(text)}
}

func TestTheWorkerReminds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	at, day := slot(3, 9)
	path := s.booked(t, asha(at, day))
	bilals := asha(at, day)
	bilals.Set("patient_id", testkit.Bilal.String())
	bilals.Set("doctor", testkit.SecondDoctor.String())
	s.booked(t, bilals)
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	s.raw(t, `insert into clinic_beta.appointments (clinic_id, id, patient_id, doctor_id, starts_at, ends_at) select p.clinic_id, gen_random_uuid(), p.id, '`+testkit.Doctor.String()+
		`', '`+at+`', '`+at+`'::timestamptz + interval '15 minutes' from clinic_beta.patients p where p.id = '`+testkit.Asha.String()+`';
		update clinic_alpha.patients set email = 'broken address@@x', language = 'en' where id = '`+testkit.Bilal.String()+`';
		update clinic_alpha.patients set email = 'asha@alpha.example', language = 'hi' where id = '`+testkit.Asha.String()+`';
		update clinic_beta.patients set email = 'asha@beta.example', language = 'en' where id = '`+testkit.Asha.String()+`'`)

	noon := start.AddDate(0, 0, -1).Add(3 * time.Hour)
	got, err := s.remindAt(t, noon)
	if err != nil || len(got) != 2 || got[0].to != "asha@alpha.example" || got[1].to != "asha@beta.example" {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range [][]string{{"Alpha Clinic", "09:00 AM", "अपॉइंटमेंट", "Deepak Rao"}, {"Beta Clinic", "09:00 AM", "reminds you of your appointment"}} {
		for _, x := range want {
			if !strings.Contains(got[i].text, x) {
				t.Errorf("the letter lacks %q: %s", x, got[i].text)
			}
		}
		for _, secret := range []string{"Cough", "Asha", "Kulkarni", "routine", "P-"} {
			if strings.Contains(got[i].text+got[i].subject, secret) {
				t.Errorf("the letter tells %q: %s %s", secret, got[i].subject, got[i].text)
			}
		}
	}
	if again, err := s.remindAt(t, noon.Add(time.Hour)); err != nil || len(again) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	want(t, s.get(path), 200, []string{"Reminded "})
	want(t, s.get("/appointments?day="+url.QueryEscape(day)), 200, []string{"Reminded "})

	// A clinic that can't be reminded for stands in nobody's way; one that was
	// suspended reminds nobody.
	s.raw(t, "update platform.clinics set zone = 'Mars/Base' where slug = 'alpha'; delete from clinic_beta.reminders where sent_at > now() - interval '1 day'")
	if got, err := s.remindAt(t, noon); err == nil || !strings.Contains(err.Error(), "alpha") || len(got) != 1 || got[0].to != "asha@beta.example" {
		t.Errorf("beside a broken clinic: %+v, %v", got, err)
	}
	s.raw(t, "update platform.clinics set zone = 'Asia/Kolkata', status = 'suspended', status_reason = 'unpaid' where true; delete from clinic_beta.reminders where sent_at > now() - interval '1 day'")
	if got, err := s.remindAt(t, noon); err != nil || len(got) != 0 {
		t.Errorf("suspended: %+v, %v", got, err)
	}
}

func TestTheDeskReminds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.openAlways(t)
	at, day := slot(3, 9)
	path := s.booked(t, asha(at, day))
	s.raw(t, "update clinic_alpha.patients set phone = '+919811111111', language = 'mr' where id = '"+testkit.Asha.String()+"'")
	link := `href="https://wa.me/919811111111?text=Alpha%20Clinic%20%E0%A4%95`
	list := "/appointments?day=" + url.QueryEscape(day)
	want(t, s.get(list), 200, []string{link, `rel="noopener noreferrer"`, "Remind"})
	want(t, s.get(path), 200, []string{link, `href="sms:+919811111111?body=Alpha%20Clinic`, "Remind on WhatsApp", "Remind by SMS"}, "Cough%", "Reminded ")
	// Who may not book reminds nobody.
	for _, page := range []string{list, path} {
		want(t, s.send(http.MethodGet, page, access.Nurse, nil, false), 200, []string{"Kulkarni"}, "wa.me")
	}
	s.raw(t, "update clinic_alpha.patients set phone = '' where id = '"+testkit.Asha.String()+"'")
	want(t, s.get(list), 200, nil, "wa.me")
	want(t, s.get(path), 200, nil, "wa.me", "sms:")
	today, _ := slot(0, 0)
	want(t, s.get("/appointments?day="+url.QueryEscape(today)), 200, nil, "wa.me")
}

func TestRemindersAreTurnedOff(t *testing.T) {
	t.Parallel()
	s := newStaffedSite(t)
	admin := s.signedIn(t, "alpha", "admin", alphaPassword)
	form := admin.fill(t, "/clinic/alpha/settings/work")
	if form.Get("remind") == "" {
		t.Errorf("reminders are off at first: %v", form)
	}
	form.Del("remind")
	admin.twice(t, "/clinic/alpha/settings/work", form, "/clinic/alpha/settings/work?done=saved")
	if ask1[bool](t, s, "select appointment_reminders from clinic_alpha.settings") || !ask1[bool](t, s, "select appointment_reminders from clinic_beta.settings") {
		t.Error("it was not turned off, or at another clinic")
	}
	if again := admin.fill(t, "/clinic/alpha/settings/work"); again.Get("remind") != "" {
		t.Error("the form shows it as on")
	}
}
