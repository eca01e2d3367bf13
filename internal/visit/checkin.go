package visit

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Arrival is what the desk asks of a patient who comes. Names of problems are
// the names in brackets.
type Arrival struct {
	Line     uuid.UUID // doctor: a doctor's or a department's id
	Kind     string    // kind: routine, follow_up, emergency, admission
	Purpose  string    // purpose
	Note     string    // note
	Priority bool      // before those who came earlier; an emergency always is
}

// Issued is the token that a check-in gave.
type Issued struct {
	Visit   uuid.UUID
	Patient uuid.UUID
	Name    phi.Text
	Number  string // of the patient
	Token   string
	Before  bool // the same form was sent before; nothing was made now
}

const (
	longestPurpose = 500
	longestNote    = 2000
)

func (a Arrival) check() error {
	var p apperr.Problems
	if a.Line == uuid.Nil {
		p.Add("doctor", "error.doctor.missing", "Choose a doctor or a department")
	}
	if !slices.Contains(kinds, a.Kind) {
		p.Add("kind", "error.kind.missing", "Choose the kind of visit")
	}
	for _, f := range []struct {
		name, text string
		most       int
	}{{"purpose", a.Purpose, longestPurpose}, {"note", a.Note, longestNote}} {
		if utf8.RuneCountInString(f.text) > f.most {
			p.Add(f.name, "error.text.long", "This is too long")
		} else if !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) {
			p.Add(f.name, "error.text.invalid", "This holds signs that are no text")
		}
	}
	return p.Err()
}

// CheckIn makes the visit and the token of a patient in one transaction. key is
// the form's own: the same form sent twice makes one token. A record that was
// merged leads to the one it was merged into.
//
// Errors: Invalid, NotFound, Conflict (an open visit in this line today),
// Forbidden.
func (s *Service) CheckIn(ctx context.Context, key, patientID uuid.UUID, a Arrival) (Issued, error) {
	if err := s.allow(ctx, access.CheckIn); err != nil {
		return Issued{}, err
	}
	if err := a.check(); err != nil {
		return Issued{}, err
	}
	return s.issue(ctx, key, "visit.check_in", a, func(ctx context.Context, tx *tenants.Tx) (uuid.UUID, error) { return patientID, nil })
}

// Register makes a patient, the visit and the token in one transaction.
//
// Errors: those of patient.Register and CheckIn.
func (s *Service) Register(ctx context.Context, key uuid.UUID, in patient.Input, a Arrival) (Issued, error) {
	if err := s.allow(ctx, access.CheckIn); err != nil {
		return Issued{}, err
	}
	if err := s.allow(ctx, access.PatientRegister); err != nil {
		return Issued{}, err
	}
	wrong := a.check()
	return s.issue(ctx, key, "visit.register", a, func(ctx context.Context, tx *tenants.Tx) (uuid.UUID, error) {
		id := uuid.Must(uuid.NewV7())
		if wrong != nil { // name the problems of both halves of the form at once
			return id, apperr.Join(in.Check(patient.Today(tx)), wrong)
		}
		r, err := s.patients.RegisterIn(ctx, tx, id, in)
		return r.ID, err
	})
}

func (s *Service) issue(ctx context.Context, key uuid.UUID, action string, a Arrival, who func(context.Context, *tenants.Tx) (uuid.UUID, error)) (Issued, error) {
	var out Issued
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, made, err := tenants.Claim(ctx, tx, key, action, id)
		if err != nil {
			return err
		}
		if first {
			patientID, err := who(ctx, tx)
			if err != nil {
				return err
			}
			if err := checkIn(ctx, tx, id, patientID, a); err != nil {
				return err
			}
		}
		v, err := tx.Q().GetVisit(ctx, made)
		out = Issued{Visit: made, Patient: v.PatientID, Name: v.FullName, Number: v.PatientNumber, Token: v.Label, Before: !first}
		return err
	})
	return out, tenants.Refused(err)
}

func checkIn(ctx context.Context, tx *tenants.Tx, id, patientID uuid.UUID, a Arrival) error {
	for range 8 { // a record merged into one that was merged later
		c, err := tx.Q().GetPatientCard(ctx, patientID)
		if err != nil {
			return err
		}
		if !c.MergedInto.Valid {
			break
		}
		patientID = c.MergedInto.UUID
	}
	row := tenantdb.InsertVisitParams{
		ID: id, PatientID: patientID, Kind: a.Kind, Purpose: phi.Text(strings.TrimSpace(a.Purpose)), Note: phi.Text(strings.TrimSpace(a.Note)),
		Priority: a.Priority || a.Kind == "emergency", CreatedBy: someID(tx.Actor.ID),
	}
	line, err := findLine(ctx, tx, a.Line)
	if err != nil {
		return err
	}
	row.DoctorID, row.DepartmentID = line.columns()
	if err := tx.Q().InsertVisit(ctx, row); err != nil {
		return opened(err)
	}
	if _, err := tx.Q().InsertToken(ctx, tenantdb.InsertTokenParams{ID: uuid.Must(uuid.NewV7()), VisitID: id}); err != nil {
		return err
	}
	return tx.Notify(ctx, topic, id)
}

// ArriveIn is CheckIn in a transaction of another slice, which has seen to who
// may and that it happens once. id is the visit's.
//
// Errors: Invalid, NotFound, Conflict (an open visit in this line today).
func ArriveIn(ctx context.Context, tx *tenants.Tx, id, patientID uuid.UUID, a Arrival) error {
	if err := a.check(); err != nil {
		return err
	}
	return checkIn(ctx, tx, id, patientID, a)
}

// opened names the rule of one open visit.
func opened(err error) error {
	if tenants.Violates(err, "visits_one_open") {
		return apperr.Wrap(apperr.Conflict, "error.visit.open", "This patient already waits in this line today", err)
	}
	return err
}

func (l Line) columns() (doctor, department uuid.NullUUID) {
	if l.Department {
		return uuid.NullUUID{}, someID(l.ID)
	}
	return someID(l.ID), uuid.NullUUID{}
}

func findLine(ctx context.Context, tx *tenants.Tx, id uuid.UUID) (Line, error) {
	rows, err := tx.Q().ListLines(ctx)
	if err != nil {
		return Line{}, err
	}
	if l, ok := linesByID(rows)[id]; ok {
		return l, nil
	}
	var p apperr.Problems
	p.Add("doctor", "error.doctor.missing", "Choose a doctor or a department")
	return Line{}, p.Err()
}

// Slip is what a token slip shows.
type Slip struct {
	Visit   uuid.UUID
	Token   string
	Line    Line
	Name    phi.Text
	State   State
	Arrived time.Time
	Ahead   int
	Wait    time.Duration
	WidthMM int    // 80 or 58, as the clinic's printer
	Place   string // the key of the patient's own link
}

// Slip gives what is printed for a visit, with its place as it is now.
//
// Errors: NotFound, Forbidden.
func (s *Service) Slip(ctx context.Context, id uuid.UUID) (Slip, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return Slip{}, err
	}
	var out Slip
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, id)
		if err != nil {
			return err
		}
		var (
			lines []tenantdb.ListLinesRow
			queue []tenantdb.ListOpenVisitsByLineRow
			set   tenantdb.GetQueueSettingsRow
			pace  clinicPaces
		)
		if err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			lines, err = q.ListLines(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			queue, err = q.ListOpenVisitsByLine(ctx, tenantdb.ListOpenVisitsByLineParams{Day: v.Day, LineID: v.LineID})
			return err
		}, func(q *tenantdb.Queries) (err error) {
			set, err = q.GetQueueSettings(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			pace, err = s.pace(ctx, tx, q)
			return err
		}); err != nil {
			return err
		}
		out = Slip{Visit: id, Token: v.Label, Line: linesByID(lines)[v.LineID.UUID], Name: v.FullName, State: State(v.State), Arrived: v.ArrivedAt,
			WidthMM: int(set.SlipWidthMm), Place: s.links.Key(placeLink, tx.Clinic.ID, id, 0)}
		out.Ahead = ahead(queue, id)
		out.Wait = time.Duration(out.Ahead) * pace.of(v.LineID.UUID)
		return nil
	})
	return out, tenants.Refused(err)
}

// ahead counts who is before a visit: inside, called, or to be called earlier.
func ahead(queue []tenantdb.ListOpenVisitsByLineRow, id uuid.UUID) int {
	n := 0
	seen := false
	for _, q := range queue {
		if q.ID == id {
			seen = true
			continue
		}
		if State(q.State) != Waiting || !seen {
			n++
		}
	}
	return n
}

// LastOfMine gives the visit of the newest token that the actor gave today.
//
// Errors: NotFound, Forbidden.
func (s *Service) LastOfMine(ctx context.Context) (uuid.UUID, error) {
	if err := s.allow(ctx, access.CheckIn); err != nil {
		return uuid.Nil, err
	}
	var id uuid.UUID
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		id, err = tx.Q().LastVisitOfUser(ctx, tenantdb.LastVisitOfUserParams{Day: patient.Today(tx), CreatedBy: someID(tx.Actor.ID)})
		return err
	})
	return id, tenants.Refused(err)
}
