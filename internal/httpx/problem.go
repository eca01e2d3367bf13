package httpx

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
)

// Problem is an error made ready to be shown. Err is always one of ours: its
// words are safe.
type Problem struct {
	Status     int
	Err        *apperr.Error
	RequestID  string            // empty for not found, whose answer is always the same
	SignIn     string            // where to sign in, for Unauthenticated
	Capability access.Capability // what was missing, for Forbidden
	Fragment   bool
}

var statuses = map[apperr.Code]int{
	apperr.Invalid: http.StatusUnprocessableEntity, apperr.NotFound: http.StatusNotFound, apperr.Forbidden: http.StatusForbidden,
	apperr.Unauthenticated: http.StatusUnauthorized, apperr.Conflict: http.StatusConflict, apperr.Stale: http.StatusConflict,
	apperr.Quota: http.StatusConflict, apperr.Throttled: http.StatusTooManyRequests, apperr.Unavailable: http.StatusServiceUnavailable,
	apperr.Internal: http.StatusInternalServerError,
}

// Status is the HTTP status of an error's code.
func Status(c apperr.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

var (
	errNotFound    = apperr.New(apperr.NotFound, "error.not_found", "This page does not exist")
	errForbidden   = apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	errSignIn      = apperr.New(apperr.Unauthenticated, "error.sign_in", "Sign in first")
	errThrottled   = apperr.New(apperr.Throttled, "error.throttled", "Too many tries. Wait a little and try again")
	errUnavailable = apperr.New(apperr.Unavailable, "error.unavailable", "The service is busy. Try again in a moment")
	errMigrating   = apperr.New(apperr.Unavailable, "error.migrating", "This clinic is being updated. Try again in a moment")
	errInternal    = apperr.New(apperr.Internal, "error.internal", "Something went wrong on our side")
	errTooLarge    = apperr.New(apperr.Invalid, "error.too_large", "What was sent is too large")
	errOrigin      = apperr.New(apperr.Forbidden, "error.origin", "This form was sent from another site. Open the page here and try again")
)

// safe gives the error that may be shown. Whatever is not one of ours becomes
// Internal, and only the log sees what it was.
func safe(err error) *apperr.Error {
	var ours *apperr.Error
	switch {
	case isTooLarge(err):
		return errTooLarge
	case errors.As(err, &ours) && ours.Code == apperr.NotFound:
		return errNotFound // one answer for all that is not there
	case errors.As(err, &ours) && ours.Code == apperr.Internal:
		return errInternal
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, context.DeadlineExceeded):
		return errUnavailable
	}
	return errInternal
}

func isTooLarge(err error) bool {
	var large *http.MaxBytesError
	return errors.As(err, &large)
}

// fail is the one place where an error becomes an answer.
func (rt *Router) fail(w http.ResponseWriter, r *http.Request, err error) {
	info := From(r.Context())
	rec, _ := w.(*recorder)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		if rec != nil {
			rec.gone = true
		}
		return
	}
	e := safe(err)
	log := rt.opt.Log.WithFields(logrus.Fields{"request": info.RequestID, "code": string(e.Code)})
	switch e.Code {
	case apperr.Internal:
		log.WithError(err).Error("request failed")
	case apperr.Unavailable:
		log.WithError(err).Warn("request refused")
	}
	if rec != nil && rec.status != 0 {
		return // the answer has begun; nothing sensible can follow
	}
	p := Problem{Status: Status(e.Code), Err: e, RequestID: info.RequestID, Fragment: Fragment(r)}
	if e == errTooLarge {
		p.Status = http.StatusRequestEntityTooLarge
	}
	if e.Code == apperr.NotFound {
		p.RequestID = ""
	}
	if e.Code == apperr.Forbidden && info.Route != nil {
		p.Capability = info.Route.Capability
	}
	if e.Code == apperr.Unauthenticated {
		p.SignIn = rt.signIn(r, info)
		if !p.Fragment && r.Method == http.MethodGet && p.SignIn != "" {
			http.Redirect(w, r, p.SignIn, http.StatusSeeOther)
			return
		}
	}
	if e.Code == apperr.Throttled || e.Code == apperr.Unavailable {
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		}
	}
	rt.show(w, r, p)
}

// In seconds. A clinic's own migration takes less than a second; what makes it
// wait is that the others go before it.
const (
	retryAfter     = 5
	retryMigrating = 15
)

// show draws the problem; when even that fails, a plain sentence must do.
func (rt *Router) show(w http.ResponseWriter, r *http.Request, p Problem) {
	defer func() {
		if v := recover(); v != nil {
			rt.opt.Log.WithField("request", p.RequestID).Errorf("error page: %v\n%s", v, debug.Stack())
			if rec, ok := w.(*recorder); !ok || rec.status == 0 {
				http.Error(w, p.Err.Text, p.Status)
			}
		}
	}()
	if rt.opt.Problem != nil && rt.opt.Problem(w, r, p) == nil {
		return
	}
	if rec, ok := w.(*recorder); !ok || rec.status == 0 {
		http.Error(w, p.Err.Text, p.Status)
	}
}

// catch turns a panic into an answer and a log entry with its stack.
func (rt *Router) catch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // a panic value, which nobody wraps
				panic(v)
			}
			rt.opt.Log.WithFields(logrus.Fields{"request": From(r.Context()).RequestID, "stack": string(debug.Stack())}).Errorf("panic: %v", v)
			rt.fail(w, r, errInternal)
		}()
		next.ServeHTTP(w, r)
	})
}
