package migrate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/pg"
)

// The migrations are tried in a database of their own on the same server: there
// the shared schema can be migrated too, which no transaction could undo at the
// real one without standing in everybody's way, and a throw-away clinic is in no
// registry that anybody asks.
const trialPrefix = "cloister_plan_"

// trialLock marks the plan that a trial database belongs to as alive: the second
// key is the database's tag. The connection that holds it is to the real database.
const trialLock = 4711005

// trialName is a trial database's name: the plan's tag and whose it is.
func trialName(tag, of string) string {
	return fmt.Sprintf("%s%s_%.6x", trialPrefix, tag, sha256.Sum256([]byte(of)))
}

const takeTrial = "select pg_try_advisory_lock($1, ('x' || $2)::bit(32)::int)"

// trial is the database in which a plan tries the migrations.
type trial struct {
	*Migrator
	shared  *sql.DB // its session's path is not a clinic's
	clinics *sql.DB
	watch   *watch
	drop    func()
}

// openTrial makes an empty database, after what earlier plans left is gone.
func (m *Migrator) openTrial(ctx context.Context, root *pgx.Conn) (*trial, error) {
	if err := sweepTrials(ctx, root); err != nil {
		return nil, err
	}
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails
	tag := hex.EncodeToString(raw[:])
	var mine bool
	if err := root.QueryRow(ctx, takeTrial, trialLock, tag).Scan(&mine); err != nil {
		return nil, err
	}
	if !mine {
		return nil, errors.New("another plan has just begun under the same name; try again")
	}
	name := trialName(tag, root.Config().Database)
	_, err := root.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()+" template template0")
	if err != nil {
		return nil, err
	}
	t := &trial{watch: &watch{}, drop: func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_ = dropTrial(ctx, root, name) // else the next plan does it
	}}
	if err = t.open(ctx, m.conf, name); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// open sets the new database up as far as it goes without a migration.
func (t *trial) open(ctx context.Context, c Config, name string) (err error) {
	for _, dsn := range []*string{&c.Admin, &c.Migrator} {
		if *dsn, err = pg.Database(*dsn, name); err != nil {
			return err
		}
	}
	c.Tracer = t.watch
	if t.Migrator, err = New(c); err != nil {
		return err
	}
	admin, err := pg.Connect(ctx, c.Admin)
	if err != nil {
		return err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	if err := retried(ctx, func() error { _, err := admin.Exec(ctx, db.Database()); return err }); err != nil {
		return err
	}
	conf, err := t.ownerConfig()
	if err != nil {
		return err
	}
	conf.RuntimeParams["synchronous_commit"] = "off" // it is thrown away
	for _, pool := range []**sql.DB{&t.shared, &t.clinics} {
		*pool = stdlib.OpenDB(*conf)
		(*pool).SetMaxOpenConns(1)
	}
	_, err = t.shared.ExecContext(ctx, "create schema platform")
	return err
}

func (t *trial) close() {
	for _, pool := range []*sql.DB{t.shared, t.clinics} {
		if pool != nil {
			_ = pool.Close()
		}
	}
	t.drop()
}

func dropTrial(ctx context.Context, root *pgx.Conn, name string) error {
	_, err := root.Exec(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
	return err
}

// sweepTrials drops what plans of this database left that were killed. One whose
// lock is held is another plan's at work.
func sweepTrials(ctx context.Context, root *pgx.Conn) error {
	suffix := strings.TrimPrefix(trialName("", root.Config().Database), trialPrefix)
	rows, err := root.Query(ctx, "select datname::text from pg_database where datname ^@ $1 and right(datname, $2) = $3", trialPrefix, len(suffix), suffix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		tag := strings.TrimSuffix(strings.TrimPrefix(name, trialPrefix), suffix)
		if _, err := hex.DecodeString(tag); err != nil || len(tag) != 8 {
			continue // nothing of ours
		}
		var free bool
		if err := root.QueryRow(ctx, takeTrial, trialLock, tag).Scan(&free); err != nil {
			return err
		}
		if !free {
			continue
		}
		err := dropTrial(ctx, root, name)
		if _, e := root.Exec(ctx, "select pg_advisory_unlock($1, ('x' || $2)::bit(32)::int)", trialLock, tag); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pendingShared are the shared schema's migrations that are not applied.
func (m *Migrator) pendingShared(applied []int64) ([]Step, error) {
	store, err := newPlatformStore()
	if err != nil {
		return nil, err
	}
	p, err := m.sharedProvider(&sql.DB{}, store) // it only reads the files
	if err != nil {
		return nil, err
	}
	return stepsOf(p.ListSources(), applied), nil
}

func stepsOf(all []*goose.Source, applied []int64) []Step {
	steps := []Step{}
	for _, s := range all {
		if !slices.Contains(applied, s.Version) {
			steps = append(steps, Step{Version: s.Version, File: path.Base(s.Path), Locks: []Lock{}, Warnings: []Warning{}})
		}
	}
	return steps
}

// try brings a new database to where the real one is, and then further.
func (m *Migrator) try(ctx context.Context, root *pgx.Conn, p *Plan, shared []int64) error {
	t, err := m.openTrial(ctx, root)
	if isRefused(err) {
		return ErrMayNotPlan
	}
	if err != nil {
		return err
	}
	defer t.close()
	store, err := newPlatformStore()
	if err != nil {
		return err
	}
	platform, err := t.sharedProvider(t.shared, t.watch.muted(store))
	if err != nil {
		return err
	}
	for _, v := range shared {
		if _, err := platform.ApplyVersion(ctx, v, true); err != nil && !errors.Is(err, goose.ErrVersionNotFound) { // of a newer program
			return fmt.Errorf("the shared schema could not be made again as it is: %w", err)
		}
	}
	clinics := make([]*goose.Provider, len(p.Groups))
	for i := range p.Groups {
		if clinics[i], err = t.asClinics(ctx, &p.Groups[i], i, len(shared) > 0); err != nil {
			return fmt.Errorf("a clinic at version %d could not be made again as it is: %w", p.Groups[i].Version, err)
		}
	}
	ok, err := t.steps(ctx, platform, "", p.Platform.Steps, true)
	for i := range p.Groups {
		if err != nil {
			return err
		}
		if clinics[i] != nil {
			_, err = t.steps(ctx, clinics[i], trialSchema(i), p.Groups[i].Steps, ok)
		}
	}
	return err
}

// muddled reports whether what was applied is no beginning of the migrations. Such
// clinics can't be made again, and no run takes them further; the plan says so.
func (g *Group) muddled() bool {
	first := &g.Steps[0]
	switch {
	case g.Version != g.ledger:
		first.Fault = &Fault{Reason: fmt.Sprintf("the registry says version %d, the ledger %d: see cloister migrate verify", g.Version, g.ledger)}
	case g.ledger > first.Version:
		first.Fault = &Fault{Reason: fmt.Sprintf("version %d was applied and this one was not; a run refuses to go back to it", g.ledger)}
	default:
		return false
	}
	for i := range g.Steps[1:] {
		g.Steps[i+1].Untried = true
	}
	return true
}

func trialSchema(i int) string { return fmt.Sprintf("clinic_plan_%d", i) }

// asClinics makes a schema as the clinics of a group have it, none if that is
// nothing a run could go on from.
func (t *trial) asClinics(ctx context.Context, g *Group, i int, shared bool) (*goose.Provider, error) {
	s := Schema{Clinic: uuid.Must(uuid.NewV7()), Name: trialSchema(i)}
	l := &ledger{clinic: s.Clinic, schema: s.Name, keys: t.conf.Keys, times: t.conf.Times}
	p, err := goose.NewProvider(goose.DialectCustom, t.clinics, t.conf.Tenant, goose.WithStore(t.watch.muted(l)), goose.WithSessionLocker(l),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	g.Steps = stepsOf(p.ListSources(), g.applied)
	if g.muddled() {
		return nil, nil
	}
	if !shared {
		return p, nil
	}
	owner, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer owner.Close(context.WithoutCancel(ctx))
	if err := t.plantKeys(ctx, owner); err != nil {
		return nil, err
	}
	if _, err := owner.Exec(ctx, "select platform.make_schema($1, $2)", s.Clinic, s.Name); err != nil {
		return nil, err
	}
	for _, v := range g.applied {
		if _, err := p.ApplyVersion(ctx, v, true); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// steps tries migrations one after another, and reports whether none failed. A
// schema narrows what is watched to a clinic's.
func (t *trial) steps(ctx context.Context, p *goose.Provider, schema string, steps []Step, ok bool) (bool, error) {
	t.watch.first = nil
	for i := range steps {
		s := &steps[i]
		if s.Untried = !ok; !ok {
			continue
		}
		t.watch.begin(s, schema)
		_, err := p.ApplyVersion(ctx, s.Version, true)
		t.watch.end()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if t.watch.err != nil {
			return false, t.watch.err
		}
		if err != nil {
			if isLost(err) {
				return false, err
			}
			if s.Fault == nil { // the check of the walls, not a statement of the migration
				s.Fault = &Fault{Statement: "the check of the walls at the migration's end"}
				s.Fault.explain(err)
			}
			ok = false
		}
	}
	return ok, nil
}

// mute keeps the watch from what goose does beside the migration's statements.
type mute struct {
	database.Store
	w *watch
}

func (m mute) Insert(ctx context.Context, c database.DBTxConn, r database.InsertRequest) error {
	return m.w.quietly(func() error { return m.Store.Insert(ctx, c, r) })
}

func (m mute) GetMigration(ctx context.Context, c database.DBTxConn, version int64) (r *database.GetMigrationResult, err error) {
	err = m.w.quietly(func() error { r, err = m.Store.GetMigration(ctx, c, version); return err })
	return r, err
}

func (m mute) CreateVersionTable(ctx context.Context, c database.DBTxConn) error {
	return m.w.quietly(func() error { return m.Store.CreateVersionTable(ctx, c) })
}

// TableExists is part of what goose asks of a store if it can.
func (m mute) TableExists(ctx context.Context, c database.DBTxConn) (yes bool, err error) {
	s, can := m.Store.(interface {
		TableExists(context.Context, database.DBTxConn) (bool, error)
	})
	if !can {
		return false, errors.ErrUnsupported
	}
	err = m.w.quietly(func() error { yes, err = s.TableExists(ctx, c); return err })
	return yes, err
}
