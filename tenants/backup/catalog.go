package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Some of what stands in a clinic's schema is not content, or is worth
// something only where it stands. Each is told here, and a test compares this
// with the columns that docs/classification.md calls secret.
var (
	// withheldTables are in no archive: a session is somebody's way in, and must
	// not come back with a copy of the clinic, or after it was ended; the
	// vocabulary of names is made of the names.
	withheldTables = []string{"sessions", "name_words"}

	// opened are encrypted under the clinic's keyset and for their row; the
	// archive, which is locked itself, holds them open, and they are encrypted
	// anew for where they come to. Tables of theirs have the key id.
	opened = []string{"patients.id_cipher", "patients.photo_cipher"}

	// made are columns that the loading writes: the hash of a link's secret stays
	// behind, since a link must open the clinic that it was given for and no
	// other, and a blind index is of the keyset.
	made = map[string]func(loadedRow) ([]byte, error){
		"shares.token_hash":         func(loadedRow) ([]byte, error) { return unguessable(), nil },
		"share_events.opening_hash": func(r loadedRow) ([]byte, error) { return unguessableIf(r.text("kind") == "opened"), nil },
		"patients.id_blind":         func(r loadedRow) ([]byte, error) { return r.blind("patients.id_cipher", "id_cipher", "id_kind") },
	}
)

// shape is a clinic's schema as it is.
type shape struct {
	version int64
	tables  []Table // in the order in which they can be loaded
	all     []string
	self    map[string]string // by table, the column that points at another row of it
}

// tablesOf reads what stands in a schema from the dependencies: no catalog has
// an index on its namespace, and with thousands of clinics a scan costs more
// than the rest of an export.
const tablesOf = `select c.relname::text from pg_depend d join pg_class c on c.oid = d.objid
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = $1::text::regnamespace and d.classid = 'pg_class'::regclass and c.relkind = 'r'
order by c.relname`

const columnsOf = `select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
  coalesce(array_position(k.conkey, a.attnum), 0)::int
from pg_depend d join pg_class c on c.oid = d.objid
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = $1::text::regnamespace and d.classid = 'pg_class'::regclass and c.relkind = 'r'
order by c.relname, a.attnum`

const referencesOf = `select c.relname::text, r.relname::text, a.attname::text
from pg_depend d join pg_class c on c.oid = d.objid join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' join pg_class r on r.oid = k.confrelid
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = $1::text::regnamespace and d.classid = 'pg_class'::regclass and c.relkind = 'r'
order by 1, 2, 3`

// shapeOf describes a schema: every table but the withheld, every column but
// the generated, the made and clinic_id, which is the schema's own.
func shapeOf(ctx context.Context, tx pgx.Tx, schema string) (shape, error) {
	var s shape
	home := pgx.Identifier{schema}.Sanitize()
	rows, err := tx.Query(ctx, columnsOf, home)
	if err != nil {
		return s, err
	}
	byName := map[string]*Table{}
	keys := map[string]map[int]string{}
	var table, column, typ string
	var key int
	_, err = pgx.ForEachRow(rows, []any{&table, &column, &typ, &key}, func() error {
		t := byName[table]
		if t == nil {
			t = &Table{Name: table}
			byName[table], keys[table] = t, map[int]string{}
			s.all = append(s.all, table)
		}
		if key > 0 {
			keys[table][key] = column
		}
		place := table + "." + column
		if _, later := made[place]; !later && column != "clinic_id" {
			t.Columns = append(t.Columns, Column{Name: column, Type: typ, Opened: slices.Contains(opened, place)})
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	for name, t := range byName {
		for n := 1; n <= len(keys[name]); n++ {
			t.Key = append(t.Key, keys[name][n])
		}
	}
	after, self, err := references(ctx, tx, home)
	if err != nil {
		return s, err
	}
	s.self = self
	order, err := loadOrder(s.all, after)
	for _, name := range order {
		if !slices.Contains(withheldTables, name) {
			s.tables = append(s.tables, *byName[name])
		}
	}
	return s, err
}

func references(ctx context.Context, tx pgx.Tx, home string) (after map[string][]string, self map[string]string, err error) {
	rows, err := tx.Query(ctx, referencesOf, home)
	if err != nil {
		return nil, nil, err
	}
	after, self = map[string][]string{}, map[string]string{}
	var from, to, by string
	_, err = pgx.ForEachRow(rows, []any{&from, &to, &by}, func() error {
		switch {
		case from != to:
			after[from] = append(after[from], to)
		case self[from] != "":
			return fmt.Errorf("the table %s points at itself by %s and by %s, and rows are put in order for one", from, self[from], by)
		default:
			self[from] = by
		}
		return nil
	})
	return after, self, err
}

// loadOrder puts each table behind those that it points at; by name where that
// leaves a choice, so that two exports of one version have one order.
func loadOrder(all []string, after map[string][]string) ([]string, error) {
	left := slices.Sorted(slices.Values(all))
	var out []string
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(t string) bool {
			return !slices.ContainsFunc(after[t], func(o string) bool { return slices.Contains(left, o) })
		})
		if i < 0 {
			return nil, fmt.Errorf("the tables %s point at one another in a circle, so there is no order to load them in", strings.Join(left, ", "))
		}
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out, nil
}

// same compares what an archive says with the schema of its version.
func (s shape) same(h Header) error {
	theirs := map[string]Table{}
	for _, t := range h.Tables {
		theirs[t.Name] = t
	}
	for i, t := range s.tables {
		o, ok := theirs[t.Name]
		switch {
		case !ok:
			return broken(fmt.Sprintf("lacks the table %s", t.Name))
		case !slices.Equal(o.Columns, t.Columns) || !slices.Equal(o.Key, t.Key):
			return broken(fmt.Sprintf("has a table %s with other columns than version %d has", t.Name, h.Migration))
		case h.Tables[min(i, len(h.Tables)-1)].Name != t.Name && len(h.Tables) == len(s.tables):
			return broken("has its tables in an order in which they can't be loaded")
		}
		delete(theirs, t.Name)
	}
	for name := range theirs {
		return broken(fmt.Sprintf("has a table %.63q that version %d does not have", name, h.Migration))
	}
	return nil
}

// columnList are the columns of a COPY.
func columnList(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

func (t Table) names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// copyOut is the statement that gives a table's rows in the archive's order:
// by key, texts byte by byte, so that the order is the same on every server.
func (t Table) copyOut(schema string) string {
	by := make([]string, len(t.Key))
	for i, k := range t.Key {
		by[i] = pgx.Identifier{k}.Sanitize()
		if c := t.column(k); c < 0 || t.Columns[c].Type != "uuid" {
			by[i] += `::text collate "C"`
		}
	}
	return fmt.Sprintf("copy (select %s from %s order by %s) to stdout", columnList(t.names()...), pgx.Identifier{schema, t.Name}.Sanitize(), strings.Join(by, ", "))
}

// copyIn takes the archive's columns and those that are made.
func (t Table) copyIn(schema string) string {
	return fmt.Sprintf("copy %s (%s) from stdin", pgx.Identifier{schema, t.Name}.Sanitize(), columnList(append(t.names(), t.madeColumns()...)...))
}

// madeColumns are the table's columns that the loading writes, by name.
func (t Table) madeColumns() []string {
	var out []string
	for place := range made {
		if table, column, _ := strings.Cut(place, "."); table == t.Name {
			out = append(out, column)
		}
	}
	slices.Sort(out)
	return out
}

func noClinic(slug string) error {
	return apperr.New(apperr.NotFound, "error.clinic.unknown", fmt.Sprintf("there is no clinic with the slug %q", slug))
}
