package tenants

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/google/uuid"
)

// pool keeps a clinic on its connections. A backend that changes clinic has to
// analyse every statement anew and keeps the catalog of each clinic it has
// touched (0.7 MB), so a clinic has two home connections out of all, by
// rendezvous hash, and waits for one of them rather than take a third. What
// else it does is fairness: a connection that comes free goes to the oldest
// waiter of another clinic first, so that a busy clinic queues behind its own
// requests and not in front of the others'.
type pool struct {
	conf    PoolConfig
	dial    func(context.Context) (*conn, error)
	meter   *meter
	mu      sync.Mutex
	slots   []*slot
	queue   waiter // ring: queue.next is the oldest
	waiting int
	count   uint64 // of releases
	closed  bool
	awake   bool          // the sweeper is at work
	wake    chan struct{} // to wake it; closed with the pool
	busy    sync.WaitGroup
}

// slot is a place for one connection. Its place in the hash stays when the
// connection is recycled. The holder owns c; the pool's lock guards the rest.
type slot struct {
	n        int
	c        *conn
	busy     bool
	touched  map[uuid.UUID]struct{} // clinics that c knows
	last     uuid.UUID
	released uint64 // the pool's count of releases at its last
	swept    uint64 // released, when the sweeper last saw a COMMIT kept back here
}

// waiter is a caller without a connection.
type waiter struct {
	key        uuid.UUID
	homes      [2]int
	roams      bool // has waited long enough to take any connection
	ready      chan *slot
	prev, next *waiter
}

// linger is how long a connection that came free keeps the COMMIT of a read back
// for its next packet; it may be twice as long.
const linger = time.Millisecond

var errClosed = errors.New("tenants: the pool is closed")

func newPool(conf PoolConfig, dial func(context.Context) (*conn, error), m *meter) *pool {
	p := &pool{conf: conf, dial: dial, meter: m, slots: make([]*slot, conf.MaxConns), wake: make(chan struct{}, 1)}
	for i := range p.slots {
		p.slots[i] = &slot{n: i, touched: map[uuid.UUID]struct{}{}}
	}
	p.queue.next, p.queue.prev = &p.queue, &p.queue
	go p.sweep()
	return p
}

// homes are the two slots with the highest score for the clinic.
func (p *pool) homes(key uuid.UUID) [2]int {
	seed := binary.LittleEndian.Uint64(key[:8]) ^ binary.LittleEndian.Uint64(key[8:])*0x9e3779b97f4a7c15
	var h [2]int
	var s [2]uint64
	for i := range p.slots {
		switch v := mix(seed + uint64(i)*0xd1b54a32d192ed03); {
		case i == 0 || v > s[0]:
			h[1], s[1], h[0], s[0] = h[0], s[0], i, v
		case i == 1 || v > s[1]:
			h[1], s[1] = i, v
		}
	}
	return h
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// acquire gives a connection of the clinic's; release takes it back.
func (p *pool) acquire(ctx context.Context, key uuid.UUID) (*slot, error) {
	homes := p.homes(key)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	s := p.idleHome(key, homes)
	if s == nil && p.conf.Plain {
		s = p.anyIdle(key)
	}
	if s != nil {
		p.take(s, key)
		p.mu.Unlock()
		p.meter.acquired.WithLabelValues("home").Inc()
		return p.connected(ctx, s)
	}
	if p.waiting >= p.conf.QueueLimit {
		p.mu.Unlock()
		p.meter.refused.Inc()
		return nil, apperr.New(apperr.Unavailable, "error.busy", "Too many requests are waiting; try again in a moment")
	}
	w := &waiter{key: key, homes: homes, roams: p.conf.Plain, ready: make(chan *slot, 1)}
	p.enqueue(w)
	p.mu.Unlock()
	begun := time.Now()
	s, err := p.wait(ctx, w)
	p.meter.waited.Observe(time.Since(begun).Seconds())
	if err != nil {
		return nil, err
	}
	return p.connected(ctx, s)
}

// wait is the caller's side of the queue.
func (p *pool) wait(ctx context.Context, w *waiter) (*slot, error) {
	timer := time.NewTimer(p.conf.HomeWait)
	defer timer.Stop()
	for {
		select {
		case s := <-w.ready:
			p.meter.acquired.WithLabelValues("queue").Inc()
			if s == nil {
				return nil, errClosed
			}
			return s, nil
		case <-timer.C:
			p.mu.Lock()
			if w.next != nil { // still in the queue
				w.roams = true
				if s := p.anyIdle(w.key); s != nil {
					p.dequeue(w)
					p.take(s, w.key)
					p.mu.Unlock()
					p.meter.acquired.WithLabelValues("roam").Inc()
					return s, nil
				}
			}
			p.mu.Unlock()
		case <-ctx.Done():
			p.mu.Lock()
			queued := w.next != nil
			if queued {
				p.dequeue(w)
			}
			p.mu.Unlock()
			if !queued { // a connection was on its way
				if s := <-w.ready; s != nil {
					p.release(s)
				}
			}
			return nil, context.Cause(ctx)
		}
	}
}

// idleHome picks among the clinic's homes: the one that knows it, the one used
// last where both do, since its caches are warm and its COMMIT may still go with
// our packet.
func (p *pool) idleHome(key uuid.UUID, homes [2]int) *slot {
	a, b := p.slots[homes[0]], p.slots[homes[1]]
	switch {
	case a.busy && b.busy:
		return nil
	case a.busy:
		return b
	case b.busy:
		return a
	case b.knows(key) && (!a.knows(key) || b.released > a.released):
		return b
	}
	return a
}

func (s *slot) knows(key uuid.UUID) bool {
	_, ok := s.touched[key]
	return ok
}

// anyIdle picks an idle connection that knows the clinic, else the one that
// knows the fewest.
func (p *pool) anyIdle(key uuid.UUID) *slot {
	var best *slot
	for _, s := range p.slots {
		switch {
		case s.busy:
		case s.knows(key):
			return s
		case best == nil || len(s.touched) < len(best.touched):
			best = s
		}
	}
	return best
}

func (p *pool) take(s *slot, key uuid.UUID) {
	s.busy, s.last = true, key
	s.touched[key] = struct{}{}
	p.busy.Add(1)
}

// release takes a connection back: one that can't serve any more is closed, and
// the slot goes to whoever waits for it.
func (p *pool) release(s *slot) {
	p.mu.Lock()
	if why := p.retire(s); why != "" {
		clear(s.touched)
	}
	p.free(s)
}

// free gives a slot to the waiter it belongs to, or leaves it idle; it unlocks.
func (p *pool) free(s *slot) {
	p.count++
	s.released = p.count
	s.busy = false
	p.busy.Done()
	w := p.heir(s)
	if w != nil {
		p.dequeue(w)
		p.take(s, w.key)
	} else if s.c != nil && s.c.unsent && !p.awake && !p.closed {
		p.awake = true
		p.wake <- struct{}{}
	}
	p.mu.Unlock()
	if w != nil {
		w.ready <- s
	}
}

// sweep sends the COMMITs that nobody came to take along. One goroutine looks
// after all connections at intervals: a timer for each, set anew by every
// release, took a third of the time that a transaction costs here.
func (p *pool) sweep() {
	for range p.wake {
		for nothing := 0; ; {
			time.Sleep(linger)
			ripe, kept := p.ripe()
			for _, s := range ripe {
				s.c.sync()
				_ = s.c.send() // a connection that fails is told of by its next use
				p.mu.Lock()
				p.free(s)
			}
			if nothing++; kept {
				nothing = 0
			}
			if nothing > 16 && p.rest() {
				break
			}
		}
	}
}

// ripe takes the idle connections whose COMMIT was kept back at the sweep before
// already; kept tells whether there are any at all.
func (p *pool) ripe() (ripe []*slot, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		switch {
		case s.busy || s.c == nil || !s.c.unsent || p.closed:
		case s.swept != s.released:
			s.swept, kept = s.released, true
		default:
			kept, s.busy = true, true
			p.busy.Add(1)
			ripe = append(ripe, s)
		}
	}
	return ripe, kept
}

// rest lets the sweeper sleep unless a COMMIT was kept back meanwhile.
func (p *pool) rest() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if !s.busy && s.c != nil && s.c.unsent && !p.closed {
			return false
		}
	}
	p.awake = false
	return true
}

// retire closes a connection that is broken, dirty, too old or too big.
func (p *pool) retire(s *slot) string {
	c := s.c
	if c == nil {
		return ""
	}
	why := ""
	switch {
	case !c.alive():
		why = "broken"
	case p.closed:
		why = "closing"
	case len(s.touched) > p.conf.MaxClinics:
		why = "clinics"
	case c.memory > p.conf.MaxMemory:
		why = "memory"
	case time.Since(c.born) > p.conf.MaxAge:
		why = "age"
	}
	if why != "" {
		s.c = nil
		c.close()
		p.meter.retired.WithLabelValues(why).Inc()
	}
	return why
}

// heir is the waiter that a free slot goes to: the oldest that it is a home of
// or that takes any, of another clinic than the slot's last if there is one.
func (p *pool) heir(s *slot) *waiter {
	var same *waiter
	for w := p.queue.next; w != &p.queue; w = w.next {
		if !w.roams && w.homes[0] != s.n && w.homes[1] != s.n {
			continue
		}
		if w.key != s.last {
			return w
		}
		if same == nil {
			same = w
		}
	}
	return same
}

func (p *pool) enqueue(w *waiter) {
	w.prev, w.next = p.queue.prev, &p.queue
	w.prev.next, w.next.prev = w, w
	p.waiting++
	p.meter.waiting.Set(float64(p.waiting))
}

func (p *pool) dequeue(w *waiter) {
	w.prev.next, w.next.prev = w.next, w.prev
	w.prev, w.next = nil, nil
	p.waiting--
	p.meter.waiting.Set(float64(p.waiting))
}

// connected makes the slot's connection where there is none, or one that ended
// while it was idle.
func (p *pool) connected(ctx context.Context, s *slot) (*slot, error) {
	if s.c != nil && s.c.alive() {
		return s, nil
	}
	return p.renew(ctx, s)
}

// renew gives the slot a new connection.
func (p *pool) renew(ctx context.Context, s *slot) (*slot, error) {
	if s.c != nil {
		s.c.close()
		s.c = nil
		p.meter.retired.WithLabelValues("broken").Inc()
	}
	c, err := p.dial(ctx)
	if err != nil {
		p.release(s)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, apperr.Wrap(apperr.Unavailable, "error.unavailable", "The database can't be reached; try again in a moment", err)
	}
	s.c = c
	return s, nil
}

// warm makes the first connection, and tells the plain reason if it can't.
func (p *pool) warm(ctx context.Context) error {
	s, err := p.acquire(ctx, uuid.Nil)
	if err == nil {
		p.release(s)
		return nil
	}
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

// close refuses new callers, waits for those at work and ends every connection.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for p.queue.next != &p.queue {
		w := p.queue.next
		p.dequeue(w)
		w.ready <- nil
	}
	p.mu.Unlock()
	p.busy.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.wake)
	for _, s := range p.slots {
		if s.c != nil {
			s.c.close()
			s.c = nil
		}
	}
}
