package userapiotel

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The attributes that OpenTelemetry has no name for. The package's documentation says what each holds.
const (
	keyVendor      = attribute.Key("enlist.vendor")
	keyTarget      = attribute.Key("enlist.target")
	keyOperation   = attribute.Key("enlist.operation")
	keyKind        = attribute.Key("enlist.kind")
	keyOutcome     = attribute.Key("enlist.outcome")
	keyAttempt     = attribute.Key("enlist.attempt")
	keyAttempts    = attribute.Key("enlist.attempts")
	keyBatch       = attribute.Key("enlist.batch.size")
	keyCall        = attribute.Key("enlist.call")
	keyDisposition = attribute.Key("enlist.disposition")
	keyState       = attribute.Key("enlist.state")
	keyRecords     = attribute.Key("enlist.records")
	keyLink        = attribute.Key("enlist.link")
)

type instruments struct {
	creates      metric.Int64Counter
	callDuration metric.Float64Histogram

	requestDuration metric.Float64Histogram
	retries         metric.Int64Counter
	rateLimited     metric.Int64Counter
	limiterWait     metric.Float64Histogram
	limiterRate     metric.Float64Gauge

	runDuration    metric.Float64Histogram
	results        metric.Int64Counter
	ledgerDuration metric.Float64Histogram

	rowsRead        metric.Int64Counter
	rows            metric.Int64Counter
	rowsAtWork      metric.Int64Gauge
	laneRequests    metric.Int64Counter
	laneRateLimited metric.Int64Counter
	laneRate        metric.Float64Gauge
	lanePaused      metric.Int64Gauge
}

// durations are the bounds, in seconds, that OpenTelemetry has for HTTP requests, and longer ones.
var durations = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)

// newInstruments makes all instruments. One that is not used exports nothing.
func newInstruments(m metric.Meter) (i instruments) {
	i.creates = counter(m, "enlist.creates", "{create}", "Creates of one user that ended, by their outcome.")
	i.callDuration = seconds(m, "enlist.call.duration", "Duration of calls of a Creator and its abilities, with their retries and waits.")

	i.requestDuration = seconds(m, "http.client.request.duration", "Duration of HTTP client requests.")
	i.retries = counter(m, "enlist.retries", "{request}", "Requests after the first of a call.")
	i.rateLimited = counter(m, "enlist.rate_limited", "{request}", "Requests that the vendor refused because they were too many.")
	i.limiterWait = seconds(m, "enlist.limiter.wait.duration", "Duration of the waits for a client's limiter.")
	i.limiterRate = rate(m, "enlist.limiter.rate", "Requests a second that a client's adaptive limiter lets through.")

	i.runDuration = seconds(m, "enlist.run.duration", "Duration of the work of a Provisioner on one key.")
	i.results = counter(m, "enlist.results", "{result}", "What runs did at their targets, without what they only read in the ledger.")
	i.ledgerDuration = seconds(m, "enlist.ledger.duration", "Duration of the calls of a ledger.")

	i.rowsRead = counter(m, "enlist.bulk.rows.read", "{row}", "Rows that an import has read.")
	i.rows = counter(m, "enlist.bulk.rows", "{row}", "Rows that ended, by their state at a target.")
	i.rowsAtWork = integer(m, "enlist.bulk.rows.at_work", "{row}", "Rows that an import is at work on.")
	i.laneRequests = counter(m, "enlist.lane.requests", "{request}", "Requests in the lane of a target.")
	i.laneRateLimited = counter(m, "enlist.lane.rate_limited", "{request}", "Requests in the lane of a target that the vendor refused because they were too many.")
	i.laneRate = rate(m, "enlist.lane.rate", "Requests a second that the lane of a target lets through.")
	i.lanePaused = integer(m, "enlist.lane.paused", "{target}", "1 while a target is left alone because its vendor failed too often, else 0.")
	return i
}

func counter(m metric.Meter, name, unit, description string) metric.Int64Counter {
	c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	return made(c, err)
}

func seconds(m metric.Meter, name, description string) metric.Float64Histogram {
	h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), durations)
	return made(h, err)
}

func rate(m metric.Meter, name, description string) metric.Float64Gauge {
	g, err := m.Float64Gauge(name, metric.WithUnit("{request}/s"), metric.WithDescription(description))
	return made(g, err)
}

func integer(m metric.Meter, name, unit, description string) metric.Int64Gauge {
	g, err := m.Int64Gauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	return made(g, err)
}

// made returns an instrument, which is usable also where its provider has found a fault with it.
func made[T any](instrument T, err error) T {
	if err != nil {
		otel.Handle(err)
	}
	return instrument
}
