package main

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cloister-health/cloister/internal/testkit"
)

// TestTheWorkerPassesOverClinicsItCantServe: rounds succeed, the clinic's
// neighbour is sealed, and each change is told once.
func TestTheWorkerPassesOverClinicsItCantServe(t *testing.T) {
	t.Parallel()
	env, db := installed(t)
	c, err := loadConfig(append(env, "CLOISTER_STATE_DIR="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	log, told := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	w, err := openWorker(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	lines := func(about string) (n int) {
		for _, e := range told.AllEntries() {
			if strings.Contains(e.Message, about) && e.Data["slug"] == testkit.Alpha.Slug {
				n++
			}
		}
		return n
	}
	round := func() {
		t.Helper()
		w.files.last, w.remind.last = w.files.last.AddDate(-1, 0, 0), w.remind.last.AddDate(-1, 0, 0)
		if err := w.round(t.Context(), 0, 0); err != nil {
			t.Error(err)
		}
	}
	const passed, again = "does not serve", "serves the clinic again"
	db.Exec(t, "update platform.schemas set version = 3 where clinic_id = $1", testkit.Alpha.ID)
	db.Exec(t, "alter table clinic_alpha.seals rename to seals_later") // what a clinic so far behind does not have
	round()
	round()
	if lines(passed) != 1 || lines(again) != 0 || lines("sealed") != 0 {
		t.Errorf("behind: %d told, %d sealed", lines(passed), lines("sealed"))
	}
	db.Exec(t, "alter table clinic_alpha.seals_later rename to seals")
	db.Exec(t, "update platform.schemas s set version = (select max(m.version) from platform.migrations m where m.clinic_id = s.clinic_id)")
	round()
	round()
	if lines(passed) != 1 || lines(again) != 1 || lines("sealed") != 1 {
		t.Errorf("served again: %d and %d told, %d sealed", lines(passed), lines(again), lines("sealed"))
	}
	// Ahead by one migration it is served, further it is not.
	for i, want := range []int{1, 2} {
		db.Exec(t, "insert into platform.migrations (clinic_id, version) select $1, max(version) + 1 from platform.migrations", testkit.Alpha.ID)
		db.Exec(t, "update platform.schemas s set version = (select max(m.version) from platform.migrations m where m.clinic_id = s.clinic_id)")
		round()
		if lines(passed) != want {
			t.Errorf("ahead by %d: told %d times, not %d", i+1, lines(passed), want)
		}
	}
}
