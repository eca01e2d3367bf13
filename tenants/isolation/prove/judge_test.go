package prove

import (
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
)

// What another session does at the same time is neither a wall nor a leak. The
// noise is made by a sequence, which no rollback takes back.
func TestNoiseIsNoOutcome(t *testing.T) {
	t.Parallel()
	db := testkit.New(t)
	admin := testkit.Conn(t, db.Admin)
	s, err := dial(t.Context(), db.Admin, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close(t.Context())
	victim := &clinic{mark: "nobody's mark"}
	late := func(code string, times int) string {
		return strings.NewReplacer("$code", code, "$times", string(rune('0'+times))).Replace("do $do$ begin if nextval('platform.noise') <= $times then raise sqlstate '$code'; end if; end $do$")
	}
	for name, c := range map[string]struct {
		a    attempt
		leak bool
		err  bool
	}{
		"a refusal that was a deadlock":     {attempt{attack: one(late("40P01", 2)), judge: byRefusal}, true, false},
		"one that was a lock":               {attempt{attack: one(late("55P03", 4)), judge: byRefusal}, true, false},
		"one that is one":                   {attempt{attack: one(late("42501", 9)), judge: byRefusal}, false, false},
		"cut off each time":                 {attempt{attack: one(late("57014", 9)), judge: byRefusal}, false, true},
		"a setup that was cut off":          {attempt{setup: []string{"begin", late("40001", 1)}, attack: one("select 1"), judge: byRows}, true, false},
		"statements alone, prepared again":  {attempt{setup: []string{"prepare p as select 1", late("40P01", 1)}, attack: one("execute p"), judge: byRows, alone: true}, true, false},
		"a difference that shows once":      {attempt{attack: one("select least(nextval('platform.noise'), 2)"), miss: one("select 2"), judge: byEqual}, false, false},
		"a difference that stays":           {attempt{attack: one("select 1"), miss: one("select 2"), judge: byEqual}, true, false},
		"a lock that it would not wait for": {attempt{attack: []string{late("55P03", 9) + "; select 1 for update nowait"}, judge: byRefusal}, false, false},
	} {
		if _, err := admin.Exec(t.Context(), "drop sequence if exists platform.noise; create sequence platform.noise"); err != nil {
			t.Fatal(err)
		}
		c.a.victim = victim
		saw, err := s.try(t.Context(), c.a, true)
		if (saw != nil) != c.leak || (err != nil) != c.err {
			t.Errorf("%s: seen %v, error %v", name, saw, err)
		}
	}
}
