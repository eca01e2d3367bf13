package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/sethvargo/go-limiter"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// Options is what the frame needs from the rest of the program.
type Options struct {
	Routes   []Route
	Mounts   map[string]http.Handler // whole paths or, with a trailing slash, prefixes: /assets/, /healthz, /readyz
	Resolve  func(ctx context.Context, slug string) (*tenants.Clinic, tenants.Outcome, error)
	Can      func(access.Role, access.Capability) bool
	Session  func(w http.ResponseWriter, r *http.Request, c *tenants.Clinic) (*Who, error) // nil person: a visitor
	Operator func(w http.ResponseWriter, r *http.Request) (*Who, error)
	Problem  func(w http.ResponseWriter, r *http.Request, p Problem) error // draws an error page or fragment
	Shut     Handler                                                       // what a suspended clinic's admin sees on every page
	Log      *logrus.Logger
	Limits   Limits
	Proxies  []netip.Prefix  // whose X-Forwarded-For and X-Request-Id are believed
	Stopping <-chan struct{} // closes when the service begins to stop: streams, which have no end, end then
	FormKey  []byte          // makes the digests of what is entered in forms
	Origins  []string        // further origins that may post, such as a clinic's own domain
}

// Router answers every request of the service.
type Router struct {
	opt    Options
	mux    *mux.Router
	h      http.Handler
	plain  limiter.Store
	strict limiter.Store
	turns  chan struct{}
}

// New builds the router; a row that does not say who may come in fails it.
func New(o Options) (*Router, error) {
	if o.Resolve == nil || o.Can == nil || o.Session == nil || o.Log == nil {
		return nil, errors.New("httpx: Resolve, Can, Session and Log must be given")
	}
	if err := checkAll(o.Routes); err != nil {
		return nil, err
	}
	rt := &Router{opt: o, mux: mux.NewRouter()}
	if err := rt.openLimits(); err != nil {
		return nil, err
	}
	rt.openTurns()
	for path, h := range o.Mounts {
		if strings.HasSuffix(path, "/") {
			rt.mux.PathPrefix(path).Handler(h)
		} else {
			rt.mux.Path(path).Handler(h)
		}
	}
	for i := range o.Routes {
		row := &o.Routes[i]
		methods := []string{row.Method}
		if row.Method == http.MethodGet && !row.Stream {
			methods = append(methods, http.MethodHead)
		}
		rt.mux.Path(row.Path).Methods(methods...).Handler(rt.serve(row))
	}
	missing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rt.fail(w, r, errNotFound) })
	rt.mux.NotFoundHandler = missing
	// A wrong method answers like an address that does not exist.
	rt.mux.MethodNotAllowedHandler = missing
	origin := http.NewCrossOriginProtection()
	for _, o := range o.Origins {
		if err := origin.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	// A page that sends no referrer sends no origin either, and older browsers
	// nothing else that would tell where its form comes from.
	for _, row := range o.Routes {
		if row.Anywhere {
			origin.AddInsecureBypassPattern(row.Method + " " + row.Path)
		}
	}
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rt.fail(w, r, errOrigin) }))
	rt.h = rt.begin(Headers(rt.catch(rt.limit(origin.Handler(rt.mux)))))
	return rt, nil
}

// Close lets go of the rate limits' memory.
func (rt *Router) Close(ctx context.Context) error {
	return errors.Join(rt.plain.Close(ctx), rt.strict.Close(ctx))
}

// Routes lists the rows, for tests that walk them.
func (rt *Router) Routes() []Route { return append([]Route(nil), rt.opt.Routes...) }

// ServeHTTP answers a request.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.h.ServeHTTP(w, r) }

// serve runs a row: bounds first, then the clinic, then the person, then the
// handler, each able to end the request.
func (rt *Router) serve(row *Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := From(r.Context())
		info.Route = row
		if row.Strict && !rt.take(w, r, rt.strict, "strict") {
			rt.fail(w, r, errThrottled)
			return
		}
		ctx, done := rt.bound(w, r, row)
		defer done()
		r = r.WithContext(ctx)
		defer rt.turn(r, row)()
		ctx, err := rt.admit(w, r, row, info)
		if err == nil && ctx == nil {
			return // answered already: a moved clinic, or one that is shut
		}
		if err == nil {
			err = row.Handler(w, r.WithContext(ctx))
		}
		if err != nil {
			rt.fail(w, r, err)
		}
	})
}

// bound sets the row's limits on time and body.
func (rt *Router) bound(w http.ResponseWriter, r *http.Request, row *Route) (context.Context, context.CancelFunc) {
	body := row.Body
	if body == 0 {
		body = DefaultBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, body)
	if row.Stream {
		return rt.untilStop(r.Context())
	}
	limit := row.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	grace := rt.opt.Limits.Write
	if grace == 0 {
		grace = 10 * time.Second
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + grace)) // not every writer has one
	return context.WithTimeout(r.Context(), limit)
}

// untilStop ends a stream with the service, which otherwise would wait for the
// browser to leave.
func (rt *Router) untilStop(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	if rt.opt.Stopping != nil {
		go func() {
			select {
			case <-rt.opt.Stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

// admit finds the clinic and the person and holds both against the row. The
// context it gives carries the scope of the person; a visitor has none, so a
// handler that forgets to ask for one reads nothing.
func (rt *Router) admit(w http.ResponseWriter, r *http.Request, row *Route, info *Info) (context.Context, error) {
	ctx := r.Context()
	if !row.atClinic() {
		return rt.admitOperator(w, r, row, info)
	}
	slug := mux.Vars(r)["clinic"]
	c, outcome, err := rt.opt.Resolve(ctx, slug)
	if err != nil {
		return nil, apperr.Wrap(apperr.Unavailable, errUnavailable.Key, errUnavailable.Text, err)
	}
	switch outcome {
	case tenants.Unknown:
		return nil, errNotFound
	case tenants.Migrating:
		info.Clinic = c // for its language; nothing of it may be read
		w.Header().Set("Retry-After", strconv.Itoa(retryMigrating))
		return nil, errMigrating
	case tenants.Moved:
		to := *r.URL
		to.Path = "/clinic/" + c.Slug + strings.TrimPrefix(r.URL.Path, "/clinic/"+slug)
		to.RawPath = ""
		http.Redirect(w, r, to.RequestURI(), http.StatusPermanentRedirect)
		return nil, nil
	}
	info.Clinic, info.Outcome = c, outcome
	who, err := rt.opt.Session(w, r, c)
	if err != nil {
		return nil, err
	}
	info.Who = who
	if err := rt.allow(row, info); err != nil {
		return nil, err
	}
	form, err := rt.entered(r)
	if err != nil {
		return nil, err
	}
	if who != nil {
		ctx = tenants.WithScope(ctx, tenants.Scope{Clinic: c, Actor: who.Actor, Session: who.Session, RequestID: info.RequestID, Address: info.Address, Reason: who.Reason, Entered: form})
	}
	if outcome != tenants.Active && !row.Closed {
		return rt.shut(w, r.WithContext(ctx), info)
	}
	return ctx, nil
}

func (rt *Router) admitOperator(w http.ResponseWriter, r *http.Request, row *Route, info *Info) (context.Context, error) {
	ctx := r.Context()
	if rt.opt.Operator == nil {
		if row.Gate == Operator {
			return nil, errSignIn
		}
		return ctx, nil
	}
	who, err := rt.opt.Operator(w, r)
	if err != nil {
		return nil, err
	}
	info.Who = who
	if who == nil {
		if row.Gate == Operator {
			return nil, errSignIn
		}
		return ctx, nil
	}
	return tenants.WithScope(ctx, tenants.Scope{Actor: who.Actor, Session: who.Session, RequestID: info.RequestID, Address: info.Address}), nil
}

func (rt *Router) allow(row *Route, info *Info) error {
	if row.Gate == Visitor {
		return nil
	}
	if info.Who == nil {
		return errSignIn
	}
	if row.Gate == Capable && !rt.opt.Can(info.Who.Actor.Role, row.Capability) {
		return errForbidden
	}
	return nil
}

// shut answers at a suspended or expired clinic: its admin sees why, everyone
// else is sent to sign in, where nobody but an admin gets further.
func (rt *Router) shut(w http.ResponseWriter, r *http.Request, info *Info) (context.Context, error) {
	if info.Who == nil || info.Who.Actor.Role != access.ClinicAdmin || rt.opt.Shut == nil {
		return nil, apperr.New(apperr.Forbidden, "error.clinic_closed", "This clinic is closed at the moment. Please ask the clinic")
	}
	return nil, rt.opt.Shut(w, r)
}

// signIn is where the person would sign in, with the way back.
func (rt *Router) signIn(r *http.Request, info *Info) string {
	root := "/platform"
	if info.Clinic != nil {
		root = "/clinic/" + info.Clinic.Slug
	} else if info.Route == nil || info.Route.Gate != Operator {
		return ""
	}
	to := root + "/login"
	if r.Method == http.MethodGet && r.URL.Path != root+"/" && r.URL.Path != root {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	return to
}
