package tenants

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// The channels of NOTIFY. Payloads are ids: whoever may connect may listen.
const (
	eventChannel    = "cloister"          // <clinic>:<topic>:<id>
	registryChannel = "cloister_registry" // <clinic>
)

// Event says that something of a clinic has changed.
type Event struct {
	Clinic uuid.UUID
	Topic  string
	ID     uuid.UUID
	Lost   bool // events may have been lost before this: read everything anew
}

// eventsKept is how many events a slow subscriber may be behind.
const eventsKept = 32

// Subscribe gives the events of a clinic, or of all for the zero id, until
// cancel is called, which closes the channel. A subscriber that doesn't keep up
// loses events and gets one with Lost instead; so does everyone after the
// connection was lost.
func (db *DB) Subscribe(clinic uuid.UUID) (events <-chan Event, cancel func()) {
	return db.bell.subscribe(clinic)
}

// bell holds the one listening connection and hands on what it hears.
type bell struct {
	db   *DB
	stop func()
	done chan struct{}

	mu   sync.Mutex
	subs map[uuid.UUID]map[*subscriber]struct{}
}

type subscriber struct {
	ch     chan Event // one more than eventsKept, for the last word
	behind bool
}

func newBell(db *DB) *bell {
	return &bell{db: db, stop: func() {}, done: make(chan struct{}), subs: map[uuid.UUID]map[*subscriber]struct{}{}}
}

func (b *bell) subscribe(clinic uuid.UUID) (<-chan Event, func()) {
	s := &subscriber{ch: make(chan Event, eventsKept+1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs[clinic] == nil {
		b.subs[clinic] = map[*subscriber]struct{}{}
	}
	b.subs[clinic][s] = struct{}{}
	return s.ch, sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs[clinic], s)
		if len(b.subs[clinic]) == 0 {
			delete(b.subs, clinic)
		}
		close(s.ch)
	})
}

// tell hands an event to the subscribers of its clinic and to those of all.
func (b *bell) tell(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range [...]uuid.UUID{e.Clinic, uuid.Nil} {
		for s := range b.subs[key] {
			b.offer(s, e)
		}
	}
}

// offer never blocks: the last place of the channel is kept for the word that
// events were lost.
func (b *bell) offer(s *subscriber, e Event) {
	switch {
	case len(s.ch) < eventsKept:
		s.behind = false
		s.ch <- e
	case !s.behind:
		s.behind = true
		s.ch <- Event{Clinic: e.Clinic, Lost: true}
		b.db.meter.lagged.Inc()
	default:
		b.db.meter.lagged.Inc()
	}
}

// lost tells everyone that events may have been missed.
func (b *bell) lost() {
	b.db.names.flush()
	b.mu.Lock()
	defer b.mu.Unlock()
	for clinic, subs := range b.subs {
		for s := range subs {
			b.offer(s, Event{Clinic: clinic, Lost: true})
		}
	}
}

// start listens once, so that a server that can't be listened to is told at
// once, and keeps listening.
func (b *bell) start(ctx context.Context) error {
	pg, err := b.connect(ctx)
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	b.stop = func() { stop(); <-b.done }
	go func() {
		defer close(b.done)
		for run.Err() == nil {
			b.hear(run, pg)
			if pg = b.again(run); pg != nil {
				b.db.meter.relisten.Inc()
				b.lost()
			}
		}
	}()
	return nil
}

func (b *bell) connect(ctx context.Context) (*pgconn.PgConn, error) {
	conf := b.db.pg.Copy()
	conf.RuntimeParams["application_name"] = "cloister listen"
	conf.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { b.heard(n) }
	pg, err := pgconn.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, err
	}
	if err := pg.Exec(ctx, "listen "+eventChannel+"; listen "+registryChannel).Close(); err != nil {
		_ = pg.Close(ctx)
		return nil, err
	}
	return pg, nil
}

// hear waits for notifications until the connection ends. Every minute it asks
// the server for a sign of life: a peer that went without a word is else never
// missed.
func (b *bell) hear(ctx context.Context, pg *pgconn.PgConn) {
	for ctx.Err() == nil && !pg.IsClosed() {
		wait, cancel := context.WithTimeout(ctx, time.Minute)
		err := pg.WaitForNotification(wait)
		quiet := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if quiet && !pg.IsClosed() {
			check, cancel := context.WithTimeout(ctx, 5*time.Second)
			err = pg.Ping(check)
			cancel()
		}
		if err != nil {
			break
		}
	}
	bye, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = pg.Close(bye)
}

// again reconnects, at growing intervals with some chance in them, so that a
// fleet doesn't come back as one.
func (b *bell) again(ctx context.Context) *pgconn.PgConn {
	for pause := 50 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 5*time.Second) {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		pg, err := b.connect(try)
		cancel()
		if err == nil {
			return pg
		}
		b.db.log.WithError(err).Warn("The listening connection is lost; trying again")
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause)):
		}
	}
	return nil
}

// heard reads a payload; one that isn't ours is ignored.
func (b *bell) heard(n *pgconn.Notification) {
	clinic, rest, _ := strings.Cut(n.Payload, ":")
	id, err := uuid.Parse(clinic)
	if err != nil {
		return
	}
	if n.Channel == registryChannel {
		b.db.names.forget(id)
		b.tell(Event{Clinic: id, Topic: "clinic", ID: id})
		return
	}
	topic, what, _ := strings.Cut(rest, ":")
	e := Event{Clinic: id, Topic: topic}
	if e.ID, err = uuid.Parse(what); err == nil || what == "" {
		b.tell(e)
	}
}
