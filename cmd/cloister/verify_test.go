package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

var codeOnPaper = regexp.MustCompile(`/clinic/[a-z]+/verify/[A-Za-z0-9_-]+`)

// code is the address that the paper of the seeded prescription leads to.
func (s *site) code(t *testing.T, c testkit.Clinic) string {
	t.Helper()
	at := codeOnPaper.FindString(s.ask("GET", "/clinic/"+c.Slug+seededRx+"/print", c, access.Receptionist).Body.String())
	if at == "" {
		t.Fatal("the paper has no code")
	}
	return at
}

func TestTheCodeOnAPrescription(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.code(t, testkit.Alpha)
	// Nothing of the patient, the doctor or what was prescribed, whoever asks.
	secrets := []string{"Asha", "Kulkarni", "आशा", "PT-2025", "Paracetamol", "Penicillin", "Malaria", "Deepak", "Fever", "Wrong patient", "Dose was"}
	for _, role := range []access.Role{"", access.Doctor} {
		want(t, s.ask("GET", at, testkit.Alpha, role), 200, []string{"RX-2025-00001", "10 Jan 2025", "Alpha Clinic", "Valid", "in force"}, secrets...)
	}
	qr := s.ask("GET", at+"/qr.png", testkit.Alpha, "")
	want(t, qr, 200, []string{"PNG"})
	if qr.Header().Get("Content-Type") != "image/png" {
		t.Errorf("the picture is %s", qr.Header().Get("Content-Type"))
	}
	const id = "018f0000-0000-7000-8000-0000000000a4"
	s.raw(t, "update clinic_alpha.prescriptions set state = 'cancelled', cancel_reason = 'Wrong patient', ended_at = now() where id = '"+id+"'")
	want(t, s.ask("GET", at, testkit.Alpha, ""), 200, []string{"RX-2025-00001", "Cancelled", "Do not use"}, append(secrets, "in force")...)
	s.raw(t, `insert into clinic_alpha.prescriptions (clinic_id, id, number, visit_id, patient_id, doctor_id, state, issued_at, version_of, version_reason)
		select clinic_id, gen_random_uuid(), 'RX-2025-00077', visit_id, patient_id, doctor_id, 'issued', now(), id, 'Dose was wrong' from clinic_alpha.prescriptions where id = '`+id+`'`)
	want(t, s.ask("GET", at, testkit.Alpha, ""), 200, []string{"RX-2025-00001", "Replaced", "newer version"}, append(secrets, "in force", "RX-2025-00077")...)
	s.raw(t, "update clinic_alpha.prescriptions set state = 'draft', issued_at = null, ended_at = null, cancel_reason = '', old_number = '7' where id = '"+id+"'")
	want(t, s.ask("GET", at, testkit.Alpha, ""), 404, nil, "RX-2025")
}

// A code that was altered, of another clinic, of another record or of another
// kind is not found, like one that nobody has.
func TestHostileCodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at, other := s.code(t, testkit.Alpha), s.code(t, testkit.Beta)
	place := regexp.MustCompile(`/place/([A-Za-z0-9_-]+)`).FindStringSubmatch(s.get("/visits/" + testkit.Alpha.ID.String() + "/slip").Body.String())
	if at[len("/clinic/alpha"):] == other[len("/clinic/beta"):] || place == nil {
		t.Fatalf("%s and %s, %v", at, other, place)
	}
	nobodys := told(s.ask("GET", "/clinic/alpha/verify/nobodys", testkit.Alpha, ""))
	root := "/clinic/alpha/verify/"
	code := strings.TrimPrefix(at, root)
	hostile := []string{strings.Replace(other, "beta", "alpha", 1), strings.Replace(at, "alpha", "beta", 1), root + place[1], root + code + "A", root + code[:len(code)-1], root + code + "%3D", root + code + "%00",
		root + testkit.Visit.String(), root + strings.Repeat("A", len(code)), root + strings.ToUpper(code), root + strings.Repeat("A", 5000)}
	for i := range code {
		x := byte('A')
		if code[i] == x {
			x = 'B'
		}
		hostile = append(hostile, root+code[:i]+string(x)+code[i+1:])
	}
	for _, h := range hostile {
		if got := s.ask("GET", h, testkit.Alpha, ""); got.Code != 404 || told(got) != nobodys {
			t.Errorf("%.80s: %d %.200s", h, got.Code, got.Body)
		}
	}
	want(t, s.ask("GET", at, testkit.Alpha, ""), 200, []string{"Valid"})
	if got := s.ask("POST", at, testkit.Alpha, ""); got.Code != 404 {
		t.Errorf("POST: %d", got.Code)
	}
}

// A clinic that is not served answers nobody.
func TestTheCodeOfASuspendedClinic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.code(t, testkit.Alpha)
	tx := s.db.As(t, testkit.Alpha, access.Owner)
	if _, err := tx.Exec(t.Context(), "update platform.clinics set status = 'suspended', status_reason = 'unpaid' where id = $1", testkit.Alpha.ID); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := s.ask("GET", at, testkit.Alpha, "")
	for deadline := time.Now().Add(20 * time.Second); got.Code == 200 && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		got = s.ask("GET", at, testkit.Alpha, "") // until the registry's change is heard of
	}
	if got.Code != 403 || strings.Contains(got.Body.String(), "RX-2025") || strings.Contains(got.Body.String(), "unpaid") {
		t.Errorf("%d %.500s", got.Code, got.Body)
	}
	want(t, s.ask("GET", s.code(t, testkit.Beta), testkit.Beta, ""), 200, []string{"Valid"})
}
