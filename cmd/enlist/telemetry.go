package main

import (
	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// A telemetry has the metrics of a worker's calls, requests and ledger: those of package userapiotel. nil has
// none.
type telemetry struct {
	registry *prometheus.Registry
	to       userapiotel.Option
}

func newTelemetry() (*telemetry, error) {
	t := &telemetry{registry: prometheus.NewRegistry()}
	reader, err := exporter.New(exporter.WithRegisterer(t.registry))
	if err != nil {
		return nil, err
	}
	t.to = userapiotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	return t, nil
}

// http returns the options of a target's client.
func (t *telemetry) http(target config.Target, o userapi.HTTPOptions) userapi.HTTPOptions {
	if t == nil {
		return o
	}
	return userapiotel.Options(target.Vendor, o, t.to)
}

// provisioner is provision.New.
func (t *telemetry) provisioner(l provision.Ledger, targets []provision.Target, options ...provision.Option) (*provision.Provisioner, error) {
	if t == nil {
		return provision.New(l, targets, options...)
	}
	for i := range targets {
		targets[i].Creator = userapiotel.Wrap(targets[i].Creator, t.to)
	}
	return provision.New(userapiotel.Ledger(l, t.to), targets, append(options, userapiotel.Runs(t.to))...)
}
