package provision

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Spares is how the making of spare schemas went.
type Spares struct {
	Target int  `json:"target"`
	Ready  int  `json:"ready"`
	Made   int  `json:"made"`
	Busy   bool `json:"busy"` // another process is making them
}

// sparesKey is the advisory lock of the one process that makes spares.
const sparesKey = 4711004

// MaxSpares bounds a target, so that a slip of the finger doesn't fill a disk.
const MaxSpares = 500

// EnsureSpares brings the number of spare schemas up to the target, one after
// another with a pause between: every new schema costs each connection of the
// service a look at its catalogs. made, if not nil, is called after each.
// Errors: Invalid (target).
func (s *Service) EnsureSpares(ctx context.Context, target int, pause time.Duration, made func(ready int)) (Spares, error) {
	out := Spares{Target: target}
	if target < 0 || target > MaxSpares {
		return out, invalid("target", "error.target.range", fmt.Sprintf("must be between 0 and %d", MaxSpares))
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return out, err
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", sparesKey).Scan(&mine); err != nil {
		return out, err
	}
	if !mine {
		out.Busy = true
		out.Ready, err = s.countSpares(ctx)
		return out, err
	}
	defer func() {
		if _, err := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", sparesKey); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // the lock goes with the connection
		}
	}()
	return s.makeSpares(ctx, out, pause, made)
}

func (s *Service) makeSpares(ctx context.Context, out Spares, pause time.Duration, made func(int)) (Spares, error) {
	half, err := platformdb.New(s.pool).ListHalfMadeSpares(ctx)
	if err != nil {
		return out, err
	}
	if out.Ready, err = s.countSpares(ctx); err != nil {
		return out, err
	}
	for out.Ready < out.Target {
		if out.Made > 0 && !wait(ctx, pause) {
			return out, ctx.Err()
		}
		id, schema := newID(), ""
		if len(half) > 0 {
			id, schema, half = half[0].ClinicID, half[0].SchemaName, half[1:]
		}
		if err := s.makeSpare(ctx, id, schema); err != nil {
			return out, err
		}
		out.Made++
		out.Ready++
		if made != nil {
			made(out.Ready)
		}
	}
	return out, nil
}

// makeSpare makes a schema, or ends one that was left half made.
func (s *Service) makeSpare(ctx context.Context, id uuid.UUID, schema string) error {
	if schema == "" {
		schema = "spare_" + strings.ReplaceAll(id.String(), "-", "")
		err := s.owner(ctx, func(_ pgx.Tx, q *platformdb.Queries) error {
			if err := q.MakeSchema(ctx, platformdb.MakeSchemaParams{Clinic: id, Home: schema}); err != nil {
				return err
			}
			return q.BeginProvisioning(ctx, platformdb.BeginProvisioningParams{ID: newID(), ClinicID: id, Action: "spare", Actor: migrate.SystemActor("spares")})
		})
		if err != nil {
			return err
		}
		if err := s.step(ctx, "spare begun"); err != nil {
			return err
		}
	}
	if err := s.migrator.Schema(ctx, migrate.Schema{Clinic: id, Name: schema}); err != nil {
		return fmt.Errorf("spare schema: %w", err)
	}
	if err := s.step(ctx, "spare built"); err != nil {
		return err
	}
	return s.owner(ctx, func(tx pgx.Tx, q *platformdb.Queries) error {
		if err := s.enter(ctx, tx, id, schema, By{Actor: migrate.SystemActor("spares")}); err != nil {
			return err
		}
		if err := together(ctx, tx, furniture(ctx)...); err != nil {
			return err
		}
		if err := q.MarkSpare(ctx, id); err != nil {
			return err
		}
		return q.FinishProvisioning(ctx, platformdb.FinishProvisioningParams{ClinicID: id, Action: "spare"})
	})
}

func (s *Service) countSpares(ctx context.Context) (int, error) {
	n, err := platformdb.New(s.pool).CountSpares(ctx)
	return int(n), err
}

// wait lets time pass, and reports false when the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
