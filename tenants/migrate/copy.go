package migrate

import (
	"context"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/pg"
)

// Furnish sets up a further, empty database of a server whose roles are in
// place: the database's own settings, the shared schema and the scope key. It
// changes nothing that belongs to the whole server, so a role that somebody
// loosened stays as it is found. Public lists are left out. Config.Admin and
// Config.Migrator must lead to the new database.
func (m *Migrator) Furnish(ctx context.Context) error {
	admin, err := pg.Connect(ctx, m.conf.Admin)
	if err != nil {
		return err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	if _, err := admin.Exec(ctx, db.Database()); err != nil {
		return err
	}
	var p Prepared
	if err := m.shared(ctx, &p); err != nil {
		return err
	}
	owner, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer owner.Close(context.WithoutCancel(ctx))
	if err := m.plantKeys(ctx, owner); err != nil {
		return err
	}
	_, err = admin.Exec(ctx, db.Search())
	return err
}
