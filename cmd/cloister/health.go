package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// readyTimeout bounds one round of checks; whoever asks is a machine with a
// timeout of its own.
const readyTimeout = 2 * time.Second

// check is something the service can't work without, under the name that
// /readyz may tell.
type check struct {
	name string
	ask  func(context.Context) error
}

// health answers /healthz, which says that the process runs, and /readyz,
// which says that it can serve: a balancer sends nothing to a service that is
// not ready, and an orchestrator restarts one that is not healthy. A database
// that is away makes it unready, not unhealthy: restarting would not help.
type health struct {
	stopping <-chan struct{}
	checks   []check
	log      *logrus.Logger
}

func (h *health) healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"status": "ok", "version": version})
}

func (h *health) readyz(w http.ResponseWriter, r *http.Request) {
	select {
	case <-h.stopping:
		answer(w, http.StatusServiceUnavailable, map[string]any{"status": "stopping"})
		return
	default:
	}
	if failing := h.failing(r.Context()); len(failing) > 0 {
		answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "failing": failing})
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "ready"})
}

// failing asks all checks at once and names those that fail; why goes to the
// log only.
func (h *health) failing(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var mu sync.Mutex
	var names []string
	var all sync.WaitGroup
	for _, c := range h.checks {
		all.Go(func() {
			if err := c.ask(ctx); err != nil {
				h.log.WithError(err).WithField("check", c.name).Warn("not ready")
				mu.Lock()
				defer mu.Unlock()
				names = append(names, c.name)
			}
		})
	}
	all.Wait()
	sort.Strings(names)
	return names
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the asker has gone
}
