package userapiotel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// events returns the events of a span, one in a line.
func events(s sdktrace.ReadOnlySpan) (all []string) {
	for _, e := range s.Events() {
		all = append(all, e.Name+" "+show(e.Attributes))
	}
	return all
}

// TestRun: a run has below it what it does at the ledger and at the vendor.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, client := chat(t, r, nil)
	p := provisioner(t, r, new(provision.Memory), client)
	ctx, program := r.begin(t, "program")
	_, err := p.CreateUser(ctx, ada(1))
	require.NoError(t, err)

	own := r.one(t, "provision CreateUser")
	assert.Equal(t, program.SpanContext().SpanID(), own.Parent().SpanID())
	assert.Equal(t, "enlist.call=CreateUser", show(own.Attributes()))
	assert.Equal(t, []string{"result enlist.disposition=created,enlist.target=chat"}, events(own))
	assert.Empty(t, own.Links())
	for _, s := range append(append(r.named("ledger load"), r.named("ledger store")...), r.named("create user")...) {
		assert.Equal(t, own.SpanContext().SpanID(), s.Parent().SpanID(), s.Name())
	}
	assert.Equal(t, "enlist.operation=load,enlist.records=0", show(r.named("ledger load")[0].Attributes()))
	assert.Equal(t, "enlist.operation=store,enlist.records=1", show(r.named("ledger store")[0].Attributes()))

	_, err = p.CreateUser(ctx, ada(1)) // which sends nothing
	require.NoError(t, err)
	m := r.metrics(t)
	assert.Equal(t, map[string]float64{"enlist.disposition=created,enlist.target=chat": 1}, of(m, "enlist.results"))
	assert.Equal(t, map[string]float64{"enlist.call=CreateUser": 2}, of(m, "enlist.run.duration"))
	assert.InDelta(t, 2, of(m, "enlist.ledger.duration")["enlist.operation=store"], 0)
}

// losing gives a client a connection that loses the first reply, and is down from then on.
func losing(o *userapi.HTTPOptions) {
	o.HTTPClient = &http.Client{Transport: &line{RoundTripper: new(http.Transport)}}
}

type line struct {
	http.RoundTripper
	cut atomic.Bool
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.cut.Swap(true) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
	}
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// TestResumedRunIsLinked: what another process goes on with has a link to the run that began it.
func TestResumedRunIsLinked(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	first, second := newRecorder(), newRecorder()
	fake, client := chat(t, first, losing)
	_, err := provisioner(t, first, ledger, client).CreateUser(t.Context(), ada(1))
	require.True(t, userapi.MayHaveCreated(err))
	begun := first.one(t, "provision CreateUser")
	assert.Equal(t, codes.Error, begun.Status().Code)
	assert.Equal(t, []string{"result enlist.disposition=unknown,enlist.kind=unavailable,enlist.target=chat"}, events(begun))

	// Another process.
	p := provisioner(t, second, ledger, clientOf(t, second, fake, nil))
	_, err = p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { return ada(1), nil })
	require.NoError(t, err)
	resumed := second.one(t, "provision Resume")
	require.Len(t, resumed.Links(), 1)
	link := resumed.Links()[0]
	assert.Equal(t, begun.SpanContext().TraceID(), link.SpanContext.TraceID())
	assert.Equal(t, begun.SpanContext().SpanID(), link.SpanContext.SpanID())
	assert.Equal(t, "enlist.link=earlier run", show(link.Attributes))
	assert.NotEqual(t, begun.SpanContext().TraceID(), resumed.SpanContext().TraceID())
}

// A many is a ledger that loads many keys at once.
type many struct{ provision.Memory }

func (m *many) LoadMany(ctx context.Context, keys []string) (all []provision.Record, err error) {
	for _, key := range keys {
		records, err := m.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// TestMarks: the mark stands in the ledger while the record is open, and is seen by nobody above it.
func TestMarks(t *testing.T) {
	t.Parallel()
	r, plain := newRecorder(), new(many)
	l := userapiotel.Ledger(plain, r.options()...)
	ctx, span := r.begin(t, "program")
	record := func(target string, state provision.State, owner string) provision.Record {
		return provision.Record{Key: "k", Target: target, State: state, Owner: owner}
	}
	long := strings.Repeat("x", 1000)
	given := []provision.Record{
		record("done", provision.StateCreated, "me"), record("long", provision.StateUnknown, long),
		record("open", provision.StateInFlight, "me"), record("queued", provision.StateQueued, ""),
	}
	require.NoError(t, l.Store(ctx, given...))
	assert.Equal(t, "me", given[2].Owner, "the caller's records are not changed")
	owners := func(l provision.Ledger) (all []string) {
		records, err := l.Load(t.Context(), "k")
		require.NoError(t, err)
		for _, r := range records {
			all = append(all, r.Owner)
		}
		return all
	}
	sc := span.SpanContext()
	mark := ";00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-01"
	assert.Equal(t, []string{"me", long, "me" + mark, mark}, owners(plain))
	assert.Equal(t, []string{"me", long, "me", ""}, owners(l))
	loaded, err := l.(provision.ManyLoader).LoadMany(t.Context(), []string{"k"})
	require.NoError(t, err)
	assert.Equal(t, "me", loaded[2].Owner)

	unsampled := userapiotel.Ledger(new(provision.Memory), r.options()...)
	never, _ := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("test").Start(t.Context(), "x")
	require.NoError(t, unsampled.Store(never, record("open", provision.StateInFlight, "me")))
	assert.Equal(t, []string{"me"}, owners(unsampled))
}

// TestRunIsNotLinkedToItself: what a run reads of its own is no earlier run.
func TestRunIsNotLinkedToItself(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	ledger := userapiotel.Ledger(new(provision.Memory), r.options()...)
	p, err := provision.New(ledger, []provision.Target{{Name: "chat", Creator: userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		records, err := ledger.Load(ctx, req.IdempotencyKey)
		assert.NoError(t, err)
		assert.Equal(t, provision.StateInFlight, records[0].State)
		return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
	})}}, provision.RequestKeys("0123456789abcdef"), userapiotel.Runs(r.options()...))
	require.NoError(t, err)
	_, err = p.CreateUser(t.Context(), ada(1))
	require.NoError(t, err)
	assert.Empty(t, r.one(t, "provision CreateUser").Links())
}

// TestMixedProcesses: one process that has the ledger wrapped and one that has not work on the same key.
func TestMixedProcesses(t *testing.T) {
	t.Parallel()
	for _, wrappedFirst := range []bool{true, false} {
		r, ledger := newRecorder(), new(provision.Memory)
		fake, broken := chat(t, r, losing)
		process := func(wrapped bool, c userapi.Creator, name string) *provision.Provisioner {
			if wrapped {
				return provisioner(t, r, ledger, c, provision.Alone(name))
			}
			p, err := provision.New(ledger, []provision.Target{{Name: "chat", Creator: c}},
				provision.RequestKeys("0123456789abcdef"), provision.Patience(0), provision.Alone(name))
			require.NoError(t, err)
			return p
		}
		_, err := process(wrappedFirst, broken, "a").CreateUser(t.Context(), ada(1))
		require.True(t, userapi.MayHaveCreated(err))
		results, err := process(!wrappedFirst, clientOf(t, r, fake, nil), "b").CreateUser(t.Context(), ada(1))
		require.NoError(t, err)
		assert.Equal(t, provision.DispositionRecovered, results[0].Disposition)
		assert.Equal(t, 1, fake.UserCount())
		assert.Empty(t, r.one(t, "provision CreateUser").Links(), "no earlier run had a span")
	}
}

// TestSeveralRuns: many at once, on one key and on others, make one user each.
func TestSeveralRuns(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	fake, client := chat(t, r, nil)
	p := provisioner(t, r, new(provision.Memory), client)
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			_, err := p.CreateUser(t.Context(), ada(n/2))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 8, fake.UserCount())
}

// TestNewTraces: each run is a trace of its own, with a link to the caller.
func TestNewTraces(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, client := chat(t, r, nil)
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: client}},
		userapiotel.Runs(append(r.options(), userapiotel.WithNewTraces())...))
	require.NoError(t, err)
	ctx, program := r.begin(t, "program")
	_, err = p.CreateUser(ctx, ada(1))
	require.NoError(t, err)
	own := r.one(t, "provision CreateUser")
	assert.NotEqual(t, program.SpanContext().TraceID(), own.SpanContext().TraceID())
	require.Len(t, own.Links(), 1)
	assert.Equal(t, program.SpanContext().SpanID(), own.Links()[0].SpanContext.SpanID())
	assert.Equal(t, own.SpanContext().TraceID(), r.one(t, "create user").SpanContext().TraceID())
}

// A broken ledger fails with a text that has values in it, as databases do.
type broken struct {
	provision.Memory
	err error
}

func (b *broken) Load(context.Context, string) ([]provision.Record, error)       { return nil, b.err }
func (b *broken) Store(context.Context, ...provision.Record) error               { return b.err }
func (b *broken) ListOpen(context.Context, string, int) ([]string, error)        { return nil, b.err }
func (b *broken) LoadMany(context.Context, []string) ([]provision.Record, error) { return nil, b.err }

// TestLedgerErrors: of an error of a ledger its kind is shown.
func TestLedgerErrors(t *testing.T) {
	t.Parallel()
	for kind, err := range map[string]error{
		"stale": provision.ErrStale, "canceled": context.Canceled, "timeout": context.DeadlineExceeded,
		"unavailable": errors.New("planted"), "rate_limited": &userapi.Error{Kind: userapi.KindRateLimited},
	} {
		r := newRecorder()
		l := userapiotel.Ledger(&broken{err: errors.Join(err, errors.New("planted"))}, r.options()...)
		_, loads := l.Load(t.Context(), "k")
		_, lists := l.ListOpen(t.Context(), "", 1)
		_, loadsMany := l.(provision.ManyLoader).LoadMany(t.Context(), nil)
		for _, failed := range []error{loads, lists, loadsMany, l.Store(t.Context())} {
			require.ErrorIs(t, failed, err)
		}
		got := of(r.metrics(t), "enlist.ledger.duration")
		assert.Len(t, got, 4)
		for _, step := range []string{"load", "load many", "list open", "store"} {
			assert.InDelta(t, 1, got["enlist.kind="+kind+",enlist.operation="+step], 0, step)
		}
		assert.NotContains(t, r.exported(t), "planted")
	}
}

// TestObserveOpen: what is open is counted while it is, and its age is that of the oldest.
func TestObserveOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, ledger := newRecorder(), new(many)
		store := func(records ...provision.Record) { require.NoError(t, ledger.Store(t.Context(), records...)) }
		began := time.Now().Add(-time.Hour)
		for _, key := range []string{"a", "b"} {
			store(provision.Record{Key: key, Target: "chat", State: provision.StateUnknown, Started: began.Add(time.Duration(key[0]) * time.Second)},
				provision.Record{Key: key, Target: "crm", State: provision.StateQueued, Changed: time.Now().Add(-time.Minute)},
				provision.Record{Key: key, Target: "done", State: provision.StateCreated})
		}
		registered, err := userapiotel.ObserveOpen(ledger, r.options()...)
		require.NoError(t, err)
		m := r.metrics(t)
		assert.Equal(t, map[string]float64{"enlist.state=queued,enlist.target=crm": 2, "enlist.state=unknown,enlist.target=chat": 2}, of(m, "enlist.ledger.open"))
		ages := of(m, "enlist.ledger.open.age")
		assert.InDelta(t, (time.Hour - 'a'*time.Second).Seconds(), ages["enlist.state=unknown,enlist.target=chat"], 0)
		assert.InDelta(t, time.Minute.Seconds(), ages["enlist.state=queued,enlist.target=crm"], 0)

		for _, key := range []string{"a", "b"} {
			store(provision.Record{Key: key, Target: "chat", Revision: 1, State: provision.StateRecovered})
		}
		m = r.metrics(t)
		assert.Equal(t, map[string]float64{"enlist.state=queued,enlist.target=crm": 2, "enlist.state=unknown,enlist.target=chat": 0}, of(m, "enlist.ledger.open"))
		assert.InDelta(t, 0, of(m, "enlist.ledger.open.age")["enlist.state=unknown,enlist.target=chat"], 0)
		require.NoError(t, registered.Unregister())
		assert.Empty(t, of(r.metrics(t), "enlist.ledger.open"))
	})
}

// TestConformance: what the ledger is around stays one.
func TestConformance(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	ctx, span := r.begin(t, "program")
	defer span.End()
	ledgertest.Run(t, ledgertest.Harness{New: func(testing.TB) provision.Ledger {
		return inSpan{userapiotel.Ledger(new(provision.Memory), r.options()...), trace.SpanFromContext(ctx)}
	}})
}

// inSpan has all records stored by a span, so that each is marked.
type inSpan struct {
	provision.Ledger
	span trace.Span
}

func (l inSpan) Store(ctx context.Context, records ...provision.Record) error {
	return l.Ledger.Store(trace.ContextWithSpan(ctx, l.span), records...)
}

// TestRunWithoutResults: the span of a run that panicked, or could not begin, has ended, and failed.
func TestRunWithoutResults(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	p := provisioner(t, r, new(provision.Memory), userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { panic("planted") }))
	assert.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ada(1)) })
	_, err := p.Undo(t.Context(), "no such key")
	require.Error(t, err)
	for _, name := range []string{"provision CreateUser", "provision Undo"} {
		s := r.one(t, name)
		assert.Equal(t, codes.Error, s.Status().Code)
		assert.Contains(t, show(s.Attributes()), "error.type=unknown")
	}
	assert.NotContains(t, r.exported(t), "planted")
}
