package consultation

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

// Finish writes a consultation into the record and locks it: notes, diagnoses,
// vitals, the follow-up, what is prescribed and the tests that are asked for,
// and the visit is over, all in one transaction. key is
// the form's own: the same form sent twice is done once. version is the draft's,
// as in Keep; when another window has written since, the error is Stale and
// that window's draft is given.
//
// Errors: Invalid, NotFound, Conflict (finished, not begun, sent back to wait),
// Stale, Forbidden.
func (s *Service) Finish(ctx context.Context, key, visitID uuid.UUID, version int32, f Form) (Draft, error) {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return Draft{}, err
	}
	f = f.clean()
	facts, wrong := f.check()
	var theirs Draft
	err := tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		c, err := mineIn(ctx, tx, visitID)
		if err != nil {
			return err
		}
		first, _, err := tenants.Claim(ctx, tx, key, "consultation.finish", c.ID)
		if err != nil || !first {
			return err
		}
		if c.State == Finished {
			return finishedAlready()
		}
		draft, err := draftIn(ctx, tx.Q(), tx.Actor.ID, visitID)
		if err != nil {
			return err
		}
		if draft != nil && draft.Version != version && !draft.Form.equal(f) && (f.Window == "" || draft.Form.Window != f.Window) {
			theirs = *draft
			return stale()
		}
		order, unfit := prescription.ReadIn(ctx, tx, c.PatientID, f.Rx)
		if err := apperr.Join(wrong, unfit); err != nil {
			return err
		}
		if _, err := order.IssueIn(ctx, tx, visitID); err != nil {
			return err
		}
		return finish(ctx, tx, c, facts)
	})
	return theirs, tenants.Refused(sentBack(err))
}

// sentBack says in words why a visit could not be closed.
func sentBack(err error) error {
	if tenants.Violates(err, "consultation_visit") {
		return apperr.Wrap(apperr.Conflict, "error.consultation.waiting", "The patient was sent back to wait; call them in again to finish", err)
	}
	return err
}

func finish(ctx context.Context, tx *tenants.Tx, c tenantdb.ListConsultationsByVisitRow, f found) error {
	if err := named(ctx, tx, f.diagnoses); err != nil {
		return err
	}
	if err := measure(ctx, tx, c.VisitID, f.vitals); err != nil {
		return err
	}
	// Nothing of these waits for an answer but the last.
	later := tx.Later()
	if err := later.WithdrawDiagnoses(ctx, c.ID); err != nil {
		return err
	}
	for i, d := range f.diagnoses {
		err := later.InsertDiagnosis(ctx, tenantdb.InsertDiagnosisParams{ID: uuid.Must(uuid.NewV7()), ConsultationID: c.ID, DoctorID: tx.Actor.ID, Code: d.Code,
			Title: phi.Text(d.Title), Note: phi.Text(d.Note), Position: int16(i + 1)})
		if err != nil {
			return err
		}
	}
	done, err := tx.Q().FinishConsultation(ctx, tenantdb.FinishConsultationParams{ID: c.ID, Version: c.Version, Complaint: phi.Text(f.complaint),
		Symptoms: f.symptoms, Findings: phi.Text(f.findings), Plan: phi.Text(f.plan), Advice: phi.Text(f.advice), Urgency: f.urgency, FollowUpDays: f.days})
	if errors.Is(err, pgx.ErrNoRows) {
		return finishedAlready()
	}
	if err != nil {
		return err
	}
	if err := later.CameAgain(ctx, tenantdb.CameAgainParams{PatientIds: []uuid.UUID{done.PatientID}, DoctorID: tx.Actor.ID, ConsultationID: c.ID}); err != nil {
		return err
	}
	if f.days != nil {
		err := later.InsertFollowUp(ctx, tenantdb.InsertFollowUpParams{ID: uuid.Must(uuid.NewV7()), ConsultationID: c.ID, PatientID: done.PatientID,
			DoctorID: tx.Actor.ID, DueOn: today(tx).AddDate(0, 0, int(*f.days))})
		if err != nil {
			return err
		}
	}
	if err := later.DeleteDraft(ctx, tenantdb.DeleteDraftParams{UserID: tx.Actor.ID, Kind: draftKind, SubjectID: someID(c.VisitID)}); err != nil {
		return err
	}
	return visit.Announce(ctx, tx, c.VisitID)
}

// named gives each code the title that the list has for it, whatever the form
// said.
func named(ctx context.Context, tx *tenants.Tx, all []Diagnosis) error {
	var p apperr.Problems
	fns := make([]func(*tenantdb.Queries) error, 0, len(all))
	for i := range all {
		d := &all[i]
		if d.Code == "" {
			continue
		}
		fns = append(fns, func(q *tenantdb.Queries) error {
			rows, err := q.SearchCodes(ctx, tenantdb.SearchCodesParams{Letters: strings.ReplaceAll(d.Code, ".", ""), AtMost: 1})
			if err != nil {
				return err
			}
			if len(rows) == 0 || rows[0].Code != d.Code {
				p.Add("diagnosis", "error.diagnosis.code", "Choose the code from the list")
				return nil
			}
			d.Title = rows[0].Title
			return nil
		})
	}
	if len(fns) > 0 {
		if err := tx.Together(ctx, fns...); err != nil {
			return err
		}
	}
	return p.Err()
}

// measure keeps what the doctor measured beside what others did: their own row
// of the visit, and none when nothing differs from what stands there.
func measure(ctx context.Context, tx *tenants.Tx, visitID uuid.UUID, v Vitals) error {
	if !v.Any() {
		return nil
	}
	rows, err := tx.Q().ListVitalsByVisit(ctx, visitID)
	if err != nil {
		return err
	}
	var stands Vitals
	own := uuid.Nil
	for _, r := range rows {
		stands = vitalsOfVisit(r).over(stands)
		if r.TakenBy.UUID == tx.Actor.ID {
			own = r.ID
		}
	}
	if v.sameAs(stands) {
		return nil
	}
	if own != uuid.Nil {
		_, err = tx.Q().UpdateVitals(ctx, updateOf(own, v))
		return err
	}
	return tx.Q().InsertVitals(ctx, insertOf(visitID, v))
}

// Measure keeps the vitals that a member of staff took before the doctor's turn.
//
// Errors: Invalid (names of Measured.Parse), NotFound, Conflict (the doctor has
// finished), Forbidden.
func (s *Service) Measure(ctx context.Context, visitID uuid.UUID, m Measured) error {
	if err := s.allow(ctx, access.VitalsRecord); err != nil {
		return err
	}
	v, err := m.Parse()
	if err != nil {
		return err
	}
	if !v.Any() {
		var p apperr.Problems
		p.Add("bp", "error.vitals.none", "Enter at least one value")
		return p.Err()
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := tx.Q().GetVisit(ctx, visitID); err != nil {
			return err
		}
		return measure(ctx, tx, visitID, v)
	})
	if tenants.Violates(err, "consultation_finished") {
		return finishedAlready()
	}
	return tenants.Refused(err)
}

// Taken gives a visit's vitals with the patient's card, for those who measure.
//
// Errors: NotFound, Forbidden.
func (s *Service) Taken(ctx context.Context, visitID uuid.UUID) (Work, error) {
	if err := s.allow(ctx, access.VitalsRecord); err != nil {
		return Work{}, err
	}
	return s.Work(ctx, visitID)
}
