package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/migrate"
)

func newMigrate(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Bring the server, the shared schema and every clinic to this program's version"}
	cmd.AddCommand(newMigrateUp(env), newMigrateStatus(env), newMigrateDownTo(env))
	return cmd
}

func newMigrateUp(env []string) *cobra.Command {
	var workers int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make the roles, migrate the shared schema, then every clinic; safe to run again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if workers < 1 || workers > 64 {
				return usageError{errors.New("--workers: must be between 1 and 64")}
			}
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			if _, err := c.adminURL(); err != nil {
				return err
			}
			m, _, err := newMigrator(c)
			if err != nil {
				return err
			}
			return migrateUp(cmd.Context(), m, workers, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().IntVar(&workers, "workers", 4, "clinics to migrate at a time")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// migrateUp brings everything to this program's version and tells about it.
func migrateUp(ctx context.Context, m *migrate.Migrator, workers int, asJSON bool, stdout, stderr io.Writer) error {
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
	r, err := m.Up(ctx, migrate.Options{Workers: workers, Progress: func(p migrate.Progress) { bar.of(p.Total); bar.set(p.Done) }})
	bar.end()
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(stdout, struct {
			Platform int64   `json:"platform_version"`
			Applied  []int64 `json:"platform_applied"`
			migrate.Result
		}{prepared.Version, prepared.Applied, r})
	} else {
		err = tellMigrated(stdout, prepared, r)
	}
	return errors.Join(err, migrationError(r))
}

func tellMigrated(w io.Writer, p migrate.Prepared, r migrate.Result) error {
	_, err := fmt.Fprintf(w, "Shared schema: version %d, %d applied now\nClinics and spares: %d of %d were behind version %d, %d migrated in %.1f s\n",
		p.Version, len(p.Applied), r.Pending, r.Total, r.Target, r.Migrated, r.Took.Seconds())
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
	case len(r.Failures) > 0:
		return fmt.Errorf("%d clinics could not be migrated; they stay as they were", len(r.Failures))
	}
	return nil
}

func newMigrateStatus(env []string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say where every clinic's schema stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			m, _, err := newMigrator(c)
			if err != nil {
				return err
			}
			all, err := m.Status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return tellStatus(cmd.OutOrStdout(), m.Target(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func tellStatus(w io.Writer, target int64, all []migrate.State) error {
	rows := [][]string{{"SCHEMA", "CLINIC", "STATE", "VERSION", "LAST RUN", "ERROR"}}
	behind := 0
	for _, s := range all {
		if s.Behind() {
			behind++
		}
		rows = append(rows, []string{s.Name, s.Slug, s.Kind, strconv.FormatInt(s.Version, 10), s.Outcome, s.Error})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d schemas, %d behind version %d\n", len(all), behind, target)
	return err
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
