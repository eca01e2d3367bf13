package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// counted counts what a connection writes: one write is one packet to the server.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func counting(writes *atomic.Int64) func(*tenants.Config) {
	return func(c *tenants.Config) {
		c.Pool.MaxConns = 1
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			n, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return counted{n, writes}, nil
		}
	}
}

func TestTheScopeCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	w := open(t, counting(&writes))
	ctx := as(t.Context(), north, access.Receptionist)
	look := func(ctx context.Context, tx *tenants.Tx) error { _, err := department(ctx, tx); return err }
	run := func(name string, limit int64, do func() error) {
		t.Helper()
		if err := do(); err != nil { // parses and describes
			t.Fatal(err)
		}
		for range 20 {
			before := writes.Load()
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if n := writes.Load() - before; n <= limit {
				return
			}
		} // the idle timer's packet may fall into one try, not into twenty
		t.Errorf("%s: never in %d packets", name, limit)
	}
	run("read", 1, func() error { return tenants.Read(ctx, w.DB, look) })
	run("write", 2, func() error { return tenants.Write(ctx, w.DB, look) })
	run("read of three in a batch", 1, func() error {
		return tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			b := tx.Batch()
			for range 3 {
				b.Queue("select name from departments where id = $1", depID).Scan(new(string))
			}
			return b.Flush(ctx)
		})
	})
	run("view and read", 2, func() error {
		return tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			if err := tx.RecordView(ctx, "departments", depID, uuid.Nil); err != nil {
				return err
			}
			return look(ctx, tx)
		})
	})
	// A clinic's first use of a statement that another clinic knows needs none either.
	before := writes.Load()
	if err := tenants.Read(as(t.Context(), south, access.Receptionist), w.DB, look); err != nil {
		t.Fatal(err)
	}
	if n := writes.Load() - before; n > 2 {
		t.Errorf("the other clinic's first read took %d packets", n)
	}
}

func TestWhatIsLeftOnAConnectionEndsIt(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"role":        "set role cloister_doctor",
		"search_path": "set search_path = pg_catalog",
		"setting":     "set work_mem = '8MB'",
		"scope":       "set app.clinic_id = 'x'",
		"cursor":      "declare c cursor with hold for select 1",
		"lock":        "select pg_advisory_lock(1)",
		"limit":       "select ext.set_limit(1)",
		"prepared":    "prepare p as select 1",
		"missing":     "deallocate scope",
		"all missing": "deallocate all",
		"listen":      "listen x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, func(c *tenants.Config) { c.Pool.MaxConns = 1 })
			w.exec(t, "grant execute on function pg_advisory_lock(bigint), ext.set_limit(real) to cloister_receptionist")
			err := tenants.Read(as(t.Context(), north, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				return tx.Raw(ctx, sql)
			})
			if name == "all missing" { // COMMIT among it
				if err == nil {
					t.Error("a transaction without COMMIT ended well")
				}
			} else if err != nil {
				t.Fatal(err)
			} else if n := w.counter(t, "dirty_total", ""); n != 1 {
				t.Errorf("%v connections were found dirty", n)
			}
			if err := tenants.Read(as(t.Context(), south, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				got, err := department(ctx, tx)
				if got != "south" {
					t.Errorf("then reads %q", got)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Text that neither reads nor changes rows never reaches the server, whatever
// it is hidden behind.
func TestOnlyStatementsOverRowsAreSent(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, sql := range []string{
		"reset role", "set role cloister_gate", "alter role current_user password 'x'", "lock table clinic_south.departments", "copy departments to stdout",
		"prepare p as select 1", "deallocate scope", "declare c cursor with hold for select 1", "listen cloister", "notify cloister", "commit", "rollback",
		"explain select 1", "call f()", "do 'x'", "-- select\nreset role", "/* select */ reset role", "/*/* select */*/ reset role", "/* /* */ select */ reset role",
		"/**/reset role", "-- \rreset role /*\nselect */", "", ";reset role", "(reset role", "table departments", "select 1; reset role",
	} {
		for _, args := range [][]any{nil, {pgx.QueryExecModeExec}} {
			err := tenants.Write(as(t.Context(), north, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				_, err := tx.Exec(ctx, sql, args...)
				return err
			})
			if err == nil {
				t.Errorf("%q was let through", sql)
			}
		}
	}
	for _, sql := range []string{"select 1", "-- name: X :one\n-- more\nSelect 1", "-- x\r\n\twith x as (select 1) select * from x", "( (select 1))", "values (1)"} {
		if err := tenants.Read(as(t.Context(), north, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		}); err != nil {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

func TestOrdinaryWorkLeavesNothing(t *testing.T) {
	t.Parallel()
	w := open(t)
	for range 3 {
		err := tenants.Write(as(t.Context(), north, access.ClinicAdmin), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			// A seed asks for the full check and passes it.
			if _, err := tx.Exec(ctx, "select setseed(0)"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "update departments set room = '2' where id = $1", depID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.counter(t, "dirty_total", ""); n != 0 {
		t.Errorf("%v connections were found dirty", n)
	}
}

func TestAPlanThatAMigrationMadeStaleIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.Receptionist)
	w.exec(t, `create table clinic_alpha.stale (x int); grant select on clinic_alpha.stale to cloister_receptionist; insert into clinic_alpha.stale values (7)`)
	look := func(dest any) (runs int, err error) {
		err = tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			runs++
			return tx.QueryRow(ctx, "select x from stale").Scan(dest)
		})
		return runs, err
	}
	var n int
	if _, err := look(&n); err != nil || n != 7 {
		t.Fatal(n, err)
	}
	w.exec(t, `alter table clinic_alpha.stale alter column x type text using 'word'`)
	var word string
	runs, err := look(&word)
	if err != nil || word != "word" || runs != 2 {
		t.Errorf("%q after %d runs: %v", word, runs, err)
	}
	if got := w.counter(t, "retries_total", "0A000"); got != 1 {
		t.Errorf("%v retries", got)
	}
}

func TestAFailedSerialisationIsTriedOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.exec(t, `create function ext.fail(code text) returns int language plpgsql as $$ begin raise exception 'made' using errcode = code; end $$`)
	for _, c := range []string{"40001", "40P01", "22012"} {
		for _, mend := range []bool{true, false} {
			runs := 0
			err := tenants.Write(as(t.Context(), north, access.Doctor), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				if runs++; mend && runs == 2 {
					return nil
				}
				return tx.QueryRow(ctx, "select ext.fail($1)", c).Scan(new(int))
			})
			want := 2
			if c == "22012" {
				want = 1
			}
			if runs != want || (err == nil) != (mend && want == 2) {
				t.Errorf("%s: %d runs, %v", c, runs, err)
			}
			if err != nil && want == 2 && !apperr.Is(err, apperr.Conflict) {
				t.Errorf("%s: %v", c, err)
			}
		}
	}
}

func TestALostConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.Receptionist)
	look := func(ctx context.Context, tx *tenants.Tx) error { _, err := department(ctx, tx); return err }
	if err := tenants.Read(ctx, w.DB, look); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'cloister'`)
	if err := tenants.Write(ctx, w.DB, look); err != nil {
		t.Errorf("after the server cut every connection: %v", err)
	}
}

func TestACallerWhoLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns = 1 })
	sleep := "select pg_sleep(60)"
	for _, own := range []bool{true, false} {
		outer, cancel := context.WithCancel(as(t.Context(), north, access.Receptionist))
		begun := time.Now()
		err := tenants.Read(outer, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			if own {
				time.AfterFunc(50*time.Millisecond, cancel)
			} else {
				short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
				defer stop()
				ctx = short
			}
			_, err := tx.Exec(ctx, sleep)
			return err
		})
		cancel()
		if err == nil || time.Since(begun) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if own && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		ctx := as(t.Context(), south, access.Receptionist)
		if err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error { _, err := department(ctx, tx); return err }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
	w.ends(t, sleep)
}

// TestAStatementEndsWhoseCancelRequestIsLost: the server sees by itself that its
// client is gone.
func TestAStatementEndsWhoseCancelRequestIsLost(t *testing.T) {
	t.Parallel()
	var shut atomic.Bool
	w := open(t, func(c *tenants.Config) {
		c.Pool.MaxConns, c.Pool.StatementTimeout = 1, time.Minute
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if shut.Load() {
				return nil, errors.New("no way to the server")
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	c := w.connect(t)
	defer c.Close(t.Context())
	var linux bool
	if err := c.QueryRow(t.Context(), "select version() ~ 'linux'").Scan(&linux); err != nil {
		t.Fatal(err)
	}
	if !linux {
		t.Log("this server's system does not tell it that a client is gone")
		return
	}
	sleep := "select pg_sleep(50)"
	ctx, cancel := context.WithCancel(as(t.Context(), north, access.Receptionist))
	defer cancel()
	err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		shut.Store(true)
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := tx.Exec(ctx, sleep)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	w.ends(t, sleep)
}

// ends waits until a statement runs nowhere in the database.
func (w *world) ends(t *testing.T, sql string) {
	t.Helper()
	c := w.connect(t)
	defer c.Close(context.Background())
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := c.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and query = $1 and state = 'active'", sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d statements still run on the server", n)
		}
	}
}

func TestOldStatementsAreClosed(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns, c.Pool.Statements = 1, 8 })
	ctx := as(t.Context(), north, access.Receptionist)
	for round := range 3 {
		for i := range 20 {
			err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				var got int
				if err := tx.QueryRow(ctx, fmt.Sprintf("select %d + $1::int", i), round).Scan(&got); err != nil || got != i+round {
					t.Errorf("%d, %v", got, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		var n int
		err := tx.QueryRow(ctx, "select count(*) from pg_prepared_statements where name like '%.%'", pgx.QueryExecModeExec).Scan(&n)
		if n != 8 {
			t.Errorf("%d statements are kept of 8", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABusyClinicQueuesBehindItself(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns, c.Pool.QueueLimit = 1, 10 })
	held, free := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	read := func(c *tenants.Clinic, f func()) error {
		return tenants.Read(as(t.Context(), c, access.Receptionist), w.DB, func(context.Context, *tenants.Tx) error { f(); return nil })
	}
	all.Go(func() { _ = read(north, func() { close(held); <-free }) })
	<-held
	var mu sync.Mutex
	var order []string
	queue := func(c *tenants.Clinic) {
		begun := make(chan struct{})
		all.Go(func() {
			close(begun)
			if err := read(c, func() { mu.Lock(); order = append(order, c.Slug); mu.Unlock() }); err != nil {
				t.Error(err)
			}
		})
		<-begun
	}
	for range 5 {
		queue(north)
	}
	w.await(t, 5)
	queue(south)
	w.await(t, 6)
	for range 4 {
		queue(north)
	}
	w.await(t, 10)
	if err := read(south, func() {}); !apperr.Is(err, apperr.Unavailable) {
		t.Errorf("the eleventh in a queue of ten: %v", err)
	}
	close(free)
	all.Wait()
	if len(order) != 10 || order[0] != "south" {
		t.Errorf("served in the order %v", order)
	}
}

func TestConnectionsThatKnowTooMuchAreMadeNew(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns, c.Pool.MaxClinics = 1, 2 })
	for i := range 6 {
		c := []*tenants.Clinic{north, south}[i%2]
		err := tenants.Read(as(t.Context(), c, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			_, err := department(ctx, tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.counter(t, "retired_total", "clinics"); n == 0 { // the platform itself counts as one
		t.Error("no connection was retired")
	}
}

func TestABackendThatGrewTooBigIsMadeNew(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns, c.Pool.MaxMemory = 1, 1 })
	for range 3 {
		err := tenants.Read(as(t.Context(), north, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			_, err := tx.Exec(ctx, "select setseed(0)") // asks for the full check
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.counter(t, "retired_total", "memory"); n != 3 {
		t.Errorf("%v connections were retired for their size", n)
	}
}
