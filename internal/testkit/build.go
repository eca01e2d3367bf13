//go:build unix

package testkit

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// seedVersion goes up when this file changes what it builds.
const seedVersion = "2"

//go:embed seed.sql
var seed string

// world is the template with the platform and both clinics.
func world() (Template, error) {
	medicines, investigations := db.Starters()
	parts := []string{seedVersion, seed, medicines, investigations, db.Roles(), db.Database(), db.Search()}
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

// build runs what an installation runs, and then seeds it.
func build(ctx context.Context, dsn string) error {
	k, err := master()
	if err != nil {
		return err
	}
	migrator, err := pg.Login(dsn, "cloister_migrator", Password("cloister_migrator"))
	if err != nil {
		return err
	}
	m, err := migrate.New(migrate.Config{Admin: dsn, Migrator: migrator, Keys: k})
	if err != nil {
		return err
	}
	if _, err := m.Bootstrap(ctx); err != nil {
		return err
	}
	admin, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "insert into platform.operators (id, email, full_name) values ($1, 'operator@cloister.example', 'Omana Pillai')", Operator); err != nil {
		return err
	}
	for _, c := range []Clinic{Alpha, Beta} {
		if err := found(ctx, admin, m, k, c); err != nil {
			return fmt.Errorf("%s: %w", c.Slug, err)
		}
	}
	return nil
}

// found makes one clinic's schema and fills it. Package provision would choose
// the ids itself; these two must have the same.
func found(ctx context.Context, conn *pgx.Conn, m *migrate.Migrator, k *keys.Master, c Clinic) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "set local role cloister_owner")
		if err == nil {
			_, err = tx.Exec(ctx, "select platform.make_schema($1, $2)", c.ID, c.Schema)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := m.Schema(ctx, migrate.Schema{Clinic: c.ID, Name: c.Schema}); err != nil {
		return err
	}
	wrapped, _, err := k.NewKeyset(c.ID)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := SetScope(ctx, tx, c, access.Owner, ActorOf(access.Owner)); err != nil {
			return err
		}
		for _, x := range []struct {
			sql  string
			args []any
		}{
			{"insert into platform.clinics (id, slug, name, status, plan) values ($1, $2, $3, 'active', 'professional')", []any{c.ID, c.Slug, c.Name}},
			{"update platform.schemas set state = 'assigned', assigned_at = now() where clinic_id = $1", []any{c.ID}},
			{"insert into platform.keysets (clinic_id, wrapped) values ($1, $2)", []any{c.ID, wrapped}},
		} {
			if _, err := tx.Exec(ctx, x.sql, x.args...); err != nil {
				return err
			}
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
