package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

// listener opens the port before anything is announced, so that a taken port
// is a clear error and never half a start.
func listener(c config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.address())
	if err != nil {
		return nil, &configError{[]string{fmt.Sprintf("PORT, CLOISTER_HOST: cannot listen on %s: %v", c.address(), errors.Unwrap(err))}}
	}
	return l, nil
}

// serveHTTP answers until the context ends. Then it takes no more connections,
// lets the requests under way finish within the wait, and cuts what is left.
// Streams, which never finish by themselves, must watch ctx.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, wait time.Duration, log *logrus.Logger) error {
	base, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	lines := log.WriterLevel(logrus.WarnLevel) // the library's own complaints
	defer lines.Close()
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      90 * time.Second, // rows bound theirs closer, streams each of their writes
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          stdlog.New(lines, "", 0),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.WithField("wait", wait.String()).Info("stopping: finishing the requests under way")
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	err := srv.Shutdown(limit)
	if err != nil {
		log.Warn("some requests did not finish in time and were cut")
		err = srv.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}
