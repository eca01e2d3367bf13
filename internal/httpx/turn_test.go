package httpx

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Only so many requests are at work at once; each of the others gets its turn.
func TestRequestsTakeTurns(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	w := newWorld(t, func(o *Options) {
		o.Limits.AtOnce = 3
		o.Routes = append(o.Routes, Route{Method: "GET", Path: "/busy", Gate: Public, Handler: func(http.ResponseWriter, *http.Request) error {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-time.After(2 * time.Millisecond)
			now.Add(-1)
			return nil
		}})
	})
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() { w.rt.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/busy", nil)) })
	}
	all.Wait()
	if n := most.Load(); n != 3 {
		t.Errorf("%d at once, want 3", n)
	}
}

// A request that hangs makes others wait for a while and not for good.
func TestAHangingRequestShutsNobodyOut(t *testing.T) {
	t.Parallel()
	stuck, free := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Limits.AtOnce = 1
		o.Routes = append(o.Routes, Route{Method: "GET", Path: "/stuck", Gate: Public, Handler: func(http.ResponseWriter, *http.Request) error {
			close(stuck)
			<-free
			return nil
		}})
	})
	go w.rt.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/stuck", nil))
	<-stuck
	defer close(free)
	begun := time.Now()
	a := httptest.NewRecorder()
	w.rt.ServeHTTP(a, httptest.NewRequest("GET", "/", nil))
	if took := time.Since(begun); a.Code != 200 || took < patience {
		t.Errorf("%d after %s", a.Code, took)
	}
}

// Who sends a form slowly takes nobody's turn, and the form arrives whole.
func TestASlowSenderTakesNoTurn(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	w := newWorld(t, func(o *Options) {
		o.Limits.AtOnce = 1
		o.Routes = append(o.Routes, Route{Method: "POST", Path: "/form", Gate: Public, Handler: func(_ http.ResponseWriter, r *http.Request) error {
			err := r.ParseForm()
			got <- r.PostForm.Get("a")
			return err
		}})
	})
	body, send := io.Pipe()
	r := httptest.NewRequest("POST", "/form", body)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	done := make(chan int, 1)
	go func() {
		a := httptest.NewRecorder()
		w.rt.ServeHTTP(a, r)
		done <- a.Code
	}()
	if _, err := io.WriteString(send, "a="); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.rt.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if took := time.Since(begun); took >= patience {
		t.Errorf("another waited %s", took)
	}
	if _, err := io.WriteString(send, "b"); err != nil {
		t.Fatal(err)
	}
	_ = send.Close()
	if code, a := <-done, <-got; code != 200 || a != "b" {
		t.Errorf("%d, %q", code, a)
	}
}

// A form that is too large is refused as before.
func TestATooLargeFormIsStillRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {
		o.Routes = append(o.Routes, Route{Method: "POST", Path: "/form", Gate: Public, Handler: func(_ http.ResponseWriter, r *http.Request) error { return r.ParseForm() }})
	})
	r := httptest.NewRequest("POST", "/form", strings.NewReader("a="+strings.Repeat("x", DefaultBody)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	a := httptest.NewRecorder()
	w.rt.ServeHTTP(a, r)
	if a.Code != 413 && a.Code != 422 {
		t.Errorf("%d", a.Code)
	}
}
