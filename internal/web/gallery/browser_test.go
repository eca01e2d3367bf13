package gallery

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/testkit/browser"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
)

// TestBrowser shows the gallery, which needs neither database nor sign-in, to
// Chromium.
func TestBrowser(t *testing.T) {
	t.Parallel()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, a)
	mux.Handle(Root, Handler(a, b))
	mux.Handle(Root+"/", Handler(a, b))
	srv := httptest.NewServer(httpx.Headers(mux))
	defer srv.Close()
	browser.Run(t, []string{"CLOISTER_URL=" + srv.URL}, "gallery.test.mjs")
}
