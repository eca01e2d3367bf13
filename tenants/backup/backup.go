// Package backup takes one clinic out of the database as an archive, and brings
// an archive back: as another clinic, or in the place of the one it was.
//
// What belongs here: the archive's format, its writing and its reading, what of
// a clinic is bound to the clinic and has to be made anew elsewhere, the
// comparison of an archive with a living clinic, and what becomes of people when
// a clinic is copied for tests. What may not: the backup of the whole service,
// which is the server's own (docs/operations/backup.md), and any rule of what a
// clinic holds. It reads as cloister_backup, which may read everything and
// change nothing, and writes as the migrator.
package backup

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

const product = "cloister"

// Config of a Service. Reading an archive offline needs Keys alone.
type Config struct {
	Backup   string // DSN of cloister_backup
	Migrator string // DSN of cloister_migrator
	Keys     *keys.Master
	Files    *files.Store
	Program  string // this program's version
	Tenant   fs.FS  // the clinics' migrations; nil for the program's own
}

// Service exports, restores, compares and verifies. It holds no connection
// between calls.
type Service struct {
	conf Config
	own  *installation
	ups  []upgrade

	// For tests: what is called at a restore's turns, and how many bytes one
	// statement loads.
	turn  func(string) error
	piece int
}

// Progress is how far the work is: tables and files done of all, and what was
// counted so far.
type Progress struct {
	Step        string
	Done, Total int
	Rows, Bytes int64
}

func tell(p func(Progress), at Progress) {
	if p != nil {
		p(at)
	}
}

// New builds a Service.
func New(c Config) (*Service, error) {
	if c.Keys == nil {
		return nil, keys.ErrMissing
	}
	if c.Tenant == nil {
		c.Tenant = db.Tenant()
	}
	own, err := newInstallation(c.Keys)
	if err != nil {
		return nil, err
	}
	ups, err := upgradesOf(c.Tenant)
	return &Service{conf: c, own: own, ups: ups}, err
}

// target is the version that clinics of this program have.
func (s *Service) target() int64 { return s.ups[len(s.ups)-1].version }

// identities open archives of this installation, and those that more are for.
func (s *Service) identities(more []age.Identity) []age.Identity {
	return append([]age.Identity{s.own}, more...)
}

// spelling makes every server and login write a value in one way, since digests
// are of the text.
var spelling = map[string]string{
	"timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "iso_8601", "bytea_output": "hex", "extra_float_digits": "1",
	"client_encoding": "UTF8", "xmloption": "content", "search_path": "pg_catalog, pg_temp", "statement_timeout": "0",
	"idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
}

// connect opens a connection for one piece of work. The master key is proved
// first, so that nothing is ever sealed under a wrong one.
func (s *Service) connect(ctx context.Context, dsn, role, name string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the connection string is not a Postgres URL or keyword=value list")
	}
	for k, v := range spelling {
		c.RuntimeParams[k] = v
	}
	c.RuntimeParams["application_name"] = "cloister " + name
	c.RuntimeParams["lock_timeout"] = "30000"
	if role != "" {
		c.RuntimeParams["role"] = role
	}
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		plain, words := pg.Connect(ctx, dsn) // which says what to mend
		if words == nil {
			_ = plain.Close(ctx)
			words = err
		}
		return nil, words
	}
	var check []byte
	err = conn.QueryRow(ctx, "select key_check from platform.installation").Scan(&check)
	if code := sqlState(err); errors.Is(err, pgx.ErrNoRows) || code == "42P01" || code == "3F000" {
		err = apperr.New(apperr.Unavailable, "", "this database was not set up yet: run `cloister migrate up` first")
	}
	if err == nil {
		err = s.conf.Keys.Verify(check)
	}
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return conn, nil
}

func sqlState(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// note writes into the ledger who took out or brought back what.
const note = `insert into platform.provisionings (id, clinic_id, slug, action, actor, reason, started_at, finished_at)
values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())`

func (s *Service) note(ctx context.Context, q interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, clinic uuid.UUID, slug, action, reason string, begun time.Time) error {
	_, err := q.Exec(ctx, note, uuid.Must(uuid.NewV7()), clinic, slug, action, migrate.SystemActor("command line"), reason, begun)
	return err
}
