package audit

import (
	"context"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// SealAll seals what is on the trail of the scope's clinic, a thousand rows a
// transaction, and says how many rows it sealed. Rows of transactions that are
// no older than every running one wait for the next call. It is the worker's.
//
// Errors: Forbidden.
func SealAll(ctx context.Context, db *tenants.DB) (sealed int, err error) {
	return sealAll(ctx, db, (*tenantdb.Queries).SealTrail)
}

// SealRegistry does the same for the registry's own trail; any clinic's scope
// will do, since it needs some.
//
// Errors: Forbidden.
func SealRegistry(ctx context.Context, db *tenants.DB) (sealed int, err error) {
	return sealAll(ctx, db, (*tenantdb.Queries).SealRegistry)
}

func sealAll(ctx context.Context, db *tenants.DB, seal func(*tenantdb.Queries, context.Context) (int32, error)) (sealed int, err error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Actor.Kind != access.System || sc.Clinic == nil {
		return 0, apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	for {
		var n int32
		err := tenants.Write(ctx, db, func(ctx context.Context, tx *tenants.Tx) error {
			var err error
			n, err = seal(tx.Q(), ctx)
			return err
		})
		if err != nil || n == 0 {
			return sealed, tenants.Refused(err)
		}
		sealed += int(n)
	}
}
