package prove

import (
	"maps"
	"slices"
	"strings"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// writes makes an attempt for every table and a role with the right, committed
// where the clinics are throw-away ones and looked for afterwards as the owner.
func writes(name, right string, sql func(w *world, t *table, role string, a, v *clinic) string) route {
	return route{name: name, down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.attackers(t, right) {
				if text := sql(w, t, role, a, v); text != "" {
					out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(text), commit: true})
				}
			}
		}
		return out
	}}
}

// fresh is a row that the attacker brings: the canary's with keys of its own,
// as far as the role may give them.
func (w *world) fresh(t *table, a *clinic, role, clinicID string) map[string]string {
	row := maps.Clone(w.canary[a.schema][t.name])
	if row == nil {
		return nil
	}
	if cols := t.may(role, "i"); len(cols) > 0 {
		maps.DeleteFunc(row, func(col, _ string) bool { return !slices.Contains(cols, col) })
		if clinicID != "" && slices.Contains(cols, "clinic_id") {
			row["clinic_id"] = quote(clinicID)
		}
	}
	for _, key := range []string{"id", "user_id", "token_hash", "word"} {
		if _, ok := row[key]; ok && (key == "id" || !slices.Contains(t.foreign, key)) {
			row[key] = map[string]string{"id": "gen_random_uuid()", "user_id": quote(sharedID.String()), "token_hash": "sha256(gen_random_uuid()::text::bytea)", "word": "gen_random_uuid()::text"}[key]
		}
	}
	return row
}

// assignable gives a column that the role may change and what it sets it to.
func assignable(t *table, role string) (column, value string) {
	cols := t.may(role, "u")
	for _, c := range t.columns {
		if (c.typ == "text" || strings.HasPrefix(c.typ, "timestamp")) && !c.generated && (len(cols) == 0 || slices.Contains(cols, c.name)) {
			return ident(c.name), ident(c.name)
		}
	}
	if len(cols) > 0 {
		return ident(cols[0]), ident(cols[0])
	}
	return "clinic_id", "clinic_id"
}

// unchanged assigns a column to itself.
func unchanged(t *table, role string) string {
	col, val := assignable(t, role)
	return col + " = " + val
}

func writing() probe {
	p := probe{rule: rule("CLO-P004", isolation.Critical, "Rows of another clinic are written, changed or removed", "A row that one clinic puts into another's record is as bad as one that it reads.")}
	insert := func(clinicID func(a, v *clinic) string, tail string) func(w *world, t *table, role string, a, v *clinic) string {
		return func(w *world, t *table, role string, a, v *clinic) string {
			row := w.fresh(t, a, role, clinicID(a, v))
			if len(row) == 0 {
				return ""
			}
			return insertInto(t.in(v.schema), row) + tail
		}
	}
	none := func(_, _ *clinic) string { return "" }
	p.routes = []route{
		writes("insert", "i", insert(none, "")),
		writes("insert as the own clinic", "i", insert(func(a, _ *clinic) string { return a.id.String() }, "")),
		writes("insert as the other clinic", "i", insert(func(_, v *clinic) string { return v.id.String() }, "")),
		writes("insert on conflict do nothing", "i", insert(none, " on conflict do nothing")),
		writes("insert returning", "i", insert(none, " returning clinic_id")),
		writes("update", "u", func(w *world, t *table, role string, _, v *clinic) string {
			return "update " + t.in(v.schema) + " set " + unchanged(t, role)
		}),
		writes("update constant", "u", func(w *world, t *table, role string, _, v *clinic) string {
			col, _ := assignable(t, role)
			return "update " + t.in(v.schema) + " set " + col + " = default"
		}),
		writes("update from", "u", func(w *world, t *table, role string, a, v *clinic) string {
			return "update " + t.in(v.schema) + " t set " + unchanged(t, role) + " from (values (1)) o(n)"
		}),
		writes("update in cte", "u", func(w *world, t *table, role string, _, v *clinic) string {
			return "with x as (update " + t.in(v.schema) + " set " + unchanged(t, role) + " returning 1) select 'changed' from x"
		}),
		writes("delete", "d", func(_ *world, t *table, _ string, _, v *clinic) string { return "delete from " + t.in(v.schema) }),
		writes("delete using", "d", func(_ *world, t *table, _ string, _, v *clinic) string {
			return "delete from " + t.in(v.schema) + " t using (values (1)) o(n)"
		}),
		writes("merge update", "u", func(w *world, t *table, role string, _, v *clinic) string {
			if w.version < 150000 {
				return ""
			}
			return "merge into " + t.in(v.schema) + " t using (values (1)) o(n) on true when matched then update set " + unchanged(t, role)
		}),
		writes("merge delete", "d", func(w *world, t *table, role string, _, v *clinic) string {
			if w.version < 150000 {
				return ""
			}
			return "merge into " + t.in(v.schema) + " t using (values (1)) o(n) on true when matched then delete"
		}),
		writes("insert on conflict do update", "i", func(w *world, t *table, role string, a, v *clinic) string {
			if w.canary[a.schema][t.name]["id"] == "" || len(t.may(role, "u")) == 0 {
				return ""
			}
			row := w.fresh(t, a, role, "")
			row["id"] = quote(sharedID.String()) // the victim has this row
			col, _ := assignable(t, role)
			return insertInto(t.in(v.schema), row) + " on conflict (id) do update set " + col + " = " + ident(t.name) + "." + col
		}),
		copyFrom(),
		rolled("truncate", []wall{wallLogin}, func(t *table, v *clinic) string { return "truncate " + t.in(v.schema) + " cascade" }),
	}
	return p
}

// copyFrom brings a line of the attacker's into each of the victim's tables.
func copyFrom() route {
	return route{name: "copy from", down: clinicDown, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.attackers(t, "i") {
				row := w.fresh(t, a, role, v.id.String())
				if len(row) == 0 {
					continue
				}
				cols := slices.Sorted(maps.Keys(row))
				at := attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), commit: true}
				for i, col := range cols {
					at.lines, cols[i] = append(at.lines, row[col]), ident(col)
				}
				at.attack = one("copy " + t.in(v.schema) + " (" + strings.Join(cols, ", ") + ") from stdin")
				out = append(out, at)
			}
		}
		return out
	}}
}

// rolled is a destructive statement on every table: it must be refused, and is
// rolled back in any case.
func rolled(name string, down []wall, sql func(t *table, v *clinic) string) route {
	return route{name: name, down: down, each: func(w *world, a, v *clinic) []attempt {
		var out []attempt
		for _, t := range w.tables {
			for _, role := range w.some() {
				out = append(out, attempt{role: role, object: t.name, victim: v, setup: w.begin(a, role), attack: one(sql(t, v)), judge: byRefusal})
			}
		}
		return out
	}}
}

// some are the roles that statements without a table's rights are tried with.
func (w *world) some() []string {
	if w.deep || len(w.roles) < 3 {
		return w.roles
	}
	return []string{w.roles[0], w.roles[len(w.roles)/2]}
}
