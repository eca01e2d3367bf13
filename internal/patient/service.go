package patient

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Service keeps the records of a clinic's patients.
type Service struct {
	db   *tenants.DB
	ring *keys.Ring
}

// NewService makes the service; ring opens the clinics' keysets.
func NewService(db *tenants.DB, ring *keys.Ring) *Service {
	return &Service{db: db, ring: ring}
}

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// Joined runs fn so that what is read in it, by whichever service, is read in one
// transaction: see tenants.Joined.
func (s *Service) Joined(ctx context.Context, fn func(ctx context.Context) error) error {
	return tenants.Refused(tenants.Joined(ctx, s.db, fn))
}

// Today is the clinic's day.
func Today(tx *tenants.Tx) time.Time { return DayIn(tx.Now, tx.Clinic.Zone) }

// Registered is what a registration made.
type Registered struct {
	ID     uuid.UUID
	Number string
	Name   phi.Text
	Before bool // the same form was sent before; nothing was made now
}

// Register makes a patient. key is the form's own: the same form sent twice
// makes one patient. Others of the same phone or name are no obstacle (C3).
//
// Errors: Invalid, Quota, Forbidden, Conflict.
func (s *Service) Register(ctx context.Context, key uuid.UUID, in Input) (Registered, error) {
	if err := s.allow(ctx, access.PatientRegister); err != nil {
		return Registered{}, err
	}
	var out Registered
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, made, err := tenants.Claim(ctx, tx, key, "patient.register", id)
		if err != nil {
			return err
		}
		if !first {
			out, err = s.registered(ctx, tx, made)
			return err
		}
		out, err = s.RegisterIn(ctx, tx, id, in)
		return err
	})
	return out, tenants.Refused(err)
}

// Sent tells whether a form of this key was carried out already.
//
// Errors: Forbidden.
func (s *Service) Sent(ctx context.Context, key uuid.UUID) (bool, error) {
	if err := s.allow(ctx, access.PatientRegister); err != nil {
		return false, err
	}
	sent := false
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Q().GetSubmission(ctx, key)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		sent = err == nil
		return err
	})
	return sent, tenants.Refused(err)
}

func (s *Service) registered(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Registered, error) {
	c, err := tx.Q().GetPatientCard(ctx, id)
	return Registered{ID: id, Number: c.Number, Name: c.FullName, Before: true}, err
}

// RegisterIn is Register within the transaction of another slice, which has
// authorised it: a check-in that registers and gives a token at once.
//
// Errors: Invalid, and what the database refuses.
func (s *Service) RegisterIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID, in Input) (Registered, error) {
	today := Today(tx)
	f, err := in.check(today, atTheDesk)
	if err != nil {
		return Registered{}, err
	}
	row := tenantdb.InsertPatientParams{
		ID: id, FirstName: phi.Text(f.first), LastName: phi.Text(f.last), LocalName: phi.Text(f.local), SearchKey: SearchKey(f.first, f.last, f.local),
		Sex: in.Sex, BloodGroup: in.BloodGroup, Phone: phi.Text(f.phone), Email: phi.Text(f.email), Address: text(in.Address),
		City: CleanName(in.City), State: CleanName(in.State), Pin: f.pin, EmergencyName: phi.Text(CleanName(in.EmergencyName)),
		EmergencyPhone: phi.Text(f.emergencyPhone), EmergencyRelation: CleanName(in.EmergencyRelation), WeightGrams: f.weight,
		Allergies: text(in.Allergies), NoKnownAllergies: in.NoKnownAllergies, History: text(in.History), Note: text(in.Note),
		Status: orElse(in.Status, "registered"), Language: in.Language, RegisteredOn: today,
		RegisteredBy: uuid.NullUUID{UUID: tx.Actor.ID, Valid: tx.Actor.Kind == access.User},
	}
	row.BirthDate, row.AgeYears, row.AgeMonths, row.AgeToldOn = f.birth.columns()
	if f.identity != "" {
		sealed, err := s.seal(ctx, tx, id, in.IDKind, f.identity)
		if err != nil {
			return Registered{}, err
		}
		row.IDKind, row.IDCipher, row.IDBlind, row.IDTail = sealed.Kind, sealed.Cipher, sealed.Blind, sealed.Tail
	}
	number, err := tx.Q().InsertPatient(ctx, row)
	if err != nil {
		return Registered{}, err
	}
	return Registered{ID: id, Number: number, Name: phi.Text(strings.TrimSpace(f.first + " " + f.last))}, nil
}

func (b Birth) columns() (date *time.Time, years, months *int16, told *time.Time) {
	if !b.Date.IsZero() {
		return &b.Date, nil, nil, nil
	}
	if b.Told.IsZero() {
		return nil, nil, nil, nil
	}
	return nil, &b.Years, b.Months, &b.Told
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// keyset opens the clinic's keyset within the transaction.
func (s *Service) keyset(ctx context.Context, tx *tenants.Tx) (*keys.Keyset, error) {
	return s.ring.Keyset(ctx, tx.Clinic.ID, func(ctx context.Context) ([]byte, error) {
		k, err := tx.Q().GetKeyset(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, keys.ErrDestroyed
		}
		return k.Wrapped, err
	})
}

func (s *Service) seal(ctx context.Context, tx *tenants.Tx, id uuid.UUID, kind, number string) (Sealed, error) {
	k, err := s.keyset(ctx, tx)
	if err != nil {
		return Sealed{}, err
	}
	return SealIdentity(k, id, kind, number)
}

// Edit changes a record. version is the one that the form was made from. An
// empty IDNumber leaves a stored number; an empty IDKind takes it away.
//
// Errors: Invalid, NotFound, Stale, Conflict (merged), Forbidden.
func (s *Service) Edit(ctx context.Context, id uuid.UUID, version int32, in Input) error {
	if err := s.allow(ctx, access.PatientEdit); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		now, err := tx.Q().GetPatient(ctx, id)
		if err != nil {
			return err
		}
		f, err := in.check(Today(tx), wholeRecord)
		if err != nil {
			return err
		}
		if in.Name != "" && now.FullName.Reveal() == CleanName(in.Name) { // leave the parts as they were told
			f.first, f.last = now.FirstName.Reveal(), now.LastName.Reveal()
		}
		if was := BirthOf(now.BirthDate, now.AgeYears, now.AgeMonths, now.AgeToldOn); was.Estimated() && sameAge(was, f.birth, in) {
			f.birth = was // the same age as shown is not told anew
		}
		row := in.update(f, id, version)
		n, err := tx.Q().UpdatePatient(ctx, row)
		if err != nil {
			return err
		}
		if n == 0 {
			return stale(now.MergedInto.Valid)
		}
		return s.editIdentity(ctx, tx, id, now.IDKind, f.identity, in.IDKind)
	}))
}

// sameAge tells whether a form repeats the age that it was shown.
func sameAge(was, is Birth, in Input) bool {
	if !is.Estimated() || CleanName(in.Born) != "" {
		return false
	}
	months := func(b Birth) int16 {
		if b.Months == nil {
			return 0
		}
		return *b.Months
	}
	age := int16(AgeOn(was.On(), is.Told))
	return (is.Years == was.Years && months(is) == months(was)) || (is.Years == age && is.Months == nil)
}

func (in Input) update(f facts, id uuid.UUID, version int32) tenantdb.UpdatePatientParams {
	row := tenantdb.UpdatePatientParams{
		ID: id, Version: version, FirstName: phi.Text(f.first), LastName: phi.Text(f.last), LocalName: phi.Text(f.local),
		SearchKey: SearchKey(f.first, f.last, f.local), Sex: in.Sex, BloodGroup: in.BloodGroup, Phone: phi.Text(f.phone), Email: phi.Text(f.email),
		Address: text(in.Address), City: CleanName(in.City), State: CleanName(in.State), Pin: f.pin,
		EmergencyName: phi.Text(CleanName(in.EmergencyName)), EmergencyPhone: phi.Text(f.emergencyPhone), EmergencyRelation: CleanName(in.EmergencyRelation),
		WeightGrams: f.weight, Allergies: text(in.Allergies), NoKnownAllergies: in.NoKnownAllergies, History: text(in.History), Note: text(in.Note),
		Status: orElse(in.Status, "registered"), Language: in.Language,
	}
	row.BirthDate, row.AgeYears, row.AgeMonths, row.AgeToldOn = f.birth.columns()
	return row
}

func (s *Service) editIdentity(ctx context.Context, tx *tenants.Tx, id uuid.UUID, was, number, kind string) error {
	set := tenantdb.UpdatePatientIdentityParams{ID: id}
	switch {
	case number != "":
		sealed, err := s.seal(ctx, tx, id, kind, number)
		if err != nil {
			return err
		}
		set.IDKind, set.IDCipher, set.IDBlind, set.IDTail = sealed.Kind, sealed.Cipher, sealed.Blind, sealed.Tail
	case kind == "" && was != "":
	case kind != was && was != "":
		var p apperr.Problems
		p.Add("id_number", "error.id_number.missing", "Enter the number of this document")
		return p.Err()
	default:
		return nil
	}
	_, err := tx.Q().UpdatePatientIdentity(ctx, set)
	return err
}

func stale(merged bool) error {
	if merged {
		return apperr.New(apperr.Conflict, "error.patient.merged", "This record was merged into another one; change that one")
	}
	return apperr.New(apperr.Stale, "error.stale", "Somebody changed this record in between; look at both and save again")
}

// Clinical is what doctors and nurses may change of a record.
type Clinical struct {
	BloodGroup, Weight, Allergies string
	NoKnownAllergies              bool
	History, Status               string
}

// EditClinical changes the clinical part of a record.
//
// Errors: Invalid, NotFound, Stale, Conflict (merged), Forbidden.
func (s *Service) EditClinical(ctx context.Context, id uuid.UUID, version int32, c Clinical) error {
	if err := s.allow(ctx, access.PatientClinical); err != nil {
		return err
	}
	in := Input{Name: "x", BloodGroup: c.BloodGroup, Weight: c.Weight, Allergies: c.Allergies, NoKnownAllergies: c.NoKnownAllergies, History: c.History, Status: c.Status}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		f, err := in.check(Today(tx), wholeRecord)
		if err != nil {
			return err
		}
		n, err := tx.Q().UpdatePatientClinical(ctx, tenantdb.UpdatePatientClinicalParams{
			ID: id, Version: version, BloodGroup: c.BloodGroup, WeightGrams: f.weight, Allergies: text(c.Allergies),
			NoKnownAllergies: c.NoKnownAllergies, History: text(c.History), Status: orElse(c.Status, "registered"),
		})
		if err != nil || n > 0 {
			return err
		}
		now, err := tx.Q().GetPatientCard(ctx, id)
		if err != nil {
			return err
		}
		return stale(now.MergedInto.Valid)
	}))
}

// lastID is greater than every id, for the first page of a list.
var lastID = uuid.Max

// lastDay is later than every day of a record.
var lastDay = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func limit(n int) int32 { return int32(min(max(n, 1), math.MaxInt16)) }
