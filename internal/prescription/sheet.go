package prescription

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloister-health/cloister/internal/patient"
)

// Typed is one row of the builder as typed: it is also what a draft and a
// template keep, so that nothing is lost that is not right yet.
type Typed struct {
	Medicine     string `json:"medicine"`
	Form         string `json:"form,omitempty"`
	Strength     string `json:"strength,omitempty"`
	Dose         string `json:"dose,omitempty"`
	Days         string `json:"days,omitempty"`
	Quantity     string `json:"quantity,omitempty"` // empty: derived
	Food         string `json:"food,omitempty"`
	Route        string `json:"route,omitempty"`
	Instructions string `json:"instructions,omitempty"`
	Refills      string `json:"refills,omitempty"`
	Reason       string `json:"reason,omitempty"` // why a warning is overridden
	Keep         bool   `json:"keep,omitempty"`   // a new name goes into the clinic's list
}

// TypedTest is one test that is asked for, as typed.
type TypedTest struct {
	Name    string `json:"name"`
	Urgency string `json:"urgency,omitempty"` // routine unless stat
	By      string `json:"by,omitempty"`      // in how many days it is needed
	Note    string `json:"note,omitempty"`
}

// Sheet is the whole builder: rows, and what stands in its two search fields and
// was not added yet.
type Sheet struct {
	Lines    []Typed     `json:"lines"`
	Tests    []TypedTest `json:"tests"`
	Medicine string      `json:"medicine,omitempty"`
	Test     string      `json:"test,omitempty"`
}

// Format hides what a patient is to take from every log.
func (Sheet) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[hidden]")) }

// Empty reports that nothing is prescribed, asked for or being typed.
func (s Sheet) Empty() bool {
	return len(s.Lines) == 0 && len(s.Tests) == 0 && s.Medicine == "" && s.Test == ""
}

// Equal compares two sheets row by row.
func (s Sheet) Equal(o Sheet) bool {
	return s.Medicine == o.Medicine && s.Test == o.Test && slices.Equal(s.Lines, o.Lines) && slices.Equal(s.Tests, o.Tests)
}

// Clean makes a sheet that JSON and Postgres can keep, whatever was sent, and
// leaves out rows without a name.
func (s Sheet) Clean() Sheet {
	fix := func(t *string) {
		*t = strings.TrimSpace(strings.ReplaceAll(patient.Visible(strings.ToValidUTF8(*t, "\ufffd")), "\x00", ""))
	}
	out := Sheet{Lines: []Typed{}, Tests: []TypedTest{}, Medicine: s.Medicine, Test: s.Test}
	fix(&out.Medicine)
	fix(&out.Test)
	for _, l := range s.Lines {
		for _, t := range []*string{&l.Medicine, &l.Form, &l.Strength, &l.Dose, &l.Days, &l.Quantity, &l.Food, &l.Route, &l.Instructions, &l.Refills, &l.Reason} {
			fix(t)
		}
		if l.Medicine != "" || l.Dose != "" || l.Instructions != "" {
			out.Lines = append(out.Lines, l)
		}
	}
	for _, t := range s.Tests {
		for _, x := range []*string{&t.Name, &t.Urgency, &t.By, &t.Note} {
			fix(x)
		}
		if t.Name != "" {
			out.Tests = append(out.Tests, t)
		}
	}
	return out
}

// plainCopy is a sheet as a template keeps it: what was said about one patient
// is left out.
func (s Sheet) plainCopy() Sheet {
	out := s.Clean()
	out.Medicine, out.Test = "", ""
	for i := range out.Lines {
		out.Lines[i].Reason, out.Lines[i].Keep = "", false
	}
	return out
}

// Medicine is one of the clinic's list.
type Medicine struct {
	ID        string
	Name      string
	Generic   string
	Form      string
	Strengths []string
	Strength  string
	Dose      Dose
	Days      int
	Food      string
	Route     string
	Class     string
}

// typed is a row with the list's defaults. strength is the one that was asked
// for, or empty.
func (m Medicine) typed(strength string) Typed {
	t := Typed{Medicine: m.Name, Form: m.Form, Strength: m.Strength, Dose: m.Dose.String(), Food: m.Food, Route: m.Route}
	if strength != "" {
		t.Strength = strength
	}
	if m.Days > 0 {
		t.Days = fmt.Sprint(m.Days)
	}
	return t
}

// wanted is the strength among the list's that a number typed behind the name
// means: "paracetamol 650".
func (m Medicine) wanted(number string) string {
	if number == "" {
		return ""
	}
	for _, s := range m.Strengths {
		if strings.HasPrefix(strings.ReplaceAll(strings.ToLower(s), " ", ""), number) {
			return s
		}
	}
	return ""
}

// known finds a row's medicine in the list: the same name and form, by the same
// route if there is a choice.
func known(list []Medicine, t Typed) (Medicine, bool) {
	found, ok := Medicine{}, false
	for _, m := range list {
		if !strings.EqualFold(m.Name, t.Medicine) {
			continue
		}
		switch {
		case m.Form == t.Form && m.Route == t.Route:
			return m, true
		case !ok || m.Form == t.Form && found.Form != t.Form:
			found, ok = m, true
		}
	}
	return found, ok
}
