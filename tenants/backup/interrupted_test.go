package backup_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
)

// victim is the variable under which this test's program is a restore that kills
// itself at a turn.
const victim = "CLOISTER_TEST_RESTORE"

func TestMain(m *testing.M) {
	if turn := os.Getenv(victim); turn != "" {
		fmt.Fprintln(os.Stderr, dieAt(context.Background(), turn, os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// dieAt restores and kills its own process at the turn.
func dieAt(ctx context.Context, turn string, args []string) error {
	k, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		return err
	}
	store, err := files.Open(ctx, "", args[3])
	if err != nil {
		return err
	}
	s, err := backup.New(backup.Config{Backup: args[0], Migrator: args[1], Keys: k, Files: store})
	if err != nil {
		return err
	}
	s.OnTurn(func(at string) error {
		if at == turn {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
	o := backup.RestoreOptions{Pace: 100, Replace: true, Confirm: "alpha"}
	if args[4] != "" {
		o = backup.RestoreOptions{Pace: 100, As: args[4]}
	}
	_, err = s.Restore(ctx, open(args[2]), o)
	return errors.Join(err, errors.New("it came to its end"))
}

// Whether the program is killed or its connection, and wherever: nothing of a
// copy is there or routable, a clinic that was to be replaced is whole and open
// again after the next round of the worker, no file stays that belongs to nobody,
// and the next restore succeeds.
func TestAKilledRestoreLeavesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, _ := k.export(t, "alpha", backup.ExportOptions{})
	k.change(t, "", "update clinic_alpha.patients set first_name = 'Later'")
	k.change(t, "", "update platform.clinics set status = 'past_due', status_reason = 'the bill', version = 1 where id = $1", testkit.Alpha.ID)
	before := k.state(t)
	for _, c := range []struct {
		kill       func(*testing.T, string, string, string)
		slug, turn string
	}{
		{k.killProgram, "copied", backup.FilesPut}, {k.killProgram, "copied", backup.BeforeCommit}, {k.killConnection, "copied", backup.FilesPut},
		{k.killProgram, "", backup.ClinicClosed}, {k.killProgram, "", backup.BeforeCommit}, {k.killConnection, "", backup.RowsLoaded},
	} {
		t.Run(fmt.Sprintf("%q at %s", c.slug, c.turn), func(t *testing.T) {
			c.kill(t, file, c.slug, c.turn)
			if c.slug != "" && k.routes(t, c.slug) {
				t.Error("half a clinic is routable")
			}
			if _, err := k.Mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if after := k.state(t); after != before {
				t.Errorf("it left\n%s\nof\n%s", after, before)
			}
			if !k.routes(t, "alpha") {
				t.Error("the clinic is closed")
			}
		})
	}
	// One that is at work is nobody's to clear away, and nobody replaces beside it.
	k.OnTurn(func(at string) error {
		if at != backup.ClinicClosed {
			return nil
		}
		if done, err := k.Mend(t.Context()); err != nil || len(done) != 0 {
			t.Errorf("a restore at work was cleared away: %v, %v", done, err)
		}
		other, err := backup.New(k.conf)
		if err != nil {
			return err
		}
		if _, err := other.Restore(t.Context(), open(file), backup.RestoreOptions{Pace: 100, Replace: true, Confirm: "alpha"}); apperr.CodeOf(err) != apperr.Conflict {
			t.Errorf("two replaced one clinic: %v", err)
		}
		return nil
	})
	if _, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{Replace: true, Confirm: "alpha"}); err != nil {
		t.Fatal(err)
	}
	k.OnTurn(nil)
	if out, err := k.Restore(t.Context(), open(file), backup.RestoreOptions{As: "copied"}); err != nil || !k.routes(t, "copied") || out.Files != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	if n := value[int](t, k.admin, "select count(*)::int from platform.provisionings where finished_at is null"); n != 0 {
		t.Errorf("%d entries of the ledger are open", n)
	}
}

// state is everything there is, but for how often the registry's row changed.
func (k kit) state(t *testing.T) string {
	t.Helper()
	k.change(t, "", "update platform.clinics set version = 1, updated_at = created_at")
	stored, err := k.store.Clinics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(k.print(t), stored)
}

// killProgram has a program restore and be killed by SIGKILL.
func (k kit) killProgram(t *testing.T, file, slug, turn string) {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), me, k.conf.Backup, k.conf.Migrator, file, k.folder, slug)
	c.Env = append(os.Environ(), victim+"="+turn)
	said, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v\n%s", err, said)
	}
	// The server ends the killed program's transaction when it sees that nobody is
	// there; its lock is free then.
	clinic := value[uuid.UUID](t, k.admin, "select clinic_id from platform.provisionings where finished_at is null")
	if _, err := k.admin.Exec(t.Context(), "select pg_advisory_lock($1), pg_advisory_unlock($1)", backup.RestoreKey(clinic)); err != nil {
		t.Fatal(err)
	}
}

// killConnection has the server end the connection of a restore.
func (k kit) killConnection(t *testing.T, file, slug, turn string) {
	t.Helper()
	s, err := backup.New(k.conf)
	if err != nil {
		t.Fatal(err)
	}
	s.OnTurn(func(at string) error {
		if at == turn {
			_ = value[int](t, k.admin, "select count(pg_terminate_backend(pid, 5000))::int from pg_stat_activity where datname = current_database() and usename = 'cloister_migrator'")
		}
		return nil
	})
	o := backup.RestoreOptions{Pace: 100, Replace: true, Confirm: "alpha"}
	if slug != "" {
		o = backup.RestoreOptions{Pace: 100, As: slug}
	}
	if _, err := s.Restore(t.Context(), open(file), o); err == nil {
		t.Error("it came to its end")
	}
}
