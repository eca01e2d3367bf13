//go:build unix

package testkit_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/pg"
	"github.com/cloister-health/cloister/internal/testkit"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pg.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// tables is a template about as large as the product's.
func tables(ctx context.Context, dsn string) error {
	conn, err := pg.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for i := range 80 {
		if _, err := conn.Exec(ctx, fmt.Sprintf("create table t%d (id int primary key, a text, b text unique); insert into t%d select n, n::text, n::text from generate_series(1, 50) n", i, i)); err != nil {
			return err
		}
	}
	return nil
}

func TestClonesAreFastAndTheirOwn(t *testing.T) {
	t.Parallel()
	tp := testkit.Template{Name: "clones", Hash: testkit.HashOf("80 tables", "1"), Build: tables}
	first := connect(t, testkit.Clone(t, tp))
	if _, err := first.Exec(t.Context(), "delete from t0"); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 5 {
		started := time.Now()
		dsn := testkit.Clone(t, tp)
		best = min(best, time.Since(started))
		var n int
		if err := connect(t, dsn).QueryRow(t.Context(), "select count(*) from t0").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 50 {
			t.Errorf("a clone has %d rows of 50", n)
		}
	}
	t.Logf("best of 5 clones: %v", best)
	if best > 500*time.Millisecond {
		t.Errorf("the fastest of five clones took %v", best)
	}
}

func TestATemplateIsBuiltOnce(t *testing.T) {
	t.Parallel()
	var built atomic.Int32
	tp := testkit.Template{Name: "once", Hash: testkit.HashOf(fmt.Sprint(os.Getpid(), time.Now())),
		Build: func(ctx context.Context, dsn string) error {
			built.Add(1)
			conn, err := pg.Connect(ctx, dsn)
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			_, err = conn.Exec(ctx, "create table t ()")
			return err
		}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { testkit.Clone(t, tp) })
	}
	all.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
}

func TestAnEmptyDatabaseIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("inner", func(t *testing.T) {
		dsn = testkit.Empty(t)
		connect(t, dsn)
	})
	if _, err := pg.Connect(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "no database of that name") {
		t.Errorf("after the test: %v", err)
	}
}

func BenchmarkClone(b *testing.B) {
	tp := testkit.Template{Name: "clones", Hash: testkit.HashOf("80 tables", "1"), Build: tables}
	testkit.Clone(b, tp)
	b.ResetTimer()
	for b.Loop() {
		testkit.Clone(b, tp)
	}
}
