package appointment_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// worker is the scope of the worker at a clinic.
func worker(t testing.TB, c testkit.Clinic) context.Context {
	t.Helper()
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "remind", Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("remind"), Role: access.Jobs},
		Clinic: &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Zone: time.UTC}})
}

// letters is a mail server of the tests: it takes or refuses.
type letters struct {
	mu   sync.Mutex
	took []appointment.Reminder
	deny func(appointment.Reminder) bool
}

func (l *letters) send(_ context.Context, r appointment.Reminder) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deny != nil && l.deny(r) {
		return errors.New("refused")
	}
	l.took = append(l.took, r)
	return nil
}

// remind runs a round at alpha and gives what was sent, as "email clock".
func (w *world) remind(t testing.TB, l *letters, now time.Time) (sent []string, failed int) {
	t.Helper()
	l.took = nil
	n, failed, err := w.Remind(worker(t, testkit.Alpha), now, l.send)
	if err != nil || n != len(l.took) {
		t.Fatalf("%d sent of %d, %v", n, len(l.took), err)
	}
	for _, r := range l.took {
		sent = append(sent, r.Email.Reveal()+" "+r.Start.In(r.Zone).Format("15:04"))
	}
	return sent, failed
}

func wantSent(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// reachable gives two patients of alpha an address, one of them a language.
func (w *world) reachable(t testing.TB) {
	t.Helper()
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set email = 'asha@clinics.example', language = 'hi' where id = $1", testkit.Asha)
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set email = 'bilal@clinics.example', language = '' where id = $1", testkit.Bilal)
}

func bilal(start time.Time) appointment.Request {
	r := asha(start)
	r.Patient = testkit.Bilal
	return r
}

func TestPatientsAreRemindedOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	w.reachable(t)
	start := w.later(10, 0)
	eve := start.AddDate(0, 0, -1)
	first := w.book(t, asha(start))
	w.book(t, bilal(start.Add(30*time.Minute)))
	var l letters
	for name, now := range map[string]time.Time{"two days before": eve.AddDate(0, 0, -1), "on the day": start.Add(-time.Hour), "too early": eve.Add(-2*time.Hour - time.Minute),
		"too late": eve.Add(10 * time.Hour)} {
		got, _ := w.remind(t, &l, now)
		wantSent(t, name, got)
	}
	got, _ := w.remind(t, &l, eve.Add(-2*time.Hour)) // 08:00
	wantSent(t, "the day before", got, "asha@clinics.example 10:00", "bilal@clinics.example 10:30")
	if a, b := l.took[0], l.took[1]; a.Language != "hi" || b.Language != "en" || a.Clinic != "Alpha Clinic" || a.Doctor == "" || a.Zone.String() != "Asia/Kolkata" {
		t.Errorf("%q %q %q %q %v", a.Language, b.Language, a.Clinic, a.Doctor, a.Zone)
	}
	if d := w.see(t, first); !d.Reminded.Equal(eve.Add(-2*time.Hour)) || d.Version != 1 {
		t.Errorf("reminded %v, version %d", d.Reminded, d.Version)
	}
	got, _ = w.remind(t, &l, eve.Add(9*time.Hour)) // 19:00
	wantSent(t, "again", got)

	// Moved, they are told the new time, and only those who still come.
	d := w.see(t, first)
	if err := w.Move(desk(t), first, d.Version, testkit.Doctor, start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d := w.see(t, first); !d.Reminded.IsZero() {
		t.Errorf("moved, it is shown as reminded %v", d.Reminded)
	}
	got, _ = w.remind(t, &l, eve.Add(time.Minute))
	wantSent(t, "moved", got, "asha@clinics.example 12:00")
	if err := w.Move(desk(t), first, d.Version+1, testkit.SecondDoctor, start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	got, _ = w.remind(t, &l, eve.Add(2*time.Minute))
	wantSent(t, "another doctor", got, "asha@clinics.example 12:00")
	if err := w.Move(desk(t), first, d.Version+2, testkit.Doctor, start.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	got, _ = w.remind(t, &l, eve.Add(3*time.Minute))
	wantSent(t, "moved to another day", got)
	got, _ = w.remind(t, &l, eve.AddDate(0, 0, 7))
	wantSent(t, "the eve of that day", got, "asha@clinics.example 10:00")
}

func TestWhoIsNotReminded(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	w.reachable(t)
	start := w.later(10, 0)
	eve := start.AddDate(0, 0, -1)
	id := w.book(t, asha(start))
	w.book(t, bilal(start.Add(time.Hour)))
	var l letters
	if err := w.Cancel(desk(t), id, 1, "Travels"); err != nil {
		t.Fatal(err)
	}
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set email = '' where id = $1", testkit.Bilal)
	got, _ := w.remind(t, &l, eve)
	wantSent(t, "cancelled, and without an address", got)
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set email = 'bilal@clinics.example' where id = $1", testkit.Bilal)
	w.exec(t, testkit.Alpha, access.ClinicAdmin, "update settings set appointment_reminders = false")
	got, _ = w.remind(t, &l, eve)
	wantSent(t, "turned off", got)
	w.exec(t, testkit.Alpha, access.ClinicAdmin, "update settings set appointment_reminders = true")
	if n, _, err := w.Remind(worker(t, testkit.Beta), eve, l.send); n != 0 || err != nil {
		t.Errorf("the other clinic sent %d, %v", n, err)
	}
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set status = 'deceased' where id = $1", testkit.Bilal)
	got, _ = w.remind(t, &l, eve)
	wantSent(t, "who died", got)
	w.exec(t, testkit.Alpha, access.Receptionist, "update patients set status = 'registered' where id = $1", testkit.Bilal)
	got, _ = w.remind(t, &l, eve)
	wantSent(t, "all is well", got, "bilal@clinics.example 11:00")
	for _, ctx := range []context.Context{desk(t), as(t, access.ClinicAdmin), t.Context()} {
		if _, _, err := w.Remind(ctx, eve, l.send); !apperr.Is(err, apperr.Forbidden) {
			t.Errorf("somebody else reminds: %v", err)
		}
	}
}

// A letter that the mail server refuses is tried again in a later round, a few
// times, and holds up no other; a server that is away ends the round.
func TestAReminderThatFails(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	w.reachable(t)
	start := w.later(10, 0)
	now := start.AddDate(0, 0, -1)
	id := w.book(t, asha(start))
	w.book(t, bilal(start.Add(time.Hour)))
	l := letters{deny: func(r appointment.Reminder) bool { return r.Email.Reveal() == "asha@clinics.example" }}
	got, failed := w.remind(t, &l, now)
	wantSent(t, "one is refused", got, "bilal@clinics.example 11:00")
	if failed != 1 || !w.see(t, id).Reminded.IsZero() {
		t.Errorf("%d failed", failed)
	}
	if _, failed = w.remind(t, &l, now.Add(10*time.Minute)); failed != 0 {
		t.Error("it was tried again at once")
	}
	l.deny = nil
	got, _ = w.remind(t, &l, now.Add(20*time.Minute))
	wantSent(t, "the server takes it", got, "asha@clinics.example 10:00")

	for i := range 9 { // more than the failures that end a round
		w.exec(t, testkit.Alpha, access.Owner, "insert into patients (id, first_name, email, registered_on) values ($1, 'Runner', $2, now())", runner(i), fmt.Sprintf("r%d@clinics.example", i))
		r := asha(start.Add(time.Duration(i+5) * 15 * time.Minute))
		r.Patient = runner(i)
		w.book(t, r)
	}
	l.deny = func(appointment.Reminder) bool { return true }
	tried := 0
	for i := range 30 {
		_, failed = w.remind(t, &l, now.Add(time.Hour+time.Duration(i)*16*time.Minute))
		if failed > 3 {
			t.Errorf("%d failures in one round", failed)
		}
		tried += failed
	}
	if tried != 9*5 {
		t.Errorf("%d tries of 9 letters, want 5 each", tried)
	}
}

// Two workers at once send each letter once.
func TestTwoWorkersRemindOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 6)
	start := w.later(10, 0)
	for i := range 12 {
		w.exec(t, testkit.Alpha, access.Owner, "insert into patients (id, first_name, email, registered_on) values ($1, 'Runner', $2, now())", runner(i), fmt.Sprintf("r%d@clinics.example", i))
		r := asha(start.Add(time.Duration(i) * 15 * time.Minute))
		r.Patient = runner(i)
		w.book(t, r)
	}
	var (
		l  letters
		wg sync.WaitGroup
	)
	for range 4 {
		wg.Go(func() {
			if _, _, err := w.Remind(worker(t, testkit.Alpha), start.AddDate(0, 0, -1), l.send); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, r := range l.took {
		seen[r.Email.Reveal()]++
	}
	if len(l.took) != 12 || len(seen) != 12 {
		t.Errorf("%d letters to %d patients", len(l.took), len(seen))
	}
}

// A merged record's appointment is told to who the patient is now, at any remove.
func TestAMergedPatientIsReminded(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	w.reachable(t)
	start := w.later(10, 0)
	w.book(t, bilal(start))
	w.exec(t, testkit.Alpha, access.Owner, "insert into patients (id, first_name, email, registered_on) values ($1, 'Runner', 'r@clinics.example', now())", runner(0))
	w.exec(t, testkit.Alpha, access.Owner, "update patients set merged_into = $1 where id = $2", runner(0), testkit.Bilal)
	w.exec(t, testkit.Alpha, access.Owner, "update patients set merged_into = $1 where id = $2", testkit.Asha, runner(0))
	var l letters
	got, _ := w.remind(t, &l, start.AddDate(0, 0, -1))
	wantSent(t, "merged", got, "asha@clinics.example 10:00")
	if len(l.took) == 1 && l.took[0].Language != "hi" {
		t.Errorf("in %q", l.took[0].Language)
	}
}
