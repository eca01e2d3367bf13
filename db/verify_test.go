package db_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// TestTheCodeOnAPaperSeesItsPrescriptionAlone tries what a display's role may
// read of prescriptions when it was lent for the code on a paper: that one and
// what replaced it, five columns of each, and in the own clinic only.
func TestTheCodeOnAPaperSeesItsPrescriptionAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // where a second prescription has the display's id
	ctx := context.Background()
	const seeded, other, newer = "018f0000-0000-7000-8000-0000000000a4", "018f0000-0000-7000-8000-000000000040", "018f0000-0000-7000-8000-0000000000ea"
	w.Exec(t, `set session_replication_role = replica;
		insert into clinic_alpha.prescriptions (clinic_id, id, number, visit_id, patient_id, doctor_id, state, issued_at, version_of, version_reason)
		select clinic_id, '`+newer+`', 'RX-2025-00077', visit_id, patient_id, doctor_id, 'issued', issued_at, id, 'Dose' from clinic_alpha.prescriptions where id = '`+seeded+`'`)
	conn := testkit.Conn(t, w.App)
	see := func(scope testkit.Clinic, table, actor string) []string {
		t.Helper()
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if err := testkit.SetScope(ctx, tx, scope, access.Display, actor); err != nil {
			t.Fatal(err)
		}
		rows, err := tx.Query(ctx, "select id::text from "+table+" order by 1")
		if err != nil {
			t.Fatal(err)
		}
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		name, actor string
		want        []string
	}{
		{"the code of one that was replaced", "display:" + seeded, []string{seeded, newer}},
		{"the code of the newer one", "display:" + newer, []string{newer}},
		{"the code of another one", "display:" + other, []string{other}},
		{"a visit's link", "display:" + testkit.Visit.String(), nil},
		{"an actor of another kind", "user:" + seeded, nil},
	} {
		got := see(testkit.Alpha, "prescriptions", c.actor)
		if len(got) != len(c.want) {
			t.Errorf("%s sees %v, want %v", c.name, got, c.want)
		}
		for i := range got {
			if i < len(c.want) && got[i] != c.want[i] {
				t.Errorf("%s sees %v, want %v", c.name, got, c.want)
			}
		}
		if got := see(testkit.Alpha, "clinic_beta.prescriptions", c.actor); len(got) > 0 {
			t.Errorf("%s sees %v of the other clinic", c.name, got)
		}
	}
	w.Exec(t, "set session_replication_role = replica; update clinic_alpha.prescriptions set state = 'draft', issued_at = null, number = '' where id = '"+newer+"'")
	if got := see(testkit.Alpha, "prescriptions", "display:"+newer); len(got) > 0 {
		t.Errorf("a draft is seen: %v", got)
	}
}
