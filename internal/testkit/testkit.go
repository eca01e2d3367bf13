//go:build unix

// Package testkit gives tests a real Postgres: one throwaway server for every
// test process of this user, and a database of its own for each test, cloned
// in milliseconds from a template.
//
// It is for tests only and the product must not import it. Fixtures that only
// one package needs stay in that package.
package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Environment variables that tests obey.
const (
	EnvURL    = "CLOISTER_TEST_DATABASE_URL" // use this server's superuser instead of a private server
	EnvBinDir = "CLOISTER_PG_BIN"            // run the server programs of this folder
)

// grace is how long the server outlives the last test process. It must bridge
// the time in which `go test ./...` compiles the next package.
const grace = 90 * time.Second

// cluster is the server that this process uses.
type cluster struct {
	dsn   string // superuser, database postgres
	admin *pgxpool.Pool
	own   bool // a throw-away server, whose logins are ours
}

// open is one server a process, since the packages' tests share it; the
// alternative is a TestMain in every package. Nothing stops it here: that is
// the guardian's work (package pg).
var open = sync.OnceValues(func() (cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if dsn := os.Getenv(EnvURL); dsn != "" {
		return join(ctx, dsn)
	}
	root, err := checkout()
	if err != nil {
		return cluster{}, err
	}
	b, err := pg.Find(ctx, pg.Lookup{Dir: os.Getenv(EnvBinDir), NodeModules: []string{filepath.Join(root, "tools", "postgres", "node_modules")}})
	if err != nil {
		return cluster{}, err
	}
	// One server a checkout: two that are at work on the roles, which belong
	// to the whole server, must not meet.
	state := filepath.Join(scratch(), fmt.Sprintf("cloister-test-%d-pg%d-%.8s", os.Getuid(), b.Version, HashOf(root)))
	s, err := pg.Start(ctx, pg.Config{State: state, Binaries: b, Throwaway: true, Grace: grace,
		Settings: []string{"max_connections=500", "shared_preload_libraries=plpgsql,pg_trgm"}})
	if err != nil {
		return cluster{}, err
	}
	c, err := join(ctx, s.DSN())
	if err != nil {
		return cluster{}, err
	}
	c.own = true
	return c, errors.Join(c.sweep(ctx), c.hasten(ctx))
})

// hasten gives the server's logins verifiers of one iteration. The thousands of
// PBKDF2 are a third of what a connection costs a test, and half of it under the
// race detector; they guard no secret here.
func (c cluster) hasten(ctx context.Context) error {
	if !c.own {
		return nil
	}
	super, err := pgx.ParseConfig(c.dsn)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, c.admin, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(hastenLock)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select rolname from pg_authid where rolname = any ($1) and rolpassword !~ '^SCRAM-SHA-256\$1:'`, append(migrate.Logins(), super.User))
		if err != nil {
			return err
		}
		slow, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, login := range slow {
			password := Password(login)
			if login == super.User {
				password = super.Password
			}
			if _, err := tx.Exec(ctx, "alter role "+quote(login)+" password '"+migrate.ScramVerifier(password, 1)+"'"); err != nil {
				return err
			}
		}
		return nil
	})
}

// join keeps a few connections: a new one costs more than a small clone.
func join(ctx context.Context, dsn string) (cluster, error) {
	conn, err := pg.Connect(ctx, dsn) // for its clear error
	if err != nil {
		return cluster{}, err
	}
	_ = conn.Close(ctx)
	pool, err := pgxpool.New(ctx, dsn)
	return cluster{dsn: dsn, admin: pool}, err
}

// scratch is where the server's data goes: memory where there is plenty, since
// cloning a database there takes 25 ms against 100 to 250 on a disk.
func scratch() string {
	const shm, plenty = "/dev/shm", 4 << 30
	var fs unix.Statfs_t
	if unix.Statfs(shm, &fs) == nil && uint64(fs.Bsize)*fs.Bavail >= plenty && unix.Access(shm, unix.W_OK|unix.X_OK) == nil {
		return shm
	}
	return os.TempDir()
}

// Server returns the superuser's connection string to the shared server.
func Server(t testing.TB) string {
	t.Helper()
	return server(t).dsn
}

func server(t testing.TB) cluster {
	t.Helper()
	c, err := open()
	if err != nil {
		t.Fatalf("no database for tests: %v", err)
	}
	return c
}

// sweep drops the databases of test processes that died before they could.
func (c cluster) sweep(ctx context.Context) error {
	rows, err := c.admin.Query(ctx, `select datname from pg_database where datname ^@ $1`, clonePrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		pid, _, _ := strings.Cut(strings.TrimPrefix(name, clonePrefix), "_")
		n, err := strconv.Atoi(pid)
		if err == nil && !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			continue // its process lives, or isn't ours to judge
		}
		// Another process may be sweeping too; what stays is dropped next time.
		_, _ = c.admin.Exec(ctx, "drop database if exists "+quote(name)+" with (force)")
	}
	return nil
}

// checkout is the folder of go.mod, upwards from the test's own.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test's folder")
		}
		dir = up
	}
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
