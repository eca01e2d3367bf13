// Package tenants keeps one clinic from another.
//
// Read and Write are the only way to a clinic's tables: they take a connection
// of the clinic's, open one transaction, set its scope (schema, clinic, role,
// each behind a wall of its own in Postgres) and send all of that in the same
// packet as the first statement. Without a scope nothing works.
//
// What belongs here: the scope and its signature, the pool that keeps a clinic
// on its connections, the transaction, the registry of clinics and the events
// they send. What may not: a rule of any clinic (that is a slice's), HTTP, and
// any SQL over a clinic's tables besides what these walls need.
package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// Status is a clinic's state in the registry.
type Status string

// The states of a clinic as the registry has them; the first three are served.
const (
	StatusTrial     Status = "trial"
	StatusActive    Status = "active"
	StatusPastDue   Status = "past_due"
	StatusSuspended Status = "suspended"
	StatusExpired   Status = "expired"
	StatusPending   Status = "pending"
	StatusArchived  Status = "archived"
	StatusDeleted   Status = "deleted"
)

// Brand is what a clinic may choose of its looks.
type Brand struct {
	Color    string // "#rrggbb", empty for the product's own
	HasLogo  bool
	LogoHash string // names the logo's version in its address
}

// Clinic is what a request needs to know of its clinic. It is shared between
// requests: nobody changes one.
type Clinic struct {
	ID           uuid.UUID
	Slug         string
	Name         string
	LocalName    string
	Schema       string
	Status       Status
	StatusReason string
	Zone         *time.Location
	Lang         string
	Brand        Brand
}

// Config says how to reach the database and how to share its connections.
type Config struct {
	DSN      string // of cloister_app
	ScopeKey []byte // signs the scope; 32 bytes
	KeyID    int    // names the key, so that it can be changed
	Pool     PoolConfig
	Metrics  prometheus.Registerer // nil: none
	Log      *logrus.Logger        // nil: logrus' standard logger
	Now      func() time.Time      // nil: time.Now
	Dial     pgconn.DialFunc       // nil: the driver's
	Versions []int64               // of a clinic's schema that this program knows, ascending; nil: any is served
}

// PoolConfig bounds the pool. Zero values stand for the defaults named here.
type PoolConfig struct {
	MaxConns         int           // connections, 16
	HomeWait         time.Duration // how long a clinic waits for a home, 50 ms
	QueueLimit       int           // callers that may wait at once, 512
	StatementTimeout time.Duration // of one statement, 15 s
	Statements       int           // prepared statements kept on a connection, 2000
	MaxClinics       int           // clinics a connection may touch in its life, 400
	MaxMemory        int64         // bytes a backend may hold, 512 MiB; needs the right to ask
	MaxAge           time.Duration // of a connection, 2 h
	Plain            bool          // no affinity: any idle connection; for comparison only
}

func (c *PoolConfig) setDefaults() {
	def(&c.MaxConns, 16)
	def(&c.HomeWait, 50*time.Millisecond)
	def(&c.QueueLimit, 512)
	def(&c.StatementTimeout, 15*time.Second)
	def(&c.Statements, 2000)
	def(&c.MaxClinics, 400)
	def(&c.MaxMemory, 512<<20)
	def(&c.MaxAge, 2*time.Hour)
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// DB is the way to every clinic. One is made by main and closed at the end.
type DB struct {
	conf   Config
	pg     *pgconn.Config
	log    *logrus.Logger
	meter  *meter
	signer *signer
	texts  *texts
	pool   *pool
	names  *names
	bell   *bell
	rights rights
}

// Open reaches the database with one connection, so that a wrong DSN is told at
// once, and starts the listener.
func Open(ctx context.Context, c Config) (*DB, error) {
	if len(c.ScopeKey) < 32 {
		return nil, fmt.Errorf("tenants: the scope key has %d bytes, it needs 32", len(c.ScopeKey))
	}
	c.Pool.setDefaults()
	if c.Log == nil {
		c.Log = logrus.StandardLogger()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	pc, err := backendConfig(c)
	if err != nil {
		return nil, err
	}
	m, err := newMeter(c.Metrics)
	if err != nil {
		return nil, fmt.Errorf("tenants: metrics: %w", err)
	}
	db := &DB{conf: c, pg: pc, log: c.Log, meter: m, signer: newSigner(c.ScopeKey, c.KeyID), texts: newTexts()}
	db.pool = newPool(c.Pool, db.dial, m)
	if err := db.pool.warm(ctx); err != nil {
		db.pool.close()
		return nil, fmt.Errorf("tenants: connect: %w", err)
	}
	db.names = newNames(db)
	db.bell = newBell(db)
	if err := db.bell.start(ctx); err != nil {
		db.pool.close()
		return nil, fmt.Errorf("tenants: listen: %w", err)
	}
	return db, nil
}

// Close ends the listener and every connection; those in use end when their
// transaction does.
func (db *DB) Close() {
	db.bell.stop()
	db.pool.close()
}

// Ping proves that a transaction's path works: a connection can be had and
// answers.
func (db *DB) Ping(ctx context.Context) error {
	s, err := db.pool.acquire(ctx, uuid.Nil)
	if err != nil {
		return err
	}
	err = s.c.ping(ctx)
	db.pool.release(s)
	return err
}
