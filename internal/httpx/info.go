package httpx

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants"
)

// Who is a live session's person, with what their pages need.
type Who struct {
	Actor    tenants.Actor
	Session  uuid.UUID
	Deadline time.Time // when the session ends without another request
	Lang     string
	Theme    string
	Density  string
	NoKeys   bool   // single-letter shortcuts are off
	Reason   string // of a support grant; empty for the clinic's own people
}

// Info is what the frame learned about a request before its handler ran.
type Info struct {
	RequestID string
	Address   string
	Route     *Route
	Clinic    *tenants.Clinic // nil on routes without one
	Outcome   tenants.Outcome
	Who       *Who // nil for a visitor
	can       func(access.Role, access.Capability) bool
}

// Can reports whether the person may do something, for pages that offer it.
func (i *Info) Can(c access.Capability) bool {
	return i.Who != nil && i.can != nil && i.can(i.Who.Actor.Role, c)
}

type infoKey struct{}

// From gives a request's Info; outside of the frame it is empty, never nil.
func From(ctx context.Context) *Info {
	if i, ok := ctx.Value(infoKey{}).(*Info); ok {
		return i
	}
	return &Info{}
}

// Fragment reports whether htmx asks for a part of a page.
func Fragment(r *http.Request) bool {
	h := r.Header
	return h.Get("HX-Request") == "true" && h.Get("HX-Request-Type") != "full" && h.Get("HX-Boosted") == "" && h.Get("HX-History-Restore-Request") == ""
}

// Redirect sends the browser on after a change: by 303, or through htmx, which
// would follow a 303 inside its swap.
func Redirect(w http.ResponseWriter, r *http.Request, to string) error {
	if r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// SafeNext gives the path to go on to after sign-in if it stays below root on
// this site, else root itself.
func SafeNext(next, root string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(next, "\\\r\n\t") {
		return root
	}
	if u.Path != root && !strings.HasPrefix(u.Path, strings.TrimSuffix(root, "/")+"/") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/..") {
		return root
	}
	return u.RequestURI()
}
