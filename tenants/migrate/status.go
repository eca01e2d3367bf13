package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// State is where one schema stands.
type State struct {
	Schema
	Kind     string     `json:"state"`   // building, spare or assigned
	Target   int64      `json:"target"`  // the version of this program
	Outcome  string     `json:"outcome"` // ok, failed, or empty before its first run
	Error    string     `json:"error,omitempty"`
	Finished *time.Time `json:"finished_at,omitempty"`
}

// Behind tells whether the schema needs a run.
func (s State) Behind() bool { return s.Version < s.Target }

const states = `select s.clinic_id, s.schema_name, coalesce(c.slug, ''), s.version, s.state, coalesce(o.state, ''), coalesce(o.error, ''), o.finished_at
from platform.schemas s
left join platform.clinics c on c.id = s.clinic_id
left join platform.migration_outcomes o on o.clinic_id = s.clinic_id
where s.state <> 'dropped'
order by s.schema_name`

// Status tells where every schema stands.
func (m *Migrator) Status(ctx context.Context) ([]State, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, states)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (State, error) {
		s := State{Target: m.target}
		err := row.Scan(&s.Clinic, &s.Name, &s.Slug, &s.Version, &s.Kind, &s.Outcome, &s.Error, &s.Finished)
		return s, err
	})
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
