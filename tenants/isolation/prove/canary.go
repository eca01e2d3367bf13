package prove

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Canaries are rows that nobody may see: two in each table of each clinic, one
// with keys that both clinics have and one with keys of its own. They are made
// from the catalogs: each column's candidates are tried against the table's own
// checks, on the server, and the first that all of them let through are taken.
// The triggers are off while they are planted, since they are no matter of the
// walls and some of them refuse what is not a living clinic's work.

// check is a table's CHECK constraint.
type check struct {
	expr    string
	columns []string
}

const sqlChecks = `select c.relname::text, pg_get_expr(k.conbin, k.conrelid), array(select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey) order by 1)
from pg_constraint k join pg_class c on c.oid = k.conrelid
where k.contype = 'c' and c.relnamespace = $1::regnamespace and cardinality(k.conkey) > 0`

// plant fills the clinic at i. A table that can't be filled is blind.
func (w *world) plant(ctx context.Context, i int) error {
	c := w.clinics[i]
	w.canary[c.schema] = map[string]map[string]string{}
	checks := map[string][]check{}
	rows, err := w.owner[i].Query(ctx, sqlChecks, c.schema)
	if err != nil {
		return err
	}
	var name string
	var k check
	if _, err := pgx.ForEachRow(rows, []any{&name, &k.expr, &k.columns}, func() error {
		checks[name] = append(checks[name], k)
		return nil
	}); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, w.owner[i], func(tx pgx.Tx) error {
		for _, t := range w.ordered() {
			switch err := w.plantTable(ctx, tx, c, t, checks[t.name]); {
			case isSQL(err):
				w.blind[t.name] = err.Error()
			case err != nil:
				return err
			}
		}
		return nil
	})
}

func isSQL(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe)
}

// ordered puts tables after those that their foreign keys name.
func (w *world) ordered() []*table {
	var out []*table
	done := map[string]bool{}
	var visit func(t *table)
	visit = func(t *table) {
		if t == nil || done[t.name] {
			return
		}
		done[t.name] = true
		for _, p := range t.parents {
			visit(w.table(p))
		}
		out = append(out, t)
	}
	for _, t := range w.tables {
		visit(t)
	}
	return out
}

func (w *world) plantTable(ctx context.Context, tx pgx.Tx, c *clinic, t *table, checks []check) error {
	return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "alter table "+t.in(c.schema)+" disable trigger user"); err != nil {
			return err
		}
		planted := 0
		var last error
		for _, id := range []uuid.UUID{c.only, sharedID} {
			values, err := solve(ctx, tx, c, t, checks, id)
			if err == nil {
				err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, insertInto(t.in(c.schema), values))
					return err
				})
			}
			if err != nil { // a table of one row takes one
				last = err
				continue
			}
			planted++
			if w.canary[c.schema][t.name] == nil {
				w.canary[c.schema][t.name] = values
			}
		}
		if planted == 0 {
			if err := remark(ctx, tx, c, t, last); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "alter table "+t.in(c.schema)+" enable trigger user")
		return err
	})
}

func insertInto(table string, values map[string]string) string {
	var cols, vals []string
	for col := range values {
		cols = append(cols, col)
	}
	slices.Sort(cols)
	for i, col := range cols {
		vals = append(vals, values[col])
		cols[i] = ident(col)
	}
	return "insert into " + table + " (" + strings.Join(cols, ", ") + ") values (" + strings.Join(vals, ", ") + ")"
}

// solve gives each column of a new row a literal that the checks let through.
func solve(ctx context.Context, tx pgx.Tx, c *clinic, t *table, checks []check, id uuid.UUID) (map[string]string, error) {
	choices := map[string][]string{}
	for _, col := range t.columns {
		if col.generated || col.name == "clinic_id" {
			continue
		}
		choices[col.name] = candidates(c, col, checks, id)
		if slices.Contains(t.own, col.name) && !col.notNull {
			choices[col.name] = []string{"null::uuid"}
		}
	}
	values := map[string]string{}
	for _, group := range groups(choices, checks) {
		if len(group.checks) == 0 {
			values[group.columns[0]] = choices[group.columns[0]][0]
			continue
		}
		found, err := search(ctx, tx, group, choices)
		if err != nil {
			return nil, err
		}
		for i, col := range group.columns {
			values[col] = found[i]
		}
	}
	return values, nil
}

// group is columns that checks tie together.
type group struct {
	columns []string
	checks  []check
}

// groups are the columns' components under the checks; a check over a column
// that has no candidates (a generated one, the clinic's) is left to the server.
func groups(choices map[string][]string, checks []check) []group {
	var out []group
	var names []string
	for col := range choices {
		names = append(names, col)
	}
	slices.Sort(names)
	for _, col := range names {
		out = append(out, group{columns: []string{col}})
	}
	at := func(col string) int {
		return slices.IndexFunc(out, func(g group) bool { return slices.Contains(g.columns, col) })
	}
	for _, k := range checks {
		if slices.ContainsFunc(k.columns, func(col string) bool { return choices[col] == nil }) {
			continue
		}
		first := at(k.columns[0])
		for _, col := range k.columns[1:] {
			if j := at(col); j != first {
				out[first].columns = append(out[first].columns, out[j].columns...)
				out[first].checks = append(out[first].checks, out[j].checks...)
				out = slices.Delete(out, j, j+1)
				first = at(k.columns[0])
			}
		}
		out[first].checks = append(out[first].checks, k)
	}
	return out
}

// remark puts the mark into the one row that a table may have and has already,
// wherever the row's checks let it.
func remark(ctx context.Context, tx pgx.Tx, c *clinic, t *table, why error) error {
	var there bool
	if err := tx.QueryRow(ctx, "select exists (select from "+t.in(c.schema)+")").Scan(&there); err != nil {
		return err
	}
	if !there {
		return why
	}
	for _, col := range t.columns {
		if col.typ != "text" || col.generated {
			continue
		}
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "update "+t.in(c.schema)+" set "+ident(col.name)+" = $1", c.mark)
			return err
		})
		if err != nil && !isSQL(err) {
			return err
		}
	}
	return nil
}

// most bounds the combinations that one question may try.
const most = 60_000

// fit keeps the candidates that pass the checks on their column alone.
func fit(ctx context.Context, tx pgx.Tx, col string, checks []check, set []string) ([]string, error) {
	var where []string
	for _, k := range checks {
		if len(k.columns) == 1 && k.columns[0] == col {
			where = append(where, "("+k.expr+") is not false")
		}
	}
	if len(where) == 0 {
		return set, nil
	}
	sql := fmt.Sprintf("select n from (values %s) as v(%s, n) where %s order by n", listed(set), ident(col), strings.Join(where, " and "))
	var at []int
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql)
		if err == nil {
			at, err = pgx.CollectRows(rows, pgx.RowTo[int])
		}
		return err
	})
	var out []string
	for _, n := range at {
		out = append(out, set[n])
	}
	return out, err
}

// listed spells candidates with their places as rows of VALUES.
func listed(set []string) string {
	var vals []string
	for j, lit := range set {
		vals = append(vals, fmt.Sprintf("(%s, %d)", lit, j))
	}
	return strings.Join(vals, ", ")
}

// search asks the server for the first combination of candidates that passes.
func search(ctx context.Context, tx pgx.Tx, g group, choices map[string][]string) ([]string, error) {
	sets := make([][]string, len(g.columns))
	size := 1
	for i, col := range g.columns {
		set, err := fit(ctx, tx, col, g.checks, choices[col])
		if err != nil {
			return nil, err
		}
		sets[i] = set
		size *= len(set)
	}
	for i, set := range sets {
		if size > most && len(set) > 2 { // the best and the emptiest
			sets[i] = []string{set[0], set[len(set)-1]}
		}
	}
	var from, order, pick, where []string
	for i, col := range g.columns {
		from = append(from, fmt.Sprintf("(values %s) as v%d(%s, n%d)", listed(sets[i]), i, ident(col), i))
		order = append(order, fmt.Sprintf("n%d", i))
		pick = append(pick, fmt.Sprintf("n%d", i))
	}
	for _, k := range g.checks {
		where = append(where, "("+k.expr+") is not false")
	}
	sql := fmt.Sprintf("select array[%s] from %s where %s order by %s limit 1", strings.Join(pick, ", "), strings.Join(from, " cross join "),
		strings.Join(where, " and "), strings.Join(order, " + "))
	var at []int
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sql).Scan(&at) })
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &pgconn.PgError{Code: "23514", Message: "no canary passes the checks on " + strings.Join(g.columns, ", ")}
	}
	out := make([]string, len(at))
	for i, n := range at {
		out[i] = sets[i][n]
	}
	return out, err
}

var number = regexp.MustCompile(`\b[0-9]+\b`)

var literal = regexp.MustCompile(`'((?:[^']|'')*)'::`)

// candidates are literals of the column's type, best first: those that carry
// the clinic's mark.
func candidates(c *clinic, col column, checks []check, id uuid.UUID) []string {
	var out []string
	cast := func(vals ...string) {
		for _, v := range vals {
			out = append(out, quote(v)+"::"+col.typ)
		}
	}
	mark := c.mark
	if id == sharedID {
		mark += "s"
	}
	switch {
	case col.typ == "uuid":
		other := c.only
		if id == c.only {
			other = sharedID
		}
		cast(id.String(), other.String())
	case col.typ == "text" || strings.HasPrefix(col.typ, "character"):
		cast(mark, mark+"@proof.invalid")
		out = append(out, spelled(col, checks)...)
		cast("+919800000000", "user:"+id.String(), "INR", "A", "2026", "09:00", "#aabbcc", "https://proof.invalid", "x", "")
	case col.typ == "bytea":
		for _, form := range []string{"%-32.32s", "%-48.48s"} { // a hash, and an id with a hash
			out = append(out, "'\\x"+hex.EncodeToString([]byte(fmt.Sprintf(form, mark)))+"'::bytea")
		}
	case col.typ == "jsonb" || col.typ == "json":
		cast(`{"canary": "`+mark+`"}`, "{}", "[]")
	case strings.HasSuffix(col.typ, "[]"):
		switch strings.TrimSuffix(col.typ, "[]") {
		case "text":
			cast("{" + mark + "}")
		case "uuid":
			cast("{" + id.String() + "}")
		}
		cast("{}", "{1}")
	case col.typ == "boolean":
		cast("false", "true")
	case col.typ == "date" || strings.HasPrefix(col.typ, "timestamp"):
		cast("2026-01-02 09:00", "2026-01-02 09:15", "2026-01-03")
	case strings.HasPrefix(col.typ, "time"):
		cast("09:00", "10:00")
	case col.typ == "interval":
		cast("1 hour")
	case col.typ == "inet":
		cast("192.0.2.7")
	default: // numbers, xid8 and their like
		cast("1", "100")
		for _, k := range checks {
			if slices.Contains(k.columns, col.name) {
				cast(number.FindAllString(k.expr, -1)...)
			}
		}
		cast("0")
	}
	if !col.notNull {
		out = append(out, "null::"+col.typ)
	}
	if col.preset != "" {
		out = append(out, "("+col.preset+")::"+col.typ)
	}
	return out
}

// spelled are the texts that a column's checks name.
func spelled(col column, checks []check) []string {
	var out []string
	for _, k := range checks {
		if slices.Contains(k.columns, col.name) {
			for _, m := range literal.FindAllStringSubmatch(k.expr, -1) {
				out = append(out, "'"+m[1]+"'::"+col.typ)
			}
		}
	}
	return out
}
