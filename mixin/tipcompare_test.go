package mixin_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// otherClient returns the Config of another client of newUser's user, with the session key key.
func otherClient(t testing.TB, srv *mixintest.Server, user *mixin.Client, key crypto.Signer) mixin.Config {
	t.Helper()
	me, err := user.Users.Me(t.Context())
	require.NoError(t, err)
	creds, err := me.Credentials(key)
	require.NoError(t, err)
	cfg := srv.Config()
	cfg.Keystore = creds.Keystore()
	return cfg
}

// withTIP returns a user with a TIP key, and the Config of a client that does not know it.
func withTIP(t testing.TB, srv *mixintest.Server, pin mixin.PIN) mixin.Config {
	t.Helper()
	session := tipKey(t)
	user := newUser(t, srv, session, mixin.AppForm, userapi.HTTPOptions{})
	_, err := user.PIN.Update(t.Context(), mixin.PIN{}, pin)
	require.NoError(t, err)
	return otherClient(t, srv, user, session)
}

func sentPINs(srv *mixintest.Server) int {
	return posts(srv, "/pin/update") + posts(srv, "/pin/verify") + posts(srv, "/safe/users")
}

// TestAnotherTIPKeyIsNotSent: a PIN that would count is first compared with the user's profile.
func TestAnotherTIPKeyIsNotSent(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	tip, another := tipKey(t), tipKey(t)
	cfg := withTIP(t, srv, mixin.TIPPIN(tip))
	before := sentPINs(srv)
	for name, call := range map[string]func(context.Context, *mixin.Client) (*mixin.GetUserResponse, error){
		"pin_base64": func(ctx context.Context, c *mixin.Client) (*mixin.GetUserResponse, error) {
			return c.PIN.Verify(ctx, mixin.TIPPIN(another))
		},
		"pin_base64 too": func(ctx context.Context, c *mixin.Client) (*mixin.GetUserResponse, error) {
			return c.Safe.Register(ctx, tip, mixin.TIPPIN(another))
		},
		"pin": func(ctx context.Context, c *mixin.Client) (*mixin.GetUserResponse, error) {
			return c.PIN.Verify(ctx, mixin.DigitsPIN("730518"))
		},
		"old_pin": func(ctx context.Context, c *mixin.Client) (*mixin.GetUserResponse, error) {
			return c.PIN.Update(ctx, mixin.DigitsPIN("730518"), mixin.DigitsPIN("204961"))
		},
		"old_pin_base64": func(ctx context.Context, c *mixin.Client) (*mixin.GetUserResponse, error) {
			return c.PIN.Update(ctx, mixin.DigitsPIN("730518"), mixin.TIPPIN(another))
		},
	} {
		c, err := mixin.New(cfg)
		require.NoError(t, err)
		for range 6 { // five would lock the PIN
			_, err = call(t.Context(), c)
			var e *userapi.Error
			require.ErrorAs(t, err, &e, name)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			require.Len(t, e.FieldErrors, 1)
			assert.Contains(t, name, e.FieldErrors[0].VendorField)
			_, is := mixin.IsPINError(err)
			assert.False(t, is, "Mixin was not asked")
		}
	}
	assert.Equal(t, before, sentPINs(srv))
	assert.Zero(t, srv.Users()[0].WrongPINs)

	c, err := mixin.New(cfg)
	require.NoError(t, err)
	reads := posts(srv, "/me")
	for range 3 {
		_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(tip))
		require.NoError(t, err)
	}
	_, err = c.Safe.Register(t.Context(), tip, mixin.TIPPIN(tip))
	require.NoError(t, err)
	assert.Equal(t, reads+1, posts(srv, "/me"), "a TIP key never changes: it is read once")
}

// TestTIPKeysOf32Bytes: some clients use the same text as a seed, others as a scalar. The client
// finds out what the user's key is.
func TestTIPKeysOf32Bytes(t *testing.T) {
	t.Parallel()
	raw := tipKey(t).Seed()
	raw[31] &= 0x0f // below the order of the curve, as for one seed in 16
	scalar, err := mixin.NewScalarKey(raw)
	require.NoError(t, err)
	for how, tip := range map[string]crypto.Signer{"seed": ed25519.NewKeyFromSeed(raw), "scalar": scalar} {
		for enc, text := range map[string]string{
			"hex": hex.EncodeToString(raw), "base64": base64.StdEncoding.EncodeToString(raw), "raw url": base64.RawURLEncoding.EncodeToString(raw),
		} {
			t.Run(how+", "+enc, func(t *testing.T) {
				t.Parallel()
				srv := mixintest.NewServer(t)
				cfg := withTIP(t, srv, mixin.TIPPIN(tip))
				cfg.Keystore.PIN = userapi.Secret(text)
				c := clientOf(t, cfg)
				pin, err := mixin.ParsePIN(cfg.Keystore.PIN)
				require.NoError(t, err)
				_, err = c.PIN.Verify(t.Context(), pin)
				require.NoError(t, err)
				me, err := c.Users.Me(t.Context())
				require.NoError(t, err)
				spend, err := mixin.ParseTIPKey(cfg.Keystore.PIN, *me.TipKeyBase64)
				require.NoError(t, err)
				_, err = c.Safe.Register(t.Context(), spend, pin)
				require.NoError(t, err)
				assert.True(t, srv.Users()[0].HasSafe)
				assert.Zero(t, srv.Users()[0].WrongPINs)
			})
		}
	}
	t.Run("a new one is the seed's", func(t *testing.T) {
		t.Parallel()
		srv := mixintest.NewServer(t)
		pin, err := mixin.ParsePIN(raw)
		require.NoError(t, err)
		withTIP(t, srv, pin)
		assert.Equal(t, hex.EncodeToString(ed25519.NewKeyFromSeed(raw)[32:]), srv.Users()[0].TIPKey)
	})
}

// TestPINWithoutAProfile: nothing is sent on a guess, unless Mixin does not show the profile.
func TestPINWithoutAProfile(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	tip := tipKey(t)
	cfg := withTIP(t, srv, mixin.TIPPIN(tip))
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 2, BaseWait: time.Microsecond, MaxWait: time.Millisecond}
	c := clientOf(t, cfg)
	before := sentPINs(srv)
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, When: userapitest.BeforeRead, Status: 503, Times: 2})
	_, err := c.PIN.Verify(t.Context(), mixin.TIPPIN(tip))
	e := asError(t, err)
	assert.Equal(t, userapi.KindUnavailable, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Equal(t, "verify PIN", e.Op)
	assert.Equal(t, before, sentPINs(srv))
	_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(tip))
	require.NoError(t, err, "the next call reads it")

	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return httpmock.NewStringResponse(202, `{"error":{"status":202,"code":403,"description":"Forbidden."}}`), nil
		}
		return next.RoundTrip(r)
	})
	c, err = mixin.New(cfg)
	require.NoError(t, err)
	_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(tipKey(t)))
	fault, _ := mixin.IsPINError(err)
	assert.Equal(t, mixin.PINRefused, fault, "Mixin decides")
	open, err := mixin.ParsePIN(append(tip.Seed()[:31:31], 1))
	require.NoError(t, err)
	before = sentPINs(srv)
	_, err = c.PIN.Verify(t.Context(), open)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	require.ErrorContains(t, err, "a seed or a scalar")
	assert.Equal(t, before, sentPINs(srv), "one of two keys is not guessed")
	_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(tip))
	require.NoError(t, err)
}

// TestIteratorsAhead: another program's clock and iterators were ahead.
func TestIteratorsAhead(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	tip := mixin.TIPPIN(tipKey(t))
	cfg := withTIP(t, srv, tip)
	verify := func(c *mixin.Client) error { _, err := c.PIN.Verify(t.Context(), tip); return err }
	ahead := clientOf(t, cfg)
	hours := uint64(time.Now().Add(3 * time.Hour).UnixNano())
	require.NoError(t, ahead.PIN.StartAt(hours))
	require.NoError(t, verify(ahead))

	c := clientOf(t, cfg)
	for range 6 {
		fault, _ := mixin.IsPINError(verify(c))
		require.Equal(t, mixin.PINRefused, fault)
	}
	assert.Zero(t, srv.Users()[0].WrongPINs, "an iterator does not count")
	require.NoError(t, c.PIN.StartAt(hours+10))
	require.NoError(t, verify(c))
	require.NoError(t, verify(c), "each is one more")
	require.NoError(t, c.PIN.StartAt(0))
	require.NoError(t, c.PIN.StartAt(1), "it never goes back")
	require.NoError(t, verify(c))

	cfg.PINIterator = hours + 1000
	restarted := clientOf(t, cfg)
	require.NoError(t, verify(restarted))
	cfg.PINIterator = math.MaxInt64 + 1
	_, err := mixin.New(cfg)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	require.ErrorContains(t, err, "PINIterator")
	app := clientOf(t, mixin.Config{Keystore: mixin.Keystore{UserID: deviceID, SessionID: deviceID, PrivateKey: tipKey(t)}})
	require.ErrorIs(t, app.PIN.StartAt(1), userapi.ErrInvalid, "no PIN can be encrypted with that keystore")
}
