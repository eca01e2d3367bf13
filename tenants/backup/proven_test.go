package backup_test

import (
	"os"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/prove"
)

// Clinics that came back stand behind the same walls as others: the audit finds
// nothing, their schemas are what their version's should be, and attacks from
// one to the other see nothing that they do see where a wall is down.
func TestRestoredClinicsStandBehindTheWalls(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, _ := k.export(t, "alpha", backup.ExportOptions{})
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "twin"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "alpha"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Clone(t.Context(), "alpha", backup.RestoreOptions{As: "scrubbed"}, true); err != nil {
		t.Fatal(err)
	}
	k.audited(t)
	// The probes that look at what a clinic's own schema says.
	for _, c := range []struct{ pair, only []string }{
		{[]string{"alpha", "twin"}, []string{"CLO-P001", "CLO-P002", "CLO-P003", "CLO-P007", "CLO-P015", "CLO-P020"}},
		{[]string{"scrubbed", "beta"}, []string{"CLO-P001"}},
	} {
		r, err := prove.Run(t.Context(), prove.Config{App: k.App, Migrator: k.Migrator, Admin: k.DB.Admin, Keys: testkit.Master(t), Clinics: c.pair, Only: c.only, Sample: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict() != isolation.Clean || r.Attempts == 0 || r.Controls == 0 {
			if err := r.Write(os.Stderr, isolation.Text); err != nil {
				t.Fatal(err)
			}
			t.Errorf("between %v: %s, %d attempts, %d controls", c.pair, r.Verdict(), r.Attempts, r.Controls)
		}
		t.Logf("%v: %d attempts, %d controls, %d ms", c.pair, r.Attempts, r.Controls, r.TookMS)
	}
}
