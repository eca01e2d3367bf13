package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

// importFlags are what the command line says of an import.
type importFlags struct {
	clinic, media, report string
	dryRun, json, send    bool
}

func newImport(env []string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "import",
		Short: "Bring a clinic's older records over",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f importFlags
	cmd := &cobra.Command{
		Use:   "legacy --clinic SLUG FILE.sqlite3",
		Short: "Import the SQLite file of the older single-clinic system",
		Long: `Import the SQLite file of the older single-clinic system into one clinic.

Taken over are staff, patients, visits, prescriptions with their medicines,
tests, notes and vitals, the lists of medicines and tests, templates, and the
report files in the media folder, which are checked by their content and
encrypted. What can't be read for certain is kept as it was written. Admissions
and treatment entries wait for a later version.

The file is opened read-only and checked before anything else. Everything is
written in one transaction: an import that is stopped leaves nothing, and a
second run finds what is there and writes nothing. No password is taken over:
staff get invitations, which are made and, with --send, mailed; run the command
again with --send to mail those that wait. Every row of the file is accounted
for in the reconciliation, by table, rule and row id; it holds no value of a
row. With --dry-run nothing is written and the reconciliation is the same.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return importLegacy(cmd, env, f, args[0])
		},
	}
	cmd.Flags().StringVar(&f.clinic, "clinic", "", "slug of the clinic to import into (required)")
	cmd.Flags().StringVar(&f.media, "media", "", "media folder of the older system: its report files and the logo")
	cmd.Flags().StringVar(&f.report, "report", "", "write the reconciliation as JSON to this file")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "do everything and undo it; the report is the same")
	cmd.Flags().BoolVar(&f.send, "send", false, "mail the imported staff their invitations, those of earlier runs too")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the reconciliation as JSON")
	parent.AddCommand(cmd)
	return parent
}

// importLegacy reads the file first: a wrong one needs no database.
func importLegacy(cmd *cobra.Command, env []string, f importFlags, path string) error {
	ctx := cmd.Context()
	if err := f.check(); err != nil {
		return err
	}
	file, err := legacy.Read(ctx, path, legacy.DefaultLimits())
	if err != nil {
		return err
	}
	told := progress(cmd.ErrOrStderr())
	plan, err := legacy.PlanOf(ctx, file, legacy.PlanOptions{Media: f.media, Now: time.Now(), Progress: told})
	if err != nil {
		return err
	}
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	if err := f.checkSend(c); err != nil {
		return err
	}
	log, closeLog := newLog(c, cmd.ErrOrStderr())
	defer closeLog() //nolint:errcheck // nothing is left to tell it to
	out, err := openReport(f.report)
	if err != nil {
		return err
	}
	defer out.discard()
	m, err := c.master()
	if err != nil {
		return err
	}
	db, err := openTenants(ctx, c, m, log)
	if err != nil {
		return err
	}
	defer db.Close()
	clinic, err := target(ctx, db, f.clinic)
	if err != nil {
		return err
	}
	people, err := openPost(c, m, db, log)
	if err != nil {
		return err
	}
	defer people.Close()
	store, err := c.openFiles(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	report, err := legacy.Import(ctx, db, clinic, plan, legacy.Options{DryRun: f.dryRun, Progress: told, Store: store, Keys: keys.NewRing(m, nil)})
	if err != nil {
		return err
	}
	var unsent error
	if f.send {
		unsent = sendLetters(ctx, people, clinic, &report.Letters, told)
	}
	return errors.Join(unsent, tell(cmd.OutOrStdout(), out, f, filepath.Base(path), report))
}

// tell writes the report's file and prints the reconciliation. The import is
// done by then, which an error has to say.
func tell(stdout io.Writer, out *reportFile, f importFlags, file string, r legacy.Report) error {
	if err := out.keep(r); err != nil {
		return fmt.Errorf("the import is done, but its report could not be written: %w", err)
	}
	if f.json {
		return writeJSON(stdout, r)
	}
	return printReconciliation(stdout, file, r)
}

// check names flags that can't be right. Errors: Invalid.
func (f importFlags) check() error {
	var p apperr.Problems
	if f.clinic == "" {
		p.Add("--clinic", "error.import.clinic", "name the clinic to import into")
	}
	if f.media != "" {
		if info, err := os.Stat(f.media); err != nil || !info.IsDir() {
			p.Add("--media", "error.import.media", "is not a folder")
		}
	}
	return p.Err()
}

// openTenants connects as the service's own login. Errors: *configError,
// *pg.ConnectError.
func openTenants(ctx context.Context, c config, m *keys.Master, log *logrus.Logger) (*tenants.DB, error) {
	dsn, err := c.appURL(m)
	if err != nil {
		return nil, err
	}
	all, err := tenants.Open(ctx, tenants.Config{DSN: dsn, ScopeKey: m.ScopeKey(), KeyID: keys.KeyID, Versions: db.TenantVersions(), Log: log,
		Pool: tenants.PoolConfig{MaxConns: 2}})
	if err != nil && ctx.Err() == nil {
		log.WithError(err).Debug("the database can't be reached")
		return nil, &pg.ConnectError{Where: pg.Describe(dsn), Reason: "it can't be reached or refuses the login", Cause: err}
	}
	return all, err
}

// target finds the clinic of a slug. Errors: Invalid, which names --clinic.
func target(ctx context.Context, db *tenants.DB, slug string) (*tenants.Clinic, error) {
	clinic, outcome, err := db.Resolve(ctx, slug)
	if err != nil {
		return nil, err
	}
	var p apperr.Problems
	switch outcome {
	case tenants.Active:
		return clinic, nil
	case tenants.Moved:
		p.Add("--clinic", "error.import.clinic_moved", "the clinic has another slug now: "+clinic.Slug)
	case tenants.Unknown:
		p.Add("--clinic", "error.import.clinic_unknown", "there is no clinic with this slug")
	default:
		p.Add("--clinic", "error.import.clinic_closed", "the clinic is "+outcome.String())
	}
	return nil, p.Err()
}

// progress draws a bar where a person watches and nothing elsewhere.
func progress(stderr io.Writer) func(what string, n, of int) {
	terminal, ok := stderr.(*os.File)
	if !ok || !isatty.IsTerminal(terminal.Fd()) {
		return nil
	}
	var bar *progressbar.ProgressBar
	last := ""
	return func(what string, n, of int) {
		if what != last {
			bar = progressbar.NewOptions(of, progressbar.OptionSetWriter(terminal), progressbar.OptionSetDescription(fmt.Sprintf("%-13s", what)),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			last = what
		}
		_ = bar.Set(n) // a bar that can't be drawn stops nothing
	}
}

// reportFile is written beside its final place and renamed, so that a report is
// there whole or not at all. Its zero value keeps nothing.
type reportFile struct {
	path string
	temp *os.File
}

// openReport makes sure that the report can be written before anything is done.
// Errors: Invalid, which names --report.
func openReport(path string) (*reportFile, error) {
	if path == "" {
		return &reportFile{}, nil
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".cloister-report-*")
	if info, e := os.Stat(path); err == nil && e == nil && !info.Mode().IsRegular() {
		err = errors.Join(errors.New("not a file"), temp.Close(), os.Remove(temp.Name()))
	}
	if err != nil {
		var p apperr.Problems
		p.Add("--report", "error.import.report", "the file can't be written there")
		return nil, p.Err()
	}
	return &reportFile{path: path, temp: temp}, nil
}

func (f *reportFile) keep(r legacy.Report) error {
	if f.temp == nil {
		return nil
	}
	if err := errors.Join(writeJSON(f.temp, r), f.temp.Close()); err != nil {
		return err
	}
	return os.Rename(f.temp.Name(), f.path)
}

// discard removes what was not kept.
func (f *reportFile) discard() {
	if f.temp != nil {
		_ = f.temp.Close()           // closed already when it was kept
		_ = os.Remove(f.temp.Name()) // gone already when it was kept
	}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(v)
}
