package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

// TestMutations breaks the database in every way of the table, in transactions
// that are rolled back, and expects each to be found by its rule at its object.
// Where the findings give SQL, running it must leave nothing to find.
func TestMutations(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Admin)
	var major int
	if err := conn.QueryRow(t.Context(), "select current_setting('server_version_num')::integer / 10000").Scan(&major); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		t.Run(b.name, func(t *testing.T) {
			tx, err := conn.Begin(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.Background()) }()
			for _, m := range b.all {
				exec(t, tx, m.sql)
			}
			r := auditAs(t, tx, audit.Options{})
			for _, m := range b.all {
				if from := harmlessFrom[m.name]; from > 0 && major >= from {
					if found(r, m) {
						t.Errorf("%s breaks nothing in Postgres %d and is found", m.name, major)
					}
				} else if !found(r, m) {
					t.Errorf("%s was not found by CLO-%s at %s.%s", m.name, m.rule, m.schema, m.object)
				}
			}
			if t.Failed() || !b.mends {
				if t.Failed() {
					t.Log(text(t, r))
				}
				return
			}
			mend(t, tx, r)
		})
	}
	// What was rolled back left nothing behind.
	r, err := audit.Run(t.Context(), conn, audit.Options{})
	if err != nil || len(r.Findings) > 0 {
		t.Errorf("after all: %v\n%s", err, text(t, r))
	}
}

// harmlessFrom are the major versions of Postgres from which on a way breaks
// nothing. A login with CREATEROLE takes no role there that it was not given.
var harmlessFrom = map[string]int{"a login that may make roles": 16}

func found(r isolation.Report, m mutation) bool {
	for _, f := range r.Findings {
		if f.Rule == "CLO-"+m.rule && f.Schema == m.schema && (m.object == "" || f.Object == m.object) {
			return true
		}
	}
	return false
}

// mend runs the SQL of the findings, as a person would: run, look again. What a
// finding hides (a policy that is missing once the wrong one is dropped) comes
// with the next look; three are enough.
func mend(t *testing.T, tx pgx.Tx, r isolation.Report) {
	t.Helper()
	for range 3 {
		for _, f := range r.Findings {
			if f.Mend == "" {
				continue
			}
			// A mend may find its work done by another's.
			err := pgx.BeginFunc(context.Background(), tx, func(sub pgx.Tx) error {
				_, err := sub.Exec(context.Background(), f.Mend)
				return err
			})
			if err != nil {
				t.Logf("%s %s: %s: %v", f.Rule, f.Name(), f.Mend, err)
			}
		}
		if r = auditAs(t, tx, audit.Options{}); len(r.Findings) == 0 {
			return
		}
	}
	t.Errorf("mended, and still:\n%s", text(t, r))
}

// TestEveryRuleIsMutated holds the rules to the table: one that nothing breaks
// proves nothing. Those named here need another server, and have a test of their own.
func TestEveryRuleIsMutated(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"CLO-A618": "a slot can't be made in a transaction, nor on a server that writes little",
		"CLO-A803": "TestVersions", "CLO-A808": "TestVersions", "CLO-A901": "TestServer", "CLO-A619": "TestServer", "CLO-A904": "TestEntrances", "CLO-A905": "TestEntrances",
	}
	broken := map[string]bool{}
	names := map[string]bool{}
	n := 0
	for _, b := range batches {
		for _, m := range b.all {
			n++
			broken["CLO-"+m.rule] = true
			if names[m.name] {
				t.Errorf("%q is there twice", m.name)
			}
			names[m.name] = true
		}
	}
	for _, r := range audit.Rules() {
		if !broken[r.ID] && elsewhere[r.ID] == "" {
			t.Errorf("%s (%s) is broken by no mutation", r.ID, r.Title)
		}
		delete(broken, r.ID)
	}
	for id := range broken {
		t.Errorf("%s is no rule", id)
	}
	if n < 40 {
		t.Errorf("%d mutations", n)
	}
}

// mutationTable is the part of docs/isolation/mutations.md that audit answers for.
func mutationTable() string {
	var b strings.Builder
	for _, batch := range batches {
		fmt.Fprintf(&b, "### %s\n\n", batch.name)
		if batch.mends {
			b.WriteString("The findings' SQL, run, leaves the audit clean.\n\n")
		} else {
			b.WriteString("Found, and left to a person.\n\n")
		}
		b.WriteString("| what was done | found by |\n|---|---|\n")
		for _, m := range batch.all {
			fmt.Fprintf(&b, "| %s | [CLO-%s](rules.md#clo-%s) |\n", m.name, m.rule, strings.ToLower(m.rule))
		}
		b.WriteString("\n")
	}
	return b.String()
}
