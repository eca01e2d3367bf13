package tenants

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Batch collects statements that go in one flush. Each is read in its turn when
// Flush is called.
type Batch struct {
	t     *txn
	items []*Item
}

// Item is one statement of a batch.
type Item struct {
	sql  string
	args []any
	read func(pgx.Rows) error
}

// Batch starts a batch.
func (t *txn) Batch() *Batch { return &Batch{t: t} }

// Queue adds a statement; without Scan, Each or Tag its result is thrown away.
func (b *Batch) Queue(sql string, args ...any) *Item {
	i := &Item{sql: sql, args: args, read: func(r pgx.Rows) error { r.Close(); return r.Err() }}
	b.items = append(b.items, i)
	return i
}

// Scan reads the first row into dest; without a row Flush gives pgx.ErrNoRows.
func (i *Item) Scan(dest ...any) {
	i.read = func(r pgx.Rows) error { return row{rows: r}.Scan(dest...) }
}

// Rows hands all rows to fn.
func (i *Item) Rows(fn func(r pgx.Rows) error) { i.read = fn }

// Each calls fn for each row.
func (i *Item) Each(fn func(r pgx.Rows) error) {
	i.read = func(r pgx.Rows) error {
		for r.Next() {
			if err := fn(r); err != nil {
				return err
			}
		}
		return r.Err()
	}
}

// Tag keeps the command tag.
func (i *Item) Tag(tag *pgconn.CommandTag) {
	i.read = func(r pgx.Rows) error {
		r.Close()
		*tag = r.CommandTag()
		return r.Err()
	}
}

// Flush sends all statements in one packet and reads them in order. The first
// error ends it; the results behind it are thrown away.
func (b *Batch) Flush(ctx context.Context) error {
	t := b.t
	items := b.items
	b.items = nil
	if len(items) == 0 {
		return nil
	}
	defer t.watch(ctx)()
	for _, i := range items { // what isn't known must be asked before, not between
		if _, err := t.known(i.sql, i.args); err != nil {
			return err
		}
	}
	for _, i := range items {
		if err := t.queue(i.sql, i.args, replyQuery); err != nil {
			return t.fail(err) // those before it are queued: their results have no reader
		}
	}
	if err := t.c.ask(); err != nil {
		return t.fail(err)
	}
	var first error
	for _, i := range items {
		r, err := t.result()
		if err != nil {
			return errors.Join(first, err)
		}
		if first == nil {
			first = i.read(r)
		}
		r.Close()
		if t.err != nil {
			return errors.Join(first, r.Err())
		}
	}
	return first
}

// known is describe for a statement that may be one without a name.
func (t *txn) known(sql string, args []any) (*text, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	if len(args) > 0 {
		if _, once := args[0].(pgx.QueryExecMode); once {
			return nil, nil
		}
	}
	return t.describe(sql)
}

// Querier is what sqlc's queries need of a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// lane is the transaction as one of several functions run by together sees it:
// a statement waits until each of the others has one too or has ended.
type lane struct {
	t       *txn
	fn      func(Querier) error
	next    func() (struct{}, bool)
	yield   func(struct{}) bool
	sql     string
	args    []any
	waiting bool
	over    bool
	err     error // why its statement could not be queued
	ret     error
}

var errStopped = errors.New("tenants: another function of the same flush failed")

// Query hands the statement over and goes on when its result is the next.
func (l *lane) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	if l.t.rows != nil {
		return nil, errBusy
	}
	l.sql, l.args, l.waiting = sql, args, true
	if !l.yield(struct{}{}) {
		return nil, errStopped
	}
	if l.err != nil {
		return nil, l.err
	}
	return l.t.result()
}

// QueryRow is Query for the first row.
func (l *lane) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := l.Query(ctx, sql, args...)
	return row{rows, err}
}

// Exec is Query for the effect.
func (l *lane) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	rows, err := l.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// step lets the function run to its next statement or its end.
func (l *lane) step() {
	if _, more := l.next(); !more {
		l.over = true
	}
}

// together runs functions that don't need each other's results so that their
// first statements go in one flush, their second in the next, and so on. They
// are coroutines: one runs at a time, and results are read in order.
func (t *txn) together(ctx context.Context, fns ...func(Querier) error) error {
	defer t.watch(ctx)()
	lanes := make([]*lane, len(fns))
	for i, fn := range fns {
		l := &lane{t: t, fn: fn}
		next, stop := iter.Pull(func(yield func(struct{}) bool) {
			l.yield = yield
			l.ret = l.fn(l)
		})
		defer stop()
		l.next = next
		lanes[i] = l
	}
	for _, l := range lanes {
		if l.step(); l.ret != nil {
			return l.ret
		}
	}
	for {
		round := waiting(lanes)
		if len(round) == 0 {
			return nil
		}
		if err := t.round(round); err != nil {
			return err
		}
	}
}

func waiting(lanes []*lane) []*lane {
	var out []*lane
	for _, l := range lanes {
		if l.waiting && !l.over {
			out = append(out, l)
		}
	}
	return out
}

// round sends one statement of each lane and lets each read its result. The
// first failure ends it; results behind it are thrown away.
func (t *txn) round(lanes []*lane) error {
	for _, l := range lanes {
		_, l.err = t.known(l.sql, l.args)
	}
	for _, l := range lanes {
		l.waiting = false
		if l.err == nil {
			l.err = t.queue(l.sql, l.args, replyQuery)
		}
	}
	if err := t.c.ask(); err != nil {
		return t.fail(err)
	}
	var first error
	for _, l := range lanes {
		switch {
		case first == nil:
			l.step()
			t.closeRows()
			first = l.ret
		case t.err == nil && l.err == nil:
			if r, err := t.result(); err == nil {
				r.Close()
			}
		}
	}
	return first
}
