package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Condition is what a schema's state comes to.
type Condition string

// The conditions, those first that somebody has to see to.
const (
	Failed  Condition = "failed"  // behind, and its last run failed
	Behind  Condition = "behind"  // of this program
	Running Condition = "running" // behind, and somebody is at it
	Ahead   Condition = "ahead"   // of this program
	Current Condition = "current"
)

// State is where one schema stands.
type State struct {
	Schema
	Kind      string     `json:"kind"` // building, spare or assigned
	Condition Condition  `json:"state"`
	Target    int64      `json:"target"`                // the version of this program
	Duration  float64    `json:"duration_ms"`           // of the last migration that landed
	Error     string     `json:"error,omitempty"`       // of the last run
	Finished  *time.Time `json:"finished_at,omitempty"` // the last run
}

// Behind tells whether the schema needs a run: a version below its last one may
// be missing, too.
func (s State) Behind() bool { return s.Condition != Ahead && s.Condition != Current }

const states = `select s.clinic_id, s.schema_name, coalesce(c.slug, ''), s.version, s.state, coalesce(o.state, '') = 'failed',
  coalesce(o.error, ''), o.finished_at, coalesce(m.duration_ms, 0),
  (select count(*) from platform.migrations a where a.clinic_id = s.clinic_id and a.version = any ($1)) < cardinality($1::bigint[])
from platform.schemas s
left join platform.clinics c on c.id = s.clinic_id
left join platform.migration_outcomes o on o.clinic_id = s.clinic_id
left join platform.migrations m on m.clinic_id = s.clinic_id and m.version = s.version
where s.state <> 'dropped'
order by s.schema_name`

// turns are the advisory locks that somebody holds, as LockKey makes them.
const turns = `select (classid::bigint << 32) | objid::bigint from pg_locks
where locktype = 'advisory' and objsubid = 1 and granted and database = (select oid from pg_database where datname = current_database())`

// Status tells where every schema stands, by its name.
func (m *Migrator) Status(ctx context.Context) ([]State, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	held := map[int64]bool{}
	rows, err := conn.Query(ctx, turns)
	if err != nil {
		return nil, err
	}
	var key int64
	if _, err := pgx.ForEachRow(rows, []any{&key}, func() error { held[key] = true; return nil }); err != nil {
		return nil, err
	}
	if rows, err = conn.Query(ctx, states, m.versions); err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (State, error) {
		s := State{Target: m.target}
		var failed, lacks bool
		err := row.Scan(&s.Clinic, &s.Name, &s.Slug, &s.Version, &s.Kind, &failed, &s.Error, &s.Finished, &s.Duration, &lacks)
		s.Condition = s.condition(lacks, failed, held[LockKey(s.Clinic)])
		return s, err
	})
}

func (s State) condition(lacks, failed, held bool) Condition {
	switch {
	case !lacks && s.Version > s.Target:
		return Ahead
	case !lacks:
		return Current
	case held:
		return Running
	case failed:
		return Failed
	}
	return Behind
}

// Summary counts schemas by condition.
type Summary struct {
	Target  int64 `json:"target"`
	Total   int   `json:"total"`
	Current int   `json:"current"`
	Behind  int   `json:"behind"`
	Running int   `json:"running"`
	Failed  int   `json:"failed"`
	Ahead   int   `json:"ahead"`
}

// Summarise counts.
func (m *Migrator) Summarise(all []State) Summary {
	s := Summary{Target: m.target, Total: len(all)}
	for _, one := range all {
		switch one.Condition {
		case Current:
			s.Current++
		case Behind:
			s.Behind++
		case Running:
			s.Running++
		case Failed:
			s.Failed++
		case Ahead:
			s.Ahead++
		}
	}
	return s
}

// ErrProduction refuses to go back: what a clinic wrote since would be lost.
var ErrProduction = errors.New("migrations are undone on development databases only; in production write a new migration that goes forward")

// DownTo undoes every clinic's migrations above a version, one clinic after
// another. Errors: ErrProduction unless development is set.
func (m *Migrator) DownTo(ctx context.Context, version int64, development bool) error {
	if !development {
		return ErrProduction
	}
	if version < 0 || version > m.target {
		return fmt.Errorf("there is no version %d; versions go from 0 to %d", version, m.target)
	}
	all, err := m.Status(ctx)
	if err != nil {
		return err
	}
	w := m.worker(m.conf.Times.Lock, defaultRetries)
	defer w.close()
	for _, s := range all {
		err := w.persist(ctx, &s.Schema, func(p *goose.Provider) error { _, err := p.DownTo(ctx, version); return err })
		if err != nil {
			return fmt.Errorf("schema %s: %s", s.Name, reasonOf(err))
		}
	}
	return nil
}
