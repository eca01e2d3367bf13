//go:build unix

package bench

import (
	"context"
	"fmt"

	"github.com/cloister-health/cloister/tenants"
)

// unsigned makes the wall believe app.clinic_id: the function's shape with
// nothing behind it.
const unsigned = `set role cloister_owner;
create or replace function platform.current_clinic() returns uuid language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$ begin return nullif(current_setting('app.clinic_id', true), '')::uuid; end $$`

// Signature compares the same key lookup in two databases that differ only in
// whether the wall asks for the signature.
func Signature(ctx context.Context, e *Env) ([]Row, error) {
	signed, err := e.World(ctx, 20)
	if err != nil {
		return nil, err
	}
	believed, err := e.World(ctx, 19)
	if err != nil {
		return nil, err
	}
	if err := inDatabase(ctx, believed.Admin, unsigned); err != nil {
		return nil, err
	}
	rounds, each := 15, 600
	if e.Quick {
		rounds, each = 3, 200
	}
	var sides [2]func() error
	for i, w := range []*World{signed, believed} {
		db, err := openOurs(ctx, w.App, tenants.PoolConfig{MaxConns: 4}, nil)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		c := w.Clinics[0]
		in, sql := scoped(ctx, c), fmt.Sprintf(sqlPatient, "")
		sides[i] = func() error {
			return tenants.Read(in, db, func(ctx context.Context, tx *tenants.Tx) error { return lookup(ctx, tx, sql, c, 3) })
		}
	}
	a, b, err := versus(rounds, each, sides[0], sides[1])
	return []Row{{What: "key lookup, loopback", Unit: "µs", Ours: a, Base: b, BaseIs: "unsigned", Goal: "<= 1.15"}}, err
}
