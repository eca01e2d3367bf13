package legacy

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// schemaTable is what the file says of one of its tables.
type schemaTable struct {
	columns  map[string]bool
	numbered bool // has an integer primary key called id
}

// inspectSchema refuses a file whose definitions hold anything but plain tables
// and indexes, and one that lacks tables or columns that are read. It gives the
// tables there are.
func inspectSchema(ctx context.Context, tx *sql.Tx) (map[string]schemaTable, error) {
	if err := onlyPlain(ctx, tx); err != nil {
		return nil, err
	}
	names, err := textColumn(ctx, tx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	tables := make(map[string]schemaTable, len(names))
	for _, name := range names {
		if tables[name], err = inspectTable(ctx, tx, name); err != nil {
			return nil, err
		}
	}
	return tables, complete(tables)
}

// onlyPlain refuses views, triggers and virtual tables: the older system has
// none, and each could run something or show rows that aren't there.
func onlyPlain(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT type, name, sql FROM sqlite_schema`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		var kind, name string
		var define sql.NullString
		if err := rows.Scan(&kind, &name, &define); err != nil {
			return wrong(Damaged, err, "the file's list of tables is damaged")
		}
		switch {
		case n > 500:
			return wrong(Hostile, nil, "the file defines more than 500 things")
		case kind == "table" && !strings.HasPrefix(strings.ToUpper(define.String), "CREATE TABLE"):
			return &FileError{Problem: Hostile, Table: shown(name), Detail: "not an ordinary table"}
		case kind == "view":
			return &FileError{Problem: Hostile, Table: shown(name), Detail: "a view stands where the older system has only tables"}
		case kind == "trigger":
			return wrong(Hostile, nil, "the file holds a trigger (%s); the older system has none", shown(name))
		case kind != "table" && kind != "index":
			return wrong(Hostile, nil, "the file defines something that is neither table nor index")
		}
	}
	return rows.Err()
}

// inspectTable lists a table's columns. A generated column would be computed by
// the file's own text while it is read, so it is refused.
func inspectTable(ctx context.Context, tx *sql.Tx, name string) (schemaTable, error) {
	t := schemaTable{columns: map[string]bool{}}
	rows, err := tx.QueryContext(ctx, `SELECT name, upper(type), pk, hidden FROM pragma_table_xinfo(?)`, name)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	for rows.Next() {
		var column, declared string
		var pk, hidden int
		if err := rows.Scan(&column, &declared, &pk, &hidden); err != nil {
			return t, err
		}
		if hidden != 0 {
			return t, &FileError{Problem: Hostile, Table: shown(name), Column: shown(column), Detail: "a computed column; the older system has none"}
		}
		t.columns[column] = true
		t.numbered = t.numbered || (column == "id" && pk == 1 && declared == "INTEGER")
	}
	return t, rows.Err()
}

// complete tells which tables and columns of the older system are missing.
func complete(tables map[string]schemaTable) error {
	wanted := map[string][]column{"django_migrations": {{"id", whole}, {"app", text}, {"name", text}}}
	for name, columns := range readTables {
		wanted[name] = columns
	}
	var missing []string
	for name := range wanted {
		if _, there := tables[name]; !there {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		return wrong(Foreign, nil, "this is not a file of the older clinic system: it has no table %s", strings.Join(missing, ", "))
	}
	for name, columns := range wanted {
		if !tables[name].numbered {
			return &FileError{Problem: Foreign, Table: name, Column: "id", Detail: "the rows are not numbered as in the older system"}
		}
		for _, c := range columns {
			if !tables[name].columns[c.name] {
				return &FileError{Problem: Foreign, Table: name, Column: c.name, Detail: "the older system's column is missing"}
			}
		}
	}
	return nil
}

// intact runs SQLite's own check and stops at the first finding.
func intact(ctx context.Context, tx *sql.Tx) error {
	found, err := textColumn(ctx, tx, `PRAGMA integrity_check(1)`)
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0] != "ok" {
		// The finding can quote an index's key, which is a patient's value.
		return wrong(Damaged, fmt.Errorf("integrity_check: %d findings", len(found)), "the file is damaged: SQLite's own check finds errors in it")
	}
	return nil
}

// shown makes a name from the file safe to print.
func shown(name string) string {
	if len(name) > 60 || !printable(name) {
		return "(a name that can't be shown)"
	}
	return name
}

// textColumn reads a query's single text column.
func textColumn(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, wrong(Damaged, err, "the file's list of tables is damaged")
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
