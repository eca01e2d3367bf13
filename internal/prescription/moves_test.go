package prescription_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/prescription"
	"github.com/cloister-health/cloister/internal/testkit"
)

func TestAPrescriptionIsHandedOutAndCompleted(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.issue(t, sheet("Metformin"))
	code(t, "another doctor", w.Move(otherDoctor(t), p.ID, p.Version, prescription.Dispensed), apperr.Forbidden)
	code(t, "reception", w.Move(as(t, access.Receptionist), p.ID, p.Version, prescription.Dispensed), apperr.Forbidden)
	code(t, "nobody's", w.Move(doctor(t), uuid.New(), 1, prescription.Dispensed), apperr.NotFound)
	for _, to := range []string{"cancelled", "draft", "made up", ""} {
		code(t, "to "+to, w.Move(doctor(t), p.ID, p.Version, to), apperr.Conflict)
	}
	for _, to := range []string{prescription.Dispensed, prescription.Dispensed, prescription.Completed} { // one of them said twice
		if err := w.Move(doctor(t), p.ID, w.see(t, p.ID).Version, to); err != nil {
			t.Fatal(err)
		}
		if now := w.see(t, p.ID); now.State != to {
			t.Fatalf("it is %s", now.State)
		}
	}
	code(t, "back", w.Move(doctor(t), p.ID, w.see(t, p.ID).Version, prescription.Dispensed), apperr.Conflict)
	code(t, "cancelled after", w.Cancel(doctor(t), p.ID, w.see(t, p.ID).Version, "wrong"), apperr.Conflict)
	other := w.issue(t, sheet("Amlodipine"))
	if err := w.Move(doctor(t), other.ID, other.Version, prescription.Completed); err != nil {
		t.Fatal(err)
	}
	second := w.issue(t, sheet("Losartan"))
	if err := w.Move(doctor(t), second.ID, second.Version, prescription.Dispensed); err != nil {
		t.Fatal(err)
	}
	code(t, "an old version", w.Move(doctor(t), second.ID, second.Version, prescription.Completed), apperr.Conflict)
}

// What screens offer is what the database lets through.
func TestOfferedMovesAreLegal(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, from := range []string{prescription.Issued, prescription.Dispensed, prescription.Completed, prescription.Cancelled} {
		for _, to := range []string{prescription.Dispensed, prescription.Completed} {
			p := w.issue(t, sheet("Metformin"))
			w.kit.Exec(t, `set session_replication_role = replica; update clinic_alpha.prescriptions set state = '`+from+`',
				cancel_reason = case when '`+from+`' = 'cancelled' then 'x' else '' end, ended_at = case when '`+from+`' in ('completed', 'cancelled') then now() end where id = '`+p.ID.String()+`'`)
			got := w.refusal(t, access.Doctor, "update prescriptions set state = '"+to+"' where id = $1 and state <> '"+to+"'", p.ID)
			if from != to && (got == "<nil>") != slices.Contains(prescription.Next(from), to) {
				t.Errorf("%s to %s: %q, the screens offer %v", from, to, got, prescription.Next(from))
			}
		}
	}
}

func TestPendingTestsOfADoctor(t *testing.T) {
	t.Parallel()
	w := open(t)
	before, err := w.Pending(doctor(t), 50)
	if err != nil || len(before) != 1 { // the seed's
		t.Fatal(len(before), err)
	}
	s := prescription.Sheet{Tests: []prescription.TypedTest{{Name: "HbA1c", By: "3"}, {Name: "Troponin I", Urgency: "stat", Note: "chest pain"}}}
	if err := w.Ask(doctor(t), uuid.New(), testkit.Visit, s); err != nil {
		t.Fatal(err)
	}
	all, err := w.Pending(doctor(t), 50)
	if err != nil || len(all) != 3 || all[0].Name.Reveal() != "Troponin I" || all[0].Urgency != "stat" || all[0].Patient.ID != testkit.Asha {
		t.Fatalf("%d, %v", len(all), err)
	}
	if few, err := w.Pending(doctor(t), 2); err != nil || len(few) != 2 {
		t.Errorf("%d, %v", len(few), err)
	}
	if none, err := w.Pending(otherDoctor(t), 50); err != nil || len(none) != 0 {
		t.Errorf("another doctor waits for %d, %v", len(none), err)
	}
	_, err = w.Pending(as(t, access.Nurse), 50)
	code(t, "a nurse", err, apperr.Forbidden)
	x := all[0]
	code(t, "another doctor", w.CancelTest(otherDoctor(t), x.ID, x.Version, "not needed"), apperr.Forbidden)
	code(t, "without a reason", w.CancelTest(doctor(t), x.ID, x.Version, "  "), apperr.Invalid)
	code(t, "an old version", w.CancelTest(doctor(t), x.ID, x.Version+1, "not needed"), apperr.Conflict)
	for range 2 { // pressed twice
		if err := w.CancelTest(doctor(t), x.ID, x.Version, "not needed"); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := w.Pending(doctor(t), 50); err != nil || len(left) != 2 {
		t.Errorf("%d are left, %v", len(left), err)
	}
	if r, err := w.Asked(as(t, access.Nurse), x.ID); err != nil || r.State != "cancelled" || r.Pending() {
		t.Errorf("%+v, %v", r.State, err)
	}
	_, err = w.Asked(as(t, access.LabTechnician), x.ID)
	code(t, "the lab", err, apperr.Forbidden)
}

// A test request moves as the table of states says, and in no other way,
// whoever of the two who may moves it; what ended stays as it is.
func TestStatesOfATestRequest(t *testing.T) {
	t.Parallel()
	w := open(t)
	legal := map[string][]string{"requested": {"collected", "in_progress", "cancelled"}, "collected": {"in_progress", "cancelled"}, "in_progress": {"reported", "cancelled"}}
	states := []string{"requested", "collected", "in_progress", "reported", "cancelled"}
	doc, lab := w.kit.As(t, testkit.Alpha, access.Doctor), w.kit.As(t, testkit.Alpha, access.LabTechnician)
	rapid.Check(t, func(r *rapid.T) {
		tx := doc
		if rapid.Bool().Draw(r, "lab") {
			tx = lab
		}
		must := func(sql string) {
			if _, err := tx.Exec(context.Background(), sql); err != nil {
				r.Fatal(err)
			}
		}
		must("savepoint begin")
		defer must("rollback to begin")
		var id uuid.UUID
		if err := tx.QueryRow(context.Background(), "select id from test_requests where state = 'requested' limit 1").Scan(&id); err != nil {
			r.Fatal(err)
		}
		state, version := "requested", int32(0)
		if err := tx.QueryRow(context.Background(), "select version from test_requests where id = $1", id).Scan(&version); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(r, "moves") {
			to := rapid.SampledFrom(states).Draw(r, "to")
			must("savepoint move")
			reason := ""
			if to == "cancelled" {
				reason = "not needed"
			}
			_, err := tx.Exec(context.Background(), "update test_requests set state = $2, state_reason = $3 where id = $1", id, to, reason)
			same := to == state
			want := slices.Contains(legal[state], to) || same // nothing is changed by that
			if want != (err == nil) {
				r.Fatalf("%s to %s: %v", state, to, err)
			}
			if err != nil {
				must("rollback to move")
				continue
			}
			var now int32
			if err := tx.QueryRow(context.Background(), "select version from test_requests where id = $1", id).Scan(&now); err != nil || now != version+1 {
				r.Fatalf("version %d after %d, %v", now, version, err)
			}
			state, version = to, now
		}
		must("savepoint keeps")
		if _, err := tx.Exec(context.Background(), "update test_requests set state = 'cancelled', state_reason = '' where id = $1 and state <> 'cancelled'", id); err == nil && state != "cancelled" {
			r.Fatal("cancelled without a reason")
		}
		must("rollback to keeps")
	})
}
