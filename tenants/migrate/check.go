package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/pg"
)

// check looks at what a wave left before the next begins: every wall of every
// table, where each migration's own check looked at what it had touched; then
// through the service's own login whether a clinic reads its own and nobody
// else's. The first fault ends the run.
func (r *run) check(ctx context.Context, wave []waiting) error {
	if len(wave) == 0 {
		return nil
	}
	if err := r.m.checkWalls(ctx, wave); err != nil {
		return fmt.Errorf("after a wave: %w", err)
	}
	if err := r.m.probe(ctx, wave); err != nil {
		return fmt.Errorf("after a wave: %w", err)
	}
	if r.o.Check == nil {
		return nil
	}
	all, err := r.m.now(ctx, wave)
	if err == nil {
		err = r.o.Check(ctx, all)
	}
	if err != nil {
		return fmt.Errorf("after a wave: %w", err)
	}
	return nil
}

// now is the schemas of a wave as they are called by now: a spare may have become
// a clinic's, and a clinic may be gone.
func (m *Migrator) now(ctx context.Context, wave []waiting) ([]Schema, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ids := make([]uuid.UUID, len(wave))
	for i, w := range wave {
		ids[i] = w.Clinic
	}
	rows, err := conn.Query(ctx, "select s.clinic_id, s.schema_name, coalesce(c.slug, ''), s.version from platform.schemas s "+
		"left join platform.clinics c on c.id = s.clinic_id where s.clinic_id = any ($1) and s.state <> 'dropped' order by s.schema_name", ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Schema])
}

func (m *Migrator) checkWalls(ctx context.Context, wave []waiting) error {
	owner, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer owner.Close(context.WithoutCancel(ctx))
	b := &pgx.Batch{}
	for _, w := range wave {
		// By the clinic: a spare may have a clinic's name by now.
		b.Queue("select platform.check_walls(s.schema_name) from platform.schemas s where s.clinic_id = $1 and s.state <> 'dropped'", w.Clinic)
	}
	return owner.SendBatch(ctx, b).Close()
}

// served is a schema as the service's login finds it.
const served = "select count(*) from settings"

// probe reads a row of every schema as the service does: with the clinic's
// scope, another's, a forged one, and none.
func (m *Migrator) probe(ctx context.Context, wave []waiting) error {
	dsn := m.conf.App
	if dsn == "" {
		var err error
		if dsn, err = pg.Login(m.conf.Migrator, "cloister_app", m.password("cloister_app")); err != nil {
			return err
		}
	}
	app, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer app.Close(context.WithoutCancel(ctx))
	for _, w := range wave {
		if err := m.probeSchema(ctx, app, w); err != nil {
			return fmt.Errorf("a probe of %s: %w", w.Name, err)
		}
	}
	return nil
}

func (m *Migrator) probeSchema(ctx context.Context, app *pgx.Conn, w waiting) error {
	own := scopeOf(m.conf.Keys.SignScope, w.Clinic, w.Name)
	n, err := rowsIn(ctx, app, own)
	if err != nil {
		if moved, e := m.nameOf(ctx, w.Clinic); e == nil && moved != w.Name {
			return nil // it has just become a clinic's, or is gone
		}
		return err
	}
	if n == 0 && w.state != "building" { // one half made has no settings yet
		return errors.New("the clinic's own scope reads nothing")
	}
	other := scopeOf(m.conf.Keys.SignScope, uuid.New(), w.Name)
	forged := scopeOf(m.conf.Keys.SignScope, w.Clinic, w.Name)
	forged[4] = other[4]
	for what, scope := range map[string][]any{"another clinic's": other, "a forged": forged} {
		if n, err := rowsIn(ctx, app, scope); err == nil && n > 0 {
			return fmt.Errorf("%s scope reads %d rows", what, n)
		}
	}
	var open int
	err = app.QueryRow(ctx, "select count(*) from "+pgx.Identifier{w.Name, "settings"}.Sanitize()).Scan(&open)
	switch {
	case err == nil:
		return fmt.Errorf("a session without a role reads %d rows", open)
	case sqlState(err) != insufficientRight:
		return err
	}
	return nil
}

func (m *Migrator) nameOf(ctx context.Context, clinic uuid.UUID) (name string, err error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, "select schema_name from platform.schemas where clinic_id = $1 and state <> 'dropped'", clinic).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return name, err
}

// scopeOf is SetScope's arguments for unattended work in a clinic.
func scopeOf(sign func(clinic, actor, role string) string, clinic uuid.UUID, schema string) []any {
	role, actor := access.Jobs.PG(), SystemActor("migrate")
	return []any{role, pgx.Identifier{schema}.Sanitize() + ", ext, pg_temp", clinic.String(), actor, sign(clinic.String(), actor, role), "{}", true}
}

// rowsIn counts in a scope, and undoes it.
func rowsIn(ctx context.Context, app *pgx.Conn, scope []any) (n int, err error) {
	tx, err := app.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it read; nothing is to be kept
	if _, err := tx.Exec(ctx, setServiceScope, scope...); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, served).Scan(&n)
	return n, err
}

// setServiceScope is SetScope in the order that the service's login needs: the
// role comes last, since a staff role may not set anything.
const setServiceScope = `select set_config('search_path', $2, $7) is not null and set_config('app.clinic_id', $3, $7) is not null
  and set_config('app.actor', $4, $7) is not null and set_config('app.sig', $5, $7) is not null
  and set_config('app.request', $6, $7) is not null and set_config('role', $1, $7) is not null`
