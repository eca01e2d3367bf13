package prove_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/prove"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
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
	c.Sample = 1
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

// However a run ends, nothing of it stays; and what a killed one left is removed
// by the next.
func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := config(t, w)
	c.Sample, c.Only = 1, []string{"CLO-P005"}
	m, err := migrate.New(migrate.Config{Migrator: w.Migrator, Keys: c.Keys})
	if err != nil {
		t.Fatal(err)
	}
	s, err := provision.Open(t.Context(), provision.Config{DSN: w.Migrator, Keys: c.Keys, Migrator: m})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.CreateThrowaway(t.Context(), provision.ThrowawaySlug("0123456789", 'a'), "killed", provision.By{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), testkit.Alpha.Slug, provision.By{}); err == nil {
		t.Fatal("a clinic at work was discarded")
	}
	admin := testkit.Conn(t, w.Admin)
	for _, at := range []string{"CLO-P005", "controls with [clinic]"} {
		ctx, stop := context.WithCancel(t.Context())
		told := ""
		c.Told = func(what string) {
			told += what + "\n"
			if strings.HasPrefix(what, at) {
				stop()
			}
		}
		if _, err := prove.Run(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %s: %v", at, err)
		}
		stop()
		var clinics, copies int
		err := admin.QueryRow(t.Context(), `select (select count(*) from platform.clinics where slug like 'proof-%') + (select count(*) from pg_namespace where nspname like 'clinic_proof%'),
			(select count(*) from pg_database where datname like 'cloister_proof%' and datname like '%\_' || left(encode(sha256(current_database()::text::bytea), 'hex'), 12))`).Scan(&clinics, &copies)
		if err != nil || clinics != 0 || copies != 0 {
			t.Errorf("stopped at %s: %d clinics and %d copies stay, %v\n%s", at, clinics, copies, err, told)
		}
		if at == "CLO-P005" && !strings.Contains(told, "an earlier run left: proof-0123456789-a") {
			t.Errorf("what a killed run left was not found:\n%s", told)
		}
	}
}
