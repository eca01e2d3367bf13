package prove

import (
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// sessions are what outlives a statement or a transaction on one connection:
// the attacker's transaction follows the victim's own.
func sessions() probe {
	p := probe{rule: rule("CLO-P005", isolation.Critical, "Rows of another clinic through a cursor or a prepared statement", "A plan or a portal made under one scope must not answer with it under another.")}
	after := func(name string, before, attack func(t *table, row, schema string) []string) {
		p.routes = append(p.routes, route{name: name, down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				for _, role := range w.attackers(t, "s") {
					row := w.row(t, role, "t")
					setup := append(w.begin(v, role), before(t, row, v.schema)...)
					setup = append(append(setup, "commit"), w.begin(a, role)...)
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: setup, attack: attack(t, row, v.schema), alone: true})
				}
			}
			return out
		}})
	}
	named := func(t *table, row, s string) string { return "select " + row + " from " + t.in(s) + " t" }
	after("prepared by name", func(t *table, row, s string) []string {
		return []string{"prepare p as " + named(t, row, s), "execute p", "execute p"}
	}, func(*table, string, string) []string { return one("execute p") })
	after("prepared generic plan", func(t *table, row, s string) []string {
		return []string{"set plan_cache_mode = force_generic_plan", "prepare p as " + named(t, row, s), "execute p"}
	}, func(*table, string, string) []string { return one("execute p") })
	after("prepared by path, with the path kept", func(t *table, row, s string) []string {
		return []string{"prepare p as select " + row + " from " + ident(t.name) + " t", "execute p"}
	}, func(t *table, row, s string) []string {
		return []string{"set local search_path = " + ident(s), "execute p"}
	})
	after("prepared aggregate", func(t *table, row, s string) []string {
		return []string{"prepare p as select count(*) from (" + named(t, row, s) + ") x having count(*) > 0", "execute p"}
	}, func(*table, string, string) []string { return one("execute p") })
	p.routes = append(p.routes,
		onTables("cursor", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
			return "declare c cursor for select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t"
		}).then("fetch all c"),
		onTables("scroll cursor with hold", clinicDown, false, false, func(w *world, t *table, role string, _, v *clinic) string {
			return "declare c scroll cursor with hold for select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t"
		}).then("commit", "fetch all c").isolated())
	return p
}

// then adds statements to each attack.
func (r route) then(more ...string) route {
	each := r.each
	r.each = func(w *world, a, v *clinic) []attempt {
		all := each(w, a, v)
		for i := range all {
			all[i].attack = append(all[i].attack, more...)
		}
		return all
	}
	return r
}

// isolated gives each attempt a connection of its own.
func (r route) isolated() route {
	each := r.each
	r.each = func(w *world, a, v *clinic) []attempt {
		all := each(w, a, v)
		for i := range all {
			all[i].alone = true
		}
		return all
	}
	return r
}

// forgeries change a right scope of the attacker, in role, into one that wants
// the victim's rows. Each names the signature's part that it gets wrong.
func forgeries(w *world, a, v *clinic, role string) map[string]scope {
	right := w.scopeOf(a, role)
	right.path = ident(v.schema) + ", ext, pg_temp"
	out := map[string]scope{}
	add := func(name string, change func(s *scope)) {
		s := right
		s.clinic = v.id.String()
		change(&s)
		out[name] = s
	}
	digits := right.sig[strings.Index(right.sig, ":")+1:]
	kid := right.sig[:strings.Index(right.sig, ":")+1]
	add("own signature for the other clinic", func(*scope) {})
	add("no signature", func(s *scope) { s.sig = "" })
	add("key id alone", func(s *scope) { s.sig = kid })
	add("unknown key", func(s *scope) { s.sig = "9" + s.sig })
	add("no key id", func(s *scope) { s.sig = ":" + digits })
	add("cut short", func(s *scope) { s.sig = s.sig[:12] })
	add("all zero", func(s *scope) { s.sig = kid + strings.Repeat("0", 64) })
	add("upper case", func(s *scope) { s.sig = strings.ToUpper(s.sig) })
	add("clinic in braces", func(s *scope) { s.clinic = "{" + s.clinic + "}" })
	add("clinic without hyphens", func(s *scope) { s.clinic = strings.ReplaceAll(s.clinic, "-", "") })
	add("clinic in capitals", func(s *scope) { s.clinic = strings.ToUpper(s.clinic) })
	add("no actor", func(s *scope) { s.actor = "" })
	add("actor that names the own clinic", func(s *scope) { s.actor = a.id.String() + "|" + s.actor })
	add("signature of an empty clinic", func(s *scope) { s.sig = w.keys.SignScope("", s.actor, s.role) })
	add("signature of an operator", func(s *scope) {
		s.sig = w.keys.SignScope("", "operator:"+sharedID.String(), "cloister_platform")
	})
	add("signature of the other clinic's gate", func(s *scope) { s.sig = w.keys.SignScope(v.id.String(), "gate:"+uuid.Nil.String(), "cloister_gate") })
	return out
}

func signatures() probe {
	p := probe{rule: rule("CLO-P007", isolation.Critical, "A forged, stripped or replayed signature is believed", "Clinic, actor and role count only under a signature over all three; a scope that anybody can write is no scope.")}
	down := []wall{wallSignature}
	for name := range forgeries(&world{keys: &keys.Master{}}, &clinic{}, &clinic{}, "x") {
		p.routes = append(p.routes, route{name: name, down: down, quiet: true, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, role := range w.roles {
				for _, t := range w.reachable(role) {
					s := forgeries(w, a, v, role)[name]
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: []string{"begin", w.set(s)}, attack: one("select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t")})
				}
			}
			return out
		}})
	}
	sortRoutes(p.routes)
	// Every pair of roles: what the service signed for one must open nothing for
	// another, in the victim's clinic even though the clinic is the right one.
	p.routes = append(p.routes, route{name: "replayed for another role", down: down, quiet: true, each: func(w *world, _, v *clinic) []attempt {
		var out []attempt
		for _, from := range w.roles {
			for _, to := range w.roles {
				if from == to {
					continue
				}
				for _, t := range w.reachable(to) {
					s := w.scopeOf(v, to)
					s.sig = w.scopeOf(v, from).sig
					out = append(out, attempt{role: to, object: t.name, victim: v, setup: []string{"begin", w.set(s)}, attack: one("select " + w.row(t, to, "t") + " from " + t.in(v.schema) + " t")})
				}
			}
		}
		return out
	}}, route{name: "replayed for another actor", down: down, quiet: true, each: func(w *world, _, v *clinic) []attempt {
		var out []attempt
		for _, role := range w.roles {
			for _, t := range w.reachable(role) {
				s := w.scopeOf(v, role)
				s.actor = "user:" + v.only.String()
				if kindOf(role) != "user" {
					s.actor = kindOf(role) + ":" + v.only.String()
				}
				out = append(out, attempt{role: role, object: t.name, victim: v, setup: []string{"begin", w.set(s)}, attack: one("select " + w.row(t, role, "t") + " from " + t.in(v.schema) + " t")})
			}
		}
		return out
	}})
	return p
}

// reachable are tables that the role may read: three, or in a deep run all.
func (w *world) reachable(role string) []*table {
	var out []*table
	for _, t := range w.tables {
		if len(t.may(role, "s")) > 0 && (w.deep || len(out) < 3) {
			out = append(out, t)
		}
	}
	return out
}

func settings() probe {
	p := probe{rule: rule("CLO-P008", isolation.Critical, "A statement changes its own scope", "Whoever may write a statement may name another clinic in a setting; the signature and the revoked set_config must make that useless.")}
	add := func(name string, down []wall, sql func(w *world, s scope, from string) []string) {
		p.routes = append(p.routes, route{name: name, down: down, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, role := range w.roles {
				for _, t := range w.reachable(role) {
					s := w.scopeOf(a, role)
					s.clinic = v.id.String()
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: sql(w, s, w.row(t, role, "t")+" from "+t.in(v.schema)+" t")})
				}
			}
			return out
		}})
	}
	signature, both := []wall{wallSignature}, []wall{wallSignature, wallSession}
	clinicIs := func(s scope) string { return "set_config('app.clinic_id', " + quote(s.clinic) + ", true)" }
	add("set_config in FROM", both, func(_ *world, s scope, from string) []string {
		return one("select " + strings.Replace(from, " from ", " from "+clinicIs(s)+" x, ", 1))
	})
	add("set_config in a CTE", both, func(_ *world, s scope, from string) []string {
		return one("with x as materialized (select " + clinicIs(s) + ") select " + strings.Replace(from, " from ", " from x, ", 1))
	})
	add("set_config in WHERE", both, func(_ *world, s scope, from string) []string {
		return one("select " + from + " where (select " + clinicIs(s) + ") is not null")
	})
	add("set_config in a statement before", both, func(_ *world, s scope, from string) []string {
		return []string{"select " + clinicIs(s), "select " + from}
	})
	add("set local", signature, func(_ *world, s scope, from string) []string {
		return []string{"set local app.clinic_id = " + quote(s.clinic), "select " + from}
	})
	add("set session", signature, func(_ *world, s scope, from string) []string {
		return []string{"set app.clinic_id = " + quote(s.clinic), "select " + from}
	})
	add("set and reset the signature", signature, func(_ *world, s scope, from string) []string {
		return []string{"set local app.clinic_id = " + quote(s.clinic), "reset app.sig", "select " + from}
	})
	add("reset the clinic to a session's value", signature, func(_ *world, s scope, from string) []string {
		return []string{"rollback", "set app.clinic_id = " + quote(s.clinic), "begin", "set local role " + ident(orNone(s.role)), "select " + from}
	})
	add("scope of a savepoint", signature, func(w *world, s scope, from string) []string {
		return []string{"savepoint s", "set local app.clinic_id = " + quote(s.clinic), "release savepoint s", "select " + from}
	})
	for name, undo := range map[string][]string{"reset all": {"reset all"}, "reset role": {"reset role"}, "rollback to savepoint": {"savepoint s", "reset all", "rollback to savepoint s"},
		"discard plans": {"discard plans"}, "discard temp": {"discard temp"}, "row_security off": {"set local row_security = off"}, "commit and go on": {"commit", "begin"}} {
		add(name, []wall{wallClinic, wallRole}, func(_ *world, _ scope, from string) []string {
			return append(append([]string{}, undo...), "select "+from)
		})
	}
	discard := len(p.routes)
	add("discard all", []wall{wallClinic, wallRole}, func(_ *world, _ scope, from string) []string {
		return []string{"rollback", "discard all", "select " + from}
	})
	p.routes[discard] = p.routes[discard].isolated()
	sortRoutes(p.routes)
	return p
}

func orNone(role string) string {
	if role == "" {
		return "none"
	}
	return role
}
