package userapiotel_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapiotel"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestCall: a create that was refused once as one too many.
func TestCall(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	fake, client := chat(t, r, nil)
	fake.Inject(userapitest.Fault{On: userapitest.Create, Do: userapitest.Respond, Status: http.StatusTooManyRequests, Body: []byte(`{}`)})
	ctx, program := r.begin(t, "program")
	_, err := client.CreateUser(ctx, ada(1))
	require.NoError(t, err)
	program.End()

	call := r.one(t, "create user")
	assert.Equal(t, program.SpanContext().SpanID(), call.Parent().SpanID())
	assert.Equal(t, trace.SpanKindInternal, call.SpanKind())
	assert.Equal(t, codes.Unset, call.Status().Code)
	assert.Equal(t, "enlist.operation=create user,enlist.outcome=ok,enlist.vendor=quickblox", show(call.Attributes()))

	requests := r.named("POST /users.json")
	require.Len(t, requests, 2)
	_, port, _ := cutAddress(fake.URL())
	server := "server.address=127.0.0.1,server.port=" + port + ",url.template=/users.json"
	for i, want := range []string{
		"enlist.attempt=1,enlist.kind=rate_limited,enlist.operation=create user,enlist.outcome=rejected,enlist.vendor=quickblox,error.type=429," +
			"http.request.method=POST,http.response.status_code=429," + server,
		"enlist.attempt=2,enlist.operation=create user,enlist.vendor=quickblox,http.request.method=POST,http.request.resend_count=1,http.response.status_code=201," + server,
	} {
		s := requests[i]
		assert.Equal(t, want, show(s.Attributes()))
		assert.Equal(t, call.SpanContext().SpanID(), s.Parent().SpanID())
		assert.Equal(t, trace.SpanKindClient, s.SpanKind())
		assert.False(t, s.StartTime().Before(call.StartTime()))
		assert.False(t, s.EndTime().After(call.EndTime()))
		assert.True(t, s.EndTime().After(s.StartTime()))
	}
	assert.Equal(t, codes.Error, requests[0].Status().Code)
	assert.Empty(t, requests[0].Status().Description)
	assert.Equal(t, codes.Unset, requests[1].Status().Code)

	m := r.metrics(t)
	assert.Equal(t, map[string]float64{"enlist.outcome=ok,enlist.vendor=quickblox": 1}, of(m, "enlist.creates"))
	assert.Equal(t, map[string]float64{"enlist.operation=create user,enlist.outcome=ok,enlist.vendor=quickblox": 1}, of(m, "enlist.call.duration"))
	assert.Equal(t, map[string]float64{"enlist.operation=create user,enlist.vendor=quickblox": 1}, of(m, "enlist.retries"))
	assert.Equal(t, map[string]float64{"enlist.operation=create user,enlist.vendor=quickblox": 1}, of(m, "enlist.rate_limited"))
	assert.Len(t, of(m, "http.client.request.duration"), 2)
}

// TestOutcomes: each outcome is counted under its own name, and so is each ability.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	fake, client := chat(t, r, nil)
	_, err := client.CreateUser(t.Context(), ada(1))
	require.NoError(t, err)
	_, err = client.CreateUser(t.Context(), ada(1))
	require.ErrorIs(t, err, userapi.ErrConflict)
	fake.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err = client.CreateUser(t.Context(), ada(2))
	require.True(t, userapi.MayHaveCreated(err))
	_, err = client.CreateUser(t.Context(), userapi.CreateUserRequest{})
	require.ErrorIs(t, err, userapi.ErrInvalid)

	look, ok := userapi.Ability[userapi.Resolver](client)
	require.True(t, ok)
	u, err := look.ResolveUser(t.Context(), ada(2), time.Time{})
	require.NoError(t, err)
	deleter, ok := userapi.Ability[userapi.Deleter](client)
	require.True(t, ok)
	require.NoError(t, deleter.DeleteUser(t.Context(), u.ID))
	repeater, ok := userapi.Ability[userapi.Repeater](client)
	require.True(t, ok)
	_, err = repeater.RepeatUser(t.Context(), ada(2))
	require.NoError(t, err)

	m := r.metrics(t)
	assert.Equal(t, map[string]float64{
		"enlist.outcome=ok,enlist.vendor=quickblox":                              2,
		"enlist.kind=conflict,enlist.outcome=rejected,enlist.vendor=quickblox":   1,
		"enlist.kind=unavailable,enlist.outcome=unknown,enlist.vendor=quickblox": 1,
		"enlist.kind=invalid,enlist.outcome=not_sent,enlist.vendor=quickblox":    1,
	}, of(m, "enlist.creates"))
	calls := of(m, "enlist.call.duration")
	assert.Len(t, calls, 7)
	assert.InDelta(t, 1, calls["enlist.operation=resolve user,enlist.outcome=ok,enlist.vendor=quickblox"], 0)
	assert.InDelta(t, 1, calls["enlist.operation=repeat user,enlist.outcome=ok,enlist.vendor=quickblox"], 0)
	assert.InDelta(t, 1, calls["enlist.operation=delete user,enlist.outcome=ok"], 0)
	lost := r.named("create user")[2]
	assert.Equal(t, codes.Error, lost.Status().Code)
	assert.Equal(t, "enlist.attempts=1,enlist.kind=unavailable,enlist.operation=create user,enlist.outcome=unknown,enlist.vendor=quickblox,error.type=unavailable", show(lost.Attributes()))
}

// TestBatch: each user of a batch counts.
func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	fake := fusionauthtest.NewServer(t)
	client, err := fusionauth.New(fake.Config())
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	batches, ok := userapi.Ability[userapi.BatchCreator](userapiotel.Wrap(client, r.options()...))
	require.True(t, ok)
	reqs := []userapi.CreateUserRequest{ada(1), ada(2), {}}
	for i := range reqs[:2] {
		reqs[i].Extensions = nil
	}
	results := batches.CreateUsers(t.Context(), reqs)
	require.Len(t, results, 3)
	total := 0.0
	for _, n := range of(r.metrics(t), "enlist.creates") {
		total += n
	}
	assert.InDelta(t, 3, total, 0)
	assert.Contains(t, show(r.one(t, "create users").Attributes()), "enlist.batch.size=3")
}

// TestAbilities: the wrapper has what the client has, and no more.
func TestAbilities(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, client := chat(t, r, nil)
	_, plans := userapi.Ability[userapi.Planner](client)
	_, finishes := userapi.Ability[userapi.Finisher](client)
	native, unwraps := userapi.Ability[*quickblox.Client](client)
	assert.True(t, plans)
	assert.False(t, finishes)
	assert.True(t, unwraps)
	assert.NotNil(t, native)
	bare := userapiotel.Wrap(userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { return nil, nil }), r.options()...)
	for name, has := range map[string]bool{
		"Resolver": can[userapi.Resolver](bare), "Repeater": can[userapi.Repeater](bare), "Finisher": can[userapi.Finisher](bare),
		"Deleter": can[userapi.Deleter](bare), "BatchCreator": can[userapi.BatchCreator](bare),
	} {
		assert.False(t, has, name)
	}
}

func can[T any](c userapi.Creator) bool {
	_, ok := userapi.Ability[T](c)
	return ok
}

// TestForeignErrors: of an error that is none of ours, and of a panic, nothing is shown but that.
func TestForeignErrors(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	var c userapi.Creator = userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		if req.Username == "" {
			panic("planted")
		}
		return nil, errors.New("planted")
	})
	c = userapiotel.Wrap(c, r.options()...)
	_, err := c.CreateUser(t.Context(), ada(1))
	require.EqualError(t, err, "planted", "it is the creator's own")
	assert.PanicsWithValue(t, "planted", func() { _, _ = c.CreateUser(t.Context(), userapi.CreateUserRequest{}) })
	assert.Equal(t, map[string]float64{"enlist.kind=unknown,enlist.outcome=unknown": 1, "enlist.kind=panic,enlist.outcome=unknown": 1}, of(r.metrics(t), "enlist.creates"))
	assert.Len(t, r.named("create user"), 2)
	assert.NotContains(t, r.exported(t), "planted")
}

// TestGlobalProviders: without options the global providers are used, which do nothing by default.
func TestGlobalProviders(t *testing.T) {
	t.Parallel()
	c := userapiotel.Wrap(userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
		return &userapi.User{ID: "1"}, nil
	}), nil, userapiotel.WithMeterProvider(nil), userapiotel.WithTracerProvider(nil))
	u, err := c.CreateUser(t.Context(), ada(1))
	require.NoError(t, err)
	assert.Equal(t, "1", u.ID)
}
