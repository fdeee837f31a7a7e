package mixin

import (
	"bytes"
	"context"
	"crypto"
	"log/slog"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// keySource is a SessionKeys with a key in it.
type keySource struct{ Key crypto.Signer }

func (s keySource) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	return s.Key, nil
}

// TestNothingShowsAKey prints everything that has a key, and the results of a call.
func TestNothingShowsAKey(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, name := range []string{"ed25519", "rsa1024"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := v.key(t, name)
			secrets := append(keyForms(t, key), testPIN, testPinToken, testSpendKey, "echo-of-a-token")
			var log bytes.Buffer
			var token string
			mock := httpmock.NewMockTransport()
			body := `{"error":{"status":202,"code":10002,"description":"echo-of-a-token"}}`
			mock.RegisterResponder(http.MethodPost, "https://api.mixin.one/users", func(r *http.Request) (*http.Response, error) {
				token = r.Header.Get("Authorization")
				return httpmock.NewStringResponse(200, body), nil
			})
			cfg := Config{
				Keystore: Keystore{
					UserID: testUserID, SessionID: testSessionID, PrivateKey: key,
					PinToken: testPinToken, SpendPrivateKey: testSpendKey, PIN: testPIN,
				},
				SessionKeys: keySource{key},
				HTTP: userapi.HTTPOptions{
					HTTPClient: &http.Client{Transport: mock},
					Logger:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				},
			}
			c, err := New(cfg)
			require.NoError(t, err)
			extra := Extra{SessionKey: key}
			for _, value := range []any{cfg, &cfg, extra, &extra, *c, c, struct{ c Client }{*c}, struct{ C *Client }{c}} {
				requireNoLeak(t, value, secrets)
			}
			assert.Equal(t, "mixin.Config{credential: "+keyKind(key)+"}", printed(t, cfg)["%+v"])
			assert.Equal(t, "mixin.Extra{session_key: "+keyKind(key)+"}", printed(t, extra)["%+v"])
			assert.Equal(t, "mixin.Config{credential: none}", printed(t, Config{})["%v"])
			assert.Equal(t, "mixin.Config{credential: token signer}", printed(t, Config{TokenSigner: remote(key)})["%v"])

			req := userapi.CreateUserRequest{Extensions: []userapi.Extension{extra}}
			_, err = c.CreateUser(t.Context(), req)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			requireNoLeak(t, err, append(secrets, token))
			requireNoLeak(t, req, secrets)

			body = `{"data":{"user_id":"` + testUserID + `","pin_token":"` + testPinToken + `","pin_token_base64":"` + testPIN + `"}}`
			u, err := c.CreateUser(t.Context(), req)
			require.NoError(t, err)
			requireNoLeak(t, u, secrets)
			native, ok := userapi.As[*CreateUserResponse](u)
			require.True(t, ok)
			requireNoLeak(t, native, secrets)
			requireNoLeak(t, *native, secrets)
			for _, value := range []any{
				[]any{native}, []*CreateUserResponse{native}, []CreateUserResponse{*native}, map[string]any{"v": native},
				map[string]*CreateUserResponse{"v": native}, struct{ P *CreateUserResponse }{native}, struct{ V any }{native},
			} {
				requireNoLeak(t, value, secrets)
			}
			assert.Equal(t, "[mixin.CreateUserResponse{}]", printed(t, []any{native})["%s"])
			assert.Equal(t, testUserID, native.UserID)
			assert.NotContains(t, printed(t, native)["slog JSON"], testUserID, "the type alone is logged")
			requireNoneIn(t, "log", log.String(), append(secrets, token))
		})
	}
}
