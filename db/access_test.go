package db_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

// right is what a cell of docs/access.md gives for one command.
type right struct {
	conds   []string // row policies; empty string is the whole clinic
	columns map[string]bool
	whole   bool // every column
}

// matrix is docs/access.md: table, role, command (S I U D).
type matrix map[string]map[access.Role]map[string]right

var (
	columnRoles = []access.Role{access.ClinicAdmin, access.Doctor, access.Nurse, access.Receptionist,
		access.LabTechnician, access.Patient, access.Display, access.Jobs}
	tokenForm = regexp.MustCompile(`^(?:([a-z]+):)?([SIUD])(?:\(([a-z-]+)\))?$`)
	verb      = map[string]string{"S": "select", "I": "insert", "U": "update", "D": "delete"}
)

func cells(line string) []string {
	parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// readMatrix reads docs/access.md.
func readMatrix(t *testing.T) matrix {
	t.Helper()
	raw, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	groups := map[string][]string{}
	for _, l := range tableAfter(page, "| group |") {
		c := cells(l)
		groups[c[0]] = strings.Split(c[1], ", ")
	}
	m := matrix{}
	for _, l := range tableAfter(page, "| table |") {
		c := cells(l)
		if len(c) != len(columnRoles)+1 {
			t.Fatalf("docs/access.md: %q has %d cells, want %d", l, len(c), len(columnRoles)+1)
		}
		m[c[0]] = map[access.Role]map[string]right{}
		for i, role := range columnRoles {
			m[c[0]][role] = readCell(t, c[i+1], groups)
		}
	}
	return m
}

func tableAfter(page, head string) []string {
	var out []string
	in := false
	for _, l := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(l, head):
			in = true
		case in && strings.HasPrefix(l, "|---"):
		case in && strings.HasPrefix(l, "|"):
			out = append(out, l)
		case in:
			return out
		}
	}
	return out
}

func readCell(t *testing.T, cell string, groups map[string][]string) map[string]right {
	t.Helper()
	out := map[string]right{}
	for _, tok := range strings.Fields(cell) {
		p := tokenForm.FindStringSubmatch(tok)
		if p == nil {
			t.Fatalf("docs/access.md: %q is no right", tok)
		}
		r := out[p[2]]
		if r.columns == nil {
			r.columns = map[string]bool{}
		}
		r.conds = append(r.conds, p[1])
		if p[3] == "" {
			r.whole = true
		} else {
			cols, ok := groups[p[3]]
			if !ok {
				t.Fatalf("docs/access.md: no column group %q", p[3])
			}
			for _, c := range cols {
				r.columns[c] = true
			}
		}
		out[p[2]] = r
	}
	return out
}

func columnsOf(t *testing.T, conn *pgx.Conn, schema string) map[string][]string {
	t.Helper()
	rows, err := conn.Query(context.Background(), `select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`, schema)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	var table, column string
	if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		out[table] = append(out[table], column)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// newWorld is the test world with what a page of rights needs to be tried on:
// rows of today, and an invitation and a profile for everybody.
func newWorld(t *testing.T) *testkit.DB {
	t.Helper()
	w := testkit.New(t)
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		tx := w.As(t, c, access.Owner)
		for _, sql := range []string{
			"insert into invitations (id, kind, user_id, created_by, expires_at) select platform.uuid7(), 'reset', id, 'test', now() from users",
			"insert into profiles (user_id, shift) select id, 'night' from users where role in ('nurse', 'lab_technician')",
			"insert into visits (id, patient_id, doctor_id, day, kind, arrived_at) values ($1, $2, $3, now(), 'routine', now())",
			"insert into tokens (id, visit_id) values ($1, $1)",
			// A prescription that the display's actor names, as a code on paper does.
			"insert into prescriptions (id, visit_id, patient_id, doctor_id) values ($1, $2, $3, $4)",
			"insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine) values ($1, $1, $2, $3, 1, 'Cetirizine')",
			"update prescriptions set state = 'issued' where id = $1",
			"select platform.record_view('patients', id, id) from patients where first_name = 'Asha'",
		} {
			args := []any{todaysVisit, testkit.Asha, testkit.SecondDoctor}[:min(3, strings.Count(sql, "$"))]
			switch {
			case strings.HasPrefix(sql, "insert into tokens"):
				args = args[:1]
			case strings.HasPrefix(sql, "insert into prescriptions"):
				args = []any{testkit.Display, testkit.Visit, testkit.Asha, testkit.Doctor}
			case strings.HasPrefix(sql, "insert into prescription_lines"):
				args = []any{testkit.Display, testkit.Asha, testkit.Doctor}
			case strings.HasPrefix(sql, "update prescriptions"):
				args = []any{testkit.Display}
			}
			if _, err := tx.Exec(context.Background(), sql, args...); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		if err := tx.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

var todaysVisit = uuid.MustParse("018f0000-0000-7000-8000-0000000000ee")

// TestGrantsAreThePage compares every column privilege of every role on every
// table, in both clinics, with docs/access.md.
func TestGrantsAreThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := testkit.Conn(t, w.Admin)
	page := readMatrix(t)
	for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
		tables := columnsOf(t, conn, c.Schema)
		for table := range page {
			if tables[table] == nil {
				t.Errorf("docs/access.md names %s, which is not in %s", table, c.Schema)
			}
		}
		for table, columns := range tables {
			if page[table] == nil {
				t.Errorf("%s.%s is not in docs/access.md", c.Schema, table)
				continue
			}
			for _, role := range columnRoles {
				for letter, v := range verb {
					compareGrant(t, conn, c.Schema, table, columns, role, v, page[table][role][letter])
				}
			}
		}
	}
}

func compareGrant(t *testing.T, conn *pgx.Conn, schema, table string, columns []string, role access.Role, verb string, want right) {
	t.Helper()
	ctx := context.Background()
	name := pgx.Identifier{schema, table}.Sanitize()
	if verb == "delete" {
		var has bool
		if err := conn.QueryRow(ctx, "select has_table_privilege($1, $2, 'delete')", role.PG(), name).Scan(&has); err != nil {
			t.Fatal(err)
		}
		if has != want.whole {
			t.Errorf("%s delete on %s: Postgres says %v, the page %v", role, name, has, want.whole)
		}
		return
	}
	for _, col := range columns {
		var has bool
		if err := conn.QueryRow(ctx, "select has_column_privilege($1, $2, $3, $4)", role.PG(), name, col, verb).Scan(&has); err != nil {
			t.Fatal(err)
		}
		if allowed := want.whole || want.columns[col]; has != allowed {
			t.Errorf("%s %s on %s.%s: Postgres says %v, the page %v", role, verb, name, col, has, allowed)
		}
	}
}

// TestPoliciesAreThePage compares the row policies' names with the page: a
// policy that the page does not name, or one it names that is missing, fails.
func TestPoliciesAreThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := testkit.Conn(t, w.Admin)
	page := readMatrix(t)
	for table, roles := range page {
		want := map[string]bool{}
		for _, v := range verb {
			want["cloister_owner "+v] = true
		}
		for role, cmds := range roles {
			for letter, r := range cmds {
				for _, cond := range r.conds {
					name := verb[letter]
					if cond != "" {
						name += "_" + cond
					}
					want[role.PG()+" "+name] = true
				}
			}
		}
		rows, err := conn.Query(context.Background(),
			"select unnest(roles)::text || ' ' || policyname from pg_policies where schemaname = $1 and tablename = $2", testkit.Alpha.Schema, table)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range got {
			if !want[g] {
				t.Errorf("%s: policy for %q is not on the page", table, g)
			}
			delete(want, g)
		}
		for missing := range want {
			t.Errorf("%s: no policy for %q", table, missing)
		}
	}
}

// TestEveryCellIsTried runs every command of every role on every table, in the
// own clinic and against the other one, and expects what the page says.
func TestEveryCellIsTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := testkit.Conn(t, w.App)
	tables := columnsOf(t, testkit.Conn(t, w.Admin), testkit.Alpha.Schema)
	page := readMatrix(t)
	tries := 0
	for _, table := range sorted(tables) {
		for _, role := range columnRoles {
			for _, letter := range []string{"S", "U", "D", "I"} {
				want := page[table][role][letter]
				p := probe{conn: conn, table: table, columns: tables[table], role: role, letter: letter, want: want}
				p.run(t)
				tries++
			}
		}
	}
	t.Logf("%d cells tried, each in the own and against the other clinic", tries)
}

func sorted(m map[string][]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// probe tries one cell.
type probe struct {
	conn    *pgx.Conn
	table   string
	columns []string
	role    access.Role
	letter  string
	want    right
}

func (p probe) String() string {
	return fmt.Sprintf("%s %s on %s", p.role, verb[p.letter], p.table)
}

func (p probe) run(t *testing.T) {
	t.Helper()
	column, allowed := p.allowedColumn()
	own, err := p.try(testkit.Alpha, p.table, column)
	switch {
	case !allowed:
		if !refused(err) {
			t.Errorf("%s must be refused with 42501, got %d rows, %v", p, own, err)
		}
	case p.letter == "I":
		// What the row lacks is the table's business; what matters is that
		// neither the grant nor the policy refused it.
		if refused(err) {
			t.Errorf("%s must be allowed in the own clinic: %v", p, err)
		}
	case appendOnly[p.table] && p.letter != "S":
	default:
		if err != nil {
			t.Errorf("%s must be allowed: %v", p, err)
		} else if own == 0 {
			t.Errorf("%s touches no row of the own clinic: the fixture or the policy is wrong", p)
		}
	}
	if !allowed {
		return
	}
	// The other clinic: by its schema's name, and with the whole path there.
	for _, how := range []struct {
		name  string
		scope testkit.Clinic
		table string
	}{
		{"by name", testkit.Alpha, testkit.Beta.Schema + "." + p.table},
		{"by path", testkit.Clinic{ID: testkit.Alpha.ID, Schema: testkit.Beta.Schema}, p.table},
	} {
		n, err := p.try(how.scope, how.table, column)
		if p.letter == "I" {
			if err == nil {
				t.Errorf("%s wrote into the other clinic %s", p, how.name)
			}
		} else if err != nil || n != 0 {
			t.Errorf("%s reached %d rows of the other clinic %s (%v)", p, n, how.name, err)
		}
	}
}

// appendOnly tables let nobody change a row, whatever is granted.
var appendOnly = map[string]bool{"trail": true, "queue_moves": true, "addenda": true, "seals": true}

func (p probe) allowedColumn() (string, bool) {
	if len(p.want.conds) == 0 {
		return p.columns[len(p.columns)-1], false
	}
	if p.want.whole {
		for _, c := range p.columns {
			if c == "updated_at" || c == "facts" || c == "sent_at" || c == "used" {
				return c, true
			}
		}
		return p.columns[1], true
	}
	for _, c := range p.columns {
		if p.want.columns[c] {
			return c, true
		}
	}
	return "", false
}

// try runs the command in a transaction that is always rolled back.
func (p probe) try(scope testkit.Clinic, table, column string) (int64, error) {
	ctx := context.Background()
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := testkit.SetScope(ctx, tx, scope, p.role, testkit.ActorOf(p.role)); err != nil {
		return 0, err
	}
	col := pgx.Identifier{column}.Sanitize()
	var sql string
	switch p.letter {
	case "S":
		var n int64
		err := tx.QueryRow(ctx, fmt.Sprintf("select count(%s) from %s", "1", "(select "+col+" from "+table+") x")).Scan(&n)
		return n, err
	case "U":
		sql = fmt.Sprintf("update %s set %s = %s", table, col, p.newValue(col))
	case "D":
		sql = fmt.Sprintf("delete from %s", table)
	case "I":
		sql = p.insert(table)
	}
	tag, err := tx.Exec(ctx, sql)
	return tag.RowsAffected(), err
}
