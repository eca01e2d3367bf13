package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/backup"
)

func newBackup(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "Take one clinic out as an archive, and bring it back"}
	cmd.AddCommand(newBackupExport(env), newBackupRestore(env), newBackupDiff(env), newBackupClone(env), newBackupVerify(env))
	return cmd
}

// archives is the service of archives with what a command needs of it.
type archives struct {
	*backup.Service
	conf  config
	keys  *keys.Master
	store *files.Store
}

// withBackup runs a command's work. Offline nothing but the master key is asked
// for, and neither the database nor the store is touched.
func withBackup(ctx context.Context, env []string, offline bool, fn func(archives) error) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	a := archives{conf: c}
	if a.keys, err = c.master(); err != nil {
		return err
	}
	conf := backup.Config{Keys: a.keys, Program: version}
	if !offline {
		if conf.Migrator, err = c.migratorURL(a.keys); err != nil {
			return err
		}
		if conf.Backup, err = c.loginURL("CLOISTER_BACKUP_URL", c.BackupURL, backupLogin, a.keys); err != nil {
			return err
		}
		if a.store, err = c.openFiles(ctx); err != nil {
			return err
		}
		defer a.store.Close() // every file was settled when it was put
		conf.Files = a.store
	}
	if a.Service, err = backup.New(conf); err != nil {
		return err
	}
	return flagged(wrongKey(fn(a)))
}

// reading are the flags of every command that reads an archive.
type reading struct {
	identity string
	maxBytes int64
	json     bool
}

func (r *reading) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.identity, "identity", "", "file with the age secret key that the archive was made for; what this installation wrote needs none")
	cmd.Flags().Int64Var(&r.maxBytes, "max-bytes", backup.DefaultMaxBytes, "refuse an archive that unpacks to more")
	cmd.Flags().BoolVar(&r.json, "json", false, "write the result as JSON")
}

func (r *reading) identities() ([]age.Identity, error) {
	if r.identity == "" {
		return nil, nil
	}
	f, err := os.Open(r.identity)
	if err != nil {
		return nil, usageError{fmt.Errorf("--identity: %w", err)}
	}
	defer f.Close()
	ids, err := backup.ParseIdentities(f)
	if err != nil {
		return nil, usageError{fmt.Errorf("--identity: %w", err)}
	}
	return ids, nil
}

// opener opens an archive's file, as often as it is asked.
func opener(name string) (backup.Opener, error) {
	s, err := os.Stat(name)
	if err != nil {
		return nil, usageError{err}
	}
	if !s.Mode().IsRegular() {
		return nil, usageError{fmt.Errorf("%s is no file; an archive is read more than once", name)}
	}
	return func() (io.ReadCloser, error) { return os.Open(name) }, nil
}

// backupBar shows how far the work is, in tables.
func backupBar(w io.Writer) (func(backup.Progress), func()) {
	b := newBar(w, 0, "tables and files")
	return func(p backup.Progress) { b.of(p.Total); b.set(p.Done) }, b.end
}

func newBackupVerify(env []string) *cobra.Command {
	var r reading
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Read an archive from end to end and compare it with its manifest; needs no database",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBackup(cmd.Context(), env, true, func(s archives) error {
				open, err := opener(args[0])
				if err != nil {
					return err
				}
				ids, err := r.identities()
				if err != nil {
					return err
				}
				tell, end := backupBar(cmd.ErrOrStderr())
				v, err := s.Verify(cmd.Context(), open, backup.VerifyOptions{Identities: ids, MaxBytes: r.maxBytes, Progress: tell})
				end()
				if err != nil {
					return err
				}
				if r.json {
					return printJSON(cmd.OutOrStdout(), v)
				}
				return tellVerified(cmd.OutOrStdout(), v)
			})
		},
	}
	r.flags(cmd)
	return cmd
}

func tellVerified(w io.Writer, v backup.Verified) error {
	from := "by another installation, or changed since: restore asks for --foreign"
	if v.Own {
		from = "by this installation, and unchanged since"
	}
	rows := append([][]string{{"Whole", "every digest is right"}}, tellArchive(v.Header, v.Manifest)...)
	return printTable(w, append(rows, []string{"Written", from}))
}

func tellArchive(h backup.Header, m backup.Manifest) [][]string {
	rows := [][]string{
		{"Clinic", fmt.Sprintf("%s (%s)", h.Clinic.Name, h.Clinic.Slug)}, {"As of", h.MadeAt.Local().Format("2 Jan 2006 15:04:05")},
		{"Version", fmt.Sprint(h.Migration)}, {"Rows", fmt.Sprintf("%d in %d tables", m.Rows(), len(m.Tables))},
		{"Files", fmt.Sprintf("%d, %d bytes", m.Files.Count, m.Files.Bytes)},
	}
	if h.Scrubbed {
		rows = append(rows, []string{"Scrubbed", "nobody's data"})
	}
	if n := len(m.Files.Missing) + len(m.Files.Sealed); n > 0 {
		rows = append(rows, []string{"Lost files", fmt.Sprintf("%d documents have no file, or one that does not open", n)})
	}
	return rows
}

func newBackupDiff(env []string) *cobra.Command {
	var r reading
	var slug string
	var rowsShown int
	var exitCode bool
	cmd := &cobra.Command{
		Use:   "diff FILE --clinic SLUG",
		Short: "Say row by row what was lost, added or changed in a clinic since an archive was made",
		Long: "Compare an archive with a clinic. Rows are named by their keys and columns, never with a value,\n" +
			"so the list can be kept. With --exit-code the command ends with 1 when anything differs.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBackup(cmd.Context(), env, false, func(s archives) error {
				open, err := opener(args[0])
				if err != nil {
					return err
				}
				ids, err := r.identities()
				if err != nil {
					return err
				}
				show := &differences{most: rowsShown, of: map[string]int{}}
				tell, end := backupBar(cmd.ErrOrStderr())
				d, err := s.Diff(cmd.Context(), open, slug, backup.VerifyOptions{Identities: ids, MaxBytes: r.maxBytes, Progress: tell}, show.add)
				end()
				if err != nil {
					return err
				}
				if r.json {
					err = printJSON(cmd.OutOrStdout(), struct {
						backup.Diff
						Changes []backup.Change `json:"changes"`
					}{d, show.all})
				} else {
					err = tellDiff(cmd.OutOrStdout(), d, show)
				}
				if err == nil && exitCode && !d.Equal() {
					err = errors.New("the clinic is not as it was in the archive")
				}
				return err
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&slug, "clinic", "", "slug of the clinic to compare with (required)")
	cmd.Flags().IntVar(&rowsShown, "rows", 20, "rows to list of each table; 0 for all")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "end with 1 when anything differs")
	_ = cmd.MarkFlagRequired("clinic") // the flag was just made
	return cmd
}

// apart says in words what was counted of a table that could not be compared.
func apart(t backup.Apart) string {
	switch {
	case t.Clinic == nil:
		return "only in the archive, with " + counted(int(*t.Archive), "row")
	case t.Archive == nil:
		return "only in the clinic, with " + counted(int(*t.Clinic), "row")
	}
	return fmt.Sprintf("under another key: %s in the archive, %d in the clinic", counted(int(*t.Archive), "row"), *t.Clinic)
}

// differences keeps the first changes of each table.
type differences struct {
	most int
	of   map[string]int
	all  []backup.Change
}

func (d *differences) add(c backup.Change) error {
	d.of[c.Table]++
	if d.most == 0 || d.of[c.Table] <= d.most {
		d.all = append(d.all, c)
	}
	return nil
}

func tellDiff(w io.Writer, d backup.Diff, show *differences) error {
	if d.Equal() {
		_, err := fmt.Fprintln(w, "Nothing was lost, added or changed.")
		return err
	}
	rows := [][]string{{"TABLE", "SAME", "LOST", "NEW", "CHANGED"}}
	for _, t := range append(d.Tables, d.Files) {
		if t.Lost+t.New+t.Changed > 0 {
			rows = append(rows, []string{t.Table, fmt.Sprint(t.Same), fmt.Sprint(t.Lost), fmt.Sprint(t.New), fmt.Sprint(t.Changed)})
		}
	}
	for _, t := range d.Apart {
		if t.Rows() > 0 {
			rows = append(rows, []string{t.Table, apart(t)})
		}
	}
	if err := printTable(w, append(rows, []string{""})); err != nil {
		return err
	}
	rows = nil
	for _, c := range show.all {
		rows = append(rows, []string{c.Kind, c.Table, fmt.Sprint(c.Key), fmt.Sprint(c.Columns)})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	for t, n := range show.of {
		if show.most > 0 && n > show.most {
			if _, err := fmt.Fprintf(w, "… and %d more of %s (--rows 0 lists all)\n", n-show.most, t); err != nil {
				return err
			}
		}
	}
	return nil
}
