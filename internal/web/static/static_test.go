package static

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

func whole() fstest.MapFS {
	m := fstest.MapFS{}
	for _, n := range needed {
		m[n] = &fstest.MapFile{Data: []byte(strings.Repeat(n+" ", 50))}
	}
	m[CSS] = &fstest.MapFile{Data: []byte(`@font-face { src: url("../vendor/noto-sans-latin.woff2") }`)}
	m["vendor/.gitkeep"] = &fstest.MapFile{}
	return m
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, n := range needed {
		m := whole()
		delete(m, n)
		_, err := open(m)
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), n) || !strings.Contains(err.Error(), "make assets") {
			t.Errorf("without %s: %v", n, err)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	a, err := open(whole())
	if err != nil {
		t.Fatal(err)
	}
	want := whole()[JS].Data
	for coding, read := range map[string]func(io.Reader) ([]byte, error){
		"":     io.ReadAll,
		"br":   func(r io.Reader) ([]byte, error) { return io.ReadAll(brotli.NewReader(r)) },
		"gzip": func(r io.Reader) ([]byte, error) { z, _ := gzip.NewReader(r); return io.ReadAll(z) },
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", a.URL(JS), nil)
		r.Header.Set("Accept-Encoding", "deflate, "+coding+";q=0.5")
		a.ServeHTTP(w, r)
		got, err := read(w.Body)
		if err != nil || !bytes.Equal(got, want) || w.Header().Get("Content-Encoding") != coding {
			t.Errorf("%q: %v, %q", coding, err, w.Header().Get("Content-Encoding"))
		}
		if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
			t.Errorf("Cache-Control %q", cc)
		}
	}
	css := string(a.byName[CSS].plain)
	if !strings.Contains(css, a.URL(FontLatin)) {
		t.Errorf("the stylesheet does not name the font's address: %s", css)
	}
	for _, path := range []string{"/assets/000000000000/app.js", "/assets/", "/assets/../go.mod", "/assets/x/.gitkeep"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/assets/x", nil)
		r.URL.Path = path
		a.ServeHTTP(w, r)
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// The budget of UI 17: what a page of Latin text loads.
func TestSizeBudget(t *testing.T) {
	t.Parallel()
	a, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	_, css, _ := a.Size(CSS)
	if css > 20<<10 {
		t.Errorf("stylesheet %d bytes gzipped, budget 20 KB", css)
	}
	js := 0
	for _, n := range []string{JS, HTMX} {
		_, gz, _ := a.Size(n)
		js += gz
	}
	if js > 30<<10 {
		t.Errorf("scripts %d bytes gzipped, budget 30 KB", js)
	}
	if _, font, _ := a.Size(FontLatin); font > 40<<10 {
		t.Errorf("Latin font %d bytes, budget 40 KB", font)
	}
	t.Logf("gzipped: css %d, js %d", css, js)
}

// The rules of UI 4 that can be read off the file.
func TestStylesheetRules(t *testing.T) {
	t.Parallel()
	b, err := files.ReadFile(CSS)
	if err != nil {
		t.Fatal(err)
	}
	css := string(b)
	for _, bad := range []string{"!important", "@import", "http:", "https:", "data:", "margin-left", "margin-right", "padding-left", "padding-right", "text-align: left", "text-align: right", "float:"} {
		if strings.Contains(css, bad) {
			t.Errorf("the stylesheet contains %q", bad)
		}
	}
	if !strings.Contains(css, "@layer reset, tokens, base, layout, components, print;") {
		t.Error("the layers are not declared in order")
	}
	if strings.Count(css, "{") != strings.Count(css, "}") {
		t.Error("braces do not match")
	}
}
