package legacy

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/phi"

	"github.com/cloister-health/cloister/db/tenantdb"
)

// oldDepartment is where the older system's visits stand: it kept neither a
// doctor nor a department with them. It is not active, so nobody is sent there.
const oldDepartment = "Older system"

// writeVisits writes history as it was: no token, no doctor, no end.
func (w *writer) writeVisits(ctx context.Context) error {
	type written struct {
		id uuid.UUID
		v  *Visit
	}
	var fresh []written
	for i := range w.plan.Visits {
		v := &w.plan.Visits[i]
		id, done := w.found("hospital_patientvisit", v.ID)
		if !done {
			id = newID()
			fresh = append(fresh, written{id, v})
		}
		w.visits[v.ID] = id
	}
	if len(fresh) == 0 {
		return nil
	}
	department, err := w.department(ctx)
	if err != nil {
		return err
	}
	tasks := make([]task, 0, len(fresh))
	for _, f := range fresh {
		id, v := f.id, f.v
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			err := q.InsertImportedVisit(ctx, tenantdb.InsertImportedVisitParams{
				ID: id, PatientID: w.patients[v.Patient], DepartmentID: orNull(department), Day: v.Day, Kind: v.Kind, Purpose: phi.Text(v.Purpose),
				Note: v.Note, State: v.State, StateReason: v.Reason, ArrivedAt: v.Arrived, CreatedBy: orNull(w.users[v.By]),
			})
			if err != nil {
				return err
			}
			return remember(ctx, q, "visits", id, "hospital_patientvisit", v.ID, nil)
		})
	}
	return w.all(ctx, "visits", tasks)
}

// department finds the department of old visits or makes it.
func (w *writer) department(ctx context.Context) (uuid.UUID, error) {
	if w.oldVisits != uuid.Nil {
		return w.oldVisits, nil
	}
	has, err := w.q.ListDepartmentsForImport(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	for _, d := range has {
		if strings.EqualFold(d.Name, oldDepartment) {
			w.oldVisits = d.ID
			return d.ID, nil
		}
	}
	id := newID()
	w.oldVisits = id
	return id, w.q.InsertImportedDepartment(ctx, tenantdb.InsertImportedDepartmentParams{ID: id, Name: oldDepartment})
}
