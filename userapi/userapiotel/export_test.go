package userapiotel

import (
	"context"
	"fmt"
	"reflect"

	"go.opentelemetry.io/otel/metric"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// UseAll has every instrument used, with every attribute that it ever has.
func UseAll(opts ...Option) error {
	ctx, t := context.Background(), newTelemetry(opts)
	// By the code that does so in earnest.
	failed := &userapi.Error{Provider: "acme", Kind: userapi.KindRateLimited, Outcome: userapi.OutcomeRejected}
	_, call := t.begin(ctx, "create user")
	call.created(nil, failed)
	call.end(nil, failed)
	t.attempt(ctx, userapi.Attempt{
		Provider: "acme", Operation: "create user", Route: "/users", Method: "POST", Address: "acme.example:443", Number: 2, StatusCode: 429, Kind: userapi.KindRateLimited,
	})
	_, span := t.tracer.Start(ctx, "run")
	t.ended(ctx, span, "CreateUser", call.begun, []provision.Result{{Target: "chat", Err: failed}})
	t.progress(bulk.Progress{}, bulk.Progress{Rows: 1, Targets: []bulk.TargetProgress{{Target: "chat", States: map[string]int64{"created": 1}, Requests: 1, PerSecond: 1}}})
	l := &limiter{next: userapi.NewAdaptive(userapi.RateLimit{PerSecond: 1}), t: t, vendor: metric.WithAttributes(keyVendor.String("acme"))}
	if err := l.Wait(ctx); err != nil {
		return err
	}
	l.Observe(userapi.Attempt{OK: true})
	memory := new(provision.Memory)
	if err := Ledger(memory, opts...).Store(ctx, provision.Record{Key: "k", Target: "chat", State: provision.StateUnknown}); err != nil {
		return err
	}
	if err := Ledger(memory, opts...).Store(ctx, provision.Record{Key: "k", Target: "chat", State: provision.StateUnknown}); err == nil {
		return fmt.Errorf("a record was stored twice")
	}
	if _, err := ObserveOpen(memory, opts...); err != nil {
		return err
	}
	return nil
}

// Instruments is how many there are, beside the two of ObserveOpen.
var Instruments = reflect.TypeFor[instruments]().NumField()
