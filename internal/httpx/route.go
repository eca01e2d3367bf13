package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/access"
)

// Gate says who may come through a route. The zero value lets nobody in and
// fails the start: a row must say what it means.
type Gate int

const (
	_        Gate = iota
	Public        // anyone; no clinic
	Visitor       // anyone, at a clinic that is served: sign-in, displays
	Member        // whoever is signed in at the clinic, whatever the role
	Capable       // whoever is signed in there and has the row's capability
	Operator      // an operator of the platform; no clinic
)

func (g Gate) String() string {
	return [...]string{"none", "public", "visitor", "member", "capable", "operator"}[g]
}

// Handler answers a request or says why not.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one row: everything that is known about an address before its
// handler runs. Tests walk the rows for every role, so nothing may be decided
// elsewhere.
type Route struct {
	Method     string
	Path       string // "/clinic/{clinic}/patients/{id}"
	Gate       Gate
	Capability access.Capability // of Capable
	Closed     bool              // also while the clinic is suspended or expired, for its admin
	Strict     bool              // the small rate limit: sign-in and reset
	Stream     bool              // has no end: no timeout, no compression
	Anywhere   bool              // may be posted from any page: its address is the proof, and no session counts
	Body       int64             // most bytes of a request, DefaultBody when 0
	Timeout    time.Duration     // DefaultTimeout when 0
	Handler    Handler
}

// Bounds of a request whose row says nothing else.
const (
	DefaultBody    = 256 << 10
	DefaultTimeout = 20 * time.Second
)

// ClinicPath is how an address of a clinic begins.
const ClinicPath = "/clinic/{clinic}"

func (rt Route) atClinic() bool {
	return rt.Path == ClinicPath || strings.HasPrefix(rt.Path, ClinicPath+"/")
}

func (rt Route) check() error {
	var errs []error
	say := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("httpx: %s %s: "+format, append([]any{rt.Method, rt.Path}, args...)...))
	}
	switch rt.Method {
	case http.MethodGet, http.MethodPost:
	default:
		say("pages are read by GET and changed by POST, nothing else")
	}
	if rt.Handler == nil {
		say("no handler")
	}
	if !strings.HasPrefix(rt.Path, "/") {
		say("the path has no leading slash")
	}
	switch rt.Gate {
	case Visitor, Member, Capable:
		if !rt.atClinic() {
			say("gate %s needs a clinic in the path", rt.Gate)
		}
	case Public, Operator:
		if rt.atClinic() {
			say("gate %s can't stand below a clinic", rt.Gate)
		}
	default:
		say("no gate: say who may come in")
	}
	if rt.Anywhere && (rt.Gate != Visitor || rt.Method != http.MethodPost) {
		say("only a visitor's form may be posted from anywhere")
	}
	if rt.Gate == Capable && len(access.Needs(rt.Capability)) == 0 {
		say("capability %q is not one", rt.Capability)
	}
	if rt.Gate != Capable && rt.Capability != "" {
		say("a capability without gate capable is never asked for")
	}
	return errors.Join(errs...)
}

func checkAll(rows []Route) error {
	var errs []error
	seen := map[string]bool{}
	for _, rt := range rows {
		errs = append(errs, rt.check())
		key := rt.Method + " " + rt.Path
		if seen[key] {
			errs = append(errs, fmt.Errorf("httpx: %s stands twice", key))
		}
		seen[key] = true
	}
	return errors.Join(errs...)
}
