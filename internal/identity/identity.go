// Package identity knows who somebody is: passwords, sign-in with its lock-out,
// sessions, one-time links, and the operators of the platform.
//
// Sessions live in the clinic's own schema, so that a cookie of one clinic
// means nothing in another. Nothing here decides what a person may do: that is
// Postgres' and, before it, the access matrix's. No page, no HTML and no rule
// of a clinic's work belongs here.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/sessions"
	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/tenants"
)

// Config is what the service is made of.
type Config struct {
	DB      *tenants.DB
	LinkKey []byte // signs one-time links; 32 bytes
	BaseURL string // of the site, as people type it: "https://clinics.example"
	Mail    *mail.Sender
	// Words translates: language, message key, pairs of name and value.
	Words func(lang, key string, pairs ...any) string
	Log   *logrus.Logger
	// Tries is how many sign-ins one address may try at one clinic in five
	// minutes; 0 means 60, which a clinic behind one address doesn't reach.
	Tries int
}

// Service signs people in and out.
type Service struct {
	db     *tenants.DB
	links  Links
	mail   *mail.Sender
	words  func(lang, key string, pairs ...any) string
	log    *logrus.Logger
	store  *Store
	live   *live
	tries  limiter.Store
	resets limiter.Store
	hashes chan struct{} // bounds the memory that hashing takes at once
	stop   func()
	work   sync.WaitGroup // mails under way
}

// New makes the service; Close ends it.
func New(c Config) (*Service, error) {
	if c.DB == nil || c.Mail == nil || c.Words == nil {
		return nil, errors.New("identity: database, mail or words are missing")
	}
	links, err := NewLinks(c.LinkKey, c.BaseURL)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = logrus.StandardLogger()
	}
	if c.Tries <= 0 {
		c.Tries = 60
	}
	s := &Service{db: c.DB, links: links, mail: c.Mail, words: c.Words, log: c.Log, live: newLive(),
		hashes: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	s.store = &Store{s: s, secure: strings.HasPrefix(links.Base, "https://")}
	if s.tries, err = newLimiter(c.Tries, 5*time.Minute); err != nil {
		return nil, err
	}
	if s.resets, err = newLimiter(10, time.Hour); err != nil {
		return nil, err
	}
	events, cancel := c.DB.Subscribe(everyClinic)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			s.live.heard(e)
		}
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	return s, nil
}

func newLimiter(n int, every time.Duration) (limiter.Store, error) {
	st, err := memorystore.New(&memorystore.Config{Tokens: uint64(n), Interval: every, SweepInterval: every, SweepMinTTL: 2 * every})
	if err != nil {
		return nil, fmt.Errorf("identity: limits: %w", err)
	}
	return st, nil
}

// Close waits for mails under way and stops listening.
func (s *Service) Close() {
	s.work.Wait()
	s.stop()
	_ = s.tries.Close(context.Background())
	_ = s.resets.Close(context.Background())
}

// Links makes and reads the one-time links.
func (s *Service) Links() Links { return s.links }

// Store is the sessions' store.
func (s *Service) Store() sessions.Store { return s.store }

// gate is a scope that may only ask the two questions of a sign-in.
func gate(sc tenants.Scope) tenants.Scope {
	sc.Actor = tenants.Actor{Kind: access.GateActor, Role: access.Gate}
	return sc
}

// newToken makes the secret that a cookie holds, and the hash that is kept.
func newToken() (token [tokenSize]byte, hash [sha256.Size]byte) {
	if _, err := rand.Read(token[:]); err != nil {
		panic(err) // crypto/rand doesn't fail
	}
	return token, sha256.Sum256(token[:])
}

const tokenSize = 32
