package httpx

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
)

// A browser that asks and then reads nothing doesn't keep the handler, and what
// the handler holds of the database, for longer than the row's time and a little.
func TestAnswerThatNobodyReadsEnds(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	log := logrus.New()
	log.SetOutput(io.Discard)
	rt, err := New(Options{
		Routes: []Route{{Method: "GET", Path: "/", Gate: Public, Timeout: 50 * time.Millisecond, Handler: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/octet-stream")
			for b := make([]byte, 1<<20); ; {
				if _, err := w.Write(b); err != nil {
					ended <- err
					return err
				}
			}
		}}},
		Resolve: clinics, Session: session, Can: func(access.Role, access.Capability) bool { return false }, Log: log,
		Limits: Limits{Write: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close(context.Background()) })
	srv := httptest.NewServer(rt)
	t.Cleanup(srv.Close)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the handler still writes")
	}
}
