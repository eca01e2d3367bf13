package tenants

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Outcome is what a slug leads to.
type Outcome int

// The outcomes of Resolve. Archived, deleted and half-made clinics are Unknown:
// nobody outside can tell them from those that never were.
const (
	Unknown Outcome = iota
	Active
	Suspended
	Expired
	Moved     // the slug is an old one; the clinic's Slug is where it went
	Migrating // the clinic's schema is at a version that this program can't serve
)

func (o Outcome) String() string {
	return [...]string{"unknown", "active", "suspended", "expired", "moved", "migrating"}[o]
}

// Resolve finds the clinic of a slug. The clinic is nil for Unknown; an error
// means that nobody knows, and is not cached.
func (db *DB) Resolve(ctx context.Context, slug string) (*Clinic, Outcome, error) {
	return db.names.find(ctx, slug)
}

// Known slugs are kept for a minute and unknown ones for some seconds; a change
// of the registry is heard by NOTIFY, so this only bounds what a lost
// connection may hide. maxNames bounds both, since slugs come from outside.
const (
	nameTTL    = time.Minute
	unknownTTL = 5 * time.Second
	maxNames   = 20_000
	maxSlug    = 64
)

// names is the cache of the registry.
type names struct {
	db    *DB
	mu    sync.RWMutex
	known map[string]name
	epoch uint64 // counts invalidations: an answer from before one isn't kept
}

type name struct {
	clinic  *Clinic
	outcome Outcome
	until   time.Time
}

func newNames(db *DB) *names { return &names{db: db, known: map[string]name{}} }

func (n *names) find(ctx context.Context, slug string) (*Clinic, Outcome, error) {
	if !slugLike(slug) {
		return nil, Unknown, nil
	}
	now := time.Now()
	n.mu.RLock()
	hit, ok := n.known[slug]
	epoch := n.epoch
	n.mu.RUnlock()
	if ok && now.Before(hit.until) {
		return hit.clinic, hit.outcome, nil
	}
	c, o, err := n.ask(ctx, slug)
	if err != nil {
		return nil, Unknown, err
	}
	ttl := nameTTL
	if o == Unknown {
		ttl = unknownTTL
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.epoch == epoch {
		if len(n.known) >= maxNames {
			clear(n.known)
		}
		n.known[slug] = name{c, o, now.Add(ttl)}
	}
	return c, o, nil
}

// slugLike reports what could be a slug: small letters, digits and hyphens. Any
// other text is nobody's, and Postgres would refuse some of it with an error.
func slugLike(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxSlug
}

// forget drops a clinic's names, and the unknown ones: one of them may be its
// new slug.
func (n *names) forget(clinic uuid.UUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.epoch++
	for slug, x := range n.known {
		if x.clinic == nil || x.clinic.ID == clinic {
			delete(n.known, slug)
		}
	}
}

func (n *names) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.epoch++
	clear(n.known)
}

// ask looks into the registry with no scope: the function it calls tells only
// what leads from an address to a schema.
func (n *names) ask(ctx context.Context, slug string) (*Clinic, Outcome, error) {
	var r platformdb.ResolveClinicRow
	err := n.db.run(ctx, &entry{}, false, func(t *txn) (err error) {
		r, err = platformdb.New(t).ResolveClinic(ctx, slug)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, Unknown, nil
	}
	if err != nil {
		return nil, Unknown, fmt.Errorf("resolve %q: %w", slug, err)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil, Unknown, fmt.Errorf("resolve %q: %w", slug, err)
	}
	c := &Clinic{
		ID: r.ID, Slug: r.Slug, Name: r.Name, LocalName: r.LocalName, Schema: r.SchemaName,
		Status: Status(r.Status), StatusReason: r.StatusReason, Zone: zone, Lang: r.Language,
		Brand: Brand{Color: r.BrandColor, HasLogo: r.HasLogo, LogoHash: r.LogoHash},
	}
	if r.Moved {
		return c, Moved, nil
	}
	if !n.db.Serves(r.Version, r.VersionBefore) {
		return c, Migrating, nil
	}
	switch c.Status {
	case StatusTrial, StatusActive, StatusPastDue:
		return c, Active, nil
	case StatusSuspended:
		return c, Suspended, nil
	case StatusExpired:
		return c, Expired, nil
	}
	return nil, Unknown, nil
}

// Versions are those of a clinic's schema that this program knows, ascending; none
// where any is served.
func (db *DB) Versions() []int64 { return db.conf.Versions }

// Serves reports whether this program works on a schema of a version: its own,
// the one before it and the one after it, since changes are made in steps that
// both sides bear. before is the version that the schema had before its last
// migration: one that is known is the mark of a schema ahead by one.
func (db *DB) Serves(version, before int64) bool {
	known := db.conf.Versions
	if len(known) == 0 {
		return true
	}
	oldest, newest := known[max(0, len(known)-2)], known[len(known)-1]
	return version >= oldest && (version <= newest || before <= newest)
}
