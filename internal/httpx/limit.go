package httpx

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"

	"github.com/cloister-health/cloister/internal/identity"
)

// Limits bound the requests of one address in a minute, and of all at a time. A clinic's desk shares
// one address, so the plain limit is generous; sign-in is not.
type Limits struct {
	PerMinute       uint64 // 1200 when 0
	StrictPerMinute uint64 // 30 when 0
	// Write is how long an answer may take to be read beyond the row's own time;
	// 10 s when 0. An export reads its rows as it is written, so a browser that
	// stops reading would else keep a connection of the pool for good.
	Write time.Duration
	// AtOnce is how many requests are worked on at once, see turnsPerCPU when 0.
	AtOnce int
}

// sweep forgets addresses that were quiet for some minutes, or those of a day
// would fill the memory.
const sweep = 5 * time.Minute

func (rt *Router) openLimits() error {
	l := rt.opt.Limits
	if l.PerMinute == 0 {
		l.PerMinute = 1200
	}
	if l.StrictPerMinute == 0 {
		l.StrictPerMinute = 30
	}
	var err error
	if rt.plain, err = memorystore.New(&memorystore.Config{Tokens: l.PerMinute, Interval: time.Minute, SweepInterval: sweep, SweepMinTTL: sweep}); err != nil {
		return err
	}
	rt.strict, err = memorystore.New(&memorystore.Config{Tokens: l.StrictPerMinute, Interval: time.Minute, SweepInterval: sweep, SweepMinTTL: sweep})
	return err
}

// take uses one request of the address's minute; it says how long to wait when
// none is left. A limiter that fails lets requests pass: it protects the
// service and must not be what takes it down.
func (rt *Router) take(w http.ResponseWriter, r *http.Request, s limiter.Store, class string) bool {
	_, _, reset, ok, err := s.Take(r.Context(), class+" "+identity.Household(From(r.Context()).Address))
	if err != nil || ok {
		return true
	}
	wait := time.Until(time.Unix(0, int64(reset))).Round(time.Second) + time.Second
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	return false
}

func (rt *Router) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mount := mountOf(r.URL.Path); mount != "none" {
			next.ServeHTTP(w, r) // files and health checks cost nothing
			return
		}
		if !rt.take(w, r, rt.plain, "plain") {
			rt.fail(w, r, errThrottled)
			return
		}
		next.ServeHTTP(w, r)
	})
}
