package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

func newIsolationAudit(env []string) *cobra.Command {
	var f reportFlags
	o := audit.Options{Version: version}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read the catalogs as cloister_auditor and say what of the walls is not as designed",
		Long: "Reads the catalogs as cloister_auditor, who can read no clinical row, in one pass over all clinics: static rules, " +
			"and every schema's fingerprint against what its migration version should have. Ends with 0 when the walls stand, 1 when something was found, " +
			"2 when it could not be checked. The rules are explained in " + "docs/isolation/rules.md.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, baseline, earlier, err := f.inputs()
			if err != nil {
				return err
			}
			r, err := auditNow(cmd.Context(), env, o)
			if errors.Is(err, audit.ErrNoSchema) {
				return usageError{err}
			}
			if err != nil {
				return uncheckedError{err}
			}
			return f.tell(cmd.OutOrStdout(), r, format, baseline, earlier)
		},
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&o.Schemas, "schema", nil, "only these schemas, by name")
	cmd.Flags().StringSliceVar(&o.Clinics, "clinic", nil, "only these clinics, by slug")
	return cmd
}

func auditNow(ctx context.Context, env []string, o audit.Options) (isolation.Report, error) {
	c, err := loadConfig(env)
	if err != nil {
		return isolation.Report{}, err
	}
	dsn, err := c.auditorURL()
	if err != nil {
		return isolation.Report{}, err
	}
	return runAudit(ctx, dsn, o)
}

// runAudit reads everything in one snapshot, and can write nothing.
func runAudit(ctx context.Context, dsn string, o audit.Options) (isolation.Report, error) {
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return isolation.Report{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var r isolation.Report
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		r, err = audit.Run(ctx, tx, o)
		return err
	})
	return r, err
}
