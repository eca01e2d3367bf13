package appointment_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// An appointment moves as the table of states says, and in no other way: nobody
// misses what is still to come, and who arrived has a visit.
func TestStatesOfAnAppointment(t *testing.T) {
	t.Parallel()
	w := open(t, 1)
	missed, ahead, came := uuid.New(), uuid.New(), uuid.New()
	w.kit.Exec(t, fmt.Sprintf(`set session_replication_role = replica; set search_path = clinic_alpha, ext, pg_temp;
		insert into visits (clinic_id, id, patient_id, doctor_id, day, kind, state, arrived_at) values ('%[1]s', '%[4]s', '%[5]s', '%[6]s', '2025-03-01', 'routine', 'waiting', '2025-03-01 10:00+05:30');
		insert into appointments (clinic_id, id, patient_id, doctor_id, starts_at, ends_at) values
			('%[1]s', '%[2]s', '%[5]s', '%[6]s', '2025-03-01 10:00+05:30', '2025-03-01 10:15+05:30'), ('%[1]s', '%[3]s', '%[5]s', '%[6]s', '%[7]s', '%[8]s')`,
		testkit.Alpha.ID, missed, ahead, came, testkit.Bilal, testkit.Doctor, w.later(10, 0).Format(time.RFC3339), w.later(10, 15).Format(time.RFC3339)))
	legal := map[string][]string{"booked": {"arrived", "no_show", "cancelled"}, "no_show": {"arrived", "booked"}}
	states := []string{"booked", "arrived", "no_show", "cancelled"}
	tx := w.kit.As(t, testkit.Alpha, access.Receptionist)
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		must := func(sql string) {
			if _, err := tx.Exec(ctx, sql); err != nil {
				r.Fatal(err)
			}
		}
		must("savepoint begin")
		defer must("rollback to begin")
		id := rapid.SampledFrom([]uuid.UUID{missed, ahead}).Draw(r, "which")
		state := "booked"
		for range rapid.IntRange(1, 8).Draw(r, "moves") {
			to := rapid.SampledFrom(states).Draw(r, "to")
			must("savepoint move")
			_, err := tx.Exec(ctx, `update appointments set state = $2, visit_id = case when $2 = 'arrived' then $3::uuid end,
				state_reason = case when $2 = 'cancelled' then 'ill' else '' end where id = $1`, id, to, came)
			early := id == ahead && state == "booked" && to == "no_show"
			if want := (slices.Contains(legal[state], to) || to == state) && !early; want != (err == nil) {
				r.Fatalf("%s to %s: %v", state, to, err)
			}
			if err != nil {
				must("rollback to move")
				continue
			}
			state = to
		}
		for _, sql := range []string{"update appointments set state = 'arrived', visit_id = null where id = $1", "update appointments set state = 'cancelled', state_reason = ' ' where id = $1"} {
			must("savepoint lacking")
			if _, err := tx.Exec(ctx, sql, id); err == nil {
				r.Fatalf("%s: from %s", sql, state)
			}
			must("rollback to lacking")
		}
	})
}
