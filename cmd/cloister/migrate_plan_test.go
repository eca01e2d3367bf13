package main

import (
	"strings"
	"testing"

	"github.com/cloister-health/cloister/tenants/migrate"
)

// TestPlanIsTold pins the words of a plan; what is in it is package migrate's to prove.
func TestPlanIsTold(t *testing.T) {
	t.Parallel()
	steps := []migrate.Step{
		{Version: 12, File: "00012_kind.sql",
			Locks: []migrate.Lock{{Table: "visits", Mode: "ACCESS EXCLUSIVE", Weight: migrate.Weight{Rows: 250000, Bytes: 70 << 20, Total: 251000}}, {Table: "drafts", Mode: "ROW EXCLUSIVE"}},
			Warnings: []migrate.Warning{{Name: "index-build", Level: migrate.Danger, Table: "visits", Object: "visits_kind", Statement: "create index visits_kind on visits (kind);",
				Reason: "the reason", Instead: "another way"}}},
		{Version: 13, File: "00013_rooms.sql"},
	}
	failing := []migrate.Step{{File: "00014_odd.sql", Fault: &migrate.Fault{Statement: "drop table odd;", State: "42P01", Reason: `table "odd" does not exist`}}, {File: "00015_even.sql", Untried: true}}
	for _, c := range []struct {
		plan migrate.Plan
		want string
	}{
		{migrate.Plan{Platform: migrate.SharedPlan{Version: 20}, Target: 11, Total: 3, Current: 2, Ahead: 1},
			"NOTHING TO DO: the shared schema is at version 20, and all of 3 schemas at version 11 (1 are ahead of it)\n"},
		{migrate.Plan{Platform: migrate.SharedPlan{Version: 20, Steps: []migrate.Step{{File: "00021_plan.sql"}}}, Target: 11},
			`SAFE: no warning; 1 to run in the shared schema, and up to version 11 in 0 of 0 schemas

Shared schema, at version 20: 1 migration to run
  00021_plan.sql
    locks no table that is there now
`},
		{migrate.Plan{Target: 13, Total: 4, Groups: []migrate.Group{{Version: 11, Clinics: []string{"asha", "beta"}, Spares: 2, Steps: steps}}},
			`UNSAFE: 1 danger and 0 cautions; 0 to run in the shared schema, and up to version 13 in 0 of 4 schemas

2 clinics (asha, beta) and 2 spares at version 11: 2 migrations to run in each
  00012_kind.sql
    ACCESS EXCLUSIVE       visits  about 250000 rows, 70 MB in the largest clinic, 251000 rows in all
    ROW EXCLUSIVE          drafts
    DANGER index-build on visits: visits_kind
      create index visits_kind on visits (kind);
      why: the reason
      instead: another way
  00013_rooms.sql
    locks no table that is there now
`},
		{migrate.Plan{Target: 15, Total: 1, Groups: []migrate.Group{{Version: 13, Spares: 1, Steps: failing}}},
			`FAILS: 00014_odd.sql stops with an error; nothing was changed

0 clinics and 1 spare at version 13: 2 migrations to run in each
  00014_odd.sql
    FAILS at drop table odd;
      table "odd" does not exist (SQLSTATE 42P01)
  00015_even.sql
    not tried, since one before it fails
`},
	} {
		var b strings.Builder
		if err := tellPlan(&b, c.plan); err != nil || b.String() != c.want {
			t.Errorf("%v, %s\nwant %s", err, b.String(), c.want)
		}
	}
}
