package audit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
)

// What belongs to the server and not to a database can't be broken in a
// transaction. These tests run the rules' own text with the server's answer
// replaced in it.

// asked runs a view's rules with some of its text replaced.
func asked(t *testing.T, conn *pgx.Conn, view string, replace ...string) []isolation.Finding {
	t.Helper()
	sql := with(view)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(sql, replace[i]) {
			t.Fatalf("the rules no longer ask %s", replace[i])
		}
	}
	sql = strings.NewReplacer(replace...).Replace(sql)
	rows, err := conn.Query(t.Context(), sql+"select rule, coalesce(schema_name, ''), object, reason, coalesce(evidence, ''), coalesce(mend, '') from isolation_"+view)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f isolation.Finding, err error) {
		err = row.Scan(&f.Rule, &f.Schema, &f.Object, &f.Reason, &f.Evidence, &f.Mend)
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func said(all []isolation.Finding) string {
	var lines []string
	for _, f := range all {
		lines = append(lines, f.Rule+" "+f.Object+": "+f.Reason)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestServer(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Auditor)
	for version, fixes := range map[string][]string{
		"150002": {"CVE-2023-2455", "CVE-2023-39418", "CVE-2024-0985", "CVE-2024-10976", "CVE-2025-8713", "CVE-2025-12817"},
		"150013": {"CVE-2025-8713", "CVE-2025-12817"},
		"160004": {"CVE-2024-10976", "CVE-2025-8713", "CVE-2025-12817"},
		"170006": {"CVE-2025-12817"},
		"180000": {"CVE-2025-12817"},
		"140020": {"gets no fixes"},
		"150015": nil, "160011": nil, "170007": nil, "180001": nil,
	} {
		got := asked(t, conn, "findings", "current_setting('server_version_num')", "'"+version+"'")
		if len(got) != len(fixes) {
			t.Errorf("%s: %d findings, want %d\n%s", version, len(got), len(fixes), said(got))
		}
		for _, fix := range fixes {
			if !strings.Contains(said(got), fix) {
				t.Errorf("%s: %s was not found\n%s", version, fix, said(got))
			}
		}
	}
	got := asked(t, conn, "findings", "pg_catalog.pg_replication_slots s", "(values ('tap', 'logical', current_database(), 'pgoutput'), ('standby', 'physical', null, null)) s (slot_name, slot_type, database, plugin)")
	if len(got) != 1 || got[0].Rule != "CLO-A618" || got[0].Object != "replication slot tap" {
		t.Errorf("slots:\n%s", said(got))
	}
	// A tablespace can't be made in a transaction either.
	got = asked(t, conn, "findings", "t.oid = c.reltablespace", "t.spcname = 'pg_global' and c.relname = 'vitals'")
	if len(got) != 2 || got[0].Rule != "CLO-A619" || got[0].Object != "vitals" || !strings.HasPrefix(got[0].Mend, "alter table clinic_") {
		t.Errorf("tablespaces:\n%s", said(got))
	}
}

func TestEntrances(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Auditor)
	lines := `(values (1, 'local', array['all'], array['all'], null, null, 'trust', null),
		(2, 'host', array['all'], array['all'], '127.0.0.1', '255.255.255.255', 'scram-sha-256', null),
		(3, 'host', array['all'], array['all'], '10.0.0.0', '255.0.0.0', 'scram-sha-256', null),
		(4, 'hostssl', array['all'], array['all'], '0.0.0.0', '0.0.0.0', 'scram-sha-256', null),
		(5, 'hostnossl', array['all'], array['all'], '0.0.0.0', '0.0.0.0', 'reject', null),
		(6, 'hostssl', array[current_database()::text], array['cloister_app'], '10.0.0.1', '255.255.255.255', 'password', null),
		(7, 'host', array['replication'], array['all'], '10.0.0.1', '255.255.255.255', 'trust', null))
		r (line_number, type, database, user_name, address, netmask, auth_method, error)`
	got := asked(t, conn, "entrances", "pg_catalog.pg_hba_file_rules r", lines, "current_setting('listen_addresses')", "'localhost, 10.0.0.5'")
	want := "CLO-A904 pg_hba.conf line 3: it lets clients of other machines in unencrypted\n" +
		"CLO-A905 pg_hba.conf line 1: it lets clients in without a password\nCLO-A905 pg_hba.conf line 6: it takes passwords in clear text"
	if said(got) != want {
		t.Errorf("listening to others:\n%s", said(got))
	}
	// Where nobody but this machine is listened to, no line lets another in.
	got = asked(t, conn, "entrances", "pg_catalog.pg_hba_file_rules r", lines, "current_setting('listen_addresses')", "'localhost'")
	if strings.Contains(said(got), "CLO-A904") {
		t.Errorf("listening to nobody:\n%s", said(got))
	}
}

// A schema that waits for its migration is told and not a fault; one that this
// program doesn't know is not clean, since nobody knows.
func TestVersions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	admin := testkit.Conn(t, testkit.New(t).Admin)
	tx, err := admin.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	check := func(sql string) isolation.Report {
		t.Helper()
		if _, err := tx.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
		r, err := Run(ctx, tx, Options{Clinics: []string{"beta"}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := check("update platform.schemas set version = 5 where schema_name = 'clinic_beta'")
	if r.Verdict() != isolation.Found || !slices.ContainsFunc(r.Findings, func(f isolation.Finding) bool { return f.Rule == "CLO-A808" }) ||
		!slices.ContainsFunc(r.Findings, func(f isolation.Finding) bool { return f.Rule == "CLO-A805" && f.Object == "reminders" }) {
		t.Errorf("said to be at an older version than it is: %s", said(r.Findings))
	}
	r = check("update platform.schemas set version = 999 where schema_name = 'clinic_beta'")
	if r.Verdict() != isolation.Unknown || len(r.Gaps) != 1 || r.Gaps[0].Rule != "CLO-A803" {
		t.Errorf("at an unknown version: %s, %v, %s", r.Verdict(), r.Gaps, said(r.Findings))
	}
	// What is worth knowing only leaves the verdict alone.
	older := isolation.Report{Rules: Rules()}
	older.Add(isolation.Finding{Rule: "CLO-A808"})
	if older.Verdict() != isolation.Clean {
		t.Errorf("behind: %s", older.Verdict())
	}
}
