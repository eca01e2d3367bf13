//go:build browser

package gallery

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
)

// TestBrowser runs tests/browser/gallery.test.mjs against the gallery, which
// needs neither database nor sign-in. It asks for -tags browser because it
// needs Chromium and the packages of tests/browser.
func TestBrowser(t *testing.T) {
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
	cmd := exec.CommandContext(t.Context(), "node", "--test", "gallery.test.mjs")
	cmd.Dir = filepath.Join("..", "..", "..", "tests", "browser")
	cmd.Env = append(os.Environ(), "CLOISTER_URL="+srv.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
