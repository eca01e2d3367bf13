package migrate

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Options of a run over all clinics.
type Options struct {
	Workers  int            // connections at work, 4
	Progress func(Progress) // called after each clinic, never by two at once
}

// Progress is how far a run is.
type Progress struct{ Done, Failed, Total int }

// Schema is one clinic's schema, or a spare one.
type Schema struct {
	Clinic  uuid.UUID `json:"clinic"`
	Name    string    `json:"schema"`
	Slug    string    `json:"slug,omitempty"` // empty for a spare
	Version int64     `json:"version"`
}

// Failure is a clinic whose migration did not succeed; it stays as it was.
type Failure struct {
	Schema
	Reason string `json:"reason"`
}

// Result of a run over all clinics.
type Result struct {
	Target   int64         `json:"target"`
	Total    int           `json:"total"`    // schemas there are
	Pending  int           `json:"pending"`  // schemas that were behind
	Migrated int           `json:"migrated"` // schemas brought to the target
	Failures []Failure     `json:"failures"` // sorted by schema
	Stopped  bool          `json:"stopped"`  // the context ended before all were done
	Took     time.Duration `json:"took"`
}

// attempts is how often a clinic is tried when another holds what it needs.
const attempts = 3

// pendingSchemas asks in one query which schemas are behind, and how many there
// are. A schema that lacks an older version than its last is behind too.
const pendingSchemas = `with
  living as (select clinic_id, schema_name, version from platform.schemas where state <> 'dropped'),
  applied as (select clinic_id, count(*) filter (where version = any ($1)) as n from platform.migrations group by clinic_id)
select (select count(*) from living), l.clinic_id, l.schema_name, coalesce(c.slug, ''), l.version
from (select 1) one
left join (select l.* from living l left join applied a using (clinic_id) where coalesce(a.n, 0) < cardinality($1::bigint[])) l on true
left join platform.clinics c on c.id = l.clinic_id
order by l.schema_name`

// Up brings every schema that is behind to the target. A clinic that fails is
// in Result.Failures and stops no other; the error is for what stops the run.
func (m *Migrator) Up(ctx context.Context, o Options) (Result, error) {
	begun := time.Now()
	r := Result{Target: m.target, Failures: []Failure{}}
	pending, err := m.pending(ctx, &r)
	if err != nil || len(pending) == 0 {
		r.Took = time.Since(begun)
		return r, err
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	work := make(chan Schema)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range min(o.Workers, len(pending)) {
		all.Go(func() {
			w := m.worker()
			defer w.close()
			for s := range work {
				err := w.up(ctx, s)
				mu.Lock()
				m.tally(ctx, &r, s, err)
				if o.Progress != nil {
					o.Progress(Progress{Done: r.Migrated + len(r.Failures), Failed: len(r.Failures), Total: r.Pending})
				}
				mu.Unlock()
			}
		})
	}
	for _, s := range pending {
		select {
		case work <- s:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	all.Wait()
	slices.SortFunc(r.Failures, func(a, b Failure) int { return strings.Compare(a.Name, b.Name) })
	r.Stopped = ctx.Err() != nil
	r.Took = time.Since(begun)
	return r, m.recordFailures(context.WithoutCancel(ctx), r.Failures)
}

func (m *Migrator) pending(ctx context.Context, r *Result) ([]Schema, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, pendingSchemas, m.versions)
	if err != nil {
		return nil, err
	}
	pending := []Schema{}
	for rows.Next() {
		var id uuid.NullUUID
		var name, slug *string
		var version *int64
		if err := rows.Scan(&r.Total, &id, &name, &slug, &version); err != nil {
			return nil, err
		}
		if id.Valid {
			pending = append(pending, Schema{Clinic: id.UUID, Name: *name, Slug: *slug, Version: *version})
		}
	}
	r.Pending = len(pending)
	return pending, rows.Err()
}

func (m *Migrator) tally(ctx context.Context, r *Result, s Schema, err error) {
	switch {
	case err == nil:
		r.Migrated++
	case ctx.Err() != nil: // rolled back because we were told to stop; the next run does it
	default:
		r.Failures = append(r.Failures, Failure{Schema: s, Reason: reasonOf(err)})
	}
}

const recordFailed = `insert into platform.migration_outcomes (clinic_id, state, version, error)
select s.clinic_id, 'failed', s.version, $2 from platform.schemas s where s.clinic_id = $1
on conflict (clinic_id) do update set state = 'failed', version = excluded.version, error = excluded.error, finished_at = clock_timestamp()`

func (m *Migrator) recordFailures(ctx context.Context, failed []Failure) error {
	if len(failed) == 0 {
		return nil
	}
	conn, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	b := &pgx.Batch{}
	for _, f := range failed {
		b.Queue(recordFailed, f.Clinic, f.Reason)
	}
	return conn.SendBatch(ctx, b).Close()
}

// worker is one connection that goes from clinic to clinic.
type worker struct {
	m  *Migrator
	db *sql.DB
}

func (m *Migrator) worker() *worker {
	c, err := m.ownerConfig()
	if err != nil { // pending has used the same string
		return &worker{m: m}
	}
	pool := stdlib.OpenDB(*c)
	pool.SetMaxOpenConns(1)
	return &worker{m: m, db: pool}
}

func (w *worker) close() {
	if w.db != nil {
		_ = w.db.Close() // and with it the last advisory lock
	}
}

// up brings one schema to the target, waiting for those who hold its tables
// without standing in their way for long.
func (w *worker) up(ctx context.Context, s Schema) error {
	var err error
	for range attempts {
		if err = w.once(ctx, s, func(p *goose.Provider) error { _, err := p.Up(ctx); return err }); err == nil {
			return nil
		}
		if code := sqlState(err); code != lockNotAvailable && code != deadlockDetected {
			return err
		}
	}
	return err
}

func (w *worker) once(ctx context.Context, s Schema, run func(*goose.Provider) error) error {
	if w.db == nil {
		return errors.New("no connection")
	}
	l := &ledger{clinic: s.Clinic, schema: s.Name, keys: w.m.conf.Keys, times: w.m.conf.Times}
	p, err := goose.NewProvider(goose.DialectCustom, w.db, w.m.conf.Tenant, goose.WithStore(l), goose.WithSessionLocker(l),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	return run(p)
}

// Schema brings one schema to the target, whatever state it is in.
func (m *Migrator) Schema(ctx context.Context, s Schema) error {
	w := m.worker()
	defer w.close()
	return w.up(ctx, s)
}
