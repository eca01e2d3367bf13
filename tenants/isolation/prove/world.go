package prove

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// clinic is one side of an attack.
type clinic struct {
	id     uuid.UUID
	slug   string
	schema string
	mark   string    // in every text of its canaries, and nowhere else in the database
	only   uuid.UUID // key of the canary row that no other clinic has
}

// sharedID is the key of a canary row in both clinics, and of every actor: an
// own-row condition without the wall would take one clinic's for the other's.
// A clinic that was cloned from another has such rows.
var sharedID = uuid.MustParse("018f0000-0000-7000-8000-00000000cafe")

// column of a table.
type column struct {
	name, typ string
	notNull   bool
	preset    string // its default, as an expression
	generated bool
}

// table is one that attacks name. rights tells what a role may do to a column.
type table struct {
	schema, name string
	columns      []column
	parents      []string                     // tables that its foreign keys name
	foreign      []string                     // columns of its foreign keys, of one column each
	own          []string                     // columns that name a row of the same table
	rights       map[string]map[string]string // role, then s, i, u or d, to columns joined by commas; d to "*"
}

func (t *table) in(schema string) string { return pgx.Identifier{schema, t.name}.Sanitize() }

// may gives the columns on which the role has the right.
func (t *table) may(role, right string) []string {
	if s := t.rights[role][right]; s != "" {
		return strings.Split(s, ",")
	}
	return nil
}

// function of ours that somebody may call.
type function struct {
	name  string
	types []string
	roles []string // that may execute it
	set   bool     // gives rows
}

// world is what attacks are made from: all of it is read from the catalogs of
// the database under attack, so a new table, role or function is attacked
// without a word being added here.
type world struct {
	admin    string // of the control's server; empty for the database under attack
	keys     *keys.Master
	owner    [2]*pgx.Conn // of the migrator as owner, in the scope of each clinic
	clinics  [2]*clinic
	roles    []string // the service's login may take them
	barred   []string // it may not
	tables   []*table
	registry []*table // of the shared schema
	calls    []function
	canary   map[string]map[string]map[string]string // schema to table to column to the literal that was planted
	blind    map[string]string                       // tables without a row to find
	readOnly bool
	deep     bool
	sample   int         // attempts of a route and direction; 0 for all
	views    []string    // of any schema, as regclass
	copy     bool        // a deliberately broken one
	version  int         // of the server, 150014
	pid      uint32      // of the owner's session in the victim's clinic
	app      string      // connection string of the service's login
	pool     *tenants.DB // the service's own way; nil in a copy, where its look at connections is the wall that is down
	mate     *session    // another one of the service's login
	mu       sync.Mutex
	idle     []*session // between two routes
}

func (w *world) table(name string) *table {
	i := slices.IndexFunc(w.tables, func(t *table) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return w.tables[i]
}

const sqlColumns = `select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, case when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), '') else '' end, a.attgenerated <> '' or a.attidentity <> ''
from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum`

const sqlForeign = `select c.relname::text, p.relname::text,
  case when cardinality(k.conkey) = 1 then (select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) else '' end
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class p on p.oid = k.confrelid
where k.contype = 'f' and c.relnamespace = $1::regnamespace`

const sqlRights = `select c.relname::text, r.rolname::text, v.v, case v.v when 'delete' then '*' else string_agg(a.attname::text, ',' order by a.attnum) end
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
cross join pg_roles r cross join (values ('select'), ('insert'), ('update'), ('delete')) v(v)
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and r.rolname = any ($2)
  and case v.v when 'delete' then has_table_privilege(r.oid, c.oid, 'delete') else has_column_privilege(r.oid, c.oid, a.attnum, v.v) end
group by 1, 2, 3`

const sqlCalls = `select p.oid::regproc::text, array(select format_type(t, null) from unnest(p.proargtypes) t), p.proretset,
  array(select r.rolname::text from pg_roles r where r.rolname = any ($1) and has_function_privilege(r.oid, p.oid, 'execute') order by 1)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^(pg_|information_schema|ext$)' and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
  and exists (select from pg_roles r where r.rolname = any ($1) and has_function_privilege(r.oid, p.oid, 'execute'))
order by 1`

const sqlViews = `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)' order by 1`

// login is the one that the service has.
const login = "cloister_app"

// load reads the catalogs.
func (w *world) load(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `select rolname::text, pg_has_role($1, oid, 'member') and rolname <> $1 from pg_roles where rolname !~ '^pg_' and rolname <> $1 order by 1`, login)
	if err != nil {
		return err
	}
	var role string
	var may bool
	if _, err := pgx.ForEachRow(rows, []any{&role, &may}, func() error {
		if may {
			w.roles = append(w.roles, role)
		} else {
			w.barred = append(w.barred, role)
		}
		return nil
	}); err != nil {
		return err
	}
	// The victim's schema counts: somebody may have opened one clinic alone.
	if w.tables, err = w.relations(ctx, conn, w.clinics[1].schema); err != nil {
		return err
	}
	if rows, err = conn.Query(ctx, sqlViews); err != nil {
		return err
	}
	if w.views, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	if w.registry, err = w.relations(ctx, conn, "platform"); err != nil {
		return err
	}
	rows, err = conn.Query(ctx, sqlCalls, append(slices.Clone(w.roles), login))
	if err != nil {
		return err
	}
	w.calls, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (f function, err error) {
		return f, r.Scan(&f.name, &f.types, &f.set, &f.roles)
	})
	return err
}

func (w *world) relations(ctx context.Context, conn *pgx.Conn, schema string) ([]*table, error) {
	var all []*table
	find := func(name string) *table {
		i := slices.IndexFunc(all, func(t *table) bool { return t.name == name })
		if i < 0 {
			all = append(all, &table{schema: schema, name: name, rights: map[string]map[string]string{}})
			i = len(all) - 1
		}
		return all[i]
	}
	rows, err := conn.Query(ctx, sqlColumns, schema)
	if err != nil {
		return nil, err
	}
	var name, other, col string
	var c column
	if _, err := pgx.ForEachRow(rows, []any{&name, &c.name, &c.typ, &c.notNull, &c.preset, &c.generated}, func() error {
		t := find(name)
		t.columns = append(t.columns, c)
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = conn.Query(ctx, sqlForeign, schema); err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&name, &other, &col}, func() error {
		t := find(name)
		t.parents = append(t.parents, other)
		if other == name {
			t.own = append(t.own, col)
		}
		if col != "" {
			t.foreign = append(t.foreign, col)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = conn.Query(ctx, sqlRights, schema, w.roles); err != nil {
		return nil, err
	}
	var role, verb, cols string
	_, err = pgx.ForEachRow(rows, []any{&name, &role, &verb, &cols}, func() error {
		t := find(name)
		if t.rights[role] == nil {
			t.rights[role] = map[string]string{}
		}
		t.rights[role][verb[:1]] = cols
		return nil
	})
	return all, err
}

// scope is what a transaction sets before an attack; a forger changes a field.
type scope struct {
	role, path, clinic, actor, sig string
}

// kindOf is the kind of actor that usually takes the role.
func kindOf(role string) string {
	switch short := strings.TrimPrefix(role, "cloister_"); short {
	case "patient", "display", "gate", "share":
		return short
	case "jobs", "owner":
		return "system"
	case "platform":
		return "operator"
	}
	return "user"
}

// scopeOf is the right scope of a role in a clinic, as the service would set it.
func (w *world) scopeOf(c *clinic, role string) scope {
	s := scope{role: role, path: pgx.Identifier{c.schema}.Sanitize() + ", ext, pg_temp", clinic: c.id.String(), actor: kindOf(role) + ":" + sharedID.String()}
	if role == "cloister_gate" {
		s.actor = "gate:" + uuid.Nil.String()
	}
	if role == "cloister_platform" { // an operator has no clinic
		s.clinic = ""
	}
	s.sig = w.keys.SignScope(s.clinic, s.actor, s.role)
	return s
}

// set is the statement that sets the scope.
func (s scope) set() string {
	parts := []string{}
	for _, p := range []struct{ name, value string }{{"search_path", s.path}, {"app.clinic_id", s.clinic}, {"app.actor", s.actor}, {"app.sig", s.sig}, {"app.request", "{}"}, {"role", s.role}} {
		if p.name == "role" && p.value == "" {
			continue
		}
		parts = append(parts, fmt.Sprintf("set_config(%s, %s, true)", quote(p.name), quote(p.value)))
	}
	return "select " + strings.Join(parts, ", ")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func ident(s string) string { return pgx.Identifier{s}.Sanitize() }

// enter opens the owner's connection for the clinic at i.
func (w *world) enter(ctx context.Context, dsn string, i int) error {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("the migrator's connection string is not a Postgres URL or keyword=value list")
	}
	c.RuntimeParams["role"] = "cloister_owner"
	c.RuntimeParams["application_name"] = "cloister prove"
	c.RuntimeParams["lock_timeout"] = "10000"
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	w.owner[i] = conn
	_, err = conn.Exec(ctx, migrate.SetScope, migrate.OwnerScope(w.keys, w.clinics[i].id, w.clinics[i].schema, migrate.SystemActor("isolation proof"), "", false)...)
	return err
}

func (w *world) close(ctx context.Context) {
	for _, s := range append(w.idle, w.mate) {
		if s != nil {
			s.close(ctx)
		}
	}
	for _, c := range w.owner {
		if c != nil {
			_ = c.Close(ctx)
		}
	}
}

// silent keeps the pool's lines about connections that attacks left dirty out of
// the log: they are what the attacks are for.
func silent() *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return l
}
