package consultation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
)

func code(t *testing.T, what string, err error, want apperr.Code) {
	t.Helper()
	if !apperr.Is(err, want) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestFromTheQueueToTheRecord(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.arrive(t, testkit.Asha, testkit.Doctor)
	if err := w.Measure(as(t, access.Nurse), id, consultation.Measured{Pressure: "160/100", Weight: "62"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(doctor(t), id, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(doctor(t), id, 1); err != nil {
		t.Errorf("begun again: %v", err)
	}
	now := w.see(t, doctor(t), id)
	if now.Visit.State != "in_consultation" || now.Mine == nil || now.Mine.State != consultation.Open {
		t.Fatalf("after the beginning: %s, %+v", now.Visit.State, now.Mine)
	}
	if now.Form.Measured.Pressure != "160/100" || now.Form.Measured.Weight != "62" {
		t.Errorf("the nurse's readings don't stand in the form: %+v", now.Form.Measured)
	}
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, throat()); err != nil {
		t.Fatal(err)
	}
	got := w.see(t, doctor(t), id)
	c := got.Mine
	if c.State != consultation.Finished || c.FinishedAt.IsZero() || got.Visit.State != "done" || c.FollowUpDays != 5 || c.Urgency != "moderate" {
		t.Errorf("finished: %+v, visit %s", c, got.Visit.State)
	}
	want := []consultation.Noted{{Code: "J02.9", Title: "Acute pharyngitis, unspecified", Note: "left"}, {Title: "Tired of work"}}
	if diff := cmp.Diff(want, c.Diagnoses); diff != "" {
		t.Error("diagnoses: " + diff)
	}
	if v := got.Vitals; v.Systolic != 168 || v.WeightGrams != 62500 || v.Temperature != 1012 || v.Unit != "F" || v.BMI() != 250 {
		t.Errorf("vitals: %+v", v)
	}
	if len(got.Takers) != 2 {
		t.Errorf("taken by %v, want the nurse and the doctor", got.Takers)
	}
	day, err := w.Day(doctor(t))
	if err != nil || len(day.Due) != 1 || !day.Due[0].On.Equal(day.Today.AddDate(0, 0, 5)) || day.Due[0].Patient.Name.Reveal() != "Asha Kulkarni" {
		t.Fatalf("due: %+v, %v", day.Due, err)
	}
	// Coming again is what the follow-up was for.
	again := w.begun(t)
	if _, err := w.Finish(doctor(t), uuid.New(), again, 0, consultation.Form{Complaint: "Better"}); err != nil {
		t.Fatal(err)
	}
	if day, err = w.Day(doctor(t)); err != nil || len(day.Due) != 0 {
		t.Errorf("still due: %+v, %v", day.Due, err)
	}
}

func TestWhatIsFinishedStays(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	key := uuid.New()
	if _, err := w.Finish(doctor(t), key, id, 0, throat()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(doctor(t), key, id, 0, throat()); err != nil {
		t.Errorf("the same form sent twice: %v", err)
	}
	_, err := w.Finish(doctor(t), uuid.New(), id, 0, throat())
	code(t, "finished again", err, apperr.Conflict)
	_, err = w.Keep(doctor(t), id, 0, throat())
	code(t, "a draft of what is finished", err, apperr.Conflict)
	code(t, "vitals after the end", w.Measure(as(t, access.Nurse), id, consultation.Measured{Pulse: "80"}), apperr.Conflict)

	// And by the database, whoever asks.
	for _, sql := range []string{
		"update consultations set findings = 'other' where visit_id = $1", "update consultations set state = 'open' where visit_id = $1",
		"update diagnoses set withdrawn = true where consultation_id = (select id from consultations where visit_id = $1)",
		"update vitals set pulse = 60 where visit_id = $1",
		"insert into diagnoses (id, consultation_id, patient_id, doctor_id, title, position) select gen_random_uuid(), id, patient_id, doctor_id, 'x', 9 from consultations where visit_id = $1",
		"insert into vitals (id, visit_id, patient_id, pulse) select gen_random_uuid(), visit_id, patient_id, 80 from consultations where visit_id = $1",
	} {
		for _, role := range []access.Role{access.Doctor, access.Owner} {
			tx := w.kit.As(t, testkit.Alpha, role)
			_, err := tx.Exec(t.Context(), sql, id)
			var pe *pgconn.PgError
			if !errors.As(err, &pe) || pe.Code != "CL409" {
				t.Errorf("%s as %s: %v, want CL409", sql, role, err)
			}
		}
	}
	for _, sql := range []string{"delete from consultations where visit_id = $1", "delete from vitals where visit_id = $1"} {
		if _, err := w.kit.As(t, testkit.Alpha, access.Owner).Exec(t.Context(), sql, id); err == nil {
			t.Errorf("%s was let through", sql)
		}
	}
}

func TestAddenda(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	code(t, "before the end", w.AddTo(doctor(t), uuid.New(), id, "Swab negative"), apperr.Conflict)
	tx := w.kit.As(t, testkit.Alpha, access.Doctor)
	if _, err := tx.Exec(t.Context(), "insert into addenda (id, consultation_id, patient_id, doctor_id, body) select gen_random_uuid(), id, patient_id, doctor_id, 'x' from consultations where visit_id = $1", id); err == nil {
		t.Error("the database took an addendum to an open consultation")
	}
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, throat()); err != nil {
		t.Fatal(err)
	}
	key := uuid.New()
	for range 2 { // the same form twice
		if err := w.AddTo(doctor(t), key, id, " Swab negative \r\n"); err != nil {
			t.Fatal(err)
		}
	}
	code(t, "an empty one", w.AddTo(doctor(t), uuid.New(), id, "  "), apperr.Invalid)
	code(t, "by another doctor", w.AddTo(otherDoctor(t), uuid.New(), id, "x"), apperr.Forbidden)
	code(t, "by a nurse", w.AddTo(as(t, access.Nurse), uuid.New(), id, "x"), apperr.Forbidden)
	got := w.see(t, as(t, access.Nurse), id)
	if len(got.Others) != 1 || len(got.Others[0].Addenda) != 1 || got.Others[0].Addenda[0].Body.Reveal() != "Swab negative" {
		t.Errorf("what a nurse reads: %+v", got.Others)
	}
}

func TestOnlyTheVisitsDoctor(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	code(t, "another doctor begins", w.Begin(otherDoctor(t), id, 2), apperr.Forbidden)
	_, err := w.Keep(otherDoctor(t), id, 0, throat())
	code(t, "another doctor types", err, apperr.Forbidden)
	_, err = w.Finish(otherDoctor(t), uuid.New(), id, 0, throat())
	code(t, "another doctor finishes", err, apperr.Forbidden)
	for _, r := range []access.Role{access.Nurse, access.Receptionist, access.ClinicAdmin, access.LabTechnician} {
		_, err := w.Keep(as(t, r), id, 0, throat())
		code(t, string(r)+" types", err, apperr.Forbidden)
	}
	// And by the database.
	tx := w.kit.AsActor(t, testkit.Alpha, access.Doctor, testkit.Actor(access.User, testkit.SecondDoctor))
	if tag, err := tx.Exec(t.Context(), "update consultations set findings = 'x' where visit_id = $1", id); err != nil || tag.RowsAffected() != 0 {
		t.Errorf("another doctor changed %d rows, %v", tag.RowsAffected(), err)
	}
	if _, err := tx.Exec(t.Context(), "insert into consultations (id, visit_id, patient_id, doctor_id) values (gen_random_uuid(), $1, $2, $3)", id, testkit.Asha, testkit.SecondDoctor); err == nil {
		t.Error("another doctor opened a consultation of the visit")
	}
	// A department's patient is whoever's takes them in; the other one can't any more.
	dep := w.arrive(t, testkit.Bilal, testkit.Department)
	if err := w.Begin(otherDoctor(t), dep, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(otherDoctor(t), uuid.New(), dep, 0, consultation.Form{Complaint: "Dressing"}); err != nil {
		t.Fatal(err)
	}
	// An id of the other clinic is not there.
	_, err = w.Work(by(t, testkit.Beta, access.Doctor, testkit.Doctor), id)
	code(t, "at the other clinic", err, apperr.NotFound)
}

func TestDraftsOfTwoWindows(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	type f = consultation.Form
	first, err := w.Keep(doctor(t), id, 0, f{Complaint: "Sore"})
	if err != nil || first.Version != 1 {
		t.Fatalf("%+v, %v", first.Version, err)
	}
	second := w.see(t, doctor(t), id) // the second window opens with what the first typed
	if second.Form.Complaint != "Sore" || second.Draft.Version != 1 {
		t.Fatalf("the second window: version %d", second.Draft.Version)
	}
	if first, err = w.Keep(doctor(t), id, first.Version, f{Complaint: "Sore throat"}); err != nil || first.Version != 2 {
		t.Fatalf("version %d, %v", first.Version, err)
	}
	theirs, err := w.Keep(doctor(t), id, second.Draft.Version, f{Complaint: "Sore foot"})
	code(t, "the second window", err, apperr.Stale)
	if theirs.Form.Complaint != "Sore throat" || theirs.Version != 2 {
		t.Errorf("the second is told version %d", theirs.Version)
	}
	if now := w.see(t, doctor(t), id); now.Form.Complaint != "Sore throat" {
		t.Errorf("overwritten by %q", now.Form.Complaint)
	}
	// A page that is left may send once more what it had; the next page, which has
	// the version from before, may finish all the same.
	if same, err := w.Keep(doctor(t), id, 2, f{Complaint: "Sore throat", Window: "one"}); err != nil || same.Version != 2 {
		t.Errorf("kept twice: version %d, %v", same.Version, err)
	}
	// The same again after a lost answer is no second window.
	if same, err := w.Keep(doctor(t), id, 1, f{Complaint: "Sore throat"}); err != nil || same.Version != 2 {
		t.Errorf("version %d, %v", same.Version, err)
	}
	theirs, err = w.Finish(doctor(t), uuid.New(), id, 1, f{Complaint: "Sore foot"})
	code(t, "finished from the second window", err, apperr.Stale)
	if theirs.Form.Complaint != "Sore throat" {
		t.Errorf("the second is shown %q", theirs.Form.Complaint)
	}
	// Having seen both, it may.
	if _, err = w.Finish(doctor(t), uuid.New(), id, theirs.Version, f{Complaint: "Sore foot"}); err != nil {
		t.Error(err)
	}
	var left int
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), "select count(*) from clinic_alpha.drafts where kind = 'consultation'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d drafts are left, %v", left, err)
	}
}

// One window's requests may overtake each other: a save that is on its way while
// the form is sent is no second window.
func TestOneWindowDoesNotMeetItself(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	mine := func(text string) consultation.Form { return consultation.Form{Complaint: text, Window: "one"} }
	for _, text := range []string{"S", "So", "Sore"} { // each with the version of the page as it was drawn
		if _, err := w.Keep(doctor(t), id, 0, mine(text)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Keep(doctor(t), id, 0, consultation.Form{Complaint: "Foot", Window: "two"})
	code(t, "the other window", err, apperr.Stale)
	_, err = w.Finish(doctor(t), uuid.New(), id, 0, consultation.Form{Complaint: "Foot", Window: "two"})
	code(t, "the other window finishes", err, apperr.Stale)
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, mine("Sore throat")); err != nil {
		t.Error(err)
	}
}

// Two windows that save at once: one wins, the other is told.
func TestDraftsRace(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	kept, told := 0, 0
	ctx := doctor(t)
	for i := range 8 {
		all.Go(func() {
			_, err := w.Keep(ctx, id, 0, consultation.Form{Complaint: fmt.Sprint("window ", i)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				kept++
			case apperr.Is(err, apperr.Stale):
				told++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if kept != 1 || told != 7 {
		t.Errorf("%d kept, %d told", kept, told)
	}
}

// A draft is its author's alone, and survives whatever happens before the save:
// here the service is gone and another one reads it.
func TestADraftOutlivesTheService(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	form := throat()
	form.Measured.Pressure = "not yet" // what can't be saved is kept as well
	form.Findings = "half a sen\x00tence \xff"
	if _, err := w.Keep(doctor(t), id, 0, form); err != nil {
		t.Fatal(err)
	}
	w.stop()
	fresh := reopen(t, w.kit)
	now := fresh.see(t, doctor(t), id)
	if now.Form.Measured.Pressure != "not yet" || now.Form.Findings != "half a sentence \ufffd" || now.Draft.Version != 1 || time.Since(now.Draft.At) > time.Minute {
		t.Errorf("what came back: %q %q version %d", now.Form.Measured.Pressure, now.Form.Findings, now.Draft.Version)
	}
	if other := fresh.see(t, otherDoctor(t), id); !other.Form.Empty() || other.Draft.Version != 0 {
		t.Error("another doctor sees the draft")
	}
	_, err := fresh.Finish(doctor(t), uuid.New(), id, 1, form)
	code(t, "finishing with a wrong pressure", err, apperr.Invalid)
	if still := fresh.see(t, doctor(t), id); still.Mine.State != consultation.Open || still.Form.Complaint == "" {
		t.Error("a refused finish took the draft")
	}
	if err := fresh.Throw(doctor(t), id); err != nil {
		t.Fatal(err)
	}
	if gone := fresh.see(t, doctor(t), id); !gone.Form.Empty() {
		t.Error("a draft that was thrown away is still there")
	}
}

// Nothing of a finish stays when its last step fails.
func TestFinishIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	if err := w.queue.Move(as(t, access.Receptionist), id, 2, visit.Waiting, ""); err != nil {
		t.Fatal(err)
	}
	_, err := w.Finish(doctor(t), uuid.New(), id, 0, throat())
	code(t, "the patient waits outside", err, apperr.Conflict)
	now := w.see(t, doctor(t), id)
	if now.Mine.State != consultation.Open || len(now.Mine.Diagnoses) != 0 || now.Vitals.Any() || now.Visit.State != "waiting" {
		t.Errorf("something stayed: %+v %+v", now.Mine, now.Vitals)
	}
	if err := w.Begin(doctor(t), id, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, throat()); err != nil {
		t.Error(err)
	}
}

// A visit that the desk closed leaves its notes to be finished by its doctor.
func TestUnfinishedIsShownAndFinished(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	if err := w.queue.Move(as(t, access.Receptionist), id, 2, visit.Done, ""); err != nil {
		t.Fatal(err)
	}
	unfinished := func(ctx context.Context) (found bool) {
		day, err := w.Day(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range day.Unfinished {
			found = found || u.VisitID == id && !u.Inside
		}
		return found
	}
	if !unfinished(doctor(t)) || unfinished(otherDoctor(t)) {
		t.Error("the doctor alone must be shown what is not finished")
	}
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, throat()); err != nil {
		t.Fatal(err)
	}
	if unfinished(doctor(t)) {
		t.Error("it is finished and still shown")
	}
}

func TestAFormIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	_, err := w.Finish(doctor(t), uuid.New(), id, 0, consultation.Form{Urgency: "soon", FollowUp: "-1", Findings: strings.Repeat("x", 8001),
		Diagnoses: []consultation.Diagnosis{{Code: "no code", Title: "x"}}, Measured: consultation.Measured{Pressure: "120", Pulse: "9", Temperature: "60", Weight: "1e9"}})
	var e *apperr.Error
	if !errors.As(err, &e) || e.Code != apperr.Invalid {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range e.Fields {
		names[f.Name] = true
	}
	for _, n := range []string{"complaint", "urgency", "follow_up", "findings", "diagnosis", "bp", "pulse", "temp", "weight"} {
		if !names[n] {
			t.Errorf("%s is not named in %v", n, e)
		}
	}
	_, err = w.Finish(doctor(t), uuid.New(), id, 0, consultation.Form{Complaint: "x", Diagnoses: []consultation.Diagnosis{{Code: "Z99.9999", Title: "made up"}}})
	code(t, "a code that nobody has", err, apperr.Invalid)
}

func TestFollowUpsAreClosedOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.begun(t)
	if _, err := w.Finish(doctor(t), uuid.New(), id, 0, throat()); err != nil {
		t.Fatal(err)
	}
	day, err := w.Day(doctor(t))
	if err != nil || len(day.Due) != 1 {
		t.Fatal(day, err)
	}
	due := day.Due[0]
	code(t, "an unknown state", w.CloseFollowUp(doctor(t), due.ID, due.Version, "gone"), apperr.Invalid)
	code(t, "a nurse", w.CloseFollowUp(as(t, access.Nurse), due.ID, due.Version, "done"), apperr.Forbidden)
	if err := w.CloseFollowUp(as(t, access.Receptionist), due.ID, due.Version, "done"); err != nil {
		t.Fatal(err)
	}
	if err := w.CloseFollowUp(doctor(t), due.ID, due.Version, "done"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	code(t, "otherwise", w.CloseFollowUp(doctor(t), due.ID, due.Version, "cancelled"), apperr.Conflict)
}

func TestSeeingIsOnTheTrail(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.see(t, as(t, access.Nurse), testkit.Visit)
	var n int
	err := testkit.Conn(t, w.kit.Admin).QueryRow(context.Background(), `select count(*) from clinic_alpha.trail where action = 'view' and entity = 'consultations'
		and record_id = $1 and patient_id = $2 and actor = $3`, testkit.Finished, testkit.Asha, testkit.ActorOf(access.Nurse)).Scan(&n)
	if err != nil || n != 1 {
		t.Errorf("%d views on the trail, %v", n, err)
	}
}
