package prescription

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Suggestion is a medicine, or with Template one of the doctor's templates,
// that may be meant.
type Suggestion struct {
	Medicine
	Wanted   string   // the strength that was typed, if the list has it
	Recent   bool     // the doctor prescribed it lately
	Clash    phi.Text // the patient's allergy that speaks against it
	Template *Template
}

// Template is a sheet that a doctor keeps.
type Template struct {
	ID      uuid.UUID
	Doctor  string
	Mine    bool
	Name    string
	Keyword string
	// Description and Retired come from an older system; what is retired is not suggested.
	Description string
	Retired     bool
	Shared      bool
	Version     int32
	Sheet       Sheet
}

// query is what was typed in the search for a medicine: words, and a number
// behind them that is a strength.
func query(text string) (words, number string) {
	var left []string
	for i, w := range strings.Fields(strings.ToLower(text)) {
		if i > 0 && unicode.IsDigit([]rune(w)[0]) {
			number = strings.ReplaceAll(w, " ", "")
			break
		}
		left = append(left, w)
	}
	return strings.Join(left, " "), number
}

// Suggest finds medicines for a patient by what was typed, at most of them,
// those that the doctor prescribed lately first. A text that begins with a
// slash finds the doctor's templates.
//
// Errors: NotFound, Forbidden.
func (s *Service) Suggest(ctx context.Context, patientID uuid.UUID, text string, most int) ([]Suggestion, error) {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "/"); ok {
		return s.templates(ctx, rest, most)
	}
	words, number := query(text)
	var out []Suggestion
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var (
			found     []tenantdb.SuggestMedicinesRow
			recent    []tenantdb.ListRecentMedicinesRow
			allergies phi.Text
		)
		err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			allergies, err = allergiesIn(ctx, q, patientID)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			if words != "" {
				found, err = q.SuggestMedicines(ctx, tenantdb.SuggestMedicinesParams{Typed: words, AtMost: int32(3 * most)})
			}
			return err
		}, func(q *tenantdb.Queries) (err error) {
			recent, err = q.ListRecentMedicines(ctx, tx.Actor.ID)
			return err
		})
		out = ranked(found, recent, words, number, allergies, most)
		return err
	})
	return out, tenants.Refused(err)
}

// ranked puts what the doctor uses and what begins as typed first; a misspelt
// match stays behind both.
func ranked(found []tenantdb.SuggestMedicinesRow, recent []tenantdb.ListRecentMedicinesRow, words, number string, allergies phi.Text, most int) []Suggestion {
	out := make([]Suggestion, 0, len(found))
	for _, r := range found {
		x := Suggestion{Medicine: medicineOf(tenantdb.GetMedicineRow(r))}
		x.Wanted = x.wanted(number)
		x.Clash = phi.Text(clash(allergies.Reveal(), x.Name, x.Generic, x.Class))
		x.Recent = slices.ContainsFunc(recent, func(o tenantdb.ListRecentMedicinesRow) bool {
			return o.Name == strings.ToLower(x.Name) && o.Form == x.Form
		})
		out = append(out, x)
	}
	rank := func(x Suggestion) int {
		begins := strings.HasPrefix(strings.ToLower(x.Name), words)
		switch {
		case begins && number != "" && x.Wanted != "":
			return 0
		case begins && x.Recent:
			return 1
		case begins:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int { return rank(a) - rank(b) })
	return out[:min(len(out), most)]
}

func (s *Service) templates(ctx context.Context, text string, most int) ([]Suggestion, error) {
	all, err := s.Templates(ctx, text, most)
	out := make([]Suggestion, len(all))
	for i := range all {
		out[i].Template = &all[i]
	}
	return out, err
}

// SuggestTests finds tests of the clinic's list.
//
// Errors: Forbidden.
func (s *Service) SuggestTests(ctx context.Context, text string, most int) ([]Test, error) {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return nil, err
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var out []Test
	if text == "" {
		return nil, nil
	}
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().SuggestTests(ctx, tenantdb.SuggestTestsParams{Typed: text, AtMost: int32(most)})
		out = nil
		for _, r := range rows {
			out = append(out, Test{ID: r.ID.String(), Name: phi.Text(r.Name), Kind: r.Kind, Code: r.Code})
		}
		return err
	})
	return out, tenants.Refused(err)
}

// Reviewed is a sheet with what is to be said of its rows, one line a row.
type Reviewed struct {
	Sheet    Sheet
	Lines    []Line
	Problems []apperr.Field // what can't be read
}

// Review reads a sheet as it stands: warnings, derived quantities, and what
// can't be read.
//
// Errors: NotFound, Forbidden.
func (s *Service) Review(ctx context.Context, patientID uuid.UUID, sheet Sheet) (Reviewed, error) {
	return s.Apply(ctx, patientID, sheet, "")
}

// Apply does one thing to a sheet and reviews it. do is one of
//
//	add             what stands in the two search fields becomes rows
//	medicine:<id>:<strength>, test:<name>, template:<id>
//	                adds what was picked
//	repeat          adds the rows of the patient's last prescription
//	remove:<n>, up:<n>, down:<n>, untest:<n>
//	                rows from 0
//
// Anything else changes nothing.
//
// Errors: NotFound, Forbidden.
func (s *Service) Apply(ctx context.Context, patientID uuid.UUID, sheet Sheet, do string) (Reviewed, error) {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return Reviewed{}, err
	}
	var out Reviewed
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		x := sheet.Clean()
		if err := x.apply(ctx, tx, patientID, do); err != nil {
			return err
		}
		list, _, allergies, err := lookIn(ctx, tx, patientID, x)
		if err != nil {
			return err
		}
		var p apperr.Problems
		out = Reviewed{Sheet: x, Lines: x.read(list, allergies, &p)}
		var wrong *apperr.Error
		if errors.As(p.Err(), &wrong) {
			out.Problems = wrong.Fields
		}
		return nil
	})
	return out, tenants.Refused(err)
}

func (s *Sheet) apply(ctx context.Context, tx *tenants.Tx, patientID uuid.UUID, do string) error {
	what, arg, _ := strings.Cut(do, ":")
	n, _ := strconv.Atoi(arg)
	switch what {
	case "add":
		return s.addTyped(ctx, tx)
	case "medicine":
		s.Medicine = ""
		return s.addMedicine(ctx, tx, arg)
	case "template":
		s.Medicine = ""
		return s.addTemplate(ctx, tx, arg)
	case "test":
		s.Test = ""
		s.addTest(TypedTest{Name: arg})
	case "repeat":
		return s.repeat(ctx, tx, patientID)
	case "remove":
		if n < len(s.Lines) && n >= 0 {
			s.Lines = slices.Delete(s.Lines, n, n+1)
		}
	case "untest":
		if n < len(s.Tests) && n >= 0 {
			s.Tests = slices.Delete(s.Tests, n, n+1)
		}
	case "up", "down":
		to := n - 1
		if what == "down" {
			to = n + 1
		}
		if min(n, to) >= 0 && max(n, to) < len(s.Lines) {
			s.Lines[n], s.Lines[to] = s.Lines[to], s.Lines[n]
		}
	}
	return nil
}

// addTyped makes rows of what stands in the search fields: the medicine or test
// of this very name, else the text as it is.
func (s *Sheet) addTyped(ctx context.Context, tx *tenants.Tx) error {
	if s.Test != "" {
		s.addTest(TypedTest{Name: s.Test})
		s.Test = ""
	}
	text := s.Medicine
	if text == "" {
		return nil
	}
	s.Medicine = ""
	if keyword, ok := strings.CutPrefix(text, "/"); ok {
		rows, err := tx.Q().ListTemplates(ctx, tenantdb.ListTemplatesParams{Typed: strings.ToLower(strings.TrimSpace(keyword)), DoctorID: tx.Actor.ID, AtMost: 1})
		if err != nil || len(rows) == 0 {
			s.Medicine = text
			return err
		}
		return s.addTemplate(ctx, tx, rows[0].ID.String())
	}
	words, number := query(text)
	rows, err := tx.Q().ListMedicinesByName(ctx, []string{strings.ToLower(text), words})
	if err != nil {
		return err
	}
	for _, r := range rows {
		m := medicineOf(tenantdb.GetMedicineRow(r))
		if want := m.wanted(number); strings.EqualFold(m.Name, text) || want != "" {
			s.Lines = append(s.Lines, m.typed(want))
			return nil
		}
	}
	s.Lines = append(s.Lines, Typed{Medicine: text})
	return nil
}

// gone leaves a sheet as it is when what was picked is there no more.
func gone(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// idOf reads an id; what is none is nobody's.
func idOf(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil
	}
	return id
}

func (s *Sheet) addMedicine(ctx context.Context, tx *tenants.Tx, picked string) error {
	text, strength, _ := strings.Cut(picked, ":")
	r, err := tx.Q().GetMedicine(ctx, idOf(text))
	if err != nil {
		return gone(err)
	}
	s.Lines = append(s.Lines, medicineOf(r).typed(strength))
	return nil
}

func (s *Sheet) addTest(t TypedTest) {
	if t.Name != "" && !slices.ContainsFunc(s.Tests, func(o TypedTest) bool { return strings.EqualFold(o.Name, t.Name) }) {
		s.Tests = append(s.Tests, t)
	}
}

func (s *Sheet) addTemplate(ctx context.Context, tx *tenants.Tx, text string) error {
	r, err := tx.Q().GetTemplate(ctx, idOf(text))
	if err != nil {
		return gone(err)
	}
	var of Sheet
	if err := json.Unmarshal(r.Sheet, &of); err != nil {
		return err
	}
	s.addAll(of.Clean())
	return nil
}

func (s *Sheet) addAll(of Sheet) {
	s.Lines = append(s.Lines, of.Lines...)
	for _, t := range of.Tests {
		s.addTest(t)
	}
}

func (s *Sheet) repeat(ctx context.Context, tx *tenants.Tx, patientID uuid.UUID) error {
	who, err := patient.WholeFamilyIn(ctx, tx, patientID)
	if err != nil {
		return err
	}
	id, err := tx.Q().GetLastPrescription(ctx, who.IDs)
	if err != nil {
		return gone(err)
	}
	p, err := getIn(ctx, tx, id)
	if err != nil {
		return err
	}
	s.addAll(p.Sheet())
	return tx.RecordView(ctx, "prescriptions", id, patientID)
}
