package appointment_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func keyOf(err error) string {
	var e *apperr.Error
	if errors.As(err, &e) {
		return e.Key
	}
	return fmt.Sprint(err)
}

// Many ask for one time at once, at two clinics whose rows have the same ids:
// at each one wins, and every other is told that it was taken.
func TestOneTimeIsBookedOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 6)
	const each = 12
	start := w.later(10, 0)
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		for i := range each {
			w.exec(t, c, access.Owner, "insert into patients (id, first_name, registered_on) values ($1, 'Runner', now())", runner(i))
		}
	}
	var wg sync.WaitGroup
	results := map[string][]error{}
	var mu sync.Mutex
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		for i := range each {
			ctx := by(t, c, access.Receptionist, testkit.Receptionist)
			wg.Go(func() {
				r := asha(start)
				r.Patient = runner(i)
				_, err := w.Book(ctx, uuid.New(), r)
				mu.Lock()
				defer mu.Unlock()
				results[c.Slug] = append(results[c.Slug], err)
			})
		}
	}
	wg.Wait()
	for slug, errs := range results {
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if keyOf(err) != "error.slot.taken" || !apperr.Is(err, apperr.Conflict) {
				t.Errorf("%s: a loser was told %v", slug, err)
			}
		}
		if won != 1 || len(errs) != each {
			t.Errorf("%s: %d of %d won", slug, won, len(errs))
		}
	}
}

func runner(i int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("018f0000-0000-7000-8000-00000001%04d", i))
}

// The table itself refuses what overlaps, whoever writes and however the times lie.
func TestNothingOverlapsInTheTable(t *testing.T) {
	t.Parallel()
	w := open(t, 1)
	begin := w.later(0, 0)
	rapid.Check(t, func(rt *rapid.T) {
		tx := w.kit.As(t, testkit.Alpha, access.Receptionist)
		defer func() { _ = tx.Rollback(t.Context()) }()
		var kept []time.Time
		for range rapid.IntRange(1, 8).Draw(rt, "bookings") {
			at := begin.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "minute")) * time.Minute)
			if _, err := tx.Exec(t.Context(), "savepoint s"); err != nil {
				rt.Fatal(err)
			}
			_, err := tx.Exec(t.Context(), "insert into appointments (id, patient_id, doctor_id, starts_at) values ($1, $2, $3, $4)", uuid.New(),
				rapid.SampledFrom([]uuid.UUID{testkit.Asha, testkit.Bilal}).Draw(rt, "patient"), testkit.Doctor, at)
			clash := false
			for _, k := range kept {
				clash = clash || at.Sub(k).Abs() < 15*time.Minute
			}
			if clash != (err != nil) {
				rt.Fatalf("%v beside %v: %v", at, kept, err)
			}
			if err == nil {
				kept = append(kept, at)
			} else if _, err := tx.Exec(t.Context(), "rollback to savepoint s"); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func TestBookMoveCancel(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	start := w.later(10, 0)
	key := uuid.New()
	id, err := w.Book(desk(t), key, asha(start))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Book(desk(t), key, asha(start)); err != nil || again != id {
		t.Errorf("the same form again: %v, %v", again, err)
	}
	d := w.see(t, id)
	if d.State != appointment.Booked || !d.Start.Equal(start) || d.End.Sub(d.Start) != 15*time.Minute || d.Booker != "Rohan Shinde" || d.Today || d.May(appointment.NoShow) {
		t.Errorf("%+v", d.State)
	}
	bilal := asha(start)
	bilal.Patient = testkit.Bilal
	other := asha(start)
	other.Doctor = testkit.SecondDoctor
	off := asha(start.Add(5 * time.Minute))
	off.Patient = testkit.Bilal
	past := asha(time.Now().Add(-48 * time.Hour))
	for name, c := range map[string]struct {
		r   appointment.Request
		key string
	}{"taken": {bilal, "error.slot.taken"}, "the patient is elsewhere": {other, "error.slot.patient"}, "between": {off, "error.slot.taken"}, "past": {past, "error.slot.away"},
		"nothing": {appointment.Request{}, "error.problem"}} {
		if _, err := w.Book(desk(t), uuid.New(), c.r); keyOf(err) != c.key {
			t.Errorf("%s: %v, want %s", name, err, c.key)
		}
	}
	// Moved away, the time is free for somebody else; moved back it is not.
	if err := w.Move(desk(t), id, 1, testkit.SecondDoctor, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := w.Move(desk(t), id, 1, testkit.SecondDoctor, start.Add(2*time.Hour)); keyOf(err) != "error.conflict" {
		t.Errorf("an old version: %v", err)
	}
	w.book(t, bilal)
	if err := w.Move(desk(t), id, 2, testkit.Doctor, start); keyOf(err) != "error.slot.taken" {
		t.Errorf("moved onto another: %v", err)
	}
	if err := w.Miss(desk(t), id, 2); keyOf(err) != "error.appointment.early" {
		t.Errorf("missed before its time: %v", err)
	}
	if err := w.Cancel(desk(t), id, 2, " "); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("cancelled without a reason: %v", err)
	}
	if err := w.Cancel(desk(t), id, 2, "Travels"); err != nil {
		t.Fatal(err)
	}
	if err := w.Cancel(desk(t), id, 2, "Travels"); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := w.Move(desk(t), id, 3, testkit.Doctor, start.Add(4*time.Hour)); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("moved after it was cancelled: %v", err)
	}
	third := asha(start.Add(time.Hour))
	third.Doctor = testkit.SecondDoctor
	w.book(t, third) // its time is free again
}

func TestAnAppointmentBecomesAVisit(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	now := time.Now().In(w.zone)
	w.exec(t, testkit.Alpha, access.Owner, `update settings set opening_hours = $1`, fmt.Sprintf(`{%q:[["00:00","24:00"]]}`, clinic.Days()[(int(now.Weekday())+6)%7]))
	c, err := w.Day(desk(t), time.Time{}, testkit.Doctor)
	if err != nil || c.Columns[0].Free == 0 {
		t.Fatalf("nothing is free today: %v, %+v", err, c.Columns)
	}
	start := time.Time{}
	for _, e := range c.Columns[0].Entries {
		if e.Taken == nil && start.IsZero() {
			start = e.Start // the time that has begun: it can be given, and missed
		}
	}
	r := asha(start)
	r.Kind = "follow_up"
	id := w.book(t, r)
	key := uuid.New()
	visit, err := w.CheckIn(desk(t), key, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.CheckIn(desk(t), uuid.New(), id, 1); err != nil || again != visit {
		t.Errorf("again: %v, %v", again, err)
	}
	d := w.see(t, id)
	if d.State != appointment.Arrived || d.Visit != visit || d.MayMove() {
		t.Errorf("%s %v", d.State, d.Visit)
	}
	var kind, state, label string
	tx := w.kit.As(t, testkit.Alpha, access.Receptionist)
	if err := tx.QueryRow(t.Context(), "select v.kind, v.state, t.label from visits v join tokens t on t.visit_id = v.id where v.id = $1", visit).Scan(&kind, &state, &label); err != nil {
		t.Fatal(err)
	}
	if kind != "follow_up" || state != "waiting" || label == "" {
		t.Errorf("%s %s %s", kind, state, label)
	}
	// What is not for today makes no visit, and no token.
	tomorrow := w.book2(t, testkit.Bilal)
	if _, err := w.CheckIn(desk(t), uuid.New(), tomorrow, 1); keyOf(err) != "error.appointment.day" {
		t.Errorf("another day's: %v", err)
	}
	for _, role := range []access.Role{access.Doctor, access.Nurse, access.ClinicAdmin, access.LabTechnician} {
		if _, err := w.CheckIn(as(t, role), uuid.New(), tomorrow, 1); !apperr.Is(err, apperr.Forbidden) {
			t.Errorf("as %s: %v", role, err)
		}
	}
}

// book2 books a patient for a later day, in hours that are open then.
func (w *world) book2(t testing.TB, who uuid.UUID) uuid.UUID {
	t.Helper()
	w.exec(t, testkit.Alpha, access.Owner, "update settings set opening_hours = $1", always)
	r := asha(w.later(9, 0))
	r.Patient = who
	return w.book(t, r)
}

func TestALeaveKeepsDaysFree(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	// The last minutes of a day in India are the evening of the day before in UTC.
	early, late := w.later(0, 15), w.later(23, 45)
	day := w.dayOf(early).Format("02/01/2006")
	w.book(t, asha(early))
	doctor := as(t, access.Doctor)
	n, err := w.TakeLeave(doctor, uuid.New(), testkit.Doctor, day, "", "Conference")
	if err != nil || n != 1 {
		t.Fatalf("%d booked, %v", n, err)
	}
	r := asha(late)
	r.Patient = testkit.Bilal
	if _, err := w.Book(desk(t), uuid.New(), r); keyOf(err) != "error.slot.away" {
		t.Errorf("booked on leave: %v", err)
	}
	r.Doctor = testkit.SecondDoctor
	w.book(t, r)
	c, err := w.Day(desk(t), w.dayOf(early), testkit.Doctor)
	if err != nil || c.Columns[0].Why != appointment.Away || c.Columns[0].Free != 0 || len(c.Columns[0].Entries) != 1 {
		t.Errorf("%+v, %v", c.Columns, err)
	}
	s, err := w.Schedule(desk(t), testkit.Doctor)
	if err != nil || len(s.Leaves) != 1 || s.MayEdit || !s.MayRest {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := w.EndLeave(by(t, testkit.Alpha, access.Doctor, testkit.SecondDoctor), s.Leaves[0].ID); keyOf(err) != "error.schedule.yours" {
		t.Errorf("another doctor: %v", err)
	}
	if _, err := w.EndLeave(desk(t), s.Leaves[0].ID); err != nil {
		t.Fatal(err)
	}
	r = asha(late)
	w.book(t, r)
	for name, days := range map[string][2]string{"no day": {"", ""}, "no date": {"x", ""}, "turned": {"10/01/2031", "09/01/2031"}, "over": {"01/01/2020", ""}, "long": {"01/01/2031", "01/03/2032"}} {
		if _, err := w.TakeLeave(doctor, uuid.New(), testkit.Doctor, days[0], days[1], ""); !apperr.Is(err, apperr.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOfficeHoursAreTheDoctors(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	h := clinic.Hours{}
	for _, d := range clinic.Days() {
		h[d] = "10:00-11:00"
	}
	for role, want := range map[access.Role]bool{access.Doctor: true, access.ClinicAdmin: true, access.Receptionist: false, access.Nurse: false, access.LabTechnician: false} {
		if err := w.SetHours(as(t, role), testkit.Doctor, h); (err == nil) != want {
			t.Errorf("as %s: %v", role, err)
		}
	}
	if err := w.SetHours(as(t, access.Doctor), testkit.SecondDoctor, h); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("another's: %v", err)
	}
	if err := w.SetHours(as(t, access.Doctor), testkit.Doctor, clinic.Hours{"mon": "10"}); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("no hours: %v", err)
	}
	if err := w.SetHours(as(t, access.ClinicAdmin), testkit.Nurse, h); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("a nurse's: %v", err)
	}
	c, err := w.Week(desk(t), w.dayOf(w.later(9, 0)), testkit.Doctor)
	if err != nil || len(c.Columns) != 7 || c.Columns[0].Day.Weekday() != time.Monday {
		t.Fatalf("%v", err)
	}
	for _, col := range c.Columns {
		want := 4
		if col.Day.Weekday() == time.Sunday {
			want = 0
		}
		if col.Free != want {
			t.Errorf("%v: %d free, want %d", col.Day.Weekday(), col.Free, want)
		}
	}
}

func TestADoctorBooksWithThemselves(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	start := w.later(12, 0)
	doctor := as(t, access.Doctor)
	mine, err := w.Book(doctor, uuid.New(), asha(start))
	if err != nil {
		t.Fatal(err)
	}
	theirs := asha(start)
	theirs.Patient, theirs.Doctor = testkit.Bilal, testkit.SecondDoctor
	if _, err := w.Book(doctor, uuid.New(), theirs); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("with another: %v", err)
	}
	other := w.book(t, theirs)
	if err := w.Cancel(doctor, other, 1, "No"); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("another's: %v", err)
	}
	if err := w.Move(doctor, mine, 1, testkit.SecondDoctor, start.Add(time.Hour)); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("handed over: %v", err)
	}
	if err := w.Move(doctor, mine, 1, uuid.Nil, start.Add(time.Hour)); err != nil {
		t.Errorf("moved: %v", err)
	}
	for _, role := range []access.Role{access.Nurse, access.LabTechnician} {
		if _, err := w.Book(as(t, role), uuid.New(), asha(start)); !apperr.Is(err, apperr.Forbidden) {
			t.Errorf("as %s: %v", role, err)
		}
	}
	// Another clinic's is not found, though the ids of its rows are the same.
	if _, err := w.Get(by(t, testkit.Beta, access.Receptionist, testkit.Receptionist), mine); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("from another clinic: %v", err)
	}
}

func TestFollowUpsAreCalledAndBooked(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	due, _, err := w.FollowUps(desk(t), 7, uuid.Nil)
	if err != nil || len(due) != 1 || due[0].Patient.ID != testkit.Asha {
		t.Fatalf("%+v, %v", due, err)
	}
	w.exec(t, testkit.Alpha, access.Receptionist, "update appointments set state = 'cancelled', state_reason = 'Old' where follow_up_id = $1", due[0].ID)
	r := asha(w.later(11, 0))
	r.Doctor, r.Kind, r.FollowUp = testkit.SecondDoctor, "follow_up", due[0].ID
	id := w.book(t, r)
	due, _, err = w.FollowUps(desk(t), 7, testkit.SecondDoctor)
	if err != nil || len(due) != 1 || due[0].Booked != id || !due[0].At.Equal(r.Start) {
		t.Errorf("%+v, %v", due, err)
	}
	if due, _, err := w.FollowUps(desk(t), 7, testkit.Doctor); err != nil || len(due) != 0 {
		t.Errorf("of another doctor: %+v, %v", due, err)
	}
	asked := r.FollowUp
	r.FollowUp, r.Start = uuid.New(), r.Start.Add(time.Hour)
	if _, err := w.Book(desk(t), uuid.New(), r); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("a follow-up that nobody has: %v", err)
	}
	booked, err := w.ToCome(desk(t), []uuid.UUID{testkit.Asha})
	if err != nil || len(booked) != 1 || booked[0].ID != id {
		t.Errorf("%+v, %v", booked, err)
	}
	r.FollowUp, r.Patient = asked, runner(0)
	w.exec(t, testkit.Alpha, access.Owner, "insert into patients (id, first_name, registered_on) values ($1, 'Runner', now())", r.Patient)
	if _, err := w.Book(desk(t), uuid.New(), r); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("a follow-up of another patient: %v", err)
	}
	// The record that the follow-up's was merged into is the same person's.
	w.exec(t, testkit.Alpha, access.Owner, "update patients set merged_into = $1 where id = $2", r.Patient, testkit.Asha)
	if _, err := w.Book(desk(t), uuid.New(), r); err != nil {
		t.Errorf("a follow-up of a record that was merged: %v", err)
	}
}

// Whoever may write an appointment can't make it another patient's visit, nor
// give one that came another visit.
func TestAnAppointmentBecomesAVisitOfItsOwnPatient(t *testing.T) {
	t.Parallel()
	w := open(t, 1)
	id := w.book(t, asha(w.later(12, 0)))
	for what, c := range map[string]struct{ sql, rule string }{
		"another patient's visit": {"update appointments set state = 'arrived', visit_id = '018f0000-0000-7000-8000-000000000031' where id = '" + id.String() + "'", "appointment_visit_patient"},
		"another visit":           {"update appointments set visit_id = '018f0000-0000-7000-8000-000000000031' where id = '018f0000-0000-7000-8000-0000000000b1'", "appointment_keeps"},
	} {
		tx := w.kit.As(t, testkit.Alpha, access.Receptionist)
		_, err := tx.Exec(t.Context(), c.sql)
		if !tenants.Violates(err, c.rule) {
			t.Errorf("%s: %v", what, err)
		}
		_ = tx.Rollback(t.Context())
	}
}
