package main

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// worse is the program's migrations, the last of them with more in it.
func worse(t *testing.T, more string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	names, err := fs.Glob(db.Tenant(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		text, err := fs.ReadFile(db.Tenant(), name)
		if err != nil {
			t.Fatal(err)
		}
		if i == len(names)-1 {
			text = []byte(strings.Replace(string(text), "-- +goose Down", more+"\n-- +goose Down", 1))
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	return all
}

// TestWavesAskTheAudit: what a migration's own check of the walls does not see
// ends the run after the canary, by name and with what mends it.
func TestWavesAskTheAudit(t *testing.T) {
	t.Parallel()
	env, w := installed(t)
	migrator := func(more string) *migrate.Migrator {
		m, err := migrate.New(migrate.Config{Admin: w.Admin, Migrator: w.Migrator, App: w.App, Keys: testkit.Master(t), Tenant: worse(t, more)})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := migrator("")
	before := m.Target() - 1
	if err := m.DownTo(t.Context(), before, true); err != nil {
		t.Fatal(err)
	}
	versions := func() string {
		t.Helper()
		var s string
		if err := testkit.Conn(t, w.Admin).QueryRow(t.Context(), "select string_agg(schema_name || ' ' || version, ', ' order by schema_name) from platform.schemas").Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	was := fmt.Sprintf("clinic_alpha %d, clinic_beta %[1]d", before)
	// A hand's work from before the run is the installation's, and stops nothing.
	w.Exec(t, "create index by_hand on clinic_alpha.visits (day, state)")
	a := &waveAudit{dsn: w.Auditor}
	up := func(more string) migrate.Result {
		t.Helper()
		r, err := migrator(more).Up(t.Context(), migrate.Options{Canary: 1, Before: a.begin, Check: a.check})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}

	r := up("alter table visits no force row level security;")
	if r.Migrated != 0 || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, "walls of clinic_alpha") || versions() != was {
		t.Errorf("row-level security un-forced: %+v, %s", r, versions())
	}
	r = up(`drop policy "select" on visits;`)
	for _, want := range []string{"after a wave", "high CLO-A804 clinic_alpha.visits policy select: it is missing", "mend: set search_path", "create policy", "CLO-A104"} {
		if !strings.Contains(r.Halted, want) {
			t.Errorf("a dropped policy: %q does not say %q", r.Halted, want)
		}
	}
	if want := fmt.Sprintf("clinic_alpha %d, clinic_beta %d", before+1, before); r.Migrated != 1 || versions() != want || strings.Contains(r.Halted, "by_hand") {
		t.Errorf("%d migrated: %s, not %s; %s", r.Migrated, versions(), want, r.Halted)
	}
	// The program's own migration comes through the same audit.
	code, stdout, stderr := program(t, env, "migrate", "up", "--canary", "1")
	if code != exitOK || !strings.Contains(stdout, "Wave 1: 1 of 1 migrated") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	// A run that can't ask begins nothing.
	blind := &waveAudit{dsn: w.App}
	w.Exec(t, fmt.Sprintf("delete from platform.migrations where version = %d", before+1))
	if _, err := m.Up(t.Context(), migrate.Options{Canary: 1, Before: blind.begin, Check: blind.check}); err == nil || !strings.Contains(err.Error(), "--no-audit") {
		t.Errorf("without the auditor: %v", err)
	}
}
