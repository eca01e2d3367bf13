package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// finishedVisit is a visit of Asha's with a finished consultation.
func (s *site) finishedVisit(t *testing.T) string {
	t.Helper()
	id := uuid.New()
	s.raw(t, "insert into clinic_alpha.visits (clinic_id, id, patient_id, doctor_id, day, kind, state, arrived_at, ended_at) values ('"+testkit.Alpha.ID.String()+"', '"+id.String()+"', '"+testkit.Asha.String()+"', '"+testkit.Doctor.String()+"', (now() at time zone 'Asia/Kolkata')::date, 'routine', 'in_consultation', now(), null)")
	s.raw(t, "insert into clinic_alpha.consultations (clinic_id, id, visit_id, patient_id, doctor_id, complaint, advice, state, finished_at) values ('"+testkit.Alpha.ID.String()+"', '"+id.String()+"', '"+id.String()+"', '"+testkit.Asha.String()+"', '"+testkit.Doctor.String()+"', 'Fever since three days', 'Warm water', 'finished', now())")
	return "/visits/" + id.String()
}

func TestSummaryOnPaper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.finishedVisit(t)
	page := s.get(at + "/summary")
	want(t, page, 200, []string{"sheet-a5", "Fever since three days", "Warm water", at + "/summary.pdf?size=a5", at + "/summary?size=a4"})
	want(t, s.get(at+"/summary?size=a4&head=none"), 200, []string{"sheet-a4", `class="room"`})
	want(t, s.get(at+"/consultation"), 200, []string{at + "/summary"})

	pdf := s.get(at + "/summary.pdf")
	h := pdf.Header()
	if pdf.Code != 200 || h.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(pdf.Body.String(), "%PDF-") || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		t.Fatalf("%d %v %.200s", pdf.Code, h, pdf.Body)
	}
	read := exec.Command("pdftotext", "-", "-")
	read.Stdin = bytes.NewReader(pdf.Body.Bytes())
	text, err := read.Output()
	if err != nil || !strings.Contains(string(text), "Fever since three days") {
		t.Errorf("%v: %s", err, text)
	}
	for _, open := range []string{"/summary", "/summary.pdf"} {
		want(t, s.get("/visits/"+testkit.Beta.ID.String()+open), 404, nil)
		want(t, s.ask("GET", "/clinic/beta"+at+open, testkit.Beta, access.Receptionist), 404, nil, "Fever")
	}
	waiting := "/visits/" + testkit.Alpha.ID.String()
	want(t, s.get(waiting+"/summary"), 404, nil)
}

// A server without Chromium still prints, and says what PDF needs.
func TestPaperWithoutChromium(t *testing.T) {
	t.Parallel()
	s := newSite(t, "CLOISTER_CHROMIUM=/nonexistent/chromium")
	at := s.finishedVisit(t)
	want(t, s.get(at+"/summary"), 200, []string{"Fever since three days", "apt-get install chromium"}, "summary.pdf")
	want(t, s.get(at+"/summary.pdf"), 503, []string{"apt-get install chromium"})
}
