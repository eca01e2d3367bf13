package keys

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// ringAge is how long an opened keyset is kept without looking at the database
// again: a process that missed the news of a destroyed keyset forgets it then.
const ringAge = 10 * time.Minute

// Ring keeps the opened keysets of this process.
type Ring struct {
	master *Master
	now    func() time.Time
	mu     sync.RWMutex
	open   map[uuid.UUID]ringed
}

type ringed struct {
	keyset *Keyset
	since  time.Time
}

// NewRing makes an empty ring; now is the clock, nil for the real one.
func NewRing(m *Master, now func() time.Time) *Ring {
	if now == nil {
		now = time.Now
	}
	return &Ring{master: m, now: now, open: map[uuid.UUID]ringed{}}
}

// Keyset gives the clinic's keyset. fetch reads platform.keysets.wrapped in the
// caller's transaction and is called only when the ring doesn't hold it.
// Errors: ErrDestroyed, ErrWrong, fetch's own.
func (r *Ring) Keyset(ctx context.Context, clinic uuid.UUID, fetch func(context.Context) ([]byte, error)) (*Keyset, error) {
	r.mu.RLock()
	e, ok := r.open[clinic]
	r.mu.RUnlock()
	if ok && r.now().Sub(e.since) < ringAge {
		return e.keyset, nil
	}
	wrapped, err := fetch(ctx)
	if err != nil {
		return nil, err
	}
	k, err := r.master.OpenKeyset(clinic, wrapped)
	if err != nil {
		r.Forget(clinic)
		return nil, err
	}
	r.mu.Lock()
	r.open[clinic] = ringed{k, r.now()}
	r.mu.Unlock()
	return k, nil
}

// Forget drops a clinic's keyset, or all for the zero id; called when the
// registry says that the clinic changed, or may have said so.
func (r *Ring) Forget(clinic uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if clinic == uuid.Nil {
		clear(r.open)
	}
	delete(r.open, clinic)
}
