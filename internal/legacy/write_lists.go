package legacy

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
)

// formWords are what the older system's clinics put behind a medicine's name.
var formWords = map[string]bool{
	"tablet": true, "tablets": true, "capsule": true, "capsules": true, "syrup": true, "suspension": true, "injection": true, "ointment": true, "cream": true,
	"gel": true, "eye": true, "ear": true, "nasal": true, "drops": true, "lotion": true, "soap": true, "powder": true, "inhaler": true,
}

// bareName is a medicine's name without the words for its form behind it.
func bareName(name string) string {
	words := strings.Fields(name)
	for len(words) > 1 && formWords[strings.ToLower(words[len(words)-1])] {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// formulary writes the clinic's own entries. What the list has already under the
// very same name, form and route stays as it is. An entry of the starter list of
// the same name lends its generic name and class, which warnings go by, words
// for the form aside ('Amoxicillin Syrup'); one of the same form is put out of
// use as well.
func (w *writer) formulary(ctx context.Context) error {
	has, err := w.q.ListMedicinesForImport(ctx)
	if err != nil {
		return err
	}
	exact := map[string]uuid.UUID{}
	starters, generics := map[string]tenantdb.ListMedicinesForImportRow{}, map[string]tenantdb.ListMedicinesForImportRow{}
	for _, m := range has {
		exact[strings.ToLower(m.Name)+"|"+m.Form+"|"+m.Route] = m.ID
		if m.Source == "starter" {
			starters[squash(m.Name)+"|"+m.Form], generics[squash(m.Name)] = m, m
		}
	}
	var tasks []task
	for i := range w.plan.Formulary {
		m := &w.plan.Formulary[i]
		if _, done := w.found("hospital_mastermedicine", m.ID); done {
			continue
		}
		name := m.Name.Reveal()
		if id, listed := exact[strings.ToLower(name)+"|"+m.Form+"|"]; listed {
			w.made.MedicinesListed++
			tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
				return remember(ctx, q, "formulary", id, "hospital_mastermedicine", m.ID, m.Facts)
			})
			continue
		}
		id := newID()
		exact[strings.ToLower(name)+"|"+m.Form+"|"] = id
		twin, twins := starters[squash(name)+"|"+m.Form]
		lends := twin
		if !twins {
			lends = generics[squash(bareName(name))]
		}
		if twins && twin.Active {
			w.made.StartersRetired++
		}
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			err := q.InsertImportedMedicine(ctx, tenantdb.InsertImportedMedicineParams{
				ID: id, Name: name, Generic: lends.Generic, Form: m.Form, Strengths: m.Strengths, Strength: m.Strength, Morning: m.Dose.Morning, Afternoon: m.Dose.Afternoon,
				Evening: m.Dose.Evening, Night: m.Dose.Night, Sos: m.Dose.SOS, Days: small(m.Days), Food: m.Food, Class: lends.Class, Active: m.Active,
			})
			if err != nil {
				return err
			}
			if twins && twin.Active {
				if err := q.RetireStarterMedicine(ctx, twin.ID); err != nil {
					return err
				}
			}
			return remember(ctx, q, "formulary", id, "hospital_mastermedicine", m.ID, m.Facts)
		})
	}
	return w.all(ctx, "medicines", tasks)
}

// knownMedicines finds what a line may mean: an entry of its name and form, else
// of its name; the clinic's own before the starter's.
func (w *writer) knownMedicines(ctx context.Context) error {
	has, err := w.q.ListMedicinesForImport(ctx)
	if err != nil {
		return err
	}
	w.medicines = map[string]string{}
	for _, m := range has {
		for _, k := range []string{squash(m.Name), squash(m.Name) + "|" + m.Form} {
			if _, there := w.medicines[k]; !there {
				w.medicines[k] = m.Generic
			}
		}
	}
	return nil
}

// generic gives the generic name of a line's medicine, and whether it is listed.
func (w *writer) generic(d *Dosage) (string, bool) {
	k := squash(d.Name.Reveal())
	if g, same := w.medicines[k+"|"+d.Form]; same {
		return g, true
	}
	g, listed := w.medicines[k]
	return g, listed
}

// catalogue writes the tests that the clinic's list does not have.
func (w *writer) catalogue(ctx context.Context) error {
	has, err := w.q.ListTestsForImport(ctx)
	if err != nil {
		return err
	}
	byName := map[string]tenantdb.ListTestsForImportRow{}
	for _, t := range has {
		byName[strings.ToLower(t.Name)] = t
	}
	var tasks []task
	for i := range w.plan.Catalogue {
		t := &w.plan.Catalogue[i]
		if id, done := w.found("hospital_mastertest", t.ID); done {
			w.tests[t.ID] = tenantdb.ListTestsForImportRow{ID: id}
			for _, h := range has {
				if h.ID == id {
					w.tests[t.ID] = h
				}
			}
			continue
		}
		if h, listed := byName[strings.ToLower(t.Name)]; listed {
			w.made.TestsListed++
			w.tests[t.ID] = h
			tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
				return remember(ctx, q, "test_catalogue", h.ID, "hospital_mastertest", t.ID, t.Facts)
			})
			continue
		}
		id := newID()
		byName[strings.ToLower(t.Name)] = tenantdb.ListTestsForImportRow{ID: id, Name: t.Name}
		w.tests[t.ID] = byName[strings.ToLower(t.Name)]
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			err := q.InsertImportedTest(ctx, tenantdb.InsertImportedTestParams{ID: id, Name: t.Name, Kind: t.Kind, Category: t.Category, Active: t.Active})
			if err != nil {
				return err
			}
			return remember(ctx, q, "test_catalogue", id, "hospital_mastertest", t.ID, t.Facts)
		})
	}
	return w.all(ctx, "tests", tasks)
}

// small is a number that may be none.
func small(n int) *int16 {
	if n == 0 {
		return nil
	}
	s := int16(n)
	return &s
}
