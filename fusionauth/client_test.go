package fusionauth_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

func TestNewReportsEverySetting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  fusionauth.Config
		want []string
	}{
		{"nothing", fusionauth.Config{}, []string{"Config.APIKey", "Config.HTTP.BaseURL"}},
		{"plain http beyond loopback", fusionauth.Config{APIKey: "k", HTTP: userapi.HTTPOptions{BaseURL: "http://auth.example.com:9011"}}, []string{"Config.HTTP.BaseURL"}},
		{"a redacted key", fusionauth.Config{APIKey: userapi.Redacted, HTTP: userapi.HTTPOptions{BaseURL: baseURL}}, []string{"Config.APIKey"}},
		{"everything", fusionauth.Config{APIKey: "a key", TenantID: "default", HTTP: userapi.HTTPOptions{
			BaseURL: "auth.example.com", MaxResponseBytes: -1, Retry: userapi.RetryPolicy{MaxAttempts: -1},
		}}, []string{"Config.APIKey", "Config.TenantID", "Config.HTTP.BaseURL", "Config.HTTP.Retry.MaxAttempts", "Config.HTTP.MaxResponseBytes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := fusionauth.New(tt.cfg)
			assert.Nil(t, c)
			e := asError(t, err)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			var names []string
			for _, f := range e.FieldErrors {
				names = append(names, f.VendorField)
			}
			assert.ElementsMatch(t, tt.want, names)
		})
	}
}

func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for _, opts := range []userapi.HTTPOptions{
		{BaseURL: "http://localhost:9011"},
		{BaseURL: "http://127.0.0.1:9011/"},
		{BaseURL: "http://auth.example.com:9011", AllowInsecure: true},
		{BaseURL: "https://auth.example.com/prefix/"},
	} {
		c, err := fusionauth.New(fusionauth.Config{APIKey: "k", TenantID: strings.ToUpper(tenantA), HTTP: opts})
		require.NoError(t, err, opts.BaseURL)
		c.CloseIdleConnections()
	}
}

func TestClientAndConfigShowNoSecret(t *testing.T) {
	t.Parallel()
	cfg := fusionauth.Config{APIKey: "planted-key", TenantID: tenantA, HTTP: userapi.HTTPOptions{BaseURL: baseURL, HTTPClient: &http.Client{}}}
	c, err := fusionauth.New(cfg)
	require.NoError(t, err)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("made", "client", c, "config", cfg, "users", c.Users)
	shown := log.String()
	for _, v := range []any{c, *c, cfg, &cfg, struct{ C any }{c}, c.Users} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			shown += fmt.Sprintf(verb, v)
		}
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		shown += string(encoded)
	}
	assert.False(t, strings.Contains(shown, "planted-key"))
	assert.False(t, strings.Contains(shown, fmt.Sprintf("%x", "planted-key")))
}

func TestTwoClientsShareNothing(t *testing.T) {
	t.Parallel()
	one, mockOne := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tenantA })
	two, mockTwo := newClient(t, func(cfg *fusionauth.Config) { cfg.APIKey, cfg.PhoneLogin = "another-key", true })
	gotOne := reply(mockOne, 200, `{"user":{"id":"{id}"}}`)
	gotTwo := reply(mockTwo, 200, `{"user":{"id":"{id}"}}`)
	req := userapi.CreateUserRequest{Username: "jane", Phone: "+13035551212", Password: password}
	for _, c := range []*fusionauth.Client{one, two, one} {
		_, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err)
	}
	assert.Equal(t, apiKey, gotOne.header.Get("Authorization"))
	assert.Equal(t, tenantA, gotOne.header.Get("X-FusionAuth-TenantId"))
	assert.Contains(t, string(gotOne.body), "mobilePhone")
	assert.Equal(t, "another-key", gotTwo.header.Get("Authorization"))
	assert.Empty(t, gotTwo.header.Get("X-FusionAuth-TenantId"))
	assert.Contains(t, string(gotTwo.body), "phoneNumber")
}
