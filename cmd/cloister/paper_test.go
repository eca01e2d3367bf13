package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// pdfText is what stands in the PDF that an address answers with.
func (s *site) pdfText(t *testing.T, path string) string {
	t.Helper()
	pdf := s.get(path)
	h := pdf.Header()
	if pdf.Code != 200 || h.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(pdf.Body.String(), "%PDF-") || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		t.Fatalf("%s: %d %v %.200s", path, pdf.Code, h, pdf.Body)
	}
	read := exec.Command("pdftotext", "-layout", "-", "-")
	read.Stdin = bytes.NewReader(pdf.Body.Bytes())
	text, err := read.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// seededRx is the prescription that both clinics of the test world have.
const seededRx = "/prescriptions/018f0000-0000-7000-8000-0000000000a4"

func TestPrescriptionOnPaper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := seededRx + "/print"
	want(t, s.get(at), 200, []string{"sheet-a5", "Paracetamol 500 mg", "1-1-1", "After food", "Malaria parasite smear", at + ".pdf", at + "?paper=a4", at + "?head=none", at + "?lang=hi"})
	want(t, s.get(at+"?paper=a4&head=none&lang=mr"), 200, []string{"sheet-a4", `class="room"`, `height="35mm"`, `<html lang="mr">`, "जेवणानंतर", "After food", at + ".pdf?head=none&amp;lang=mr&amp;paper=a4"})
	text := s.pdfText(t, at+".pdf?lang=hi")
	for _, has := range []string{"Paracetamol 500 mg", "1-1-1", "दवा", "खाने के बाद", "After food"} {
		if !strings.Contains(text, has) {
			t.Errorf("the PDF lacks %q:\n%s", has, text)
		}
	}
	// The patient's own language is the paper's, unless another is asked for; the
	// words around it stay the reader's.
	s.raw(t, "update clinic_alpha.patients set language = 'mr' where id = '"+testkit.Asha.String()+"'")
	want(t, s.get(at), 200, []string{`<html lang="mr">`, "औषध", "Letterhead"})
	want(t, s.get(at+"?lang=en"), 200, []string{`<html lang="en">`, "Medicine", "जेवणानंतर"})
	// A letterhead of the clinic's own paper, with the room it measured.
	s.raw(t, "update clinic_alpha.settings set letterhead = 'none', letterhead_offset_mm = 42")
	want(t, s.get(at), 200, []string{`height="42mm"`}, `class="head"`)
	want(t, s.get(at+"?head=full"), 200, []string{`class="head"`}, `class="room"`)
	// Each copy that somebody saw is on the trail.
	if n := ask1[int](t, s, "select count(*) from clinic_alpha.trail where action = 'view' and entity = 'prescriptions' and record_id = '018f0000-0000-7000-8000-0000000000a4'"); n != 7 {
		t.Errorf("%d views on the trail", n)
	}
}

func TestPrescriptionThatIsNotValid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := seededRx + "/print"
	want(t, s.send("GET", at, access.Doctor, nil, false), 200, []string{seededRx + "/correct", seededRx + "/cancel"}, "NOT VALID")
	want(t, s.get(at), 200, nil, seededRx+"/correct", seededRx+"/cancel", "NOT VALID")
	want(t, s.send("GET", seededRx+"/cancel", access.Doctor, nil, false), 200, []string{"Paracetamol 500 mg", `name="reason"`})
	s.raw(t, "update clinic_alpha.prescriptions set state = 'cancelled', cancel_reason = 'Wrong patient', ended_at = now() where id = '018f0000-0000-7000-8000-0000000000a4'")
	want(t, s.get(at), 200, []string{"Not valid: Wrong patient", "NOT VALID"})
	if text := s.pdfText(t, at+".pdf"); !strings.Contains(text, "Wrong patient") {
		t.Errorf("a cancelled prescription does not say so:\n%s", text)
	}
	wantRedirect(t, s.send("GET", seededRx+"/cancel", access.Doctor, nil, false), "/clinic/alpha"+at)
}

func TestSlipOnPaper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := "/visits/" + testkit.Alpha.ID.String() + "/slip"
	want(t, s.get(at), 200, []string{at + ".pdf?w=80", "58 mm"})
	for width, box := range map[string]string{"80": "226.8 x 255.1", "58": "164.4 x 226.8"} {
		name := filepath.Join(t.TempDir(), "slip.pdf")
		if err := os.WriteFile(name, s.get(at+".pdf?w="+width).Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := exec.Command("pdfinfo", name).CombinedOutput()
		if size := regexp.MustCompile(`Page size: +([0-9.]+) x ([0-9.]+)`).FindSubmatch(info); err != nil || size == nil || near(string(size[1])+" x "+string(size[2]), box) > 1 || !strings.Contains(string(info), "Pages:           1") {
			t.Errorf("%s mm: %v %s", width, err, info)
		}
		text := s.pdfText(t, at+".pdf?w="+width)
		for _, has := range []string{"Alpha Clinic", "Token", "Only"} {
			if !strings.Contains(text, has) {
				t.Errorf("%s mm lacks %q:\n%s", width, has, text)
			}
		}
		if strings.Contains(text, "PDF") || strings.Contains(text, "58 mm") {
			t.Errorf("%s mm has the screen's buttons:\n%s", width, text)
		}
	}
}

// near is by how many points the sizes of two papers differ.
func near(a, b string) float64 {
	var x, y [2]float64
	_, _ = fmt.Sscanf(a, "%f x %f", &x[0], &x[1])
	_, _ = fmt.Sscanf(b, "%f x %f", &y[0], &y[1])
	return math.Abs(x[0]-y[0]) + math.Abs(x[1]-y[1])
}

func TestTestRequestOnPaper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := "/visits/" + testkit.Visit.String() + "/tests"
	want(t, s.get(at), 200, []string{"Malaria parasite smear", "Routine", "Blood", at + ".pdf"})
	if text := s.pdfText(t, at+".pdf?paper=a4"); !strings.Contains(text, "Malaria parasite smear") || !strings.Contains(text, "Test request") {
		t.Errorf("%s", text)
	}
	want(t, s.get("/visits/"+testkit.Alpha.ID.String()+"/tests"), 404, nil)
}

func TestSummaryOnPaper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.finishedVisit(t)
	page := s.get(at + "/summary")
	want(t, page, 200, []string{"sheet-a5", "Fever since three days", "Warm water", at + "/summary.pdf\"", at + "/summary?paper=a4"})
	want(t, s.get(at+"/summary?paper=a4&head=none"), 200, []string{"sheet-a4", `class="room"`})
	want(t, s.get(at+"/consultation"), 200, []string{at + "/summary"})

	if text := s.pdfText(t, at+"/summary.pdf"); !strings.Contains(text, "Fever since three days") {
		t.Errorf("%s", text)
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
	want(t, s.get(seededRx+"/print"), 200, []string{"Paracetamol 500 mg", "apt-get install chromium"}, "print.pdf")
	want(t, s.get(seededRx+"/print.pdf"), 503, []string{"apt-get install chromium"})
	tests := "/visits/" + testkit.Visit.String() + "/tests"
	want(t, s.get(tests), 200, []string{"Malaria parasite smear", "apt-get install chromium"}, "tests.pdf")
	slip := "/visits/" + testkit.Alpha.ID.String() + "/slip"
	want(t, s.get(slip), 200, []string{"apt-get install chromium"}, "slip.pdf")
	want(t, s.get(slip+".pdf"), 503, []string{"apt-get install chromium"})
	want(t, s.get(tests+".pdf"), 503, []string{"apt-get install chromium"})
}
