//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sirupsen/logrus"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/cloister-health/cloister/tenants"
)

// The statements of the cases; %s is the schema with its dot, or nothing.
const (
	sqlPatient = `select clinic_id, id, number, full_name, sex, birth_date, phone, status, registered_on, last_visit_on from %spatients where id = $1`
	sqlRecent  = `select clinic_id, id, number, full_name, sex, birth_date, phone, status, registered_on, last_visit_on from %spatients order by registered_on desc, id desc limit 20`
	sqlNote    = `insert into %s (id, body) values ($1, $2)`
)

// openOurs opens the product's way to a World's database.
func openOurs(ctx context.Context, dsn string, pool tenants.PoolConfig, dial pgconn.DialFunc) (*tenants.DB, error) {
	return open(ctx, dsn, scopeKey[:], pool, dial)
}

func open(ctx context.Context, dsn string, key []byte, pool tenants.PoolConfig, dial pgconn.DialFunc) (*tenants.DB, error) {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	return tenants.Open(ctx, tenants.Config{DSN: dsn, ScopeKey: key, KeyID: 1, Pool: pool, Log: quiet, Dial: dial})
}

// openPlain opens pgx's own pool, as one would use it without tenancy.
func openPlain(ctx context.Context, dsn string, conns int, dial pgconn.DialFunc) (*pgxpool.Pool, error) {
	conf, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	conf.MaxConns = int32(conns)
	conf.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	conf.ConnConfig.RuntimeParams["jit"] = "off"
	if dial != nil {
		conf.ConnConfig.DialFunc = dial
	}
	conf.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		pgxuuid.Register(c.TypeMap()) // as ours does
		return nil
	}
	return pgxpool.NewWithConfig(ctx, conf)
}

type record struct {
	clinic, id                       uuid.UUID
	number, name, sex, phone, status string
	birth, registered                time.Time
	last                             *time.Time
}

func (p *record) fields() []any {
	return []any{&p.clinic, &p.id, &p.number, &p.name, &p.sex, &p.birth, &p.phone, &p.status, &p.registered, &p.last}
}

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func lookup(ctx context.Context, q querier, sql string, want *tenants.Clinic, k int) error {
	var p record
	if err := q.QueryRow(ctx, sql, patientOf(k)).Scan(p.fields()...); err != nil {
		return err
	}
	if p.clinic != want.ID {
		return errWrongRow
	}
	return nil
}

func list(ctx context.Context, q querier, sql string, want *tenants.Clinic) error {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var p record
		if err := rows.Scan(p.fields()...); err != nil {
			return err
		}
		if p.clinic != want.ID {
			return errWrongRow
		}
		n++
	}
	if rows.Err() == nil && n != 20 {
		return fmt.Errorf("%d rows of 20", n)
	}
	return rows.Err()
}

func noted(args ...any) []any {
	return append([]any{uuid.Must(uuid.NewV7()), "A note of some words that somebody left at the desk."}, args...)
}

// note is the last statement of its transaction, so it goes with COMMIT.
func note(tx *tenants.Tx, table string) error {
	return tx.Send(fmt.Sprintf(sqlNote, table), noted()...)
}

// Access measures one caller who does one thing after another, on loopback and
// with a millisecond of network between.
func Access(ctx context.Context, e *Env) ([]Row, error) {
	w, err := e.World(ctx, 20)
	if err != nil {
		return nil, err
	}
	conf, err := pgconn.ParseConfig(w.App)
	if err != nil {
		return nil, err
	}
	far, err := newProxy(net.JoinHostPort(conf.Host, strconv.Itoa(int(conf.Port))), time.Millisecond)
	if err != nil {
		return nil, err
	}
	defer far.close()
	near, err := accessOver(ctx, e, w, "loopback", nil, "<= 1.25", 600)
	if err != nil {
		return nil, err
	}
	distant, err := accessOver(ctx, e, w, "1 ms away", far.dial, "<= 1.02", 60)
	return append(near, distant...), err
}

func accessOver(ctx context.Context, e *Env, w *World, where string, dial pgconn.DialFunc, goal string, each int) ([]Row, error) {
	ours, err := openOurs(ctx, w.App, tenants.PoolConfig{MaxConns: 4}, dial)
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	plain, err := openPlain(ctx, w.App, 4, dial)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	rounds := 15
	if e.Quick {
		rounds, each = 3, each/3
	}
	c := w.Clinics[0]
	in := scoped(ctx, c)
	bare := func(sql string) string { return fmt.Sprintf(sql, "bare.") }
	own := func(sql string) string { return fmt.Sprintf(sql, "") }
	read := func(f func(ctx context.Context, q querier) error) func() error {
		return func() error {
			return tenants.Read(in, ours, func(ctx context.Context, tx *tenants.Tx) error { return f(ctx, tx) })
		}
	}
	write := func(table string) func() error {
		return func() error {
			return tenants.Write(in, ours, func(_ context.Context, tx *tenants.Tx) error { return note(tx, table) })
		}
	}
	plainNote := func() error {
		_, err := plain.Exec(ctx, `insert into bare.notes (id, body, clinic_id) values ($1, $2, $3)`, noted(c.ID)...)
		return err
	}
	k := 0
	next := func() int { k = (k + 7) % patientsPerClinic; return k }
	var rows []Row
	for _, x := range []struct {
		what, base, goal string
		ours, plain      func() error
	}{
		{"key lookup", "plain", goal,
			read(func(ctx context.Context, q querier) error { return lookup(ctx, q, own(sqlPatient), c, next()) }),
			func() error { return lookup(ctx, plain, bare(sqlPatient), c, next()) }},
		{"20-row list", "plain", goal,
			read(func(ctx context.Context, q querier) error { return list(ctx, q, own(sqlRecent), c) }),
			func() error { return list(ctx, plain, bare(sqlRecent), c) }},
		{"insert", "plain", goal, write("bench_notes"), plainNote},
		{"insert with its trail row", "plain, no trail", "", write("notes"), plainNote},
	} {
		a, b, err := versus(rounds, each, x.ours, x.plain)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.what, err)
		}
		rows = append(rows, Row{What: x.what + ", " + where, Unit: "µs", Ours: a, Base: b, BaseIs: x.base, Goal: x.goal})
	}
	if dial != nil {
		return rows, nil
	}
	steps, err := ladder(ctx, w, plain, rounds, each)
	return append(rows, steps...), err
}

// ladder tells what the key lookup's time is made of: the plain query again with
// a transaction around it, then with the scope set too but no policy to ask it.
func ladder(ctx context.Context, w *World, plain *pgxpool.Pool, rounds, each int) ([]Row, error) {
	held, err := plain.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	c, conn := w.Clinics[0], held.Conn()
	sql := fmt.Sprintf(sqlPatient, "bare.")
	for name, text := range map[string]string{"b": "begin", "c": "commit", "scope": sqlScopePlain, "q": sql} {
		if _, err := conn.PgConn().Prepare(ctx, name, text, nil); err != nil {
			return nil, err
		}
	}
	words := scopeWords(c, "bare")
	within := func(scope bool) func() error {
		return func() error {
			id := patientOf(3)
			p := conn.PgConn().StartPipeline(ctx)
			p.SendQueryPrepared("b", nil, nil, nil)
			if scope {
				p.SendQueryPrepared("scope", words, nil, nil)
			}
			p.SendQueryPrepared("q", [][]byte{id[:]}, []int16{1}, []int16{1})
			p.SendQueryPrepared("c", nil, nil, nil)
			err := p.Sync()
			for err == nil {
				var res any
				if res, err = p.GetResults(); res == nil {
					break
				}
				if r, ok := res.(*pgconn.ResultReader); ok {
					_, err = r.Close()
				}
			}
			return errors.Join(err, p.Close())
		}
	}
	alone := func() error { return lookup(ctx, conn, sql, c, 3) }
	var rows []Row
	for _, x := range []struct {
		what  string
		scope bool
	}{{"of it: plain in a transaction, one flush", false}, {"of it: and the scope set, no policy", true}} {
		a, b, err := versus(rounds, each, within(x.scope), alone)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.what, err)
		}
		rows = append(rows, Row{What: x.what, Unit: "µs", Ours: a, Base: b, BaseIs: "plain"})
	}
	return rows, nil
}
