package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/migrate"
)

func newMigrate(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Bring the server, the shared schema and every clinic to this program's version"}
	cmd.AddCommand(newMigratePlan(env), newMigrateUp(env), newMigrateStatus(env), newMigrateVerify(env), newMigrateDownTo(env))
	return cmd
}

func newMigrateUp(env []string) *cobra.Command {
	var o migrate.Options
	var asJSON, noAudit bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make the roles, migrate the shared schema, then every clinic; safe to run again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkUp(&o); err != nil {
				return err
			}
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			if _, err := c.adminURL(); err != nil {
				return err
			}
			m, _, err := newMigrator(c, func(mc *migrate.Config) { mc.Times.Lock, mc.Retries = o.LockTimeout, o.Retries })
			if err != nil {
				return err
			}
			if o.Waves() && !noAudit {
				dsn, err := c.auditorURL()
				if err != nil {
					return err
				}
				a := &waveAudit{dsn: dsn}
				o.Before, o.Check = a.begin, a.check
			}
			return migrateUp(cmd.Context(), m, o, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Workers, "workers", 4, "clinics to migrate at a time")
	f.IntVar(&o.Canary, "canary", 0, "go in waves: first the spares and so many clinics, those with the fewest patients")
	f.StringSliceVar(&o.CanaryClinics, "canary-clinics", nil, "go in waves: first the spares and these clinics, by slug")
	f.IntVar(&o.MaxFailures, "max-failures", 0, "begin no clinic after so many failed (default: never stop; in waves 1)")
	f.DurationVar(&o.LockTimeout, "lock-timeout", 3*time.Second, "how long to wait for a table that is in use; requests wait behind it")
	f.IntVar(&o.Retries, "retries", 5, "further tries of a clinic, or of the shared schema, whose tables were in use, each after a longer pause")
	f.BoolVar(&noAudit, "no-audit", false, "in waves: leave out the isolation audit before the first and after each, where cloister_auditor can't sign in")
	f.BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// checkUp refuses what no run can mean.
func checkUp(o *migrate.Options) error {
	switch {
	case o.Workers < 1 || o.Workers > 64:
		return usageError{errors.New("--workers: must be between 1 and 64")}
	case o.Canary < 0:
		return usageError{errors.New("--canary: must not be below 0")}
	case o.Canary > 0 && len(o.CanaryClinics) > 0:
		return usageError{errors.New("--canary and --canary-clinics: give one of the two")}
	case o.MaxFailures < 0:
		return usageError{errors.New("--max-failures: must not be below 0")}
	case o.LockTimeout < time.Millisecond || o.LockTimeout > time.Hour:
		return usageError{errors.New("--lock-timeout: must be between 1ms and 1h")}
	case o.Retries < 0 || o.Retries > 100:
		return usageError{errors.New("--retries: must be between 0 and 100")}
	}
	if o.Retries == 0 {
		o.Retries = -1 // 0 is the default there
	}
	return nil
}

// migrateUp brings everything to this program's version and tells about it.
func migrateUp(ctx context.Context, m *migrate.Migrator, o migrate.Options, asJSON bool, stdout, stderr io.Writer) error {
	prepared, err := m.Bootstrap(ctx)
	var byHand *migrate.ByHandError
	if errors.As(err, &byHand) {
		if _, err := fmt.Fprint(stdout, byHand.SQL); err != nil {
			return err
		}
	}
	if err != nil {
		return wrongKey(err)
	}
	for _, n := range prepared.Notices {
		if _, err := fmt.Fprintln(stderr, "notice: "+n); err != nil {
			return err
		}
	}
	bar := newBar(stderr, 0, "clinics")
	o.Progress = func(p migrate.Progress) { bar.of(p.Total); bar.set(p.Done) }
	r, err := m.Up(ctx, o)
	bar.end()
	if errors.Is(err, migrate.ErrUnknownClinic) {
		return usageError{fmt.Errorf("--canary-clinics: %w", err)}
	}
	away := err // what was done before the database went away is told all the same
	if asJSON {
		err = printJSON(stdout, struct {
			Platform int64   `json:"platform_version"`
			Applied  []int64 `json:"platform_applied"`
			migrate.Result
		}{prepared.Version, prepared.Applied, r})
	} else {
		err = tellMigrated(stdout, prepared, r)
	}
	if away != nil {
		return errors.Join(away, err)
	}
	return errors.Join(err, migrationError(r))
}

func tellMigrated(w io.Writer, p migrate.Prepared, r migrate.Result) error {
	_, err := fmt.Fprintf(w, "Shared schema: version %d, %d applied now\nClinics and spares: %d of %d were behind version %d, %d migrated in %.1f s\n",
		p.Version, len(p.Applied), r.Pending, r.Total, r.Target, r.Migrated, r.Took.Seconds())
	for i, v := range r.Waves {
		if err == nil {
			_, err = fmt.Fprintf(w, "Wave %d: %d of %d migrated in %.1f s, %d failed; checked in %.1f s\n", i+1, v.Migrated, v.Schemas, v.Took.Seconds(), v.Failed, v.Checked.Seconds())
		}
	}
	if err != nil || len(r.Failures) == 0 {
		return err
	}
	rows := [][]string{{"FAILED", "SCHEMA", "VERSION", "REASON"}}
	for _, f := range r.Failures {
		rows = append(rows, []string{name(f.Slug), f.Name, strconv.FormatInt(f.Version, 10), f.Reason})
	}
	return printTable(w, rows)
}

func name(slug string) string {
	if slug == "" {
		return "(spare)"
	}
	return slug
}

// migrationError is the run's end as an exit code tells it.
func migrationError(r migrate.Result) error {
	switch {
	case r.Stopped:
		return fmt.Errorf("stopped: %d of %d clinics are migrated; run it again for the rest", r.Migrated, r.Pending)
	case r.Halted != "":
		return fmt.Errorf("ended early: %d of %d clinics are migrated and %d failed; see to the reason and run it again for the rest: %s", r.Migrated, r.Pending, len(r.Failures), r.Halted)
	case len(r.Failures) > 0:
		return fmt.Errorf("%d clinics could not be migrated; they stay as they were", len(r.Failures))
	}
	return nil
}

func newMigrateDownTo(env []string) *cobra.Command {
	return &cobra.Command{
		Use:   "down-to VERSION",
		Short: "Undo every clinic's migrations above a version; on development databases only",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			version, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("VERSION: %q is no number", args[0])}
			}
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			m, _, err := newMigrator(c)
			if err != nil {
				return err
			}
			if err := m.DownTo(cmd.Context(), version, c.Development); errors.Is(err, migrate.ErrProduction) {
				return usageError{fmt.Errorf("%w (CLOISTER_DEVELOPMENT=true marks a development database)", err)}
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "every clinic is at version %d or below\n", version)
			return err
		},
	}
}

// bar is a progress bar on a terminal, and nothing elsewhere.
type bar struct{ b *progressbar.ProgressBar }

func newBar(w io.Writer, total int, what string) *bar {
	if !terminal(w) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())}
}

func (b *bar) of(total int) {
	if b.b != nil {
		b.b.ChangeMax(total)
	}
}

func (b *bar) set(done int) {
	if b.b != nil {
		_ = b.b.Set(done) // a terminal that is gone stops no migration
	}
}

func (b *bar) end() {
	if b.b != nil {
		_ = b.b.Finish()
	}
}
