// Package migrate brings a server, the shared schema and every clinic's schema
// to this program's version.
//
// What belongs here: the roles and logins of the server, the goose migrations
// and their ledger, the fan-out over clinics. What may not: making or ending a
// clinic (package provision) and any rule of what a clinic holds. It connects as
// the administrator for the roles and as the migrator for everything else; the
// service never runs it.
package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
)

// Config says where the database is and what to bring it to.
type Config struct {
	Admin     string            // DSN of a login that may make roles; only Bootstrap uses it
	Migrator  string            // DSN of cloister_migrator
	App       string            // DSN of cloister_app, for the probes between waves; empty: made from Migrator's
	Keys      *keys.Master      // signs the scope of every migration
	Passwords map[string]string // login to password; a login that is missing gets the derived one
	Tenant    fs.FS             // the clinics' migrations; nil for the program's own
	Platform  fs.FS             // the shared schema's; nil for the program's own
	Times     Times             // zero for the defaults
	Retries   int               // further tries of the shared schema while its tables are in use, 5; below 0: none
	Tracer    pgx.QueryTracer   // sees every statement; nil for none
}

// Times bound how long a migration may stand in the way of a clinic at work.
type Times struct {
	Lock      time.Duration // for a table's lock, 3 s; a request waits behind a waiting migration
	Turn      time.Duration // for another run on the same clinic, 1 min
	Statement time.Duration // for one statement, 10 min
	Idle      time.Duration // between two statements of a transaction, 1 min
	Backoff   time.Duration // before a clinic's second try, 200 ms; it doubles
	Away      time.Duration // for a database that went away, 30 s
}

// Migrator runs migrations. It holds no connection between calls.
type Migrator struct {
	conf     Config
	target   int64   // the last version of the clinics' migrations
	versions []int64 // all of them
}

// New checks the clinics' migrations: each must run inside a transaction, so
// that the check of the walls and the ledger row can be part of it.
func New(c Config) (*Migrator, error) {
	if c.Keys == nil {
		return nil, keys.ErrMissing
	}
	if c.Tenant == nil {
		c.Tenant = db.Tenant()
	}
	if c.Platform == nil {
		c.Platform = db.Platform()
	}
	if c.Retries == 0 {
		c.Retries = defaultRetries
	}
	def(&c.Times.Lock, 3*time.Second)
	def(&c.Times.Turn, time.Minute)
	def(&c.Times.Statement, 10*time.Minute)
	def(&c.Times.Idle, time.Minute)
	def(&c.Times.Backoff, 200*time.Millisecond)
	def(&c.Times.Away, 30*time.Second)
	m := &Migrator{conf: c}
	names, err := fs.Glob(c.Tenant, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("clinic migration %s: %w", name, err)
		}
		text, err := fs.ReadFile(c.Tenant, name)
		if err != nil {
			return nil, err
		}
		if strings.Contains(strings.ToUpper(string(text)), "+GOOSE NO TRANSACTION") {
			return nil, fmt.Errorf("clinic migration %s runs outside a transaction, so the walls could not be checked", name)
		}
		m.target = max(m.target, version)
		m.versions = append(m.versions, version)
	}
	if len(m.versions) == 0 {
		return nil, fmt.Errorf("there is no clinic migration")
	}
	return m, nil
}

func def(v *time.Duration, d time.Duration) {
	if *v <= 0 {
		*v = d
	}
}

// Target is the version that clinics are brought to.
func (m *Migrator) Target() int64 { return m.target }

// SystemActor is the actor of unattended work, as the database reads it; the
// same name is the same actor in every trail.
func SystemActor(job string) string {
	return string(access.System) + ":" + uuid.NewSHA1(uuid.NameSpaceURL, []byte("cloister:job:"+job)).String()
}

// SetScope is the statement that sets a transaction's scope, or with a last
// argument of false the session's. Its arguments are made by OwnerScope.
const SetScope = `select set_config('role', $1, $7), set_config('search_path', $2, $7), set_config('app.clinic_id', $3, $7),
  set_config('app.actor', $4, $7), set_config('app.sig', $5, $7), set_config('app.request', $6, $7)`

// OwnerScope gives the arguments of SetScope for the owner at work in a clinic's
// schema. local limits it to the transaction.
func OwnerScope(k *keys.Master, clinic uuid.UUID, schema, actor, request string, local bool) []any {
	role := access.Owner.PG()
	if request == "" {
		request = "{}"
	}
	return []any{role, pgx.Identifier{schema}.Sanitize() + ", ext, pg_temp", clinic.String(), actor,
		k.SignScope(clinic.String(), actor, role), request, local}
}

// LockKey is the advisory lock of a clinic's schema.
func LockKey(clinic uuid.UUID) int64 {
	sum := sha256.Sum256(append([]byte("cloister schema "), clinic[:]...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// connect opens a connection of the migrator that acts as the owner.
func (m *Migrator) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := m.ownerConfig()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, told(ctx, m.conf.Migrator, err)
	}
	return conn, nil
}

func (m *Migrator) ownerConfig() (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(m.conf.Migrator)
	if err != nil {
		return nil, fmt.Errorf("the migrator's connection string is not a Postgres URL or keyword=value list")
	}
	c.RuntimeParams["role"] = access.Owner.PG()
	c.RuntimeParams["search_path"] = "pg_catalog, pg_temp"
	c.RuntimeParams["application_name"] = "cloister migrate"
	c.RuntimeParams["statement_timeout"] = millis(m.conf.Times.Statement)
	c.RuntimeParams["lock_timeout"] = millis(m.conf.Times.Lock)
	// A runner that stands still inside a transaction, with its machine or its
	// network, keeps nobody out for longer.
	c.RuntimeParams["idle_in_transaction_session_timeout"] = millis(m.conf.Times.Idle)
	c.Tracer = m.conf.Tracer
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, noticeDeath).ReadAll()
		return err
	}
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	return c, nil
}

// noticeDeath lets the server end the statement of a runner that was killed, where
// it can: else it would go on for up to Times.Statement, and keep its locks.
const noticeDeath = `select case when current_setting('server_version_num')::int >= 140000 and version() ~ 'linux'
  then set_config('client_connection_check_interval', '2s', false) end`

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
