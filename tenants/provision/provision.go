// Package provision makes, changes and ends clinics.
//
// A clinic is found by nobody before it is whole: its schema, settings, first
// admin and keyset come to be under the status pending, and one last transaction
// opens it. A schema made ahead (a spare) makes that one transaction the only
// one. What belongs here: the life of a clinic in the registry, from create to
// purge. What may not: migrations (package migrate), anything a clinic's people
// do, and the mail with the first admin's link. It connects as the migrator; the
// service never holds that login.
package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants/migrate"
)

// Config of a Service.
type Config struct {
	DSN      string // of cloister_migrator
	Keys     *keys.Master
	Migrator *migrate.Migrator
}

// Service makes, changes and ends clinics. Close it at the end.
type Service struct {
	pool     *pgxpool.Pool
	keys     *keys.Master
	migrator *migrate.Migrator
	reached  func(step string) // what a test hangs itself on
}

// By is who does it and why; it goes into the trail. The zero value is the
// command line.
type By struct {
	Actor     string // kind:uuid, as the database reads it
	RequestID string
	Address   string
	Reason    string
}

func (b By) actor() string {
	if b.Actor == "" {
		return migrate.SystemActor("command line")
	}
	return b.Actor
}

func (b By) request() string {
	j, err := json.Marshal(map[string]string{"id": b.RequestID, "addr": b.Address, "reason": b.Reason})
	if err != nil {
		return "{}" // three strings always marshal
	}
	return string(j)
}

// connections is enough for one piece of work and one that waits for it.
const connections = 4

// Open connects as the migrator and proves the master key, so that no keyset is
// ever made under a wrong one. Errors: *pg.ConnectError, keys.ErrWrong.
func Open(ctx context.Context, c Config) (*Service, error) {
	conn, err := pg.Connect(ctx, c.DSN) // for its plain words when it can't
	if err != nil {
		return nil, err
	}
	if err := conn.Close(ctx); err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, errors.New("the migrator's connection string is not a Postgres URL or keyword=value list")
	}
	pc.MaxConns = connections
	pc.ConnConfig.RuntimeParams["application_name"] = "cloister provision"
	pc.ConnConfig.RuntimeParams["role"] = "cloister_owner"
	pc.ConnConfig.RuntimeParams["search_path"] = "pg_catalog, pg_temp"
	pc.ConnConfig.RuntimeParams["lock_timeout"] = "30000"
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, err
	}
	s := &Service{pool: pool, keys: c.Keys, migrator: c.Migrator, reached: func(string) {}}
	if err := s.proveKey(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the connections.
func (s *Service) Close() { s.pool.Close() }

var errNotPrepared = apperr.New(apperr.Unavailable, "", "this database was not set up yet: run `cloister migrate up` first")

func (s *Service) proveKey(ctx context.Context) error {
	var check []byte
	err := s.pool.QueryRow(ctx, "select key_check from platform.installation").Scan(&check)
	if code := stateOf(err); errors.Is(err, pgx.ErrNoRows) || code == "42P01" || code == "3F000" {
		return errNotPrepared
	}
	if err != nil {
		return err
	}
	return s.keys.Verify(check)
}

// owner runs fn in a transaction of the owner with no clinic.
func (s *Service) owner(ctx context.Context, fn func(tx pgx.Tx, q *platformdb.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(tx, platformdb.New(tx)) })
}

// enter gives the rest of the transaction the scope of the owner in a clinic.
func (s *Service) enter(ctx context.Context, tx pgx.Tx, clinic uuid.UUID, schema string, by By) error {
	_, err := tx.Exec(ctx, migrate.SetScope, migrate.OwnerScope(s.keys, clinic, schema, by.actor(), by.request(), true)...)
	return err
}

// step tells a test where the work is, and stops it when it was told to stop.
func (s *Service) step(ctx context.Context, name string) error {
	s.reached(name)
	return ctx.Err()
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func stateOf(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

func violates(err error, constraint string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23505" && pe.ConstraintName == constraint
}

func invalid(field, key, text string) error {
	var p apperr.Problems
	p.Add(field, key, text)
	return p.Err()
}

func noClinic(slug string) error {
	return apperr.New(apperr.NotFound, "error.clinic.unknown", fmt.Sprintf("there is no clinic with the slug %q", slug))
}

// note writes a finished piece of work into the ledger.
func note(ctx context.Context, q *platformdb.Queries, clinic uuid.UUID, slug, action string, by By, begun time.Time) error {
	return q.NoteProvisioning(ctx, platformdb.NoteProvisioningParams{ID: newID(), ClinicID: clinic, Slug: slug, Action: action,
		Actor: by.actor(), Reason: by.Reason, StartedAt: begun})
}
