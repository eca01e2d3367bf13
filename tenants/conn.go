package tenants

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

// The session statements, parsed once when a connection is made. Those with
// values take them as parameters: a literal would make a new text each time.
//
// The scope statement first looks whether the session shows what it must show
// between transactions, so that each transaction proves that the one before it
// left nothing of a scope, at no cost of a statement (see residue.go). AND is
// evaluated from left to right; the role comes last, since a staff role may not
// set anything.
const (
	sqlScope = `select current_setting('role') = 'none' and current_setting('search_path') in ('', '""')` +
		` and set_config('search_path', $2, true) is not null and set_config('app.clinic_id', $3, true) is not null` +
		` and set_config('app.actor', $4, true) is not null and set_config('app.sig', $5, true) is not null` +
		` and set_config('app.request', $6, true) is not null and set_config('role', $1, true) is not null`

	sqlResidue = `select current_setting('role'), current_setting('search_path'),` +
		` coalesce(current_setting('app.clinic_id', true), '') || coalesce(current_setting('app.actor', true), '')` +
		` || coalesce(current_setting('app.sig', true), '') || coalesce(current_setting('app.request', true), ''),` +
		` (select coalesce(string_agg(name, ' '), '') from pg_catalog.pg_settings where source = 'session'` +
		`  and name not in ('role', 'search_path')),` +
		` (select count(*) from pg_catalog.pg_cursors where name <> ''),` +
		` pg_catalog.pg_my_temp_schema()::bigint,` +
		` (select count(*) from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid()),` +
		` (select count(*) filter (where from_sql) + 4 - count(*) filter (where name in ('begin', 'commit', 'rollback', 'scope') and not from_sql)` +
		`  from pg_catalog.pg_prepared_statements),` +
		` (select count(*) from pg_catalog.pg_listening_channels())`
)

// What the backend holds, and whether this login may ask; a server whose owner
// doesn't let us is bounded by the number of clinics and statements alone.
const (
	sqlMayAsk = `select has_function_privilege('pg_catalog.pg_get_backend_memory_contexts()', 'execute')`
	sqlMemory = `select sum(total_bytes)::bigint from pg_catalog.pg_get_backend_memory_contexts()`
)

// session statements by the names they are prepared under.
const (
	stBegin    = "begin"
	stCommit   = "commit"
	stRollback = "rollback"
	stScope    = "scope"
	stMayAsk   = "may_ask"
	stMemory   = "memory"
)

// reply is a kind of answer that the server owes us.
type reply uint8

const (
	replyCommand reply = iota // BEGIN and its like: only failure matters
	replyCommit               // its tag says whether it was one
	replyScope
	replyParse
	replyClose
	replyQuery
	replyResidue
	replyMayAsk
	replyMemory
	replySync
)

// owed is one answer to come, in the order of what was sent.
type owed struct {
	kind reply
	st   *stmt
}

// conn is one backend, always in pipeline mode, and what is known of its state.
// One goroutine uses it at a time; the pool sees to that.
type conn struct {
	pg      *pgconn.PgConn
	pl      *pgconn.Pipeline
	types   *pgtype.Map
	eqb     pgx.ExtendedQueryBuilder
	stmts   *stmts
	closing []*stmt // evicted, to be closed with the next flush
	owed    []owed
	head    int // first of owed not yet read
	serial  int
	born    time.Time
	checked time.Time
	uses    int
	memory  int64
	asksMem bool   // the server says how big the backend is
	prior   int    // answers owed to the transaction before
	unsent  bool   // the last COMMIT waits for the next packet
	bad     string // why it may not be used again; empty while it may
	dirty   bool   // bad because something was left on it
}

// errDirty says that a connection was not as it must be between transactions.
// What ran on it is thrown away as a whole and run again elsewhere.
var errDirty = errors.New("tenants: the connection held something of an earlier transaction")

func backendConfig(c Config) (*pgconn.Config, error) {
	pc, err := pgconn.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("tenants: connect string: %w", err)
	}
	if c.Dial != nil {
		pc.DialFunc = c.Dial
	}
	if pc.RuntimeParams == nil {
		pc.RuntimeParams = map[string]string{}
	}
	// As start-up parameters these are the session's defaults: a RESET returns
	// to them, and pg_settings doesn't call them changed.
	for k, v := range map[string]string{
		"application_name": "cloister",
		"search_path":      "",
		"plan_cache_mode":  "force_generic_plan",
		"jit":              "off",
		"timezone":         "UTC",

		"statement_timeout":                   strconv.FormatInt(c.Pool.StatementTimeout.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": "60000",
	} {
		pc.RuntimeParams[k] = v
	}
	return pc, nil
}

// typeMap is pgx's, with keys that go over the wire in their sixteen bytes: by
// default a uuid.UUID is written out as text and read back at both ends.
func typeMap() *pgtype.Map {
	m := pgtype.NewMap()
	pgxuuid.Register(m)
	return m
}

// dial makes a connection and parses the session statements in one flush.
func (db *DB) dial(ctx context.Context) (*conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, db.pg)
	if err != nil {
		return nil, err
	}
	c := &conn{
		pg: pg, types: typeMap(), stmts: newStmts(db.conf.Pool.Statements),
		born: time.Now(), checked: time.Now(),
	}
	// The pipeline outlives every caller's context: a transaction watches its
	// own (see watch), and the answer to its COMMIT is read by the next.
	c.pl = pg.StartPipeline(context.Background())
	text := pgtype.TextOID
	c.pl.SendPrepare(stBegin, "begin", nil)
	c.pl.SendPrepare(stCommit, "commit", nil)
	c.pl.SendPrepare(stRollback, "rollback", nil)
	c.pl.SendPrepare(stScope, sqlScope, []uint32{uint32(text), uint32(text), uint32(text), uint32(text), uint32(text), uint32(text)})
	c.pl.SendPrepare(stMayAsk, sqlMayAsk, nil)
	for range 5 {
		c.owe(replyCommand, nil)
	}
	c.pl.SendQueryPrepared(stMayAsk, nil, nil, nil)
	c.owe(replyMayAsk, nil)
	c.sync()
	stop := context.AfterFunc(ctx, func() { _ = pg.Conn().SetDeadline(time.Now()) })
	err = errors.Join(c.send(), c.settle())
	if err == nil && c.asksMem { // goes with the first transaction
		c.pl.SendPrepare(stMemory, sqlMemory, nil)
		c.owe(replyCommand, nil)
		c.sync()
	}
	if !stop() || err != nil {
		c.close()
		return nil, errors.Join(err, ctx.Err())
	}
	return c, nil
}

// asBinary is the result format of the session statements that give a boolean.
var asBinary = []int16{pgx.BinaryFormatCode}

func (c *conn) owe(k reply, st *stmt) { c.owed = append(c.owed, owed{k, st}) }

// kill marks the connection unusable; the pool closes it.
func (c *conn) kill(why string) {
	if c.bad == "" {
		c.bad = why
	}
}

// soil is kill for a connection on which something was left.
func (c *conn) soil(what string) {
	c.dirty = true
	c.kill(what)
}

// close ends the backend without waiting for it. Where a statement was cut off the
// driver has asked the server to cancel it and listens for the answer; a request
// that overtook its statement has none, and only a closed socket tells the server.
func (c *conn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	go func() {
		defer cancel()
		_ = c.pg.Close(ctx)
		select {
		case <-c.pg.CleanupDone():
		case <-ctx.Done():
			_ = c.pg.Conn().Close()
		}
	}()
}

// alive reports whether the connection can serve.
func (c *conn) alive() bool { return c.bad == "" && !c.pg.IsClosed() }

// session sends one of the session statements that have no parameters.
func (c *conn) session(name string) {
	c.pl.SendQueryPrepared(name, nil, nil, nil)
	c.owe(replyCommand, nil)
}

func (c *conn) commit() {
	c.pl.SendQueryPrepared(stCommit, nil, nil, nil)
	c.owe(replyCommit, nil)
}

func (c *conn) scope(e *entry) {
	c.pl.SendQueryPrepared(stScope, e.params[:], nil, asBinary)
	c.owe(replyScope, nil)
}

// sync ends a stretch: the server commits or rolls back what is implicit, and
// takes up work again after an error.
func (c *conn) sync() {
	c.pl.SendPipelineSync()
	c.owe(replySync, nil)
}

// send writes everything queued in one packet.
func (c *conn) send() error {
	c.unsent = false
	if err := c.pl.Flush(); err != nil {
		c.kill("write")
		return err
	}
	return nil
}

// ask writes everything queued and asks the server to answer now.
func (c *conn) ask() error {
	c.pl.SendFlushRequest()
	return c.send()
}

// next reads one answer. For replyQuery with a nil error the reader is the
// caller's to close; every other answer is dealt with here.
func (c *conn) next() (owed, *pgconn.ResultReader, error) {
	if c.head == len(c.owed) {
		c.kill("protocol")
		return owed{}, nil, errors.New("tenants: no answer is owed")
	}
	o := c.owed[c.head]
	late := c.prior > 0
	res, err := c.pl.GetResults()
	if err != nil {
		if late && !gone(err) {
			c.soil("late failure")
			return o, nil, errDirty
		}
		return o, nil, c.failed(err)
	}
	c.pop()
	switch r := res.(type) {
	case *pgconn.ResultReader:
		switch o.kind {
		case replyQuery:
			return o, r, nil
		case replyScope:
			return o, nil, c.readScope(r)
		case replyResidue:
			return o, nil, c.readResidue(r)
		case replyMayAsk, replyMemory:
			return o, nil, c.readMemory(o.kind, r)
		}
		tag, err := r.Close()
		if err != nil {
			return o, nil, c.failed(err)
		}
		if o.kind == replyCommit && tag.String() != "COMMIT" {
			c.soil("transaction that failed")
			return o, nil, errDirty
		}
	case *pgconn.StatementDescription:
		if o.kind == replyParse {
			return o, nil, c.parsed(o.st, r)
		}
	case *pgconn.PipelineSync:
		if late && c.pg.TxStatus() != 'I' {
			c.soil("transaction still open")
			return o, nil, errDirty
		}
	case *pgconn.CloseComplete:
	default:
		c.kill("protocol")
		return o, nil, fmt.Errorf("tenants: the server owes an answer and has none (%d)", o.kind)
	}
	return o, nil, nil
}

// gone tells the end of a connection from an answer of the server's.
func gone(err error) bool {
	var pe *pgconn.PgError
	return !errors.As(err, &pe) || pe.Severity == "FATAL" || pe.Severity == "PANIC"
}

func (c *conn) pop() {
	c.head++
	if c.prior > 0 {
		c.prior--
	}
	if c.head == len(c.owed) {
		c.owed, c.head = c.owed[:0], 0
	}
}

// literal sends a constant statement without parameters that isn't worth a name.
func (c *conn) literal(sql string) {
	c.pl.SendQueryParams(sql, nil, nil, nil, nil)
	c.owe(replyCommand, nil)
}

// prepared gives the statement under which a text serves a clinic and role; one
// that is missing is parsed in the flush of its use, and those evicted for it
// are closed there. The scope is set by then, so the text finds its tables.
func (c *conn) prepared(e *entry, x *text) *stmt {
	k := stmtKey{e.key, e.role, x}
	if st := c.stmts.get(k); st != nil {
		return st
	}
	st := c.newStmt(k)
	c.keep(st)
	c.pl.SendPrepare(st.name, x.sql, x.sd.ParamOIDs)
	c.owe(replyParse, st)
	return st
}

func (c *conn) newStmt(k stmtKey) *stmt {
	c.serial++
	st := &stmt{key: k, name: k.clinic.String()[28:] + "." + strconv.Itoa(c.serial)}
	if k.text != nil {
		st.sd = k.text.sd
		st.sd.Name = st.name
	}
	return st
}

// keep puts a statement into the cache and queues the closing of those evicted.
func (c *conn) keep(st *stmt) {
	if old := c.stmts.add(st); old != nil {
		c.closing = append(c.closing, old)
	}
	for _, old := range c.closing {
		c.pl.SendDeallocate(old.name)
		c.owe(replyClose, old)
	}
	c.closing = c.closing[:0]
}

// parsed compares what the server says of a statement with what we believed.
func (c *conn) parsed(st *stmt, sd *pgconn.StatementDescription) error {
	if st.key.text == nil { // a text seen for the first time: see txn.describe
		st.sd = *sd
		return nil
	}
	if !st.key.text.agrees(sd) {
		return errStale
	}
	return nil
}

// forget has a clinic's statements closed: a migration has made them stale.
func (c *conn) forget(clinic uuid.UUID) []*stmt {
	gone := c.stmts.ofClinic(clinic)
	for _, st := range gone {
		c.stmts.remove(st)
		c.closing = append(c.closing, st)
	}
	return gone
}

// failed takes note of an error in the pipeline. After a server's error the
// rest up to the next sync is skipped: what was to be parsed isn't, and what
// was to be closed is still open.
func (c *conn) failed(err error) error {
	if gone(err) {
		c.kill("read")
		return err
	}
	for c.head < len(c.owed) {
		o := c.owed[c.head]
		if o.kind == replySync {
			break
		}
		switch o.kind {
		case replyParse:
			c.stmts.remove(o.st)
		case replyClose:
			c.closing = append(c.closing, o.st)
		}
		c.pop()
	}
	return err
}

// settle reads every answer owed and gives the first error.
func (c *conn) settle() error {
	var first error
	for c.head < len(c.owed) && c.bad == "" {
		if err := c.settleTo(replySync); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// settleTo reads the answers owed up to one of a kind, and gives the first
// error.
func (c *conn) settleTo(kind reply) error {
	var first error
	for c.head < len(c.owed) {
		o, r, err := c.next()
		if r != nil {
			if _, e := r.Close(); e != nil {
				err = c.failed(e)
			}
		}
		if err != nil && first == nil {
			first = err
		}
		if c.bad != "" || (err == nil && o.kind == kind) {
			break
		}
	}
	return first
}

// idle asserts that no transaction is open and no answer is owed.
func (c *conn) idle() bool { return c.head == len(c.owed) && c.pg.TxStatus() == 'I' }

// ping is one empty round trip outside any transaction.
func (c *conn) ping(ctx context.Context) error {
	defer c.watch(ctx)()
	c.sync()
	if err := c.send(); err != nil {
		return err
	}
	return c.settle()
}

// watch bounds the connection by a context: when it ends, what is under way
// gets the grace to finish and is then cancelled on the server, the connection
// with it (the driver sends the cancel request when a deadline passes, and a
// late one could hit a later statement, so such a connection is never kept).
func (c *conn) watch(ctx context.Context) (unwatch func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.pg.Conn().SetDeadline(time.Now().Add(grace))
		close(done)
	})
	return func() {
		if !stop() {
			<-done
			_ = c.pg.Conn().SetDeadline(time.Time{})
		}
	}
}

// grace is what a statement under way may still take after its caller has
// gone: less than a new connection with its caches costs.
const grace = 100 * time.Millisecond
