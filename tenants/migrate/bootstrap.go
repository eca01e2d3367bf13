package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
)

// Logins are the roles that may sign in to the database.
func Logins() []string {
	return []string{"cloister_app", "cloister_migrator", "cloister_auditor", "cloister_backup"}
}

// Passwords gives each login its password: the set one, else the one derived
// from the master key. set maps a login's short name (app, migrator, …) to it.
func Passwords(k *keys.Master, set map[string]string) map[string]string {
	all := map[string]string{}
	for _, login := range Logins() {
		if all[login] = set[strings.TrimPrefix(login, "cloister_")]; all[login] == "" {
			all[login] = k.DatabasePassword(login)
		}
	}
	return all
}

// Prepared tells what Bootstrap found and did.
type Prepared struct {
	Applied []int64  // versions of the shared schema that this run applied
	Version int64    // the shared schema's version now
	Notices []string // what works, but less well than it could
}

// Bootstrap makes a server fit: roles and their passwords, the database's own
// settings, the shared schema, the scope key, the check of the master key, the
// public lists. It is idempotent. The master key is compared before anything is written.
//
// Errors: keys.ErrWrong; *ByHandError when the connecting user may not make
// roles and they are not in place; *pg.ConnectError.
func (m *Migrator) Bootstrap(ctx context.Context) (Prepared, error) {
	var p Prepared
	admin, err := pg.Connect(ctx, m.conf.Admin)
	if err != nil {
		return p, err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	if err := m.verify(ctx, admin); err != nil && !isRefused(err) {
		return p, err
	}
	if err := sweepTrials(ctx, admin); err != nil && !isRefused(err) {
		return p, err
	}
	may, err := m.settle(ctx, admin)
	if err != nil {
		return p, err
	}
	owner, err := m.connect(ctx)
	if err != nil {
		return p, m.hinted(err)
	}
	defer owner.Close(context.WithoutCancel(ctx))
	if err := m.verify(ctx, owner); err != nil {
		return p, err
	}
	if err := m.shared(ctx, &p); err != nil {
		return p, err
	}
	if err := m.plantKeys(ctx, owner); err != nil {
		return p, err
	}
	if err := reference(ctx, owner); err != nil {
		return p, err
	}
	if err := starters(ctx, owner); err != nil {
		return p, err
	}
	if may {
		return p, retried(ctx, func() error { _, err := admin.Exec(ctx, db.Search()); return err })
	}
	return p, m.noteSearch(ctx, admin, &p)
}

// hinted says what a refused password may mean when it was derived.
func (m *Migrator) hinted(err error) error {
	if code := sqlState(err); (code == "28P01" || code == "28000") && m.conf.Passwords["cloister_migrator"] == "" {
		return fmt.Errorf("%w. Its password is derived from the master key: either the key is another one, or the roles were made with another", err)
	}
	return err
}

// verify compares the master key with the installation's, if there is one.
func (m *Migrator) verify(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	if err := conn.QueryRow(ctx, "select to_regclass('platform.installation') is not null").Scan(&there); err != nil || !there {
		return err
	}
	var check []byte
	err := conn.QueryRow(ctx, "select key_check from platform.installation").Scan(&check)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.conf.Keys.Verify(check)
}

// plantKeys leaves in the database what its functions need to check a scope,
// and what tells the right master key from a wrong one.
func (m *Migrator) plantKeys(ctx context.Context, conn *pgx.Conn) error {
	kid, inner, outer := m.conf.Keys.ScopePads()
	b := &pgx.Batch{}
	b.Queue("insert into platform.installation (key_check) values ($1) on conflict do nothing", m.conf.Keys.Check())
	b.Queue("insert into platform.scope_keys (kid, inner_pad, outer_pad) values ($1, $2, $3) on conflict do nothing", kid, inner, outer)
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return m.verify(ctx, conn) // another first run may have been quicker, with another key
}

// shared applies the migrations of the shared schema as its owner.
func (m *Migrator) shared(ctx context.Context, p *Prepared) error {
	c, err := m.ownerConfig()
	if err != nil {
		return err
	}
	pool := stdlib.OpenDB(*c)
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, "create schema if not exists platform"); err != nil {
		return err
	}
	store, err := newPlatformStore()
	if err != nil {
		return err
	}
	provider, err := m.sharedProvider(pool, store, goose.WithSessionLocker(platformLock{m.conf.Times}))
	if err != nil {
		return err
	}
	if err := m.upShared(ctx, provider, p); err != nil {
		return err
	}
	p.Version, err = provider.GetDBVersion(ctx)
	return err
}

// upShared lets everybody pass between tries, as worker.persist does for a clinic:
// behind a migration that waits for a table of the shared schema all clinics wait.
func (m *Migrator) upShared(ctx context.Context, provider *goose.Provider, p *Prepared) error {
	for try := 0; ; try++ {
		applied, err := provider.Up(ctx)
		var part *goose.PartialError
		if errors.As(err, &part) {
			applied = part.Applied
		}
		for _, a := range applied {
			p.Applied = append(p.Applied, a.Source.Version)
		}
		switch {
		case err == nil:
			return nil
		case isInUse(err) && !errors.Is(err, errTurn) && try < m.conf.Retries && rest(ctx, m.conf.Times.Backoff<<min(try, 6)):
			continue
		case isInUse(err):
			return fmt.Errorf("the shared schema: %s. Nothing else was begun; look for long transactions in pg_stat_activity and run it again: %w", reasonOf(err), err)
		}
		return fmt.Errorf("the shared schema: %w", err)
	}
}

// sharedProvider runs the shared schema's migrations.
func (m *Migrator) sharedProvider(pool *sql.DB, store database.Store, more ...goose.ProviderOption) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectCustom, pool, m.conf.Platform, append(more, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))...)
}

// settle makes the roles and the database's settings if the user may, or finds
// them in place. It tells whether the user may.
func (m *Migrator) settle(ctx context.Context, admin *pgx.Conn) (bool, error) {
	missing, err := m.missing(ctx, admin)
	if err != nil {
		return false, err
	}
	var super bool
	if err := admin.QueryRow(ctx, "select rolsuper from pg_roles where rolname = current_user").Scan(&super); err != nil {
		return false, err
	}
	if !super && len(missing) == 0 {
		return false, nil
	}
	err = retried(ctx, func() error { return m.settleAs(ctx, admin, super) })
	if isRefused(err) {
		return false, m.byHand(ctx, admin, missing)
	}
	return super, err
}

// settleAs does all of it or nothing.
func (m *Migrator) settleAs(ctx context.Context, admin *pgx.Conn, super bool) error {
	return pgx.BeginFunc(ctx, admin, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, db.Roles()); err != nil {
			return err
		}
		if err := m.setPasswords(ctx, tx, super); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, db.Database())
		return err
	})
}

// setPasswords stores verifiers, so that no password is in a statement that the
// server may log; one that is right already is left alone.
func (m *Migrator) setPasswords(ctx context.Context, tx pgx.Tx, super bool) error {
	stored := map[string]string{}
	if super {
		rows, err := tx.Query(ctx, "select rolname, coalesce(rolpassword, '') from pg_authid where rolname = any ($1)", Logins())
		if err != nil {
			return err
		}
		var name, secret string
		if _, err := pgx.ForEachRow(rows, []any{&name, &secret}, func() error { stored[name] = secret; return nil }); err != nil {
			return err
		}
	}
	for _, login := range Logins() {
		password := m.password(login)
		if scramMatches(stored[login], password) {
			continue
		}
		if _, err := tx.Exec(ctx, alterPassword(login, password)); err != nil {
			return err
		}
	}
	return nil
}

func (m *Migrator) password(login string) string {
	if p := m.conf.Passwords[login]; p != "" {
		return p
	}
	return m.conf.Keys.DatabasePassword(login)
}

func alterPassword(login, password string) string {
	return "alter role " + login + " password '" + ScramVerifier(password, scramIterations) + "'"
}

// missing names what an administrator has to do first, empty when all is there.
func (m *Migrator) missing(ctx context.Context, admin *pgx.Conn) ([]string, error) {
	want := rolesIn(db.Roles())
	rows, err := admin.Query(ctx, "select rolname from pg_roles where rolname = any ($1)", want)
	if err != nil {
		return nil, err
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, r := range want {
		if !slices.Contains(have, r) {
			missing = append(missing, "role "+r+" is missing")
		}
	}
	if len(missing) > 0 {
		return missing, nil
	}
	var member, create, search bool
	err = admin.QueryRow(ctx, `select pg_has_role('cloister_migrator', 'cloister_owner', 'member') and pg_has_role('cloister_app', 'cloister_gate', 'member'),
		has_database_privilege('cloister_owner', current_database(), 'create') and has_database_privilege('cloister_app', current_database(), 'connect'),
		(select rolbypassrls from pg_roles where rolname = 'cloister_search')`).Scan(&member, &create, &search)
	for what, ok := range map[string]bool{"the logins are not members of their roles": member, "the roles have no rights on the database": create,
		"cloister_search may not bypass row-level security": search} {
		if !ok {
			missing = append(missing, what)
		}
	}
	slices.Sort(missing)
	return missing, err
}

var roleName = regexp.MustCompile(`\('(cloister_[a-z_]+)',`)

// rolesIn reads the roles' names from the file that makes them, so that there is
// one list.
func rolesIn(sql string) []string {
	var names []string
	for _, m := range roleName.FindAllStringSubmatch(sql, -1) {
		names = append(names, m[1])
	}
	return names
}

func (m *Migrator) byHand(ctx context.Context, admin *pgx.Conn, missing []string) error {
	e := &ByHandError{Missing: missing}
	if err := admin.QueryRow(ctx, "select current_user, current_database()").Scan(&e.User, &e.Database); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- Run in database %s as a superuser.\nbegin;\n%s\n", e.Database, db.Roles())
	for _, login := range Logins() {
		b.WriteString(alterPassword(login, m.password(login)) + ";\n")
	}
	fmt.Fprintf(&b, "%s\ncommit;\n", db.Database())
	e.SQL = b.String()
	return e
}

// noteSearch says what an administrator could still do for the search's speed.
func (m *Migrator) noteSearch(ctx context.Context, admin *pgx.Conn, p *Prepared) error {
	var fast bool
	err := admin.QueryRow(ctx, `select coalesce(bool_and(p.proowner = 'cloister_search'::regrole), false) from pg_proc p
		join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'platform' and p.proname = 'search_patients'`).Scan(&fast)
	if err == nil && !fast {
		p.Notices = append(p.Notices, "the patient search is right but slow until an administrator has run this once:\n"+db.Search())
	}
	return err
}

// retried runs what changes roles again when another database's run of the same
// server changed them in the same moment: roles are shared, and our advisory
// lock is the database's.
func retried(ctx context.Context, fn func() error) error {
	var err error
	for range 5 {
		if err = fn(); err == nil {
			return nil
		}
		switch sqlState(err) {
		case "XX000", "23505", "42710", deadlockDetected: // tuple concurrently updated; role made meanwhile
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

func isRefused(err error) bool { return sqlState(err) == insufficientRight }
