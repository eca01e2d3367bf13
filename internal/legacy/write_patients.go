package legacy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/patient"
)

// writePatients numbers the patients that are new by year of registration, in the
// order of registration_date and id, and writes them.
func (w *writer) writePatients(ctx context.Context) error {
	fresh := make([]*Patient, 0, len(w.plan.Patients))
	years := map[string]int{}
	for i := range w.plan.Patients {
		p := &w.plan.Patients[i]
		if id, done := w.found("hospital_patient", p.ID); done {
			w.patients[p.ID] = id
			continue
		}
		fresh = append(fresh, p)
		years[p.Registered.Format("2006")]++
	}
	next, err := w.reserve(ctx, years)
	if err != nil {
		return err
	}
	last := w.lastVisits()
	tasks := make([]task, 0, len(fresh))
	for _, p := range fresh {
		year := p.Registered.Format("2006")
		number := fmt.Sprintf("PT-%s-%05d", year, next[year])
		next[year]++
		id := newID()
		w.patients[p.ID] = id
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			return w.patient(ctx, q, id, number, last[p.ID], p)
		})
	}
	return w.all(ctx, "patients", tasks)
}

// lastVisits gives each patient's last day at the clinic. The queue's trigger
// would set it too, at the price of a second version of every patient.
func (w *writer) lastVisits() map[int64]*time.Time {
	last := make(map[int64]*time.Time, len(w.plan.Patients))
	for i := range w.plan.Visits {
		v := &w.plan.Visits[i]
		if day := last[v.Patient]; day == nil || day.Before(v.Day) {
			last[v.Patient] = &v.Day
		}
	}
	for _, x := range w.plan.Prescriptions { // one without a visit gets its own
		if day := last[x.Patient]; day == nil || day.Before(x.Day) {
			last[x.Patient] = &x.Day
		}
	}
	return last
}

// reserve takes the numbers of each year as one block, in the years' order, so
// that two imports can't wait for each other.
func (w *writer) reserve(ctx context.Context, years map[string]int) (map[string]int64, error) {
	next := map[string]int64{}
	order := make([]string, 0, len(years))
	for year := range years {
		order = append(order, year)
	}
	slices.Sort(order)
	for _, year := range order {
		first, err := w.q.ReservePatientNumbers(ctx, tenantdb.ReservePatientNumbersParams{Year: year, N: int32(years[year])})
		if err != nil {
			return nil, err
		}
		next[year] = first
	}
	return next, nil
}

// patient writes one patient, its source key and its old number.
func (w *writer) patient(ctx context.Context, q *tenantdb.Queries, id uuid.UUID, number string, last *time.Time, p *Patient) error {
	row := tenantdb.InsertImportedPatientParams{
		ID: id, Number: number, FirstName: p.First, LastName: p.Last,
		SearchKey: patient.SearchKey(p.First.Reveal(), p.Last.Reveal(), ""), Sex: p.Sex, Phone: p.Phone, Address: p.Address, Note: p.Note,
		Status: p.Status, RegisteredOn: p.Registered, RegisteredBy: orNull(w.users[p.By]), LastVisitOn: last,
	}
	if !p.Birth.IsZero() {
		row.BirthDate = &p.Birth
	}
	if p.AgeTold {
		years := int16(p.Age)
		row.AgeYears, row.AgeToldOn = &years, &p.Registered
	}
	if p.Grams > 0 {
		grams := int32(p.Grams)
		row.WeightGrams = &grams
	}
	if err := q.InsertImportedPatient(ctx, row); err != nil {
		return err
	}
	if err := remember(ctx, q, "patients", id, "hospital_patient", p.ID, p.Facts); err != nil {
		return err
	}
	if strings.TrimSpace(p.OldNumber) == "" {
		return nil
	}
	return identify(ctx, q, "patients", id, numberSystem, p.OldNumber, nil)
}

// logins makes an invitation for every patient that had a login; reception
// sends it.
func (w *writer) logins(ctx context.Context) error {
	var tasks []task
	for _, l := range w.plan.Logins {
		if _, done := w.found("hospital_user", l.ID); done {
			continue
		}
		whose := w.patients[l.Patient]
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			err := q.InsertImportedInvitation(ctx, tenantdb.InsertImportedInvitationParams{
				ID: newID(), PatientID: orNull(whose), CreatedBy: w.by, ExpiresAt: w.tx.Now.Add(access.InviteFor),
			})
			if err != nil {
				return err
			}
			return remember(ctx, q, "patients", whose, "hospital_user", l.ID, l.Facts)
		})
	}
	return w.all(ctx, "logins", tasks)
}
