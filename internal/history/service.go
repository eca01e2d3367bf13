package history

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/tenants"
)

// Service tells the history of a clinic's patients.
type Service struct{ db *tenants.DB }

// NewService makes the service.
func NewService(db *tenants.DB) *Service { return &Service{db: db} }

// needed is what somebody must be allowed to read who reads it all together.
var needed = []access.Capability{access.PatientRecord, access.ConsultationView, access.PrescriptionView, access.DocumentView, access.AppointmentView}

// allow fails closed: without a scope, or without the capabilities, nothing runs.
func (s *Service) allow(ctx context.Context) error {
	can, err := s.db.Rights(ctx)
	if err != nil {
		return err
	}
	sc, ok := tenants.ScopeFrom(ctx)
	for _, c := range needed {
		ok = ok && sc.Clinic != nil && can.Can(sc.Actor.Role, c)
	}
	if !ok {
		return apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	return nil
}

// Wanted is which part of a history is asked for.
type Wanted struct {
	Kind    Kind         // empty: every kind
	Besides uuid.UUID    // a visit that is left out, since it is before the reader
	After   patient.Page // zero: the beginning
	Most    int
	// Whole asks for all of the person, also where the record was merged into
	// another, whose history is told then.
	Whole bool
}

// Past is a page of a history, newest first.
type Past struct {
	Patient  patient.Card
	Merged   bool // the record was merged into another
	Entries  []Entry
	More     bool
	Next     patient.Page // the place after the last
	Running  []Running    // medicines taken now, on the first page
	Together []uuid.UUID  // the records that count as this patient's
}

// Of gives a part of the history of a patient and of those who were merged into
// the record, and notes on the trail that the actor saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Of(ctx context.Context, patientID uuid.UUID, w Wanted) (Past, error) {
	if err := s.allow(ctx); err != nil {
		return Past{}, err
	}
	var out Past
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		out = Past{}
		if err := tx.RecordView(ctx, "history", uuid.Nil, patientID); err != nil {
			return err
		}
		family := patient.FamilyIn
		if w.Whole {
			family = patient.WholeFamilyIn
		}
		who, err := family(ctx, tx, patientID)
		if err != nil {
			return err
		}
		out.Patient, out.Merged, out.Together = who.Card, who.Merged, who.IDs
		return out.fill(ctx, tx, w)
	})
	return out, tenants.Refused(err)
}

// fill reads of every kind as many as the page may hold, and keeps the newest.
func (p *Past) fill(ctx context.Context, tx *tenants.Tx, w Wanted) error {
	r := reader{ids: p.Together, after: w.After, most: int32(w.Most + 1), besides: w.Besides}
	if w.After.ID == uuid.Nil {
		// Later than anything that is booked or may come.
		r.after = patient.Page{At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), ID: uuid.Max}
	}
	var reads []func(*tenantdb.Queries) error
	for _, of := range []struct {
		kind Kind
		read func(context.Context, *tenantdb.Queries) error
	}{{Visit, r.visits}, {Prescription, r.prescriptions}, {Test, r.tests}, {Document, r.documents}, {Appointment, r.appointments}, {FollowUp, r.followUps}} {
		if w.Kind == "" || w.Kind == of.kind {
			reads = append(reads, func(q *tenantdb.Queries) error { return of.read(ctx, q) })
		}
	}
	if w.After.ID == uuid.Nil {
		reads = append(reads, func(q *tenantdb.Queries) (err error) {
			p.Running, err = running(ctx, q, tx, p.Together)
			return err
		})
	}
	if err := tx.Together(ctx, reads...); err != nil {
		return err
	}
	slices.SortFunc(r.found, newer)
	p.More = len(r.found) > w.Most
	p.Entries = r.found[:min(len(r.found), w.Most)]
	if n := len(p.Entries); n > 0 {
		p.Next = patient.Page{Day: p.Entries[n-1].At, At: p.Entries[n-1].At, ID: p.Entries[n-1].ID}
	}
	return p.more(ctx, tx)
}

// more puts on the entries of the page what hangs on them.
func (p *Past) more(ctx context.Context, tx *tenants.Tx) error {
	at := map[uuid.UUID]*Entry{}
	var visits, given []uuid.UUID
	for i := range p.Entries {
		e := &p.Entries[i]
		at[e.ID] = e
		switch e.Kind {
		case Visit:
			visits = append(visits, e.ID)
		case Prescription:
			given = append(given, e.ID)
		}
	}
	return tx.Together(ctx, func(q *tenantdb.Queries) error {
		if len(visits) == 0 {
			return nil
		}
		rows, err := q.ListPressures(ctx, visits)
		for _, r := range rows {
			if e := at[r.VisitID]; r.Systolic != nil && r.Diastolic != nil {
				e.Systolic, e.Diastolic = int(*r.Systolic), int(*r.Diastolic)
			}
		}
		return err
	}, func(q *tenantdb.Queries) error {
		if len(given) == 0 {
			return nil
		}
		rows, err := q.ListPrescriptionLines(ctx, given)
		for _, r := range rows {
			e := at[r.PrescriptionID]
			e.What = append(e.What, strong(r.Medicine, r.Strength))
		}
		return err
	})
}

// strong is a medicine's name with its strength.
func strong(name phi.Text, strength string) phi.Text {
	if strength == "" {
		return name
	}
	return phi.Text(name.Reveal() + " " + strength)
}

func running(ctx context.Context, q *tenantdb.Queries, tx *tenants.Tx, ids []uuid.UUID) ([]Running, error) {
	rows, err := q.ListRunningMedicines(ctx, tenantdb.ListRunningMedicinesParams{PatientIds: ids, Zone: tx.Clinic.Zone.String(), Today: patient.Today(tx)})
	var out []Running
	for _, r := range rows {
		if r.IssuedAt == nil || r.Days == nil {
			continue
		}
		out = append(out, Running{Medicine: strong(r.Medicine, r.Strength), Dose: prescription.Dose{Morning: r.Morning, Afternoon: r.Afternoon, Evening: r.Evening, Night: r.Night, SOS: r.Sos},
			Until:          patient.DayIn(*r.IssuedAt, tx.Clinic.Zone).AddDate(0, 0, int(*r.Days)*(int(r.Refills)+1)-1),
			PrescriptionID: r.PrescriptionID, Number: r.Number, Doctor: r.Doctor})
	}
	return once(out), err
}
