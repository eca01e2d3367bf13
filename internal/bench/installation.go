//go:build unix

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/migrate"
	"github.com/cloister-health/cloister/tenants/provision"
)

// installed gives the installation of a name that has n clinics or some more.
func (e *Env) installed(ctx context.Context, name string, n int) (*installation, error) {
	in, err := e.install(ctx, fmt.Sprintf("%s_%d", name, n))
	if err != nil {
		return nil, err
	}
	if err := in.grow(ctx, n); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

// installation is a database made by the product's own commands, for what the
// product does to clinics as a whole. It stays for the next run and only grows.
type installation struct {
	env      *Env
	admin    string
	config   migrate.Config
	migrator *migrate.Migrator
	service  *provision.Service
}

// install gives the installation of a name, made if there is none of this schema.
func (e *Env) install(ctx context.Context, name string) (*installation, error) {
	platform, err := up(db.Platform())
	if err != nil {
		return nil, err
	}
	tenant, err := up(db.Tenant())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(platform + "\x00" + tenant))
	name += "_" + hex.EncodeToString(sum[:6])
	c, err := pg.Connect(ctx, e.server.DSN())
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	var there bool
	if err := c.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there); err != nil {
		return nil, err
	}
	if !there {
		if _, err := c.Exec(ctx, "create database "+name+" template template0"); err != nil {
			return nil, err
		}
	}
	in := &installation{env: e}
	if in.admin, err = pg.Database(e.server.DSN(), name); err != nil {
		return nil, err
	}
	return in, in.open(ctx)
}

func (in *installation) open(ctx context.Context) error {
	k, err := keys.Parse(base64.StdEncoding.EncodeToString(scopeKey[:]))
	if err != nil {
		return err
	}
	dsn, err := pg.Login(in.admin, "cloister_migrator", appPassword)
	if err != nil {
		return err
	}
	passwords := map[string]string{} // the roles are the whole server's, and other cases sign in, too
	for _, login := range migrate.Logins() {
		passwords[login] = appPassword
	}
	in.config = migrate.Config{Admin: in.admin, Migrator: dsn, Keys: k, Passwords: passwords}
	if in.migrator, err = migrate.New(in.config); err != nil {
		return err
	}
	if _, err := in.migrator.Bootstrap(ctx); err != nil {
		return err
	}
	in.service, err = provision.Open(ctx, provision.Config{DSN: dsn, Keys: k, Migrator: in.migrator})
	return err
}

// openApp opens the service's way to the installation.
func (in *installation) openApp(ctx context.Context, conns int) (*tenants.DB, error) {
	dsn, err := pg.Login(in.admin, "cloister_app", appPassword)
	if err != nil {
		return nil, err
	}
	return open(ctx, dsn, in.config.Keys.ScopeKey(), tenants.PoolConfig{MaxConns: conns}, nil)
}

func (in *installation) close() { in.service.Close() }

// versioned is the program's migrations and one more.
func versioned(version int64, sql string) (fs.FS, error) {
	return withFile(db.Tenant(), fmt.Sprintf("%d_bench.sql", version), "-- +goose Up\n"+sql+";\n-- +goose Down\nselect 1;\n")
}

func spec(slug string) provision.Spec {
	return provision.Spec{Name: "Clinic " + slug, Slug: slug, AdminEmail: "admin@" + slug + ".example", Plan: "enterprise"}
}

// grow makes clinics until there are n, by four at a time.
func (in *installation) grow(ctx context.Context, n int) error {
	all, err := in.service.List(ctx)
	if err != nil || len(all) >= n {
		return err
	}
	in.env.say("making clinics, %d to %d", len(all), n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := len(all); i < n; i++ {
		g.Go(func() error {
			_, err := in.service.Create(gctx, spec(unique("g")), provision.By{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return inDatabase(ctx, in.admin, "vacuum analyze")
}

// schemas are the clinics' and the spares'.
func (in *installation) schemas(ctx context.Context) ([]string, error) {
	c, err := pg.Connect(ctx, in.admin)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, "select schema_name from platform.schemas where state <> 'dropped' order by 1")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func quoted(schema string) string { return pgx.Identifier{schema}.Sanitize() }

// unique is a slug that no run before has used.
func unique(prefix string) string {
	id := strings.ReplaceAll(newSlug().String(), "-", "")
	return prefix + id[:12] + id[24:]
}
