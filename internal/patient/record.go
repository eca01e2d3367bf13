package patient

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Record is a patient's whole record. It does not hold the identity number,
// only its masked form; Reveal gives the number and says so on the trail.
type Record struct {
	Card
	First, Last                   phi.Text
	BloodGroup                    string
	Email, Address                phi.Text
	City, State, Pin              string
	EmergencyName, EmergencyPhone phi.Text
	EmergencyRelation             string
	IDKind                        string
	IDTail                        phi.Text
	WeightGrams                   int32 // 0 if not told
	Allergies                     phi.Text
	NoKnownAllergies              bool
	History, Note                 phi.Text
	Status, Language              string
	HasPhoto                      bool
	MergedInto                    uuid.UUID // zero if not merged
	Created, Updated              time.Time
	Version                       int32
	Merged                        []Merged // records that count as this one
	Elsewhere                     []Elsewhere

	together *known // of all records that are this person's
}

// known is what is known of a person's allergies.
type known struct {
	allergies phi.Text
	none      bool
}

// KnownAllergies are the allergies that any of the records of this person tells
// of, and whether none are known, which no record may then contradict.
func (r Record) KnownAllergies() (allergies phi.Text, none bool) {
	if r.together == nil {
		return r.Allergies, r.NoKnownAllergies
	}
	return r.together.allergies, r.together.none
}

// Merged is a record that was merged into another.
type Merged struct {
	ID     uuid.UUID
	Number string
	Name   phi.Text
	Into   uuid.UUID
}

// Elsewhere is the record's number in another system.
type Elsewhere struct{ System, Value string }

// Family are the ids whose rows belong on the patient's page.
func (r Record) Family() []uuid.UUID {
	ids := []uuid.UUID{r.ID}
	for _, m := range r.Merged {
		ids = append(ids, m.ID)
	}
	return ids
}

// Get gives a record and notes on the trail, in the same round trip, that the
// actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Record, error) {
	if err := s.allow(ctx, access.PatientRecord); err != nil {
		return Record{}, err
	}
	var out Record
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = GetIn(ctx, tx, id)
		return err
	})
	return out, tenants.Refused(err)
}

// GetIn is Get within the transaction of another slice. A record that is not
// there leaves no view: its error undoes the transaction.
func GetIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Record, error) {
	if err := tx.RecordView(ctx, "patients", id, id); err != nil {
		return Record{}, err
	}
	var (
		row    tenantdb.GetPatientRow
		family []tenantdb.ListMergedPatientsRow
		other  []tenantdb.ListIdentifiersByRecordRow
		told   []tenantdb.ListAllergiesRow
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		row, err = q.GetPatient(ctx, id)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		family, err = q.ListMergedPatients(ctx, uuid.NullUUID{UUID: id, Valid: true})
		return err
	}, func(q *tenantdb.Queries) (err error) {
		other, err = q.ListIdentifiersByRecord(ctx, id)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		told, err = q.ListAllergies(ctx, []uuid.UUID{id})
		return err
	})
	if err != nil {
		return Record{}, err
	}
	r := recordOf(row)
	for _, m := range family {
		r.Merged = append(r.Merged, Merged{ID: m.ID, Number: m.Number, Name: m.FullName, Into: m.MergedInto.UUID})
		if day := dayOf(m.LastVisitOn); day.After(r.LastVisit) {
			r.LastVisit = day
		}
	}
	for _, t := range told {
		r.together = &known{phi.Text(t.Allergies), t.NoKnownAllergies}
	}
	for _, o := range other {
		r.Elsewhere = append(r.Elsewhere, Elsewhere{System: o.System, Value: o.Value})
	}
	return r, nil
}

func recordOf(r tenantdb.GetPatientRow) Record {
	out := Record{
		Card: Card{
			ID: r.ID, Number: r.Number, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone,
			Birth: BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn), LastVisit: dayOf(r.LastVisitOn), Registered: r.RegisteredOn,
		},
		First: r.FirstName, Last: r.LastName, BloodGroup: r.BloodGroup, Email: r.Email, Address: r.Address, City: r.City, State: r.State, Pin: r.Pin,
		EmergencyName: r.EmergencyName, EmergencyPhone: r.EmergencyPhone, EmergencyRelation: r.EmergencyRelation, IDKind: r.IDKind, IDTail: r.IDTail,
		Allergies: r.Allergies, NoKnownAllergies: r.NoKnownAllergies, History: r.History, Note: r.Note, Status: r.Status, Language: r.Language,
		HasPhoto: r.HasPhoto, MergedInto: r.MergedInto.UUID, Created: r.CreatedAt, Updated: r.UpdatedAt, Version: r.Version,
	}
	if r.WeightGrams != nil {
		out.WeightGrams = *r.WeightGrams
	}
	return out
}

// Reveal gives the identity number itself; that it was shown stands on the
// trail before it is.
//
// Errors: NotFound (also without a number), Forbidden.
func (s *Service) Reveal(ctx context.Context, id uuid.UUID) (phi.Text, error) {
	if err := s.allow(ctx, access.PatientRecord); err != nil {
		return "", err
	}
	var out phi.Text
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if err := tx.RecordView(ctx, "patients.id_number", id, id); err != nil {
			return err
		}
		row, err := tx.Q().GetPatient(ctx, id)
		if err != nil {
			return err
		}
		if len(row.IDCipher) == 0 {
			return notFound()
		}
		k, err := s.keyset(ctx, tx)
		if err != nil {
			return err
		}
		plain, err := k.Decrypt(identityPlace(id), row.IDCipher)
		out = phi.Text(plain)
		return err
	})
	return out, tenants.Refused(err)
}

// Look is a line of the record's trail: who saw or changed it.
type Look struct {
	ID     uuid.UUID
	At     time.Time
	Actor  string // kind:uuid
	Role   string // of the database, cloister_receptionist
	Name   string // of the member of staff, empty for others
	Action string // view, insert, update
	Entity string
	Reason string
}

// Looks lists who looked at a record and who changed it, newest first.
//
// Errors: NotFound, Forbidden.
func (s *Service) Looks(ctx context.Context, id uuid.UUID, after Page, most int) (looks []Look, more bool, err error) {
	if err := s.allow(ctx, access.TrailView); err != nil {
		return nil, false, err
	}
	after = after.begin()
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		who, err := FamilyIn(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := tx.Q().ListTrailByPatient(ctx, tenantdb.ListTrailByPatientParams{PatientIds: who.IDs, BeforeAt: after.At, BeforeID: after.ID, AtMost: limit(most + 1)})
		if err != nil {
			return err
		}
		for _, r := range rows[:min(most, len(rows))] {
			looks = append(looks, Look{ID: r.ID, At: r.At, Actor: r.Actor, Role: r.ActorRole, Name: r.ActorName, Action: r.Action, Entity: r.Entity, Reason: r.Reason})
		}
		more = len(rows) > most
		return nil
	})
	return looks, more, tenants.Refused(err)
}

// Family is whose rows count as one patient's.
type Family struct {
	Card   Card
	Merged bool        // the record itself was merged into another
	IDs    []uuid.UUID // the record and all that were merged into it, at any remove
}

// FamilyIn gives the records that count as a patient's, for lists of what
// belongs to the patient. One that is not there is not found.
func FamilyIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Family, error) {
	var (
		row    tenantdb.GetPatientCardRow
		merged []tenantdb.ListMergedPatientsRow
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		row, err = q.GetPatientCard(ctx, id)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		merged, err = q.ListMergedPatients(ctx, uuid.NullUUID{UUID: id, Valid: true})
		return err
	})
	f := Family{Card: cardOfOne(row), Merged: row.MergedInto.Valid, IDs: []uuid.UUID{id}}
	for _, m := range merged {
		f.IDs = append(f.IDs, m.ID)
	}
	return f, err
}

// WholeFamilyIn is FamilyIn of the record that a patient counts as: all records
// of the person, also where the one asked for was merged into another.
func WholeFamilyIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Family, error) {
	survivor, err := tx.Q().GetSurvivor(ctx, id)
	if err != nil {
		return Family{}, err
	}
	return FamilyIn(ctx, tx, survivor)
}

// CardIn gives what tells a patient from another.
func CardIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Card, error) {
	row, err := tx.Q().GetPatientCard(ctx, id)
	return cardOfOne(row), err
}

func cardOfOne(r tenantdb.GetPatientCardRow) Card {
	return Card{ID: r.ID, Number: r.Number, Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone,
		Birth: BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn), LastVisit: dayOf(r.LastVisitOn)}
}
