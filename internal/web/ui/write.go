package ui

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
)

// Write renders a component and sends it; nothing is sent when rendering
// fails, so that the error page can still be.
func Write(ctx context.Context, w http.ResponseWriter, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(ctx, &b); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}
