//go:build unix

package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

const (
	poolConns   = 16
	poolCallers = 32
)

// draw picks the clinic of the next request.
type draw func(r *rand.Rand) int

// zipf draws with weights 1/rank^s.
func zipf(n int, s float64) draw {
	sum := make([]float64, n)
	total := 0.0
	for i := range sum {
		total += 1 / math.Pow(float64(i+1), s)
		sum[i] = total
	}
	return func(r *rand.Rand) int {
		x := r.Float64() * total
		lo, hi := 0, n-1
		for lo < hi {
			if mid := (lo + hi) / 2; sum[mid] < x {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo
	}
}

// side is one of the ways that a load is driven.
type side struct {
	name string
	do   func(ctx context.Context, c *tenants.Clinic, k int) error
	tps  []float64
	p50  []float64
	p99  []float64
	oth  []float64 // p99 of the quiet clinics
}

// Pool drives a request of three statements by many callers over many clinics.
func Pool(ctx context.Context, e *Env) ([]Row, error) {
	n, rounds, length := 1000, 5, 4*time.Second
	if e.Quick {
		n, rounds, length = 40, 2, time.Second
	}
	w, err := e.World(ctx, n)
	if err != nil {
		return nil, err
	}
	ours, err := openOurs(ctx, w.App, tenants.PoolConfig{MaxConns: poolConns}, nil)
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	floor, err := newPlainDriver(ctx, w, poolConns, "shared")
	if err != nil {
		return nil, err
	}
	defer floor.pool.Close()
	plain, err := newPlainDriver(ctx, w, poolConns, "")
	if err != nil {
		return nil, err
	}
	defer plain.pool.Close()
	e.say("pool: warming")
	for _, do := range []func(context.Context, *tenants.Clinic, int) error{
		func(ctx context.Context, c *tenants.Clinic, k int) error { return oursDo(ctx, ours, c, k) }, floor.do, plain.do,
	} {
		if err := warm(ctx, w, do); err != nil {
			return nil, err
		}
	}
	busy := max(n/10, 1)
	var rows []Row
	for _, l := range []struct {
		name, goal string
		pick       draw
		noisy      bool
	}{
		{"uniform", ">= 0.85", func(r *rand.Rand) int { return r.IntN(n) }, false},
		{"Zipf 1.1", ">= 0.95", zipf(n, 1.1), false},
		{fmt.Sprintf("%d busy", busy), ">= 0.95", func(r *rand.Rand) int { return r.IntN(busy) }, false},
		{"one clinic has half", "", func(r *rand.Rand) int { return max(0, r.IntN(2*n)-n) }, true},
	} {
		sides := []*side{
			{name: "ours", do: func(ctx context.Context, c *tenants.Clinic, k int) error { return oursDo(ctx, ours, c, k) }},
			{name: "floor", do: floor.do}, {name: "plain", do: plain.do},
		}
		for r := range rounds + 1 {
			for i := range sides {
				s := sides[(i+r)%len(sides)]
				if err := s.load(ctx, w, l.pick, length, l.noisy); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", l.name, s.name, err)
				}
			}
			if r == 0 { // the first round fills the caches
				for _, s := range sides {
					s.tps, s.p50, s.p99, s.oth = nil, nil, nil, nil
				}
			}
		}
		e.say("pool, %s: done", l.name)
		rows = append(rows, poolRows(l.name, l.goal, l.noisy, sides)...)
	}
	mem, err := memory(ctx, w.Admin)
	return append(rows, mem...), err
}

// warm visits every clinic some times, by two callers at once so that both of a
// clinic's homes come to know it: what is measured is the steady state, and a
// backend's first meeting with a clinic costs it a hundred ordinary requests.
func warm(ctx context.Context, w *World, do func(context.Context, *tenants.Clinic, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for part := range 4 {
		g.Go(func() error {
			for i := range w.Clinics {
				c := w.Clinics[(i+part/2*len(w.Clinics)/2)%len(w.Clinics)] // 0 and 1 side by side, 2 and 3 half a turn on
				if err := do(ctx, c, i%patientsPerClinic); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func poolRows(load, goal string, noisy bool, sides []*side) []Row {
	o, f, p := sides[0], sides[1], sides[2]
	if noisy {
		return []Row{
			{What: load + ": the others' p99", Unit: "ms", Ours: median(o.oth), Base: median(f.oth), BaseIs: "shared schema", Goal: "<= 1.2"},
			{What: load + ": the others' p99, plain pool", Unit: "ms", Ours: median(p.oth), Base: median(f.oth), BaseIs: "shared schema"},
		}
	}
	return []Row{
		{What: load + ": requests", Unit: "/s", Ours: median(o.tps), Base: median(f.tps), BaseIs: "shared schema", Goal: goal},
		{What: load + ": p50", Unit: "ms", Ours: median(o.p50), Base: median(f.p50), BaseIs: "shared schema"},
		{What: load + ": p99", Unit: "ms", Ours: median(o.p99), Base: median(f.p99), BaseIs: "shared schema", Goal: "<= 1.5"},
		{What: load + ": requests, plain pool", Unit: "/s", Ours: median(p.tps), Base: median(f.tps), BaseIs: "shared schema"},
		{What: load + ": p99, plain pool", Unit: "ms", Ours: median(p.p99), Base: median(f.p99), BaseIs: "shared schema"},
	}
}

// load drives all callers for a while and notes what came of it.
func (s *side) load(ctx context.Context, w *World, pick draw, length time.Duration, noisy bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	var took, quiet []float64
	begun := time.Now()
	for range poolCallers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			var mine, others []float64
			for time.Since(begun) < length && ctx.Err() == nil {
				i := pick(r)
				at := time.Now()
				if err := s.do(ctx, w.Clinics[i], r.IntN(patientsPerClinic)); err != nil {
					cancel(err)
					return
				}
				ms := micros(time.Since(at)) / 1e3
				mine = append(mine, ms)
				if noisy && i != 0 {
					others = append(others, ms)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took, quiet = append(took, mine...), append(quiet, others...)
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	s.tps = append(s.tps, float64(len(took))/time.Since(begun).Seconds())
	s.p50 = append(s.p50, quantile(took, .5))
	s.p99 = append(s.p99, quantile(took, .99))
	s.oth = append(s.oth, quantile(quiet, .99))
	return nil
}

// memory reads what the backends of each side hold of their own, shared memory
// left out; ours are told by their name.
func memory(ctx context.Context, admin string) ([]Row, error) {
	c, err := pg.Connect(ctx, admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `select pid, application_name = 'cloister' from pg_stat_activity where datname = current_database()
		and usename = 'cloister_app' and application_name <> 'cloister listen'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var own, others float64
	for rows.Next() {
		var pid int
		var isOurs bool
		if err := rows.Scan(&pid, &isOurs); err != nil {
			return nil, err
		}
		mb := private(pid)
		if isOurs {
			own = max(own, mb)
		} else {
			others = max(others, mb)
		}
	}
	return []Row{{What: "largest backend's own memory", Unit: "MB", Ours: own, Base: others, BaseIs: "plain pool"}}, rows.Err()
}

// private is the anonymous memory of a process in MB, 0 where the system has no
// such figure.
func private(pid int) float64 {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(raw)) {
		var kb float64
		if n, _ := fmt.Sscanf(l, "RssAnon: %f", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
