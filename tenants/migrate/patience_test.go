package migrate_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// hook calls a function when a statement that contains a text has ended.
type hook struct {
	text string
	once sync.Once
	fn   func(conn *pgx.Conn, err error)
}

func (h *hook) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, h, d.SQL)
}

func (h *hook) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryEndData) {
	if sql, _ := ctx.Value(h).(string); strings.Contains(sql, h.text) {
		h.once.Do(func() { h.fn(conn, d.Err) })
	}
}

// TestTheSharedSchemaIsWaitedForButNotForLong: every clinic's requests queue behind
// a migration that waits for a table of the registry.
func TestTheSharedSchemaIsWaitedForButNotForLong(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 0)
	first, second := "create table platform.first (id uuid);\nalter table platform.first enable row level security;", "alter table platform.clinics add column motto text;"
	conf := func(c *migrate.Config) {
		c.Platform = shared(t, first, second)
		c.Times.Lock, c.Times.Backoff, c.Retries = 50*time.Millisecond, time.Millisecond, -1
	}
	holder, err := connect(t, dsn).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), "select from platform.clinics"); err != nil { // a long report
		t.Fatal(err)
	}
	m, _ := on(t, dsn, testkit.Master(t), conf)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // half of Times.Turn, for which it once waited
	defer cancel()
	p, err := m.Bootstrap(ctx)
	if err == nil || !strings.Contains(err.Error(), "version 90002: a table or the clinic was in use for too long") || !slices.Equal(p.Applied, []int64{90001}) {
		t.Errorf("while a table is in use: %+v, %v", p, err)
	}
	freed := &hook{text: "add column motto", fn: func(_ *pgx.Conn, err error) {
		if err == nil {
			t.Error("the table was not in use")
		}
		_ = holder.Rollback(context.WithoutCancel(ctx))
	}}
	m, _ = on(t, dsn, testkit.Master(t), func(c *migrate.Config) { conf(c); c.Retries, c.Tracer = 3, freed })
	if p, err = m.Bootstrap(ctx); err != nil || !slices.Equal(p.Applied, []int64{90002}) || p.Version != 90002 {
		t.Errorf("when it is free: %+v, %v", p, err)
	}
}

// TestARunnerThatStandsStill keeps a clinic's tables only so long; the server ends
// its transaction, and the run takes the clinic up again.
func TestARunnerThatStandsStill(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 1)
	files, target := next(t, addNote+"\ncomment on table departments is 'second statement';")
	watcher := connect(t, dsn)
	still := &hook{text: "add column note", fn: func(conn *pgx.Conn, err error) {
		if err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(30 * time.Second); value[bool](t, watcher, "select exists (select from pg_stat_activity where pid = $1)", conn.PgConn().PID()); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Error("the server lets it stand")
				return
			}
		}
	}}
	m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) { with(files)(c); c.Times.Idle, c.Tracer = 400*time.Millisecond, still })
	if r, err := m.Up(t.Context(), migrate.Options{}); err != nil || r.Migrated != 1 || len(r.Failures) > 0 || !slices.Equal(atTarget(t, dsn, target), []string{all[0].schema}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestARunnerThatIsKilledDuringAStatement: the server ends the statement, long
// before its own end, and lets the clinic's tables go.
func TestARunnerThatIsKilledDuringAStatement(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 1)
	watcher := connect(t, dsn)
	if !value[bool](t, watcher, "select version() ~ 'linux'") {
		t.Log("this server's system does not tell it that a client is gone")
		return
	}
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), runnerDSN+"="+dsn, runnerKey+"="+base64.StdEncoding.EncodeToString(testkit.MasterKey), runnerLast+"="+strconv.Itoa(firstStorm-1), runnerSleeps+"=3600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	become := func(sql string) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !value[bool](t, watcher, sql); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not so: %s", sql)
			}
		}
	}
	const asleep = "(select from pg_stat_activity where datname = current_database() and application_name = 'cloister migrate' and wait_event = 'PgSleep')"
	become("select exists " + asleep)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	become("select not exists " + asleep)
}

// TestADatabaseThatGoesAwayDuringACheck is waited for: no clinic is to blame.
func TestADatabaseThatGoesAwayDuringACheck(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 2)
	named(t, dsn, all)
	files, target := next(t, addNote)
	m, _ := on(t, dsn, testkit.Master(t), with(files))
	before, after := 0, 0
	r, err := m.Up(t.Context(), migrate.Options{Canary: 1,
		Before: func(context.Context) error {
			if before++; before == 1 {
				return fmt.Errorf("the audit: %w", io.ErrUnexpectedEOF)
			}
			return nil
		},
		Check: func(context.Context, []migrate.Schema) error {
			if after++; after == 1 {
				return fmt.Errorf("the audit: %w", io.ErrUnexpectedEOF)
			}
			return nil
		}})
	if err != nil || r.Halted != "" || len(atTarget(t, dsn, target)) != 2 || before != 2 || after != 3 {
		t.Errorf("%+v, %v; %d and %d checks", r, err, before, after)
	}
}

// TestAVersionThatWasPassedOver is a clinic that needs somebody, not one that is current.
func TestAVersionThatWasPassedOver(t *testing.T) {
	t.Parallel()
	dsn, all := clinics(t, 2)
	exec(t, connect(t, dsn), "delete from platform.migrations where clinic_id = $1 and version = 4", all[0].id)
	m, _ := on(t, dsn, testkit.Master(t), nil)
	for _, want := range []migrate.Condition{migrate.Behind, migrate.Failed} {
		s, err := m.Status(t.Context())
		if err != nil || s[0].Condition != want || !s[0].Behind() || s[1].Condition != migrate.Current {
			t.Errorf("%+v, %v; want %s", s, err, want)
		}
		if r, err := m.Up(t.Context(), migrate.Options{}); err != nil || len(r.Failures) != 1 || r.Pending != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestACatalogRowThatAnotherChanges: two migrations that grant on one function of
// the shared schema meet; the later one is tried again.
func TestACatalogRowThatAnotherChanges(t *testing.T) {
	t.Parallel()
	dsn, _ := clinics(t, 1)
	files, _ := next(t, "grant execute on function platform.uuid7() to cloister_backup;")
	owner, watcher := connect(t, dsn), connect(t, dsn)
	tx, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"set local role cloister_owner", "grant execute on function platform.uuid7() to cloister_auditor"} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := on(t, dsn, testkit.Master(t), func(c *migrate.Config) { with(files)(c); c.Times.Lock = 30 * time.Second })
	done := make(chan error, 1)
	go func() {
		r, err := m.Up(t.Context(), migrate.Options{})
		if err == nil && len(r.Failures) > 0 {
			err = fmt.Errorf("%+v", r.Failures)
		}
		done <- err
	}()
	const waits = "select exists (select from pg_stat_activity where datname = current_database() and application_name = 'cloister migrate' and wait_event = 'transactionid')"
	for end := time.Now().Add(30 * time.Second); !value[bool](t, watcher, waits); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the migration waits for nothing")
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
