package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/pg"
)

// newPostgres is for make, which fetches a server by npm where there is none.
func newPostgres(env []string) *cobra.Command {
	return &cobra.Command{
		Use:    "postgres",
		Short:  "Say which server programs a private Postgres would run",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			b, err := findPostgres(cmd.Context(), c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Postgres %d in %s (%s)\n", b.Version, b.Dir, b.Source)
			return err
		},
	}
}

// findPostgres looks for server programs: the system's, or what `make` put
// into the checkout by npm.
func findPostgres(ctx context.Context, c config) (pg.Binaries, error) {
	b, err := pg.Find(ctx, pg.Lookup{Dir: c.PGBin, NodeModules: []string{
		filepath.Join(c.State, "node_modules"),
		filepath.Join("tools", "postgres", "node_modules"),
	}})
	if err != nil && c.PGBin != "" {
		err = &configError{[]string{err.Error()}}
	}
	return b, err
}
