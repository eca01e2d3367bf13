package prescription_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/prescription"
)

func admin(t testing.TB) context.Context { t.Helper(); return as(t, access.ClinicAdmin) }

// find gives the entry of a name, in use or switched off.
func (w *world) find(t *testing.T, name string, off bool) (prescription.Listed, bool) {
	t.Helper()
	list, _, err := w.Formulary(admin(t), prescription.Lookup{Text: name, Off: off, Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Name == name {
			return m, true
		}
	}
	return prescription.Listed{}, false
}

func TestFormularyPageByPage(t *testing.T) {
	t.Parallel()
	w := open(t)
	whole, more, err := w.Formulary(doctor(t), prescription.Lookup{Most: 5000})
	if err != nil || more || len(whole) < 100 {
		t.Fatal(len(whole), more, err)
	}
	var got []string
	for f := (prescription.Lookup{Most: 7}); ; {
		list, more, err := w.Formulary(doctor(t), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			got = append(got, m.ID)
		}
		if !more {
			break
		}
		f.After = uuid.MustParse(list[len(list)-1].ID)
	}
	var want []string
	for i, m := range whole {
		want = append(want, m.ID)
		if i > 0 && strings.ToLower(m.Name) < strings.ToLower(whole[i-1].Name) {
			t.Errorf("%s comes after %s", m.Name, whole[i-1].Name)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for typed, name := range map[string]string{"AMOXI": "Amoxicillin", "amoxicilin": "Amoxicillin", "  metfor ": "Metformin"} {
		list, _, err := w.Formulary(doctor(t), prescription.Lookup{Text: typed, Most: 20})
		if err != nil || len(list) == 0 || !strings.HasPrefix(list[0].Name, name) {
			t.Errorf("%q finds %d, %v", typed, len(list), err)
		}
	}
	for _, r := range []access.Role{access.Nurse, access.Receptionist, access.LabTechnician} {
		_, _, err := w.Formulary(as(t, r), prescription.Lookup{Most: 1})
		code(t, string(r), err, apperr.Forbidden)
		code(t, string(r), w.AddMedicine(as(t, r), uuid.New(), prescription.Entry{Name: "X"}), apperr.Forbidden)
		code(t, string(r), w.AddTest(as(t, r), uuid.New(), prescription.TestEntry{Name: "X", Kind: "blood"}), apperr.Forbidden)
	}
}

// What is added is suggested with its defaults; switched off it is not.
func TestAMedicineOfTheList(t *testing.T) {
	t.Parallel()
	w := open(t)
	e := prescription.Entry{Name: "  Zyxomol   Forte", Generic: "Amoxicillin", Form: "tablet", Strengths: "250 mg, 500 mg,", Strength: "625 mg", Dose: "bd", Days: "1w", Food: "after", Route: "oral", Class: "penicillin"}
	key := uuid.New()
	for range 2 { // the same form sent twice
		if err := w.AddMedicine(admin(t), key, e); err != nil {
			t.Fatal(err)
		}
	}
	code(t, "the same again", w.AddMedicine(admin(t), uuid.New(), e), apperr.Invalid)
	m, ok := w.find(t, "Zyxomol Forte", false)
	if !ok || m.Starter || !m.Active {
		t.Fatalf("%+v", m)
	}
	want := prescription.Entry{Name: "Zyxomol Forte", Generic: "Amoxicillin", Form: "tablet", Strengths: "250 mg, 500 mg, 625 mg", Strength: "625 mg", Dose: "1-0-1", Days: "7", Food: "after", Route: "oral", Class: "penicillin"}
	if d := cmp.Diff(want, m.Entry()); d != "" {
		t.Error(d)
	}
	suggested := func() int {
		t.Helper()
		found, err := w.Suggest(doctor(t), uuid.Nil, "zyxom", 8)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if suggested() != 1 {
		t.Error("it is not suggested")
	}
	id := uuid.MustParse(m.ID)
	if err := w.SwitchMedicine(admin(t), id, m.Version, false); err != nil {
		t.Fatal(err)
	}
	if err := w.SwitchMedicine(admin(t), id, m.Version, false); err != nil { // again
		t.Error(err)
	}
	if suggested() != 0 {
		t.Error("it is suggested though it is off")
	}
	code(t, "an old version", w.SwitchMedicine(admin(t), id, m.Version, true), apperr.Conflict)
	off, ok := w.find(t, "Zyxomol Forte", true)
	if !ok {
		t.Fatal("it is not among those that are off")
	}
	want.Dose, want.Days = "1-1-1", ""
	if err := w.ChangeMedicine(doctor(t), id, off.Version, want); err != nil {
		t.Fatal(err)
	}
	code(t, "a change of an old version", w.ChangeMedicine(doctor(t), id, off.Version, want), apperr.Conflict)
	code(t, "nobody's", w.ChangeMedicine(doctor(t), uuid.New(), 1, want), apperr.NotFound)
	if now, _ := w.find(t, "Zyxomol Forte", true); now.Entry() != want {
		t.Errorf("%+v", now.Entry())
	}
}

func TestEntriesAreChecked(t *testing.T) {
	t.Parallel()
	w := open(t)
	good := prescription.Entry{Name: "X"}
	for field, spoil := range map[string]func(*prescription.Entry){
		"name": func(e *prescription.Entry) { e.Name = "  " }, "form": func(e *prescription.Entry) { e.Form = "brick" }, "dose": func(e *prescription.Entry) { e.Dose = "seldom" },
		"days": func(e *prescription.Entry) { e.Days = "900" }, "food": func(e *prescription.Entry) { e.Food = "never" }, "route": func(e *prescription.Entry) { e.Route = "by post" },
		"class": func(e *prescription.Entry) { e.Class = "made_up" }, "strength": func(e *prescription.Entry) { e.Strength = strings.Repeat("x", 61) },
		"generic": func(e *prescription.Entry) { e.Generic = strings.Repeat("x", 201) }, "strengths": func(e *prescription.Entry) { e.Strengths = strings.Repeat("x,", 3) + numbers(40) },
	} {
		e := good
		spoil(&e)
		named(t, field, w.AddMedicine(admin(t), uuid.New(), e))
	}
	for field, e := range map[string]prescription.TestEntry{"name": {Kind: "blood"}, "kind": {Name: "X", Kind: "guess"}, "code": {Name: "X", Kind: "ct", Code: strings.Repeat("x", 21)},
		"category": {Name: "X", Kind: "ct", Category: strings.Repeat("x", 101)}} {
		named(t, field, w.AddTest(admin(t), uuid.New(), e))
	}
}

// numbers are so many different strengths.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("1", i+1) + ",")
	}
	return b.String()
}

// named checks that an error names a field.
func named(t *testing.T, field string, err error) {
	t.Helper()
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid || len(e.Fields) == 0 || e.Fields[0].Name != field {
		t.Errorf("%s: %v", field, err)
	}
}

// A medicine that was typed new is offered to the list, and then waits there
// for its generic name.
func TestATypedMedicineIsKept(t *testing.T) {
	t.Parallel()
	w := open(t)
	s := sheet("Quixotril", "Unkept")
	s.Lines[0].Keep, s.Lines[0].Strength = true, "20 mg"
	w.issue(t, s)
	bare, _, err := w.Formulary(admin(t), prescription.Lookup{Bare: true, Most: 50})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]prescription.Listed{}
	for _, m := range bare {
		found[m.Name] = m
	}
	if m, ok := found["Quixotril"]; !ok || m.Strength != "20 mg" || m.Dose.String() != "1-0-1" || m.Starter {
		t.Errorf("%+v", m)
	}
	if _, ok := found["Unkept"]; ok {
		t.Error("what was not ticked is on the list")
	}
}

func TestATestOfTheCatalogue(t *testing.T) {
	t.Parallel()
	w := open(t)
	e := prescription.TestEntry{Name: "Zymogen assay", Kind: "blood", Category: "Special", Code: "ZYM"}
	key := uuid.New()
	for range 2 {
		if err := w.AddTest(admin(t), key, e); err != nil {
			t.Fatal(err)
		}
	}
	code(t, "the same again", w.AddTest(admin(t), uuid.New(), prescription.TestEntry{Name: "zymogen ASSAY", Kind: "blood"}), apperr.Invalid)
	list, _, err := w.Catalogue(doctor(t), prescription.Lookup{Text: "zym", Most: 10})
	if err != nil || len(list) != 1 || list[0].TestEntry != e {
		t.Fatalf("%+v, %v", list, err)
	}
	x := list[0]
	if err := w.SwitchTest(admin(t), x.ID, x.Version, false); err != nil {
		t.Fatal(err)
	}
	code(t, "an old version", w.ChangeTest(admin(t), x.ID, x.Version, e), apperr.Conflict)
	if found, err := w.SuggestTests(doctor(t), "zymogen", 8); err != nil || len(found) != 0 {
		t.Errorf("%d are suggested, %v", len(found), err)
	}
	off, _, err := w.Catalogue(doctor(t), prescription.Lookup{Off: true, Most: 10})
	if err != nil || len(off) != 1 {
		t.Fatalf("%+v, %v", off, err)
	}
	e.Code = "ZY2"
	if err := w.ChangeTest(admin(t), x.ID, off[0].Version, e); err != nil {
		t.Fatal(err)
	}
	if now, err := w.ListedTest(admin(t), x.ID); err != nil || now.TestEntry != e || now.Active {
		t.Errorf("%+v, %v", now, err)
	}
}
