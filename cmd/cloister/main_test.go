package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/pg"
)

func program(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		env  []string
		code int
		says string
	}{
		{args: nil, code: exitOK, says: "serve"},
		{args: []string{"--help"}, code: exitOK, says: "serve"},
		{args: []string{"version"}, code: exitOK, says: "cloister development"},
		{args: []string{"version", "now"}, code: exitUsage, says: "now"},
		{args: []string{"fly"}, code: exitUsage, says: `unknown command "fly"`},
		{args: []string{"--fly"}, code: exitUsage, says: "--fly"},
		{args: []string{"serve"}, env: []string{"PORT=eighty"}, code: exitConfig, says: "PORT: must be a whole number"},
		{args: []string{"health"}, env: []string{"PORT=1"}, code: exitFailed, says: "no answer"},
		{args: []string{"postgres"}, env: []string{"CLOISTER_PG_BIN=/nowhere"}, code: exitConfig, says: "CLOISTER_PG_BIN=/nowhere"},
		{args: []string{"serve"}, env: []string{"PORT=1", "CLOISTER_HOST=192.0.2.1"}, code: exitConfig, says: "cannot listen on 192.0.2.1:1"},
	} {
		code, stdout, stderr := program(t, c.env, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%v: exit %d, want %d\n%s%s", c.args, code, c.code, stdout, stderr)
		}
	}
}

func TestExitCodesOfErrors(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		exitOK:       {nil},
		exitFailed:   {errors.New("x"), apperr.New(apperr.NotFound, "", "no such clinic"), context.Canceled},
		exitUsage:    {usageError{errors.New("x")}, fmt.Errorf("clinic: %w", apperr.New(apperr.Invalid, "", "slug"))},
		exitConfig:   {fmt.Errorf("x: %w", &configError{})},
		exitDatabase: {fmt.Errorf("x: %w", &pg.ConnectError{}), fmt.Errorf("%w: install", pg.ErrNoServer)},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("%v: exit %d, want %d", err, got, want)
			}
		}
	}
}

func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func TestAStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	entered := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-ctx.Done() // the stop begins while we work
		if r.Context().Err() != nil {
			t.Error("the request was cancelled by the stop")
		}
		fmt.Fprint(w, "finished")
	})
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, l, slow, 10*time.Second, quiet()) }()
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-entered
	stop()
	if got := <-answered; got != "finished" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("a clean stop ended with %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestAStopCutsWhatDoesNotFinish(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	entered := make(chan struct{})
	stuck := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, l, stuck, 50*time.Millisecond, quiet()) }()
	go func() {
		if res, err := http.Get("http://" + l.Addr().String()); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-entered
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a stuck request holds the stop up")
	}
}

func TestServeAnswersHealth(t *testing.T) {
	t.Parallel()
	down := false
	stopping := make(chan struct{})
	h := &health{stopping: stopping, log: quiet(), checks: []check{
		{"database", func(context.Context) error {
			if down {
				return errors.New("password hunter2 refused")
			}
			return nil
		}},
		{"mail", func(context.Context) error { return nil }},
	}}
	get := func(f http.HandlerFunc) string {
		w := httptest.NewRecorder()
		f(w, &http.Request{})
		return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
	}
	for _, step := range []struct {
		arrange func()
		f       http.HandlerFunc
		want    string
	}{
		{func() {}, h.healthz, `200 {"status":"ok","version":"development"}`},
		{func() {}, h.readyz, `200 {"status":"ready"}`},
		{func() { down = true }, h.readyz, `503 {"failing":["database"],"status":"not ready"}`},
		{func() {}, h.healthz, `200 {"status":"ok","version":"development"}`},
		{func() { close(stopping) }, h.readyz, `503 {"status":"stopping"}`},
	} {
		step.arrange()
		if got := get(step.f); got != step.want {
			t.Errorf("got %s, want %s", got, step.want)
		}
	}
}
