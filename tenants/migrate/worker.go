package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// worker is one connection that goes from clinic to clinic.
type worker struct {
	m       *Migrator
	db      *sql.DB
	times   Times
	retries int
}

func (m *Migrator) worker(lock time.Duration, retries int) *worker {
	w := &worker{m: m, times: m.conf.Times, retries: retries}
	w.times.Lock = lock
	if c, err := m.ownerConfig(); err == nil { // else pending has said so of the same string
		c.RuntimeParams["plan_cache_mode"] = "force_generic_plan" // the same few statements at every clinic
		w.db = stdlib.OpenDB(*c)
		w.db.SetMaxOpenConns(1)
	}
	return w
}

func (w *worker) close() {
	if w.db != nil {
		_ = w.db.Close() // and with it the last advisory lock
	}
}

// up brings one schema to the target, waiting for those who hold its tables
// without standing in their way for long: between tries it lets everybody pass
// who queued behind its lock. A database that went away is waited for.
func (w *worker) up(ctx context.Context, s Schema) error {
	return w.persist(ctx, &s, func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

func (w *worker) persist(ctx context.Context, s *Schema, step func(*goose.Provider) error) error {
	var away time.Time
	for try := 0; ; try++ {
		err := w.once(ctx, *s, step)
		if err == nil || ctx.Err() != nil {
			return err
		}
		switch {
		case isLost(err):
			if away.IsZero() {
				away = time.Now()
			}
			if time.Since(away) > w.times.Away {
				return err
			}
			try-- // it is not the clinic that fails
		case isInUse(err):
			if try >= w.retries {
				return err
			}
		default:
			moved, e := w.moved(ctx, s)
			if e != nil || !moved {
				return err
			}
			if s.Name == "" { // erased meanwhile
				return nil
			}
			continue
		}
		if !rest(ctx, w.times.Backoff<<min(max(try, 0), 6)) {
			return err
		}
	}
}

// isInUse tells what a further try may mend: a lock that somebody holds, a deadlock
// that we lost, and a row of a catalog that another migration has just changed.
func isInUse(err error) bool {
	switch code := sqlState(err); code {
	case lockNotAvailable, deadlockDetected:
		return true
	case internalError:
		return strings.Contains(err.Error(), "tuple concurrently")
	}
	return false
}

// moved looks whether a schema that failed is under another name now, as a spare
// is that became a clinic's meanwhile; an empty name is one that was erased.
func (w *worker) moved(ctx context.Context, s *Schema) (bool, error) {
	conn, err := w.m.connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var name string
	err = conn.QueryRow(ctx, "select schema_name from platform.schemas where clinic_id = $1 and state <> 'dropped'", s.Clinic).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	was := s.Name
	if err == nil {
		s.Name = name
	}
	return name != was, err
}

// patiently runs fn again while the database is away.
func (m *Migrator) patiently(ctx context.Context, fn func() error) error {
	begun := time.Now()
	for {
		err := fn()
		if err == nil || !isLost(err) || time.Since(begun) > m.conf.Times.Away || !rest(ctx, m.conf.Times.Backoff) {
			return err
		}
	}
}

// rest waits half a duration and some of the other half, so that workers that
// were refused together don't come back together.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isLost tells a database that went away from one that refuses a statement.
func isLost(err error) bool {
	var connect *pgconn.ConnectError
	if code := sqlState(err); errors.As(err, &connect) {
		return !strings.HasPrefix(code, "28") && code != "3D000" // it says that we may never come in
	} else if code != "" {
		return strings.HasPrefix(code, "57P0") || strings.HasPrefix(code, "08") || code == "53300" || code == idleInTransaction
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err)
}

func (w *worker) once(ctx context.Context, s Schema, step func(*goose.Provider) error) error {
	if w.db == nil {
		return errors.New("no connection")
	}
	l := &ledger{clinic: s.Clinic, schema: s.Name, keys: w.m.conf.Keys, times: w.times}
	p, err := goose.NewProvider(goose.DialectCustom, w.db, w.m.conf.Tenant, goose.WithStore(l), goose.WithSessionLocker(l),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	return step(p)
}
