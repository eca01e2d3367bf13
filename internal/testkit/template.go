//go:build unix

package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/pg"
)

const (
	clonePrefix    = "t_"   // then process and number
	templatePrefix = "tpl_" // then name and hash
	// keepTemplates is how many of one name may stay: several checkouts at
	// different migrations share the server.
	keepTemplates = 6
	// buildLock lets one process at a time build: templates share the
	// server's roles, and concurrent changes to one role fail.
	buildLock  = 0x636c6f6973746572 // "cloister"
	hastenLock = buildLock + 1
)

// Template is a database that is built once and then cloned.
type Template struct {
	Name  string                                      // lower-case letters
	Hash  string                                      // of everything that Build depends on
	Build func(ctx context.Context, dsn string) error // gets a superuser's connection string to the new, empty database
}

func (tp Template) database() string {
	hash := tp.Hash
	if len(hash) > 16 {
		hash = hash[:16]
	}
	return templatePrefix + tp.Name + "_" + hash
}

// Empty returns a superuser's connection string to a new database with
// nothing in it; it is dropped when the test ends.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, server(t), "template0")
}

// Clone returns a superuser's connection string to a copy of the template,
// which it builds if no process has yet; it is dropped when the test ends.
func Clone(t testing.TB, tp Template) string {
	t.Helper()
	c := server(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := c.ensure(ctx, tp); err != nil {
		t.Fatalf("template %s: %v", tp.Name, err)
	}
	dsn := create(t, c, tp.database())
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.admin.Exec(ctx, beside, cfg.Database, tp.database()); err != nil {
		t.Fatalf("template %s: %v", tp.Name, err)
	}
	return dsn
}

// beside copies what Postgres keeps beside a database and not in it: the rights on
// it, and the logins' settings in it. The catalogs are written directly, since the
// script that set them for the template would take as long as the copy itself.
const beside = `with made as (select * from pg_database where datname = $2),
	rights as (update pg_database copy set datacl = made.datacl from made where copy.datname = $1)
	insert into pg_db_role_setting (setdatabase, setrole, setconfig)
	select copy.oid, s.setrole, s.setconfig from pg_database copy, pg_db_role_setting s join made on made.oid = s.setdatabase where copy.datname = $1`

var clones atomic.Int64 // numbers the databases of this process

func create(t testing.TB, c cluster, template string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := fmt.Sprintf("%s%d_%d", clonePrefix, os.Getpid(), clones.Add(1))
	// Copying files beats the default, which writes every page to the log first.
	if _, err := c.admin.Exec(ctx, "create database "+quote(name)+" template "+quote(template)+" strategy file_copy"); err != nil {
		t.Fatalf("clone %s: %v", template, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := c.admin.Exec(ctx, "drop database "+quote(name)+" with (force)"); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	dsn, err := pg.Database(c.dsn, name)
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// ensure builds the template unless it is there. Only a finished one is marked
// as a template, so a build that died is thrown away and done again.
func (c cluster) ensure(ctx context.Context, tp Template) error {
	if done, err := finished(ctx, c.admin, tp); err != nil || done {
		return err
	}
	conn, err := pg.Connect(ctx, c.dsn) // one of its own: closing it frees the lock
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(buildLock)); err != nil {
		return err
	}
	if done, err := finished(ctx, conn, tp); err != nil || done { // somebody else was first
		return err
	}
	name := tp.database()
	for _, sql := range []string{
		"drop database if exists " + quote(name) + " with (force)",
		"create database " + quote(name) + " template template0",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	dsn, err := pg.Database(c.dsn, name)
	if err != nil {
		return err
	}
	if err := tp.Build(ctx, dsn); err != nil {
		return err
	}
	if err := errors.Join(vacuum(ctx, dsn), c.hasten(ctx)); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "alter database "+quote(name)+" is_template true allow_connections false"); err != nil {
		return err
	}
	return prune(ctx, conn, tp)
}

// querier is a connection or the pool.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func finished(ctx context.Context, conn querier, tp Template) (bool, error) {
	var done bool
	err := conn.QueryRow(ctx, "select datistemplate from pg_database where datname = $1", tp.database()).Scan(&done)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return done, err
}

// vacuum gives the planner its statistics, which every clone inherits, and
// makes the template small: rewritten tables come without maps of their free space,
// a quarter of the files that each clone copies.
func vacuum(ctx context.Context, dsn string) error {
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "vacuum (full, analyze)")
	return err
}

// prune drops templates of older hashes, newest kept.
func prune(ctx context.Context, conn *pgx.Conn, tp Template) error {
	rows, err := conn.Query(ctx, "select datname from pg_database where datname ^@ $1 and datistemplate order by oid desc offset $2",
		templatePrefix+tp.Name+"_", keepTemplates)
	if err != nil {
		return err
	}
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, err := conn.Exec(ctx, "alter database "+quote(name)+" is_template false"); err != nil {
			return err
		}
		var pe *pgconn.PgError
		_, err := conn.Exec(ctx, "drop database "+quote(name))
		if errors.As(err, &pe) && pe.Code == "55006" { // being cloned; next time then
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HashOf joins the parts that a template depends on into its Hash.
func HashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
