package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
)

// brotliLevel trades a few bytes for a quick start: the best level takes a
// second over our files, this one 50 ms.
const brotliLevel = 8

// Prefix is where assets live: /assets/<hash>/<file>.
const Prefix = "/assets/"

// Assets are the loaded files.
type Assets struct {
	byName map[string]*file
	byURL  map[string]*file
}

type file struct {
	url, kind       string
	plain, gz, br   []byte
	name, entityTag string
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

func served(name string) bool {
	_, ok := kinds[path.Ext(name)]
	return ok && !strings.HasPrefix(path.Base(name), ".")
}

var urlRef = regexp.MustCompile(`url\("\.\./([a-z0-9/._-]+)"\)`)

func (a *Assets) add(name string, b []byte) error {
	if path.Ext(name) == ".css" {
		b = urlRef.ReplaceAllFunc(b, func(m []byte) []byte {
			return []byte(`url("` + a.URL(string(urlRef.FindSubmatch(m)[1])) + `")`)
		})
	}
	sum := sha256.Sum256(b)
	h := hex.EncodeToString(sum[:6])
	f := &file{name: name, kind: kinds[path.Ext(name)], plain: b, url: Prefix + h + "/" + path.Base(name), entityTag: `"` + h + `"`}
	if path.Ext(name) != ".woff2" && path.Ext(name) != ".png" {
		var gz, br bytes.Buffer
		zw, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
		if err != nil {
			return err
		}
		bw := brotli.NewWriterLevel(&br, brotliLevel)
		for _, w := range []interface {
			Write([]byte) (int, error)
			Close() error
		}{zw, bw} {
			if _, err := w.Write(b); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
		}
		f.gz, f.br = gz.Bytes(), br.Bytes()
	}
	a.byName[name], a.byURL[f.url] = f, f
	return nil
}

// URL is the address of a file; it panics for a name that is not one of ours,
// which can only be a slip in a template and which every page's test meets.
func (a *Assets) URL(name string) string {
	f := a.byName[name]
	if f == nil {
		panic("static: no asset " + strconv.Quote(name))
	}
	return f.url
}

// Size gives a file's bytes as served: plain, gzip and brotli. The page budget
// is checked against it.
func (a *Assets) Size(name string) (plain, gz, br int) {
	f := a.byName[name]
	if f == nil {
		return 0, 0, 0
	}
	if f.gz == nil {
		return len(f.plain), len(f.plain), len(f.plain)
	}
	return len(f.plain), len(f.gz), len(f.br)
}

// ServeHTTP answers /assets/<hash>/<file>. An address never changes its
// content, so a browser may keep it for ever.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.byURL[r.URL.Path]
	if f == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", f.entityTag)
	if r.Header.Get("If-None-Match") == f.entityTag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gz != nil {
		h.Set("Vary", "Accept-Encoding")
		accept := r.Header.Get("Accept-Encoding")
		switch {
		case accepts(accept, "br"):
			h.Set("Content-Encoding", "br")
			body = f.br
		case accepts(accept, "gzip"):
			h.Set("Content-Encoding", "gzip")
			body = f.gz
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// accepts reports whether an Accept-Encoding header takes the coding.
func accepts(header, coding string) bool {
	for _, part := range strings.Split(header, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == coding {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}

// File gives the file at an address, for who draws pages without a server.
func (a *Assets) File(address string) (body []byte, kind string, ok bool) {
	f := a.byURL[address]
	if f == nil {
		return nil, "", false
	}
	return f.plain, f.kind, true
}
