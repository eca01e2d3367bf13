package tenants

import (
	"context"
	"strings"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Query runs one statement and gives its rows, which must be closed or read to
// their end before the next.
func (t *txn) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	defer t.watch(ctx)()
	if err := t.queue(sql, args, replyQuery); err != nil {
		return nil, err
	}
	if err := t.c.ask(); err != nil {
		return nil, t.fail(err)
	}
	return t.result()
}

// QueryRow is Query for the first row; without one its Scan gives pgx.ErrNoRows.
func (t *txn) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := t.Query(ctx, sql, args...) // row.Scan closes them
	return row{rows, err}
}

// Exec runs one statement for its effect.
func (t *txn) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	rows, err := t.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// watch bounds one statement by a context of its own, when it has one.
func (t *txn) watch(ctx context.Context) func() {
	if ctx == t.ctx || ctx.Done() == t.ctx.Done() {
		return func() {}
	}
	return t.c.watch(ctx)
}

// queue puts a statement into the flush to come, with what must go before it.
func (t *txn) queue(sql string, args []any, kind reply) error {
	if err := t.usable(); err != nil {
		return err
	}
	if len(args) > 0 {
		if mode, ok := args[0].(pgx.QueryExecMode); ok {
			return t.queueOnce(sql, mode, args[1:], kind)
		}
	}
	x, err := t.describe(sql)
	if err != nil {
		return err
	}
	c := t.c
	if err := c.eqb.Build(c.types, &x.sd, args); err != nil {
		return err
	}
	t.begin()
	st := c.prepared(t.e, x)
	c.pl.SendQueryStatement(&st.sd, c.eqb.ParamValues, c.eqb.ParamFormats, x.formats)
	c.owe(kind, st)
	t.odd = t.odd || x.odd
	t.wrote = t.wrote || x.writes
	return nil
}

// queueOnce is queue for a text that will not come again, as pgx.QueryExecModeExec
// says: it gets no name, so that it pushes nothing out of the cache.
func (t *txn) queueOnce(sql string, mode pgx.QueryExecMode, args []any, kind reply) error {
	if mode != pgx.QueryExecModeExec {
		return closed("only pgx.QueryExecModeExec may be asked for")
	}
	if !isStatement(sql) {
		return closed("a text that neither reads nor changes rows was refused")
	}
	c := t.c
	if err := c.eqb.Build(c.types, nil, args); err != nil {
		return err
	}
	t.begin()
	c.pl.SendQueryParams(sql, c.eqb.ParamValues, nil, c.eqb.ParamFormats, nil)
	c.owe(kind, nil)
	t.odd, t.wrote = true, true
	return nil
}

// describe finds out the types of a text's parameters and results. Only the
// first use in the process asks the server; the statement it was asked with is
// kept.
func (t *txn) describe(sql string) (*text, error) {
	if x := t.db.texts.get(sql); x != nil {
		return x, nil
	}
	if !isStatement(sql) {
		return nil, closed("a text that neither reads nor changes rows was refused")
	}
	t.begin()
	c := t.c
	st := c.newStmt(stmtKey{clinic: t.e.key, role: t.e.role})
	c.pl.SendPrepare(st.name, sql, nil)
	c.owe(replyParse, st)
	if err := c.ask(); err != nil {
		return nil, t.fail(err)
	}
	if err := c.settle(); err != nil {
		return nil, t.fail(err)
	}
	x := t.db.texts.put(newText(c.types, sql, &st.sd))
	st.key.text = x
	st.sd.Name = st.name
	c.keep(st)
	if !x.agrees(&st.sd) {
		return nil, t.fail(errStale)
	}
	return x, nil
}

// result reads up to the next statement's result.
func (t *txn) result() (pgx.Rows, error) {
	for {
		o, r, err := t.c.next()
		if err != nil {
			return nil, t.fail(err)
		}
		if o.kind == replyQuery {
			t.rows = &rows{Rows: pgx.RowsFromResultReader(t.c.types, r), t: t, r: r}
			return t.rows, nil
		}
	}
}

// enqueue runs a statement whose result nobody waits for, with the next one or
// with COMMIT, which is then waited for.
func (t *txn) enqueue(sql string, args ...any) error {
	t.wrote = true
	return t.queue(sql, args, replyCommand)
}

// rows tells the transaction when they are done and what came of them.
type rows struct {
	pgx.Rows
	t    *txn
	r    *pgconn.ResultReader
	err  error
	done bool
}

// Next is pgx.Rows' Next.
func (r *rows) Next() bool {
	if !r.done && r.Rows.Next() {
		return true
	}
	r.finish()
	return false
}

// Scan is pgx.Rows' Scan; a failure closes the rows.
func (r *rows) Scan(dest ...any) error {
	err := r.Rows.Scan(dest...)
	if err != nil {
		r.finish()
	}
	return err
}

// Close is pgx.Rows' Close.
func (r *rows) Close() { r.finish() }

// Err is pgx.Rows' Err.
func (r *rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

func (r *rows) finish() {
	if r.done {
		return
	}
	r.done = true
	r.Rows.Close()
	t := r.t
	t.rows = nil
	tag, err := r.r.Close()
	if err != nil {
		r.err = t.fail(t.c.failed(err))
		return
	}
	name := tag.String()
	if !ordinary(name) {
		t.odd = true
	}
	if !t.write && !strings.HasPrefix(name, "SELECT") && ordinary(name) && name != "" {
		r.err = t.fail(errReadOnly)
	}
}

// row is the first of some rows.
type row struct {
	rows pgx.Rows
	err  error
}

// Scan reads the row.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// RecordView puts on the trail that the actor saw a record. It goes in the same
// round trip as the statement after it, or as COMMIT, which is then waited for:
// what can't be recorded isn't shown.
func (tx *Tx) RecordView(ctx context.Context, entity string, id, patient uuid.UUID) error {
	return tx.Later().RecordView(ctx, tenantdb.RecordViewParams{Entity: entity, RecordID: id, PatientID: patient})
}

// Notify tells everyone who listens to the clinic that something of a topic has
// changed, when the transaction commits. Ids only: payloads are no secret.
func (tx *Tx) Notify(_ context.Context, topic string, id uuid.UUID) error {
	return tx.enqueue(`select platform.tell($1, $2)`, topic, id)
}

// Later gives the clinic's queries in a form that waits for nothing: an Exec is
// sent with the next statement or with COMMIT, so a transaction that ends in a
// write needs no round trip for it. Its failure fails what it was sent with, and
// with it the transaction. Queries that give rows wait as ever.
func (tx *Tx) Later() *tenantdb.Queries { return tenantdb.New(later{tx.txn}) }

// Send is Later for one statement that has no query.
func (t *txn) Send(sql string, args ...any) error { return t.enqueue(sql, args...) }

// later is the transaction for a query of sqlc's whose result nobody waits for.
type later struct{ *txn }

// Exec queues the statement.
func (l later) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, l.enqueue(sql, args...)
}
