//go:build unix

package testkit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/pg"
)

// seedVersion goes up when this file changes what it builds.
const seedVersion = "1"

//go:embed seed.sql
var seed string

// world is the template with the platform and both clinics.
func world() (Template, error) {
	parts := []string{seedVersion, seed, db.Roles(), db.Database(), db.Search()}
	for _, files := range []fs.FS{db.Platform(), db.Tenant()} {
		err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(files, path)
			parts = append(parts, path, string(raw))
			return err
		})
		if err != nil {
			return Template{}, err
		}
	}
	return Template{Name: "world", Hash: HashOf(parts...), Build: build}, nil
}

func build(ctx context.Context, dsn string) error {
	admin, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, db.Roles()); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	for _, login := range []string{"cloister_app", "cloister_migrator", "cloister_auditor", "cloister_backup"} {
		if _, err := admin.Exec(ctx, fmt.Sprintf("alter role %s password '%s'", login, Password(login))); err != nil {
			return fmt.Errorf("passwords: %w", err)
		}
	}
	if err := settle(ctx, dsn); err != nil {
		return err
	}
	owner := owned(dsn, "")
	defer owner.Close()
	if _, err := owner.ExecContext(ctx, "create schema platform"); err != nil {
		return err
	}
	if err := migrate(ctx, owner, db.Platform(), goose.WithTableName("platform.goose_db_version")); err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	if _, err := admin.Exec(ctx, db.Search()); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	inner, outer := pads(ScopeKey())
	if _, err := owner.ExecContext(ctx, "insert into platform.scope_keys (kid, inner_pad, outer_pad) values ($1, $2, $3)", KeyID, inner, outer); err != nil {
		return err
	}
	if _, err := owner.ExecContext(ctx, "insert into platform.operators (id, email, full_name) values ($1, 'operator@cloister.example', 'Omana Pillai')", Operator); err != nil {
		return err
	}
	for _, c := range []Clinic{Alpha, Beta} {
		if err := found(ctx, dsn, c); err != nil {
			return fmt.Errorf("%s: %w", c.Slug, err)
		}
	}
	return nil
}

// settle sets what Postgres keeps beside a database.
func settle(ctx context.Context, dsn string) error {
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, db.Database()); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// found makes one clinic's schema and fills it.
func found(ctx context.Context, dsn string, c Clinic) error {
	owner := owned(dsn, pgx.Identifier{c.Schema}.Sanitize()+", ext, pg_temp")
	defer owner.Close()
	if _, err := owner.ExecContext(ctx, "select platform.make_schema($1, $2)", c.ID, c.Schema); err != nil {
		return err
	}
	if err := migrate(ctx, owner, db.Tenant(), goose.WithDisableVersioning(true)); err != nil {
		return err
	}
	if _, err := owner.ExecContext(ctx, "select platform.check_walls($1)", c.Schema); err != nil {
		return err
	}
	if err := note(ctx, owner, c); err != nil {
		return err
	}
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := SetScope(ctx, tx, c, access.Owner, ActorOf(access.Owner)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into platform.clinics (id, slug, name, status, plan) values ($1, $2, $3, 'active', 'professional')",
			c.ID, c.Slug, c.Name); err != nil {
			return err
		}
		parts := strings.SplitN(seed, "-- as jobs\n", 2)
		if _, err := tx.Exec(ctx, parts[0]); err != nil {
			return err
		}
		// Past visits come in only with the role of scheduled work.
		if err := SetScope(ctx, tx, c, access.Jobs, ActorOf(access.Jobs)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, parts[1])
		return err
	})
}

// note writes the clinic's migrations into the registry, as the runner does.
func note(ctx context.Context, owner *sql.DB, c Clinic) error {
	p, err := goose.NewProvider(goose.DialectPostgres, owner, db.Tenant(), goose.WithDisableGlobalRegistry(true), goose.WithDisableVersioning(true))
	if err != nil {
		return err
	}
	var last int64
	for _, s := range p.ListSources() {
		if _, err := owner.ExecContext(ctx, "insert into platform.migrations (clinic_id, version) values ($1, $2)", c.ID, s.Version); err != nil {
			return err
		}
		last = s.Version
	}
	_, err = owner.ExecContext(ctx, "update platform.schemas set state = 'assigned', version = $2, assigned_at = now() where clinic_id = $1", c.ID, last)
	return err
}

func migrate(ctx context.Context, owner *sql.DB, files fs.FS, opts ...goose.ProviderOption) error {
	p, err := goose.NewProvider(goose.DialectPostgres, owner, files, append(opts, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// owned opens connections whose role from the start is the owner.
func owned(dsn, path string) *sql.DB {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		panic(err) // the server's own string with another database
	}
	cfg.RuntimeParams["role"] = access.Owner.PG()
	cfg.RuntimeParams["search_path"] = path
	return stdlib.OpenDB(*cfg)
}

// pads mixes a key into the two blocks of HMAC-SHA256 (RFC 2104).
func pads(key []byte) (inner, outer []byte) {
	inner, outer = make([]byte, sha256.BlockSize), make([]byte, sha256.BlockSize)
	copy(inner, key) // never longer than a block
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return inner, outer
}
