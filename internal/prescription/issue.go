package prescription

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Order is a sheet that was read in a transaction and may be issued in it.
type Order struct {
	lines []Line
	tests []Test
	keep  []Line // new names for the clinic's list
}

// ReadIn reads a sheet for a patient within the transaction of another slice.
// The error is Invalid with the fields that are wrong, warnings without a
// reason among them.
func ReadIn(ctx context.Context, tx *tenants.Tx, patientID uuid.UUID, s Sheet) (Order, error) {
	if s.Empty() {
		return Order{}, nil
	}
	s = s.Clean()
	list, tests, allergies, err := lookIn(ctx, tx, patientID, s)
	if err != nil {
		return Order{}, err
	}
	var o Order
	o.lines, o.tests, err = s.whole(list, tests, allergies)
	for i, l := range o.lines {
		if s.Lines[i].Keep && !l.Listed {
			o.keep = append(o.keep, l)
		}
	}
	return o, err
}

// lookIn reads what a sheet is compared with.
func lookIn(ctx context.Context, tx *tenants.Tx, patientID uuid.UUID, s Sheet) (list []Medicine, tests []Test, allergies phi.Text, err error) {
	names, asked := []string{}, []string{}
	for _, l := range s.Lines {
		names = append(names, strings.ToLower(l.Medicine))
	}
	for _, t := range s.Tests {
		asked = append(asked, strings.ToLower(t.Name))
	}
	err = tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		allergies, err = allergiesIn(ctx, q, patientID)
		return err
	}, func(q *tenantdb.Queries) error {
		rows, err := q.ListMedicinesByName(ctx, names)
		for _, r := range rows {
			list = append(list, medicineOf(tenantdb.GetMedicineRow(r)))
		}
		return err
	}, func(q *tenantdb.Queries) error {
		rows, err := q.ListTestsByName(ctx, asked)
		for _, r := range rows {
			tests = append(tests, testOf(r))
		}
		return err
	})
	return list, tests, allergies, err
}

// allergiesIn are a patient's allergies as they were told, in whichever of the
// records that were merged; a template is
// nobody's, so none speak against it.
func allergiesIn(ctx context.Context, q *tenantdb.Queries, patientID uuid.UUID) (phi.Text, error) {
	if patientID == uuid.Nil {
		return "", nil
	}
	rows, err := q.ListAllergies(ctx, []uuid.UUID{patientID})
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", pgx.ErrNoRows // no such patient
	}
	return phi.Text(rows[0].Allergies), nil
}

// IssueIn issues what the order prescribes and asks for, at a visit of the
// actor's. It gives the prescription's id, zero if nothing is prescribed.
func (o Order) IssueIn(ctx context.Context, tx *tenants.Tx, visitID uuid.UUID) (uuid.UUID, error) {
	id := uuid.Must(uuid.NewV7())
	if err := o.issue(ctx, tx, id, visitID, uuid.Nil, ""); err != nil || len(o.lines) == 0 {
		return uuid.Nil, err
	}
	return id, nil
}

// issue writes a prescription of this id. of is the one that it corrects.
func (o Order) issue(ctx context.Context, tx *tenants.Tx, id, visitID, of uuid.UUID, reason string) error {
	later := tx.Later()
	for _, t := range o.tests {
		arg := tenantdb.InsertTestRequestParams{ID: uuid.Must(uuid.NewV7()), VisitID: visitID, DoctorID: tx.Actor.ID, Name: t.Name, Kind: t.Kind, Code: t.Code,
			Urgency: t.Urgency, Note: t.Note}
		if listed, err := uuid.Parse(t.ID); err == nil {
			arg.TestID = uuid.NullUUID{UUID: listed, Valid: true}
		}
		if t.By > 0 {
			day := patient.Today(tx).AddDate(0, 0, t.By)
			arg.RequiredOn = &day
		}
		if _, err := later.InsertTestRequest(ctx, arg); err != nil {
			return err
		}
	}
	if len(o.lines) == 0 {
		return nil
	}
	for _, l := range o.keep {
		err := later.InsertMedicine(ctx, tenantdb.InsertMedicineParams{ID: uuid.Must(uuid.NewV7()), Name: l.Medicine.Reveal(), Form: l.Form, Strengths: strengths(l), Strength: l.Strength,
			Morning: l.Dose.Morning, Afternoon: l.Dose.Afternoon, Evening: l.Dose.Evening, Night: l.Dose.Night, Sos: l.Dose.SOS, Days: smallOf(l.Days), Food: l.Food, Route: l.Route})
		if err != nil {
			return err
		}
	}
	err := later.InsertPrescription(ctx, tenantdb.InsertPrescriptionParams{ID: id, VisitID: visitID, DoctorID: tx.Actor.ID,
		VersionOf: uuid.NullUUID{UUID: of, Valid: of != uuid.Nil}, VersionReason: phi.Text(reason)})
	if err != nil {
		return err
	}
	for i, l := range o.lines {
		p := lineParams(id, i+1, l)
		p.DoctorID = tx.Actor.ID
		if err := later.InsertPrescriptionLine(ctx, p); err != nil {
			return err
		}
	}
	_, err = tx.Q().IssuePrescription(ctx, id)
	return err
}

func strengths(l Line) []string {
	if l.Strength == "" {
		return []string{}
	}
	return []string{l.Strength}
}

// Issue issues a prescription at a visit that the actor has seen, after the
// consultation or as the correction of another one: of is that one's id, with
// the reason. key is the form's own: the same form sent twice is issued once.
//
// Errors: Invalid, NotFound, Conflict (not issued any more), Forbidden.
func (s *Service) Issue(ctx context.Context, key, visitID, of uuid.UUID, reason string, sheet Sheet) (uuid.UUID, error) {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return uuid.Nil, err
	}
	id := uuid.Must(uuid.NewV7())
	var made uuid.UUID
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, visitID)
		if err != nil {
			return err
		}
		var first bool
		if first, made, err = tenants.Claim(ctx, tx, key, "prescription.issue", id); err != nil || !first {
			return err
		}
		var why error
		if of != uuid.Nil {
			reason, why = reasonOf(reason)
		}
		o, err := ReadIn(ctx, tx, v.PatientID, sheet)
		if err = apperr.Join(err, why); err != nil {
			return err
		}
		if len(o.lines) == 0 {
			var p apperr.Problems
			p.Add("medicine", "error.rx.empty", "Add a medicine first")
			return p.Err()
		}
		return o.issue(ctx, tx, id, visitID, of, reason)
	})
	if tenants.Violates(err, "prescription_version") || tenants.Violates(err, "prescriptions_version_of") {
		err = apperr.Wrap(apperr.Conflict, "error.rx.version", "This prescription was cancelled or corrected meanwhile", err)
	}
	return made, tenants.Refused(err)
}

// Request is a test that was asked for.
type Request struct {
	ID        uuid.UUID
	VisitID   uuid.UUID
	PatientID uuid.UUID
	DoctorID  uuid.UUID
	Doctor    string
	State     string
	Name      phi.Text
	Kind      string
	Code      string
	Urgency   string
	Required  time.Time // zero if no day was said
	Note      phi.Text
	Result    phi.Text // as the older system had it, text
	Requested time.Time
	Version   int32
}

// Ask requests the tests of a sheet now, before the consultation is over. The
// rows of medicines are left alone.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Service) Ask(ctx context.Context, key, visitID uuid.UUID, sheet Sheet) error {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, visitID)
		if err != nil {
			return err
		}
		first, _, err := tenants.Claim(ctx, tx, key, "tests.request", visitID)
		if err != nil || !first {
			return err
		}
		o, err := ReadIn(ctx, tx, v.PatientID, Sheet{Tests: sheet.Tests, Test: sheet.Test})
		if err != nil {
			return err
		}
		if len(o.tests) == 0 {
			var p apperr.Problems
			p.Add("test", "error.test.empty", "Add a test first")
			return p.Err()
		}
		return o.issue(ctx, tx, uuid.Nil, visitID, uuid.Nil, "")
	}))
}

// CancelTest takes a request back that nothing was reported for.
//
// Errors: Invalid (reason), NotFound, Conflict, Forbidden.
func (s *Service) CancelTest(ctx context.Context, id uuid.UUID, version int32, reason string) error {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		t, err := tx.Q().GetTestRequest(ctx, id)
		if err != nil || t.State == Cancelled {
			return err
		}
		if t.DoctorID != tx.Actor.ID {
			return apperr.New(apperr.Forbidden, "error.test.doctor", "Another doctor asked for this test")
		}
		reason, err := reasonOf(reason)
		if err != nil {
			return err
		}
		n, err := tx.Q().CancelTestRequest(ctx, tenantdb.CancelTestRequestParams{ID: id, Version: version, StateReason: phi.Text(reason)})
		return changed(n, err)
	}))
}

// Asked gives a test request with what a question about it shows, and notes on
// the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Asked(ctx context.Context, id uuid.UUID) (Request, error) {
	if err := s.allow(ctx, access.PrescriptionView); err != nil {
		return Request{}, err
	}
	var out Request
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		t, err := tx.Q().GetTestRequest(ctx, id)
		if err != nil {
			return err
		}
		out = Request{ID: t.ID, VisitID: t.VisitID, PatientID: t.PatientID, DoctorID: t.DoctorID, State: t.State, Name: t.Name, Requested: t.RequestedAt, Version: t.Version}
		return tx.RecordView(ctx, "test_requests", id, t.PatientID)
	})
	return out, tenants.Refused(err)
}

// Pending reports that nobody has ended the request.
func (r Request) Pending() bool { return r.State != "reported" && r.State != Cancelled }

// Waiting is a test that was asked for, with whose it is.
type Waiting struct {
	Request
	Patient patient.Card
}

// Pending lists what the actor has asked for and nobody has reported yet, stat
// first, at most of them.
//
// Errors: Forbidden.
func (s *Service) Pending(ctx context.Context, most int) ([]Waiting, error) {
	if err := s.allow(ctx, access.PrescriptionOwn); err != nil {
		return nil, err
	}
	var out []Waiting
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListPendingTests(ctx, tenantdb.ListPendingTestsParams{DoctorID: tx.Actor.ID, AtMost: int32(most)})
		out = nil
		for _, r := range rows {
			w := Waiting{Request: Request{ID: r.ID, VisitID: r.VisitID, PatientID: r.PatientID, DoctorID: tx.Actor.ID, State: r.State, Name: r.Name, Kind: r.Kind, Urgency: r.Urgency,
				Requested: r.RequestedAt, Version: r.Version},
				Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex,
					Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)}}
			if r.RequiredOn != nil {
				w.Required = *r.RequiredOn
			}
			out = append(out, w)
		}
		return err
	})
	return out, tenants.Refused(err)
}
