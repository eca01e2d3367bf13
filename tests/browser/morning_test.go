package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/demo"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/internal/testkit/browser"
)

// morningPatients are seen in the morning, by two doctors.
const morningPatients = 30

// TestMorning lets four people work at once, kills the service under them, and
// counts what is there afterwards.
func TestMorning(t *testing.T) {
	t.Parallel()
	db := demoDatabase(t)
	s := newService(t, db.Admin)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.kill() // an earlier failure may have left none to kill
		complaints(t, s.output())
	})
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do := map[string]func() error{"/kill": s.kill, "/start": s.start}[r.URL.Path]
		if err := do(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer control.Close()
	browser.Run(t, []string{"CLOISTER_URL=" + s.base, "CLOISTER_CONTROL=" + control.URL, "CLOISTER_PASSWORD=" + demo.Password,
		"CLOISTER_PATIENTS=" + strconv.Itoa(morningPatients)}, "morning.test.mjs")
	countMorning(t, db)
}

// countMorning asks the database whether each patient of the morning is there
// once, with all that was made, and whether the trail tells of every row.
func countMorning(t *testing.T, db *testkit.DB) {
	t.Helper()
	conn := testkit.Conn(t, db.Admin)
	var schema string
	if err := conn.QueryRow(t.Context(), "select s.schema_name from platform.schemas s join platform.clinics c on c.id = s.clinic_id where c.slug = 'northside'").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	mine := " join " + pgx.Identifier{schema, "patients"}.Sanitize() + " p on p.id = x.patient_id and p.full_name ~ ' Test[a-j]+$'"
	if _, err := conn.Exec(t.Context(), "set search_path = "+schema); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		sql  string
		want int
	}{
		// Three more came while the network was gone.
		"patients":            {"select count(*) from patients where full_name ~ ' Test[a-j]+$'", morningPatients + 3},
		"names of patients":   {"select count(distinct full_name) from patients where full_name ~ ' Test[a-j]+$'", morningPatients + 3},
		"visits":              {"select count(*) from visits x" + mine, morningPatients + 3},
		"visits that ended":   {"select count(*) from visits x" + mine + " where x.state = 'done'", morningPatients + 1},
		"tokens":              {"select count(distinct (t.day, t.line_id, t.number)) from tokens t join visits x on x.id = t.visit_id" + mine, morningPatients + 3},
		"finished notes":      {"select count(*) from consultations x" + mine + " where x.state = 'finished' and x.complaint = 'Fever since three days'", morningPatients + 1},
		"prescriptions":       {"select count(*) from prescriptions x" + mine + " where x.state = 'issued'", morningPatients},
		"prescription lines":  {"select count(*) from prescription_lines l join prescriptions x on x.id = l.prescription_id" + mine, morningPatients},
		"drafts left over":    {"select count(*) from drafts where body::text like '%Fever since three days%'", 0},
		"gaps in the numbers": {"select coalesce(sum(missing), 0)::bigint from (select max(right(number, -8)::int) - count(*) as missing from prescriptions where number <> '' group by left(number, 8)) as years", 0},
	} {
		var got int
		if err := conn.QueryRow(t.Context(), c.sql).Scan(&got); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if got != c.want {
			t.Errorf("%d %s, want %d", got, what, c.want)
		}
	}
	for _, table := range strings.Fields("patients visits tokens consultations diagnoses prescriptions prescription_lines") {
		var untold int
		err := conn.QueryRow(t.Context(), "select count(*) from "+pgx.Identifier{schema, table}.Sanitize()+" x where not exists (select from "+
			pgx.Identifier{schema, "trail"}.Sanitize()+" t where t.record_id = x.id and t.entity = $1 and t.action = 'insert' and t.outcome = 'done')", table).Scan(&untold)
		if err != nil {
			t.Errorf("%s: %v", table, err)
		} else if untold != 0 {
			t.Errorf("the trail does not tell of %d %s", untold, table)
		}
	}
}
