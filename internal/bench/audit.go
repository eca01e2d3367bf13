//go:build unix

package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

// Audit times the static check of the walls, fingerprints included, over few and
// many clinics, each in a connection of its own as the command does it. A check
// that does not come out clean ends the run.
func Audit(ctx context.Context, e *Env) ([]Row, error) {
	sizes, rounds := []int{10, 300, 1000}, 3
	if e.Quick {
		sizes, rounds = []int{6}, 1
	}
	var rows []Row
	for _, n := range sizes {
		in, err := e.installed(ctx, "kept", n)
		if err != nil {
			return nil, err
		}
		took, objects, err := in.audited(ctx, rounds)
		in.close()
		if err != nil {
			return nil, err
		}
		row := Row{What: fmt.Sprintf("rules and fingerprints of %d clinics, %d objects", n, objects), Unit: "ms", Ours: median(took)}
		if n == sizes[len(sizes)-1] {
			row.Goal = "<= 5000"
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (in *installation) audited(ctx context.Context, rounds int) (took []float64, objects int, err error) {
	dsn, err := pg.Login(in.admin, "cloister_auditor", appPassword)
	if err != nil {
		return nil, 0, err
	}
	for range rounds {
		begun := time.Now()
		conn, err := pg.Connect(ctx, dsn)
		if err != nil {
			return nil, 0, err
		}
		r, err := audit.Run(ctx, conn, audit.Options{})
		took = append(took, micros(time.Since(begun))/1e3)
		_ = conn.Close(ctx)
		if err != nil {
			return nil, 0, err
		}
		if objects = r.Checked; r.Verdict() == isolation.Found {
			return nil, 0, fmt.Errorf("the audit found: %s, the first %s %s", r.Headline(), r.Findings[0].Rule, r.Findings[0].Name())
		}
	}
	return took, objects, nil
}
