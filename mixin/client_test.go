package mixin_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// sessionKeys calls a function for each key.
type sessionKeys func(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error)

func (f sessionKeys) SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	return f(ctx, req)
}

func TestNewFaults(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sign := mixin.TokenSignerFunc(func(context.Context, []byte) ([]byte, error) { return nil, nil })
	for name, tt := range map[string]struct {
		change func(*mixin.Config)
		fields map[string]string // by field: the code
	}{
		"nothing": {
			func(c *mixin.Config) { *c = mixin.Config{} },
			map[string]string{"Config": "required", "Config.Keystore.UserID": "required", "Config.Keystore.SessionID": "required"},
		},
		"two keys":         {func(c *mixin.Config) { c.TokenSigner = sign }, map[string]string{"Config": "required"}},
		"no key":           {func(c *mixin.Config) { c.Keystore.PrivateKey = nil }, map[string]string{"Config": "required"}},
		"nil RSA key":      {func(c *mixin.Config) { c.Keystore.PrivateKey = (*rsa.PrivateKey)(nil) }, map[string]string{"Config.Keystore.PrivateKey": "invalid"}},
		"nil Ed25519 key":  {func(c *mixin.Config) { c.Keystore.PrivateKey = ed25519.PrivateKey(nil) }, map[string]string{"Config.Keystore.PrivateKey": "invalid"}},
		"a seed":           {func(c *mixin.Config) { c.Keystore.PrivateKey = ed25519.PrivateKey(appKey().Seed()) }, map[string]string{"Config.Keystore.PrivateKey": "invalid"}},
		"ECDSA":            {func(c *mixin.Config) { c.Keystore.PrivateKey = ec }, map[string]string{"Config.Keystore.PrivateKey": "invalid"}},
		"nil token signer": {func(c *mixin.Config) { c.Keystore.PrivateKey, c.TokenSigner = nil, mixin.TokenSignerFunc(nil) }, map[string]string{"Config.TokenSigner": "invalid"}},
		"nil session keys": {func(c *mixin.Config) { c.SessionKeys = sessionKeys(nil) }, map[string]string{"Config.SessionKeys": "invalid"}},
		"ids": {
			func(c *mixin.Config) {
				c.Keystore.UserID, c.Keystore.SessionID, c.DeviceID = "7000", "{"+sessionID+"}", userID+"\r\nX: y"
			},
			map[string]string{"Config.Keystore.UserID": "invalid", "Config.Keystore.SessionID": "invalid", "Config.DeviceID": "invalid"},
		},
		"lifetime, too short": {func(c *mixin.Config) { c.TokenLifetime = time.Second }, map[string]string{"Config.TokenLifetime": "invalid"}},
		"lifetime, negative":  {func(c *mixin.Config) { c.TokenLifetime = -time.Hour }, map[string]string{"Config.TokenLifetime": "invalid"}},
		"lifetime, too long":  {func(c *mixin.Config) { c.TokenLifetime = 91 * 24 * time.Hour }, map[string]string{"Config.TokenLifetime": "invalid"}},
		"scope":               {func(c *mixin.Config) { c.Scope = "a\x00" }, map[string]string{"Config.Scope": "invalid"}},
		"scope, no UTF-8":     {func(c *mixin.Config) { c.Scope = "a\xff" }, map[string]string{"Config.Scope": "invalid"}},
		"redacted secrets": {
			func(c *mixin.Config) {
				c.Keystore.PIN, c.Keystore.PinToken, c.Keystore.SpendPrivateKey = userapi.Redacted, userapi.Redacted, userapi.Redacted
			},
			map[string]string{"Config.Keystore.PIN": "invalid", "Config.Keystore.PinToken": "invalid", "Config.Keystore.SpendPrivateKey": "invalid"},
		},
		"all at once": {
			func(c *mixin.Config) {
				c.Keystore.UserID, c.DeviceID, c.TokenLifetime = "", "x", 1
				c.HTTP.BaseURL, c.HTTP.MaxResponseBytes = "ftp://x", -1
			},
			map[string]string{
				"Config.Keystore.UserID": "required", "Config.DeviceID": "invalid", "Config.TokenLifetime": "invalid",
				"Config.HTTP.BaseURL": "invalid", "Config.HTTP.MaxResponseBytes": "invalid",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(httpmock.NewMockTransport())
			tt.change(&cfg)
			c, err := mixin.New(cfg)
			assert.Nil(t, c)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			e := asError(t, err)
			assert.Equal(t, "mixin", e.Provider)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			got := map[string]string{}
			for _, f := range e.FieldErrors {
				got[f.VendorField] = f.Code
				assert.NotEmpty(t, f.Message)
			}
			assert.Equal(t, tt.fields, got)
		})
	}
}

func TestNewTakes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mixin.Config){
		"the shortest lifetime":  func(c *mixin.Config) { c.TokenLifetime = 10 * time.Second },
		"the vendor's, 90 days":  func(c *mixin.Config) { c.TokenLifetime = 90 * 24 * time.Hour },
		"several scopes":         func(c *mixin.Config) { c.Scope = "PROFILE:READ PHONE:READ" },
		"no HTTP options at all": func(c *mixin.Config) { c.HTTP = userapi.HTTPOptions{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(httpmock.NewMockTransport())
			change(&cfg)
			c := clientOf(t, cfg)
			c.CloseIdleConnections()
		})
	}
}

func TestTokenSignerFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		kind error
	}{
		"by itself":         {assert.AnError, userapi.ErrUnavailable},
		"with a verdict":    {&userapi.Error{Kind: userapi.KindForbidden, Err: assert.AnError}, userapi.ErrForbidden},
		"by its time-out":   {context.DeadlineExceeded, userapi.ErrTimeout},
		"by a cancellation": {context.Canceled, userapi.ErrCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mock := httpmock.NewMockTransport()
			cfg := config(mock)
			cfg.Keystore.PrivateKey = nil
			cfg.TokenSigner = mixin.TokenSignerFunc(func(context.Context, []byte) ([]byte, error) { return nil, tt.err })
			c := clientOf(t, cfg)
			_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			require.ErrorIs(t, err, tt.kind)
			assert.True(t, errors.Is(err, tt.err) || errors.Is(err, assert.AnError), "the cause is found")
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Empty(t, e.RequestID)
			assert.Zero(t, e.Attempts)
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

// TestTokenSignerGetsTheCallsContext: the TokenSigner, such as a KMS, gets the call's context.
func TestTokenSignerGetsTheCallsContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	mock := httpmock.NewMockTransport()
	answer(mock, usersURL, 200, created)
	cfg := config(mock)
	cfg.Keystore.PrivateKey = nil
	cfg.TokenSigner = mixin.TokenSignerFunc(func(ctx context.Context, input []byte) ([]byte, error) {
		assert.Equal(t, "v", ctx.Value(key{}))
		return appKey().Sign(rand.Reader, input, crypto.Hash(0))
	})
	c := clientOf(t, cfg)
	_, err := c.Users.Create(context.WithValue(t.Context(), key{}, "v"), mixin.CreateUserRequest{SessionSecret: edSecret})
	require.NoError(t, err)
}
