package migrate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/database"
)

// watch looks at the locks and the catalogs after each statement of a migration:
// what a statement did is there to be read, so no SQL has to be understood.
type watch struct {
	step   *Step  // nil: nobody is watched
	schema string // of a clinic; empty for the shared schema and all
	quiet  bool   // goose's own statements
	err    error  // of looking

	first map[uint32]relation // before the first migration of all; nobody waits for what is made since
	base  catalog             // before the migration, without what is made since
	last  catalog             // before the statement
	held  map[uint32]lockset  // on the tables there were before
}

// lockset is the modes of the locks that are held on a table, a bit each.
type lockset uint16

func bit(mode string) lockset { return 1 << max(strength(mode), 0) }

// strongest is empty for none.
func (l lockset) strongest() string {
	for _, mode := range slices.Backward(modes) {
		if l&bit(mode) != 0 {
			return mode
		}
	}
	return ""
}

// muted is a store whose statements are not a migration's.
func (w *watch) muted(s database.Store) database.Store { return mute{s, w} }

func (w *watch) quietly(fn func() error) error {
	was := w.quiet
	w.quiet = true
	defer func() { w.quiet = was }()
	return fn()
}

func (w *watch) begin(s *Step, schema string) {
	*w = watch{step: s, schema: schema, first: w.first}
}

// end makes the step's locks of what was held.
func (w *watch) end() {
	s := w.step
	w.step = nil
	for id, l := range w.held {
		mode := l.strongest()
		if r, ok := w.base.relations[id]; ok && r.isTable() && (strength(mode) > 0 || r.schema == w.schema) {
			s.Locks = append(s.Locks, Lock{Table: r.name(w.schema), Mode: mode})
		}
	}
}

// TraceQueryStart sees the catalogs before the first statement.
func (w *watch) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if w.ignores(d.SQL) {
		return context.WithValue(ctx, statementKey{}, nil)
	}
	if w.base.relations == nil && w.err == nil {
		w.held = map[uint32]lockset{}
		w.last, w.err = w.look(ctx, conn)
		w.base = w.last
		w.base.relations = maps.Clone(w.last.relations)
		if w.first == nil {
			w.first = w.base.relations
		}
		maps.DeleteFunc(w.base.relations, func(id uint32, _ relation) bool { _, there := w.first[id]; return !there })
	}
	return context.WithValue(ctx, statementKey{}, d.SQL)
}

type statementKey struct{}

// TraceQueryEnd sees what a statement did.
func (w *watch) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryEndData) {
	statement, ok := ctx.Value(statementKey{}).(string)
	if !ok || w.step == nil || w.step.Fault != nil || w.err != nil {
		return
	}
	if d.Err != nil {
		w.step.Fault = &Fault{Statement: begins(statement)}
		w.step.Fault.explain(d.Err)
		return
	}
	before := maps.Clone(w.held)
	now, err := w.look(ctx, conn)
	if err != nil {
		w.err = err
		return
	}
	c := change{base: w.base, was: w.last, now: now, before: before, held: w.held, schema: w.schema, statement: statement,
		alone: conn.PgConn().TxStatus() == 'I'}
	w.step.Warnings = append(w.step.Warnings, c.warnings()...)
	w.last = now
}

// ignores tells the statements that no migration wrote.
func (w *watch) ignores(sql string) bool {
	return w.step == nil || w.quiet || slices.Contains([]string{"begin", "commit", "rollback"}, sql)
}

// begins is a statement's beginning, on one line and without comments before it.
func begins(sql string) string {
	var lines []string
	for line := range strings.Lines(sql) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	const most = 120
	if r := []rune(strings.Join(lines, " ")); len(r) > most {
		return string(r[:most]) + " …"
	}
	return strings.Join(lines, " ")
}

// explain notes what Postgres says. The schema is empty, so no row can be quoted.
func (f *Fault) explain(err error) {
	var pe *pgconn.PgError
	if f.Reason = err.Error(); errors.As(err, &pe) {
		f.Reason, f.State = pe.Message, pe.Code
		if pe.Detail != "" {
			f.Reason += ". " + pe.Detail
		}
		if pe.Hint != "" {
			f.Reason += ". " + pe.Hint
		}
	}
}

const heldLocks = "select relation, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and granted and relation >= 16384"

// catalog is what is compared.
type catalog struct {
	relations   map[uint32]relation
	columns     map[uint32]map[int16]column // by table
	constraints map[uint32]constraint
}

type relation struct {
	schema, table, kind string
	file                uint32 // changes when the table is rewritten
	of                  uint32 // an index's table
	valid               bool   // of an index
}

func (r relation) isTable() bool { return r.kind == "r" || r.kind == "p" || r.kind == "m" }

// name is the table's, with its schema unless that is the clinic's own.
func (r relation) name(clinic string) string {
	if r.schema == clinic {
		return r.table
	}
	return r.schema + "." + r.table
}

type column struct {
	name, kind string // its type
	required   bool   // NOT NULL
	filled     bool   // it has a default or is generated
}

type constraint struct {
	table, other uint32 // other: of a foreign key
	name, kind   string
	valid        bool
	proves       int16 // the column of a check that it is not null
}

const (
	lookRelations = `select c.oid, n.nspname, c.relname, c.relkind::text, c.relfilenode, coalesce(i.indrelid, 0), coalesce(i.indisvalid, true)
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I') and n.nspname !~ '^pg_' and ($1 = '' or n.nspname = $1 or not n.nspname ^@ 'clinic_plan_')`
	lookColumns = `select a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef or a.attidentity <> '' or a.attgenerated <> ''
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and ($1 = '' or n.nspname = $1)`
	lookConstraints = `select k.oid, k.conrelid, k.confrelid, k.conname, k.contype::text, k.convalidated,
  case when k.contype = 'c' and cardinality(k.conkey) = 1 and pg_get_constraintdef(k.oid) ~ '^CHECK \(\(\S+ IS NOT NULL\)\)$' then k.conkey[1] else 0 end
from pg_constraint k join pg_namespace n on n.oid = k.connamespace
where k.conrelid >= 16384 and n.nspname !~ '^pg_' and ($1 = '' or n.nspname = $1)`
)

// look reads the catalogs as the transaction sees them, and adds the locks that it
// holds, in one round trip.
func (w *watch) look(ctx context.Context, conn *pgx.Conn) (catalog, error) {
	c := catalog{map[uint32]relation{}, map[uint32]map[int16]column{}, map[uint32]constraint{}}
	b := &pgx.Batch{}
	var id uint32
	var mode string
	b.Queue(heldLocks).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &mode}, func() error { w.held[id] |= bit(modeOf(mode)); return nil })
		return err
	})
	b.Queue(lookRelations, w.schema).Query(func(rows pgx.Rows) error {
		var r relation
		_, err := pgx.ForEachRow(rows, []any{&id, &r.schema, &r.table, &r.kind, &r.file, &r.of, &r.valid}, func() error { c.relations[id] = r; return nil })
		return err
	})
	b.Queue(lookColumns, w.schema).Query(func(rows pgx.Rows) error {
		var n int16
		var col column
		_, err := pgx.ForEachRow(rows, []any{&id, &n, &col.name, &col.kind, &col.required, &col.filled}, func() error {
			if c.columns[id] == nil {
				c.columns[id] = map[int16]column{}
			}
			c.columns[id][n] = col
			return nil
		})
		return err
	})
	b.Queue(lookConstraints, w.schema).Query(func(rows pgx.Rows) error {
		var k constraint
		_, err := pgx.ForEachRow(rows, []any{&id, &k.table, &k.other, &k.name, &k.kind, &k.valid, &k.proves}, func() error { c.constraints[id] = k; return nil })
		return err
	})
	return c, conn.SendBatch(context.WithValue(ctx, statementKey{}, nil), b).Close()
}
