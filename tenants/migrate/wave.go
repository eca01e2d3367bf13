package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// run is one call of Up.
type run struct {
	Result
	m     *Migrator
	o     Options
	tried map[uuid.UUID]bool // with whatever end
	lost  error              // the database is away
	mu    sync.Mutex
}

const (
	defaultWorkers = 4
	defaultRetries = 5
	waveGrowth     = 10 // each wave against those before it together
)

func (r *run) setDefaults() {
	if r.o.Workers <= 0 {
		r.o.Workers = defaultWorkers
	}
	if r.o.Retries == 0 {
		r.o.Retries = defaultRetries
	}
	if r.o.LockTimeout <= 0 {
		r.o.LockTimeout = r.m.conf.Times.Lock
	}
	if r.o.MaxFailures == 0 && r.o.Waves() {
		r.o.MaxFailures = 1
	}
}

// all goes wave by wave until nothing is behind but what failed.
func (r *run) all(ctx context.Context) error {
	if err := r.m.known(ctx, r.o.CanaryClinics); err != nil {
		return err
	}
	for {
		var total int
		var behind []waiting
		err := r.m.patiently(ctx, func() (err error) { total, behind, err = r.m.pending(ctx); return err })
		if err != nil {
			return err
		}
		behind = slices.DeleteFunc(behind, func(w waiting) bool { return r.tried[w.Clinic] })
		r.Total = total
		if len(behind) == 0 {
			return nil
		}
		if r.o.Waves() && r.o.Before != nil && r.Pending == 0 {
			if err := r.m.patiently(ctx, func() error { return r.o.Before(ctx) }); err != nil {
				return err
			}
		}
		r.Pending += len(behind)
		for _, wave := range r.cut(behind) {
			if err := r.wave(ctx, wave); err != nil {
				return err
			}
			if r.over(ctx) {
				return r.lost
			}
		}
	}
}

// cut makes the waves of a run.
func (r *run) cut(behind []waiting) [][]waiting {
	if !r.o.Waves() {
		return [][]waiting{behind}
	}
	rank := func(w waiting) int {
		switch {
		case w.state != "assigned": // nobody is there yet
			return 0
		case slices.Contains(r.o.CanaryClinics, w.Slug):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(behind, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.patients, b.patients))
	})
	size := 0
	for _, w := range behind {
		if rank(w) < 2 {
			size++
		}
	}
	if len(r.o.CanaryClinics) == 0 {
		size += r.o.Canary
	}
	var all [][]waiting
	for size = max(size, 1); len(behind) > size; size *= waveGrowth {
		all, behind = append(all, behind[:size:size]), behind[size:]
	}
	return append(all, behind)
}

// over reports whether no further clinic may be begun.
func (r *run) over(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ctx.Err() != nil || r.lost != nil || r.Halted != ""
}

// wave migrates some schemas with all workers, then looks at what they are now.
func (r *run) wave(ctx context.Context, all []waiting) error {
	begun, before, failures := time.Now(), r.Migrated, len(r.Failures)
	work := make(chan waiting)
	var workers sync.WaitGroup
	var done []waiting
	for range min(r.o.Workers, len(all)) {
		workers.Go(func() {
			w := r.m.worker(r.o.LockTimeout, r.o.Retries)
			defer w.close()
			for s := range work {
				if r.over(ctx) {
					continue
				}
				if r.tally(ctx, s.Schema, w.up(ctx, s.Schema)) {
					r.mu.Lock()
					done = append(done, s)
					r.mu.Unlock()
				}
			}
		})
	}
	for _, s := range all {
		if r.over(ctx) {
			break
		}
		work <- s
	}
	close(work)
	workers.Wait()
	note := func() error { return r.m.recordFailures(context.WithoutCancel(ctx), r.Failures[failures:]) }
	if err := r.m.patiently(ctx, note); err != nil && r.lost == nil {
		return err
	}
	if !r.o.Waves() {
		return nil
	}
	wave := Wave{Schemas: len(all), Migrated: r.Migrated - before, Failed: len(r.Failures) - failures, Took: time.Since(begun)}
	begun = time.Now()
	if ctx.Err() == nil && r.lost == nil {
		check := func() error { return r.check(ctx, done) }
		if err := r.m.patiently(ctx, check); err != nil && ctx.Err() == nil {
			r.Halted = err.Error()
		}
	}
	wave.Checked = time.Since(begun)
	r.Waves = append(r.Waves, wave)
	return nil
}

// tally notes how a schema ended, and tells whether it is at the target.
func (r *run) tally(ctx context.Context, s Schema, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried[s.Clinic] = true
	switch {
	case err == nil:
		r.Migrated++
	case ctx.Err() != nil: // rolled back because we were told to stop; the next run does it
	case isLost(err): // no fault of the clinic's; the next run does it
		if r.lost == nil {
			r.lost = told(context.WithoutCancel(ctx), r.m.conf.Migrator, err)
		}
		r.Halted = "the database is away"
	default:
		r.Failures = append(r.Failures, Failure{Schema: s, Reason: reasonOf(err)})
		if n := len(r.Failures); r.o.MaxFailures > 0 && n >= r.o.MaxFailures && r.Halted == "" {
			r.Halted = fmt.Sprintf("clinics failed: %d", n)
		}
	}
	if r.o.Progress != nil {
		p := Progress{Done: r.Migrated + len(r.Failures), Failed: len(r.Failures), Total: r.Pending}
		if r.o.Waves() {
			p.Wave = len(r.Waves) + 1
		}
		r.o.Progress(p)
	}
	return err == nil
}
