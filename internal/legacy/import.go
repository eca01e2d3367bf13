package legacy

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
)

// sourceSystem marks the identifiers that say from which row of a file a record
// came, numberSystem those that keep the older system's patient numbers.
const (
	sourceSystem = "legacy.row"
	numberSystem = "legacy.number"
)

// Options say how to import.
type Options struct {
	DryRun   bool                         // do everything, and then undo it
	Progress func(what string, n, of int) // may be nil
	Store    *files.Store                 // where documents go; nil only for a plan without any
	Keys     *keys.Ring                   // opens the clinic's keyset, under which they are encrypted
}

func importer() tenants.Actor {
	return tenants.Actor{Kind: access.System, ID: tenants.SystemID("import"), Role: access.Jobs}
}

// CreatedBy names the import as the maker of its invitations.
func CreatedBy() string { return string(importer().Kind) + ":" + importer().ID.String() }

// errDryRun undoes a transaction that was meant to be undone.
var errDryRun = errors.New("legacy: a dry run ends here")

// Import writes a plan into a clinic in one transaction, as the role of
// scheduled work with the actor system:import. What an earlier run brought over
// is left as it is. The clinic is the one given; nothing of the file chooses it.
//
// Errors: Quota, when the clinic's plan allows less than the file brings;
// Conflict, when another older clinic's file was imported before.
func Import(ctx context.Context, db *tenants.DB, clinic *tenants.Clinic, p *Plan, o Options) (Report, error) {
	actor := importer()
	ctx = tenants.WithScope(ctx, tenants.Scope{
		Clinic: clinic, Actor: actor, RequestID: "import-" + p.File.SHA256[:min(16, len(p.File.SHA256))], Reason: "import of the older system's file",
	})
	var report Report
	var stored []uuid.UUID // files of documents whose rows aren't committed yet
	err := tenants.Write(ctx, db, func(ctx context.Context, tx *tenants.Tx) error {
		w := &writer{
			tx: tx, q: tx.Q(), plan: p, options: o, books: copyBooks(p.books), by: CreatedBy(),
			users: map[int64]uuid.UUID{}, patients: map[int64]uuid.UUID{}, visits: map[int64]uuid.UUID{},
			tests: map[int64]tenantdb.ListTestsForImportRow{}, rx: map[int64]*writtenRx{}, stored: &stored,
		}
		if err := w.run(ctx); err != nil {
			return err
		}
		waiting, err := w.q.ListUnsentInvitations(ctx, tenantdb.ListUnsentInvitationsParams{CreatedBy: w.by})
		if err != nil {
			return fmt.Errorf("invitations: %w", err)
		}
		report = w.report(clinic.Slug)
		report.Letters.Waiting = len(waiting)
		if o.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && (!o.DryRun || !errors.Is(err, errDryRun)) {
		o.discard(ctx, db, clinic, stored)
		return Report{}, explain(err)
	}
	return report, nil
}

// writer is one try of the transaction.
type writer struct {
	tx       *tenants.Tx
	q        *tenantdb.Queries
	plan     *Plan
	options  Options
	books    map[string]*book
	there    map[string]uuid.UUID // what earlier runs brought over, by source key
	users    map[int64]uuid.UUID  // staff of the file that the clinic has
	patients map[int64]uuid.UUID
	settings Settings
	by       string

	visits    map[int64]uuid.UUID
	tests     map[int64]tenantdb.ListTestsForImportRow // of the test list, by the older id
	medicines map[string]string                        // generic names of the medicine list, see knownMedicines
	rx        map[int64]*writtenRx
	notesOf   map[int64]*Notes
	nobody    uuid.UUID // who stands for those that the file doesn't name
	oldVisits uuid.UUID // the department of old visits
	made      Made
	stored    *[]uuid.UUID
}

// run writes in the order in which rows refer to each other.
func (w *writer) run(ctx context.Context) error {
	if _, err := w.q.LockForImport(ctx); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := w.recall(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"clinic", w.clinic}, {"stores", w.stores}, {"staff", w.staff}, {"profiles", w.profiles}, {"patients", w.writePatients},
		{"logins", w.logins}, {"medicines", w.formulary}, {"tests", w.catalogue}, {"visits", w.writeVisits},
		{"prescriptions", w.prescriptions}, {"notes", w.notes}, {"vitals", w.vitals}, {"lines", w.lines}, {"requests", w.requests},
		{"templates", w.templates}, {"documents", w.documents},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// recall finds what earlier runs brought over, and refuses a file of another
// clinic: its rows would have the same keys.
func (w *writer) recall(ctx context.Context) error {
	keys, err := w.q.ListSourceKeys(ctx)
	if err != nil {
		return fmt.Errorf("source keys: %w", err)
	}
	w.there = make(map[string]uuid.UUID, len(keys))
	for _, k := range keys {
		w.there[k.Value] = k.RecordID
		if table, _, ok := splitKey(k.Value); ok && table == "hospital_clinic" && fingerprintIn(k.Facts) != w.plan.Fingerprint {
			return apperr.New(apperr.Conflict, "error.import.other_clinic",
				"Another older clinic's file was imported into this clinic before; a clinic takes the file of one")
		}
	}
	for table, b := range w.books {
		for _, id := range b.ids {
			if _, done := w.there[key(table, id)]; done {
				b.there[id] = true
				b.unsay(MediaNotGiven, id) // an earlier run had the folder
			}
		}
	}
	return nil
}

// found gives the record that an earlier run made of a row.
func (w *writer) found(table string, id int64) (uuid.UUID, bool) {
	record, ok := w.there[key(table, id)]
	return record, ok
}

// task writes one row.
type task func(ctx context.Context, q *tenantdb.Queries) error

// chunk is how many rows share a round trip.
const chunk = 250

// all runs tasks in their order, many to a round trip.
func (w *writer) all(ctx context.Context, what string, tasks []task) error {
	for done := 0; done < len(tasks); {
		some := tasks[done:min(done+chunk, len(tasks))]
		fns := make([]func(*tenantdb.Queries) error, len(some))
		for i, do := range some {
			fns[i] = func(q *tenantdb.Queries) error { return do(ctx, q) }
		}
		if err := w.tx.Together(ctx, fns...); err != nil {
			return err
		}
		done += len(some)
		if w.options.Progress != nil {
			w.options.Progress(what, done, len(tasks))
		}
		if err := ctx.Err(); err != nil { // a commit would not ask
			return err
		}
	}
	return nil
}

// report is the plan's report with what the clinic's own state added to it.
func (w *writer) report(slug string) Report {
	after := *w.plan
	after.books = w.books
	r := after.Report()
	r.Clinic, r.DryRun, r.Settings, r.Made = slug, w.options.DryRun, w.settings, w.made
	return r
}

func copyBooks(books map[string]*book) map[string]*book {
	out := make(map[string]*book, len(books))
	for table, b := range books {
		c := *b
		c.said, c.gone, c.there = make(map[Kind]map[int64]bool, len(b.said)), maps.Clone(b.gone), map[int64]bool{}
		for kind, ids := range b.said {
			c.said[kind] = maps.Clone(ids)
		}
		if c.gone == nil {
			c.gone = map[int64]bool{}
		}
		out[table] = &c
	}
	return out
}

// explain turns the database's refusals that a person can act on into the
// service's errors. SQLSTATE CL402 is a plan's limit.
func explain(err error) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return err
	}
	kinds := map[string]string{
		"quota_patients": "patients", "quota_doctors": "doctors", "quota_receptionists": "receptionists", "quota_lab_technicians": "lab technicians",
		"quota_storage": "bytes of files",
	}
	if what := kinds[pe.ConstraintName]; pe.Code == "CL402" && what != "" {
		e := apperr.Wrap(apperr.Quota, "error.quota."+pe.ConstraintName,
			fmt.Sprintf("The clinic's plan allows %s %s and the file brings more; nothing was imported", pe.Detail, what), err)
		e.Args = map[string]any{"Limit": pe.Detail}
		return e
	}
	return fmt.Errorf("legacy: import: %w", err)
}
