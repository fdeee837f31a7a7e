package userapiotel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// Runs returns an option for provision.New. It makes a span, and metrics, of each run of a Provisioner on
// a key: a CreateUser, Continue, Retry or Undo, each sign-up that Resume goes on with, and each try at a
// row of bulk.Run. What the run does at the ledger, see [Ledger], and at the targets, see [Wrap], has spans
// below it. It takes the place of another provision.OnRun.
func Runs(opts ...Option) provision.Option {
	t := newTelemetry(opts)
	return provision.OnRun(func(ctx context.Context, name string) (context.Context, func([]provision.Result)) {
		begun := time.Now()
		start := []trace.SpanStartOption{trace.WithTimestamp(begun), trace.WithAttributes(keyCall.String(name))}
		if t.roots {
			start = append(start, trace.WithNewRoot())
			if caller := trace.SpanContextFromContext(ctx); caller.IsValid() {
				start = append(start, trace.WithLinks(trace.Link{SpanContext: caller, Attributes: []attribute.KeyValue{keyLink.String("caller")}}))
			}
		}
		ctx, span := t.tracer.Start(ctx, "provision "+name, start...)
		ctx = context.WithValue(ctx, runKey{}, &run{span: span})
		return ctx, func(results []provision.Result) { t.ended(ctx, span, name, begun, results) }
	})
}

// ended ends the span of a run.
func (t *telemetry) ended(ctx context.Context, span trace.Span, name string, begun time.Time, results []provision.Result) {
	failed := ""
	if results == nil {
		failed = userapi.KindUnknown.String() // a panic, or an Undo that could not begin
	}
	for _, r := range results {
		o := outcomeOf(nil, r.Err)
		attrs := []attribute.KeyValue{keyTarget.String(r.Target), keyDisposition.String(r.Disposition.String())}
		if o.kind != "" {
			attrs = append(attrs, keyKind.String(o.kind))
			if failed == "" {
				failed = o.kind
			}
		}
		span.AddEvent("result", trace.WithAttributes(attrs...))
		if !r.Recorded {
			t.results.Add(ctx, 1, metric.WithAttributes(attrs...))
		}
	}
	fail(span, failed)
	span.End()
	t.runDuration.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(keyCall.String(name)))
}

type runKey struct{}

// A run is one that is under way.
type run struct {
	span trace.Span

	mu     sync.Mutex
	linked []trace.SpanID
}

// link links a span to that of an earlier run with the key, once for each.
func (r *run) link(to trace.SpanContext) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to.SpanID() == r.span.SpanContext().SpanID() || slices.Contains(r.linked, to.SpanID()) {
		return
	}
	r.linked = append(r.linked, to.SpanID())
	r.span.AddLink(trace.Link{SpanContext: to, Attributes: []attribute.KeyValue{keyLink.String("earlier run")}})
}

// Ledger returns a ledger that makes a span, and metrics, of each call of l, and that keeps in l, with each
// record that is open, the span of the run that stored it last. A later run of the key, also of another
// process and after a crash, has a link to that span.
//
// The span's ids are random, and have nothing of the person. They are stored in W3C's form at the end of
// Record.Owner, and removed when the record is read, so that a Provisioner does not see them. A Provisioner whose
// ledger is not wrapped takes them for a part of another run's name, which is harmless. What is stored in the
// caller's own transaction has no span.
//
// A ledger that it returns is not a *provision.Memory any more: provision.New needs RequestKeys with it.
// Put it around provision.Group, not into it: spans are then those of callers.
func Ledger(l provision.Ledger, opts ...Option) provision.Ledger {
	own := ledger{l, newTelemetry(opts)}
	if many, ok := l.(provision.ManyLoader); ok {
		return manyLedger{own, many}
	}
	return own
}

type ledger struct {
	next provision.Ledger
	t    *telemetry
}

func (l ledger) Load(ctx context.Context, key string) (records []provision.Record, err error) {
	ctx, done := l.begin(ctx, "load")
	err = errPanicked
	defer func() { done(len(records), err) }()
	records, err = l.next.Load(ctx, key)
	own, _ := ctx.Value(runKey{}).(*run)
	return unmarked(own, records), err
}

func (l ledger) ListOpen(ctx context.Context, after string, limit int) (keys []string, err error) {
	ctx, done := l.begin(ctx, "list open")
	err = errPanicked
	defer func() { done(len(keys), err) }()
	return l.next.ListOpen(ctx, after, limit)
}

func (l ledger) Store(ctx context.Context, records ...provision.Record) (err error) {
	records = marked(trace.SpanContextFromContext(ctx), records)
	ctx, done := l.begin(ctx, "store")
	err = errPanicked
	defer func() { done(len(records), err) }()
	return l.next.Store(ctx, records...)
}

type manyLedger struct {
	ledger
	many provision.ManyLoader
}

func (l manyLedger) LoadMany(ctx context.Context, keys []string) (records []provision.Record, err error) {
	ctx, done := l.begin(ctx, "load many")
	err = errPanicked
	defer func() { done(len(records), err) }()
	records, err = l.many.LoadMany(ctx, keys)
	return unmarked(nil, records), err // they are of several keys
}

// begin begins the span of a step.
func (l ledger) begin(ctx context.Context, step string) (context.Context, func(records int, err error)) {
	begun := time.Now()
	ctx, span := l.t.tracer.Start(ctx, "ledger "+step, trace.WithTimestamp(begun))
	return ctx, func(records int, err error) {
		attrs := []attribute.KeyValue{keyOperation.String(step)}
		kind := kindOf(err)
		if kind != "" {
			attrs = append(attrs, keyKind.String(kind))
		}
		span.SetAttributes(append(attrs, keyRecords.Int(records))...)
		fail(span, kind)
		span.End()
		l.t.ledgerDuration.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(attrs...))
	}
}

// kindOf returns a word for the error of a ledger, whose text may hold values.
func kindOf(err error) string {
	var e *userapi.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errPanicked):
		return "panic"
	case errors.Is(err, provision.ErrStale):
		return "stale"
	case errors.Is(err, context.Canceled):
		return userapi.KindCanceled.String()
	case errors.Is(err, context.DeadlineExceeded):
		return userapi.KindTimeout.String()
	case errors.As(err, &e):
		return e.Kind.String()
	}
	return userapi.KindUnavailable.String()
}
