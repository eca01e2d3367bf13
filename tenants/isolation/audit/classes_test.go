package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

// besides are rules that look at every schema anyway, since what they look for
// hangs on no table.
const besides = "A406 A620 A802"

var errUndone = errors.New("undone")

// TestOneOfAClassIsLike holds schemas that differ in anything apart: a difference
// that the classes don't see would be found only where the wrong one is looked at.
func TestOneOfAClassIsLike(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	apart := func(q audit.Querier) bool {
		t.Helper()
		yes, err := audit.Apart(context.Background(), q, alpha, "clinic_beta")
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if apart(conn) {
		t.Fatal("two clinics at one version are of two classes")
	}
	n := 0
	for _, b := range batches {
		for _, m := range b.all {
			if !strings.HasPrefix(m.schema, "clinic_") || m.schema == "clinic_ghost" || strings.Contains(besides, m.rule) {
				continue
			}
			n++
			err := pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
				exec(t, tx, m.sql)
				if !apart(tx) {
					t.Errorf("%s leaves its clinic in the class of the others", m.name)
				}
				return errUndone
			})
			if !errors.Is(err, errUndone) {
				t.Fatal(err)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d mutations of a clinic", n)
	}
}

// What is wrong in every clinic alike makes them one class, and is told of each.
func TestAllAlikeAreToldOfEach(t *testing.T) {
	t.Parallel()
	tx, err := testkit.Conn(t, testkit.New(t).Admin).Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, schema := range []string{alpha, "clinic_beta"} {
		exec(t, tx, "alter table "+schema+".patients no force row level security; drop index "+schema+".reminders_patient; alter table "+schema+".visits add column shadow text; drop policy \"select\" on "+schema+".tokens; grant truncate on "+schema+".users to public")
	}
	if yes, err := audit.Apart(context.Background(), tx, alpha, "clinic_beta"); yes || err != nil {
		t.Fatal("not alike", err)
	}
	r := auditAs(t, tx, audit.Options{})
	for _, schema := range []string{alpha, "clinic_beta"} {
		for _, m := range []mutation{{rule: "A102", object: "patients"}, {rule: "A804", object: "reminders index reminders_patient"}, {rule: "A805", object: "visits.shadow"}, {rule: "A104", object: "tokens"}, {rule: "A403", object: "users"}} {
			if m.schema = schema; !found(r, m) {
				t.Errorf("CLO-%s of %s.%s is not told", m.rule, schema, m.object)
			}
		}
	}
	one := auditAs(t, tx, audit.Options{Schemas: []string{alpha}})
	n := 0
	for _, f := range r.Findings {
		if f.Schema == alpha {
			n++
		}
	}
	if len(one.Findings) != n || one.Checked == 0 || one.Checked > r.Checked*2/3 {
		t.Errorf("asked for alone %d findings in %d objects, with the others %d in %d", len(one.Findings), one.Checked, n, r.Checked)
	}
}
