// Package userapiotel makes OpenTelemetry traces and metrics of calls to vendors, of HTTP requests, of runs on a
// ledger and of imports.
//
//	config := quickblox.Config{APIKey: key}
//	config.HTTP = userapiotel.Options(quickblox.Name, config.HTTP)
//	client, err := quickblox.New(config)
//	chat := userapiotel.Wrap(client)
//
// With a ledger:
//
//	traced := userapiotel.Ledger(ledger)
//	p, err := provision.New(traced, []provision.Target{{Name: "chat", Creator: chat}},
//		provision.RequestKeys(key), userapiotel.Runs())
//	registration, err := userapiotel.ObserveOpen(traced)
//
// An import:
//
//	report, err := bulk.Run(ctx, p, userapiotel.Job(job), source)
//
// Each function works without the others. By default they use the global providers of package otel.
// [WithTracerProvider] and [WithMeterProvider] set others.
//
// # What is never exported
//
// No span and no metric has a value of a request or a reply: no name, address, password, key, user's id,
// request id or query, and no text of an error. Attributes are words of fixed sets, names that the program
// chose for its targets, numbers, hosts, and paths as templates.
//
// Nothing is added to what is sent: vendors get no trace id.
//
// # Spans
//
//	span                        kind      made by   what it is
//	provision CreateUser, ...   internal  Runs      a run on one key, by the method that began it. A row of an import is
//	                                                one run, or several where it is tried again
//	create user, resolve user,  internal  Wrap      a call of a Creator or of an ability, with its retries
//	repeat user, finish user,
//	delete user, create users
//	POST /users.json, ...       client    Options   one HTTP request
//	ledger load, ledger store,  internal  Ledger    a step at the ledger
//	ledger list open, ...
//
// A span is below the one that made the call. That of a run has an event named result for each target, and
// links:
//
//	enlist.link    to
//	earlier run    the run before it with the same key, which Ledger finds in the ledger
//	caller         the span of the caller, with WithNewTraces
//
// The attributes of spans, beside OpenTelemetry's http.request.method, http.request.resend_count,
// http.response.status_code, server.address, server.port, url.template and error.type:
//
//	attribute            what it is
//	enlist.vendor        the vendor, such as quickblox
//	enlist.operation     what was tried, such as create user
//	enlist.outcome       ok, or the userapi.Outcome of the error: not_sent, rejected, created, unknown
//	enlist.kind          the userapi.Kind of the error, such as rate_limited. At a ledger also stale. Of a
//	                     call that did not return: panic
//	enlist.attempt       of a request: its number in the call, from 1
//	enlist.attempts      of a call that failed: how many requests it took
//	enlist.batch.size    of create users: how many
//	enlist.call          of a run: CreateUser, Continue, Retry, Resume or Undo
//	enlist.target        of a result: the target's name
//	enlist.disposition   of a result: its provision.Disposition
//	enlist.state         of records, their provision.State; of rows, their state as package bulk has it
//	enlist.records       of a step at the ledger: how many records, or keys
//
// A look-up that finds no user, or has nothing to ask by, is not an error of its span.
//
// error.type is the status where that is an error, else the kind. Mixin refuses with status 200 or 202: go by
// enlist.kind.
//
// # Metrics
//
//	instrument                    type       unit         attributes
//	enlist.creates                counter    {create}     vendor, outcome, kind
//	enlist.call.duration          histogram  s            vendor, operation, outcome, kind
//	http.client.request.duration  histogram  s            vendor, operation, outcome, kind, and those of HTTP
//	enlist.retries                counter    {request}    vendor, operation
//	enlist.rate_limited           counter    {request}    vendor, operation
//	enlist.limiter.wait.duration  histogram  s            vendor
//	enlist.limiter.rate           gauge      {request}/s  vendor
//	enlist.run.duration           histogram  s            call
//	enlist.results                counter    {result}     target, disposition, kind
//	enlist.ledger.duration        histogram  s            operation, kind
//	enlist.ledger.open            gauge      {record}     target, state
//	enlist.ledger.open.age        gauge      s            target, state
//	enlist.bulk.rows.read         counter    {row}
//	enlist.bulk.rows              counter    {row}        target, state
//	enlist.bulk.rows.at_work      gauge      {row}
//	enlist.lane.requests          counter    {request}    target
//	enlist.lane.rate_limited      counter    {request}    target
//	enlist.lane.rate              gauge      {request}/s  target
//	enlist.lane.paused            gauge      {target}     target
//
// The attributes are short for enlist.vendor and so on. enlist.creates counts each user of a batch.
// enlist.ledger.open with the state unknown counts the users that may or may not exist, and
// enlist.ledger.open.age is the age of the oldest. enlist.limiter.rate is that of a [userapi.Adaptive]. The
// metrics of lanes and rows are those of the process that runs the import.
//
// Prometheus gets all of them by OpenTelemetry's own exporter,
// go.opentelemetry.io/otel/exporters/prometheus, as the example shows. It writes enlist_creates_total for
// enlist.creates and enlist_call_duration_seconds for enlist.call.duration. The folder deploy of this
// repository has a dashboard for Grafana and alerts.
package userapiotel
