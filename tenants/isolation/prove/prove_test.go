package prove_test

import (
	"encoding/base64"
	"os"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/prove"
)

func config(t *testing.T, w *testkit.DB) prove.Config {
	t.Helper()
	k, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	return prove.Config{App: w.App, Migrator: w.Migrator, Admin: w.Admin, Keys: k, Told: func(s string) { t.Log(s) }}
}

// The walls of the test database hold, and every attack would have told if they
// did not.
func TestTheWallsHold(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := config(t, w)
	c.Sample = 2
	r, err := prove.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict() != isolation.Clean {
		if err := r.Write(os.Stderr, isolation.Text); err != nil {
			t.Fatal(err)
		}
		t.Errorf("the verdict is %s", r.Verdict())
	}
	t.Logf("%d attempts, %d controls, %d ms", r.Attempts, r.Controls, r.TookMS)
}
