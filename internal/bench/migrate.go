//go:build unix

package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
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
	var rows []Row
	for _, n := range sizes {
		in, err := e.installed(ctx, "changed", n)
		if err != nil {
			return nil, err
		}
		defer in.close()
		more, err := in.migrations(ctx, rounds)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	// A loop over few schemas has no connection to open and nothing to note.
	rows[len(rows)-perSize].Goal = "<= 3"
	return rows, nil
}

// perSize is how many rows each number of clinics has.
const perSize = 4

// migrations measures at the number of clinics that there are.
func (in *installation) migrations(ctx context.Context, rounds int) ([]Row, error) {
	schemas, err := in.schemas(ctx)
	if err != nil {
		return nil, err
	}
	var ours, loop, idle, waves, audits []float64
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
		whole, asked, err := in.inWaves(ctx, version+1)
		if err != nil {
			return nil, err
		}
		ours, loop, idle = append(ours, run), append(loop, base), append(idle, nothing)
		waves, audits = append(waves, whole), append(audits, asked)
	}
	return []Row{
		{What: fmt.Sprintf("one new DDL over %d schemas, 4 workers", len(schemas)), Unit: "ms", Ours: median(ours), Base: median(loop),
			BaseIs: "the same DDL in a loop"},
		{What: fmt.Sprintf("nothing to do over %d schemas", len(schemas)), Unit: "ms", Ours: median(idle), Goal: "<= 1000"},
		{What: fmt.Sprintf("one new DDL over %d schemas in waves, with checks, probes and audits", len(schemas)), Unit: "ms", Ours: median(waves), Base: median(ours),
			BaseIs: "the same without waves"},
		{What: "of that the audits, one before and one after each wave", Unit: "ms", Ours: median(audits)},
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

// inWaves is a run with canaries as the command makes it, and how long its audits took.
func (in *installation) inWaves(ctx context.Context, version int64) (run, audits float64, err error) {
	c := in.config
	if c.Tenant, err = versioned(version, ddl("", fmt.Sprintf("wave_%d", version))); err != nil {
		return 0, 0, err
	}
	m, err := migrate.New(c)
	if err != nil {
		return 0, 0, err
	}
	dsn, err := pg.Login(in.admin, "cloister_auditor", appPassword)
	if err != nil {
		return 0, 0, err
	}
	look := func(ctx context.Context, schemas ...string) error {
		begun := time.Now()
		defer func() { audits += micros(time.Since(begun)) / 1e3 }()
		conn, err := pg.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = audit.Run(ctx, conn, audit.Options{Schemas: schemas}) // this DDL is in no reference, so only its time is looked at
		return err
	}
	r, err := m.Up(ctx, migrate.Options{Workers: 4, Canary: 3, Before: func(ctx context.Context) error { return look(ctx) },
		Check: func(ctx context.Context, wave []migrate.Schema) error {
			var names []string
			for _, s := range wave {
				names = append(names, s.Name)
			}
			return look(ctx, names...)
		}})
	if err == nil && (r.Halted != "" || len(r.Failures) > 0) {
		err = fmt.Errorf("%s %+v", r.Halted, r.Failures)
	}
	return micros(r.Took) / 1e3, audits, err
}
