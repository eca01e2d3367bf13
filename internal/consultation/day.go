package consultation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// DueOf gives the follow-ups that some records of one patient wait for.
//
// Errors: Forbidden.
func (s *Service) DueOf(ctx context.Context, family []uuid.UUID) ([]Due, error) {
	if err := s.allow(ctx, access.ConsultationView); err != nil {
		return nil, err
	}
	var out []Due
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListFollowUpsByPatients(ctx, family)
		out = nil
		for _, f := range rows {
			out = append(out, Due{ID: f.ID, Version: f.Version, On: f.DueOn, Note: f.Note, Doctor: f.Doctor, Patient: patient.Card{ID: f.PatientID}})
		}
		return err
	})
	return out, tenants.Refused(err)
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
				out.Unfinished = append(out.Unfinished, Unfinished{VisitID: r.VisitID, Token: r.Label, Day: r.Day, Started: r.StartedAt, Inside: r.VisitState == "in_consultation", Medicines: int(r.Medicines),
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
