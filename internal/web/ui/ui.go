// Package ui holds the components that pages are made of: one templ file each,
// each with a typed struct that says all it can show. Components know no
// record, no route and no service, decide nothing, and speak only through the
// request's language. Whole pages belong to package page.
package ui

import (
	"context"
	"errors"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
)

// Env is what every component of a request needs and no page should have to
// hand down: the words, the assets and the reader's display settings.
type Env struct {
	Loc     *locale.Loc
	Assets  *static.Assets
	Theme   string // light, dark or auto
	Density string // compact or comfortable
	NoKeys  bool   // the reader switched single-letter shortcuts off
}

type envKey struct{}

// With puts the environment into the context that components render with.
func With(ctx context.Context, e Env) context.Context { return context.WithValue(ctx, envKey{}, e) }

// From takes the environment out again. Rendering without one is a slip in the
// wiring, so it panics rather than show a page without words.
func From(ctx context.Context) Env {
	e, ok := ctx.Value(envKey{}).(Env)
	if !ok {
		panic("ui: rendering without an Env in the context")
	}
	return e
}

// L is the request's language.
func L(ctx context.Context) *locale.Loc { return From(ctx).Loc }

func asset(ctx context.Context, name string) string { return From(ctx).Assets.URL(name) }

func theme(ctx context.Context) string {
	switch t := From(ctx).Theme; t {
	case "light", "dark":
		return t
	}
	return "auto"
}

func density(ctx context.Context) string {
	if From(ctx).Density == "comfortable" {
		return "comfortable"
	}
	return "compact"
}

// FieldError is one sentence about one named input.
type FieldError struct{ Name, Text string }

// Errors are a form's problems, in the order of its fields.
type Errors []FieldError

// For is the sentence about a field, empty when it is right.
func (e Errors) For(name string) string {
	for _, f := range e {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

// ErrorsOf turns an Invalid error into a form's problems in the reader's
// language; any other safe error becomes one problem of the form as a whole.
func ErrorsOf(l *locale.Loc, err error) Errors {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return nil
	}
	if len(e.Fields) == 0 {
		return Errors{{Text: l.Error(e)}}
	}
	out := make(Errors, 0, len(e.Fields))
	for _, f := range e.Fields {
		out = append(out, FieldError{Name: f.Name, Text: l.Field(f)})
	}
	return out
}

// Words is text in a language that may differ from the page's, such as a name
// in the local script.
type Words struct{ Text, Lang string }
