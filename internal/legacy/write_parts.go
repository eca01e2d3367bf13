package legacy

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
)

// vitals writes what was measured.
func (w *writer) vitals(ctx context.Context) error {
	var tasks []task
	for i := range w.plan.Vitals {
		v := &w.plan.Vitals[i]
		rx := w.rx[v.Prescription]
		if _, done := w.found("hospital_vitals", v.ID); done || rx == nil {
			continue
		}
		id := newID()
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			err := q.InsertImportedVitals(ctx, tenantdb.InsertImportedVitalsParams{
				ID: id, VisitID: rx.visit, TakenAt: v.Taken, Systolic: small(v.Systolic), Diastolic: small(v.Diastolic), Pulse: small(v.Pulse),
				TemperatureTenths: small(v.Temperature), TemperatureUnit: v.Unit, Spo2: small(v.SpO2), Sugar: small(v.Sugar), SugarKind: v.SugarKind, Note: v.Note,
			})
			if err != nil {
				return err
			}
			return remember(ctx, q, "vitals", id, "hospital_vitals", v.ID, v.Facts)
		})
	}
	return w.all(ctx, "vitals", tasks)
}

// lines writes the medicines in the order of their ids. Those of a later copy of
// the file come behind the ones that are there.
func (w *writer) lines(ctx context.Context) error {
	if err := w.knownMedicines(ctx); err != nil {
		return err
	}
	var tasks []task
	for i := range w.plan.Lines {
		l := &w.plan.Lines[i]
		rx := w.rx[l.Prescription]
		if _, done := w.found("hospital_medicine", l.ID); done || rx == nil {
			continue
		}
		rx.positions++
		row := w.line(l, rx)
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			if err := q.InsertImportedLine(ctx, row); err != nil {
				return err
			}
			return remember(ctx, q, "prescription_lines", row.ID, "hospital_medicine", l.ID, l.Facts)
		})
	}
	return w.all(ctx, "lines", tasks)
}

func (w *writer) line(l *Line, rx *writtenRx) tenantdb.InsertImportedLineParams {
	generic, listed := w.generic(&l.Dosage)
	return tenantdb.InsertImportedLineParams{
		ID: newID(), PrescriptionID: rx.id, DoctorID: rx.doctor, Position: rx.positions, Medicine: l.Name, Generic: generic, Form: l.Form, Strength: l.Strength,
		Morning: l.Dose.Morning, Afternoon: l.Dose.Afternoon, Evening: l.Dose.Evening, Night: l.Dose.Night, Sos: l.Dose.SOS, Days: small(l.Days),
		Quantity: small(l.Quantity), Food: l.Food, Instructions: l.Instructions, Listed: listed, CreatedAt: rx.plan.Written,
	}
}

// requests writes the tests that were asked for.
func (w *writer) requests(ctx context.Context) error {
	type asked struct {
		visit uuid.UUID
		name  string
	}
	has, err := w.q.ListRequestedNamesForImport(ctx)
	if err != nil {
		return err
	}
	there := map[asked]bool{}
	for _, h := range has {
		there[asked{h.VisitID, h.Name}] = true
	}
	var tasks []task
	for i := range w.plan.Requests {
		r := &w.plan.Requests[i]
		rx := w.rx[r.Prescription]
		if _, done := w.found("hospital_test", r.ID); done || rx == nil {
			continue
		}
		name := r.Name
		if there[asked{rx.visit, strings.ToLower(name.Reveal())}] { // a later copy says it otherwise
			short, _ := cut(name.Reveal(), longestTest-30)
			name = phi.Text(fmt.Sprintf("%s (row %d)", short, r.ID))
		}
		there[asked{rx.visit, strings.ToLower(name.Reveal())}] = true
		listed := w.tests[r.Test]
		row := tenantdb.InsertImportedTestRequestParams{
			ID: newID(), VisitID: rx.visit, DoctorID: rx.doctor, State: r.State, TestID: orNull(listed.ID), Name: name, Kind: r.Kind, Code: listed.Code,
			RequiredOn: day(r.Required), Note: r.Note, Result: r.Result, RequestedAt: rx.plan.Written,
		}
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			if err := q.InsertImportedTestRequest(ctx, row); err != nil {
				return err
			}
			return remember(ctx, q, "test_requests", row.ID, "hospital_test", r.ID, r.Facts)
		})
	}
	return w.all(ctx, "requests", tasks)
}
