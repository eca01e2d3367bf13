package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/prove"
)

func newIsolationProve(env []string) *cobra.Command {
	var f reportFlags
	p := prove.Config{Version: version}
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Attack the walls with the service's own login, and prove that each attack could have told",
		Long: "Makes two throw-away clinics with canary rows in every table, attacks each from the other with the service's own login, and removes them. " +
			"Each attack is made once more in a copy whose walls are taken down, where it must leak; the copy needs a superuser's DATABASE_URL. " +
			"With --clinic twice, two clinics at work are attacked and nothing is written. Ends with 0 when the proof holds, 1 when something got through or a control " +
			"told nothing, 2 when the proof could not be made. The probes are explained in docs/isolation/prove.md.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, baseline, earlier, err := f.inputs()
			if err != nil {
				return err
			}
			if n := len(p.Clinics); n != 0 && (n != 2 || p.Clinics[0] == p.Clinics[1]) {
				return usageError{errors.New("--clinic: name two clinics that differ")}
			}
			if terminal(cmd.ErrOrStderr()) {
				p.Told = func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
			}
			r, err := proveNow(cmd.Context(), env, p)
			if err != nil {
				return uncheckedError{err}
			}
			return f.tell(cmd.OutOrStdout(), r, format, baseline, earlier)
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&p.Deep, "deep", false, "every role on every route; takes minutes")
	fl.StringSliceVar(&p.Clinics, "clinic", nil, "two clinics at work, by slug: nothing is made or written")
	fl.StringSliceVar(&p.Only, "only", nil, "only these probes, such as CLO-P007")
	fl.IntVar(&p.Sample, "sample", 0, "at most so many attempts of each route; 0 for all")
	fl.BoolVar(&p.NoControls, "no-controls", false, "leave out the controls, and the copy that they need")
	fl.BoolVar(&p.Keep, "keep", false, "leave the throw-away clinics until the next run")
	return cmd
}

func proveNow(ctx context.Context, env []string, p prove.Config) (isolation.Report, error) {
	c, err := loadConfig(env)
	if err != nil {
		return isolation.Report{}, err
	}
	if p.Keys, err = c.master(); err != nil {
		return isolation.Report{}, err
	}
	if p.App, err = c.appURL(p.Keys); err != nil {
		return isolation.Report{}, err
	}
	if p.Migrator, err = c.migratorURL(p.Keys); err != nil {
		return isolation.Report{}, err
	}
	p.Admin = string(c.DatabaseURL)
	return prove.Run(ctx, p)
}
