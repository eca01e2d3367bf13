package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/provision"
)

// clinicChanges are the commands that change where a clinic is in its life.
func clinicChanges(env []string) []*cobra.Command {
	var reason, confirm string
	var graceDays int
	suspend := change(env, "suspend SLUG --reason TEXT", "Let nobody in but the clinic's admin, who sees the reason", 1,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.Suspend(ctx, args[0], reason, provision.By{})
		})
	suspend.Flags().StringVar(&reason, "reason", "", "why; the clinic's admin reads it")
	resume := change(env, "resume SLUG", "Let a suspended clinic work again", 1,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.Resume(ctx, args[0], provision.By{})
		})
	archive := change(env, "archive SLUG", "Close a clinic to everybody and keep its data", 1,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.Archive(ctx, args[0], provision.By{})
		})
	restore := change(env, "restore SLUG", "Open an archived clinic, or a deleted one whose data is still there", 1,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.Restore(ctx, args[0], provision.By{})
		})
	rename := change(env, "rename-slug OLD NEW", "Give a clinic another slug; the old one leads to it", 2,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.RenameSlug(ctx, args[0], args[1], provision.By{})
		})
	del := change(env, "delete SLUG --confirm SLUG", "Close a clinic and erase its data after a grace period", 1,
		func(ctx context.Context, s *provision.Service, args []string) (provision.Changed, error) {
			return s.Delete(ctx, args[0], confirm, time.Duration(graceDays)*24*time.Hour, provision.By{})
		})
	del.Long = "Close a clinic at once, and erase its data and destroy its keys after a grace period.\n" +
		"Offer the clinic an export of its data first: after the grace period nothing can bring it back, not even a backup.\n" +
		"Until then `cloister clinic restore SLUG` undoes it. The slug is never given to another clinic."
	del.Flags().StringVar(&confirm, "confirm", "", "the clinic's slug, typed again")
	del.Flags().IntVar(&graceDays, "grace-days", int(provision.DefaultGrace/(24*time.Hour)), "days until its data is erased")
	return []*cobra.Command{suspend, resume, archive, restore, del, rename}
}

// change is a command that changes one clinic and tells what came of it.
func change(env []string, use, short string, args int, do func(context.Context, *provision.Service, []string) (provision.Changed, error)) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(args),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, _ *keys.Master, _ config) error {
				out, err := do(cmd.Context(), s, args)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), out)
				}
				return tellChanged(cmd.OutOrStdout(), out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

func tellChanged(w io.Writer, c provision.Changed) error {
	if !c.Changed {
		_, err := fmt.Fprintf(w, "%s (%s) is %s already; nothing was changed\n", c.Name, c.Slug, c.Status)
		return err
	}
	if _, err := fmt.Fprintf(w, "%s (%s) is %s\n", c.Name, c.Slug, c.Status); err != nil || c.DeleteAfter == nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Its data is kept until %s; `cloister clinic restore %s` brings it back until then. Export it first if the clinic wants it: afterwards it is erased and its keys are destroyed.\n",
		day(c.DeleteAfter), c.Slug)
	return err
}
