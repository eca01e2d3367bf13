package prescription

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Listed is a medicine of the clinic's list as those who keep it see it.
type Listed struct {
	Medicine
	Active  bool // offered while prescribing
	Starter bool // came with the clinic
	Version int32
}

// Lookup says which part of a list is wanted.
type Lookup struct {
	Text  string    // a part of a name, or misspelt
	Off   bool      // those that are switched off, instead of those in use
	Bare  bool      // of medicines, those without a generic name
	After uuid.UUID // the last of the page before, zero for the beginning
	Most  int
}

// typed is what the search compares with.
func (f Lookup) typed() string { return strings.ToLower(strings.Join(strings.Fields(f.Text), " ")) }

// Formulary lists the clinic's medicines by name.
//
// Errors: Forbidden.
func (s *Service) Formulary(ctx context.Context, f Lookup) (list []Listed, more bool, err error) {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return nil, false, err
	}
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListFormulary(ctx, tenantdb.ListFormularyParams{Active: !f.Off, Bare: f.Bare, Typed: f.typed(), AfterID: f.After, AtMost: int32(f.Most + 1)})
		list, more = nil, len(rows) > f.Most
		for _, r := range rows[:min(len(rows), f.Most)] {
			list = append(list, listedOf(tenantdb.GetListedMedicineRow(r)))
		}
		return err
	})
	return list, more, tenants.Refused(err)
}

func listedOf(r tenantdb.GetListedMedicineRow) Listed {
	return Listed{Medicine: Medicine{ID: r.ID.String(), Name: r.Name, Generic: r.Generic, Form: r.Form, Strengths: r.Strengths, Strength: r.Strength,
		Dose: Dose{r.Morning, r.Afternoon, r.Evening, r.Night, r.Sos}, Days: small(r.Days), Food: r.Food, Route: r.Route, Class: r.Class},
		Active: r.Active, Starter: r.Source == "starter", Version: r.Version}
}

// Listed gives one medicine of the list.
//
// Errors: NotFound, Forbidden.
func (s *Service) Listed(ctx context.Context, id uuid.UUID) (Listed, error) {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return Listed{}, err
	}
	var out Listed
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetListedMedicine(ctx, id)
		out = listedOf(r)
		return err
	})
	return out, tenants.Refused(err)
}

// Entry is a medicine for the list as typed.
type Entry struct {
	Name, Generic, Form string
	Strengths           string // with commas between them
	Strength            string // the usual one
	Dose, Days          string
	Food, Route, Class  string
}

// Entry gives a listed medicine as somebody would type it.
func (l Listed) Entry() Entry {
	return Entry{Name: l.Name, Generic: l.Generic, Form: l.Form, Strengths: strings.Join(l.Strengths, ", "), Strength: l.Strength, Dose: l.Dose.String(), Days: number(l.Days),
		Food: l.Food, Route: l.Route, Class: l.Class}
}

// Classes are those in which an allergy against one medicine speaks against all.
func Classes() []string {
	out := []string{}
	for _, g := range groups {
		out = append(out, g.key)
	}
	return out
}

const mostStrengths = 30

// medicine reads an entry. was is the class that it had, which stays allowed.
func (e Entry) medicine(was string) (Medicine, error) {
	var p apperr.Problems
	m := Medicine{Name: tidy(e.Name), Generic: tidy(e.Generic), Form: e.Form, Strength: tidy(e.Strength), Food: e.Food, Route: e.Route, Class: e.Class, Strengths: []string{}}
	if m.Name == "" {
		p.Add("name", "error.required", "Fill this in")
	}
	short(&p, "name", m.Name, 200)
	short(&p, "generic", m.Generic, 200)
	short(&p, "strength", m.Strength, 60)
	for _, x := range append(strings.Split(e.Strengths, ","), m.Strength) {
		if x = tidy(x); x != "" && !slices.Contains(m.Strengths, x) {
			short(&p, "strengths", x, 60)
			m.Strengths = append(m.Strengths, x)
		}
	}
	if len(m.Strengths) > mostStrengths {
		p.AddArgs("strengths", "error.rx.many", "Too many rows", map[string]any{"Max": "30"})
	}
	var err error
	if m.Dose, err = ParseDose(e.Dose); err != nil {
		p.Add("dose", "error.rx.dose", "Write the dose as 1-0-1, 101, bd, tds or sos")
	}
	if m.Days, err = ParseDays(e.Days); err != nil {
		p.Add("days", "error.rx.days", "Write the days as 5, 5d, 2w or 1m, one year at most")
	}
	for _, f := range []struct {
		name, value string
		of          []string
	}{{"form", m.Form, forms}, {"food", m.Food, foods}, {"route", m.Route, routes}, {"class", m.Class, append(Classes(), was)}} {
		if f.value != "" && !slices.Contains(f.of, f.value) {
			p.Add(f.name, "error.choose", "Choose one of the list")
		}
	}
	return m, p.Err()
}

// tidy is a text in one line, which Postgres can keep.
func tidy(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(patient.Visible(strings.ToValidUTF8(text, "\ufffd")), "\x00", "")), " ")
}

// short notes a text that is too long.
func short(p *apperr.Problems, name, text string, most int) {
	if utf8.RuneCountInString(text) > most {
		p.AddArgs(name, "error.too_long", "This is too long", map[string]any{"Max": number(most)})
	}
}

// AddMedicine puts a medicine on the list. key is the form's own: the same form
// sent twice adds one.
//
// Errors: Invalid (also of a name that is there in this form and route), Forbidden.
func (s *Service) AddMedicine(ctx context.Context, key uuid.UUID, e Entry) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	m, err := e.medicine("")
	if err != nil {
		return err
	}
	id := uuid.Must(uuid.NewV7())
	return listed("formulary_once", tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		first, _, err := tenants.Claim(ctx, tx, key, "formulary.add", id)
		if err != nil || !first {
			return err
		}
		return tx.Q().AddMedicine(ctx, tenantdb.AddMedicineParams{ID: id, Name: m.Name, Generic: m.Generic, Form: m.Form, Strengths: m.Strengths, Strength: m.Strength,
			Morning: m.Dose.Morning, Afternoon: m.Dose.Afternoon, Evening: m.Dose.Evening, Night: m.Dose.Night, Sos: m.Dose.SOS, Days: smallOf(m.Days), Food: m.Food,
			Route: m.Route, Class: m.Class})
	}))
}

// listed says of a name that is on the list already what is wrong.
func listed(constraint string, err error) error {
	if tenants.Violates(err, constraint) {
		var p apperr.Problems
		p.Add("name", "error.formulary.twice", "This is on the list already")
		return p.Err()
	}
	return tenants.Refused(err)
}

// ChangeMedicine changes what the list says of a medicine. What was prescribed
// stays as it was.
//
// Errors: Invalid, NotFound, Conflict, Forbidden.
func (s *Service) ChangeMedicine(ctx context.Context, id uuid.UUID, version int32, e Entry) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	return listed("formulary_once", tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		was, err := tx.Q().GetListedMedicine(ctx, id)
		if err != nil {
			return err
		}
		m, err := e.medicine(was.Class)
		if err != nil {
			return err
		}
		return changed(tx.Q().UpdateMedicine(ctx, tenantdb.UpdateMedicineParams{ID: id, Version: version, Name: m.Name, Generic: m.Generic, Form: m.Form, Strengths: m.Strengths,
			Strength: m.Strength, Morning: m.Dose.Morning, Afternoon: m.Dose.Afternoon, Evening: m.Dose.Evening, Night: m.Dose.Night, Sos: m.Dose.SOS, Days: smallOf(m.Days),
			Food: m.Food, Route: m.Route, Class: m.Class}))
	}))
}

// SwitchMedicine offers a medicine while prescribing, or offers it no more.
// Switched again it is what it was.
//
// Errors: NotFound, Conflict, Forbidden.
func (s *Service) SwitchMedicine(ctx context.Context, id uuid.UUID, version int32, on bool) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		m, err := tx.Q().GetListedMedicine(ctx, id)
		if err != nil || m.Active == on {
			return err
		}
		return changed(tx.Q().SwitchMedicine(ctx, tenantdb.SwitchMedicineParams{ID: id, Version: version, Active: on}))
	}))
}
