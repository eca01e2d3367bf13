//go:build unix

package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/cloister-health/cloister/tenants"
)

// The request of the pool's case: three statements that a page asks for.
var request = [3]string{
	fmt.Sprintf(sqlPatient, ""),
	`select v.clinic_id, v.id, v.state, v.arrived_at, p.full_name from visits v join patients p on p.id = v.patient_id and p.clinic_id = v.clinic_id
		where v.day = $1 order by v.arrived_at limit 20`,
	`select clinic_id, id, name from departments order by name`,
}

const sqlScopePlain = `select set_config('search_path', $2, true), set_config('app.clinic_id', $3, true), set_config('app.actor', $4, true),
	set_config('app.sig', $5, true), set_config('app.request', $6, true), set_config('role', $1, true)`

// scopeWords are the scope's parameters as a plain pool would send them.
func scopeWords(c *tenants.Clinic, schema string) [][]byte {
	role, actor := "cloister_receptionist", "user:"+deskID.String()
	m := hmac.New(sha256.New, scopeKey[:])
	m.Write([]byte(c.ID.String() + "|" + actor + "|" + role))
	return [][]byte{[]byte(role), []byte(schema + ", ext, pg_temp"), []byte(c.ID.String()), []byte(actor),
		[]byte("1:" + hex.EncodeToString(m.Sum(nil))), []byte(`{"id":"bench"}`)}
}

// plainDriver is the request on pgx's own pool, as well as it can be done there:
// every statement prepared once a connection, and all of it, from BEGIN to
// COMMIT, in one flush.
type plainDriver struct {
	pool   *pgxpool.Pool
	schema string // of all clinics, or empty: each its own
	words  map[uuid.UUID][][]byte
}

func newPlainDriver(ctx context.Context, w *World, conns int, schema string) (*plainDriver, error) {
	d := &plainDriver{schema: schema, words: map[uuid.UUID][][]byte{}}
	for _, c := range w.Clinics {
		d.words[c.ID] = scopeWords(c, d.home(c))
	}
	conf, err := pgxpool.ParseConfig(w.App)
	if err != nil {
		return nil, err
	}
	conf.MaxConns = int32(conns)
	conf.MinConns = int32(conns)
	conf.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	conf.ConnConfig.RuntimeParams["jit"] = "off"
	first := w.Clinics[0]
	conf.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		pgxuuid.Register(c.TypeMap()) // as ours does
		if _, err := c.Prepare(ctx, "scope", sqlScopePlain); err != nil {
			return err
		}
		tx, err := c.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		args := make([]any, 6)
		for i, v := range d.words[first.ID] {
			args[i] = string(v)
		}
		if _, err := tx.Exec(ctx, "scope", args...); err != nil {
			return err
		}
		for i, sql := range append([]string{"begin", "commit"}, request[:]...) {
			if _, err := c.PgConn().Prepare(ctx, names[i], sql, nil); err != nil {
				return err
			}
		}
		return nil
	}
	d.pool, err = pgxpool.NewWithConfig(ctx, conf)
	return d, err
}

var names = [...]string{"b", "c", "q0", "q1", "q2"}

func (d *plainDriver) home(c *tenants.Clinic) string {
	if d.schema != "" {
		return d.schema
	}
	return c.Schema
}

func (d *plainDriver) do(ctx context.Context, c *tenants.Clinic, k int) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	m := conn.Conn().TypeMap()
	id := patientOf(k)
	p := conn.Conn().PgConn().StartPipeline(ctx)
	bin := []int16{1}
	p.SendQueryPrepared("b", nil, nil, nil)
	p.SendQueryPrepared("scope", d.words[c.ID], nil, nil)
	p.SendQueryPrepared("q0", [][]byte{id[:]}, bin, bin)
	p.SendQueryPrepared("q1", [][]byte{[]byte("2026-11-02")}, nil, bin)
	p.SendQueryPrepared("q2", nil, nil, bin)
	p.SendQueryPrepared("c", nil, nil, nil)
	if err := p.Sync(); err != nil {
		return err
	}
	err = readRequest(p, m, c)
	if e := p.Close(); err == nil {
		err = e
	}
	return err
}

// readRequest reads BEGIN, scope, the three results and COMMIT.
func readRequest(p *pgconn.Pipeline, m *pgtype.Map, c *tenants.Clinic) error {
	for i := range 6 {
		res, err := p.GetResults()
		if err != nil {
			return err
		}
		r, ok := res.(*pgconn.ResultReader)
		if !ok {
			return fmt.Errorf("no result %d", i)
		}
		if i >= 2 && i <= 4 {
			err = readers[i-2](pgx.RowsFromResultReader(m, r), c)
		}
		if _, e := r.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readers scan each result in full and know every row's clinic.
var readers = [3]func(pgx.Rows, *tenants.Clinic) error{
	func(r pgx.Rows, c *tenants.Clinic) error {
		var p record
		return each(r, c, 1, &p.clinic, p.fields()...)
	},
	func(r pgx.Rows, c *tenants.Clinic) error {
		var v struct {
			clinic, id  uuid.UUID
			state, name string
			at          pgtype.Timestamptz
		}
		return each(r, c, 20, &v.clinic, &v.clinic, &v.id, &v.state, &v.at, &v.name)
	},
	func(r pgx.Rows, c *tenants.Clinic) error {
		var clinic, id uuid.UUID
		var name string
		return each(r, c, 5, &clinic, &clinic, &id, &name)
	},
}

func each(r pgx.Rows, c *tenants.Clinic, want int, clinic *uuid.UUID, fields ...any) error {
	n := 0
	for r.Next() {
		if err := r.Scan(fields...); err != nil {
			return err
		}
		if *clinic != c.ID {
			return errWrongRow
		}
		n++
	}
	if r.Err() == nil && n != want {
		return fmt.Errorf("%s: %d rows of %d", c.Slug, n, want)
	}
	return r.Err()
}

// oursDo is the same request through Read.
func oursDo(ctx context.Context, db *tenants.DB, c *tenants.Clinic, k int) error {
	return tenants.Read(scoped(ctx, c), db, func(ctx context.Context, tx *tenants.Tx) error {
		b := tx.Batch()
		b.Queue(request[0], patientOf(k)).Rows(func(r pgx.Rows) error { return readers[0](r, c) })
		b.Queue(request[1], "2026-11-02").Rows(func(r pgx.Rows) error { return readers[1](r, c) })
		b.Queue(request[2]).Rows(func(r pgx.Rows) error { return readers[2](r, c) })
		return b.Flush(ctx)
	})
}
