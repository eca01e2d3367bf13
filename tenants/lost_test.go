package tenants_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// wires are the sockets under a pool, which a test can cut.
type wires struct {
	mu   sync.Mutex
	open []net.Conn
	down bool // new ones are refused
}

var errDown = errors.New("the server is down")

func (w *wires) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, errDown
	}
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		w.open = append(w.open, c)
	}
	return c, err
}

func (w *wires) cut(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open, w.down = nil, down
}

// TestAConnectionThatEnded: whichever way the connections end, and whenever, the
// caller gets an answer, at worst that the service is busy.
func TestAConnectionThatEnded(t *testing.T) {
	t.Parallel()
	lines := &wires{}
	w := open(t, func(c *tenants.Config) { c.Dial, c.Pool.MaxConns = lines.dial, 4 })
	ctx := as(t.Context(), north, access.ClinicAdmin)
	look := func(ctx context.Context, tx *tenants.Tx) error { _, err := department(ctx, tx); return err }
	change := func(ctx context.Context, tx *tenants.Tx) error {
		_, err := tx.Exec(ctx, "update departments set name = 'cut' where id = $1", depID)
		return err
	}
	send := func(_ context.Context, tx *tenants.Tx) error { // leaves with COMMIT alone
		return tx.Send("update departments set name = 'sent' where id = $1", depID)
	}
	ends := map[string]func(){
		"the server ends it": func() {
			w.exec(t, `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'cloister'`)
		},
		"its socket is closed": func() { lines.cut(false) },
	}
	warm := func() { // every connection is there and knows the texts
		var all sync.WaitGroup
		for _, c := range []*tenants.Clinic{north, south, north, south} {
			all.Go(func() {
				if err := tenants.Read(as(t.Context(), c, access.ClinicAdmin), w.DB, look); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	for how, end := range ends {
		for name, try := range map[string]func() error{
			"read":               func() error { return tenants.Read(ctx, w.DB, look) },
			"write":              func() error { return tenants.Write(ctx, w.DB, change) },
			"write, sent at end": func() error { return tenants.Write(ctx, w.DB, send) },
		} {
			warm()
			end()
			// What left with COMMIT may have been done before the answer was lost,
			// so nobody does it again.
			if err := try(); err != nil && (name != "write, sent at end" || !apperr.Is(err, apperr.Unavailable)) {
				t.Errorf("%s before the first %s: %v", how, name, err)
			}
			if err := tenants.Read(ctx, w.DB, look); err != nil {
				t.Errorf("%s, the next read: %v", how, err)
			}
		}
		for name, do := range map[string]func(context.Context, *tenants.DB, func(context.Context, *tenants.Tx) error) error{"read": tenants.Read, "write": tenants.Write} {
			runs := 0
			err := do(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				runs++
				if err := look(ctx, tx); err != nil {
					return err
				}
				if runs == 1 {
					end()
				}
				return look(ctx, tx)
			})
			if err != nil || runs != 2 {
				t.Errorf("%s in the middle of a %s: %d runs, %v", how, name, runs, err)
			}
			runs = 0
			err = do(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
				runs++
				if err := look(ctx, tx); err != nil {
					return err
				}
				end()
				return look(ctx, tx)
			})
			if !apperr.Is(err, apperr.Unavailable) || runs != 2 {
				t.Errorf("%s each time in the middle of a %s: %d runs, %v", how, name, runs, err)
			}
		}
		err := tenants.Write(ctx, w.DB, func(ctx context.Context, tx *tenants.Tx) error {
			err := change(ctx, tx)
			end()
			return err
		})
		if !apperr.Is(err, apperr.Unavailable) {
			t.Errorf("%s before the COMMIT: %v", how, err)
		}
	}
	lines.cut(true)
	for range 3 {
		if err := tenants.Read(ctx, w.DB, look); !apperr.Is(err, apperr.Unavailable) || !errors.Is(err, errDown) {
			t.Errorf("while the server is down: %v", err)
		}
	}
	lines.cut(false)
	if err := tenants.Write(ctx, w.DB, change); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	if n := w.counter(t, "dirty_total", ""); n != 0 {
		t.Errorf("%v lost connections were taken for soiled ones", n)
	}
}
