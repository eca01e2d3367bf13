package migrate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
)

func TestVerifyNamesEachDrift(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 5)
	m, _ := on(t, dsn, testkit.Master(t), nil)
	found := func(want ...string) {
		t.Helper()
		got, err := m.Verify(t.Context())
		if err != nil || len(got) != len(want) {
			t.Errorf("%+v, %v; want %q", got, err, want)
			return
		}
		for i, d := range got {
			if line := d.Schema + ": " + d.What; !strings.Contains(line, want[i]) {
				t.Errorf("%q is not %q", line, want[i])
			}
		}
	}
	found()
	admin := connect(t, dsn)
	s := func(i int) string { return all[i].schema }
	for _, step := range []struct{ do, undo, want string }{
		{"alter table " + s(0) + ".visits add column odd text", "alter table " + s(0) + ".visits drop column odd", s(0) + ": table visits is not as"},
		{"alter table " + s(1) + ".visits alter column note set default 'x'", "alter table " + s(1) + ".visits alter column note set default ''", s(1) + ": table visits is not as"},
		{"create index odd on " + s(2) + ".visits (day)", "drop index " + s(2) + ".odd", s(2) + ": table visits is not as"},
		{"alter table " + s(3) + ".visits disable trigger trail", "alter table " + s(3) + ".visits enable trigger trail", s(3) + ": table visits is not as"},
		{"create table " + s(4) + ".odd (id uuid)", "drop table " + s(4) + ".odd", s(4) + ": table odd is not in"},
		{"alter table " + s(0) + ".departments rename to gone", "alter table " + s(0) + ".gone rename to departments", s(0) + ": table departments of the other"},
		{"create schema clinic_stray", "drop schema clinic_stray", "clinic_stray: the database has it"},
		{"alter schema " + s(1) + " rename to clinic_lost", "alter schema clinic_lost rename to " + s(1), "clinic_lost: the database has it"},
		{"update platform.schemas set version = 3 where schema_name = '" + s(2) + "'", fmt.Sprintf("update platform.schemas set version = %d", m.Target()), s(2) + ": the registry says version 3"},
	} {
		exec(t, admin, step.do)
		got, err := m.Verify(t.Context())
		if err != nil || !strings.Contains(fmt.Sprint(got), strings.Replace(step.want, ": ", " ", 1)) {
			t.Errorf("%s: %+v, %v", step.do, got, err)
		}
		exec(t, admin, step.undo)
	}
	found()
	exec(t, admin, "delete from platform.migrations where version = 4 and clinic_id = $1", all[3].id)
	found(s(3) + ": version 4 was not applied")
}
