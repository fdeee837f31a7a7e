package mixin_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// newUser creates a user at the fake and returns a client that acts as it. The keystore was written
// to a file and read back.
func newUser(t testing.TB, srv *mixintest.Server, key crypto.Signer, form mixin.KeystoreForm, http userapi.HTTPOptions) *mixin.Client {
	t.Helper()
	cfg := srv.Config()
	c := clientOf(t, cfg)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
		FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}},
	})
	require.NoError(t, err)
	resp, ok := userapi.As[*mixin.CreateUserResponse](u)
	require.True(t, ok)
	creds, err := resp.Credentials(key)
	require.NoError(t, err)
	text, err := creds.JSON(form)
	require.NoError(t, err)
	cfg.Keystore, err = mixin.ParseKeystore(text)
	require.NoError(t, err)
	http.BaseURL, http.HTTPClient = cfg.HTTP.BaseURL, cfg.HTTP.HTTPClient
	cfg.HTTP = http
	return clientOf(t, cfg)
}

func tipKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// TestAUsableUser does every step of a new user, with each form of keystore.
func TestAUsableUser(t *testing.T) {
	t.Parallel()
	for _, form := range []mixin.KeystoreForm{mixin.ClientForm, mixin.AppForm} {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			user := newUser(t, srv, tipKey(t), form, userapi.HTTPOptions{})
			ctx, tip := t.Context(), tipKey(t)

			me, err := user.Users.Me(ctx)
			require.NoError(t, err)
			assert.False(t, *me.HasPin || *me.HasSafe)
			_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip)) // none is set
			fault, is := mixin.IsPINError(err)
			assert.True(t, is)
			assert.Equal(t, mixin.PINRefused, fault)
			_, err = user.PIN.Update(ctx, mixin.PIN{}, mixin.TIPPIN(tip))
			require.NoError(t, err)
			_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip))
			require.NoError(t, err)
			_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tipKey(t)))
			require.ErrorIs(t, err, userapi.ErrInvalid, "another key")
			_, err = user.PIN.Verify(ctx, mixin.DigitsPIN("123456"))
			require.ErrorIs(t, err, userapi.ErrInvalid, "digits")
			_, err = user.Safe.Register(ctx, tip, mixin.TIPPIN(tip))
			require.NoError(t, err)

			me, err = user.Users.Me(ctx)
			require.NoError(t, err)
			assert.True(t, *me.HasPin && *me.HasSafe)
			assert.Equal(t, base64.RawURLEncoding.EncodeToString(tip[32:]), *me.TipKeyBase64)
			require.Len(t, srv.Users(), 1)
			assert.Equal(t, hex.EncodeToString(tip[32:]), srv.Users()[0].TIPKey)
			assert.True(t, srv.Users()[0].HasSafe)
		})
	}
}

// TestAUserOf2018 has an RSA session and a PIN of digits, and gets a TIP key.
func TestAUserOf2018(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	srv := mixintest.NewServer(t)
	user := newUser(t, srv, key, mixin.ClientForm, userapi.HTTPOptions{})
	ctx, tip := t.Context(), tipKey(t)
	first, second := mixin.DigitsPIN("730518"), mixin.DigitsPIN("204961")
	_, err = user.PIN.Update(ctx, mixin.PIN{}, first)
	require.NoError(t, err)
	_, err = user.PIN.Verify(ctx, first)
	require.NoError(t, err)
	_, err = user.PIN.Update(ctx, second, first)
	_, is := mixin.IsPINError(err)
	assert.True(t, is, "the wrong old PIN")
	_, err = user.PIN.Update(ctx, first, second)
	require.NoError(t, err)
	_, err = user.PIN.Verify(ctx, first)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	_, err = user.PIN.Update(ctx, second, mixin.TIPPIN(tip))
	require.NoError(t, err)
	_, err = user.PIN.Verify(ctx, mixin.TIPPIN(tip))
	require.NoError(t, err)
	_, err = user.Safe.Register(ctx, tip, mixin.TIPPIN(tip))
	require.NoError(t, err)
	assert.True(t, srv.Users()[0].HasSafe)
}

// posts counts the server's requests for a path.
func posts(srv *mixintest.Server, path string) int {
	n := 0
	for _, r := range srv.Requests() {
		if r.URI == path {
			n++
		}
	}
	return n
}

// serving runs a subtest with a server on a real socket. A stalling server is in memory, in fake
// time: the client's time-out ends the wait.
func serving(t *testing.T, name string, f userapitest.Fault, o userapitest.ServerOptions, test func(*testing.T, userapitest.ServerOptions)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if f.Do != userapitest.Stall {
			test(t, o)
			return
		}
		synctest.Test(t, func(t *testing.T) {
			o.Listener = fakehttp.NewMemory()
			test(t, o)
		})
	})
}

// TestPINFaults: on real sockets too, a written request is not written again, whatever fails and
// however many attempts are allowed.
func TestPINFaults(t *testing.T) {
	t.Parallel()
	skewed := http.Header{"X-Server-Time": {strconv.FormatInt(time.Now().Add(time.Hour).UnixNano(), 10)}}
	after := http.Header{"Retry-After": {"0"}}
	type fault = userapitest.Fault
	const unknown, refused = userapi.OutcomeUnknown, userapi.OutcomeRejected
	for name, tt := range map[string]struct {
		fault   fault
		outcome userapi.Outcome
		kind    userapi.Kind
		done    bool
	}{
		"reset, unread":  {fault{Do: userapitest.Reset}, unknown, userapi.KindUnavailable, false},
		"reset, read":    {fault{Do: userapitest.Reset, When: userapitest.BeforeCommit}, unknown, userapi.KindUnavailable, false},
		"reset, done":    {fault{Do: userapitest.Reset, When: userapitest.AfterCommit}, unknown, userapi.KindUnavailable, true},
		"hangup":         {fault{Do: userapitest.Hangup}, unknown, userapi.KindUnavailable, false},
		"hangup, done":   {fault{Do: userapitest.Hangup, When: userapitest.AfterCommit}, unknown, userapi.KindUnavailable, true},
		"time-out":       {fault{Do: userapitest.Stall, When: userapitest.BeforeCommit}, unknown, userapi.KindTimeout, false},
		"time-out, done": {fault{Do: userapitest.Stall, When: userapitest.AfterCommit}, unknown, userapi.KindTimeout, true},
		"cut off, done":  {fault{Do: userapitest.Truncate, When: userapitest.AfterCommit}, unknown, userapi.KindProtocol, true},
		"503":            {fault{Status: 503, Header: after}, unknown, userapi.KindUnavailable, false},
		"503, done":      {fault{Status: 503, When: userapitest.AfterCommit}, unknown, userapi.KindUnavailable, true},
		"401, skewed":    {fault{Status: 202, Header: skewed, Body: []byte(`{"error":{"status":202,"code":401}}`)}, refused, userapi.KindUnauthorized, false},
		"307":            {fault{Status: 307, Header: http.Header{"Location": {"/pin/update"}}}, refused, userapi.KindProtocol, false},
		"408":            {fault{Status: 408, Header: after}, unknown, userapi.KindUnavailable, false},
	} {
		for _, http2 := range []bool{false, true} {
			name := fmt.Sprintf("%s, HTTP/2 %t", name, http2)
			serving(t, name, tt.fault, userapitest.ServerOptions{HTTP2: http2}, func(t *testing.T, o userapitest.ServerOptions) {
				srv := mixintest.NewServer(t, mixintest.WithHTTP(o))
				user := newUser(t, srv, tipKey(t), mixin.AppForm, userapi.HTTPOptions{
					Retry: userapi.RetryPolicy{MaxAttempts: 10, BaseWait: time.Microsecond, MaxWait: time.Millisecond},
				})
				t.Cleanup(user.CloseIdleConnections)
				_, err := user.Users.Me(t.Context()) // reuses the connection
				require.NoError(t, err)
				injected := tt.fault
				injected.On = userapitest.Attributes
				srv.Inject(injected)

				_, err = user.PIN.Update(t.Context(), mixin.PIN{}, mixin.TIPPIN(tipKey(t)))
				e := asError(t, err)
				assert.Equal(t, tt.outcome, e.Outcome)
				if !http2 || e.Kind != userapi.KindUnavailable { // resets differ there
					assert.Equal(t, tt.kind, e.Kind)
				}
				assert.Equal(t, 1, posts(srv, "/pin/update"))
				assert.Equal(t, 1, e.Attempts)
				assert.Equal(t, tt.done, srv.Users()[0].HasPIN)
			})
		}
	}
}

// TestPINsOfManyCalls: no iterator of a client's concurrent calls is refused.
func TestPINsOfManyCalls(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	user := newUser(t, srv, tipKey(t), mixin.ClientForm, userapi.HTTPOptions{})
	tip := mixin.TIPPIN(tipKey(t))
	_, err := user.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := user.PIN.Verify(t.Context(), tip)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 50, posts(srv, "/pin/verify"))
	assert.Zero(t, srv.Users()[0].WrongPINs)
}

// TestPINsOfASkewedClock: the time in a PIN is the server's time.
func TestPINsOfASkewedClock(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, ahead(time.Hour))
	user := newUser(t, srv, tipKey(t), mixin.ClientForm, userapi.HTTPOptions{})
	tip := mixin.TIPPIN(tipKey(t))
	_, err := user.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	require.Equal(t, 1, posts(srv, "/pin/update"))
	_, err = user.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.NoError(t, err)
	_, err = user.PIN.Verify(t.Context(), tip)
	require.NoError(t, err)
}

// TestPINsOfAClockAhead: the iterator of a refused token is returned. Otherwise it would be ahead
// of all later ones, in every process.
func TestPINsOfAClockAhead(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	srv := mixintest.NewServer(t, mixintest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time {
		return time.Now().Add(-24*time.Hour + time.Duration(later.Load()))
	}}))
	key := tipKey(t)
	user := newUser(t, srv, key, mixin.ClientForm, userapi.HTTPOptions{})
	tip := mixin.TIPPIN(tipKey(t))
	_, err := user.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	_, err = user.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.NoError(t, err)
	me, err := user.Users.Me(t.Context())
	require.NoError(t, err)
	creds, err := me.Credentials(key)
	require.NoError(t, err)
	cfg := srv.Config()
	cfg.Keystore = creds.Keystore()
	restarted := clientOf(t, cfg)
	later.Store(int64(5 * time.Second))      // a Date has whole seconds, so two clients can differ by one
	_, err = restarted.Users.Me(t.Context()) // learns the time
	require.NoError(t, err)
	_, err = restarted.PIN.Verify(t.Context(), tip)
	require.NoError(t, err)
}

// TestPINsOfTwoClients: each has its own iterators. The clock orders them if the clients take
// turns. A call that failed before it was sent is not refused when it is repeated.
func TestPINsOfTwoClients(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	key := tipKey(t)
	first := newUser(t, srv, key, mixin.ClientForm, userapi.HTTPOptions{})
	tip := mixin.TIPPIN(tipKey(t))
	_, err := first.PIN.Update(t.Context(), mixin.PIN{}, tip)
	require.NoError(t, err)
	me, err := first.Users.Me(t.Context())
	require.NoError(t, err)
	creds, err := me.Credentials(key)
	require.NoError(t, err)
	cfg := srv.Config()
	cfg.Keystore = creds.Keystore()
	second, err := mixin.New(cfg)
	require.NoError(t, err)
	for range 3 {
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Status: 503})
		_, err = second.PIN.Verify(t.Context(), tip)
		require.ErrorIs(t, err, userapi.ErrUnavailable)
		_, err = first.PIN.Verify(t.Context(), tip)
		require.NoError(t, err)
		_, err = second.PIN.Verify(t.Context(), tip)
		require.NoError(t, err)
	}
	assert.Zero(t, srv.Users()[0].WrongPINs)
}

func TestBillingAtTheFake(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithPrice("0.35"), mixintest.WithCredit(2))
	cfg := srv.Config()
	cfg.RequireCredit, cfg.UserPrice = true, "0.35"
	c := clientOf(t, cfg)
	b, err := c.Billing(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []mixin.Decimal{"0.7", "0", "0", "0.35"}, []mixin.Decimal{b.Credit, b.Cost.Users, b.Cost.Resources, b.UserPrice})
	for range 2 {
		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
		require.NoError(t, err)
	}
	creates := posts(srv, "/users")
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, creates, posts(srv, "/users"), "nothing of the create was sent")
	b, err = c.Billing(t.Context())
	require.NoError(t, err)
	assert.Equal(t, mixin.Decimal("0.7"), b.Cost.Users)

	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Reset, Times: 2})
	_, err = c.Billing(t.Context())
	require.NoError(t, err, "a read is tried again")
	user := newUser(t, mixintest.NewServer(t), tipKey(t), mixin.AppForm, userapi.HTTPOptions{})
	_, err = user.Billing(t.Context())
	require.ErrorIs(t, err, userapi.ErrForbidden)
}
