package legacy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/phi"
)

const (
	// nobody stands where the older system doesn't say who. The user is not
	// active, has no address and no password, and can't be signed in as.
	nobodyName     = "unknown (older system)"
	nobodyUsername = "older-system.unknown"
	noVisit        = "no visit in the older system; this one stands for its prescription"
)

// writtenRx is a prescription as the clinic has it.
type writtenRx struct {
	plan         *Prescription
	id           uuid.UUID
	visit        uuid.UUID
	doctor       uuid.UUID
	consultation uuid.UUID
	number       string
	fresh        bool
	positions    int16 // lines that it has
}

// prescriptions numbers those that are new by the clinic's year, in the order in
// which they were written, and writes each with its consultation.
func (w *writer) prescriptions(ctx context.Context) error {
	taken, err := w.oldPrescriptions(ctx)
	if err != nil {
		return err
	}
	var fresh []*writtenRx
	years := map[string]int{}
	for _, x := range w.plan.Prescriptions {
		if w.rx[x.ID] != nil {
			continue
		}
		doctor, err := w.staffOrUnknown(ctx, x.Doctor)
		if err != nil {
			return err
		}
		rx := &writtenRx{plan: x, id: newID(), visit: w.visits[x.Visit], doctor: doctor, consultation: newID(), fresh: true}
		if taken[rx.visit] {
			rx.visit = uuid.Nil
		}
		taken[rx.visit] = rx.visit != uuid.Nil
		w.rx[x.ID] = rx
		fresh = append(fresh, rx)
		years[x.Day.Format("2006")]++
	}
	if err := w.number(ctx, fresh, years); err != nil {
		return err
	}
	if err := w.madeVisits(ctx, fresh); err != nil {
		return err
	}
	tasks := make([]task, 0, len(fresh))
	for _, rx := range fresh {
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error { return w.prescription(ctx, q, rx) })
	}
	return w.all(ctx, "prescriptions", tasks)
}

// oldPrescriptions finds what earlier runs brought over, and which visits have a
// consultation already.
func (w *writer) oldPrescriptions(ctx context.Context) (map[uuid.UUID]bool, error) {
	visits, err := w.q.ListConsultedVisitsForImport(ctx)
	if err != nil {
		return nil, err
	}
	taken := make(map[uuid.UUID]bool, len(visits))
	for _, v := range visits {
		taken[v] = true
	}
	rows, err := w.q.ListPrescriptionsForImport(ctx)
	if err != nil || len(rows) == 0 {
		return taken, err
	}
	noted, err := w.q.ListConsultationsForImport(ctx)
	if err != nil {
		return nil, err
	}
	type by struct{ visit, doctor uuid.UUID }
	consultations, written := map[by]uuid.UUID{}, map[uuid.UUID]tenantdb.ListPrescriptionsForImportRow{}
	for _, c := range noted {
		consultations[by{c.VisitID, c.DoctorID}] = c.ID
	}
	for _, r := range rows {
		written[r.ID] = r
	}
	for _, x := range w.plan.Prescriptions {
		id, done := w.found("hospital_prescription", x.ID)
		if r, there := written[id]; done && there {
			w.rx[x.ID] = &writtenRx{plan: x, id: id, visit: r.VisitID, doctor: r.DoctorID, consultation: consultations[by{r.VisitID, r.DoctorID}], positions: r.LastPosition}
		}
	}
	return taken, nil
}

// number takes the numbers of each year as one block, in the years' order.
func (w *writer) number(ctx context.Context, fresh []*writtenRx, years map[string]int) error {
	next := map[string]int64{}
	for _, year := range slices.Sorted(maps.Keys(years)) {
		first, err := w.q.ReservePrescriptionNumbers(ctx, tenantdb.ReservePrescriptionNumbersParams{Year: year, N: int32(years[year])})
		if err != nil {
			return err
		}
		next[year] = first
	}
	for _, rx := range fresh {
		year := rx.plan.Day.Format("2006")
		rx.number = fmt.Sprintf("RX-%s-%05d", year, next[year])
		next[year]++
	}
	return nil
}

// madeVisits makes a visit for each prescription of a day without one.
func (w *writer) madeVisits(ctx context.Context, fresh []*writtenRx) error {
	var tasks []task
	for _, rx := range fresh {
		if rx.visit != uuid.Nil {
			continue
		}
		department, err := w.department(ctx)
		if err != nil {
			return err
		}
		rx.visit = newID()
		w.made.Visits++
		x := rx.plan
		kind, known := visitKinds[x.Purpose]
		purpose := ""
		if !known {
			kind, purpose = "routine", x.Purpose
		}
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			return q.InsertImportedVisit(ctx, tenantdb.InsertImportedVisitParams{
				ID: rx.visit, PatientID: w.patients[x.Patient], DepartmentID: orNull(department), Day: x.Day, Kind: kind, Purpose: phi.Text(purpose),
				State: "done", StateReason: noVisit, ArrivedAt: x.Written,
			})
		})
	}
	return w.all(ctx, "visits", tasks)
}

// prescription writes one with its consultation, which is over.
func (w *writer) prescription(ctx context.Context, q *tenantdb.Queries, rx *writtenRx) error {
	x := rx.plan
	over := x.Written
	consultation := tenantdb.InsertImportedConsultationParams{
		ID: rx.consultation, VisitID: rx.visit, DoctorID: rx.doctor, Plan: x.Plan, StartedAt: x.Written, FinishedAt: &over,
	}
	notes := w.firstNotes(x.ID)
	if notes != nil {
		consultation.Complaint, consultation.Findings, consultation.Advice = notes.Complaint, notes.Findings, notes.Advice
		over = later(over, notes.Written)
	}
	if err := q.InsertImportedConsultation(ctx, consultation); err != nil {
		return err
	}
	if notes != nil && strings.TrimSpace(notes.Diagnosis.Reveal()) != "" {
		err := q.InsertImportedDiagnosis(ctx, tenantdb.InsertImportedDiagnosisParams{
			ID: newID(), ConsultationID: rx.consultation, DoctorID: rx.doctor, Title: notes.Diagnosis, CreatedAt: over,
		})
		if err != nil {
			return err
		}
	}
	row := tenantdb.InsertImportedPrescriptionParams{
		ID: rx.id, Number: rx.number, OldNumber: x.OldNumber(), VisitID: rx.visit, DoctorID: rx.doctor, State: x.State, CreatedAt: x.Written,
	}
	if x.State != "draft" {
		row.IssuedAt, row.EndedAt = &x.Written, &x.Written
	}
	if x.State == "cancelled" {
		row.CancelReason = notRecorded
	}
	if err := q.InsertImportedPrescription(ctx, row); err != nil {
		return err
	}
	return remember(ctx, q, "prescriptions", rx.id, "hospital_prescription", x.ID, x.Facts)
}

// firstNotes gives the notes that go into a new consultation.
func (w *writer) firstNotes(prescription int64) *Notes {
	if w.notesOf == nil {
		w.notesOf = make(map[int64]*Notes, len(w.plan.Notes))
		for i := range w.plan.Notes {
			w.notesOf[w.plan.Notes[i].Prescription] = &w.plan.Notes[i]
		}
	}
	return w.notesOf[prescription]
}

// notes remembers the notes that stand in their consultations. Those that a
// later copy of the file brings are added to the consultation, which is over.
func (w *writer) notes(ctx context.Context) error {
	var tasks []task
	for i := range w.plan.Notes {
		n := &w.plan.Notes[i]
		rx := w.rx[n.Prescription]
		if _, done := w.found("hospital_doctornotes", n.ID); done || rx == nil {
			continue
		}
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			if !rx.fresh {
				for _, body := range n.addenda() {
					if err := q.InsertImportedAddendum(ctx, tenantdb.InsertImportedAddendumParams{
						ID: newID(), ConsultationID: rx.consultation, DoctorID: rx.doctor, Body: body, WrittenAt: n.Written,
					}); err != nil {
						return err
					}
				}
			}
			return remember(ctx, q, "consultations", rx.consultation, "hospital_doctornotes", n.ID, n.Facts)
		})
	}
	return w.all(ctx, "notes", tasks)
}

// addenda are the notes as texts that can be added.
func (n *Notes) addenda() []phi.Text {
	var out []phi.Text
	for _, part := range []phi.Text{n.Complaint, n.Diagnosis, n.Findings, n.Advice} {
		text, _ := cut(part.Reveal(), longestComplaint)
		if strings.TrimSpace(text) != "" {
			out = append(out, phi.Text(text))
		}
	}
	return out
}

// staffOrUnknown gives the clinic's user for a staff member of the file.
func (w *writer) staffOrUnknown(ctx context.Context, id int64) (uuid.UUID, error) {
	if user := w.users[id]; user != uuid.Nil {
		return user, nil
	}
	return w.unknown(ctx)
}

// unknown finds the user that stands for those whom the file doesn't name, or
// makes it.
func (w *writer) unknown(ctx context.Context) (uuid.UUID, error) {
	if w.nobody != uuid.Nil {
		return w.nobody, nil
	}
	has, err := w.q.ListUsersForImport(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	for _, u := range has {
		if u.Username == nobodyUsername {
			w.nobody = u.ID
			return u.ID, nil
		}
	}
	w.nobody, w.made.UnknownUser = newID(), true
	return w.nobody, w.q.InsertImportedUser(ctx, tenantdb.InsertImportedUserParams{
		ID: w.nobody, Username: nobodyUsername, FullName: nobodyName, Role: string(access.Doctor),
	})
}

// day is a day that may be none.
func day(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
