package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sirupsen/logrus"
)

// Tx is a transaction in a clinic. It has sqlc's three methods, and belongs to
// the goroutine that runs the function it was given to.
type Tx struct {
	*txn
	Clinic *Clinic
	Actor  Actor
	Now    time.Time

	entered Digest
}

// PlatformTx is an operator's transaction in the registry.
type PlatformTx struct {
	*txn
	Actor Actor
	Now   time.Time
}

// Q gives the clinic's queries.
func (tx *Tx) Q() *tenantdb.Queries { return tenantdb.New(tx) }

// Q gives the registry's queries.
func (tx *PlatformTx) Q() *platformdb.Queries { return platformdb.New(tx) }

// Together runs functions that don't need each other's results so that their
// statements share round trips: the first of each goes in one flush, then the
// second of each. One function runs at a time, and the first error ends all.
func (tx *Tx) Together(ctx context.Context, fns ...func(q *tenantdb.Queries) error) error {
	wrapped := make([]func(Querier) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(l Querier) error { return fn(tenantdb.New(l)) }
	}
	return tx.together(ctx, wrapped...)
}

// Read runs fn in a transaction of the context's scope that changes nothing but
// the trail: INSERT, UPDATE and DELETE are refused. Its COMMIT is sent and not
// waited for, unless a view was recorded. Like Write it may run fn twice: as a
// whole, when the first run hit a serialisation failure, a deadlock, a plan
// that a migration made stale or a connection that was lost.
func Read(ctx context.Context, db *DB, fn func(ctx context.Context, tx *Tx) error) error {
	return db.clinicTx(ctx, false, fn)
}

// Write is Read for transactions that change something; it returns when the
// change is durable.
func Write(ctx context.Context, db *DB, fn func(ctx context.Context, tx *Tx) error) error {
	return db.clinicTx(ctx, true, fn)
}

func (db *DB) clinicTx(ctx context.Context, write bool, fn func(ctx context.Context, tx *Tx) error) error {
	s, ok := ScopeFrom(ctx)
	if !ok {
		return closed("the context has no scope")
	}
	if j, ok := ctx.Value(joinedKey{}).(*joined); ok {
		return j.run(ctx, db, s, write, fn)
	}
	e, err := db.enter(s)
	if err != nil {
		return err
	}
	return db.run(ctx, &e, write, func(t *txn) error {
		return fn(ctx, &Tx{txn: t, Clinic: s.Clinic, Actor: s.Actor, Now: db.conf.Now(), entered: s.Entered})
	})
}

// PlatformRead is Read for an operator, over the registry.
func PlatformRead(ctx context.Context, db *DB, fn func(ctx context.Context, tx *PlatformTx) error) error {
	return db.platformTx(ctx, false, fn)
}

// PlatformWrite is Write for an operator, over the registry.
func PlatformWrite(ctx context.Context, db *DB, fn func(ctx context.Context, tx *PlatformTx) error) error {
	return db.platformTx(ctx, true, fn)
}

func (db *DB) platformTx(ctx context.Context, write bool, fn func(ctx context.Context, tx *PlatformTx) error) error {
	s, ok := ScopeFrom(ctx)
	if !ok {
		return closed("the context has no scope")
	}
	e, err := db.enterPlatform(s)
	if err != nil {
		return err
	}
	return db.run(ctx, &e, write, func(t *txn) error {
		return fn(ctx, &PlatformTx{txn: t, Actor: s.Actor, Now: db.conf.Now()})
	})
}

// run gives fn a transaction, and once more when the first failed in a way that
// a second try may mend.
func (db *DB) run(ctx context.Context, e *entry, write bool, fn func(*txn) error) error {
	var since time.Time // of no older connection is a second try
	for try := 1; ; try++ {
		why, err := db.once(ctx, e, write, since, fn)
		if err == nil {
			return nil
		}
		if why == "" || ctx.Err() != nil {
			return unwritable(err)
		}
		if try == 2 {
			return exhausted(err)
		}
		db.meter.retries.WithLabelValues(why).Inc()
		if why == lost { // where one connection was cut, those beside it were
			since = time.Now()
		}
	}
}

// unwritable turns the database's refusal of letters that no text has, a NUL or
// broken UTF-8, into one that may be shown: no form of ours sends them.
func unwritable(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "22021" {
		return apperr.Wrap(apperr.Invalid, "error.problem", "There is a problem", err)
	}
	return err
}

// exhausted gives the error of a transaction that failed twice by no fault of
// its own a code that says so.
func exhausted(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && !apperr.Is(err, apperr.Unavailable) {
		switch pe.Code {
		case "40001", "40P01":
			return apperr.Wrap(apperr.Conflict, "error.conflict", "Somebody else changed this at the same time; try again", err)
		}
		return err
	}
	return apperr.Wrap(apperr.Unavailable, "error.unavailable", "The service is busy; try again in a moment", err)
}

// once runs the transaction one time. why names the reason when it is worth
// another try.
func (db *DB) once(ctx context.Context, e *entry, write bool, since time.Time, fn func(*txn) error) (why string, err error) {
	s, err := db.pool.acquire(ctx, e.key)
	if err == nil && s.c.born.Before(since) {
		s, err = db.pool.renew(ctx, s)
	}
	if err != nil {
		return "", err
	}
	t := &txn{db: db, c: s.c, e: e, ctx: ctx, write: write}
	unwatch := s.c.watch(ctx)
	returned := false
	defer func() {
		if !returned {
			t.rollback() // fn panicked; the panic goes on
		}
		t.over = true
		unwatch()
		db.handBack(s, e)
	}()
	err = fn(t)
	if err != nil {
		t.rollback()
	} else {
		err = t.commit()
	}
	returned = true
	if err != nil {
		why = t.reason(err)
		err = t.cut(err)
	}
	return why, err
}

// cut says of a failure that came with the end of the connection that it is the
// service that can't answer now. An error that a person can read already, and
// one of a caller who left, stay as they are.
func (t *txn) cut(err error) error {
	var known *apperr.Error
	if t.c.alive() || t.ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	return apperr.Wrap(apperr.Unavailable, "error.unavailable", "The service is busy; try again in a moment", err)
}

// handBack returns a connection; one that isn't clean is told of and ends.
func (db *DB) handBack(s *slot, e *entry) {
	if c := s.c; c.bad != "" && c.dirty {
		db.meter.dirty.Inc()
		db.log.WithFields(logrus.Fields{"clinic": e.key, "role": e.role, "left": c.bad}).
			Error("A transaction left something on its connection; the connection is closed")
	}
	db.pool.release(s)
}

// txn is the machinery of one transaction.
//
// Nothing is sent before the first statement. Within the transaction only Flush
// is sent, never Sync: the server answers as soon, and writes its answers in one
// piece. The COMMIT of a plain read waits for the connection's next packet, a
// millisecond at most (see pool.idle): as a packet of its own it would wake the
// server once more, which costs it as much as a key lookup.
type txn struct {
	db      *DB
	c       *conn
	e       *entry
	ctx     context.Context
	rows    *rows // being read
	err     error // what made the transaction useless
	depth   int   // savepoints open
	write   bool
	begun   bool // BEGIN and the scope were sent
	wrote   bool // COMMIT is waited for
	odd     bool // the session may have been changed
	stalled bool // the server skips everything up to a sync
	ended   bool // COMMIT was sent
	over    bool
}

var (
	errBusy     = errors.New("tenants: the rows of the statement before are still open")
	errReadOnly = errors.New("tenants: a Read may not change rows")
	errStale    = errors.New("tenants: a statement's description has changed")
)

// usable says why the transaction takes no statement.
func (t *txn) usable() error {
	switch {
	case t.over:
		return pgx.ErrTxClosed
	case t.err != nil:
		return fmt.Errorf("tenants: the transaction has failed: %w", t.err)
	case t.rows != nil:
		return errBusy
	}
	return nil
}

// begin queues what goes before the first statement.
func (t *txn) begin() {
	if t.begun {
		return
	}
	t.begun = true
	t.c.prior = len(t.c.owed) - t.c.head
	t.c.session(stBegin)
	if !t.e.bare() {
		t.c.scope(t.e)
	}
}

// fail notes the first error that makes the transaction useless.
func (t *txn) fail(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		t.stalled = true
	}
	if cause := context.Cause(t.ctx); cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if t.err == nil {
		t.err = err
	}
	return err
}

// lost is the reason of a second try after a connection that broke.
const lost = "lost"

// reason tells whether another try may mend the failure, and of what.
func (t *txn) reason(err error) string {
	var pe *pgconn.PgError
	switch {
	case errors.Is(err, errDirty):
		return "dirty"
	case errors.Is(err, errStale):
		t.forget()
		return "0A000"
	case errors.As(err, &pe):
		switch pe.Code {
		case "0A000":
			t.forget()
			return pe.Code
		case "40001", "40P01":
			return pe.Code
		}
	}
	// A connection that broke before COMMIT was sent has changed nothing.
	if t.err != nil && errors.Is(err, t.err) && !t.c.alive() && !t.ended {
		return lost
	}
	return ""
}

// forget drops the clinic's statements and what was believed of their texts.
func (t *txn) forget() {
	for _, st := range t.c.forget(t.e.key) {
		t.db.texts.drop(st.key.text)
	}
}

// commit ends the transaction well. The result of a plain read is left for the
// connection's next use.
func (t *txn) commit() error {
	t.closeRows()
	if t.err != nil {
		t.rollback()
		return t.err
	}
	if !t.begun {
		return nil
	}
	c := t.c
	t.ended = true
	c.commit()
	check := t.odd || c.due()
	if !t.write && !t.wrote && !check {
		c.unsent = true
		return nil
	}
	c.sync()
	if check {
		c.residue()
	}
	if err := c.send(); err != nil {
		t.ended = !pgconn.SafeToRetry(err) // not a byte went out, so no COMMIT did
		return t.fail(err)
	}
	err := c.settleTo(replySync)
	if err != nil {
		err = t.fail(err)
	}
	t.clear()
	return err
}

// rollback ends the transaction without a trace.
func (t *txn) rollback() {
	t.closeRows()
	c := t.c
	if !t.begun || t.ended || !c.alive() {
		return
	}
	t.ended = true
	if t.stalled {
		c.sync()
	}
	c.session(stRollback)
	c.sync()
	if t.odd || c.due() {
		c.residue()
	}
	if c.send() == nil {
		t.clear()
	}
}

// clear reads what is owed and asserts that the connection is as it was.
func (t *txn) clear() {
	if err := t.c.settle(); err != nil {
		t.c.kill("end of transaction")
	}
	if !t.c.idle() {
		t.c.kill("transaction still open")
	}
}

func (t *txn) closeRows() {
	if t.rows != nil {
		t.rows.Close()
	}
}

// Savepoint runs fn so that its failure undoes only what fn did. It is how
// functions that take a transaction compose; transactions don't nest.
func (t *txn) Savepoint(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	if err := t.usable(); err != nil {
		return err
	}
	t.begin()
	t.depth++
	name := fmt.Sprintf("s%d", t.depth)
	t.c.literal("savepoint " + name) // goes with fn's first statement
	err = fn(ctx)
	t.depth--
	t.closeRows()
	if err == nil && t.err == nil {
		t.c.literal("release savepoint " + name)
		return nil
	}
	if err == nil {
		err = t.err
	}
	if !t.c.alive() || errors.Is(t.err, errDirty) {
		return err
	}
	if t.stalled {
		t.c.sync()
	}
	t.c.literal("rollback to savepoint " + name)
	t.c.literal("release savepoint " + name)
	t.stalled = false
	if e := t.c.ask(); e != nil {
		return t.fail(e)
	}
	if e := t.c.settle(); e != nil {
		return t.fail(e)
	}
	t.err = nil
	return err
}
