package usercom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		app, base, url string
	}{
		"subdomain":         {"acme", "", usersURL},
		"host":              {"acme.user.com", "", usersURL},
		"own host":          {"crm.acme.example", "", "https://crm.acme.example/api/public/users/"},
		"URL":               {"https://acme.user.com", "", usersURL},
		"URL with the path": {"https://acme.user.com/api/public/", "", usersURL},
		"base URL":          {"", "https://proxy.example/usercom/", "https://proxy.example/usercom/api/public/users/"},
		"base URL wins":     {"acme", "http://127.0.0.1:9", "http://127.0.0.1:9/api/public/users/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, func(cfg *usercom.Config) { cfg.App, cfg.HTTP.BaseURL = test.app, test.base })
			answer(mock, test.url, 201, `{"id":7}`)
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada.nowak@example.org"})
			require.NoError(t, err)
		})
	}
}

// TestAddressOfACall: the address of an API call is refused as BaseURL, and the error shows the
// right form.
func TestAddressOfACall(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/api/public/users/", "/api/public/users", "/api/public/users//", "/api/public/users/update_or_create/", "/api/public/users/search/",
		"/api/public/users-by-id/crm-1/", "/api/public/users/:id/", "/api/public/attributes/", "/api/public/api/public", "/proxy/api/public/users/",
		"/API/public/Users/", "/API/Public", "/api//public", "/users", "/users/", "/users/create", "/users-by-id/", "/users/310455021/",
		"/users/310455021/add_to_list/", "/proxy/users/create/",
	} {
		for _, cfg := range []usercom.Config{
			{App: "https://crm.acme.example" + path},
			{HTTP: userapi.HTTPOptions{BaseURL: "http://127.0.0.1:9" + path}},
		} {
			cfg.APIKey = testKey
			_, err := usercom.New(cfg)
			e := asError(t, err)
			field := "Config.App"
			if cfg.App == "" {
				field = "Config.HTTP.BaseURL"
			}
			require.Len(t, e.FieldErrors, 1, path)
			assert.Equal(t, []string{field, userapi.CodeInvalid}, []string{e.FieldErrors[0].VendorField, e.FieldErrors[0].Code}, path)
			assert.Contains(t, e.Error(), "such as https://acme.user.com, or with /api/public behind it", path)
		}
	}
	for app, accepted := range map[string]bool{
		"https://acme.user.com/app/settings/": false, "https://acme.user.com/api": false, "https://ACME.USER.COM/users/": false,
		"https://acme.user.com/": true, "https://acme.user.com/api/public": true, "https://gateway.example/api": true,
		"https://gateway.example/users/crm": true, "https://gateway.example/public/api/": true, "https://gateway.example/superusers/": true,
	} {
		_, err := usercom.New(usercom.Config{App: app, APIKey: testKey})
		assert.Equal(t, accepted, err == nil, app)
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg    usercom.Config
		fields []string
	}{
		"nothing":        {usercom.Config{}, []string{"Config.App", "Config.APIKey"}},
		"blank key":      {usercom.Config{App: "acme", APIKey: " \n"}, []string{"Config.APIKey"}},
		"key in two":     {usercom.Config{App: "acme", APIKey: "abc def"}, []string{"Config.APIKey"}},
		"key on lines":   {usercom.Config{App: "acme", APIKey: "abc\r\ndef"}, []string{"Config.APIKey"}},
		"redacted key":   {usercom.Config{App: "acme", APIKey: userapi.Redacted}, []string{"Config.APIKey"}},
		"app":            {usercom.Config{App: "acme corp", APIKey: testKey}, []string{"Config.App"}},
		"app with path":  {usercom.Config{App: "acme/x", APIKey: testKey}, []string{"Config.App"}},
		"app, empty":     {usercom.Config{App: "acme..com", APIKey: testKey}, []string{"Config.App"}},
		"app, bad URL":   {usercom.Config{App: "https://", APIKey: testKey}, []string{"Config.App"}},
		"app, plain":     {usercom.Config{App: "http://acme.user.com", APIKey: testKey}, []string{"Config.App"}},
		"app, query":     {usercom.Config{App: "https://acme.user.com?x=1", APIKey: testKey}, []string{"Config.App"}},
		"app, password":  {usercom.Config{App: "https://u:hunter2@acme.user.com", APIKey: testKey}, []string{"Config.App"}},
		"app and base":   {usercom.Config{App: "a b", APIKey: testKey, HTTP: userapi.HTTPOptions{BaseURL: "ftp://x"}}, []string{"Config.App", "Config.HTTP.BaseURL"}},
		"version":        {usercom.Config{App: "acme", APIKey: testKey, Version: 2}, []string{"Config.Version"}},
		"encoding":       {usercom.Config{App: "acme", APIKey: testKey, Encoding: -1}, []string{"Config.Encoding"}},
		"several":        {usercom.Config{Version: 7, Encoding: 7, HTTP: userapi.HTTPOptions{MaxResponseBytes: -1}}, []string{"Config.App", "Config.APIKey", "Config.Version", "Config.Encoding", "Config.HTTP.MaxResponseBytes"}},
		"several others": {usercom.Config{App: "acme", APIKey: "a b", HTTP: userapi.HTTPOptions{BaseURL: "x", UserAgent: "\n"}}, []string{"Config.APIKey", "Config.HTTP.BaseURL", "Config.HTTP.UserAgent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := usercom.New(test.cfg)
			assert.Nil(t, c)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			assert.Equal(t, test.fields, vendorFields(err))
			assert.False(t, strings.Contains(err.Error(), "hunter2"))
		})
	}
}

func TestKeyIsTrimmedAndItsLengthIsFree(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.APIKey = "\tshort-key\n" })
	got := answer(mock, usersURL, 201, `{"id":7}`)
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada.nowak@example.org"})
	require.NoError(t, err)
	assert.True(t, got.header.Get("Authorization") == "Token short-key")
}

func TestNothingShowsTheKey(t *testing.T) {
	t.Parallel()
	cfg := usercom.Config{App: "https://u:hunter2@acme.user.com", APIKey: testKey}
	c, _ := newClient(t, nil)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "client", c, "value", *c)
	texts := []string{log.String()}
	for _, v := range []any{cfg, &cfg, c, *c, c.Users, *c.Users, usercom.Extra{City: "hunter2"}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		texts = append(texts, string(encoded))
	}
	for i, text := range texts {
		if strings.Contains(text, testKey[:16]) || strings.Contains(text, "hunter2") || strings.Contains(text, "30313233343536373839") {
			t.Errorf("form %d shows a secret", i)
		}
	}
	assert.Equal(t, "usercom.Config{credential: api key, version: 1}", fmt.Sprint(cfg))
}
