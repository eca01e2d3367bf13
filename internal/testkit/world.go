//go:build unix

package testkit

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/pg"
)

// MasterKey is the master secret of every test database; all other keys and
// the logins' passwords come from it as in the product.
var MasterKey = []byte("cloister tests only, not secret!")

// KeyID names the scope key in a signature.
const KeyID = "1"

// ScopeKey signs scopes.
func ScopeKey() []byte { return derive("cloister scope v1") }

// Password is the password of a login role, such as "cloister_app".
func Password(login string) string {
	return base64.RawURLEncoding.EncodeToString(derive("cloister db " + login + " v1"))
}

func derive(info string) []byte {
	key, err := hkdf.Key(sha256.New, MasterKey, nil, info, 32)
	if err != nil {
		panic(err) // only for a length out of range
	}
	return key
}

// Clinic is one of the two clinics of the test world.
type Clinic struct {
	ID     uuid.UUID
	Slug   string
	Name   string
	Schema string
}

// Alpha and Beta hold the same ids and the same names, so that a row of the
// one that shows in the other can't be told apart by luck: only clinic_id and
// the two tables' Name columns differ.
var (
	Alpha = Clinic{ID: uuid.MustParse("018f0000-0000-7000-8000-00000000a1fa"), Slug: "alpha", Name: "Alpha Clinic", Schema: "clinic_alpha"}
	Beta  = Clinic{ID: uuid.MustParse("018f0000-0000-7000-8000-00000000be7a"), Slug: "beta", Name: "Beta Clinic", Schema: "clinic_beta"}
)

// Rows of seed.sql, the same in both clinics.
var (
	ClinicAdmin   = seeded(0x01) // user
	Doctor        = seeded(0x02) // user
	SecondDoctor  = seeded(0x03) // user
	Nurse         = seeded(0x04) // user
	Receptionist  = seeded(0x05) // user
	LabTechnician = seeded(0x06) // user
	Department    = seeded(0x10)
	Asha          = seeded(0x20) // patient with a visit, a token and a session
	Bilal         = seeded(0x21) // patient with an encrypted number
	Duplicate     = seeded(0x22) // patient merged into Asha
	Visit         = seeded(0x30) // done, of Asha with Doctor
	Display       = seeded(0x40)
	Consultation  = seeded(0x90) // open, of Visit by Doctor
	Finished      = seeded(0x91) // of Visit by SecondDoctor, with a diagnosis, an addendum and a follow-up
)

// Operator of the platform.
var Operator = seeded(0x7f)

func seeded(n byte) uuid.UUID {
	id := uuid.MustParse("018f0000-0000-7000-8000-000000000000")
	id[15] = n
	return id
}

// StaffID is the seeded user of a staff role.
func StaffID(r access.Role) uuid.UUID {
	switch r {
	case access.ClinicAdmin:
		return ClinicAdmin
	case access.Doctor:
		return Doctor
	case access.Nurse:
		return Nurse
	case access.Receptionist:
		return Receptionist
	case access.LabTechnician:
		return LabTechnician
	}
	return uuid.Nil
}

// ActorOf is the actor, as kind:uuid, that usually takes a role: the seeded
// user of a staff role, the patient Asha, the seeded operator.
func ActorOf(r access.Role) string {
	switch r {
	case access.Patient:
		return Actor(access.PatientActor, Asha)
	case access.Display:
		return Actor(access.DisplayActor, Display)
	case access.Gate:
		return Actor(access.GateActor, uuid.Nil)
	case access.Platform:
		return Actor(access.Operator, Operator)
	case access.Jobs, access.Owner:
		return Actor(access.System, uuid.Nil)
	}
	return Actor(access.User, StaffID(r))
}

// Actor spells an actor as the database expects it.
func Actor(kind access.ActorKind, id uuid.UUID) string { return string(kind) + ":" + id.String() }

// DB is one test's own copy of the test world.
type DB struct {
	Name string
	// Connection strings: the server's superuser and the product's logins.
	Admin, App, Migrator, Auditor, Backup string
}

// New gives the test a database with both clinics in it.
func New(t testing.TB) *DB {
	t.Helper()
	tp, err := world()
	if err != nil {
		t.Fatal(err)
	}
	return Copy(t, tp)
}

// Copy gives the test a database of its own from a template that holds an
// installation under MasterKey.
func Copy(t testing.TB, tp Template) *DB {
	t.Helper()
	db := &DB{Admin: Clone(t, tp)}
	for login, dsn := range map[string]*string{
		"cloister_app": &db.App, "cloister_migrator": &db.Migrator, "cloister_auditor": &db.Auditor, "cloister_backup": &db.Backup,
	} {
		as, err := pg.Login(db.Admin, login, Password(login))
		if err != nil {
			t.Fatal(err)
		}
		*dsn = as
	}
	cfg, err := pgx.ParseConfig(db.Admin)
	if err != nil {
		t.Fatal(err)
	}
	db.Name = cfg.Database
	return db
}

// Conn opens a plain connection; it is closed when the test ends.
func Conn(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the server may have cut it already, as a test meant
	})
	return conn
}

// Exec runs SQL as the superuser, whom no policy binds: to arrange what a test
// needs, or to take a wall down.
func (db *DB) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn := Conn(t, db.Admin)
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// As opens a transaction of the service's own login in a clinic and role, with
// the role's usual actor, the way the product does it but without its code:
// for tests of the walls themselves. It is rolled back when the test ends.
func (db *DB) As(t testing.TB, c Clinic, r access.Role) pgx.Tx {
	t.Helper()
	return db.AsActor(t, c, r, ActorOf(r))
}

// AsActor is As with another actor.
func (db *DB) AsActor(t testing.TB, c Clinic, r access.Role, actor string) pgx.Tx {
	t.Helper()
	dsn := db.App
	if r == access.Owner { // the service may not become the owner
		dsn = db.Migrator
	}
	tx := Begin(t, Conn(t, dsn))
	if err := SetScope(context.Background(), tx, c, r, actor); err != nil {
		t.Fatal(err)
	}
	return tx
}

// Begin opens a transaction that is rolled back when the test ends.
func Begin(t testing.TB, conn *pgx.Conn) pgx.Tx {
	t.Helper()
	tx, err := conn.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // it may be over already
	return tx
}

// Scope is what a transaction sets; a test changes a field to forge one.
type Scope struct {
	Role, Path, Clinic, Actor, Signature, Request string
}

// ScopeOf is the right scope.
func ScopeOf(c Clinic, r access.Role, actor string) Scope {
	return Scope{
		Role: r.PG(), Path: fmt.Sprintf(`%s, ext, pg_temp`, pgx.Identifier{c.Schema}.Sanitize()),
		Clinic: c.ID.String(), Actor: actor, Signature: Sign(c.ID, actor, r),
		Request: `{"id":"test","addr":"192.0.2.1","reason":""}`,
	}
}

// Sign signs a scope with the test world's key.
func Sign(clinic uuid.UUID, actor string, r access.Role) string {
	return SignText(clinic.String(), actor, r)
}

// SignText is Sign for a clinic as the scope spells it: empty for none.
func SignText(clinic, actor string, r access.Role) string {
	m := hmac.New(sha256.New, ScopeKey())
	fmt.Fprintf(m, "%s|%s|%s", clinic, actor, r.PG())
	return KeyID + ":" + hex.EncodeToString(m.Sum(nil))
}

// SetScope sets the right scope for the rest of the transaction.
func SetScope(ctx context.Context, tx pgx.Tx, c Clinic, r access.Role, actor string) error {
	return ScopeOf(c, r, actor).Set(ctx, tx)
}

// Set sets the scope for the rest of the transaction.
func (s Scope) Set(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `select set_config('role', $1, true), set_config('search_path', $2, true), set_config('app.clinic_id', $3, true),
		set_config('app.actor', $4, true), set_config('app.sig', $5, true), set_config('app.request', $6, true)`,
		s.Role, s.Path, s.Clinic, s.Actor, s.Signature, s.Request)
	return err
}
