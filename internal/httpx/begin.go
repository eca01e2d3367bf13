package httpx

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/sirupsen/logrus"
)

// begin is the outermost layer: it names the request, remembers its answer and
// writes the access log. The log has the row's path, not the request's, and no
// query: what people type or look for is not in it.
func (rt *Router) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		info := &Info{RequestID: rt.requestID(r), Address: rt.address(r), can: rt.opt.Can}
		w.Header().Set("X-Request-Id", info.RequestID)
		rec := &recorder{ResponseWriter: w, accept: acceptsGzip(r)}
		defer func() {
			rec.finish()
			rt.logAccess(r, info, rec, time.Since(started))
		}()
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), infoKey{}, info)))
	})
}

func (rt *Router) logAccess(r *http.Request, info *Info, rec *recorder, took time.Duration) {
	f := logrus.Fields{"request": info.RequestID, "method": r.Method, "status": rec.status, "bytes": rec.bytes, "ms": float64(took.Microseconds()) / 1000, "addr": info.Address}
	if info.Route == nil {
		f["route"] = mountOf(r.URL.Path)
	} else {
		f["route"] = info.Route.Path
	}
	if info.Clinic != nil {
		f["clinic"] = info.Clinic.Slug
	}
	if info.Who != nil {
		f["actor"] = string(info.Who.Actor.Kind) + ":" + info.Who.Actor.ID.String()
		f["role"] = string(info.Who.Actor.Role)
	}
	if rec.gone {
		f["status"] = 499 // the browser left before the answer
	}
	entry := rt.opt.Log.WithFields(f)
	if info.Route == nil && rec.status < 400 {
		entry.Debug("request") // assets and health checks
		return
	}
	entry.Info("request")
}

// mountOf names an address that no row has by its first part only.
func mountOf(path string) string {
	first, _, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "assets", "healthz", "readyz", "metrics", "brand", "dev":
		if more {
			return "/" + first + "/"
		}
		return "/" + first
	}
	return "none"
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID takes a trusted proxy's id, else makes one.
func (rt *Router) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); idForm.MatchString(id) && rt.fromProxy(r) {
		return id
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.NewString()
	}
	return id.String()
}

func (rt *Router) fromProxy(r *http.Request) bool { return rt.trusted(remote(r)) }

func (rt *Router) trusted(a netip.Addr) bool {
	for _, p := range rt.opt.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap()
}

// address is the visitor's own: behind trusted proxies the last address in
// X-Forwarded-For that is not one of theirs. Earlier ones anybody can write.
func (rt *Router) address(r *http.Request) string {
	a := remote(r)
	if rt.trusted(a) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			if a = hop.Unmap(); !rt.trusted(a) {
				break
			}
		}
	}
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// recorder remembers the status and size of an answer and compresses pages.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	gone   bool
	accept bool
	zip    *gzip.Writer
}

// The library is not the standard one, which needs 2.5 times as long for a page
// that is 2 % smaller: a quarter of all that a page cost the service.
var zips = sync.Pool{New: func() any { z, _ := gzip.NewWriterLevel(nil, 5); return z }}

func acceptsGzip(r *http.Request) bool {
	return r.Method != http.MethodHead && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

func (w *recorder) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	h := w.Header()
	kind := h.Get("Content-Type")
	text := strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "text/csv") || strings.HasPrefix(kind, "application/json")
	if w.accept && text && h.Get("Content-Encoding") == "" && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		w.zip = zips.Get().(*gzip.Writer)
		w.zip.Reset(counting{w})
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", http.DetectContentType(b))
		}
		w.WriteHeader(http.StatusOK)
	}
	if w.zip != nil {
		return w.zip.Write(b)
	}
	return counting{w}.Write(b)
}

// counting counts what goes to the wire.
type counting struct{ w *recorder }

func (c counting) Write(b []byte) (int, error) {
	n, err := c.w.ResponseWriter.Write(b)
	c.w.bytes += int64(n)
	return n, err
}

// Flush sends what there is, for streams.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.zip != nil {
		_ = w.zip.Flush()
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) finish() {
	if w.zip != nil {
		_ = w.zip.Close()
		zips.Put(w.zip)
		w.zip = nil
	}
	if w.status == 0 && !w.gone {
		w.status = http.StatusOK
	}
}
