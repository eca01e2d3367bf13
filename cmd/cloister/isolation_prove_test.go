package main

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/provision"
)

// The command from the outside, on clinics at work and on throw-away ones: its
// exit codes, what a broken wall prints, and that nothing stays behind.
func TestIsolationProve(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	env := []string{"CLOISTER_MASTER_KEY=" + base64.StdEncoding.EncodeToString(testkit.MasterKey), "CLOISTER_APP_URL=" + w.App, "CLOISTER_MIGRATOR_URL=" + w.Migrator}
	prove := func(ctx context.Context, want int, args ...string) string {
		t.Helper()
		var out, said strings.Builder
		if code := run(ctx, append([]string{"isolation", "prove"}, args...), env, &out, &said); code != want {
			t.Fatalf("%v: code %d, want %d\n%s%s", args, code, want, out.String(), said.String())
		}
		return out.String() + said.String()
	}
	prove(t.Context(), exitUsage, "--clinic", "alpha")
	prove(t.Context(), exitUsage, "--clinic", "alpha,nowhere", "--no-controls")
	prove(t.Context(), exitUsage, "--only", "CLO-P999", "--no-controls")
	two := []string{"--clinic", "alpha,beta", "--no-controls", "--only", "CLO-P001"}
	if got := prove(t.Context(), exitOK, two...); !strings.HasPrefix(got, "ISOLATED: no leak in ") || !strings.Contains(got, "Nothing was written") {
		t.Errorf("two clinics at work: %s", got)
	}
	if got := prove(t.Context(), exitUsage, "--sample", "1", "--only", "CLO-P008"); !strings.Contains(got, "need a superuser") {
		t.Errorf("without an administrator nothing is known of the controls: %s", got)
	}
	w.Exec(t, "create policy open on clinic_beta.patients for select to cloister_doctor using (true)")
	got := prove(t.Context(), exitFailed, two...)
	if !strings.Contains(got, "CLO-P001") || !strings.Contains(got, `select 'seen' from "patients" t`) || strings.Contains(got, "Asha") {
		t.Errorf("a wall is down: %s", got)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	prove(stopped, exitUsage, "--no-controls")
	var left int
	if err := testkit.Conn(t, w.Admin).QueryRow(t.Context(), "select count(*) from platform.schemas where schema_name like 'clinic_proof%'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d throw-away clinics stay, %v", left, err)
	}
}

// A seal on a clinic that a proof attacks would be told as an attack's work; a
// clinic that only has such a name is sealed like all.
func TestNoSealInAProof(t *testing.T) {
	t.Parallel()
	thrown := provision.ThrowawaySlug("0123456789", 'a')
	for _, c := range []struct {
		k    provision.Summary
		want bool
	}{
		{provision.Summary{Slug: "alpha", Status: "active", Schema: "clinic_alpha"}, true},
		{provision.Summary{Slug: "alpha", Status: "pending", Schema: "clinic_alpha"}, true},
		{provision.Summary{Slug: thrown, Status: "pending", Schema: "clinic_proof"}, false},
		{provision.Summary{Slug: thrown, Status: "active", Schema: "clinic_proof"}, true},
		{provision.Summary{Slug: "alpha", Status: "deleted", Schema: "clinic_alpha", Erased: true}, false},
		{provision.Summary{Slug: "alpha", Status: "pending"}, false},
	} {
		if got := hasChain(c.k); got != c.want {
			t.Errorf("%s %s: %v", c.k.Slug, c.k.Status, got)
		}
	}
}
