//go:build unix

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cloister-health/cloister/db"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/tenants"
)

// Env is what the cases run in: a private server of its own, whose databases
// stay for the next run, since a thousand clinics take minutes to make.
type Env struct {
	Quick bool
	State string    // folder of the server
	Log   io.Writer // progress

	server  *pg.Server
	version string
}

func (e *Env) say(format string, args ...any) {
	fmt.Fprintf(e.Log, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (e *Env) start(ctx context.Context) error {
	b, err := pg.Find(ctx, pg.Lookup{Dir: os.Getenv("CLOISTER_PG_BIN")})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.State, 0o755); err != nil {
		return err
	}
	// Without fsync an insert costs no more than its CPU: the harder comparison.
	e.server, err = pg.Start(ctx, pg.Config{State: e.State, Binaries: b, Throwaway: true, Settings: []string{
		"max_connections=120", "max_locks_per_transaction=512", "shared_buffers=512MB", "max_wal_size=4GB", "autovacuum=off",
	}})
	if err != nil {
		return err
	}
	c, err := pg.Connect(ctx, e.server.DSN())
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	e.version = "PostgreSQL " + c.PgConn().ParameterStatus("server_version") + ", fsync off, shared_buffers 512MB"
	return nil
}

func (e *Env) stop() {
	if e.server != nil {
		_ = e.server.Stop()
	}
}

// machine describes what the numbers come from.
func machine() string {
	cpu := "unknown CPU"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(raw)) {
			if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
				cpu = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%d x %s, %s/%s, %s", runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

var (
	scopeKey = sha256.Sum256([]byte("cloister bench scope key"))
	deskID   = uuid.MustParse("01980000-0000-7000-8000-000000000002")
)

const (
	appPassword       = "bench"
	patientsPerClinic = 100
	visitsPerClinic   = 60
)

// World is a database with n clinics, one schema that holds them all (shared)
// and one without any wall (bare).
type World struct {
	Admin, App string // connection strings
	Clinics    []*tenants.Clinic
}

func clinicOf(i int) *tenants.Clinic {
	id := uuid.MustParse("01980000-0000-7000-8000-000000000000")
	id[12], id[13] = byte(i>>8), byte(i)
	id[15] = 0xcc
	return &tenants.Clinic{ID: id, Slug: fmt.Sprintf("c%04d", i), Name: fmt.Sprintf("Clinic %d", i),
		Schema: fmt.Sprintf("clinic_%04d", i), Status: tenants.StatusActive, Zone: time.UTC, Lang: "en"}
}

// patientOf is the id of the k-th patient, the same in every clinic.
func patientOf(k int) uuid.UUID {
	id := uuid.MustParse("01980000-0000-7000-8000-000000000000")
	id[9], id[14], id[15] = 1, byte(k>>8), byte(k)
	return id
}

// up is the part of goose files that goes up.
func up(files fs.FS) (string, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, n := range names {
		b, err := fs.ReadFile(files, n)
		if err != nil {
			return "", err
		}
		body, _, _ := strings.Cut(string(b), "-- +goose Down")
		all.WriteString(body + ";\n")
	}
	return all.String(), nil
}

// World gives a database of n clinics, made if there is none of this schema.
func (e *Env) World(ctx context.Context, n int) (*World, error) {
	platform, err := up(db.Platform())
	if err != nil {
		return nil, err
	}
	tenant, err := up(db.Tenant())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{db.Roles(), db.Database(), platform, tenant, seed, sharedTables}, "\x00")))
	name := fmt.Sprintf("bench_%d_%s", n, hex.EncodeToString(sum[:6]))
	w := &World{}
	if w.Admin, err = pg.Database(e.server.DSN(), name); err != nil {
		return nil, err
	}
	if w.App, err = pg.Login(w.Admin, "cloister_app", appPassword); err != nil {
		return nil, err
	}
	for i := range n {
		w.Clinics = append(w.Clinics, clinicOf(i))
	}
	c, err := pg.Connect(ctx, e.server.DSN())
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	var there bool
	if err := c.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and not datistemplate)", name).Scan(&there); err != nil || there {
		return w, err
	}
	e.say("making %d clinics, once", n)
	half, err := pg.Database(e.server.DSN(), name+"_half")
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{"drop database if exists " + name + "_half", "create database " + name + "_half template template0", db.Roles(),
		"alter role cloister_app password '" + appPassword + "'"} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	if err := e.fill(ctx, half, platform, tenant, w.Clinics); err != nil {
		return nil, err
	}
	if _, err := c.Exec(ctx, "alter database "+name+"_half rename to "+name); err != nil {
		return nil, err
	}
	return w, inDatabase(ctx, w.Admin, db.Database())
}

func inDatabase(ctx context.Context, dsn string, sqls ...string) error {
	c, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, sql := range sqls {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%w in %.80q", err, sql)
		}
	}
	return nil
}

// fill makes the platform, the clinics by four workers, and the yardsticks.
func (e *Env) fill(ctx context.Context, dsn, platform, tenant string, clinics []*tenants.Clinic) error {
	in, out := pads(scopeKey[:])
	err := inDatabase(ctx, dsn, db.Database(), "set role cloister_owner", platform,
		fmt.Sprintf(`insert into platform.scope_keys (kid, inner_pad, outer_pad) values ('1', '\x%x', '\x%x')`, in, out))
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for part := range 4 {
		g.Go(func() error {
			c, err := pg.Connect(gctx, dsn)
			if err != nil {
				return err
			}
			defer c.Close(ctx)
			for i := part; i < len(clinics); i += 4 {
				if err := found(gctx, c, clinics[i], tenant); err != nil {
					return fmt.Errorf("%s: %w", clinics[i].Slug, err)
				}
				if i%100 == 99 {
					e.say("%d clinics", i+1)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	first := clinics[0].Schema
	sqls := []string{strings.ReplaceAll(sharedTables, "clinic_first", first)}
	for _, c := range clinics {
		for _, t := range []string{"settings", "departments", "users", "patients", "visits"} {
			sqls = append(sqls, fmt.Sprintf(copyRows, t, c.Schema))
		}
	}
	return inDatabase(ctx, dsn, append(sqls, "vacuum analyze")...)
}

// copyRows brings a clinic's rows into the shared schema, generated columns left out.
const copyRows = `set session_replication_role = replica;
do $$ declare cols text; begin
	select string_agg(quote_ident(attname), ', ') into cols from pg_attribute
	where attrelid = 'shared.%[1]s'::regclass and attnum > 0 and not attisdropped and attgenerated = '';
	execute format('insert into shared.%[1]s (%%1$s) select %%1$s from %[2]s.%[1]s', cols);
end $$`

// found makes and fills one clinic.
func found(ctx context.Context, c *pgx.Conn, n *tenants.Clinic, tenant string) error {
	_, err := c.Exec(ctx, fmt.Sprintf(`set role cloister_owner; set search_path = '';
		select platform.make_schema('%[1]s', '%[2]s'); set search_path = %[2]s, ext, pg_temp; %[3]s
		set search_path = ''; update platform.schemas set state = 'assigned' where clinic_id = '%[1]s';
		reset role; set session_replication_role = replica; set search_path = %[2]s, ext, pg_temp;
		insert into platform.clinics (id, slug, name, status) values ('%[1]s', '%[4]s', '%[5]s', 'active');
		%[6]s; reset all`, n.ID, n.Schema, tenant, n.Slug, n.Name, seed))
	return err
}

// seed fills a clinic: the ids are the same in each, so that a wrong row can be
// told only by its clinic.
const seed = `
insert into settings (id) values ('01980000-0000-7000-8000-000000000001');
insert into departments (id, name) select ('01980000-0000-7000-8000-00000000001' || n)::uuid, 'Department ' || n from generate_series(1, 5) n;
insert into users (id, username, full_name, role) values
	('01980000-0000-7000-8000-000000000002', 'desk', 'Rohan Shinde', 'receptionist'), ('01980000-0000-7000-8000-000000000003', 'doctor', 'Deepak Rao', 'doctor');
insert into patients (id, number, first_name, last_name, search_key, sex, birth_date, phone, registered_on)
	select ('01980000-0000-7000-8001-00000000' || lpad(to_hex(n), 4, '0'))::uuid, 'PT-2026-' || lpad(n::text, 5, '0'), 'Given' || n, 'Family' || n % 37,
		' given' || n || ' family' || n % 37 || ' ', 'female', date '1950-01-01' + n * 97, '+9198' || lpad(n::text, 8, '0'), date '2026-01-01' + n % 300
	from generate_series(0, 99) n;
insert into visits (id, patient_id, doctor_id, day, kind, state, arrived_at, ended_at)
	select ('01980000-0000-7000-8002-00000000' || lpad(to_hex(n), 4, '0'))::uuid, ('01980000-0000-7000-8001-00000000' || lpad(to_hex(n), 4, '0'))::uuid,
		'01980000-0000-7000-8000-000000000003', date '2026-11-01' + n / 20, 'routine', 'done', timestamptz '2026-11-01 10:00+00' + n * interval '7 min', now()
	from generate_series(0, 59) n`

// sharedTables makes the two yardsticks: shared holds every clinic's rows in one
// schema behind the same policies and roles, bare holds one clinic's rows behind
// nothing. Ids repeat from clinic to clinic, so keys begin with the clinic.
const sharedTables = `
create schema shared; create schema bare;
do $$ declare t text; k record; begin
	foreach t in array array['settings', 'departments', 'users', 'patients', 'visits'] loop
		execute format('create table shared.%1$I (like clinic_first.%1$I including generated)', t);
		execute format('alter table shared.%1$I add primary key (clinic_id, id)', t);
		execute format('alter table shared.%I enable row level security', t);
		execute format('create policy wall on shared.%I to cloister_receptionist using (clinic_id = (select platform.current_clinic())) with check (clinic_id = (select platform.current_clinic()))', t);
		execute format('grant select on shared.%I to cloister_receptionist', t);
		execute format('create table bare.%1$I (like clinic_first.%1$I including all)', t);
		execute format('grant select on bare.%I to cloister_app', t);
	end loop;
	grant usage on schema shared to cloister_receptionist;
	grant usage on schema bare to cloister_app, cloister_receptionist;
	grant select on bare.patients to cloister_receptionist;
	create index on shared.patients (clinic_id, registered_on desc, id desc);
	create index on shared.visits (clinic_id, day, line_id);
	foreach t in array array['settings', 'departments', 'users', 'patients', 'visits'] loop
		execute (select format('insert into bare.%1$I (%2$s) select %2$s from clinic_first.%1$I', t, string_agg(quote_ident(attname), ', '))
			from pg_attribute where attrelid = format('bare.%I', t)::regclass and attnum > 0 and not attisdropped and attgenerated = '');
	end loop;
end $$;
create table bare.notes (clinic_id uuid not null, id uuid primary key, body text not null);
grant insert on bare.notes to cloister_app;
set role cloister_owner; set search_path = clinic_first, ext, pg_temp;
create table notes (clinic_id uuid not null, id uuid primary key, body text not null);
select platform.protect('notes', '{"receptionist": "S I"}');
create table bench_notes (clinic_id uuid not null, id uuid primary key, body text not null);
select platform.protect('bench_notes', '{"receptionist": "S I"}');
drop trigger trail on bench_notes;
reset all; reset role`

func pads(key []byte) (inner, outer []byte) {
	inner, outer = make([]byte, sha256.BlockSize), make([]byte, sha256.BlockSize)
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return inner, outer
}

// scoped is a context of the clinic's receptionist.
func scoped(ctx context.Context, c *tenants.Clinic) context.Context {
	return tenants.WithScope(ctx, tenants.Scope{Clinic: c, RequestID: "bench",
		Actor: tenants.Actor{Kind: access.User, ID: deskID, Role: access.Receptionist}})
}

// DefaultState is where the server's folder is when none is named.
func DefaultState() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("cloister-bench-%d", os.Getuid()))
}

var errWrongRow = errors.New("a row of another clinic came")
