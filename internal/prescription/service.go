package prescription

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// States of a prescription, as the database has them.
const (
	Draft     = "draft" // never finished in the older system
	Issued    = "issued"
	Dispensed = "dispensed"
	Completed = "completed"
	Cancelled = "cancelled"
)

// Service keeps the prescriptions, the test requests and the lists of a clinic.
type Service struct{ db *tenants.DB }

// NewService makes the service.
func NewService(db *tenants.DB) *Service { return &Service{db: db} }

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// Prescription is one as it stands in the record.
type Prescription struct {
	ID            uuid.UUID
	Number        string
	VisitID       uuid.UUID
	PatientID     uuid.UUID
	DoctorID      uuid.UUID
	Doctor        string
	Specialty     string
	Qualification string
	Licence       string
	State         string
	CancelReason  phi.Text
	Issued        time.Time
	VersionOf     uuid.UUID // zero if it corrects none
	OldNumber     string
	OlderNumber   string // in the older system that it was imported from
	VersionReason phi.Text
	NewID         uuid.UUID // of what corrects this one, zero if nothing does
	NewNumber     string
	Version       int32
	Lines         []Line
}

// Sheet gives the rows as somebody would type them, to begin a correction or a
// repetition with.
func (p Prescription) Sheet() Sheet {
	s := Sheet{Lines: []Typed{}, Tests: []TypedTest{}}
	for _, l := range p.Lines {
		s.Lines = append(s.Lines, l.typed())
	}
	return s
}

func (l Line) typed() Typed {
	t := Typed{Medicine: l.Medicine.Reveal(), Form: l.Form, Strength: l.Strength, Dose: l.Dose.String(), Days: number(l.Days), Food: l.Food, Route: l.Route,
		Instructions: l.Instructions.Reveal(), Refills: number(l.Refills)}
	if derived, ok := Quantity(l.Form, l.Dose, l.Days); !ok || derived != l.Quantity {
		t.Quantity = number(l.Quantity)
	}
	return t
}

// Summary is a prescription on a list.
type Summary struct {
	ID        uuid.UUID
	Number    string
	VisitID   uuid.UUID
	DoctorID  uuid.UUID
	Doctor    string
	State     string
	Issued    time.Time
	Version   int32
	Medicines []phi.Text
}

// Get gives a prescription and notes on the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Prescription, error) {
	if err := s.allow(ctx, access.PrescriptionView); err != nil {
		return Prescription{}, err
	}
	var out Prescription
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		out, err = getIn(ctx, tx, id)
		if err == nil {
			err = tx.RecordView(ctx, "prescriptions", id, out.PatientID)
		}
		return err
	})
	return out, tenants.Refused(err)
}

func getIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Prescription, error) {
	var (
		r     tenantdb.GetPrescriptionRow
		lines []tenantdb.ListPrescriptionLinesRow
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		r, err = q.GetPrescription(ctx, id)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		lines, err = q.ListPrescriptionLines(ctx, []uuid.UUID{id})
		return err
	})
	if err != nil {
		return Prescription{}, err
	}
	out := Prescription{ID: r.ID, Number: r.Number, VisitID: r.VisitID, PatientID: r.PatientID, DoctorID: r.DoctorID, Doctor: r.Doctor, Specialty: r.Specialisation,
		Qualification: r.Qualification, Licence: r.LicenceNumber, State: r.State, CancelReason: r.CancelReason, VersionOf: r.VersionOf.UUID, OldNumber: r.OldNumber,
		VersionReason: r.VersionReason, NewID: r.NewID.UUID, NewNumber: r.NewNumber, Version: r.Version}
	out.OlderNumber, out.Issued = r.OlderNumber, r.CreatedAt
	if r.IssuedAt != nil {
		out.Issued = *r.IssuedAt
	}
	for _, l := range lines {
		out.Lines = append(out.Lines, lineOf(l))
	}
	return out, nil
}

// At lists the prescriptions and test requests of a visit.
//
// Errors: NotFound, Forbidden.
func (s *Service) At(ctx context.Context, visitID uuid.UUID) ([]Summary, []Request, error) {
	if err := s.allow(ctx, access.PrescriptionView); err != nil {
		return nil, nil, err
	}
	var (
		all   []Summary
		tests []Request
	)
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		all, tests = nil, nil
		v, err := tx.Q().GetVisit(ctx, visitID)
		if err != nil {
			return err
		}
		rows, err := tx.Q().ListPrescriptionsByVisit(ctx, visitID)
		if err != nil {
			return err
		}
		for _, r := range rows {
			all = append(all, summaryOf(r))
		}
		asked, err := tx.Q().ListTestRequestsByVisit(ctx, visitID)
		if err != nil {
			return err
		}
		for _, r := range asked {
			tests = append(tests, requestOf(r))
		}
		if err := named(ctx, tx, all); err != nil || len(all)+len(tests) == 0 {
			return err
		}
		return tx.RecordView(ctx, "prescriptions", uuid.Nil, v.PatientID)
	})
	return all, tests, tenants.Refused(err)
}

// named puts the medicines' names on a list.
func named(ctx context.Context, tx *tenants.Tx, all []Summary) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(all))
	for i, p := range all {
		ids[i] = p.ID
	}
	lines, err := tx.Q().ListPrescriptionLines(ctx, ids)
	if err != nil {
		return err
	}
	for _, l := range lines {
		for i := range all {
			if all[i].ID == l.PrescriptionID {
				all[i].Medicines = append(all[i].Medicines, phi.Text(strings.TrimSpace(l.Medicine.Reveal()+" "+l.Strength)))
			}
		}
	}
	return nil
}

// Cancel takes an issued prescription back. Cancelled again it is what it was.
//
// Errors: Invalid (reason), NotFound, Conflict, Forbidden.
func (s *Service) Cancel(ctx context.Context, id uuid.UUID, version int32, reason string) error {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		p, err := tx.Q().GetPrescription(ctx, id)
		if err != nil || p.State == Cancelled {
			return err
		}
		if p.DoctorID != tx.Actor.ID {
			return apperr.New(apperr.Forbidden, "error.rx.doctor", "This prescription is another doctor's")
		}
		reason, err := reasonOf(reason)
		if err != nil {
			return err
		}
		n, err := tx.Q().CancelPrescription(ctx, tenantdb.CancelPrescriptionParams{ID: id, Version: version, CancelReason: phi.Text(reason)})
		return changed(n, err)
	}))
}

// next says where an issued prescription may go, as the database has it.
var next = map[string][]string{Issued: {Dispensed, Completed}, Dispensed: {Completed}}

// Next lists the states that a prescription may be moved to, other than
// cancelled, which takes a reason.
func Next(state string) []string { return slices.Clone(next[state]) }

// Move says that the medicines were handed out, or that the treatment is over:
// state is Dispensed or Completed. Said again it is what it was.
//
// Errors: NotFound, Conflict (also of a move that is none), Forbidden.
func (s *Service) Move(ctx context.Context, id uuid.UUID, version int32, state string) error {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		p, err := tx.Q().GetPrescription(ctx, id)
		if err != nil || p.State == state {
			return err
		}
		if p.DoctorID != tx.Actor.ID {
			return apperr.New(apperr.Forbidden, "error.rx.doctor", "This prescription is another doctor's")
		}
		if !slices.Contains(next[p.State], state) {
			return apperr.New(apperr.Conflict, "error.rx.move", "This prescription can't be moved to that state any more")
		}
		n, err := tx.Q().MovePrescription(ctx, tenantdb.MovePrescriptionParams{ID: id, Version: version, State: state})
		return changed(n, err)
	}))
}

// reasonOf reads a reason that has to be given.
func reasonOf(text string) (string, error) {
	text = strings.TrimSpace(text)
	var p apperr.Problems
	switch {
	case text == "":
		p.Add("reason", "error.required", "Fill this in")
	case len([]rune(text)) > 300:
		p.AddArgs("reason", "error.too_long", "This is too long", map[string]any{"Max": "300"})
	}
	return text, p.Err()
}

// changed says that somebody else was faster when no row was.
func changed(n int64, err error) error {
	if err == nil && n == 0 {
		return apperr.New(apperr.Conflict, "error.conflict", "Somebody else changed this at the same time; try again")
	}
	return err
}
