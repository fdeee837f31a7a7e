package fusionauth_test

import (
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
