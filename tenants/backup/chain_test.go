package backup_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	chain "github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
)

// A trail goes on being sealed where its clinic is brought back, whether its
// numbers are far above or far below the server's, and rows that were not sealed
// at the export are sealed there, too.
func TestAChainGoesOnWhereAClinicIsBroughtBack(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	alpha := testkit.Alpha
	k.change(t, "", "delete from clinic_alpha.seals") // the seeded ones are of no trail
	k.sealed(t, alpha)
	below, _ := k.export(t, "alpha", backup.ExportOptions{})
	k.change(t, "", "update platform.chains set base = 1000000000000 where clinic_id = $1", alpha.ID)
	k.write(t, alpha, "sealed")
	k.sealed(t, alpha)
	k.write(t, alpha, "not sealed yet")
	above, _ := k.export(t, "alpha", backup.ExportOptions{})

	restored := func(file string, o backup.RestoreOptions) testkit.Clinic {
		t.Helper()
		out, err := k.Restore(t.Context(), open(file), o)
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Clinic{ID: out.ID, Slug: out.Slug, Schema: out.Schema}
	}
	ahead := restored(above, backup.RestoreOptions{As: "ahead"})
	behind := restored(below, backup.RestoreOptions{As: "behind"})
	k.goesOn(t, ahead)
	k.goesOn(t, behind)
	// In its own place, after the chain went on.
	k.goesOn(t, alpha)
	k.goesOn(t, restored(below, backup.RestoreOptions{Replace: true, Confirm: "alpha"}))
	k.goesOn(t, restored(above, backup.RestoreOptions{Replace: true, Confirm: "alpha"}))
	// What a clone brings along goes on, too.
	out, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "twin"}, false)
	if err != nil {
		t.Fatal(err)
	}
	k.goesOn(t, testkit.Clinic{ID: out.ID, Slug: out.Slug, Schema: out.Schema})
}

// goesOn writes, seals and verifies: nothing is left but the rows that tell of
// seals.
func (k kit) goesOn(t *testing.T, c testkit.Clinic) {
	t.Helper()
	for _, notice := range []string{"here", "here again"} {
		k.write(t, c, notice)
		k.sealed(t, c)
	}
	all, err := chain.NewReader(k.admin).Verify(t.Context(), c.Slug, chain.Heads{})
	if err != nil {
		t.Fatal(err)
	}
	if r := all[0]; len(r.Findings) > 0 || r.Unsealed != 1 {
		t.Errorf("%s: %d rows are not sealed, %v", c.Slug, r.Unsealed, r.Findings)
	}
}

func (k kit) write(t *testing.T, c testkit.Clinic, notice string) {
	t.Helper()
	tx := k.As(t, c, access.ClinicAdmin)
	if _, err := tx.Exec(t.Context(), "update settings set display_notice = $1", notice+uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sealed seals when every transaction that is as old as this one has ended:
// other tests have theirs, in other databases.
func (k kit) sealed(t *testing.T, c testkit.Clinic) {
	t.Helper()
	now := value[string](t, k.admin, "select pg_current_xact_id()::text")
	for !value[bool](t, k.admin, "select pg_sleep(0.01) is not null and pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8", now) {
	}
	tx := k.As(t, c, access.Jobs)
	if _, err := tx.Exec(t.Context(), "select platform.seal_trail()"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
