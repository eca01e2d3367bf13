package httpx

import (
	"net/http"
	"testing"
)

func TestAStreamEndsWhenTheServiceStops(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	began := make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Stopping = stopping
		o.Routes = append(o.Routes, Route{Method: "GET", Path: ClinicPath + "/events", Gate: Member, Stream: true,
			Handler: func(_ http.ResponseWriter, r *http.Request) error {
				close(began)
				<-r.Context().Done()
				return nil
			}})
	})
	ended := make(chan struct{})
	go func() { w.do("GET", "/clinic/north/events", "nurse"); close(ended) }()
	<-began
	close(stopping)
	<-ended // or the test's own time is up
}
