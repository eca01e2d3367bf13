// Package apperr is the closed set of errors that may reach a person.
//
// A service returns one of these codes with a message that is safe to show;
// anything else is Internal and its text goes to the log with the request id,
// never to a client. No HTTP, SQL or translation belongs here: faces turn a
// Code into a status and a Field's Key into the reader's language.
package apperr

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure happened. The set is closed on purpose: a
// face can switch over it and miss nothing.
type Code string

const (
	Invalid         Code = "invalid"         // input a person can mend; Fields name it
	NotFound        Code = "not_found"       // absent, or not to be told apart from absent
	Forbidden       Code = "forbidden"       // the role may never do this
	Unauthenticated Code = "unauthenticated" // sign in first, or again
	Conflict        Code = "conflict"        // the state does not allow it now
	Stale           Code = "stale"           // someone changed the record in between
	Quota           Code = "quota"           // a limit of the clinic's plan
	Throttled       Code = "throttled"       // too many tries
	Unavailable     Code = "unavailable"     // try again later
	Internal        Code = "internal"        // a fault of ours
)

// Field is one problem with one named input.
type Field struct {
	Name string         // the form field, JSON member or flag
	Key  string         // message id in the catalogues, e.g. "error.phone.invalid"
	Text string         // the English sentence, also the fallback
	Args map[string]any // values for the message's placeholders
}

// Error carries a code, a safe sentence and, for Invalid, the fields.
type Error struct {
	Code   Code
	Key    string // message id, empty when Text is not translated
	Text   string // safe to show, English
	Args   map[string]any
	Fields []Field
	Cause  error // for the log only
}

// Error gives the safe sentence and the fields, so that a command line that
// prints the error tells its reader which input to mend.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Text)
	for i, f := range e.Fields {
		if i > 0 || e.Text != "" {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", f.Name, f.Text)
	}
	if b.Len() == 0 {
		return string(e.Code)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a code with a message id and its English text.
func New(c Code, key, text string) *Error { return &Error{Code: c, Key: key, Text: text} }

// Wrap makes an error that keeps its cause for the log.
func Wrap(c Code, key, text string, cause error) *Error {
	return &Error{Code: c, Key: key, Text: text, Cause: cause}
}

// CodeOf tells the code of any error; what is not ours is Internal.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries the code.
func Is(err error, c Code) bool { return err != nil && CodeOf(err) == c }

// Problems collects field errors; its zero value is ready for use.
type Problems struct{ fields []Field }

// Add notes a problem with a field.
func (p *Problems) Add(name, key, text string) {
	p.fields = append(p.fields, Field{Name: name, Key: key, Text: text})
}

// AddArgs notes a problem whose message has placeholders.
func (p *Problems) AddArgs(name, key, text string, args map[string]any) {
	p.fields = append(p.fields, Field{Name: name, Key: key, Text: text, Args: args})
}

// Err is nil without problems, else one Invalid error with all of them.
func (p *Problems) Err() error {
	if len(p.fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Key: "error.problem", Text: "There is a problem", Fields: p.fields}
}

// Join makes one Invalid error of several; any other error among them comes
// first, as it is.
func Join(errs ...error) error {
	var p Problems
	for _, err := range errs {
		var e *Error
		switch {
		case err == nil:
		case errors.As(err, &e) && e.Code == Invalid:
			p.fields = append(p.fields, e.Fields...)
		default:
			return err
		}
	}
	return p.Err()
}
