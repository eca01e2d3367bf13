package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/visit"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

const (
	heartbeat   = 15 * time.Second
	writeWithin = 20 * time.Second
	// streamLife ends a stream, so that the browser's next one is let in anew:
	// a session that ended or a link that was revoked hears nothing for long.
	streamLife = 10 * time.Minute
)

// stream is one answer of server-sent events.
type stream struct {
	w   http.ResponseWriter
	out *http.ResponseController
	n   int64
}

func openStream(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	// Ids grow over reconnects; what is missed needs no replay, since each
	// stream begins with the present state.
	return &stream{w: w, out: http.NewResponseController(w), n: time.Now().UnixMilli()}
}

// send writes an event; an empty name is one whose data the page swaps in.
func (s *stream) send(name, data string) error {
	var b bytes.Buffer
	s.n++
	fmt.Fprintf(&b, "id: %d\n", s.n)
	if name != "" {
		fmt.Fprintf(&b, "event: %s\n", name)
	}
	for _, line := range strings.Split(data, "\n") {
		fmt.Fprintf(&b, "data: %s\n", strings.TrimSuffix(line, "\r"))
	}
	b.WriteByte('\n')
	return s.write(b.Bytes())
}

// beat keeps proxies from closing a quiet stream and tells the page that it
// lives.
func (s *stream) beat() error { return s.write([]byte(": alive\n\nevent: alive\ndata: 1\n\n")) }

func (s *stream) write(b []byte) error {
	_ = s.out.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer has one
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.out.Flush()
}

// run sends the present state, then again after each change, until the browser
// leaves, the stream's time is over or now says that it may not go on.
func (s *stream) run(ctx context.Context, changes <-chan visit.Change, now func() error) error {
	ctx, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	if now() != nil {
		return nil
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = s.beat()
		case _, ok := <-changes:
			if !ok {
				return nil
			}
			err = now()
		}
		if err != nil {
			return nil // the browser left, or may see no more; either way it ends
		}
	}
}

// queueEvents tells the desk that something moved; the page then asks for the
// board with its own filter and rights.
func (s *Site) queueEvents(w http.ResponseWriter, r *http.Request) error {
	changes, cancel, err := s.Visits.Watch(r.Context())
	if err != nil {
		return err
	}
	defer cancel()
	out := openStream(w)
	return out.run(r.Context(), changes, func() error { return out.send("queue", "1") })
}

// displayEvents sends the whole screen after each change.
func (s *Site) displayEvents(w http.ResponseWriter, r *http.Request) error {
	clinic, key := httpx.From(r.Context()).Clinic, mux.Vars(r)["key"]
	// Subscribed before the key is tried, so that nothing falls between.
	changes, cancel := s.Visits.WatchWall(clinic)
	defer cancel()
	if _, err := s.Visits.Wall(r.Context(), clinic, key); err != nil {
		return err
	}
	out := openStream(w)
	ctx := ui.With(r.Context(), s.Env(r))
	return out.run(r.Context(), changes, func() error {
		wall, err := s.Visits.Wall(r.Context(), clinic, key)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := page.TVBoard(s.tvBoard(r, wall)).Render(ctx, &b); err != nil {
			return err
		}
		return out.send("", b.String())
	})
}
