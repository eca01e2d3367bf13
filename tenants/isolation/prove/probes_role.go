package prove

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/tenants/isolation"
)

func sortRoutes(rs []route) {
	slices.SortFunc(rs, func(a, b route) int { return strings.Compare(a.name, b.name) })
}

func roles() probe {
	p := probe{rule: rule("CLO-P009", isolation.Critical, "The service's login becomes somebody else", "The login may take the staff roles and no other; a role that was taken must not open the way to a further one.")}
	chain := func(name string, sql func(role string) []string) {
		p.routes = append(p.routes, route{name: name, down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, to := range w.barred {
				for _, from := range append([]string{""}, w.some()...) {
					setup := one("begin")
					if from != "" {
						setup = w.begin(a, from)
					}
					out = append(out, attempt{role: from, object: to, victim: v, setup: setup, attack: sql(ident(to)), judge: byRefusal})
				}
			}
			return out
		}})
	}
	chain("set role", func(r string) []string { return one("set role " + r) })
	chain("set local role", func(r string) []string { return one("set local role " + r) })
	chain("set session authorization", func(r string) []string { return one("set session authorization " + r) })
	chain("reset role, then set role", func(r string) []string { return []string{"reset role", "set role " + r} })
	chain("role none, then set role", func(r string) []string { return []string{"set role none", "set role " + r} })
	p.routes = append(p.routes, route{name: "grant of a role", down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, r := range w.barred {
			out = append(out, attempt{object: r, victim: v, setup: one("begin"), attack: one("alter role " + ident(r) + " connection limit 7"), judge: byRefusal})
		}
		return out
	}})
	// Every pair: another staff role under the first one's signature.
	p.routes = append(p.routes, route{name: "another role under the same signature", down: []wall{wallSignature}, quiet: true, each: func(w *world, _, v *clinic) []attempt {
		var out []attempt
		for _, from := range w.roles {
			for _, to := range w.roles {
				if from == to {
					continue
				}
				for _, t := range w.reachable(to) {
					out = append(out, attempt{role: from, object: t.name, victim: v, setup: append(w.begin(v, from), "set local role "+ident(to)), attack: one("select " + w.row(t, to, "t") + " from " + t.in(v.schema) + " t")})
				}
			}
		}
		return out
	}})
	return p
}

// arguments are what an attacker who knows much gives to a function.
func arguments(f function, v *clinic) []string {
	var out []string
	for _, text := range []string{v.mark, v.mark + "s", v.slug, v.schema} {
		for _, id := range []uuid.UUID{v.only, sharedID} {
			var args []string
			for _, t := range f.types {
				switch {
				case t == "uuid":
					args = append(args, quote(id.String())+"::uuid")
				case t == "text":
					args = append(args, quote(text))
				case t == "bytea":
					args = append(args, "convert_to(rpad("+quote(text)+", 32), 'UTF8')")
				case t == "integer" || t == "bigint" || t == "smallint":
					args = append(args, "20")
				case t == "boolean":
					args = append(args, "true")
				case strings.HasSuffix(t, "[]"):
					args = append(args, "null")
				default:
					args = append(args, "null::"+t)
				}
			}
			out = append(out, strings.Join(args, ", "))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func functions() probe {
	return probe{rule: rule("CLO-P010", isolation.Critical, "A function of ours gives what its caller may not see", "Functions with their owner's rights pass row-level security; each must take the clinic from the signature and from nothing else."),
		routes: []route{{name: "called with the other clinic's values", down: []wall{wallSignature}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, f := range w.calls {
				who := f.roles
				if !w.deep {
					who = slices.Compact([]string{who[0], who[len(who)-1]})
				}
				for _, role := range who {
					own, forged := w.scopeOf(a, role), w.scopeOf(a, role)
					forged.clinic = v.id.String()
					if role == login {
						own.role, forged.role = "", ""
					}
					for _, s := range []scope{own, forged} {
						for _, args := range arguments(f, v) {
							out = append(out, attempt{role: role, object: f.name, victim: v, setup: []string{"begin", w.setAll(s)}, attack: one("select x from " + f.name + "(" + args + ") x"), judge: byMark})
						}
					}
				}
			}
			return out
		}}}}
}

// setAll is set with the role even for a login that has no wall: a function
// looks at the role in force.
func (w *world) setAll(s scope) string { return s.set() }

func texts() probe {
	p := probe{rule: rule("CLO-P011", isolation.Critical, "A function of the server runs a text or reads a file", "Some built-in functions run a text as a query or read the server's files; no policy is in the statement that calls them.")}
	for name, r := range map[string]struct {
		down []wall
		sql  string
	}{
		"ts_stat":            {clinicDown, "select word from ts_stat($query)"},
		"query_to_xml":       {[]wall{wallClinic, wallSession}, "select query_to_xml($rows, true, true, '')"},
		"table_to_xml":       {[]wall{wallClinic, wallSession}, "select table_to_xml($table::regclass, true, true, '')"},
		"schema_to_xml":      {[]wall{wallClinic, wallSession, wallRole}, "select schema_to_xml($schema, true, true, '')"},
		"query_to_xmlschema": {[]wall{wallLogin}, "select length(query_to_xmlschema('select 1', true, true, '')::text)"},
		"pg_read_file":       {[]wall{wallLogin}, "select pg_read_file('PG_VERSION')"},
		"pg_ls_dir":          {[]wall{wallLogin}, "select count(*) from pg_ls_dir('.')"},
		"pg_stat_file":       {[]wall{wallLogin}, "select pg_stat_file('PG_VERSION')"},
		"lo_import":          {[]wall{wallLogin}, "select lo_import('/etc/hostname')"},
		"copy to a file":     {[]wall{wallLogin}, "copy (select 1) to '/dev/null'"},
		"copy to a program":  {[]wall{wallLogin}, "copy (select 1) to program 'cat > /dev/null'"}, // one that reads its input: else the pipe may break first
		"logical message":    {[]wall{wallLogin}, "select pg_logical_emit_message(false, 'cloister prove', 'x')"},
		"a language":         {[]wall{wallSession}, "do $do$ begin null; end $do$"},
	} {
		p.routes = append(p.routes, route{name: name, down: r.down, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			if !strings.Contains(r.sql, "($") {
				for _, role := range w.some() {
					out = append(out, attempt{role: role, object: name, victim: v, setup: w.begin(a, role), attack: one(r.sql), judge: byRefusal})
				}
				return out
			}
			for _, t := range w.tables {
				for _, role := range w.attackers(t, "s") {
					rows := "select " + w.row(t, role, "t") + " as r from " + t.in(v.schema) + " t"
					sql := strings.NewReplacer("$query", quote("select to_tsvector('simple', r) from ("+rows+") x"), "$rows", quote(rows),
						"$table", quote(t.in(v.schema)), "$schema", quote(v.schema)).Replace(r.sql)
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(sql), judge: byMark})
				}
			}
			return out
		}})
	}
	sortRoutes(p.routes)
	return p
}

// refused is a list of statements, each of which must be.
func refused(down []wall, statements map[string]string) []route {
	var out []route
	for name, text := range statements {
		out = append(out, route{name: name, down: down, each: func(w *world, a, v *clinic) []attempt {
			var all []attempt
			t := w.tables[0]
			for _, role := range w.some() {
				sql := strings.NewReplacer("$victim", ident(v.schema), "$own", ident(a.schema), "$table", t.in(v.schema), "$column", ident(t.columns[1].name)).Replace(text)
				all = append(all, attempt{role: role, object: name, victim: v, setup: w.begin(a, role), attack: one(sql), judge: byRefusal})
			}
			return all
		}})
	}
	sortRoutes(out)
	return out
}

func paths() probe {
	p := probe{rule: rule("CLO-P012", isolation.High, "A name is made to mean something else", "What stands earlier in the path than a clinic's table, or in pg_temp, is taken for it; nobody may put anything there.")}
	p.routes = refused([]wall{wallSession}, map[string]string{
		"temporary table": "create temp table patients (x text)", "temporary table as": "create temp table patients as select 1 as x",
		"temporary view": "create temp view patients as select 1 as x", "temporary sequence": "create temp sequence s",
		"select into":         "select 1 as x into temp patients",
		"function in pg_temp": "create function pg_temp.f() returns int language sql as 'select 1'",
	})
	p.routes = append(p.routes, refused([]wall{wallLogin}, map[string]string{
		"table in the own schema": "create table $own.shadow (x text)", "table in the other schema": "create table $victim.shadow (x text)",
		"view in the own schema": "create view $own.shadow as select 1 as x", "schema": "create schema shadow", "operator": "create operator $own.=== (leftarg = int, rightarg = int, function = int4eq)",
		"function in platform": "create function platform.current_clinic(x int) returns uuid language sql as 'select null::uuid'", "type": "create type $own.shadow as enum ('a')",
		"cast": "create cast (integer as uuid) with inout", "collation": "create collation $own.shadow from \"C\"",
	})...)
	p.routes = append(p.routes, route{name: "pg_temp first", down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.attackers(t, "s") {
				for _, path := range []string{"pg_temp, " + ident(v.schema), ident(v.schema) + ", " + ident(a.schema), "pg_catalog, " + ident(v.schema)} {
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: []string{"set local search_path = " + path, "select " + w.row(t, role, "t") + " from " + ident(t.name) + " t"}})
				}
			}
		}
		return out
	}})
	return p
}

func definitions() probe {
	p := probe{rule: rule("CLO-P013", isolation.Critical, "A wall is taken down by a statement", "Who can change what a table, policy, role or function is needs no leak.")}
	p.routes = refused([]wall{wallLogin}, map[string]string{
		"disable row security": "alter table $table disable row level security", "no force": "alter table $table no force row level security",
		"policy": "create policy shadow on $table using (true)", "drop policy": "do $do$ begin perform 1; end $do$", "owner": "alter table $table owner to current_user",
		"drop table": "drop table $table cascade", "drop schema": "drop schema $victim cascade",
		"add column": "alter table $table add column shadow text", "drop column": "alter table $table drop column $column cascade", "rename": "alter table $table rename to shadow",
		"index": "create index on $table ($column)", "trigger off": "alter table $table disable trigger user", "statistics": "create statistics $victim.shadow on clinic_id, $column from $table",
		"comment": "comment on table $table is 'x'", "default privileges": "alter default privileges for role cloister_owner grant all on tables to public",
		"reassign owned": "reassign owned by cloister_owner to current_user", "create role": "create role cloister_proof_shadow", "alter login": "alter role cloister_app bypassrls",
		"extension": "create extension if not exists dict_int schema ext", "event trigger": "drop event trigger if exists shadow",
		"server": "create foreign data wrapper shadow", "publication": "create publication shadow for table $table", "replica role": "set session_replication_role = replica",
		"log settings": "set log_statement = 'all'", "function of ours": "alter function platform.current_clinic() security invoker", "replace function": "drop function platform.current_clinic() cascade",
		"language": "grant usage on language plpgsql to public", "set_config": "grant execute on function pg_catalog.set_config(text, text, boolean) to public",
	})
	p.routes = slices.DeleteFunc(p.routes, func(r route) bool {
		return slices.Contains([]string{"drop policy", "extension", "event trigger"}, r.name)
	})
	granted := func(name, grant, check string) {
		p.routes = append(p.routes, route{name: name, down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, role := range w.some() {
					fill := strings.NewReplacer("$victim", ident(v.schema), "$table", t.in(v.schema), "$quoted", quote(t.in(v.schema)), "$schema", quote(v.schema))
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: []string{fill.Replace(grant), fill.Replace(check)}})
				}
			}
			return out
		}})
	}
	// A GRANT of what one doesn't have is a warning and no error, so its effect is looked for.
	granted("grant", "grant select on $table to public", "select 'granted' from pg_class c, aclexplode(c.relacl) a where c.oid = $quoted::regclass and a.grantee = 0")
	granted("grant on the schema", "grant usage on schema $victim to public", "select 'granted' from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = $schema and a.grantee = 0")
	// It goes over everything that the role has in all clinics, whoever asks: so one
	// direction and few roles are enough, and it gets the time that a thousand take.
	p.routes = append(p.routes, route{name: "drop owned", down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, role := range w.some() {
			if all := w.reachable(role); len(all) > 0 && v == w.clinics[1] {
				check := fmt.Sprintf("select 'the role lost its rights' where not has_any_column_privilege(%s, %s, 'select')", quote(role), quote(all[0].in(v.schema)))
				out = append(out, attempt{role: role, object: role, victim: v, setup: append(w.begin(a, role), "set local statement_timeout = '2min'"), attack: []string{"drop owned by " + ident(role), check}, judge: byRows})
			}
		}
		return out
	}})
	return p
}

func common() probe {
	p := probe{rule: rule("CLO-P014", isolation.High, "What all clinics share in a server is used", "Large objects, locks, events and other sessions belong to no schema and know no policy.")}
	p.routes = refused([]wall{wallSession}, map[string]string{
		"large object": "select lo_create(0)", "large object of bytes": "select lo_from_bytea(0, 'x')",
		"advisory lock": "select pg_advisory_xact_lock(1)", "advisory try": "select pg_try_advisory_xact_lock(1, 2)", "advisory shared": "select pg_advisory_xact_lock_shared(1)",
		"advisory session lock": "select pg_try_advisory_lock(7461)", "event by function": "select pg_notify('cloister_proof', 'x')",
	})
	another := func(name, sql string, j judge) {
		p.routes = append(p.routes, route{name: name, down: []wall{wallLogin}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, role := range w.roles {
				out = append(out, attempt{role: role, object: name, victim: v, setup: w.begin(a, role), attack: one(fmt.Sprintf(sql, w.pid)), judge: j})
			}
			return out
		}})
	}
	p.routes = append(p.routes, route{name: "another session of the service is stopped", down: []wall{wallSession}, each: func(w *world, _, v *clinic) []attempt {
		return []attempt{{role: login, object: "pg_cancel_backend", victim: v, setup: one("begin"), attack: one(fmt.Sprintf("select pg_cancel_backend(%d)", w.mate.pg.PID())), judge: byRefusal},
			{role: login, object: "pg_terminate_backend", victim: v, setup: one("begin"), attack: one("select pg_terminate_backend(0)"), judge: byRefusal}}
	}})
	another("another session's statement", "select query from pg_stat_activity where pid = %d", byMark)
	another("another session is stopped", "select pg_cancel_backend(%d)", byRefusal)
	return p
}
