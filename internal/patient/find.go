package patient

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// SearchHits is how many patients a search gives.
const SearchHits = 20

// Find searches patients by name in Latin or Devanagari with its usual
// spellings and misspellings, by phone, by patient number, or by a token of
// today. Records that were merged into others are not found, the others are.
//
// Errors: Forbidden.
func (s *Service) Find(ctx context.Context, typed string) ([]Card, error) {
	if err := s.allow(ctx, access.PatientView); err != nil {
		return nil, err
	}
	var out []Card
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = FindIn(ctx, tx, typed, SearchHits)
		return err
	})
	return out, tenants.Refused(err)
}

// FindIn is Find within the transaction of another slice.
func FindIn(ctx context.Context, tx *tenants.Tx, typed string, most int) ([]Card, error) {
	q := ParseSearch(typed)
	if q.Empty() {
		return nil, nil
	}
	if q.Token != "" {
		rows, err := tx.Q().ListPatientsByToken(ctx, tenantdb.ListPatientsByTokenParams{Day: Today(tx), Label: q.Token, AtMost: limit(most)})
		if err != nil {
			return nil, err
		}
		out := make([]Card, len(rows))
		for i, r := range rows {
			out[i] = cardOf(tenantdb.ListPatientsByPhoneRow(r))
		}
		return out, nil
	}
	rows, err := tx.Q().SearchPatients(ctx, tenantdb.SearchPatientsParams{Words: q.Words, Folds: q.Folds, Digits: q.Digits, Code: q.Code, AtMost: limit(most)})
	if err != nil {
		return nil, err
	}
	out := make([]Card, len(rows))
	for i, r := range rows {
		out[i] = cardOf(tenantdb.ListPatientsByPhoneRow{
			ID: r.ID, Number: r.Number, FullName: r.FullName, LocalName: r.LocalName, Sex: r.Sex, BirthDate: r.BirthDate, AgeYears: r.AgeYears,
			AgeMonths: r.AgeMonths, AgeToldOn: r.AgeToldOn, Phone: r.Phone, LastVisitOn: r.LastVisitOn,
		})
	}
	return out, nil
}

func cardOf(r tenantdb.ListPatientsByPhoneRow) Card {
	return Card{
		ID: r.ID, Number: r.Number, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone,
		Birth: BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn), LastVisit: dayOf(r.LastVisitOn),
	}
}

// Page is a place in a list of the newest: the last row of the page before.
// Its zero value is the beginning.
type Page struct {
	Day time.Time
	At  time.Time
	ID  uuid.UUID
}

// begin fills in what a zero place lacks.
func (p Page) begin() Page {
	if p.ID == uuid.Nil {
		return Page{Day: lastDay, At: lastDay, ID: lastID}
	}
	return p
}

// Newest lists patients by the day of registration, newest first, at most of
// them. more tells whether others follow after the last.
//
// Errors: Forbidden.
func (s *Service) Newest(ctx context.Context, after Page, most int) (cards []Card, more bool, err error) {
	if err := s.allow(ctx, access.PatientRecord); err != nil {
		return nil, false, err
	}
	after = after.begin()
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListRecentPatients(ctx, tenantdb.ListRecentPatientsParams{BeforeDay: after.Day, BeforeID: after.ID, AtMost: limit(most + 1)})
		if err != nil {
			return err
		}
		cards = make([]Card, 0, len(rows))
		for _, r := range rows[:min(most, len(rows))] {
			cards = append(cards, Card{
				ID: r.ID, Number: r.Number, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone, Registered: r.RegisteredOn,
				Birth: BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn), LastVisit: dayOf(r.LastVisitOn),
			})
		}
		more = len(rows) > most
		return nil
	})
	return cards, more, tenants.Refused(err)
}

// Alike is a record that may be of the same person.
type Alike struct {
	Card
	SamePhone, SameName bool
}

// LikeThis lists the records that may be of the person whom the form describes:
// the same phone, or the same name, however spelt, and year of birth (C3). What
// the form holds need not be whole; what can't be read counts as not told.
//
// Errors: Forbidden.
func (s *Service) LikeThis(ctx context.Context, in Input, except uuid.UUID) ([]Alike, error) {
	if err := s.allow(ctx, access.PatientView); err != nil {
		return nil, err
	}
	var out []Alike
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = likeThis(ctx, tx, in, except)
		return err
	})
	return out, tenants.Refused(err)
}

func likeThis(ctx context.Context, tx *tenants.Tx, in Input, except uuid.UUID) ([]Alike, error) {
	phone, _ := ParsePhone(in.Phone)
	first, last := in.names()
	name := NameKey(first, last)
	var byPhone []tenantdb.ListPatientsByPhoneRow
	var byName []tenantdb.ListPatientsByNameKeyRow
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		if phone != "" {
			byPhone, err = q.ListPatientsByPhone(ctx, tenantdb.ListPatientsByPhoneParams{Phone: text(phone), ExceptID: except})
		}
		return err
	}, func(q *tenantdb.Queries) (err error) {
		if strings.Count(name, foldMark) > 1 { // a first name alone is shared by too many
			byName, err = q.ListPatientsByNameKey(ctx, tenantdb.ListPatientsByNameKeyParams{NameKey: name, ExceptID: except})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return merge(byPhone, byName, in.birth(Today(tx))), nil
}

// birth is what the form tells of the age, as far as it can be read.
func (in Input) birth(today time.Time) Birth {
	if born, err := ParseBirth(in.Born, today); err == nil && !born.IsZero() {
		return Birth{Date: born}
	}
	if years, told, err := ParseAge(in.Age); err == nil && told {
		return Birth{Told: today, Years: int16(years)}
	}
	return Birth{}
}

func merge(byPhone []tenantdb.ListPatientsByPhoneRow, byName []tenantdb.ListPatientsByNameKeyRow, birth Birth) []Alike {
	var out []Alike
	at := map[uuid.UUID]int{}
	for _, r := range byPhone {
		at[r.ID] = len(out)
		out = append(out, Alike{Card: cardOf(r), SamePhone: true})
	}
	for _, r := range byName {
		c := cardOf(tenantdb.ListPatientsByPhoneRow(r))
		i, known := at[c.ID]
		switch {
		case known:
			out[i].SameName = true
		case birth.Known() && birth.sameYear(c.Birth) && len(out) < SearchHits:
			out = append(out, Alike{Card: c, SameName: true})
		}
	}
	return out
}

// FamiliesIn gives the ids of the patients that a search finds and of all that
// were merged into them, for lists of what belongs to patients. It is empty and
// not nil when nothing is found.
func FamiliesIn(ctx context.Context, tx *tenants.Tx, typed string) ([]uuid.UUID, error) {
	const most = 50
	found, err := FindIn(ctx, tx, typed, most)
	if err != nil {
		return nil, err
	}
	out := make([]uuid.UUID, 0, len(found))
	for _, c := range found {
		out = append(out, c.ID)
	}
	merged, err := tx.Q().ListMergedIDs(ctx, out)
	return append(out, merged...), err
}
