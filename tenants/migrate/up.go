package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Options of a run over all clinics.
type Options struct {
	Workers  int            // connections at work, 4
	Progress func(Progress) // called after each clinic, never by two at once

	// Canary or CanaryClinics make the run go in waves: first the spares and so
	// many clinics, those with the fewest patients, or the named ones; then ten
	// times as many, and so on. Between waves the walls of what was migrated are
	// checked in full and a probe reads from it, then Check is asked.
	Canary        int
	CanaryClinics []string // slugs
	Check         func(ctx context.Context, wave []Schema) error
	Before        func(ctx context.Context) error // asked before the first wave, if anything is behind

	MaxFailures int           // no clinic is begun after so many failed; 0: never stop, in waves 1
	LockTimeout time.Duration // for a table's lock; 0: Config.Times.Lock
	Retries     int           // further tries of a clinic whose tables are in use, 5; below 0: none
}

// Waves reports whether the run goes in waves.
func (o Options) Waves() bool { return o.Canary > 0 || len(o.CanaryClinics) > 0 }

// Progress is how far a run is.
type Progress struct{ Done, Failed, Total, Wave int }

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
	Total    int           `json:"total"`            // schemas there are
	Pending  int           `json:"pending"`          // schemas that were behind
	Migrated int           `json:"migrated"`         // schemas brought to the target
	Failures []Failure     `json:"failures"`         // sorted by schema
	Stopped  bool          `json:"stopped"`          // the context ended before all were done
	Halted   string        `json:"halted,omitempty"` // why the run ended before all were begun
	Waves    []Wave        `json:"waves,omitempty"`  // of a run in waves
	Took     time.Duration `json:"took"`
}

// Wave is one part of a run.
type Wave struct {
	Schemas  int           `json:"schemas"`
	Migrated int           `json:"migrated"`
	Failed   int           `json:"failed"`
	Took     time.Duration `json:"took"`
	Checked  time.Duration `json:"checked"` // how long the checks took
}

// ErrUnknownClinic says that a canary is no clinic of this installation.
var ErrUnknownClinic = errors.New("there is no clinic with this slug")

// pendingSchemas asks in one query which schemas are behind, and how many there
// are. A schema that lacks an older version than its last is behind too.
const pendingSchemas = `with
  living as (select clinic_id, schema_name, version, state from platform.schemas where state <> 'dropped'),
  applied as (select clinic_id, count(*) filter (where version = any ($1)) as n from platform.migrations group by clinic_id)
select (select count(*) from living), l.clinic_id, l.schema_name, coalesce(c.slug, ''), l.version, l.state, coalesce(u.used, 0)
from (select 1) one
left join (select l.* from living l left join applied a using (clinic_id) where coalesce(a.n, 0) < cardinality($1::bigint[])) l on true
left join platform.clinics c on c.id = l.clinic_id
left join platform.usage u on u.clinic_id = l.clinic_id and u.kind = 'patients'
order by l.schema_name`

// waiting is a schema that is behind.
type waiting struct {
	Schema
	state    string // of platform.schemas
	patients int64
}

// Up brings every schema that is behind to the target, those that come to be
// meanwhile too. A clinic that fails is in Result.Failures and by itself stops no
// other; the error is for what stops the run. A run that was cut off at any point
// is taken up by the next: each clinic's migration, its ledger row and its version
// are one transaction.
//
// Errors: ErrUnknownClinic; *pg.ConnectError when the database is away for longer
// than Times.Away.
func (m *Migrator) Up(ctx context.Context, o Options) (Result, error) {
	begun := time.Now()
	r := &run{m: m, o: o, Result: Result{Target: m.target, Failures: []Failure{}}, tried: map[uuid.UUID]bool{}}
	r.setDefaults()
	err := r.all(ctx)
	slices.SortFunc(r.Failures, func(a, b Failure) int { return strings.Compare(a.Name, b.Name) })
	r.Stopped = ctx.Err() != nil
	r.Took = time.Since(begun)
	return r.Result, err
}

func (m *Migrator) pending(ctx context.Context) (total int, all []waiting, err error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, pendingSchemas, m.versions)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.NullUUID
		var name, state *string
		var version *int64
		var w waiting
		if err := rows.Scan(&total, &id, &name, &w.Slug, &version, &state, &w.patients); err != nil {
			return 0, nil, err
		}
		if id.Valid {
			w.Clinic, w.Name, w.Version, w.state = id.UUID, *name, *version, *state
			all = append(all, w)
		}
	}
	return total, all, rows.Err()
}

// known makes sure that the named canaries are clinics.
func (m *Migrator) known(ctx context.Context, slugs []string) error {
	if len(slugs) == 0 {
		return nil
	}
	conn, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there []string
	if err := conn.QueryRow(ctx, "select coalesce(array_agg(slug), '{}') from platform.clinics where slug = any ($1)", slugs).Scan(&there); err != nil {
		return err
	}
	for _, s := range slugs {
		if !slices.Contains(there, s) {
			return fmt.Errorf("%w: %q", ErrUnknownClinic, s)
		}
	}
	return nil
}

// recordFailed leaves a clinic alone that another run has brought to its end meanwhile.
const recordFailed = `insert into platform.migration_outcomes (clinic_id, state, version, error)
select s.clinic_id, 'failed', s.version, $2 from platform.schemas s where s.clinic_id = $1
  and (select count(*) from platform.migrations a where a.clinic_id = s.clinic_id and a.version = any ($3)) < cardinality($3::bigint[])
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
		b.Queue(recordFailed, f.Clinic, f.Reason, m.versions)
	}
	return conn.SendBatch(ctx, b).Close()
}

// Schema brings one schema to the target, whatever state it is in.
func (m *Migrator) Schema(ctx context.Context, s Schema) error {
	w := m.worker(m.conf.Times.Lock, defaultRetries)
	defer w.close()
	return w.up(ctx, s)
}
