package audit_test

import (
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

var update = flag.Bool("update", false, "rewrite reference.txt and the pages that are made from tables")

// auditAs runs the audit as the auditor inside a superuser's transaction, so that
// it sees what the transaction broke.
func auditAs(t *testing.T, tx pgx.Tx, o audit.Options) isolation.Report {
	t.Helper()
	ctx := context.Background()
	exec(t, tx, "set local role cloister_auditor")
	r, err := audit.Run(ctx, tx, o)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "reset role")
	return r
}

func exec(t *testing.T, tx pgx.Tx, sql string) {
	t.Helper()
	if _, err := tx.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func text(t *testing.T, r isolation.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b, isolation.Text); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A clean installation is clean, read with the auditor's own login.
func TestCleanInstallation(t *testing.T) {
	t.Parallel()
	r, err := audit.Run(t.Context(), testkit.Conn(t, testkit.New(t).Auditor), audit.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict() != isolation.Clean || len(r.Findings) > 0 || r.Clinics != 2 || r.Checked < 3000 {
		t.Errorf("%d clinics, %d objects:\n%s", r.Clinics, r.Checked, text(t, r))
	}
}
