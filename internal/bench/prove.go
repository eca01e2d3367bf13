//go:build unix

package bench

import (
	"context"
	"fmt"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/isolation"
	"github.com/cloister-health/cloister/tenants/isolation/prove"
)

// Prove times the proof of the walls as the number of clinics grows: its own
// clinics are always two, so what grows is what the catalogs cost.
func Prove(ctx context.Context, e *Env) ([]Row, error) {
	sizes := []int{10, 300, 1000}
	if e.Quick {
		sizes = []int{3, 6}
	}
	var rows []Row
	for _, n := range sizes {
		in, err := e.installed(ctx, "kept", n)
		if err != nil {
			return nil, err
		}
		defer in.close()
		app, err := pg.Login(in.admin, "cloister_app", appPassword)
		if err != nil {
			return nil, err
		}
		all, err := in.service.List(ctx)
		if err != nil {
			return nil, err
		}
		c := prove.Config{App: app, Migrator: in.config.Migrator, Admin: in.admin, Keys: in.config.Keys}
		if e.Quick {
			c.Sample = 1
		}
		r, err := prove.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		if r.Verdict() != isolation.Clean {
			return nil, fmt.Errorf("at %d clinics: %s", len(all), r.Headline())
		}
		rows = append(rows, Row{What: fmt.Sprintf("%d attempts and %d controls at %d clinics", r.Attempts, r.Controls, len(all)), Unit: "s", Ours: float64(r.TookMS) / 1000, Goal: "<= 60"})
	}
	return rows, nil
}
