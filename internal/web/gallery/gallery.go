// Package gallery shows every component in all its states and every page with
// synthetic people, for development builds only: the browser tests and the
// person who changes the stylesheet look at it. No clinic, session or database
// is involved, and nothing here may be reached in production.
package gallery

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Root is where the gallery lives.
const Root = "/dev/ui"

// sample is one page of the gallery.
type sample struct {
	name string
	draw func(l *locale.Loc) templ.Component
}

// Names lists the sample pages, for tests that visit each.
func Names() []string {
	out := []string{}
	for _, s := range samples() {
		out = append(out, s.name)
	}
	return out
}

// Handler serves /dev/ui and /dev/ui/<page>. The query may say lang (a code or
// pseudo), theme, density and keys=off.
func Handler(a *static.Assets, b *locale.Bundle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		l := b.For(q.Get("lang"), nil)
		if q.Get("lang") == "pseudo" {
			l = b.Pseudo()
		}
		ctx := ui.With(r.Context(), ui.Env{Loc: l, Assets: a, Theme: q.Get("theme"), Density: q.Get("density"), NoKeys: q.Get("keys") == "off"})
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, Root), "/")
		page := find(name, l)
		if page == nil {
			http.NotFound(w, r)
			return
		}
		var buf bytes.Buffer
		if err := page.Render(ctx, &buf); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(buf.Bytes())
	})
}

func find(name string, l *locale.Loc) templ.Component {
	if name == "" {
		return Components(Names())
	}
	for _, s := range samples() {
		if s.name == name {
			return s.draw(l)
		}
	}
	return nil
}
