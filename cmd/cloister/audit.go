package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/internal/pg"
)

func newAudit(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Verify the chain over the clinics' trails, and take its heads and exports out"}
	cmd.AddCommand(newAuditVerify(env), newAuditHeads(env), newAuditExport(env))
	return cmd
}

// withChains runs a command's work as the login that may read every clinic.
func withChains(ctx context.Context, env []string, fn func(*audit.Reader) error) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	m, err := c.master()
	if err != nil {
		return err
	}
	dsn, err := c.loginURL("CLOISTER_BACKUP_URL", c.BackupURL, backupLogin, m)
	if err != nil {
		return err
	}
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it only read
	return fn(audit.NewReader(conn))
}

func newAuditVerify(env []string) *cobra.Command {
	var slug, export, headsFile string
	var platform, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [--clinic SLUG | --platform] [--heads FILE] [--export FILE]",
		Short: "Find what was changed, removed, put in or cut off in the clinics' trails and in the registry's",
		Long: `Verify the chain over the trail of one clinic, or of all and of the registry: each finding names the seal and the row. Without
--heads nobody can tell a chain that was cut off at its end, or made anew, from one that is whole: keep heads elsewhere.
With --export an export is verified, without a database. The exit code is 0 when all is whole, 1 when something was
found, 2 when it could not be verified.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			heads, err := readHeads(headsFile)
			if err != nil {
				return uncheckedError{err}
			}
			if export != "" && (slug != "" || platform) {
				return usageError{errors.New("--export names one trail's file, so --clinic and --platform have no place beside it")}
			}
			if slug, err = chainOf(slug, platform); err != nil {
				return err
			}
			var results []audit.Result
			if export != "" {
				results, err = verifyExport(export, heads)
			} else {
				err = withChains(cmd.Context(), env, func(r *audit.Reader) error {
					results, err = r.Verify(cmd.Context(), slug, heads)
					return err
				})
			}
			if err != nil {
				return uncheckedError{err}
			}
			return tellChains(cmd.OutOrStdout(), results, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&slug, "clinic", "", "slug of one clinic; without it, all and the registry's own")
	f.BoolVar(&platform, "platform", false, "the registry's own trail alone: what was done to clinics")
	f.StringVar(&export, "export", "", "verify this export, without a database")
	f.StringVar(&headsFile, "heads", "", "file of heads that was taken out earlier")
	f.BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// chainOf is the chain that the flags name; none for all.
func chainOf(slug string, platform bool) (string, error) {
	switch {
	case platform && slug != "":
		return "", usageError{errors.New("--clinic and --platform name two trails; give one")}
	case platform:
		return audit.Platform, nil
	}
	return slug, nil
}

func readHeads(name string) (audit.Heads, error) {
	if name == "" {
		return audit.Heads{}, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return audit.Heads{}, err
	}
	return audit.ParseHeads(text)
}

func verifyExport(name string, heads audit.Heads) ([]audit.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := audit.VerifyExport(f, heads)
	return []audit.Result{r}, err
}

// tellChains says what was found, the verdict first.
func tellChains(w io.Writer, results []audit.Result, asJSON bool) error {
	found := 0
	for _, r := range results {
		found += len(r.Findings)
	}
	var err error
	if asJSON {
		err = printJSON(w, results)
	} else {
		err = printChains(w, results, found)
	}
	if err == nil && found > 0 {
		err = verdictError{exitFailed, fmt.Sprintf("%d findings", found)}
	}
	return err
}

func printChains(w io.Writer, results []audit.Result, found int) error {
	b := &bytes.Buffer{}
	if found == 0 {
		fmt.Fprintf(b, "WHOLE: %d chains\n", len(results))
	} else {
		fmt.Fprintf(b, "BROKEN: %d findings\n", found)
	}
	for _, r := range results {
		fmt.Fprintf(b, "%s: %d seals over %d rows, %d rows not sealed yet\n", r.Slug, r.Seals, r.Sealed, r.Unsealed)
		for _, f := range r.Findings {
			fmt.Fprintf(b, "  %s\n", f)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func newAuditHeads(env []string) *cobra.Command {
	return &cobra.Command{
		Use:   "heads FILE",
		Short: "Write where every clinic's chain stands, to be kept where this installation can't write",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withChains(cmd.Context(), env, func(r *audit.Reader) error {
				h, err := r.Heads(cmd.Context())
				if err != nil {
					return err
				}
				return writeTo(args[0], cmd.OutOrStdout(), func(w io.Writer) error { return printJSON(w, h) })
			})
		},
	}
}

func newAuditExport(env []string) *cobra.Command {
	var slug string
	var platform bool
	cmd := &cobra.Command{
		Use:   "export --clinic SLUG | --platform FILE",
		Short: "Write one clinic's trail and chain, or the registry's, to be verified elsewhere",
		Long:  "Write one trail and its seals as JSON, one a line: everything that was ever changed, in the clear.\nFILE may be - for standard output. docs/trail.md has the format.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			slug, err := chainOf(slug, platform)
			if err != nil {
				return err
			}
			if slug == "" {
				return usageError{errors.New("name the trail: --clinic or --platform")}
			}
			return withChains(cmd.Context(), env, func(r *audit.Reader) error {
				return writeTo(args[0], cmd.OutOrStdout(), func(w io.Writer) error { return r.Export(cmd.Context(), slug, w) })
			})
		},
	}
	cmd.Flags().StringVar(&slug, "clinic", "", "slug of the clinic")
	cmd.Flags().BoolVar(&platform, "platform", false, "the registry's own trail: what was done to clinics")
	return cmd
}

// writeTo writes beside the file and renames at the end, so that a file of this
// name is whole; - is standard output.
func writeTo(name string, stdout io.Writer, fn func(io.Writer) error) error {
	if name == "-" {
		return fn(stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // for nobody else to read
	if err != nil {
		return usageError{err}
	}
	defer os.Remove(f.Name()) // it was renamed, unless something failed
	err = fn(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return settleFile(f.Name(), name, true)
}
