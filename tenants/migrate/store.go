package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"

	"github.com/cloister-health/cloister/internal/keys"
)

// ledger is goose's store for one clinic: it keeps the versions of all clinics
// in platform.migrations. It also is the lock, because taking the lock, setting
// the scope and reading what was applied go to the server in one packet; and
// because the versions are read under the lock, two runs can't both apply one.
type ledger struct {
	clinic   uuid.UUID
	schema   string
	keys     *keys.Master
	times    Times
	versions []int64 // applied, ascending
	started  time.Time
}

var _ database.Store = (*ledger)(nil)

// Tablename is where the versions are.
func (l *ledger) Tablename() string { return "platform.migrations" }

// TableExists saves a question: the platform's migrations made it.
func (l *ledger) TableExists(context.Context, database.DBTxConn) (bool, error) { return true, nil }

// CreateVersionTable is never needed.
func (l *ledger) CreateVersionTable(context.Context, database.DBTxConn) error { return nil }

const unlockAll = "select pg_advisory_unlock_all()"

const readVersions = `select set_config('lock_timeout', $2, false),
  coalesce((select array_agg(m.version order by m.version) from platform.migrations m where m.clinic_id = $1), '{}')`

// SessionLock takes the clinic's turn, gives up the one before it, and makes
// the session the owner's in the clinic's schema.
func (l *ledger) SessionLock(ctx context.Context, conn *sql.Conn) error {
	err := conn.Raw(func(c any) error {
		b := &pgx.Batch{}
		b.Queue(unlockAll)
		b.Queue(SetScope, OwnerScope(l.keys, l.clinic, l.schema, SystemActor("migrate"), "", false)...)
		b.Queue("select set_config('lock_timeout', $1, false)", millis(l.times.Turn))
		b.Queue("select pg_advisory_lock($1)", LockKey(l.clinic))
		var timeout string
		b.Queue(readVersions, l.clinic, millis(l.times.Lock)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&timeout, &l.versions)
		})
		return c.(*stdlib.Conn).Conn().SendBatch(ctx, b).Close()
	})
	l.started = time.Now()
	return err
}

// SessionUnlock leaves the lock to the next SessionLock of the connection, or
// to its end: that is a round trip less a clinic.
func (l *ledger) SessionUnlock(context.Context, *sql.Conn) error { return nil }

// record ends a migration in its own transaction: the ledger's row, the clinic's
// version and outcome, and the check that no wall was weakened: of the tables that
// this transaction touched in full, since the others were checked when they landed.
const record = `with
  applied as (insert into platform.migrations (clinic_id, version, duration_ms) values ($1, $2, $4)),
  here as (update platform.schemas set version = greatest(version, $2) where clinic_id = $1),
  outcome as (insert into platform.migration_outcomes as o (clinic_id, state, version, duration_ms) values ($1, 'ok', $2, $4)
    on conflict (clinic_id) do update set state = 'ok', version = excluded.version, error = '', duration_ms = excluded.duration_ms, finished_at = clock_timestamp())
select platform.check_walls($3, true)`

// Insert notes a migration as applied.
func (l *ledger) Insert(ctx context.Context, tx database.DBTxConn, r database.InsertRequest) error {
	took := float64(time.Since(l.started).Microseconds()) / 1000
	if _, err := tx.ExecContext(ctx, record, l.clinic, r.Version, l.schema, took); err != nil {
		return err
	}
	l.versions = append(l.versions, r.Version)
	l.started = time.Now()
	return nil
}

const unrecord = `with
  gone as (delete from platform.migrations where clinic_id = $1 and version = $2),
  here as (update platform.schemas set version = coalesce((select max(m.version) from platform.migrations m where m.clinic_id = $1 and m.version <> $2), 0) where clinic_id = $1)
select platform.check_walls($3, true)`

// Delete notes a migration as undone.
func (l *ledger) Delete(ctx context.Context, tx database.DBTxConn, version int64) error {
	if _, err := tx.ExecContext(ctx, unrecord, l.clinic, version, l.schema); err != nil {
		return err
	}
	l.versions = slices.DeleteFunc(l.versions, func(v int64) bool { return v == version })
	return nil
}

// GetMigration tells whether a version was applied.
func (l *ledger) GetMigration(_ context.Context, _ database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	if version != 0 && !slices.Contains(l.versions, version) {
		return nil, database.ErrVersionNotFound
	}
	return &database.GetMigrationResult{IsApplied: true}, nil
}

// GetLatestVersion is the last applied version, 0 for none.
func (l *ledger) GetLatestVersion(context.Context, database.DBTxConn) (int64, error) {
	if len(l.versions) == 0 {
		return 0, nil
	}
	return l.versions[len(l.versions)-1], nil
}

// ListMigrations lists the applied versions, newest first, down to the zero
// that goose begins with.
func (l *ledger) ListMigrations(context.Context, database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	all := make([]*database.ListMigrationsResult, 0, len(l.versions)+1)
	for _, v := range slices.Backward(l.versions) {
		all = append(all, &database.ListMigrationsResult{Version: v, IsApplied: true})
	}
	return append(all, &database.ListMigrationsResult{Version: 0, IsApplied: true}), nil
}

// platformStore keeps the shared schema's own version in platform.versions,
// behind the same wall as its neighbours.
type platformStore struct{ database.Store }

func newPlatformStore() (platformStore, error) {
	s, err := database.NewStore(database.DialectPostgres, "platform.versions")
	return platformStore{s}, err
}

// TableExists asks the catalog, where goose would provoke an error.
func (s platformStore) TableExists(ctx context.Context, c database.DBTxConn) (bool, error) {
	var yes bool
	err := c.QueryRowContext(ctx, "select to_regclass($1) is not null", s.Tablename()).Scan(&yes)
	return yes, err
}

// CreateVersionTable makes the table and its wall.
func (s platformStore) CreateVersionTable(ctx context.Context, c database.DBTxConn) error {
	if err := s.Store.CreateVersionTable(ctx, c); err != nil {
		return err
	}
	for _, stmt := range []string{
		"alter table platform.versions enable row level security",
		"alter table platform.versions force row level security",
		"create policy owner_all on platform.versions to cloister_owner using (true) with check (true)",
	} {
		if _, err := c.ExecContext(ctx, stmt); err != nil {
			return fmt.Errorf("wall of platform.versions: %w", err)
		}
	}
	return nil
}

// platformLock lets one run at a time migrate the shared schema. It waits for its
// turn longer than a migration may wait for a table: every clinic's requests wait
// behind that one.
type platformLock struct{ times Times }

const platformLockKey = 4711003

// errTurn says that another run is at the shared schema.
var errTurn = errors.New("another run is migrating the shared schema")

func (p platformLock) SessionLock(ctx context.Context, c *sql.Conn) error {
	for _, step := range []struct {
		sql string
		arg any
	}{
		{"select set_config('lock_timeout', $1, false)", millis(p.times.Turn)},
		{"select pg_advisory_lock($1)", platformLockKey},
		{"select set_config('lock_timeout', $1, false)", millis(p.times.Lock)},
	} {
		if _, err := c.ExecContext(ctx, step.sql, step.arg); err != nil {
			return fmt.Errorf("%w: %w", errTurn, err)
		}
	}
	return nil
}

func (platformLock) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	var was bool
	err := c.QueryRowContext(ctx, "select pg_advisory_unlock($1)", platformLockKey).Scan(&was)
	if err == nil && !was {
		err = errors.New("the lock of the shared schema was lost")
	}
	return err
}
