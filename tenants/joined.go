package tenants

import "context"

type joinedKey struct{}

// joined is a transaction that several Reads share.
type joined struct {
	db *DB
	t  *txn
	s  Scope
}

// Joined runs fn so that the Reads within it share one transaction, and with it
// one connection, one scope and one moment. A page that is put together by
// several services costs one transaction so, and not one a service.
//
// They are Reads of the context's own scope, one after another, and on the
// context that fn is given; a Write within it is refused, as it would wait for a
// second connection while it holds one. Like Read it may run fn twice.
func Joined(ctx context.Context, db *DB, fn func(ctx context.Context) error) error {
	s, ok := ScopeFrom(ctx)
	if !ok {
		return closed("the context has no scope")
	}
	e, err := db.enter(s)
	if err != nil {
		return err
	}
	return db.run(ctx, &e, false, func(t *txn) error {
		return fn(context.WithValue(ctx, joinedKey{}, &joined{db: db, t: t, s: s}))
	})
}

// run is a Read in the shared transaction.
func (j *joined) run(ctx context.Context, db *DB, s Scope, write bool, fn func(ctx context.Context, tx *Tx) error) error {
	switch {
	case write:
		return closed("a Write within joined Reads")
	case db != j.db || s.Clinic != j.s.Clinic || s.Actor != j.s.Actor:
		return closed("a Read of another scope within joined Reads")
	}
	return fn(ctx, &Tx{txn: j.t, Clinic: s.Clinic, Actor: s.Actor, Now: db.conf.Now()})
}
