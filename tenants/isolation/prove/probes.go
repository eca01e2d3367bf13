package prove

import (
	"slices"
	"strings"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// wall is what stands between an attack and its aim. A control takes down the
// walls of its route, and no others, in a copy.
type wall string

const (
	wallClinic    wall = "clinic"    // row-level security, the clinic's check and the trail's trigger on every table
	wallRole      wall = "role"      // grants on tables and functions
	wallSignature wall = "signature" // the scope is believed without a signature
	wallSession   wall = "session"   // what a session may do besides: set_config, temporary tables, languages, locks, large objects
	wallLogin     wall = "login"     // what the service's login is: no superuser, member of staff roles alone
	wallPool      wall = "pool"      // the look at a connection before it serves another clinic
	wallPlace     wall = "place"     // each clinic has tables of its own
)

// route is one way of attack; its control must leak.
type route struct {
	name string
	down []wall
	each func(w *world, a, v *clinic) []attempt
	// quiet routes read and give constants alone, so they may be tried on
	// clinics of real people.
	quiet bool
	// limit is why an outcome that tells something is no leak of a value: it is
	// told as info. Such a route needs no control, it succeeds by itself.
	limit string
}

// probe is a family of routes under one id.
type probe struct {
	rule   isolation.Rule
	routes []route
}

const page = "docs/isolation/prove.md"

func rule(id string, severity isolation.Severity, title, why string) isolation.Rule {
	return isolation.Rule{ID: id, Severity: severity, Title: title, Why: why, Help: page + "#" + strings.ToLower(id)}
}

// probes are all there are, in the order in which they run.
func probes() []probe {
	return []probe{
		reading(), composed(), copying(), writing(), sessions(), leftovers(), signatures(), settings(), roles(), functions(), texts(),
		paths(), definitions(), common(), oracles(), estimates(), sequences(), registry(), naked(), errorTexts(), timing(), limits(),
	}
}

// Rules are the probes as a report lists them; the last two are about the proof itself.
func Rules() []isolation.Rule {
	var out []isolation.Rule
	for _, p := range probes() {
		out = append(out, p.rule)
	}
	return append(out,
		rule(ruleChanged, isolation.Critical, "A clinic's rows are the same after the attacks", "Rows of the attacked clinic changed, whatever statement did it."),
		rule(ruleControl, isolation.High, "A control did not leak", "The same attack was run on a copy with its walls taken down and found nothing, so its silence proves nothing."))
}

const (
	ruleChanged = "CLO-P090"
	ruleControl = "CLO-P091"
)

// begin opens a transaction in the right scope of the attacker.
func (w *world) begin(c *clinic, role string) []string {
	return []string{"begin", w.set(w.scopeOf(c, role))}
}

// set spells a scope, without the role where the login is no login of the service.
func (w *world) set(s scope) string {
	if w.admin != "" {
		s.role = ""
	}
	return s.set()
}

// columnsFor are the columns that an attack on a table asks for: what the role
// may read, so that no missing grant hides a missing wall; all when it may read none.
func columnsFor(t *table, role string) []string {
	if cols := t.may(role, "s"); len(cols) > 0 {
		return cols
	}
	var all []string
	for _, c := range t.columns {
		all = append(all, c.name)
	}
	return all
}

// row is what an attack selects of a table under an alias.
func (w *world) row(t *table, role, alias string) string {
	if w.readOnly {
		return "'seen'"
	}
	var cols []string
	for _, c := range columnsFor(t, role) {
		cols = append(cols, alias+"."+ident(c)+"::text")
	}
	return "concat_ws('|', " + strings.Join(cols, ", ") + ")"
}

// attackers are the roles that a route takes to a table: the one with most
// rights, and in a deep run every one.
func (w *world) attackers(t *table, right string) []string {
	if w.deep {
		return w.roles
	}
	best := w.roles[0]
	for _, r := range w.roles {
		if len(t.may(r, right)) > len(t.may(best, right)) {
			best = r
		}
	}
	return []string{best}
}

// onTables makes an attempt for every table and role.
func onTables(name string, down []wall, quiet, every bool, sql func(w *world, t *table, role string, a, v *clinic) string) route {
	return route{name: name, down: down, quiet: quiet, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			who := w.attackers(t, "s")
			if every {
				who = w.roles
			}
			for _, role := range who {
				out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(sql(w, t, role, a, v))})
			}
		}
		return out
	}}
}

func one(sql string) []string { return []string{sql} }

var clinicDown = []wall{wallClinic}

func reading() probe {
	p := probe{rule: rule("CLO-P001", isolation.Critical, "Rows of another clinic by a plain statement", "A statement that names the other clinic's table, or runs with its path, gives its rows.")}
	read := func(name string, every bool, sql func(t *table, row, schema string) string) {
		p.routes = append(p.routes, onTables(name, clinicDown, true, every, func(w *world, t *table, role string, _, v *clinic) string {
			return sql(t, w.row(t, role, "t"), v.schema)
		}))
	}
	read("select by name", true, func(t *table, row, s string) string { return "select " + row + " from " + t.in(s) + " t" })
	read("select only", false, func(t *table, row, s string) string { return "select " + row + " from only " + t.in(s) + " t" })
	read("order and window", false, func(t *table, row, s string) string {
		return "select first_value(" + row + ") over () from " + t.in(s) + " t order by 1 limit 1"
	})
	read("group", false, func(t *table, row, s string) string {
		return "select max(" + row + ") from " + t.in(s) + " t group by t.clinic_id"
	})
	read("sample", false, func(t *table, row, s string) string {
		return "select " + row + " from " + t.in(s) + " t tablesample system (100)"
	})
	read("false or true", false, func(t *table, row, s string) string {
		return "select " + row + " from " + t.in(s) + " t where false or 1 = 1"
	})
	p.routes = append(p.routes, route{name: "select by path", down: clinicDown, quiet: true, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.roles {
				s := w.scopeOf(a, role)
				s.path = ident(v.schema) + ", ext, pg_temp"
				out = append(out, attempt{role: role, object: t.name, victim: v, setup: []string{"begin", w.set(s)}, attack: one("select " + w.row(t, role, "t") + " from " + ident(t.name) + " t")})
			}
		}
		return out
	}})
	for _, lock := range []string{"update", "share", "key share"} {
		p.routes = append(p.routes, route{name: "select for " + lock, down: []wall{wallClinic}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, role := range w.attackers(t, "u") {
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one("select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t for " + lock)})
				}
			}
			return out
		}})
	}
	return p
}

func composed() probe {
	p := probe{rule: rule("CLO-P002", isolation.Critical, "Rows of another clinic through a composed statement", "Joins, sub-selects and common table expressions each plan the table anew; the wall must be in every one.")}
	for name, sql := range map[string]string{
		"cross join":           "select $row from (select 1) o cross join $victim t",
		"left join":            "select $row from (values (1)) o(n) left join $victim t on true where t.clinic_id is not null",
		"join with own table":  "select $row from $own o full join $victim t on o.clinic_id = t.clinic_id where t.clinic_id is not null",
		"lateral":              "select x from (values (1)) o(n), lateral (select $row as x from $victim t) s",
		"scalar sub-select":    "select x from (select (select $row from $victim t limit 1) as x) s where x is not null",
		"exists":               "select 'seen' where exists (select from $victim t)",
		"array":                "select x from (select array(select $row from $victim t) as x) s where cardinality(x) > 0",
		"in":                   "select 'seen' where 'x' <> all (array(select $row from $victim t)) and exists (select from $victim t)",
		"cte":                  "with x as (select $row as r from $victim t) select r from x",
		"cte materialized":     "with x as materialized (select $row as r from $victim t) select r from x",
		"cte not materialized": "with x as not materialized (select $row as r from $victim t) select r from x",
		"recursive cte":        "with recursive x(r, n) as (select $row, 1 from $victim t union all select r, n + 1 from x where n < 2) select r from x",
		"union":                "select 'x' where false union all select $row from $victim t",
		"except":               "select $row from $victim t except select ''",
		"aggregate":            "select x from (select string_agg($row, ',') as x from $victim t) s where x is not null",
		"grouping sets":        "select max($row) from $victim t group by grouping sets ((t.clinic_id), (t.clinic_id, t.tableoid))",
		"self join":            "select $row from $victim t join $victim u on u.clinic_id = t.clinic_id",
		"case":                 "select case when true then $row end from $victim t",
	} {
		p.routes = append(p.routes, onTables(name, clinicDown, true, false, func(w *world, t *table, role string, a, v *clinic) string {
			return strings.NewReplacer("$row", w.row(t, role, "t"), "$victim", t.in(v.schema), "$own", t.in(a.schema)).Replace(sql)
		}))
	}
	p.routes = append(p.routes, route{name: "view", down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, view := range w.views {
			for _, role := range w.roles {
				out = append(out, attempt{role: role, object: view, victim: v, setup: w.begin(a, role), attack: one("select v::text from " + view + " v"), judge: byMark})
			}
		}
		return out
	}})
	sortRoutes(p.routes)
	return p
}

func copying() probe {
	return probe{rule: rule("CLO-P003", isolation.Critical, "Rows of another clinic through COPY", "COPY rewrites the table into a query where row-level security applies; a table that is not rewritten streams whole."),
		routes: []route{
			onTables("copy table", clinicDown, false, false, func(_ *world, t *table, role string, _, v *clinic) string {
				var cols []string
				for _, c := range columnsFor(t, role) {
					if i := slices.IndexFunc(t.columns, func(x column) bool { return x.name == c && !x.generated }); i >= 0 {
						cols = append(cols, ident(c))
					}
				}
				return "copy " + t.in(v.schema) + " (" + strings.Join(cols, ", ") + ") to stdout"
			}),
			onTables("copy query", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
				return "copy (select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t) to stdout"
			}),
		}}
}
