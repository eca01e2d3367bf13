package visit_test

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/visit"
)

// A visit moves as the service's table says, which is what screens offer, and
// in no other way; every move stands in the queue's history.
func TestStatesOfAVisit(t *testing.T) {
	t.Parallel()
	w := open(t, 2)
	tx := w.kit.As(t, testkit.Alpha, access.Receptionist)
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		must := func(sql string, args ...any) {
			if _, err := tx.Exec(ctx, sql, args...); err != nil {
				r.Fatal(err)
			}
		}
		must("savepoint begin")
		defer must("rollback to begin")
		id := uuid.New()
		must("insert into visits (id, patient_id, doctor_id, kind) values ($1, $2, $3, 'routine')", id, testkit.Bilal, testkit.Doctor)
		state, moves := visit.Waiting, 1
		for range rapid.IntRange(1, 10).Draw(r, "moves") {
			to := rapid.SampledFrom(visit.States()).Draw(r, "to")
			calls := 0
			if to == visit.Called {
				calls = 1
			}
			must("savepoint move")
			_, err := tx.Exec(ctx, "update visits set state = $2, state_reason = case when $2 = 'cancelled' then 'left' else '' end, call_count = call_count + $3 where id = $1", id, string(to), calls)
			nothing := to == state && calls == 0
			if want := visit.MayGo(state, to) || nothing; want != (err == nil) {
				r.Fatalf("%s to %s: %v", state, to, err)
			}
			if err != nil {
				must("rollback to move")
				continue
			}
			if state = to; !nothing {
				moves++
			}
			var recorded, there int
			if err := tx.QueryRow(ctx, "select count(*), count(*) filter (where to_state = $2) from queue_moves where visit_id = $1", id, string(state)).Scan(&recorded, &there); err != nil {
				r.Fatal(err)
			}
			if recorded != moves || there == 0 {
				r.Fatalf("%d moves are recorded of %d, %d of them to %s", recorded, moves, there, state)
			}
		}
		must("savepoint reason")
		if _, err := tx.Exec(ctx, "update visits set state = 'cancelled', state_reason = ' ' where id = $1 and state <> 'cancelled'", id); err == nil && state != visit.Cancelled {
			r.Fatal("cancelled without a reason")
		}
		must("rollback to reason")
	})
}
