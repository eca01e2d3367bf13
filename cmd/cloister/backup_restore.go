package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/tenants/backup"
)

func newBackupRestore(env []string) *cobra.Command {
	var r reading
	var o backup.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore FILE --as SLUG | --replace --confirm SLUG",
		Short: "Bring an archive back, as a new clinic or in the place of the one that it is of",
		Long: `Bring an archive back. It is read from end to end before the database is touched, and written in one transaction:
there is the whole clinic or nothing of it. An archive of an older version is brought forward.

With --as it becomes another clinic, with keys of its own; no session and no link of the original opens it. With
--replace the clinic is closed while it is put back, and its rows of now are gone afterwards: export it first. Links that
were used or taken back since the archive stay ended, and everybody signs in again.

While others are at work on the server it rests most of the time, so that they don't wait for it; --pace says how much.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBackup(cmd.Context(), env, false, func(s archives) error {
				open, err := opener(args[0])
				if err != nil {
					return err
				}
				if o.Identities, err = r.identities(); err != nil {
					return err
				}
				o.MaxBytes = r.maxBytes
				tell, end := backupBar(cmd.ErrOrStderr())
				o.Progress = tell
				out, err := s.Restore(cmd.Context(), open, o)
				end()
				if err != nil {
					return err
				}
				return tellRestored(cmd.OutOrStdout(), s, out, r.json)
			})
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.As, "as", "", "slug of the new clinic")
	f.BoolVar(&o.Replace, "replace", false, "put it back into the place of its clinic")
	f.StringVar(&o.Confirm, "confirm", "", "with --replace: the clinic's slug, typed again")
	f.StringVar(&o.Plan, "plan", "", "plan of the new clinic, where the archive's is not known here")
	f.BoolVar(&o.Foreign, "foreign", false, "take an archive that another installation wrote; whoever wrote it decided what is in it")
	paceFlag(cmd, &o)
	f.BoolVar(&o.AfterErasure, "after-erasure", false, "with --as: bring back a clinic that was erased here")
	return cmd
}

func newBackupClone(env []string) *cobra.Command {
	var o backup.RestoreOptions
	var slug string
	var scrub, asJSON bool
	cmd := &cobra.Command{
		Use:   "clone --clinic SLUG --as SLUG2 [--scrub]",
		Short: "Copy a clinic into a new one, with --scrub for tests: with nobody's data",
		Long: `Copy a clinic, without a file in between. With --scrub every name, contact, number, free text and file is replaced by
a made-up one; nobody has a password there, and the command prints a one-time link for its admin.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withBackup(cmd.Context(), env, false, func(s archives) error {
				tell, end := backupBar(cmd.ErrOrStderr())
				o.Progress = tell
				out, err := s.Clone(cmd.Context(), slug, o, scrub)
				end()
				if err != nil {
					return err
				}
				return tellRestored(cmd.OutOrStdout(), s, out, asJSON)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&slug, "clinic", "", "slug of the clinic to copy (required)")
	f.StringVar(&o.As, "as", "", "slug of the new clinic (required)")
	f.BoolVar(&scrub, "scrub", false, "replace every name, contact, number, free text and file by a made-up one")
	f.BoolVar(&asJSON, "json", false, "write the result as JSON")
	paceFlag(cmd, &o)
	_ = cmd.MarkFlagRequired("clinic") // the flags were just made
	_ = cmd.MarkFlagRequired("as")
	return cmd
}

func paceFlag(cmd *cobra.Command, o *backup.RestoreOptions) {
	cmd.Flags().IntVar(&o.Pace, "pace", backup.DefaultPace, "percent of the time to work while others are at work on the server; 100 never rests")
}

func tellRestored(w io.Writer, s archives, r backup.Restored, asJSON bool) error {
	var link string
	var none [16]byte
	if r.Invitation != none {
		links, err := identity.NewLinks(s.keys.LinkKey(), s.conf.baseURL())
		if err != nil {
			return err
		}
		if link, err = links.URL(r.ID, r.Slug, identity.Token{Invitation: r.Invitation, User: r.Admin, Role: access.ClinicAdmin}); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(w, struct {
			backup.Restored
			Link string `json:"invitation_link,omitempty"`
		}{r, link})
	}
	what := "is a clinic now"
	if r.Replaced {
		what = "is as it was"
	}
	rows := [][]string{
		{"Clinic", fmt.Sprintf("%s (%s) %s", r.Name, r.Slug, what)}, {"As of", r.From.MadeAt.Local().Format("2 Jan 2006 15:04:05")},
		{"Address", s.conf.baseURL() + "/clinic/" + r.Slug}, {"Status", r.Status}, {"Rows", fmt.Sprint(r.Rows)}, {"Files", fmt.Sprint(r.Files)},
		{"Took", fmt.Sprintf("%.1f s, of which it rested %.1f s for others", r.Took.Seconds(), r.Rested.Seconds())},
	}
	if link != "" {
		rows = append(rows, []string{"Link for the admin", link}, []string{"", "It works once."})
	}
	return printTable(w, rows)
}
