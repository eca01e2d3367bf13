package consultation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

const (
	draftKind = "consultation"
	readings  = 24 // of the trend
)

// Service keeps the consultations of a clinic.
type Service struct{ db *tenants.DB }

// NewService makes the service.
func NewService(db *tenants.DB) *Service { return &Service{db: db} }

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// Begin brings the patient in: the visit is in consultation, and the doctor's
// consultation is open. Begun again it is what it was.
//
// Errors: NotFound, Conflict (somebody moved the patient), Forbidden (another
// doctor's).
func (s *Service) Begin(ctx context.Context, visitID uuid.UUID, version int32) error {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, visitID)
		if err != nil {
			return err
		}
		if v.DoctorID.Valid && v.DoctorID.UUID != tx.Actor.ID {
			return notYours()
		}
		switch visit.State(v.State) {
		case visit.InConsultation, visit.Done:
		default:
			if err := visit.MoveIn(ctx, tx, visitID, version, visit.InConsultation); err != nil {
				return err
			}
		}
		_, err = tx.Q().InsertConsultation(ctx, tenantdb.InsertConsultationParams{ID: uuid.Must(uuid.NewV7()), VisitID: visitID, DoctorID: tx.Actor.ID})
		return err
	}))
}

func notYours() error {
	return apperr.New(apperr.Forbidden, "error.consultation.doctor", "This patient is with another doctor")
}

func finishedAlready() error {
	return apperr.New(apperr.Conflict, "error.consultation.finished", "This consultation is finished; add to it instead")
}

// Work gives everything of a visit that its doctor works with, or another
// member of staff may read, and notes on the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Work(ctx context.Context, visitID uuid.UUID) (Work, error) {
	if err := s.allow(ctx, access.ConsultationView); err != nil {
		return Work{}, err
	}
	doctor := s.allow(ctx, access.ConsultationOwn) == nil
	var out Work
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetVisit(ctx, visitID)
		if err != nil {
			return err
		}
		out = Work{Now: tx.Now, Visit: visitOf(v)}
		if out.Record, err = patient.GetIn(ctx, tx, v.PatientID); err != nil {
			return err
		}
		return out.fill(ctx, tx, doctor)
	})
	return out, tenants.Refused(err)
}

func visitOf(v tenantdb.GetVisitRow) Visit {
	return Visit{ID: v.ID, Patient: v.PatientID, Doctor: v.DoctorID.UUID, Token: v.Label, Day: v.Day, Kind: v.Kind, State: v.State, Priority: v.Priority,
		Purpose: v.Purpose, Note: v.Note, Version: v.Version}
}

// fill reads what hangs on the visit and the patient.
func (w *Work) fill(ctx context.Context, tx *tenants.Tx, doctor bool) error {
	var (
		rows   []tenantdb.ListConsultationsByVisitRow
		vitals []tenantdb.ListVitalsByVisitRow
		trend  []tenantdb.ListVitalsByPatientsRow
		draft  *Draft
		family = w.Record.Family()
		q      = tx.Q()
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		rows, err = q.ListConsultationsByVisit(ctx, w.Visit.ID)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		vitals, err = q.ListVitalsByVisit(ctx, w.Visit.ID)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		trend, err = q.ListVitalsByPatients(ctx, tenantdb.ListVitalsByPatientsParams{PatientIds: family, AtMost: readings})
		return err
	}, func(q *tenantdb.Queries) (err error) {
		if doctor {
			draft, err = draftIn(ctx, q, tx.Actor.ID, w.Visit.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	all, err := withNotes(ctx, q, rows)
	if err != nil {
		return err
	}
	for i := range all {
		if err := tx.RecordView(ctx, "consultations", all[i].ID, all[i].PatientID); err != nil {
			return err
		}
		if all[i].DoctorID == tx.Actor.ID {
			w.Mine = &all[i]
		} else {
			w.Others = append(w.Others, all[i])
		}
	}
	for _, r := range vitals {
		w.Vitals = vitalsOfVisit(r).over(w.Vitals)
		if r.Taker != "" {
			w.Takers = append(w.Takers, r.Taker)
		}
	}
	for _, r := range trend {
		w.Trend = append(w.Trend, vitalsOfPatient(r))
	}
	w.begin(draft)
	return nil
}

// begin fills the form: with the draft, else with what is known already.
func (w *Work) begin(draft *Draft) {
	if draft != nil {
		w.Draft, w.Form = *draft, draft.Form
		return
	}
	w.Form = Form{Urgency: urgencies[0], Measured: w.Vitals.Measured()}
	if w.Visit.Priority || w.Visit.Kind == "emergency" {
		w.Form.Urgency = "urgent"
	}
}

// withNotes gives consultations with their diagnoses and addenda.
func withNotes(ctx context.Context, q *tenantdb.Queries, rows []tenantdb.ListConsultationsByVisitRow) ([]Consultation, error) {
	out := make([]Consultation, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
		out[i] = Consultation{ID: r.ID, VisitID: r.VisitID, PatientID: r.PatientID, DoctorID: r.DoctorID, Doctor: r.Doctor, Complaint: r.Complaint,
			Symptoms: r.Symptoms, Findings: r.Findings, Plan: r.Plan, Advice: r.Advice, Urgency: r.Urgency, State: r.State, Started: r.StartedAt, Version: r.Version}
		if r.FollowUpDays != nil {
			out[i].FollowUpDays = int(*r.FollowUpDays)
		}
		if r.FinishedAt != nil {
			out[i].FinishedAt = *r.FinishedAt
		}
	}
	found, err := q.ListDiagnoses(ctx, ids)
	if err != nil {
		return nil, err
	}
	added, err := q.ListAddenda(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range out {
		for _, d := range found {
			if d.ConsultationID == out[i].ID {
				out[i].Diagnoses = append(out[i].Diagnoses, Noted{Code: d.Code, Title: d.Title, Note: d.Note})
			}
		}
		for _, a := range added {
			if a.ConsultationID == out[i].ID {
				out[i].Addenda = append(out[i].Addenda, Addendum{Body: a.Body, Doctor: a.Doctor, At: a.WrittenAt})
			}
		}
	}
	return out, nil
}

// mineIn gives the actor's consultation of a visit. One that is another's is
// forbidden, one that nobody began is not found.
func mineIn(ctx context.Context, tx *tenants.Tx, visitID uuid.UUID) (tenantdb.ListConsultationsByVisitRow, error) {
	v, err := tx.Q().GetVisit(ctx, visitID)
	if err != nil {
		return tenantdb.ListConsultationsByVisitRow{}, err
	}
	rows, err := tx.Q().ListConsultationsByVisit(ctx, visitID)
	if err != nil {
		return tenantdb.ListConsultationsByVisitRow{}, err
	}
	for _, r := range rows {
		if r.DoctorID == tx.Actor.ID {
			return r, nil
		}
	}
	if v.DoctorID.Valid && v.DoctorID.UUID != tx.Actor.ID {
		return tenantdb.ListConsultationsByVisitRow{}, notYours()
	}
	return tenantdb.ListConsultationsByVisitRow{}, apperr.New(apperr.Conflict, "error.consultation.begin", "Begin the consultation first")
}

// AddTo adds to a finished consultation of the actor's. key is the form's own.
//
// Errors: Invalid (body), NotFound, Conflict (not finished yet), Forbidden.
func (s *Service) AddTo(ctx context.Context, key, visitID uuid.UUID, body string) error {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return err
	}
	body = tidy(body)
	var p apperr.Problems
	if body == "" {
		p.Add("body", "error.required", "Fill this in")
	}
	text(&p, "body", body, longestAddendum)
	if err := p.Err(); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		c, err := mineIn(ctx, tx, visitID)
		if err != nil {
			return err
		}
		if c.State != Finished {
			return apperr.New(apperr.Conflict, "error.consultation.open", "This consultation is still open")
		}
		id := uuid.Must(uuid.NewV7())
		first, _, err := tenants.Claim(ctx, tx, key, "consultation.addendum", id)
		if err != nil || !first {
			return err
		}
		return tx.Q().InsertAddendum(ctx, tenantdb.InsertAddendumParams{ID: id, ConsultationID: c.ID, DoctorID: tx.Actor.ID, Body: phi.Text(body)})
	}))
}

// Suggest finds diagnoses by what was typed, at most of them: those that the
// doctor recorded lately first.
//
// Errors: Forbidden.
func (s *Service) Suggest(ctx context.Context, text string, most int) ([]Suggestion, error) {
	if err := s.allow(ctx, access.ConsultationOwn); err != nil {
		return nil, err
	}
	q := ParseCode(text)
	if q.Empty() {
		return nil, nil
	}
	var out []Suggestion
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var (
			recent []tenantdb.ListRecentDiagnosesRow
			listed []tenantdb.SearchCodesRow
		)
		err := tx.Together(ctx, func(db *tenantdb.Queries) (err error) {
			recent, err = db.ListRecentDiagnoses(ctx, tx.Actor.ID)
			return err
		}, func(db *tenantdb.Queries) (err error) {
			listed, err = db.SearchCodes(ctx, q.args(most))
			return err
		})
		out = merged(q, recent, listed, most)
		return err
	})
	return out, tenants.Refused(err)
}

// Suggestion is a code that may be meant.
type Suggestion struct {
	Code, Title string
	Recent      bool // the doctor recorded it lately
}

const mostRecent = 3 // of the suggestions, so that the list has its say, too

func merged(q CodeQuery, recent []tenantdb.ListRecentDiagnosesRow, listed []tenantdb.SearchCodesRow, most int) []Suggestion {
	var out []Suggestion
	seen := map[string]bool{}
	for _, r := range recent {
		if len(out) < mostRecent && q.matches(r.Code, r.Title) {
			out = append(out, Suggestion{r.Code, r.Title, true})
			seen[r.Code] = true
		}
	}
	for _, r := range listed {
		if len(out) < most && !seen[r.Code] {
			out = append(out, Suggestion{Code: r.Code, Title: r.Title})
		}
	}
	return out
}

// today is the clinic's day.
func today(tx *tenants.Tx) time.Time { return patient.Today(tx) }
