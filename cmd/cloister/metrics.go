package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
)

// newRegistry holds what the program measures, itself included. No metric has
// a clinic's or a person's name in it.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveMetrics answers /metrics and Go's profiles, which hold stacks and no
// values, on an address of its own until the context ends; the public port never
// does. It returns when the address is open.
func serveMetrics(ctx context.Context, address string, r *prometheus.Registry, log *logrus.Logger) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return &configError{[]string{fmt.Sprintf("CLOISTER_METRICS_ADDRESS: cannot listen on %s: %v", address, err)}}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	go func() {
		if err := serveHTTP(ctx, l, mux, time.Second, log); err != nil {
			log.WithError(err).Error("metrics")
		}
	}()
	return nil
}
