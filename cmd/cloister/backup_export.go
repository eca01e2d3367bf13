package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/tenants/backup"
)

func newBackupExport(env []string) *cobra.Command {
	var slug string
	var recipients []string
	var scrub, force, asJSON bool
	cmd := &cobra.Command{
		Use:   "export --clinic SLUG FILE",
		Short: "Write one clinic's archive: its rows, its registry entry, its files, of one moment",
		Long: `Write one clinic's archive: its rows, its registry entry and its files as they were at one moment, while
everybody goes on working. It always is encrypted. This installation can open it again; with --recipient whoever has
that age secret key can, too, here, in another installation or with the age program alone, and then has everything of
the clinic in the clear. Sessions and the secrets of links stay behind. FILE may be - for standard output.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := backup.ParseRecipients(recipients)
			if err != nil {
				return usageError{fmt.Errorf("--recipient: %w", err)}
			}
			return withBackup(cmd.Context(), env, false, func(s archives) error {
				tell, end := backupBar(cmd.ErrOrStderr())
				o := backup.ExportOptions{Recipients: to, Scrub: scrub, Progress: tell}
				out, err := exportTo(cmd.Context(), s, slug, args[0], force, cmd.OutOrStdout(), o)
				end()
				if err != nil {
					return err
				}
				told := cmd.OutOrStdout()
				if args[0] == "-" {
					told = cmd.ErrOrStderr()
				}
				if asJSON {
					return printJSON(told, out)
				}
				rows := append([][]string{{"Written", fmt.Sprintf("%s in %.1f s", args[0], out.Took.Seconds())}}, tellArchive(out.Header, out.Manifest)...)
				if out.Unopened > 0 {
					rows = append(rows, []string{"Sealed", fmt.Sprintf("%d encrypted values did not open here and went along as they are", out.Unopened)})
				}
				return printTable(told, rows)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&slug, "clinic", "", "slug of the clinic (required)")
	f.StringArrayVar(&recipients, "recipient", nil, "age public key (age1…) of somebody who may open it, too; may be repeated")
	f.BoolVar(&scrub, "scrub", false, "replace every name, contact, number, free text and file by a made-up one")
	f.BoolVar(&force, "force", false, "write over a file that is there")
	f.BoolVar(&asJSON, "json", false, "write the manifest as JSON")
	_ = cmd.MarkFlagRequired("clinic") // the flag was just made
	return cmd
}

// exportTo writes beside the file and renames at the end, so that a file of this
// name is whole and on the disk.
func exportTo(ctx context.Context, s archives, slug, name string, force bool, stdout io.Writer, o backup.ExportOptions) (backup.Exported, error) {
	if name == "-" {
		return s.Export(ctx, slug, stdout, o)
	}
	if _, err := os.Lstat(name); err == nil && !force {
		return backup.Exported{}, usageError{fmt.Errorf("%s is there already; --force writes over it", name)}
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // for nobody else to read
	if err != nil {
		return backup.Exported{}, usageError{err}
	}
	defer os.Remove(f.Name()) // it was renamed, unless something failed
	out, err := s.Export(ctx, slug, f, o)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return out, err
	}
	return out, settleFile(f.Name(), name, force)
}

// settleFile gives a file that is whole its name, on the disk too. One that came
// to be there meanwhile is not written over, unless it may be.
func settleFile(from, name string, over bool) error {
	move := os.Link // which fails where there is one
	if over {
		move = os.Rename
	}
	if err := move(from, name); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
