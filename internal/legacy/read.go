package legacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"modernc.org/sqlite"
)

// File is a whole older file in memory, checked but not yet judged by the rules.
type File struct {
	SHA256  string
	Bytes   int64
	Version string // the newest migration of the older system's own part

	counts map[string]int   // rows by table, of every table
	single map[string]int64 // the id of a table's only row, of tables that aren't read
	rows   map[string][]Row // rows of the tables that are read, by id
}

// Row is one row: its id and the cells of the columns that are read.
type Row struct {
	ID    int64
	cells []any
	at    map[string]int
}

// text gives a text cell; NULL is the empty text, as in most of the older
// system's columns.
func (r Row) text(column string) string {
	s, _ := r.cells[r.at[column]].(string)
	return s
}

// whole gives an integer cell, and whether there is one.
func (r Row) whole(column string) (int64, bool) {
	n, ok := r.cells[r.at[column]].(int64)
	return n, ok
}

// yes gives a flag.
func (r Row) yes(column string) bool {
	n, _ := r.whole(column)
	return n != 0
}

// real gives a number cell, and whether there is one.
func (r Row) real(column string) (float64, bool) {
	switch n := r.cells[r.at[column]].(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// Read opens a file, checks it and reads the tables of this stage. The file is
// hostile until shown otherwise: it is opened read-only, nothing it defines is
// run, and what it may hold is limited. Nothing is written to it or beside it.
//
// Errors: *FileError, or the context's.
func Read(ctx context.Context, path string, limits Limits) (file *File, err error) {
	// A damaged page can lead SQLite's translated code to a wild address. As a
	// panic of this goroutine it is one more damaged file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, wrong(Damaged, fmt.Errorf("panic: %v", p), "the file is damaged")
		}
	}()
	s, err := inspect(path, limits)
	if err != nil {
		return nil, err
	}
	db, conn, err := connect(ctx, s)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	defer conn.Close()
	file = &File{SHA256: s.sha256, Bytes: s.size, counts: map[string]int{}, single: map[string]int64{}, rows: map[string][]Row{}}
	if err := file.load(ctx, conn, limits); err != nil {
		return nil, refused(ctx, err)
	}
	if err := s.unchanged(); err != nil {
		return nil, err
	}
	return file, nil
}

// load reads everything in one transaction, so that it is one state of the file.
func (f *File) load(ctx context.Context, conn *sql.Conn, limits Limits) error {
	if err := confine(conn, limits); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	tables, err := inspectSchema(ctx, tx)
	if err != nil {
		return err
	}
	if err := intact(ctx, tx); err != nil {
		return err
	}
	if err := authorize(conn, tables); err != nil {
		return err
	}
	if f.Version, err = version(ctx, tx); err != nil {
		return err
	}
	for table, t := range tables {
		if err := f.count(ctx, tx, table, t); err != nil {
			return err
		}
		if n := f.counts[table]; n > limits.Rows {
			return &FileError{Problem: TooBig, Table: table, Detail: fmt.Sprintf("%d rows, more than the limit of %d", n, limits.Rows)}
		}
	}
	for table, columns := range readTables {
		if f.rows[table], err = readTable(ctx, tx, table, columns, f.counts[table], limits); err != nil {
			return err
		}
	}
	return nil
}

// count counts a table's rows. Of a table that isn't read the id is asked when
// it has one row only, for the report names a single row by its id.
func (f *File) count(ctx context.Context, tx *sql.Tx, table string, t schemaTable) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+quote(table)+` NOT INDEXED`).Scan(&n); err != nil {
		return err
	}
	f.counts[table] = n
	if n != 1 || !t.numbered {
		return nil
	}
	var id any
	if err := tx.QueryRowContext(ctx, `SELECT "id" FROM `+quote(table)).Scan(&id); err != nil {
		return err
	}
	if id, ok := id.(int64); ok {
		f.single[table] = id
	}
	return nil
}

// version finds the newest migration of the older system's own part, which is
// what makes a file one of the older system's and tells which.
func version(ctx context.Context, tx *sql.Tx) (string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT +"name" FROM "django_migrations" WHERE "app" = 'hospital' ORDER BY "id"`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	newest, at := "", -1
	for rows.Next() {
		var name any
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		text, _ := name.(string)
		number, _, _ := strings.Cut(text, "_")
		n, err := strconv.Atoi(number)
		if err != nil || len(text) > 200 || !printable(text) {
			return "", &FileError{Problem: Version, Table: "django_migrations", Detail: "a migration's name is not one of the older system's"}
		}
		if n > at {
			newest, at = text, n
		}
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	switch {
	case at < 0:
		return "", wrong(Foreign, nil, "this is not a file of the older clinic system: none of its changes of structure is recorded")
	case at > lastMigration:
		return "", wrong(Version, nil, "the file is of version %s; versions up to %04d can be imported", newest, lastMigration)
	}
	return newest, nil
}

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// readTable reads a table's rows in the order of their ids and checks every cell
// against what its column may hold.
func readTable(ctx context.Context, tx *sql.Tx, table string, columns []column, n int, limits Limits) ([]Row, error) {
	at := make(map[string]int, len(columns))
	picks := make([]string, len(columns))
	for i, c := range columns {
		at[c.name] = i
		// The plus takes away the declared type, by which the driver would turn
		// text into times; the clinic's day depends on its last microsecond.
		picks[i] = "+" + quote(c.name)
		if c.kind == mark {
			picks[i] = quote(c.name) + ` IS NOT NULL AND ` + quote(c.name) + ` <> ''`
		}
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+strings.Join(picks, ", ")+` FROM `+quote(table)+` NOT INDEXED ORDER BY "id"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make([]Row, 0, n)
	into := make([]any, len(columns))
	for rows.Next() {
		row := Row{cells: make([]any, len(columns)), at: at}
		for i := range row.cells {
			into[i] = &row.cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row.ID, _ = row.whole("id")
		for i, c := range columns {
			if err := c.check(row.cells[i], limits); err != nil {
				err.Table, err.Row, err.Column = table, row.ID, c.name
				return nil, err
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// check tells whether a value is of the column's kind. SQLite keeps any type in
// any column; the older system doesn't, so another type is a sign of tampering.
func (c column) check(value any, limits Limits) *FileError {
	hostile := func(detail string) *FileError { return &FileError{Problem: Hostile, Detail: detail} }
	switch c.kind {
	case text, textOpt:
		s, ok := value.(string)
		switch {
		case value == nil && c.kind == textOpt:
			return nil
		case !ok:
			return hostile("expected text, found " + named(value))
		case len(s) > limits.Text:
			return &FileError{Problem: TooBig, Detail: fmt.Sprintf("text of %d bytes, more than the limit of %d", len(s), limits.Text)}
		case strings.IndexByte(s, 0) >= 0:
			return hostile("text with a NUL character")
		case !utf8.ValidString(s):
			return hostile("text that is not UTF-8")
		}
		return nil
	case flag, mark:
		if n, ok := value.(int64); !ok || n < 0 || n > 1 {
			return hostile("expected 0 or 1, found " + named(value))
		}
		return nil
	case real:
		switch value.(type) {
		case nil, float64, int64:
			return nil
		}
		return hostile("expected a number, found " + named(value))
	}
	if _, ok := value.(int64); !ok && (value != nil || c.kind == whole) {
		return hostile("expected a whole number, found " + named(value))
	}
	return nil
}

// named names the type of a value and never the value.
func named(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case []byte:
		return "bytes"
	case float64:
		return "a number with a fraction"
	}
	return "another number"
}

// quote writes a name as an SQL identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// authorize lets the connection do nothing from here on but read the columns
// that are listed, whatever the statement or the file says.
func authorize(conn *sql.Conn, tables map[string]schemaTable) error {
	may := func(table, column string) bool {
		if _, known := tables[table]; !known {
			return false
		}
		if column == "" || column == "id" || table == "django_migrations" {
			return true
		}
		for _, c := range readTables[table] {
			if c.name == column {
				return true
			}
		}
		return false
	}
	return conn.Raw(func(driver any) error {
		guard, ok := driver.(sqlite.AuthorizerRegisterer)
		if !ok {
			return errors.New("the SQLite driver has no authorizer")
		}
		return guard.RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, arg1, arg2, _, _ string) sqlite.AuthorizerReturnCode {
			switch action {
			case sqlite.AuthSelect, sqlite.AuthTransaction:
				return sqlite.AuthorizerOK
			case sqlite.AuthFunction:
				if arg2 == "count" {
					return sqlite.AuthorizerOK
				}
			case sqlite.AuthRead:
				if may(arg1, arg2) {
					return sqlite.AuthorizerOK
				}
			}
			return sqlite.AuthorizerDeny
		})
	})
}
