package tenants

import "github.com/prometheus/client_golang/prometheus"

// meter counts what the pool and the transactions do. No label names a clinic:
// there may be thousands.
type meter struct {
	acquired *prometheus.CounterVec
	waited   prometheus.Histogram
	refused  prometheus.Counter
	waiting  prometheus.Gauge
	retired  *prometheus.CounterVec
	dirty    prometheus.Counter
	retries  *prometheus.CounterVec
	lagged   prometheus.Counter
	relisten prometheus.Counter
}

func newMeter(r prometheus.Registerer) (*meter, error) {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "cloister", Subsystem: "tenants", Name: name, Help: help}
	}
	m := &meter{
		acquired: prometheus.NewCounterVec(counter("acquired_total", "Connections given out, by how they were had."), []string{"how"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "cloister", Subsystem: "tenants", Name: "wait_seconds",
			Help:    "How long callers waited that had to wait for a connection.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		refused: prometheus.NewCounter(counter("refused_total", "Callers turned away because the queue was full.")),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "cloister", Subsystem: "tenants", Name: "waiting", Help: "Callers that wait for a connection now.",
		}),
		retired:  prometheus.NewCounterVec(counter("retired_total", "Connections closed, by reason."), []string{"why"}),
		dirty:    prometheus.NewCounter(counter("dirty_total", "Connections closed because a transaction left something on them.")),
		retries:  prometheus.NewCounterVec(counter("retries_total", "Transactions run a second time, by reason."), []string{"why"}),
		lagged:   prometheus.NewCounter(counter("events_lagged_total", "Events dropped because a subscriber was slow.")),
		relisten: prometheus.NewCounter(counter("listen_reconnects_total", "Times the listening connection was made anew.")),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.acquired, m.waited, m.refused, m.waiting, m.retired, m.dirty, m.retries, m.lagged, m.relisten} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
