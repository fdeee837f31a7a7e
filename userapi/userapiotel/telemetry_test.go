package userapiotel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// A recorder has what was exported.
type recorder struct {
	spans  *tracetest.SpanRecorder
	tracer *sdktrace.TracerProvider
	reader *metric.ManualReader
	meter  *metric.MeterProvider
}

func newRecorder() *recorder {
	r := &recorder{spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	r.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	r.meter = metric.NewMeterProvider(metric.WithReader(r.reader))
	return r
}

func (r *recorder) options() []userapiotel.Option {
	return []userapiotel.Option{userapiotel.WithTracerProvider(r.tracer), userapiotel.WithMeterProvider(r.meter)}
}

// begin begins a span of the program's own.
func (r *recorder) begin(t *testing.T, name string) (context.Context, trace.Span) {
	t.Helper()
	return r.tracer.Tracer("test").Start(t.Context(), name)
}

// named returns the spans that have ended and have a name.
func (r *recorder) named(name string) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(r.spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
}

// one returns the only span of a name.
func (r *recorder) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	found := r.named(name)
	require.Len(t, found, 1, "%s among %v", name, names(r.spans.Ended()))
	return found[0]
}

func names(spans []sdktrace.ReadOnlySpan) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name())
	}
	return all
}

// show returns the attributes in one line, in the order of their names.
func show(attrs []attribute.KeyValue) string {
	set := attribute.NewSet(attrs...)
	return set.Encoded(attribute.DefaultEncoder())
}

// metrics returns a line for each series: its name and attributes and, of a histogram, how many values it has.
func (r *recorder) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(t.Context(), &all))
	series := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			add := func(set attribute.Set, v float64) {
				series[m.Name+"{"+set.Encoded(attribute.DefaultEncoder())+"}"] = v
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, float64(p.Count))
				}
			default:
				t.Errorf("%s has data of %T", m.Name, data)
			}
		}
	}
	return series
}

// of returns the series of an instrument, without the others.
func of(series map[string]float64, instrument string) map[string]float64 {
	own := map[string]float64{}
	for name, v := range series {
		if attrs, ok := strings.CutPrefix(name, instrument+"{"); ok {
			own[strings.TrimSuffix(attrs, "}")] = v
		}
	}
	return own
}

// exported returns everything as the exporters write it, and as it is printed.
func (r *recorder) exported(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	spans, err := stdouttrace.New(stdouttrace.WithWriter(&out))
	require.NoError(t, err)
	require.NoError(t, spans.ExportSpans(t.Context(), r.spans.Ended()))
	var all metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(t.Context(), &all))
	metrics, err := stdoutmetric.New(stdoutmetric.WithEncoder(json.NewEncoder(&out)))
	require.NoError(t, err)
	require.NoError(t, metrics.Export(t.Context(), &all))
	fmt.Fprintf(&out, "%+v", tracetest.SpanStubsFromReadOnlySpans(r.spans.Ended()))
	return out.String()
}

// quick has no test wait.
var quick = userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: time.Millisecond}

// chat returns a client of a fake, with traces and metrics.
func chat(t *testing.T, r *recorder, change func(*userapi.HTTPOptions)) (*quickbloxtest.Server, userapi.Creator) {
	t.Helper()
	fake := quickbloxtest.NewServer(t)
	return fake, clientOf(t, r, fake, change)
}

// clientOf returns one more client of a fake.
func clientOf(t *testing.T, r *recorder, fake *quickbloxtest.Server, change func(*userapi.HTTPOptions)) userapi.Creator {
	t.Helper()
	config := fake.Config()
	config.HTTP.Retry = quick
	if change != nil {
		change(&config.HTTP)
	}
	config.HTTP = userapiotel.Options(quickblox.Name, config.HTTP, r.options()...)
	client, err := quickblox.New(config)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return userapiotel.Wrap(client, r.options()...)
}

// ada returns a request, a different one for each n.
func ada(n int) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: fmt.Sprintf("signup-%d", n), Username: fmt.Sprintf("ada%d", n), Email: fmt.Sprintf("ada%d@example.com", n), Password: "a-Password-1",
	}
}

// provisioner returns a Provisioner at one target, as one process has it.
func provisioner(t *testing.T, r *recorder, l provision.Ledger, c userapi.Creator, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(userapiotel.Ledger(l, r.options()...), []provision.Target{{Name: "chat", Creator: c}},
		append(opts, provision.RequestKeys("0123456789abcdef"), provision.Patience(0), userapiotel.Runs(r.options()...))...)
	require.NoError(t, err)
	return p
}
