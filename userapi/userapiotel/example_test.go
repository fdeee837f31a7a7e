package userapiotel_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// A client has its requests traced by Options, and its calls by Wrap. A program gives its own
// TracerProvider, or sets the global one, as here is only done for the spans to be printed.
func Example() {
	fake, err := quickbloxtest.Start() // in earnest there is no fake, and the Config has your API key
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	spans := tracetest.NewSpanRecorder()
	tracers := userapiotel.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(spans)))

	config := fake.Config()
	config.HTTP = userapiotel.Options(quickblox.Name, config.HTTP, tracers)
	client, err := quickblox.New(config)
	if err != nil {
		log.Fatal(err)
	}
	chat := userapiotel.Wrap(client, tracers)

	_, err = chat.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "ada", Password: "a-Password-1"})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output:
	// POST /users.json
	// create user
}

// A run on a ledger is one span, above those of the ledger and of the vendor.
func ExampleRuns() {
	spans := tracetest.NewSpanRecorder()
	tracers := userapiotel.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(spans)))

	ledger := userapiotel.Ledger(new(provision.Memory), tracers) // or one of package sqlledger
	p, err := provision.New(ledger, []provision.Target{{Name: "chat", Creator: userapiotel.Wrap(acme(), tracers)}},
		provision.RequestKeys("a secret of 16 bytes or more"), userapiotel.Runs(tracers))
	if err != nil {
		log.Fatal(err)
	}
	if _, err = p.CreateUser(context.Background(), userapi.CreateUserRequest{IdempotencyKey: "signup-17", Username: "ada"}); err != nil {
		log.Fatal(err)
	}
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output:
	// ledger load
	// ledger store
	// create user
	// ledger store
	// provision CreateUser
}

// An import's metrics are those of its rows, and of the lane of each target.
func ExampleJob() {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		log.Fatal(err)
	}
	meters := userapiotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))

	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: acme()}})
	if err != nil {
		log.Fatal(err)
	}
	job := bulk.Job{
		Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"key": "login", "username": "login"}},
		Lanes: map[string]bulk.Lane{"chat": {PerSecond: 50, Adaptive: true}},
	}
	rows := bulk.CSV(strings.NewReader("login\nada\ngrace\n"), bulk.CSVOptions{})
	if _, err = bulk.Run(context.Background(), p, userapiotel.Job(job, meters), rows); err != nil {
		log.Fatal(err)
	}
	fmt.Print(series(registry, "enlist_bulk_rows_total", "enlist_lane_rate_per_second", "enlist_lane_requests_total"))
	// Output:
	// enlist_bulk_rows_total{created, chat} 2
	// enlist_lane_rate_per_second{chat} 50
	// enlist_lane_requests_total{chat} 2
}

// Prometheus gets the metrics by OpenTelemetry's own exporter. A program serves the registry by
// promhttp.HandlerFor.
func Example_prometheus() {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		log.Fatal(err)
	}
	meters := userapiotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))

	chat := userapiotel.Wrap(acme(), meters)
	for _, name := range []string{"ada", "grace", ""} {
		_, _ = chat.CreateUser(context.Background(), userapi.CreateUserRequest{Username: name})
	}
	fmt.Print(series(registry, "enlist_creates_total"))
	// Unordered output:
	// enlist_creates_total{invalid, not_sent, acme} 1
	// enlist_creates_total{ok, acme} 2
}

// acme is a vendor that needs a user name.
func acme() userapi.Creator {
	return userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		if req.Username == "" {
			return nil, &userapi.Error{Provider: "acme", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent}
		}
		return &userapi.User{Provider: "acme", ID: "1"}, nil
	})
}

// series returns a line for each metric of some names, with the values of its own labels.
func series(registry *prometheus.Registry, names ...string) string {
	var lines strings.Builder
	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if !slices.Contains(names, f.GetName()) {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				if strings.HasPrefix(l.GetName(), "enlist_") {
					labels = append(labels, l.GetValue())
				}
			}
			fmt.Fprintf(&lines, "%s{%s} %v\n", f.GetName(), strings.Join(labels, ", "), m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	return lines.String()
}
