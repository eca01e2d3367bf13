//go:build unix

package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Migrate times one new DDL over every clinic, with its lock, ledger row and
// check of the walls, against a bare loop of the same DDL in one session; and a
// run that finds nothing to do.
func Migrate(ctx context.Context, e *Env) ([]Row, error) {
	sizes, rounds := []int{10, 300, 1000}, 3
	if e.Quick {
		sizes, rounds = []int{3, 6}, 2
	}
	in, err := e.install(ctx, fmt.Sprintf("install_%d", sizes[len(sizes)-1]))
	if err != nil {
		return nil, err
	}
	defer in.close()
	var rows []Row
	for _, n := range sizes {
		if err := in.grow(ctx, n); err != nil {
			return nil, err
		}
		more, err := in.migrations(ctx, rounds)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	// A loop over few schemas has no connection to open and nothing to note.
	rows[len(rows)-2].Goal = "<= 3"
	return rows, nil
}

// migrations measures at the number of clinics that there are.
func (in *installation) migrations(ctx context.Context, rounds int) ([]Row, error) {
	schemas, err := in.schemas(ctx)
	if err != nil {
		return nil, err
	}
	var ours, loop, idle []float64
	for range rounds {
		version := time.Now().UnixMicro()
		base, err := in.plainLoop(ctx, schemas, fmt.Sprintf("loop_%d", version))
		if err != nil {
			return nil, err
		}
		run, nothing, err := in.fanOut(ctx, version, len(schemas))
		if err != nil {
			return nil, err
		}
		ours, loop, idle = append(ours, run), append(loop, base), append(idle, nothing)
	}
	return []Row{
		{What: fmt.Sprintf("one new DDL over %d schemas, 4 workers", len(schemas)), Unit: "ms", Ours: median(ours), Base: median(loop),
			BaseIs: "the same DDL in a loop"},
		{What: fmt.Sprintf("nothing to do over %d schemas", len(schemas)), Unit: "ms", Ours: median(idle), Goal: "<= 1000"},
	}, nil
}

func ddl(schema, column string) string {
	return "alter table " + schema + "departments add column " + column + " text not null default ''"
}

// plainLoop is the yardstick: one session, one statement a schema, nothing else.
func (in *installation) plainLoop(ctx context.Context, schemas []string, column string) (float64, error) {
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	begun := time.Now()
	for _, s := range schemas {
		if _, err := c.Exec(ctx, ddl(quoted(s)+".", column)); err != nil {
			return 0, err
		}
	}
	return micros(time.Since(begun)) / 1e3, nil
}

// fanOut is the product's way, and then once more with nothing to do.
func (in *installation) fanOut(ctx context.Context, version int64, schemas int) (run, nothing float64, err error) {
	c := in.config
	if c.Tenant, err = versioned(version, ddl("", fmt.Sprintf("up_%d", version))); err != nil {
		return 0, 0, err
	}
	m, err := migrate.New(c)
	if err != nil {
		return 0, 0, err
	}
	r, err := m.Up(ctx, migrate.Options{Workers: 4})
	if err == nil && (r.Migrated != schemas || len(r.Failures) > 0) {
		err = fmt.Errorf("%d of %d schemas were migrated: %+v", r.Migrated, schemas, r.Failures)
	}
	if err != nil {
		return 0, 0, err
	}
	again, err := m.Up(ctx, migrate.Options{Workers: 4})
	if err == nil && again.Pending != 0 {
		err = fmt.Errorf("%d schemas are behind after a run", again.Pending)
	}
	return micros(r.Took) / 1e3, micros(again.Took) / 1e3, err
}
