//go:build unix

package print

import (
	"context"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
)

// line is where the documents of one owner wait. No more of them than there are
// places stand in the queue of all, so that whoever asks for hundreds keeps
// another waiting for a few.
type line struct {
	ahead chan struct{}
	users int
}

// queue waits for a place, first in the owner's own line; leave gives it back.
func (r *Renderer) queue(ctx context.Context, owner string) (leave func(), err error) {
	own := r.join(owner)
	limit := time.NewTimer(r.conf.Wait)
	defer limit.Stop()
	if err := enter(ctx, own.ahead, limit.C); err != nil {
		r.part(owner, own)
		return nil, err
	}
	if err := enter(ctx, r.places, limit.C); err != nil {
		<-own.ahead
		r.part(owner, own)
		return nil, err
	}
	return func() {
		<-r.places
		<-own.ahead
		r.part(owner, own)
	}, nil
}

// enter takes a place; who waits longest gets the next.
func enter(ctx context.Context, places chan struct{}, limit <-chan time.Time) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-limit:
		return apperr.New(apperr.Unavailable, "error.pdf.busy", "Many documents are being made; try again in a moment")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Renderer) join(owner string) *line {
	r.queues.Lock()
	defer r.queues.Unlock()
	own := r.lines[owner]
	if own == nil {
		own = &line{ahead: make(chan struct{}, r.conf.Tabs)}
		r.lines[owner] = own
	}
	own.users++
	return own
}

func (r *Renderer) part(owner string, own *line) {
	r.queues.Lock()
	defer r.queues.Unlock()
	if own.users--; own.users == 0 {
		delete(r.lines, owner)
	}
}
