package history

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

// reader reads one kind after the other, from the same place on.
type reader struct {
	ids     []uuid.UUID
	after   patient.Page
	most    int32
	besides uuid.UUID
	found   []Entry
}

func (r *reader) visits(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListPastVisits(ctx, tenantdb.ListPastVisitsParams{PatientIds: r.ids, Besides: r.besides, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, v := range rows {
		e := Entry{Kind: Visit, ID: v.ID, At: v.ArrivedAt, VisitID: v.ID, State: v.State, Sort: v.Kind, Number: v.Label, Doctor: v.Doctor, Text: v.Purpose, Day: v.Day,
			Found: v.ConsultationID.Valid}
		if v.Complaint != "" {
			e.Text = phi.Text(v.Complaint)
		}
		for _, t := range v.Titles {
			e.What = append(e.What, phi.Text(t))
		}
		r.found = append(r.found, e)
	}
	return err
}

func (r *reader) prescriptions(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListPastPrescriptions(ctx, tenantdb.ListPastPrescriptionsParams{PatientIds: r.ids, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, p := range rows {
		r.found = append(r.found, Entry{Kind: Prescription, ID: p.ID, At: p.IssuedAt, VisitID: p.VisitID, State: p.State, Number: p.Number, Doctor: p.Doctor, Reason: p.CancelReason})
	}
	return err
}

func (r *reader) tests(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListPastTests(ctx, tenantdb.ListPastTestsParams{PatientIds: r.ids, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, t := range rows {
		r.found = append(r.found, Entry{Kind: Test, ID: t.ID, At: t.RequestedAt, VisitID: t.VisitID, State: t.State, Sort: t.Kind, Doctor: t.Doctor, What: []phi.Text{t.Name},
			Text: t.Note, Result: t.Result, Reason: t.StateReason, Stat: t.Urgency == "stat"})
	}
	return err
}

func (r *reader) documents(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListDocumentsByPatients(ctx, tenantdb.ListDocumentsByPatientsParams{PatientIds: r.ids, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, d := range rows {
		e := Entry{Kind: Document, ID: d.ID, At: d.UploadedAt, Sort: d.Kind, Doctor: d.Uploader, What: []phi.Text{d.Title}, Text: d.Note, Pages: int(d.Pages)}
		if d.DatedOn != nil {
			e.Day = *d.DatedOn
		}
		if d.WithdrawnAt != nil {
			e.State, e.Reason = "withdrawn", phi.Text(d.WithdrawnReason)
		}
		r.found = append(r.found, e)
	}
	return err
}

func (r *reader) appointments(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListPastAppointments(ctx, tenantdb.ListPastAppointmentsParams{PatientIds: r.ids, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, a := range rows {
		r.found = append(r.found, Entry{Kind: Appointment, ID: a.ID, At: a.StartsAt, State: a.State, Sort: a.Kind, Doctor: a.Doctor, Text: a.Purpose, Reason: a.StateReason})
	}
	return err
}

func (r *reader) followUps(ctx context.Context, q *tenantdb.Queries) error {
	rows, err := q.ListPastFollowUps(ctx, tenantdb.ListPastFollowUpsParams{PatientIds: r.ids, BeforeAt: r.after.At, BeforeID: r.after.ID, AtMost: r.most})
	for _, f := range rows {
		r.found = append(r.found, Entry{Kind: FollowUp, ID: f.ID, At: f.CreatedAt, VisitID: f.VisitID, State: f.State, Doctor: f.Doctor, Text: f.Note, Day: f.DueOn})
	}
	return err
}
