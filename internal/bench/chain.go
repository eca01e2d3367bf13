//go:build unix

package bench

import (
	"context"
	"errors"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/audit"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

// Chain measures what the chain costs a write, in a clinic that is sealed against
// one that is not and lacks the index by which seals are made, and how fast rows
// are sealed and verified.
func Chain(ctx context.Context, e *Env) ([]Row, error) {
	rounds, each := 15, 400
	if e.Quick {
		rounds, each = 3, 100
	}
	in, err := e.install(ctx, "chain")
	if err != nil {
		return nil, err
	}
	defer in.close()
	if err := in.grow(ctx, 2); err != nil {
		return nil, err
	}
	clinics, err := in.settled(ctx, gather(50), nil)
	if err != nil {
		return nil, err
	}
	if err := inDatabase(ctx, in.admin, "drop index if exists "+quoted(clinics[1].Schema)+".trail_xact"); err != nil {
		return nil, err
	}
	db, err := in.openApp(ctx, 4)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	job := func(n *tenants.Clinic) context.Context {
		return tenants.WithScope(ctx, tenants.Scope{Clinic: n, RequestID: "bench", Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("bench"), Role: access.Jobs}})
	}
	write := func(n *tenants.Clinic) func() error {
		scope := job(n)
		return func() error {
			return tenants.Write(scope, db, func(_ context.Context, tx *tenants.Tx) error {
				return tx.Send("update settings set display_notice = md5(display_notice)")
			})
		}
	}
	if _, err := audit.SealAll(job(clinics[0]), db); err != nil { // what earlier runs left
		return nil, err
	}
	ours, base, err := versus(rounds, each, write(clinics[0]), write(clinics[1]))
	if err != nil {
		return nil, err
	}
	rows := []Row{{What: "one write and its trail, loopback", Unit: "µs", Ours: ours, Base: base, BaseIs: "no chain", Goal: "<= 1.05"}}
	begun := time.Now()
	n, err := audit.SealAll(job(clinics[0]), db)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("rows were written and none was sealed")
	}
	rows = append(rows, Row{What: "sealing a row, apart from writes", Unit: "µs", Ours: micros(time.Since(begun)) / float64(n)})
	verified, err := in.verifying(ctx, clinics[0].Slug)
	return append(rows, verified), err
}

// verifying times the verification of a clinic, by the row.
func (in *installation) verifying(ctx context.Context, slug string) (Row, error) {
	row := Row{What: "verifying a row", Unit: "µs"}
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return row, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	begun := time.Now()
	all, err := audit.NewReader(c).Verify(ctx, slug, audit.Heads{})
	if err != nil {
		return row, err
	}
	if len(all[0].Findings) > 0 {
		return row, errors.New("the chain is not whole")
	}
	row.Ours = micros(time.Since(begun)) / float64(all[0].Sealed)
	return row, nil
}
