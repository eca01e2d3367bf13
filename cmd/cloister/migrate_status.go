package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/migrate"
)

func newMigrateStatus(env []string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say where every clinic's schema stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := migratorOf(env)
			if err != nil {
				return err
			}
			all, err := m.Status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Summary migrate.Summary `json:"summary"`
					Schemas []migrate.State `json:"schemas"`
				}{m.Summarise(all), all})
			}
			return tellStatus(cmd.OutOrStdout(), m.Summarise(all), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// conditions are in the order of the list: what somebody must see to comes first.
var conditions = []migrate.Condition{migrate.Failed, migrate.Behind, migrate.Running, migrate.Ahead, migrate.Current}

func tellStatus(w io.Writer, s migrate.Summary, all []migrate.State) error {
	behind := s.Behind + s.Failed + s.Running
	line := fmt.Sprintf("%d schemas, %d behind version %d", s.Total, behind, s.Target)
	for _, part := range []struct {
		n    int
		what string
	}{{s.Failed, "failed"}, {s.Running, "running"}, {s.Ahead, "ahead"}} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b migrate.State) int {
		return slices.Index(conditions, a.Condition) - slices.Index(conditions, b.Condition)
	})
	rows := [][]string{{"SCHEMA", "CLINIC", "KIND", "VERSION", "STATE", "TOOK", "ERROR"}}
	for _, s := range all {
		took := ""
		if s.Duration > 0 {
			took = fmt.Sprintf("%.0f ms", s.Duration)
		}
		rows = append(rows, []string{s.Name, s.Slug, s.Kind, strconv.FormatInt(s.Version, 10), string(s.Condition), took, s.Error})
	}
	return printTable(w, rows)
}

func newMigrateVerify(env []string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare what the ledger says with what every clinic's schema has",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := migratorOf(env)
			if err != nil {
				return err
			}
			found, err := m.Verify(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), found)
			} else {
				err = tellDrift(cmd.OutOrStdout(), found)
			}
			if err == nil && len(found) > 0 {
				err = fmt.Errorf("the ledger and the schemas differ: %d findings", len(found))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func tellDrift(w io.Writer, found []migrate.Drift) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "The ledger and the schemas agree.")
		return err
	}
	rows := [][]string{{"SCHEMA", "WHAT DIFFERS"}}
	for _, d := range found {
		rows = append(rows, []string{d.Schema, d.What})
	}
	return printTable(w, rows)
}

// migratorOf is the migrator of an environment.
func migratorOf(env []string) (*migrate.Migrator, error) {
	c, err := loadConfig(env)
	if err != nil {
		return nil, err
	}
	m, _, err := newMigrator(c)
	return m, err
}
