package migrate_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/migrate"
)

type clinic struct {
	id     uuid.UUID
	schema string
}

// most is how many clinics the template has.
const most = 7

func numbered(i int) clinic {
	return clinic{uuid.MustParse(fmt.Sprintf("01900000-0000-7000-8000-%012d", i)), fmt.Sprintf("clinic_n%02d", i)}
}

// clinics is a database with n schemas at the program's own version. It is cloned:
// setting a server up and migrating it is what other tests are about.
func clinics(t *testing.T, n int) (dsn string, all []clinic) {
	t.Helper()
	parts := []string{"2", db.Roles(), db.Database(), db.Search()}
	for _, files := range []fs.FS{db.Platform(), db.Tenant()} {
		err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := fs.ReadFile(files, path)
			parts = append(parts, path, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	master := testkit.Master(t)
	dsn = testkit.Clone(t, testkit.Template{Name: "fanout", Hash: testkit.HashOf(parts...), Build: func(ctx context.Context, dsn string) error {
		login, err := pg.Login(dsn, "cloister_migrator", master.DatabasePassword("cloister_migrator"))
		if err != nil {
			return err
		}
		m, err := migrate.New(migrate.Config{Admin: dsn, Migrator: login, Keys: master})
		if err != nil {
			return err
		}
		return build(ctx, dsn, m, most)
	}})
	admin := connect(t, dsn)
	exec(t, admin, db.Database()) // rights on a database are not copied
	exec(t, admin, "set session_replication_role = replica")
	for i := range most {
		c := numbered(i)
		if i < n {
			all = append(all, c)
			continue
		}
		exec(t, admin, "alter schema "+c.schema+" rename to unused_"+c.schema)
		for _, table := range []string{"migrations", "migration_outcomes", "schemas"} {
			exec(t, admin, "delete from platform."+table+" where clinic_id = $1", c.id)
		}
	}
	exec(t, admin, "set session_replication_role = origin")
	return dsn, all
}

// build sets a server up and makes n schemas at the program's own version.
func build(ctx context.Context, dsn string, m *migrate.Migrator, n int) error {
	if _, err := m.Bootstrap(ctx); err != nil {
		return err
	}
	owner, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer owner.Close(ctx)
	b := &pgx.Batch{}
	b.Queue("set role cloister_owner")
	for i := range n {
		c := numbered(i)
		b.Queue("select platform.make_schema($1, $2)", c.id, c.schema)
	}
	if err := owner.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	r, err := m.Up(ctx, migrate.Options{Workers: 2})
	if err == nil && r.Migrated != n {
		err = fmt.Errorf("%+v", r)
	}
	return err
}
