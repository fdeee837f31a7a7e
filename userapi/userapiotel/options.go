package userapiotel

import (
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// ScopeName is the name of the tracer and of the meter.
const ScopeName = "github.com/enlist-go/enlist/userapi/userapiotel"

// An Option says where traces and metrics go. A nil Option changes nothing.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	roots   bool
}

// WithTracerProvider has spans made by p. The default, and nil, is the global provider of package otel.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracers = p }
}

// WithMeterProvider has metrics made by p. The default, and nil, is the global provider of package otel.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) { c.meters = p }
}

// WithNewTraces lets each run of [Runs] begin a trace of its own, with a link to the span in its
// context. Use it for imports: otherwise all rows of an import are one trace.
func WithNewTraces() Option { return func(c *config) { c.roots = true } }

// A telemetry makes spans and metrics.
type telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter
	roots  bool
	instruments
}

func newTelemetry(opts []Option) *telemetry {
	var c config
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	t := &telemetry{
		tracer: c.tracers.Tracer(ScopeName, trace.WithInstrumentationVersion(version())),
		meter:  c.meters.Meter(ScopeName, metric.WithInstrumentationVersion(version())),
		roots:  c.roots,
	}
	t.instruments = newInstruments(t.meter)
	return t
}

// version is the one that a program was built with.
var version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == ScopeName {
				return dep.Version
			}
		}
	}
	return "devel"
})
