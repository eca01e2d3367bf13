package visit_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/tenants"
)

func TestAThousandParallelCheckInsLeaveNoGap(t *testing.T) {
	t.Parallel()
	w := open(t, 8)
	const total = 1000
	// Of both clinics, so that their counters can't touch either.
	w.kit.Exec(t, "set session_replication_role = replica; update platform.clinics set plan = 'enterprise'")
	var wg sync.WaitGroup
	work := make(chan int)
	errs := make(chan error, total)
	for range 32 {
		wg.Go(func() {
			for n := range work {
				c := testkit.Alpha
				if n%10 == 0 {
					c = testkit.Beta
				}
				ctx := as(t, c, access.Receptionist)
				if _, err := w.Register(ctx, uuid.New(), newcomer(n), visit.Arrival{Line: testkit.Doctor, Kind: "routine"}); err != nil {
					errs <- fmt.Errorf("check-in %d: %w", n, err)
				}
			}
		})
	}
	for n := range total {
		work <- n
	}
	close(work)
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	conn := testkit.Conn(t, w.kit.Admin)
	for _, c := range []struct {
		schema string
		n      int
	}{{testkit.Alpha.Schema, total - total/10}, {testkit.Beta.Schema, total / 10}} {
		var n, last, patients, first, lastPatient int
		err := conn.QueryRow(t.Context(), `select count(*), max(t.number) from `+c.schema+`.tokens t where t.line_id = $1 and t.day > date '2025-12-31'`, testkit.Doctor).Scan(&n, &last)
		if err != nil {
			t.Fatal(err)
		}
		if n != c.n || last != n {
			t.Errorf("%s: %d tokens, the last is %d, want %d", c.schema, n, last, c.n)
		}
		err = conn.QueryRow(t.Context(), `select count(*), min(right(number, 5)::int), max(right(number, 5)::int) from `+c.schema+`.patients where registered_on > date '2025-12-31'`).
			Scan(&patients, &first, &lastPatient)
		if err != nil || patients != c.n || lastPatient-first+1 != patients {
			t.Errorf("%s: %d patients from %d to %d, %v", c.schema, patients, first, lastPatient, err)
		}
	}
}

func TestTheQuotaHoldsInARace(t *testing.T) {
	t.Parallel()
	w := open(t, 4)
	w.kit.Exec(t, `update platform.plans set max_patients = (select used + 3 from platform.usage where clinic_id = $1 and kind = 'patients')
		where code = (select plan from platform.clinics where id = $1)`, testkit.Alpha.ID)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, refused := 0, 0
	for n := range 12 {
		wg.Go(func() {
			_, err := w.patients.Register(desk(t), uuid.New(), newcomer(n))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case apperr.Is(err, apperr.Quota):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != 3 || refused != 9 {
		t.Errorf("%d made, %d refused", made, refused)
	}
}

func TestTwoReceptionistsCallTheSamePatient(t *testing.T) {
	t.Parallel()
	w := open(t, 4)
	v := w.see(t, desk(t), w.arrive(t, desk(t), 1, routine).Visit)
	second := as(t, testkit.Alpha, access.Nurse)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = w.Move(desk(t), v.ID, v.Version, visit.Called, "") })
	wg.Go(func() { errs[1] = w.Move(second, v.ID, v.Version, visit.Called, "") })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("one of two must win: %v, %v", errs[0], errs[1])
	}
	lost := errors.Join(errs...)
	var e *apperr.Error
	if !errors.As(lost, &e) || e.Code != apperr.Conflict || e.Args["Token"] != v.Token {
		t.Errorf("the second is told %v", lost)
	}
	now := w.see(t, desk(t), v.ID)
	if now.CallCount != 1 || now.State != visit.Called || len(now.Steps) != 2 {
		t.Errorf("called %d times, %s, %d steps", now.CallCount, now.State, len(now.Steps))
	}
}

func TestTheSamePersonMayPressTwice(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	v := w.see(t, desk(t), w.arrive(t, desk(t), 1, routine).Visit)
	for range 2 {
		if err := w.Move(desk(t), v.ID, v.Version, visit.Called, ""); err != nil {
			t.Fatal(err)
		}
	}
	if now := w.see(t, desk(t), v.ID); now.CallCount != 1 {
		t.Errorf("called %d times", now.CallCount)
	}
}

func TestTheSameFormSentTwiceIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 4)
	key := uuid.New()
	var wg sync.WaitGroup
	got := make([]visit.Issued, 8)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = w.Register(desk(t), key, newcomer(7), routine); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first := 0
	for _, g := range got {
		if g.Visit != got[0].Visit || g.Token != got[0].Token {
			t.Errorf("%v and %v", g.Token, got[0].Token)
		}
		if !g.Before {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d of them made something", first)
	}
	// A form that was refused may be sent again with its key.
	key = uuid.New()
	bad := newcomer(8)
	bad.Age = ""
	if _, err := w.Register(desk(t), key, bad, routine); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("a form without an age: %v", err)
	}
	if out, err := w.Register(desk(t), key, newcomer(8), routine); err != nil || out.Before {
		t.Errorf("mended: %+v, %v", out.Before, err)
	}
	// A key says which form it is of.
	if _, err := w.patients.Register(desk(t), key, newcomer(9)); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("another form's key: %v", err)
	}
}

func TestOneOpenVisitALineAndDay(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	one := w.arrive(t, desk(t), 1, routine)
	if _, err := w.CheckIn(desk(t), uuid.New(), one.Patient, routine); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("again in the same line: %v", err)
	}
	two, err := w.CheckIn(desk(t), uuid.New(), one.Patient, visit.Arrival{Line: testkit.SecondDoctor, Kind: "follow_up"})
	if err != nil || two.Token != "B-001" {
		t.Fatalf("in another line: %+v, %v", two, err)
	}
	if err := w.Transfer(desk(t), two.Visit, 1, testkit.Doctor, ""); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("transferred into a line where it waits: %v", err)
	}
	if _, err := w.CheckIn(desk(t), uuid.New(), testkit.Duplicate, routine); err != nil {
		t.Fatal(err)
	}
	// The record was merged into Asha: her page has the visit.
	c, err := w.Chart(desk(t), testkit.Asha, 10)
	if err != nil || len(c.Visits.Entries) != 2 || c.Visits.Entries[0].Patient.ID != testkit.Asha {
		t.Errorf("%+v, %v", c.Visits.Entries, err)
	}
}

func TestCallNextTakesPriorityThenArrival(t *testing.T) {
	t.Parallel()
	w := open(t, 4)
	a, b := w.arrive(t, desk(t), 1, routine), w.arrive(t, desk(t), 2, routine)
	urgent := w.arrive(t, desk(t), 3, visit.Arrival{Line: testkit.Doctor, Kind: "emergency"})
	doctor := as(t, testkit.Alpha, access.Doctor)
	for _, want := range []uuid.UUID{urgent.Visit, a.Visit, b.Visit} {
		key := uuid.New()
		got, err := w.CallNext(doctor, key, testkit.Doctor)
		if err != nil || got != want {
			t.Fatalf("called %v, %v; want %v", got, err, want)
		}
		if again, err := w.CallNext(doctor, key, testkit.Doctor); err != nil || again != got {
			t.Errorf("the same form called %v, %v", again, err)
		}
	}
	if _, err := w.CallNext(doctor, uuid.New(), testkit.Doctor); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("an empty line: %v", err)
	}
}

func TestParallelCallNextCallsEachOnce(t *testing.T) {
	t.Parallel()
	w := open(t, 6)
	const n = 12
	for i := range n {
		w.arrive(t, desk(t), i, routine)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	for range n {
		wg.Go(func() {
			id, err := w.CallNext(desk(t), uuid.New(), testkit.Doctor)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			seen[id]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(seen) != n {
		t.Errorf("%d patients were called by %d calls: %v", len(seen), n, seen)
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	ctx := desk(t)
	id := w.arrive(t, ctx, 1, routine).Visit
	version := func() int32 { return w.see(t, ctx, id).Version }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Undo(ctx, id, version()); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("a check-in: %v", err)
	}
	must(w.Move(ctx, id, version(), visit.Called, ""))
	must(w.Undo(ctx, id, version()))
	must(w.Transfer(ctx, id, version(), testkit.SecondDoctor, "her own doctor"))
	must(w.Undo(ctx, id, version()))
	must(w.SetPriority(ctx, id, version(), true))
	must(w.Undo(ctx, id, version()))
	if v := w.see(t, ctx, id); v.State != visit.Waiting || v.Line.ID != testkit.Doctor || v.Priority {
		t.Errorf("after three undone moves: %s, %s, %v", v.State, v.Line.Name, v.Priority)
	}
	must(w.Move(ctx, id, version(), visit.InConsultation, ""))
	must(w.Move(ctx, id, version(), visit.Done, ""))
	if err := w.Undo(ctx, id, version()); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("what is done: %v", err)
	}
}

func TestWhoMayMove(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	v := w.see(t, desk(t), w.arrive(t, desk(t), 1, routine).Visit)
	for _, r := range []access.Role{access.ClinicAdmin, access.LabTechnician} {
		if err := w.Move(as(t, testkit.Alpha, r), v.ID, v.Version, visit.Called, ""); !apperr.Is(err, apperr.Forbidden) {
			t.Errorf("%s calls: %v", r, err)
		}
	}
	if err := w.SetPriority(as(t, testkit.Alpha, access.Doctor), v.ID, v.Version, true); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("a doctor arranges: %v", err)
	}
	if err := w.Move(as(t, testkit.Beta, access.Receptionist), v.ID, v.Version, visit.Called, ""); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("another clinic: %v", err)
	}
	if err := w.Move(t.Context(), v.ID, v.Version, visit.Called, ""); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("nobody: %v", err)
	}
	if err := w.Move(desk(t), v.ID, v.Version, visit.Cancelled, " "); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("cancelled for no reason: %v", err)
	}
}

func TestTheDayIsTheClinics(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	// A zone in which it is now between 00:00 and 05:30 of the next or the same
	// day, whatever the time of this test.
	ahead := (24 + 2 - time.Now().UTC().Hour()) % 24
	if ahead > 14 {
		ahead -= 24
	}
	name := fmt.Sprintf("Etc/GMT%+d", -ahead)
	if ahead == 0 {
		name = "Etc/GMT"
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	w.kit.Exec(t, "set session_replication_role = replica; update platform.clinics set zone = '"+name+"' where id = '"+testkit.Alpha.ID.String()+"'")
	c := clinic(testkit.Alpha)
	c.Zone = zone
	sc, _ := tenants.ScopeFrom(desk(t))
	sc.Clinic = c
	ctx := tenants.WithScope(t.Context(), sc)
	want := patient.DayIn(time.Now(), zone)
	issued := w.arrive(t, ctx, 1, routine)
	if got := w.see(t, ctx, issued.Visit).Day; !got.Equal(want) {
		t.Errorf("in %s the visit's day is %v, want %v", name, got, want)
	}
	b, err := w.Board(ctx, visit.Filter{})
	if err != nil || len(b.Rows) != 1 || !b.Day.Equal(want) {
		t.Errorf("the board of %v has %d rows, %v", b.Day, len(b.Rows), err)
	}
}
