package prove

import (
	"context"
	"fmt"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/isolation"
)

// How finely time is looked at: a condition that does some 20 ms of work on the
// row that is there and none on the others is asked in turns with one that finds
// no row. The fastest of each are compared, since a busy machine makes a
// statement slower and never faster; a difference counts when it shows in each
// of some rounds.
const (
	turns      = 7
	resolution = 2 * time.Millisecond
)

func timing() probe {
	r := guessing("work on a hidden row", clinicDown, func(t *table, col, value, s string) string {
		return "select count(*) from " + t.in(s) + " where case when " + col + " = " + quote(value) + " then (select count(*) from generate_series(1, 300000)) > 0 else false end"
	})
	each := r.each
	r.each = func(w *world, a, v *clinic) []attempt {
		all := each(w, a, v)
		for i := range all {
			all[i].judge = byTime
		}
		return all
	}
	return probe{rule: rule("CLO-P022", isolation.High, "Time tells another clinic's values",
		fmt.Sprintf("A condition that works long on a hidden row is told by the clock. Resolution: %v between the fastest of %d turns, in each of %d rounds.", resolution, turns, sure)), routes: []route{r}}
}

// clock compares how long hit and miss take. On a machine that others keep busy
// one of them may be late in every turn, so a difference must show again.
func (s *session) clock(ctx context.Context, a attempt) (what string, err error) {
	for range sure {
		if what, err = s.timed(ctx, a); what == "" || err != nil {
			return "", err
		}
	}
	return what, nil
}

func (s *session) timed(ctx context.Context, a attempt) (string, error) {
	var fastest [2]time.Duration
	for turn := range turns {
		for i, attack := range [][]string{a.attack, a.miss} {
			begun := time.Now()
			if _, _, err := s.once(ctx, a, attack); err != nil {
				return "", err
			}
			if took := time.Since(begun); turn == 0 || took < fastest[i] {
				fastest[i] = took
			}
		}
	}
	if fastest[0] <= fastest[1]+resolution {
		return "", nil
	}
	return fmt.Sprintf("a value of the other clinic takes %v, one of nobody %v, the fastest of %d", fastest[0].Round(time.Microsecond), fastest[1].Round(time.Microsecond), turns), nil
}

// leftovers go through the service's own pool, with one connection: the
// victim's transaction leaves something on it, and the attacker's comes next.
// Postgres keeps such things for the whole session; the wall is the pool's look
// at the connection. The control is the same on a connection that nobody looks at.
func leftovers() probe {
	p := probe{rule: rule("CLO-P006", isolation.Critical, "A connection carries something from one clinic to the next", "Cursors, statements and settings outlive the transaction that made them; a pooled connection must be clean before it serves another clinic.")}
	add := func(name string, j judge, leave func(t *table, row, schema, mark string) string, take string) {
		p.routes = append(p.routes, route{name: name, down: []wall{wallPool}, each: func(w *world, a, v *clinic) []attempt {
			var out []attempt
			for _, t := range w.tables {
				role := w.attackers(t, "s")[0]
				if kindOf(role) != "user" || len(t.may(role, "s")) == 0 {
					continue
				}
				at := attempt{role: role, object: t.name, victim: v, attack: one(take), judge: j, left: one(leave(t, w.row(t, role, "t"), v.schema, v.mark)), alone: true}
				at.setup = append(append(append(w.begin(v, role), at.left...), "commit"), w.begin(a, role)...)
				if out = append(out, at); !w.deep && len(out) == 3 {
					break
				}
			}
			return out
		}})
	}
	add("held cursor", byRows, func(t *table, row, s, _ string) string {
		return "declare held cursor with hold for select " + row + " from " + t.in(s) + " t"
	}, "fetch all from held")
	add("prepared statement", byRows, func(_ *table, _, _, mark string) string { return "prepare kept as select " + quote(mark) }, "execute kept")
	add("statement's text", byMark, func(_ *table, _, _, mark string) string { return "prepare kept as select " + quote(mark) }, "select statement from pg_prepared_statements where from_sql")
	add("setting", byMark, func(_ *table, _, _, mark string) string { return "set application_name = " + quote(mark) }, "select current_setting('application_name')")
	add("own setting", byMark, func(_ *table, _, _, mark string) string { return "set app.kept = " + quote(mark) }, "select current_setting('app.kept', true)")
	add("listening", byRows, func(*table, string, string, string) string { return "listen kept" }, "select pg_listening_channels()")
	return p
}

// pooled runs the attempt through the service's pool.
func (w *world) pooled(ctx context.Context, a attempt, attacker *clinic) (*seen, error) {
	at := func(c *clinic) context.Context {
		return tenants.WithScope(ctx, tenants.Scope{Clinic: &tenants.Clinic{ID: c.id, Slug: c.slug, Schema: c.schema, Zone: time.UTC},
			Actor: tenants.Actor{Kind: access.User, ID: sharedID, Role: access.Role(a.role[len("cloister_"):])}})
	}
	var rs []result
	err := tenants.Write(at(a.victim), w.pool, func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Exec(ctx, a.left[0])
		return err
	})
	if err != nil && !isSQL(err) {
		return nil, nil // the pool refused what was left: that is the wall
	}
	err = tenants.Write(at(attacker), w.pool, func(ctx context.Context, tx *tenants.Tx) error {
		rs = nil
		rows, err := tx.Query(ctx, a.attack[0])
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text *string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if text != nil {
				rs = append(rs, result{rows: [][]string{{*text}}})
			}
		}
		return rows.Err()
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil { // refused: there is no such thing on the connection
		rs = nil
	}
	what := marked(a, rs, "")
	if what == "" && a.judge == byRows {
		what = rowsOf(rs)
	}
	if what == "" {
		return nil, nil
	}
	return &seen{attempt: a, what: what}, nil
}
