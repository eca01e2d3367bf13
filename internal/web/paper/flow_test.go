package paper_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/web/paper"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// word is one of a page, as pdftotext measures it, in points.
type word struct {
	page           int
	x0, y0, x1, y1 float64
	text           string
}

var (
	pageLine = regexp.MustCompile(`<page width="([0-9.]+)" height="([0-9.]+)">`)
	wordLine = regexp.MustCompile(`<word xMin="([0-9.-]+)" yMin="([0-9.-]+)" xMax="([0-9.-]+)" yMax="([0-9.-]+)">(.*)</word>`)
)

// words are those of a file, in their order, with the pages' size.
func (p press) boxes(t *testing.T, file string) (all []word, width, height float64) {
	t.Helper()
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	page := 0
	for _, l := range strings.Split(p.run(t, "pdftotext", "-bbox", file, "-"), "\n") {
		if m := pageLine.FindStringSubmatch(l); m != nil {
			page++
			width, height = number(m[1]), number(m[2])
		}
		if m := wordLine.FindStringSubmatch(l); m != nil {
			all = append(all, word{page, number(m[1]), number(m[2]), number(m[3]), number(m[4]), m[5]})
		}
	}
	return all, width, height
}

const mm = 72 / 25.4

// within fails for a word beyond the margins of its page. Below them stands the
// page's number alone.
func within(t *testing.T, name string, all []word, width, height, side, top, bottom float64) {
	t.Helper()
	for _, w := range all {
		foot := w.y0 >= height-bottom*mm-1
		if w.x0 < side*mm-1 || w.x1 > width-side*mm+1 || w.y0 < top*mm-2 || !foot && w.y1 > height-bottom*mm+2 {
			t.Errorf("%s: %q of page %d stands beyond the margins (%.0f to %.0f, %.0f to %.0f of %.0f x %.0f)", name, w.text, w.page, w.x0, w.x1, w.y0, w.y1, width, height)
		}
		if foot && !regexp.MustCompile(`^[0-9/]+$`).MatchString(w.text) {
			t.Errorf("%s: %q stands in the foot of page %d", name, w.text, w.page)
		}
	}
}

// squeezed is text without white space: pdftotext puts some between the
// syllables of Devanagari that stand apart by a hair.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// wholeInOrder fails unless the texts follow one another, spaces left out.
func wholeInOrder(t *testing.T, text string, wants ...string) {
	t.Helper()
	for i := range wants {
		wants[i] = squeezed(wants[i])
	}
	inOrder(t, squeezed(text), wants...)
}

// Any number of medicines, each whole on one page, with the patient, the
// allergy and the table's head on every page.
func TestMedicinesFlowOverPages(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	margins := map[string][3]float64{"a5": {10, 10, 12}, "a4": {16, 14, 16}}
	for _, lang := range []string{"en", "hi", "mr"} {
		for size, m := range margins {
			for _, lines := range []int{1, 5, 12, 40} {
				name := fmt.Sprintf("%d medicines on %s in %s", lines, size, lang)
				rx := prescription(size, lines)
				pages, file := p.print(t, lang, paper.PrescriptionPage(rx))
				all, width, height := p.boxes(t, file)
				within(t, name, all, width, height, m[0], m[1], m[2])
				var wants []string
				for i := range lines {
					wants = append(wants, fmt.Sprintf("%d Amlodipine %d mg", i+1, i+1), "With a glass of water")
				}
				wholeInOrder(t, strings.Join(pages, "\n"), append(wants, "ECG 12 lead", "छातीत दुखल्यास", "30 Nov 2026", "Meera Kulkarni", "Dose order")...)
				repeated(t, name, pages, p.word(lang, "paper.medicine"))
			}
		}
	}
}

// repeated fails unless every page says whose it is and its number, and heads
// the medicines that stand on it.
func repeated(t *testing.T, name string, pages []string, head string) {
	t.Helper()
	for i, page := range pages {
		for _, has := range []string{"Ramesh Patil", "RX-2026-00871", "Penicillin"} {
			if !strings.Contains(page, has) {
				t.Errorf("%s: page %d lacks %s:\n%s", name, i+1, has, page)
			}
		}
		text := squeezed(page)
		if strings.Contains(text, "Amlodipine") && !strings.Contains(text, squeezed(head)) {
			t.Errorf("%s: page %d has medicines without their head:\n%s", name, i+1, page)
		}
		if !strings.HasSuffix(text, fmt.Sprintf("%d/%d", i+1, len(pages))) {
			t.Errorf("%s: page %d does not end with its number:\n%s", name, i+1, page)
		}
	}
}

// word is one of the catalogue.
func (p press) word(lang, key string) string { return p.words.For(lang, nil).T(key) }

// What nobody thought of when the paper was drawn: long names without a gap,
// much advice, many tests. Nothing is lost and nothing leaves the paper.
func TestLongContentIsWhole(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	for size, m := range map[string][3]float64{"a5": {10, 10, 12}, "a4": {16, 14, 16}} {
		rx := prescription(size, 40)
		rx.Head.Clinic = strings.Repeat("Sarvajanik Arogya Pratishthan ", 4)
		rx.Head.Lines = []string{strings.Repeat("Behind the old municipal market, ", 6)}
		rx.Head.Titles = []string{"MBBS, MD (Medicine), DNB (Cardiology), FRCP (Edinburgh)", "Reg. MMC 2009/1234"}
		rx.Patient.Name = strings.Repeat("Venkatanarasimharajuvaripeta ", 4)
		rx.Patient.Allergies = strings.Repeat("Trimethoprim-sulfamethoxazole, ", 5)
		rx.Diagnosis = strings.Repeat("Other specified disorders of the circulatory system, ", 8)
		for i := range rx.Lines {
			rx.Lines[i].Name = fmt.Sprintf("M%02d%sEnd%02d", i, strings.Repeat("dichlorodiphenyl", 6), i)
			rx.Lines[i].Special = strings.Repeat("with a glass of lukewarm water ", 6) + fmt.Sprintf("and rest%02d", i)
		}
		rx.Tests = nil
		for i := range 60 {
			rx.Tests = append(rx.Tests, fmt.Sprintf("Thyroid function test %02d", i))
		}
		var advice []string
		for i := range 90 {
			advice = append(advice, fmt.Sprintf("%d. रोज सकाळी अर्धा तास चाला.", i+1))
		}
		rx.Advice = ui.Words{Text: strings.Join(advice, "\n"), Lang: "mr"}
		pages, file := p.print(t, "en", paper.PrescriptionPage(rx))
		all, width, height := p.boxes(t, file)
		within(t, size, all, width, height, m[0], m[1], m[2])
		text := squeezed(strings.Join(pages, ""))
		for i := range rx.Lines {
			for _, has := range []string{fmt.Sprintf("End%02d", i), fmt.Sprintf("rest%02d", i)} {
				if n := strings.Count(text, has); n != 1 {
					t.Errorf("%s: %s stands %d times", size, has, n)
				}
			}
		}
		for i := range 60 {
			if !strings.Contains(text, fmt.Sprintf("test%02d", i)) {
				t.Errorf("%s: test %d is lost", size, i)
			}
		}
		for i := range 90 {
			if !strings.Contains(text, fmt.Sprintf("%d.रोजसकाळी", i+1)) {
				t.Errorf("%s: advice %d is lost", size, i+1)
			}
		}
	}
}

// Hindi and Marathi come back from the file as they went in, conjuncts and
// signs before their consonant included, and in reading order.
func TestDevanagariComesBack(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	for lang, advice := range map[string]string{
		"hi": "स्वच्छ पानी पिएँ। प्रतिदिन व्यायाम करें। चिकित्सक से मिलें। क्षारीय भोजन न लें। ज्ञात एलर्जी बताएँ।",
		"mr": "स्वच्छ पाणी प्या. प्रिस्क्रिप्शन जवळ ठेवा. दुपारच्या जेवणानंतर विश्रांती घ्या. क्षयरोग तपासणी करा. ज्येष्ठांनी काठी वापरावी.",
	} {
		rx := prescription("a5", 2)
		rx.Advice = ui.Words{Text: advice, Lang: lang}
		pages, _ := p.print(t, lang, paper.PrescriptionPage(rx))
		w := func(key string) string { return p.word(lang, key) }
		wholeInOrder(t, pages[0], w("paper.diagnosis"), w("paper.medicine"), w("paper.dose"), w("paper.when"), w("paper.days"), "Amlodipine 1 mg", "नाश्त्यानंतर", w("paper.tests"), w("paper.advice"), advice, w("paper.review"))
	}
}
