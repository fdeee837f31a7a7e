package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// answerWithin is the time limit for the database to answer a request.
const answerWithin = 5 * time.Second

// serve serves health and metrics at an address; "" serves nothing. stop ends it.
func (w *working) serve(ctx context.Context, address string, measured *telemetry) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usageError("--listen: %w", err)
	}
	registry := measured.registry
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &workMetrics{w: w},
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { w.answer(rw, w.health()) })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) { w.answer(rw, w.readiness(r.Context())) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: answerWithin}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("serving health and metrics has failed", "error", err.Error())
		}
	}()
	w.log.Info("serving health and metrics", "address", l.Addr().String())
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}

func (w *working) answer(to http.ResponseWriter, fault string) {
	to.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if fault == "" {
		_, _ = io.WriteString(to, "ok\n")
		return
	}
	to.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(to, fault+"\n")
}

// health returns a fault that a restart of the process would repair, or "". A database that is down is not
// such a fault.
func (w *working) health() string {
	select {
	case <-w.client.Stopped():
		return "the worker has ended"
	default:
		return ""
	}
}

// readiness says why the worker takes no rows; "" if it takes them.
func (w *working) readiness(ctx context.Context) string {
	if w.counts.draining.Load() {
		return "the worker drains"
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if w.q.Ping(ctx) != nil {
		return "the database does not answer"
	}
	return w.health()
}

// workMetrics are the metrics of a worker and of its queue.
type workMetrics struct{ w *working }

var (
	rowsDesc = prometheus.NewDesc("enlist_rows_total", "Rows that this worker has taken out of the queue, by result.", []string{"job", "result"}, nil)
	awayDesc = prometheus.NewDesc("enlist_target_paused", "1 while this worker has paused the target because its vendor fails.", []string{"target"}, nil)
	partDesc = prometheus.NewDesc("enlist_limit_share", "Requests a second that this worker may send; its share of the limit for all workers.", []string{"target"}, nil)

	queueDesc   = prometheus.NewDesc("enlist_queue_rows", "Rows in the queue: waiting, later, at_work or stopped.", []string{"job", "state"}, nil)
	oldestDesc  = prometheus.NewDesc("enlist_queue_oldest_seconds", "Age of the oldest row in the queue.", []string{"job"}, nil)
	pausedDesc  = prometheus.NewDesc("enlist_queue_paused", "1 while the queue is paused.", []string{"job"}, nil)
	rejectsDesc = prometheus.NewDesc("enlist_queue_rejects", "Rows that were refused and not mended since.", []string{"job"}, nil)
	unknownDesc = prometheus.NewDesc("enlist_unknown_users", "Users for which it is unknown whether they exist.", []string{"job"}, nil)
	upDesc      = prometheus.NewDesc("enlist_queue_up", "1 if the queue could be read for these metrics.", []string{"job"}, nil)
)

// Describe implements prometheus.Collector.
func (m *workMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *workMetrics) Collect(ch chan<- prometheus.Metric) {
	w := m.w
	job := w.c.Job
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	done, refused, unknown := w.counts.rows()
	send(rowsDesc, prometheus.CounterValue, float64(done), job, "done")
	send(rowsDesc, prometheus.CounterValue, float64(refused), job, "refused")
	send(rowsDesc, prometheus.CounterValue, float64(unknown), job, "unknown")
	for _, t := range w.counts.targets {
		send(awayDesc, prometheus.GaugeValue, asNumber(w.p.PausedUntil(t.name).After(time.Now())), t.name)
		if l := w.counts.limiters[t.name]; l != nil {
			send(partDesc, prometheus.GaugeValue, l.Share(), t.name)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	found, err := w.look.status(ctx, w.q, job)
	send(upDesc, prometheus.GaugeValue, asNumber(err == nil), job)
	if err != nil {
		return
	}
	s := countQueue(found)
	for state, rows := range map[string]int64{"waiting": s.Waiting, "later": s.Later, "at_work": s.AtWork, "stopped": s.Stopped} {
		send(queueDesc, prometheus.GaugeValue, float64(rows), job, state)
	}
	if s.Oldest.IsZero() {
		s.Oldest = time.Now()
	}
	send(oldestDesc, prometheus.GaugeValue, max(time.Since(s.Oldest).Seconds(), 0), job)
	send(pausedDesc, prometheus.GaugeValue, asNumber(s.Paused), job)
	send(rejectsDesc, prometheus.GaugeValue, float64(s.Rejects), job)
	send(unknownDesc, prometheus.GaugeValue, float64(found.Unknown()), job)
}

func asNumber(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
