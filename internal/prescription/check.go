package prescription

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
)

// Kinds of warnings, as the database has them.
const (
	WarnAllergy = "allergy"
	WarnTwice   = "twice"
	WarnDose    = "no_dose"
	WarnDays    = "no_days"
)

// Warning is what a doctor is told of a row, and may override with a reason.
type Warning struct {
	Kind string
	What phi.Text // the allergy, or the other row's medicine
}

// Line is one medicine of a prescription.
type Line struct {
	Medicine     phi.Text
	Generic      string
	Form         string
	Strength     string
	Dose         Dose
	Days         int // 0 if not said
	Quantity     int // 0 if not known
	Food         string
	Route        string
	Instructions phi.Text
	Refills      int
	Listed       bool // in the clinic's list
	Warnings     []Warning
	Reason       phi.Text // of the override
}

// Test is one test that is asked for.
type Test struct {
	ID      string // of the clinic's list, or empty
	Name    phi.Text
	Kind    string
	Code    string
	Urgency string
	By      int // in how many days it is needed, 0 if not said
	Note    phi.Text
}

const (
	mostLines   = 40
	mostTests   = 40
	mostRefills = 24
	mostPacks   = 5000
)

var (
	forms     = []string{"tablet", "capsule", "syrup", "suspension", "drops", "injection", "inhaler", "cream", "ointment", "lotion", "powder", "soap"}
	foods     = []string{"before", "after", "with", "any"}
	routes    = []string{"oral", "topical", "inhaled", "nasal", "ophthalmic", "otic", "IM", "IV", "SC", "sublingual", "rectal", "vaginal"}
	urgencies = []string{"routine", "stat"}
	kinds     = []string{"blood", "urine", "xray", "ultrasound", "ecg", "ct", "mri", "other"}
)

// Forms, Foods, Routes and Kinds list what a form may choose from.
func Forms() []string { return slices.Clone(forms) }

// Foods are how a medicine goes with a meal.
func Foods() []string { return slices.Clone(foods) }

// Routes are the ways into the body.
func Routes() []string { return slices.Clone(routes) }

// Kinds are the kinds of tests.
func Kinds() []string { return slices.Clone(kinds) }

// read makes lines of the rows with the warnings for each, one line a row. The
// problems are of what can't be read; names are rx-<row>-<field>.
func (s Sheet) read(list []Medicine, allergies phi.Text, p *apperr.Problems) []Line {
	out := make([]Line, len(s.Lines))
	for i, t := range s.Lines {
		l := t.line(i, p)
		class := ""
		if m, ok := known(list, t); ok {
			l.Generic, l.Listed, class = m.Generic, true, m.Class
			if l.Form == "" {
				l.Form = m.Form
			}
		}
		if l.Quantity == 0 {
			l.Quantity, _ = Quantity(l.Form, l.Dose, l.Days)
		}
		if what := clash(allergies.Reveal(), t.Medicine, l.Generic, class); what != "" {
			l.Warnings = append(l.Warnings, Warning{WarnAllergy, phi.Text(what)})
		}
		if other := twin(l, out[:i]); other != "" {
			l.Warnings = append(l.Warnings, Warning{WarnTwice, other})
		}
		if l.Dose.IsZero() {
			l.Warnings = append(l.Warnings, Warning{Kind: WarnDose})
		}
		if l.Days == 0 && !l.Dose.SOS {
			l.Warnings = append(l.Warnings, Warning{Kind: WarnDays})
		}
		out[i] = l
	}
	return out
}

// twin is an earlier row's medicine that is the same or has an ingredient of
// the line's.
func twin(l Line, before []Line) phi.Text {
	parts := func(l Line) []string {
		if l.Generic != "" {
			return ingredients(l.Generic)
		}
		return ingredients(l.Medicine.Reveal())
	}
	own := parts(l)
	for _, o := range before {
		if strings.EqualFold(o.Medicine.Reveal(), l.Medicine.Reveal()) || slices.ContainsFunc(parts(o), func(x string) bool { return slices.Contains(own, x) }) {
			return o.Medicine
		}
	}
	return ""
}

// line reads the fields of one row.
func (t Typed) line(i int, p *apperr.Problems) Line {
	at := func(field string) string { return fmt.Sprintf("rx-%d-%s", i, field) }
	l := Line{Medicine: phi.Text(t.Medicine), Form: t.Form, Strength: t.Strength, Food: t.Food, Route: t.Route, Instructions: phi.Text(t.Instructions), Reason: phi.Text(t.Reason)}
	if t.Medicine == "" {
		p.Add(at("medicine"), "error.required", "Fill this in")
	}
	for _, f := range []struct {
		name, text string
		most       int
	}{{"medicine", t.Medicine, 200}, {"strength", t.Strength, 60}, {"instructions", t.Instructions, 500}, {"reason", t.Reason, 300}} {
		if utf8.RuneCountInString(f.text) > f.most {
			p.AddArgs(at(f.name), "error.too_long", "This is too long", map[string]any{"Max": strconv.Itoa(f.most)})
		}
	}
	var err error
	if l.Dose, err = ParseDose(t.Dose); err != nil {
		p.Add(at("dose"), "error.rx.dose", "Write the dose as 1-0-1, 101, bd, tds or sos")
	}
	if l.Days, err = ParseDays(t.Days); err != nil {
		p.Add(at("days"), "error.rx.days", "Write the days as 5, 5d, 2w or 1m, one year at most")
	}
	l.Quantity = count(p, at("quantity"), t.Quantity, mostPacks)
	l.Refills = count(p, at("refills"), t.Refills, mostRefills)
	for _, f := range []struct {
		name, value string
		of          []string
	}{{"form", t.Form, forms}, {"food", t.Food, foods}, {"route", t.Route, routes}} {
		if f.value != "" && !slices.Contains(f.of, f.value) {
			p.Add(at(f.name), "error.choose", "Choose one of the list")
		}
	}
	return l
}

// count reads a whole number that may be left out.
func count(p *apperr.Problems, name, text string, most int) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(plain(text))
	if err != nil || n < 0 || n > most {
		p.AddArgs(name, "error.number", "Enter a whole number", map[string]any{"Low": "0", "High": strconv.Itoa(most)})
		return 0
	}
	return n
}

// overridden notes each warning that has no reason.
func overridden(lines []Line, p *apperr.Problems) {
	for i, l := range lines {
		if len(l.Warnings) > 0 && l.Reason == "" {
			p.Add(fmt.Sprintf("rx-%d-reason", i), "error.rx.reason", "Give a reason for prescribing it all the same, or change the row")
		}
	}
}

// whole reads a sheet that is to be issued.
func (s Sheet) whole(list []Medicine, tests []Test, allergies phi.Text) ([]Line, []Test, error) {
	var p apperr.Problems
	lines := s.read(list, allergies, &p)
	overridden(lines, &p)
	if s.Medicine != "" {
		p.Add("medicine", "error.rx.pending", "Press Enter to add this medicine, or clear the field")
	}
	if len(lines) > mostLines {
		p.AddArgs("medicine", "error.rx.many", "Too many rows", map[string]any{"Max": strconv.Itoa(mostLines)})
	}
	asked := s.tests(tests, &p)
	return lines, asked, p.Err()
}

// tests reads the tests that are asked for; the same one twice is one.
func (s Sheet) tests(list []Test, p *apperr.Problems) []Test {
	var out []Test
	for i, t := range s.Tests {
		at := func(field string) string { return fmt.Sprintf("test-%d-%s", i, field) }
		x := Test{Name: phi.Text(t.Name), Kind: "other", Urgency: urgencies[0], Note: phi.Text(t.Note), By: count(p, at("by"), t.By, mostDays)}
		if slices.Contains(urgencies, t.Urgency) {
			x.Urgency = t.Urgency
		}
		for _, k := range list {
			if strings.EqualFold(k.Name.Reveal(), t.Name) {
				x.ID, x.Name, x.Kind, x.Code = k.ID, k.Name, k.Kind, k.Code
			}
		}
		if utf8.RuneCountInString(t.Name) > 200 || utf8.RuneCountInString(t.Note) > 500 {
			p.AddArgs(at("note"), "error.too_long", "This is too long", map[string]any{"Max": "500"})
		}
		if !slices.ContainsFunc(out, func(o Test) bool { return strings.EqualFold(o.Name.Reveal(), x.Name.Reveal()) }) {
			out = append(out, x)
		}
	}
	if s.Test != "" {
		p.Add("test", "error.test.pending", "Press Enter to add this test, or clear the field")
	}
	if len(out) > mostTests {
		p.AddArgs("test", "error.rx.many", "Too many rows", map[string]any{"Max": strconv.Itoa(mostTests)})
	}
	return out
}
