package consultation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// History is a page of a patient's past visits.
type History struct {
	Past []Past
	More bool
	Next patient.Page // the place after the last
	Due  []Due        // follow-ups to come, on the first page
}

// History gives a patient's visits with what was found, newest first, at most
// of them, after a place (zero: the beginning), and notes on the trail that the
// actor saw them.
//
// Errors: NotFound, Forbidden.
func (s *Service) History(ctx context.Context, patientID uuid.UUID, after patient.Page, most int) (History, error) {
	return s.history(ctx, patientID, nil, after, most)
}

// HistoryOf is the beginning of History for a record that was just read.
func (s *Service) HistoryOf(ctx context.Context, of patient.Record, most int) (History, error) {
	return s.history(ctx, of.ID, of.Family(), patient.Page{}, most)
}

// history reads whose records count as the patient's where family doesn't tell.
func (s *Service) history(ctx context.Context, patientID uuid.UUID, family []uuid.UUID, after patient.Page, most int) (History, error) {
	if err := s.allow(ctx, access.ConsultationView); err != nil {
		return History{}, err
	}
	var out History
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if err := tx.RecordView(ctx, "consultations", uuid.Nil, patientID); err != nil {
			return err
		}
		family := family
		if family == nil {
			var err error
			if family, err = familyOf(ctx, tx, patientID); err != nil {
				return err
			}
		}
		var (
			rows []tenantdb.ListHistoryRow
			due  []tenantdb.ListFollowUpsByPatientsRow
		)
		err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			rows, err = q.ListHistory(ctx, historyArgs(family, after, most))
			return err
		}, func(q *tenantdb.Queries) (err error) {
			if after.ID == uuid.Nil {
				due, err = q.ListFollowUpsByPatients(ctx, family)
			}
			return err
		})
		if err != nil {
			return err
		}
		out = History{}
		for _, f := range due {
			out.Due = append(out.Due, Due{ID: f.ID, Version: f.Version, On: f.DueOn, Note: f.Note, Doctor: f.Doctor, Patient: patient.Card{ID: f.PatientID}})
		}
		out.Past, out.More = pastOf(rows, nil, uuid.Nil, most)
		if n := len(out.Past); n > 0 {
			out.Next = patient.Page{Day: out.Past[n-1].Day, At: out.Past[n-1].Arrived, ID: out.Past[n-1].VisitID}
		}
		return nil
	})
	return out, tenants.Refused(err)
}

// familyOf gives the ids of a patient that is there and of all that were merged
// into it.
func familyOf(ctx context.Context, tx *tenants.Tx, patientID uuid.UUID) ([]uuid.UUID, error) {
	var merged []tenantdb.ListMergedPatientsRow
	err := tx.Together(ctx, func(q *tenantdb.Queries) error {
		_, err := q.GetPatientCard(ctx, patientID)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		merged, err = q.ListMergedPatients(ctx, someID(patientID))
		return err
	})
	family := []uuid.UUID{patientID}
	for _, m := range merged {
		family = append(family, m.ID)
	}
	return family, err
}

func historyArgs(family []uuid.UUID, after patient.Page, most int) tenantdb.ListHistoryParams {
	arg := tenantdb.ListHistoryParams{PatientIds: family, BeforeAt: after.At, BeforeID: after.ID, AtMost: int32(most + 1)}
	if after.ID == uuid.Nil {
		arg.BeforeAt, arg.BeforeID = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), uuid.Max
	}
	return arg
}

// pastOf gives at most of the visits, without the one at hand, with those of
// the readings that were taken at them.
func pastOf(rows []tenantdb.ListHistoryRow, readings []Vitals, without uuid.UUID, most int) (past []Past, more bool) {
	for _, r := range rows {
		if r.ID == without {
			continue
		}
		if len(past) == most {
			return past, true
		}
		p := Past{VisitID: r.ID, Day: r.Day, Arrived: r.ArrivedAt, Token: r.Label, Kind: r.Kind, State: r.State, Doctor: r.Doctor, Purpose: r.Purpose,
			Found: r.ConsultationID.Valid, Complaint: phi.Text(r.Complaint), Urgency: r.Urgency}
		for _, t := range r.Titles {
			p.Titles = append(p.Titles, phi.Text(t))
		}
		for i := range readings {
			if readings[i].visit == r.ID {
				whole := readings[i]
				if p.Vitals != nil {
					whole = p.Vitals.over(whole)
				}
				p.Vitals = &whole
			}
		}
		past = append(past, p)
	}
	return past, false
}

// Day is what a doctor has open besides the queue.
type Day struct {
	Unfinished []Unfinished
	Due        []Due
	Today      time.Time
}

const (
	dueAhead = 7  // days that a follow-up shows before it is due
	dueMost  = 10 // lines of each list
)

// Day gives the consultations that the actor has not finished, and the
// follow-ups that are due by the end of a week.
//
// Errors: Forbidden.
func (s *Service) Day(ctx context.Context) (Day, error) {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return Day{}, err
	}
	var out Day
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		out = Day{Today: today(tx)}
		return tx.Together(ctx, func(q *tenantdb.Queries) error {
			rows, err := q.ListUnfinished(ctx, tenantdb.ListUnfinishedParams{DoctorID: tx.Actor.ID, AtMost: dueMost})
			for _, r := range rows {
				out.Unfinished = append(out.Unfinished, Unfinished{VisitID: r.VisitID, Token: r.Label, Day: r.Day, Started: r.StartedAt, Inside: r.VisitState == "in_consultation",
					Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber, Name: r.FullName, Local: r.LocalName, Sex: r.Sex,
						Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)}})
			}
			return err
		}, func(q *tenantdb.Queries) error {
			rows, err := q.ListFollowUpsDue(ctx, tenantdb.ListFollowUpsDueParams{DoctorID: tx.Actor.ID, Until: out.Today.AddDate(0, 0, dueAhead), AtMost: dueMost})
			for _, r := range rows {
				out.Due = append(out.Due, Due{ID: r.ID, Version: r.Version, On: r.DueOn, Note: r.Note, Patient: patient.Card{ID: r.PatientID, Number: r.PatientNumber,
					Name: r.FullName, Local: r.LocalName, Sex: r.Sex, Phone: r.Phone, Birth: patient.BirthOf(r.BirthDate, r.AgeYears, r.AgeMonths, r.AgeToldOn)}})
			}
			return err
		})
	})
	return out, tenants.Refused(err)
}

// CloseFollowUp says that a follow-up was kept, or that it is not needed any
// more. Closed again it is what it was.
//
// Errors: Invalid, NotFound, Conflict, Forbidden.
func (s *Service) CloseFollowUp(ctx context.Context, id uuid.UUID, version int32, state string) error {
	if err := s.allow(ctx, access.FollowUpClose); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		f, err := tx.Q().GetFollowUp(ctx, id)
		if err != nil || f.State == state && state != "due" {
			return err
		}
		if state != "done" && state != "cancelled" {
			return chooseOne()
		}
		n, err := tx.Q().CloseFollowUp(ctx, tenantdb.CloseFollowUpParams{ID: id, Version: version, State: state})
		if err == nil && n == 0 {
			err = conflicted()
		}
		return err
	}))
}
