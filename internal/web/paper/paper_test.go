package paper_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/print"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/static"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Each paper is drawn by a Chromium and read again by poppler's programs: what a
// pharmacist reads must be there, in order, on the right paper, in each language.

type press struct {
	assets *static.Assets
	words  *locale.Bundle
	r      *print.Renderer
}

func newPress(t *testing.T) press {
	t.Helper()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := print.New(print.Config{Folder: t.TempDir(), Wait: time.Minute})
	if err := r.Available(); err != nil {
		t.Fatalf("%v; make browser installs it", err)
	}
	t.Cleanup(r.Close)
	return press{a, b, r}
}

// print gives the text of the PDF, page by page, and its file.
func (p press) print(t *testing.T, lang string, c templ.Component) (pages []string, file string) {
	t.Helper()
	var html bytes.Buffer
	if err := c.Render(ui.With(t.Context(), ui.Env{Loc: p.words.For(lang, nil), Assets: p.assets}), &html); err != nil {
		t.Fatal(err)
	}
	pdf, err := p.r.PDF(t.Context(), print.Document{HTML: html.Bytes(), File: p.assets.File})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	pages = strings.Split(strings.TrimSuffix(p.run(t, "pdftotext", "-layout", file, "-"), "\f"), "\f")
	return pages, file
}

func (press) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func sheet(size string) paper.Sheet {
	return paper.Sheet{Size: size, Title: "Prescription RX-2026-00871",
		Head: paper.Head{Clinic: "Northside Family Clinic", Local: ui.Words{Text: "नॉर्थसाइड फॅमिली क्लिनिक", Lang: "mr"},
			Lines: []string{"14 Karve Road, Pune 411004 · 020 2545 0000"}, Doctor: "Dr. Meera Kulkarni", Titles: []string{"MBBS, MD (Medicine)", "Reg. MMC 2009/1234"}},
		Patient: paper.Patient{Name: "Ramesh Patil", Local: ui.Words{Text: "रमेश पाटील", Lang: "mr"}, Facts: []string{"M · 61 y", "PT-2026-00112"}, Allergies: "Penicillin"},
		Facts:   []string{"RX-2026-00871", "23 Nov 2026, 10:58 AM"}, Foot: "Dose order: morning–afternoon–night",
		Screen: paper.Screen{Lang: "en", Label: "Around", Back: ui.Button{Label: "Queue", Href: "/clinic/northside/queue"}}}
}

func prescription(size string, lines int) paper.Prescription {
	p := paper.Prescription{Sheet: sheet(size), Diagnosis: "Essential (primary) hypertension (I10)", Vitals: []string{"BP 168/102", "Pulse 96", "SpO₂ 97 %"},
		Tests: []string{"ECG 12 lead (stat)", "Lipid profile"}, Advice: ui.Words{Text: "मीठ कमी खा.\nछातीत दुखल्यास लगेच या.", Lang: "mr"}, Review: "30 Nov 2026",
		Store: []string{"Northside Medical", "Shop 2, Karve Road", "020 2545 0001"}}
	for i := range lines {
		p.Lines = append(p.Lines, paper.Line{Name: fmt.Sprintf("Amlodipine %d mg", i+1), Detail: "Tablet · oral", Dose: "1-0-½", When: "After breakfast",
			Local: ui.Words{Text: "नाश्त्यानंतर", Lang: "mr"}, Days: "30", Count: "45", Special: "With a glass of water"})
	}
	return p
}

// inOrder fails unless the texts follow one another.
func inOrder(t *testing.T, text string, wants ...string) {
	t.Helper()
	rest := text
	for _, w := range wants {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Fatalf("%q is not there, or not in its place:\n%s", w, text)
		}
		rest = rest[i+len(w):]
	}
}

func TestPrescription(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	for size, points := range map[string]string{"a5": "(A5)", "a4": "(A4)"} {
		pages, file := p.print(t, "en", paper.PrescriptionPage(prescription(size, 4)))
		if len(pages) != 1 {
			t.Errorf("%s: four medicines take %d pages", size, len(pages))
		}
		if info := p.run(t, "pdfinfo", file); !strings.Contains(info, points) {
			t.Errorf("%s: %s", size, info)
		}
		inOrder(t, pages[0], "Northside Family Clinic", "Ramesh Patil", "RX-2026-00871", "ALLERGY: Penicillin", "hypertension (I10)", "BP 168/102", "Medicine", "Amlodipine 1 mg", "1-0-½",
			"After breakfast", "30", "नाश्त्यानंतर", "Amlodipine 4 mg", "Tests:", "Lipid profile", "Advice:", "मीठ कमी खा", "Review:", "30 Nov 2026", "Dr. Meera Kulkarni", "Northside Medical", "Dose order", "1/1")
	}
}

func TestPaperInEachLanguage(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	for lang, want := range map[string]string{"en": "Medicine", "hi": "एलर्जी", "mr": "औषध"} {
		pages, _ := p.print(t, lang, paper.PrescriptionPage(prescription("a5", 2)))
		if !strings.Contains(pages[0], want) {
			t.Errorf("%s lacks %s:\n%s", lang, want, pages[0])
		}
	}
}

func TestBlankLetterhead(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	top := func(blank bool) float64 {
		rx := prescription("a5", 1)
		rx.Head.Blank, rx.Head.OffsetMM = blank, 40
		pages, file := p.print(t, "en", paper.PrescriptionPage(rx))
		if strings.Contains(pages[0], "Karve Road, Pune") == blank {
			t.Errorf("blank %t: %s", blank, pages[0])
		}
		for _, l := range strings.Split(p.run(t, "pdftotext", "-bbox", file, "-"), "\n") {
			var x0, y0 float64
			if n, _ := fmt.Sscanf(strings.TrimSpace(l), `<word xMin="%f" yMin="%f"`, &x0, &y0); n == 2 && strings.Contains(l, ">Ramesh<") {
				return y0
			}
		}
		t.Fatal("the patient's name is not there")
		return 0
	}
	if y := top(true) * 25.4 / 72; y < 50 || y > 58 { // 10 mm of margin and 40 of room
		t.Errorf("the patient's name begins %.1f mm from the top", y)
	}
	top(false)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	s := paper.Summary{Sheet: sheet("a4"), Vitals: []string{"BP 120/80"}, Complaint: "Fever since three days", Symptoms: []string{"Cough", "Headache"}, Findings: "Throat red",
		Diagnoses: []paper.Diagnosis{{Title: "Acute pharyngitis, unspecified", Code: "J02.9", Note: "mild"}}, Plan: "Rest", Advice: "Warm water", FollowUp: "30 Nov 2026",
		Addenda: []paper.Addendum{{When: "24 Nov 2026", Who: "Dr. Meera Kulkarni", Text: "Report seen"}}}
	pages, _ := p.print(t, "en", paper.SummaryPage(s))
	if len(pages) != 1 {
		t.Errorf("%d pages", len(pages))
	}
	inOrder(t, pages[0], "Ramesh Patil", "Diagnosis:", "Acute pharyngitis, unspecified (J02.9) – mild", "Vitals:", "BP 120/80", "Complaint:", "Fever", "Symptoms:", "Cough, Headache", "Findings:", "Throat red",
		"Plan:", "Rest", "Advice:", "Warm water", "Review:", "30 Nov 2026", "Added 24 Nov 2026 by Dr. Meera Kulkarni", "Report seen")
}
