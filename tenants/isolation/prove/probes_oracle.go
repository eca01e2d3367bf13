package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// nobody is a mark and a key that no row has; as long and of the same letters
// as the victim's.
const nobodyMark = "cnry00000000abcd"

var nobody = uuid.MustParse("018f0000-0000-7000-8000-00000000dead")

func oracles() probe {
	p := probe{rule: rule("CLO-P015", isolation.High, "A constraint tells what another clinic has", "Foreign keys, unique keys and exclusion constraints look past row-level security; they tell of other clinics if they reach over them.")}
	place := []wall{wallPlace}
	p.routes = []route{
		{name: "foreign key by update", down: place, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, col := range t.foreign {
					for _, role := range w.roles {
						if !slices.Contains(t.may(role, "u"), col) {
							continue
						}
						sql := "update " + t.in(a.schema) + " set " + ident(col) + " = " + quote("$id")
						out = append(out, w.oracle(a, v, role, t, strings.Replace(sql, "$id", v.only.String(), 1), strings.Replace(sql, "$id", nobody.String(), 1)))
						if !w.deep {
							break
						}
					}
				}
			}
			return out
		}},
		{name: "foreign key by insert", down: place, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, col := range t.foreign {
					for _, role := range w.attackers(t, "i") {
						row := w.fresh(t, a, role, "")
						if row[col] == "" {
							continue
						}
						for _, other := range t.foreign {
							if row[other] != "" {
								row[other] = quote(sharedID.String()) // is in both clinics
							}
						}
						hit, miss := maps.Clone(row), maps.Clone(row)
						hit[col], miss[col] = quote(v.only.String()), quote(nobody.String())
						out = append(out, w.oracle(a, v, role, t, insertInto(t.in(a.schema), hit), insertInto(t.in(a.schema), miss)))
					}
				}
			}
			return out
		}},
		{name: "unique and exclusion", down: place, each: unique},
	}
	return p
}

// unique brings the victim's own row into the attacker's table.
func unique(w *world, a, v *clinic) []attempt {
	var out []attempt
	for _, t := range w.tables {
		for _, role := range w.attackers(t, "i") {
			theirs := w.canary[v.schema][t.name]
			if theirs == nil {
				continue
			}
			hit, miss := map[string]string{}, map[string]string{}
			for col, lit := range theirs {
				if cols := t.may(role, "i"); len(cols) > 0 && !slices.Contains(cols, col) {
					continue
				}
				if slices.Contains(t.foreign, col) {
					lit = strings.ReplaceAll(lit, v.only.String(), a.only.String())
				}
				hit[col] = lit
				miss[col] = strings.NewReplacer(v.mark, nobodyMark, v.only.String(), nobody.String(), hexOf(v.mark), hexOf(nobodyMark)).Replace(lit)
			}
			out = append(out, w.oracle(a, v, role, t, insertInto(t.in(a.schema), hit), insertInto(t.in(a.schema), miss)))
		}
	}
	return out
}

func hexOf(s string) string { return fmt.Sprintf("%x", s) }

// oracle compares the outcome of a value that the victim has with that of one
// that nobody has.
func (w *world) oracle(a, v *clinic, role string, t *table, hit, miss string) attempt {
	return attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(hit), miss: one(miss), judge: byEqual,
		hide: []string{v.only.String(), nobody.String(), hexOf(v.mark), hexOf(nobodyMark), v.mark, nobodyMark}}
}

// guessing asks a table by a value that the victim has and by one that nobody has.
func guessing(name string, down []wall, sql func(t *table, col, value, schema string) string) route {
	return route{name: name, down: down, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.attackers(t, "s") {
				cols := columnsFor(t, role)
				for _, c := range t.columns {
					if c.typ == "text" && slices.Contains(cols, c.name) && strings.Contains(w.canary[v.schema][t.name][c.name], v.mark) {
						out = append(out, w.oracle(a, v, role, t, sql(t, ident(c.name), v.mark, v.schema), sql(t, ident(c.name), nobodyMark, v.schema)))
						if !w.deep {
							break
						}
					}
				}
			}
		}
		return out
	}}
}

func estimates() probe {
	return probe{rule: rule("CLO-P016", isolation.High, "Plans and statistics tell another clinic's values", "EXPLAIN and the planner's statistics come from rows that a policy hides."),
		routes: []route{
			guessing("explain", clinicDown, func(t *table, col, value, s string) string {
				return "explain (analyze, costs off, timing off, summary off, buffers off) select 1 from " + t.in(s) + " where " + col + " = " + quote(value)
			}),
			onTables("pg_stats", clinicDown, false, false, func(_ *world, t *table, _ string, _, v *clinic) string {
				return "select attname, most_common_vals::text, histogram_bounds::text from pg_stats where schemaname = " + quote(v.schema) + " and tablename = " + quote(t.name)
			}),
			{name: "pg_statistic", down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
				var out []attempt
				for _, role := range w.roles {
					out = append(out, attempt{role: role, object: "pg_statistic", victim: v, setup: w.begin(a, role), attack: one("select count(*) from pg_statistic"), judge: byRefusal},
						attempt{role: role, object: "pg_statistic_ext_data", victim: v, setup: w.begin(a, role), attack: one("select count(*) from pg_statistic_ext_data"), judge: byRefusal})
				}
				return out
			}},
		}}
}

func errorTexts() probe {
	return probe{rule: rule("CLO-P021", isolation.Critical, "An error tells another clinic's values", "A condition that fails on some rows tells that they are there, and its message may spell them; it must never meet a row that the policy hides."),
		routes: []route{
			guessing("division", clinicDown, func(t *table, col, value, s string) string {
				return "select count(1 / (case when " + col + " = " + quote(value) + " then 0 else 1 end)) from " + t.in(s)
			}),
			guessing("division in WHERE", clinicDown, func(t *table, col, value, s string) string {
				return "select count(*) from " + t.in(s) + " where 1 / (case when " + col + " = " + quote(value) + " then 0 else 1 end) = 1 and 1 = 1"
			}),
			onTables("cast of a row", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
				return "select (" + w.row(t, role, "t") + ")::integer from " + t.in(v.schema) + " t"
			}),
			onTables("cast in WHERE", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
				return "select 1 from " + t.in(v.schema) + " t where (" + w.row(t, role, "t") + ")::integer = 1"
			}),
			onTables("cast in ORDER BY", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
				return "select 1 from " + t.in(v.schema) + " t order by (" + w.row(t, role, "t") + ")::numeric"
			}),
		}}
}

func sequences() probe {
	r := func(name, sql string) route {
		return route{name: name, down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, role := range w.some() {
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(strings.Replace(sql, "$sequence", quote(ident(v.schema)+"."+ident(t.name+"_id_seq")), 1)), judge: byRefusal})
				}
			}
			return out
		}}
	}
	return probe{rule: rule("CLO-P017", isolation.Medium, "A sequence counts for another clinic", "A sequence has no policy: who may use it learns how many rows were made, and makes gaps."),
		routes: []route{r("nextval", "select nextval($sequence)"), r("setval", "select setval($sequence, 1)"), r("last value", "select pg_sequence_last_value($sequence::regclass)")}}
}

func registry() probe {
	down := []wall{wallClinic, wallRole}
	p := probe{rule: rule("CLO-P018", isolation.High, "The registry tells of another clinic", "The shared schema has one table for all clinics; nothing but the policy stands between their rows.")}
	each := func(name string, j judge, sql func(w *world, t *table, role string, v *clinic) string) {
		p.routes = append(p.routes, route{name: name, down: down, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.registry {
				for _, role := range w.roles {
					s := w.scopeOf(a, role)
					if s.clinic == "" { // an operator may; a clinic's signature for that role may not
						s.clinic = a.id.String()
					}
					if text := sql(w, t, role, v); text != "" {
						out = append(out, attempt{role: role, object: "platform." + t.name, victim: v, setup: []string{"begin", w.set(s)}, attack: one(text), judge: j, marks: []string{v.id.String()}})
					}
				}
			}
			return out
		}})
	}
	key := func(t *table) string {
		for _, c := range t.columns {
			if c.name == "clinic_id" {
				return "clinic_id"
			}
		}
		if t.name == "clinics" {
			return "id"
		}
		return ""
	}
	each("select", byMark, func(w *world, t *table, role string, _ *clinic) string {
		return "select " + w.row(t, role, "t") + " from platform." + ident(t.name) + " t"
	})
	where := func(verb string) func(w *world, t *table, role string, v *clinic) string {
		return func(_ *world, t *table, role string, v *clinic) string {
			k := key(t)
			if k == "" {
				return ""
			}
			col, _ := assignable(t, role)
			return strings.NewReplacer("$t", "platform."+ident(t.name), "$c", col).Replace(verb) + " where " + k + " = " + quote(v.id.String())
		}
	}
	each("count", byMark, func(_ *world, t *table, _ string, v *clinic) string {
		if k := key(t); k != "" {
			return "select " + k + " from platform." + ident(t.name) + " where " + k + " <> '00000000-0000-0000-0000-000000000000'"
		}
		return ""
	})
	each("update", byRows, where("update $t set $c = $c"))
	each("delete", byRows, where("delete from $t"))
	return p
}

func naked() probe {
	down := []wall{wallClinic, wallRole}
	bare := func(name string, roles func(w *world) []string, set bool) route {
		return route{name: name, down: down, quiet: true, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, role := range roles(w) {
				for _, t := range w.tables {
					setup := one("begin")
					if set {
						setup = append(setup, "set local role "+ident(role))
					}
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: setup, attack: one("select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t")})
				}
			}
			return out
		}}
	}
	return probe{rule: rule("CLO-P020", isolation.Critical, "A session without a scope sees rows", "Whatever is missing, role, path, clinic, actor or signature, the answer must be nothing."),
		routes: []route{bare("the login alone", func(*world) []string { return one(login) }, false), bare("a role alone", func(w *world) []string { return w.roles }, true)}}
}

// limits are what Postgres tells every session of a server; they are measured
// and told, and docs/isolation/prove.md says what they mean.
func limits() probe {
	p := probe{rule: rule("CLO-P030", isolation.Info, "Known limits: sizes, names and events", "Whoever can write any statement under the service's login learns these of other clinics, and no value.")}
	add := func(name, why, sql string) {
		p.routes = append(p.routes, route{name: name, limit: why, each: func(w *world, a, v *clinic) []attempt {
			role := w.roles[0]
			t := w.tables[0]
			text := strings.NewReplacer("$schema", quote(v.schema), "$table", t.in(v.schema)).Replace(sql)
			return []attempt{{role: role, object: name, victim: v, setup: w.begin(a, role), attack: one(text)}}
		}})
	}
	add("schema names", "The catalogs are readable to every session, and a clinic's schema has its slug in its name.", "select 'seen' from pg_namespace where nspname = $schema")
	add("row estimates", "pg_class keeps the planner's estimate of every table's rows and pages; EXPLAIN shows plans that come from it.", "select 'seen' from pg_class where relnamespace = $schema::regnamespace limit 1")
	add("activity counters", "pg_stat_all_tables counts rows that were read and written, by table.", "select 'seen' from pg_stat_all_tables where schemaname = $schema limit 1")
	add("sizes on disk", "pg_relation_size answers for every table.", "select 'seen' where pg_relation_size($schema || '.' || (select relname from pg_class where relnamespace = $schema::regnamespace and relkind = 'r' limit 1)) >= 0")
	p.routes = append(p.routes, route{name: "table locks", limit: "LOCK TABLE asks for a right on the whole table and looks at no row: a role that may update or delete in every column may hold up another clinic's table until its statement or transaction times out.",
		each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				role := w.attackers(t, "u")[0]
				out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one("lock table " + t.in(v.schema) + " in access exclusive mode nowait"), judge: byRefusal})
			}
			return out
		}})
	add("forged events", "NOTIFY as a statement asks for no right: who can begin one may tell the service's processes to forget what they cached, and they read it again.", "notify cloister_proof, 'x'")
	p.routes[len(p.routes)-1].each = func(w *world, a, v *clinic) []attempt {
		return []attempt{{role: w.roles[0], object: "forged events", victim: v, setup: w.begin(a, w.roles[0]), attack: one("notify cloister_proof, 'x'"), judge: byRefusal}}
	}
	p.routes = append(p.routes, route{name: "the service's other sessions", limit: "pg_stat_activity shows a session the statements of others of the same login: which clinic is at work and with what, and no value, since the service's statements have none in their text.",
		each: func(w *world, _, v *clinic) []attempt {
			return []attempt{{role: login, object: "the service's other sessions", victim: v, setup: one("begin"), attack: one(fmt.Sprintf("select 'seen' from pg_stat_activity where pid = %d and query like 'select%%'", w.mate.pg.PID()))}}
		}})
	add("events", "LISTEN asks for no right: events name clinic, topic and record by id, and nothing else.", "select 'seen' where has_schema_privilege('pg_catalog', 'usage')")
	p.routes[len(p.routes)-1].each = func(w *world, a, v *clinic) []attempt {
		return []attempt{{role: w.roles[0], object: "events", victim: v, setup: w.begin(a, w.roles[0]), attack: one("listen cloister"), judge: byRefusal}}
	}
	return p
}
