package identity

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/tenants"
)

// everyClinic subscribes to the events of all clinics.
var everyClinic uuid.UUID

// topicSession is the topic of the event that a person's sessions have changed;
// its id is the person's.
const topicSession = "session"

// How long a session found is believed without asking again, and how many are
// remembered. What ends a session is heard at once; the time only bounds what a
// lost connection may hide.
const (
	liveFor = 5 * time.Second
	maxLive = 50_000
)

type liveKey struct {
	clinic uuid.UUID
	hash   [sha256.Size]byte
}

type liveEntry struct {
	session Session
	until   time.Time
}

// live remembers the sessions of the last seconds.
type live struct {
	mu    sync.RWMutex
	known map[liveKey]liveEntry
	epoch uint64 // counts what was forgotten: an answer from before isn't kept
}

func newLive() *live { return &live{known: map[liveKey]liveEntry{}} }

// get gives a session remembered, and the epoch that an answer asked for
// instead must still find.
func (l *live) get(k liveKey, now time.Time) (Session, uint64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.known[k]
	return e.session, l.epoch, ok && now.Before(e.until)
}

func (l *live) put(k liveKey, s Session, epoch uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch != epoch {
		return
	}
	if len(l.known) >= maxLive {
		clear(l.known)
	}
	l.known[k] = liveEntry{session: s, until: now.Add(liveFor)}
}

// drop forgets the sessions of a person, or all of a clinic for the zero id.
func (l *live) drop(clinic, person uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for k, e := range l.known {
		if k.clinic == clinic && (person == uuid.Nil || e.session.Person() == person) {
			delete(l.known, k)
		}
	}
}

func (l *live) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	clear(l.known)
}

func (l *live) heard(e tenants.Event) {
	switch {
	case e.Lost:
		l.flush()
	case e.Topic == topicSession:
		l.drop(e.Clinic, e.ID)
	case e.Topic == "clinic": // suspended, or its idle time changed
		l.drop(e.Clinic, uuid.Nil)
	}
}
