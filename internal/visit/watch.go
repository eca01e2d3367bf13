package visit

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// Change tells that the queue moved. It holds ids only; who hears it reads
// anew, with their own rights.
type Change struct {
	Visit   uuid.UUID // zero: anything may have changed
	Display uuid.UUID // the display that was changed, else zero
}

// Watch gives the changes of the clinic's queue until cancel is called, to
// whoever may see the queue.
//
// Errors: Forbidden.
func (s *Service) Watch(ctx context.Context) (<-chan Change, func(), error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return nil, nil, err
	}
	sc, _ := tenants.ScopeFrom(ctx)
	changes, cancel := s.WatchWall(sc.Clinic)
	return changes, cancel, nil
}

// WatchWall is Watch for a display or a patient's place. A change says nothing
// in itself; the key is tried each time that something is read.
func (s *Service) WatchWall(clinic *tenants.Clinic) (<-chan Change, func()) {
	events, cancel := s.db.Subscribe(clinic.ID)
	out := make(chan Change, 1)
	go func() {
		defer close(out)
		for e := range events {
			if e.Topic == "clinic" {
				return // suspended, or at another version of its schema: whoever watches is let in anew
			}
			c, ours := changeOf(e)
			if !ours {
				continue
			}
			select {
			case out <- c:
			default: // one is waiting to be read
				select {
				case <-out: // of two, what is told is that anything changed
					out <- Change{}
				case out <- c:
				}
			}
		}
	}()
	return out, cancel
}

func changeOf(e tenants.Event) (Change, bool) {
	switch {
	case e.Lost:
		return Change{}, true
	case e.Topic == topic:
		return Change{Visit: e.ID}, true
	case e.Topic == topicDisplay:
		return Change{Display: e.ID}, true
	}
	return Change{}, false
}
