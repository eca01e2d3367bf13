package tenants_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func code(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

func TestEachClinicReadsItsOwn(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, c := range []*tenants.Clinic{north, south, north, south} {
		err := tenants.Read(as(t.Context(), c, access.Receptionist), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			got, err := department(ctx, tx)
			if err == nil && got != c.Slug {
				t.Errorf("%s reads %s", c.Slug, got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutAScopeNothingWorks(t *testing.T) {
	t.Parallel()
	w := open(t)
	user := tenants.Actor{Kind: access.User, ID: testkit.Receptionist, Role: access.Receptionist}
	for name, ctx := range map[string]context.Context{
		"no scope":       t.Context(),
		"no clinic":      tenants.WithScope(t.Context(), tenants.Scope{Actor: user}),
		"no schema":      tenants.WithScope(t.Context(), tenants.Scope{Clinic: &tenants.Clinic{ID: north.ID}, Actor: user}),
		"no actor":       tenants.WithScope(t.Context(), tenants.Scope{Clinic: north}),
		"no role":        tenants.WithScope(t.Context(), tenants.Scope{Clinic: north, Actor: tenants.Actor{Kind: access.User, ID: testkit.Receptionist}}),
		"nobody":         tenants.WithScope(t.Context(), tenants.Scope{Clinic: north, Actor: tenants.Actor{Kind: access.User, Role: access.Nurse}}),
		"owner's role":   tenants.WithScope(t.Context(), tenants.Scope{Clinic: north, Actor: tenants.Actor{Kind: access.User, ID: testkit.Receptionist, Role: access.Owner}}),
		"operator's own": tenants.WithScope(t.Context(), tenants.Scope{Clinic: north, Actor: tenants.Actor{Kind: access.Operator, ID: testkit.Receptionist, Role: access.Platform}}),
	} {
		for mode, do := range map[string]func(context.Context, *tenants.DB, func(context.Context, *tenants.Tx) error) error{"read": tenants.Read, "write": tenants.Write} {
			err := do(ctx, w.DB, func(context.Context, *tenants.Tx) error {
				t.Errorf("%s: %s: the function ran", name, mode)
				return nil
			})
			if !apperr.Is(err, apperr.Internal) {
				t.Errorf("%s: %s: %v", name, mode, err)
			}
		}
	}
	err := tenants.PlatformRead(as(t.Context(), north, access.Doctor), w.DB, func(context.Context, *tenants.PlatformTx) error { return nil })
	if !apperr.Is(err, apperr.Internal) {
		t.Errorf("a doctor in the registry: %v", err)
	}
}

func TestErrorsAreThoseThatQueriesExpect(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.Receptionist)
	run := func(f func(ctx context.Context, tx *tenants.Tx) error) error {
		return tenants.Write(ctx, w.DB, f)
	}
	var n int
	for name, c := range map[string]struct {
		want string
		f    func(ctx context.Context, tx *tenants.Tx) error
	}{
		"query": {"42P01", func(ctx context.Context, tx *tenants.Tx) error {
			_, err := tx.Query(ctx, "select x from nowhere") //nolint:sqlclosecheck // there are none
			return err
		}},
		"row": {"42703", func(ctx context.Context, tx *tenants.Tx) error {
			return tx.QueryRow(ctx, "select x from users").Scan(&n)
		}},
		"grant": {"42501", func(ctx context.Context, tx *tenants.Tx) error {
			_, err := tx.Exec(ctx, "delete from users")
			return err
		}},
		"run time": {"22012", func(ctx context.Context, tx *tenants.Tx) error {
			return tx.QueryRow(ctx, "select 1 / (2 - $1::int)", 2).Scan(&n)
		}},
		"late row": {"22012", func(ctx context.Context, tx *tenants.Tx) error {
			rows, err := tx.Query(ctx, "select 10 / (3 - x) from generate_series(1, $1::int) x", 5)
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return rows.Err()
		}},
		"swallowed": {"42P01", func(ctx context.Context, tx *tenants.Tx) error {
			_, _ = tx.Exec(ctx, "select x from nowhere")
			return nil
		}},
		"after an error": {"42P01", func(ctx context.Context, tx *tenants.Tx) error {
			_, _ = tx.Exec(ctx, "select x from nowhere")
			_, err := tx.Exec(ctx, "select 1")
			return err
		}},
	} {
		if err := run(c.f); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	err := run(func(ctx context.Context, tx *tenants.Tx) error {
		err := tx.QueryRow(ctx, "select id from users where full_name = $1", "none").Scan(new(uuid.UUID))
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("no row: %v", err)
		}
		got, err := department(ctx, tx)
		if err == nil && got != "north" {
			t.Errorf("after no row: %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if got := w.counter(t, "retired_total", ""); got != 0 {
		t.Errorf("%v connections were closed for errors of statements", got)
	}
}

func TestWriteIsKeptOrUndoneAsAWhole(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.ClinicAdmin)
	rename := func(ctx context.Context, tx *tenants.Tx, to string) error {
		tag, err := tx.Exec(ctx, "update departments set name = $2 where id = $1", depID, to)
		if err == nil && tag.RowsAffected() != 1 {
			t.Errorf("%d rows", tag.RowsAffected())
		}
		return err
	}
	name := func() (n string) {
		err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) (err error) { n, err = department(ctx, tx); return err })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := tenants.Write(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error { return rename(ctx, tx, "kept") }); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := tenants.Write(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error { return errors.Join(rename(ctx, tx, "undone"), boom) })
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() != "boom" {
				t.Error("the panic was lost")
			}
		}()
		_ = tenants.Write(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			if err := rename(ctx, tx, "panicked"); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	if got := name(); got != "kept" {
		t.Errorf("the name is %q", got)
	}
	err = tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error { return rename(ctx, tx, "by a read") })
	if err == nil || name() != "kept" {
		t.Errorf("a Read wrote: %v, %q", err, name())
	}
}

func TestSavepointUndoesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.ClinicAdmin)
	insert := func(ctx context.Context, tx *tenants.Tx, name string) error {
		_, err := tx.Exec(ctx, "insert into departments (id, name) values ($1, $2)", uuid.Must(uuid.NewV7()), name)
		return err
	}
	err := tenants.Write(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		if err := insert(ctx, tx, "outer"); err != nil {
			return err
		}
		err := tx.Savepoint(ctx, func(ctx context.Context) error {
			if err := insert(ctx, tx, "inner"); err != nil {
				return err
			}
			return insert(ctx, tx, "north") // its name is taken
		})
		if code(err) != "23505" {
			t.Errorf("in the savepoint: %v", err)
		}
		err = tx.Savepoint(ctx, func(ctx context.Context) error {
			return tx.Savepoint(ctx, func(ctx context.Context) error { return insert(ctx, tx, "nested") })
		})
		if err != nil {
			return err
		}
		err = tx.Savepoint(ctx, func(ctx context.Context) error {
			_ = insert(ctx, tx, "swallowed")
			_ = insert(ctx, tx, "north")
			return nil
		})
		if code(err) != "23505" {
			t.Errorf("swallowed in the savepoint: %v", err)
		}
		return insert(ctx, tx, "after")
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		return tx.Savepoint(ctx, func(ctx context.Context) error { // a read may have one too
			rows, err := tx.Query(ctx, "select name from departments order by name")
			if err != nil {
				return err
			}
			got, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"after", "nested", "north", "outer"}, got); d != "" {
		t.Error(d)
	}
}

func TestAViewIsOnTheTrailWhenReadReturns(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.Receptionist)
	err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		if err := tx.RecordView(ctx, "departments", depID, uuid.Nil); err != nil {
			return err
		}
		_, err := department(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.connect(t)
	defer c.Close(t.Context())
	var got []string
	err = c.QueryRow(t.Context(), `select array[action, entity, actor, actor_role, request_id, address, coalesce(patient_id::text, '-')]
		from clinic_alpha.trail where action = 'view' and entity = 'departments'`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"view", "departments", "user:" + testkit.Receptionist.String(), "cloister_receptionist", "req-1", "192.0.2.7", "-"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What is recorded by a transaction that fails, is not.
	boom := errors.New("boom")
	err = tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		return errors.Join(tx.RecordView(ctx, "departments", depID, uuid.Nil), boom)
	})
	var n int
	if e := c.QueryRow(t.Context(), `select count(*) from clinic_alpha.trail where action = 'view' and entity = 'departments'`).Scan(&n); e != nil || n != 1 || !errors.Is(err, boom) {
		t.Errorf("%d rows on the trail, %v, %v", n, e, err)
	}
}

func TestBatchAndTogetherShareAFlush(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), south, access.Receptionist)
	for range 2 { // known and unknown statements
		err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			var name string
			var tag pgconn.CommandTag
			var names []string
			b := tx.Batch()
			b.Queue("select name from departments where id = $1", depID).Scan(&name)
			b.Queue("select full_name from users where role in ('nurse', 'receptionist') order by 1").Each(func(r pgx.Rows) error {
				var n string
				err := r.Scan(&n)
				names = append(names, n)
				return err
			})
			b.Queue("select 1 from users").Tag(&tag)
			if err := b.Flush(ctx); err != nil {
				return err
			}
			if d := cmp.Diff([]any{"south", []string{"Nalini Jadhav", "Rohan Shinde"}, int64(6)}, []any{name, names, tag.RowsAffected()}); d != "" {
				t.Error(d)
			}
			b.Queue("select name from departments where id = $1", north.ID).Scan(&name)
			b.Queue("select name from departments where id = $1", depID).Scan(&name)
			if err := b.Flush(ctx); !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("a batch with no row: %v", err)
			}
			var first, second string
			err := tx.Together(ctx,
				func(q *tenantdb.Queries) error {
					p, err := q.GetPatient(ctx, depID)
					if !errors.Is(err, pgx.ErrNoRows) {
						t.Errorf("patient %v, %v", p.ID, err)
					}
					return nil
				},
				func(*tenantdb.Queries) error { first = "ran"; return nil },
				func(q *tenantdb.Queries) error {
					for range 2 {
						if _, err := q.SearchPatients(ctx, tenantdb.SearchPatientsParams{Words: "x", AtMost: 3}); err != nil {
							return err
						}
					}
					second = "ran"
					return nil
				})
			if first != "ran" || second != "ran" {
				t.Error("a function didn't run to its end")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
		err := tx.Together(ctx,
			func(q *tenantdb.Queries) error { _, err := q.GetPatient(ctx, depID); return err },
			func(q *tenantdb.Queries) error { _, err := q.GetPatient(ctx, testkit.Receptionist); return err })
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("together: %v", err)
		}
		_, err = department(ctx, tx) // the transaction goes on
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNeverAWrongRow(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *tenants.Config) { c.Pool.MaxConns = 1 })
	stop := time.Now().Add(5 * time.Second)
	if testing.Short() {
		stop = time.Now().Add(time.Second)
	}
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		c := []*tenants.Clinic{north, south}[i%2]
		role := []access.Role{access.Receptionist, access.Doctor, access.ClinicAdmin}[i%3]
		do := tenants.Read
		if i%4 == 3 {
			do = tenants.Write
		}
		all.Go(func() {
			for time.Now().Before(stop) && !t.Failed() {
				err := do(as(t.Context(), c, role), w.DB, func(ctx context.Context, tx *tenants.Tx) error {
					a, err := department(ctx, tx)
					if err != nil {
						return err
					}
					var b string
					var seen uuid.UUID
					err = tx.QueryRow(ctx, "select u.full_name, d.clinic_id from users u, departments d where u.id = $1", testkit.Receptionist).Scan(&b, &seen)
					if a != c.Slug || b != "Rohan Shinde" || (err == nil && seen != c.ID) {
						t.Errorf("%s as %s reads %q, %q, %s", c.Slug, role, a, b, seen)
					}
					return err
				})
				if err != nil {
					t.Errorf("%s as %s: %v", c.Slug, role, err)
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d transactions on one connection", done.Load())
}
