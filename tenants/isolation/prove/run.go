package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// connections is how many attacks run at a time.
const connections = 2

// tally is what attacks came to.
type tally struct {
	attempts int
	leaks    []leak
	changed  []leak // rows of the victim that changed
}

// leak is what one route gave.
type leak struct {
	rule  string
	route route
	seen  seen
}

// attack runs probes against the world, each clinic once the victim.
func (w *world) attack(ctx context.Context, ps []probe, told func(string)) (tally, error) {
	var all tally
	before, err := w.prints(ctx)
	if err != nil {
		return all, err
	}
	for _, p := range ps {
		told(p.rule.ID + " " + p.rule.Title)
		for i, r := range p.routes {
			if w.readOnly && !r.quiet {
				continue
			}
			n, found, err := w.attackBy(ctx, r)
			if err != nil {
				return all, fmt.Errorf("%s, %s: %w", p.rule.ID, r.name, err)
			}
			all.attempts += n
			for _, s := range found {
				all.leaks = append(all.leaks, leak{p.rule.ID, r, s})
			}
			if w.copy && len(all.leaks) > 0 {
				return all, nil
			}
			if w.readOnly || w.copy {
				continue
			}
			// What committed is looked for at once, what should have changed nothing
			// after the probe's last route.
			if !commits(w, r) && i+1 < len(p.routes) {
				continue
			}
			after, err := w.prints(ctx)
			if err != nil {
				return all, err
			}
			for i, c := range w.clinics {
				for _, t := range w.tables {
					if before[i][t.name] != after[i][t.name] {
						all.changed = append(all.changed, leak{p.rule.ID, r, seen{attempt: attempt{object: t.name, victim: c, route: r.name}, what: "its rows are others than before"}})
					}
				}
			}
			before = after
		}
	}
	return all, nil
}

// commits reports a route whose attempts end with COMMIT.
func commits(w *world, r route) bool {
	return slices.ContainsFunc(r.each(w, w.clinics[0], w.clinics[1]), func(a attempt) bool { return a.commit })
}

// sampled takes some of the attempts, evenly over tables and roles; a copy needs
// all, since it stops at the first leak.
func (w *world) sampled(all []attempt) []attempt {
	if w.sample == 0 || w.copy || len(all) <= w.sample {
		return all
	}
	out := make([]attempt, w.sample)
	for i := range out {
		out[i] = all[i*len(all)/w.sample]
	}
	return out
}

// attackBy runs one route in both directions.
func (w *world) attackBy(ctx context.Context, r route) (int, []seen, error) {
	n := 0
	var found []seen
	for i := range w.clinics {
		a, v := w.clinics[i], w.clinics[1-i]
		if w.copy && i == 1 {
			break // the walls of a copy are down in one direction
		}
		attempts := w.sampled(r.each(w, a, v))
		n += len(attempts)
		some, err := w.all(ctx, r, attempts, a)
		if err != nil {
			return n, found, err
		}
		found = append(found, some...)
	}
	return n, found, nil
}

// all runs attempts over a few connections; a copy is content with the first leak.
func (w *world) all(ctx context.Context, r route, attempts []attempt, attacker *clinic) ([]seen, error) {
	var mu sync.Mutex
	var found []seen
	next := make(chan attempt)
	g, ctx := errgroup.WithContext(ctx)
	workers := connections
	if slices.ContainsFunc(attempts, func(a attempt) bool { return a.judge == byTime || a.left != nil }) {
		workers = 1
	}
	enough := func() bool { mu.Lock(); defer mu.Unlock(); return w.copy && len(found) > 0 }
	for range workers {
		g.Go(func() error {
			var s *session
			defer func() { w.park(context.WithoutCancel(ctx), s) }()
			for a := range next {
				if enough() {
					continue
				}
				a.route = r.name
				saw, err := w.tryOn(ctx, &s, a, attacker)
				if err != nil {
					return err
				}
				if saw != nil {
					mu.Lock()
					found = append(found, *saw)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(next)
		for _, a := range attempts {
			select {
			case next <- a:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return found, g.Wait()
}

// tryOn runs one attempt on the worker's connection, or on one of its own.
func (w *world) tryOn(ctx context.Context, s **session, a attempt, attacker *clinic) (*seen, error) {
	if a.left != nil && w.pool != nil {
		return w.pooled(ctx, a, attacker)
	}
	if *s != nil && (a.alone || (*s).pg.IsClosed()) {
		(*s).close(ctx)
		*s = nil
	}
	if *s == nil && !a.alone {
		*s = w.parked()
	}
	if *s == nil {
		fresh, err := dial(ctx, w.dsn(), w.copy)
		if err != nil {
			return nil, err
		}
		*s = fresh
	}
	if w.readOnly || w.copy {
		a.commit = false
	}
	saw, err := (*s).try(ctx, a, !w.readOnly)
	if a.alone {
		(*s).close(ctx)
		*s = nil
	}
	return saw, err
}

// dsn is of the login that attacks.
func (w *world) dsn() string {
	if w.admin != "" {
		return w.admin
	}
	return w.app
}

// park keeps a worker's connection for the next route, as it was when it was new:
// to open one costs more than most routes do.
func (w *world) park(ctx context.Context, s *session) {
	if s == nil {
		return
	}
	if rs, err := s.send(ctx, "discard all"); err != nil || len(rs) != 1 || rs[0].err != nil {
		s.close(ctx)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, s)
}

// parked gives a connection of the login that attacks, or nil.
func (w *world) parked() *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.idle, func(s *session) bool { return s.dsn == w.dsn() && !s.pg.IsClosed() })
	if i < 0 {
		return nil
	}
	s := w.idle[i]
	w.idle = slices.Delete(w.idle, i, i+1)
	return s
}

// prints are digests of all rows of every table, seen by the owner in each clinic.
func (w *world) prints(ctx context.Context) ([2]map[string]string, error) {
	var out [2]map[string]string
	if w.readOnly || w.copy {
		return out, nil
	}
	for i, c := range w.clinics {
		out[i] = map[string]string{}
		var parts []string
		for _, t := range w.tables {
			parts = append(parts, fmt.Sprintf("select %s, md5(string_agg(x::text, ',' order by x::text)) from %s x", quote(t.name), t.in(c.schema)))
		}
		// The mark stands in the statement for the probe that looks at those of others.
		rows, err := w.owner[i].Query(ctx, "/* "+c.mark+" */ "+strings.Join(parts, " union all "))
		if err != nil {
			return out, err
		}
		for rows.Next() {
			var name string
			var sum *string
			if err := rows.Scan(&name, &sum); err != nil {
				return out, err
			}
			if sum != nil {
				out[i][name] = *sum
			}
		}
		if err := rows.Err(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// tell puts leaks into the report: one finding for each probe and object, with
// the shortest way to see it again.
func (w *world) tell(r *isolation.Report, all tally) {
	type key struct{ rule, object string }
	groups := map[key][]leak{}
	var order []key
	for _, l := range all.leaks {
		k := key{l.rule, l.seen.object}
		if l.route.limit != "" {
			k.object = l.route.name
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], l)
	}
	for _, k := range order {
		ls := groups[k]
		best := ls[0]
		for _, l := range ls {
			if len(w.script(l.seen)) < len(w.script(best.seen)) {
				best = l
			}
		}
		if best.route.limit != "" {
			r.Add(isolation.Finding{Rule: k.rule, Object: k.object, Reason: best.route.limit, Reproduce: w.script(best.seen)})
			continue
		}
		var routes []string
		for _, l := range ls {
			if !slices.Contains(routes, l.route.name) {
				routes = append(routes, l.route.name)
			}
		}
		r.Add(isolation.Finding{Rule: k.rule, Object: k.object, Reproduce: w.script(best.seen),
			Reason: fmt.Sprintf("%d attempts got through, by %s. As %s: %s", len(ls), strings.Join(routes, "; "), best.seen.role, best.seen.what)})
	}
	for _, l := range all.changed {
		r.Add(isolation.Finding{Rule: ruleChanged, Object: l.seen.object, Reason: fmt.Sprintf("after %s, %s: %s", l.rule, l.route.name, l.seen.what)})
	}
}

// marked is the owner's last statement before attacks: one that the victim's
// mark is in, for the probe that looks at the statements of others.
func (w *world) marked() string { return "select /* " + w.clinics[1].mark + " */ 1" }
