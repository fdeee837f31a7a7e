package userapiotel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/userapi"
)

// Wrap returns a Creator that makes a span and metrics for each call of c. It does the same for each
// of these abilities that c has: userapi.Resolver, Repeater, Finisher, Deleter and BatchCreator. Its
// method Unwrap returns c, so that the other abilities are found too. It does not change requests, users
// or errors. It is safe for concurrent use if c is. The spans of [Options] are children of its spans.
func Wrap(c userapi.Creator, opts ...Option) userapi.Creator {
	t := newTelemetry(opts)
	w := userapi.Creator(creator{wrapper{c, t}})
	if a, ok := userapi.Ability[userapi.Resolver](c); ok {
		w = resolver{wrapper{w, t}, a}
	}
	if a, ok := userapi.Ability[userapi.Repeater](c); ok {
		w = repeater{wrapper{w, t}, a}
	}
	if a, ok := userapi.Ability[userapi.Finisher](c); ok {
		w = finisher{wrapper{w, t}, a}
	}
	if a, ok := userapi.Ability[userapi.Deleter](c); ok {
		w = deleter{wrapper{w, t}, a}
	}
	if a, ok := userapi.Ability[userapi.BatchCreator](c); ok {
		w = batchCreator{wrapper{w, t}, a}
	}
	return w
}

// A wrapper has what all wrappers of a Creator have.
type wrapper struct {
	userapi.Creator
	t *telemetry
}

func (w wrapper) Unwrap() userapi.Creator { return w.Creator }

type creator struct{ wrapper }

func (c creator) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (u *userapi.User, err error) {
	ctx, call := c.t.begin(ctx, "create user")
	err = errPanicked // until the call has returned
	defer func() { call.created(u, err); call.end(u, err) }()
	return c.Creator.CreateUser(ctx, req)
}

type resolver struct {
	wrapper
	resolver userapi.Resolver
}

func (r resolver) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (u *userapi.User, err error) {
	ctx, call := r.t.begin(ctx, opResolve)
	err = errPanicked
	defer func() { call.end(u, err) }()
	return r.resolver.ResolveUser(ctx, req, since)
}

type repeater struct {
	wrapper
	repeater userapi.Repeater
}

func (r repeater) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (u *userapi.User, err error) {
	ctx, call := r.t.begin(ctx, "repeat user")
	err = errPanicked
	defer func() { call.created(u, err); call.end(u, err) }()
	return r.repeater.RepeatUser(ctx, req)
}

type finisher struct {
	wrapper
	finisher userapi.Finisher
}

func (f finisher) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) (err error) {
	ctx, call := f.t.begin(ctx, "finish user")
	err = errPanicked
	defer func() { call.end(u, err) }()
	return f.finisher.FinishUser(ctx, req, u)
}

type deleter struct {
	wrapper
	deleter userapi.Deleter
}

func (d deleter) DeleteUser(ctx context.Context, id string) (err error) {
	ctx, call := d.t.begin(ctx, "delete user")
	err = errPanicked
	defer func() { call.end(nil, err) }()
	return d.deleter.DeleteUser(ctx, id)
}

type batchCreator struct {
	wrapper
	creator userapi.BatchCreator
}

func (b batchCreator) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) (results []userapi.BatchResult) {
	ctx, call := b.t.begin(ctx, "create users", keyBatch.Int(len(reqs)))
	panicked := true
	defer func() {
		var user *userapi.User
		var err error
		for _, r := range results {
			call.created(r.User, r.Err)
			if r.User != nil {
				user = r.User
			}
			if err == nil {
				err = r.Err
			}
		}
		if panicked {
			err = errPanicked
		}
		call.end(user, err)
	}()
	results = b.creator.CreateUsers(ctx, reqs)
	panicked = false
	return results
}

// opResolve is the operation of a look-up for a create.
const opResolve = "resolve user"

// errPanicked is the error of a call that has not returned.
var errPanicked = errors.New("userapiotel: the call panicked")

// A call is one that is under way.
type call struct {
	t         *telemetry
	ctx       context.Context // of this one call, for its metrics
	span      trace.Span
	operation string
	begun     time.Time
}

func (t *telemetry) begin(ctx context.Context, operation string, attrs ...attribute.KeyValue) (context.Context, *call) {
	begun := time.Now()
	ctx, span := t.tracer.Start(ctx, operation, trace.WithTimestamp(begun), trace.WithAttributes(append(attrs, keyOperation.String(operation))...))
	return ctx, &call{t: t, ctx: ctx, span: span, operation: operation, begun: begun}
}

// end ends the span of a call with what it returned.
func (c *call) end(u *userapi.User, err error) {
	now := time.Now()
	outcome := outcomeOf(u, err)
	attrs := outcome.attributes()
	c.span.SetAttributes(attrs...)
	if e := outcome.err; e != nil {
		if e.StatusCode != 0 {
			c.span.SetAttributes(semconv.HTTPResponseStatusCode(e.StatusCode))
		}
		if e.Attempts != 0 {
			c.span.SetAttributes(keyAttempts.Int(e.Attempts))
		}
	}
	if !c.foundNothing(outcome.err) {
		fail(c.span, outcome.kind)
	}
	c.span.End(trace.WithTimestamp(now))
	c.t.callDuration.Record(c.ctx, now.Sub(c.begun).Seconds(), metric.WithAttributes(append(attrs, keyOperation.String(c.operation))...))
}

// foundNothing reports whether the call is a look-up that found no user, or had nothing to ask by.
func (c *call) foundNothing(e *userapi.Error) bool {
	return c.operation == opResolve && e != nil && (e.Kind == userapi.KindNotFound || e.Kind == userapi.KindInvalid && e.Outcome == userapi.OutcomeNotSent)
}

// created counts a create.
func (c *call) created(u *userapi.User, err error) {
	c.t.creates.Add(c.ctx, 1, metric.WithAttributes(outcomeOf(u, err).attributes()...))
}

// fail marks a span as one of what failed; kind is "" for what did not.
func fail(span trace.Span, kind string) {
	if kind != "" {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	}
}

// An outcome is what may be shown of a user and an error: words of fixed sets, and no text.
type outcome struct {
	vendor, kind, outcome string
	err                   *userapi.Error
}

// outcomeOk is the enlist.outcome of a success.
const outcomeOk = "ok"

func outcomeOf(u *userapi.User, err error) outcome {
	o := outcome{outcome: outcomeOk}
	if u != nil {
		o.vendor = u.Provider
	}
	if err == nil {
		return o
	}
	// Nothing is known of an error that is none of ours.
	o.kind, o.outcome = userapi.KindUnknown.String(), userapi.OutcomeUnknown.String()
	if errors.As(err, &o.err) {
		o.vendor, o.kind, o.outcome = o.err.Provider, o.err.Kind.String(), o.err.Outcome.String()
	}
	if errors.Is(err, errPanicked) {
		o.kind = "panic"
	}
	return o
}

func (o outcome) attributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 4)
	if o.vendor != "" {
		attrs = append(attrs, keyVendor.String(o.vendor))
	}
	attrs = append(attrs, keyOutcome.String(o.outcome))
	if o.kind != "" {
		attrs = append(attrs, keyKind.String(o.kind))
	}
	return attrs
}
