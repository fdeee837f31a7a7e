package userapiotel

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/userapi"
)

// Options returns o with a span, and metrics, of each HTTP request that a client sends, and of its waits
// for the rate limit. vendor is the client's, such as quickblox.Name: the waits are counted under it.
// o's own OnAttempt and Limiter stay in use. The transport is not touched, and nothing is added to what
// is sent: no vendor gets a trace id.
//
// Do not put otelhttp.NewTransport into HTTPClient beside it. The url.full of its spans holds the query
// of a look-up, such as ?email=, and a client that does not have the transport itself can prove less of
// what was sent.
func Options(vendor string, o userapi.HTTPOptions, opts ...Option) userapi.HTTPOptions {
	t := newTelemetry(opts)
	if o.Limiter == nil && o.RateLimit != (userapi.RateLimit{}) {
		if l := userapi.NewAdaptive(o.RateLimit); l.Err() == nil { // else the client's New reports it
			o.Limiter, o.RateLimit = steady{l}, userapi.RateLimit{}
		}
	}
	if o.Limiter != nil {
		o.Limiter = &limiter{next: o.Limiter, t: t, vendor: metric.WithAttributes(keyVendor.String(vendor))}
	}
	told := o.OnAttempt
	o.OnAttempt = func(ctx context.Context, a userapi.Attempt) {
		t.attempt(ctx, a)
		if told != nil {
			told(ctx, a)
		}
	}
	return o
}

// steady keeps its rate whatever the vendor answers, as HTTPOptions.RateLimit does.
type steady struct{ adaptive *userapi.Adaptive }

func (s steady) Wait(ctx context.Context) error { return s.adaptive.Wait(ctx) }

func (steady) Observe(userapi.Attempt) {}

// attempt makes the span and the metrics of a request that has ended just now.
func (t *telemetry) attempt(ctx context.Context, a userapi.Attempt) {
	ended := time.Now()
	template, _, _ := strings.Cut(a.Route, "?")
	attrs := []attribute.KeyValue{
		keyVendor.String(a.Provider),
		keyOperation.String(a.Operation),
		semconv.HTTPRequestMethodKey.String(a.Method),
		semconv.URLTemplate(template),
	}
	if host, port, err := net.SplitHostPort(a.Address); err == nil {
		attrs = append(attrs, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, semconv.ServerPort(n))
		}
	}
	if a.StatusCode != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.StatusCode))
	}
	failed := ""
	if !a.OK {
		attrs = append(attrs, keyKind.String(a.Kind.String()), keyOutcome.String(a.Outcome.String()))
		// The conventions want the status where it says that there is an error.
		if failed = a.Kind.String(); a.StatusCode >= 400 {
			failed = strconv.Itoa(a.StatusCode)
		}
		attrs = append(attrs, semconv.ErrorTypeKey.String(failed))
	}
	own := []attribute.KeyValue{keyAttempt.Int(a.Number)}
	if a.Number > 1 {
		own = append(own, semconv.HTTPRequestResendCount(a.Number-1))
	}
	_, span := t.tracer.Start(ctx, a.Method+" "+template,
		trace.WithTimestamp(ended.Add(-a.Duration)), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(append(own, attrs...)...))
	fail(span, failed)
	span.End(trace.WithTimestamp(ended))

	t.requestDuration.Record(ctx, a.Duration.Seconds(), metric.WithAttributes(attrs...))
	of := metric.WithAttributes(attrs[:2]...)
	if a.Number > 1 {
		t.retries.Add(ctx, 1, of)
	}
	if !a.OK && a.Kind == userapi.KindRateLimited {
		t.rateLimited.Add(ctx, 1, of)
	}
}

// A limiter measures the waits for another one.
type limiter struct {
	next   userapi.Limiter
	t      *telemetry
	vendor metric.MeasurementOption
}

// Err returns what is wrong with the limiter, where it tells: a client's New asks.
func (l *limiter) Err() error {
	if next, ok := l.next.(interface{ Err() error }); ok {
		return next.Err()
	}
	return nil
}

func (l *limiter) Wait(ctx context.Context) error {
	begun := time.Now()
	err := l.next.Wait(ctx)
	l.t.limiterWait.Record(ctx, time.Since(begun).Seconds(), l.vendor)
	return err
}

func (l *limiter) Observe(a userapi.Attempt) {
	l.next.Observe(a)
	if adaptive, ok := l.next.(interface{ Rate() float64 }); ok {
		l.t.limiterRate.Record(context.Background(), adaptive.Rate(), l.vendor)
	}
}
