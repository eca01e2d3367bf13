package tenants_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// moment is when the reader's transaction began, and on which backend.
func moment(ctx context.Context, db *tenants.DB) (at time.Time, backend int, err error) {
	err = tenants.Read(ctx, db, func(ctx context.Context, tx *tenants.Tx) error {
		return tx.QueryRow(ctx, "select now(), pg_backend_pid()").Scan(&at, &backend)
	})
	return at, backend, err
}

func TestJoinedReadsAreOneTransaction(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := as(t.Context(), north, access.Receptionist)
	err := tenants.Joined(ctx, w.DB, func(ctx context.Context) error {
		first, one, err := moment(ctx, w.DB)
		if err != nil {
			return err
		}
		second, two, err := moment(ctx, w.DB)
		if !first.Equal(second) || one != two {
			t.Errorf("read at %v on %d and at %v on %d", first, one, second, two)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	alone, _, err := moment(ctx, w.DB)
	if err != nil {
		t.Fatal(err)
	}
	if later, _, err := moment(ctx, w.DB); err != nil || !later.After(alone) {
		t.Errorf("two Reads that are not joined began at %v and %v: %v", alone, later, err)
	}
}

func TestAViewWithinJoinedReadsIsOnTheTrail(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx, seen := as(t.Context(), north, access.Receptionist), uuid.New()
	view := func(ctx context.Context) error {
		return tenants.Read(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			return tx.RecordView(ctx, "departments", seen, uuid.Nil)
		})
	}
	c := w.connect(t)
	defer c.Close(t.Context())
	told := func() (n int) {
		if err := c.QueryRow(t.Context(), "select count(*) from "+north.Schema+".trail where record_id = $1", seen).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	boom := errors.New("boom")
	if err := tenants.Joined(ctx, w.DB, func(ctx context.Context) error { return errors.Join(view(ctx), boom) }); !errors.Is(err, boom) || told() != 0 {
		t.Errorf("%v, and %d views of what was not shown", err, told())
	}
	if err := tenants.Joined(ctx, w.DB, view); err != nil || told() != 1 {
		t.Errorf("%v, and %d views", err, told())
	}
}

func TestJoinedReadsKeepTheirScope(t *testing.T) {
	t.Parallel()
	w := open(t)
	nothing := func(context.Context, *tenants.Tx) error { return nil }
	ctx := as(t.Context(), north, access.Receptionist)
	for name, fn := range map[string]func(ctx context.Context) error{
		"another clinic": func(ctx context.Context) error {
			return tenants.Read(as(ctx, south, access.Receptionist), w.DB, nothing)
		},
		"another role": func(ctx context.Context) error { return tenants.Read(as(ctx, north, access.Doctor), w.DB, nothing) },
		"a write":      func(ctx context.Context) error { return tenants.Write(ctx, w.DB, nothing) },
	} {
		if err := tenants.Joined(ctx, w.DB, fn); err == nil {
			t.Errorf("%s: let through", name)
		}
	}
	if err := tenants.Joined(t.Context(), w.DB, func(context.Context) error { return nil }); err == nil {
		t.Error("joined without a scope")
	}
}
