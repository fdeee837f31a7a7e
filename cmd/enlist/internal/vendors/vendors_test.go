package vendors_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/internal/fakes"
	"github.com/enlist-go/enlist/userapi"
)

// planted is a secret that must not be seen.
const planted = "hunter2"

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func env(target string, variables map[string]string) vendors.Env {
	return vendors.Env{Target: target, Getenv: func(name string) string { return variables[name] }}
}

// TestCredentials: which variable a credential is of, by what the vendor's fake lets in.
func TestCredentials(t *testing.T) {
	t.Parallel()
	srv := fusionauthtest.NewServer(t, fusionauthtest.WithAPIKey("right"))
	for name, c := range map[string]struct {
		target    string
		settings  vendors.Settings
		variables map[string]string
		kind      error
	}{
		"the vendor's":               {"", vendors.Settings{}, map[string]string{"FUSIONAUTH_API_KEY": "right", "FUSIONAUTH_URL": srv.URL()}, nil},
		"the target's":               {"my-id.2", vendors.Settings{URL: srv.URL()}, map[string]string{"MY_ID_2_API_KEY": "right", "FUSIONAUTH_API_KEY": "wrong"}, nil},
		"the target has none":        {"identity", vendors.Settings{URL: srv.URL()}, map[string]string{"FUSIONAUTH_API_KEY": "right"}, nil},
		"the target's file":          {"identity", vendors.Settings{URL: srv.URL()}, map[string]string{"IDENTITY_API_KEY_FILE": file(t, "right\r\n"), "FUSIONAUTH_API_KEY": "wrong"}, nil},
		"wrong":                      {"identity", vendors.Settings{URL: srv.URL()}, map[string]string{"IDENTITY_API_KEY": "wrong", "FUSIONAUTH_API_KEY": "right"}, userapi.ErrUnauthorized},
		"target's url over settings": {"identity", vendors.Settings{URL: "https://fusionauth.invalid"}, map[string]string{"IDENTITY_URL": srv.URL(), "FUSIONAUTH_API_KEY": "right"}, nil},
		"settings over vendor's url": {"identity", vendors.Settings{URL: srv.URL()}, map[string]string{"FUSIONAUTH_URL": "https://fusionauth.invalid", "FUSIONAUTH_API_KEY": "right"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.settings.Vendor = "fusionauth"
			client, err := vendors.New(c.settings, env(c.target, c.variables), userapi.HTTPOptions{})
			require.NoError(t, err)
			defer client.Close()
			assert.Equal(t, strings.TrimPrefix(srv.URL(), "http://"), client.At)
			_, err = client.CreateUser(t.Context(), userapi.CreateUserRequest{Email: strings.ReplaceAll(name, " ", "-") + "@example.org", Password: "secret-password"})
			if c.kind != nil {
				assert.ErrorIs(t, err, c.kind)
				return
			}
			assert.NoError(t, err)
		})
	}
}

// TestFaults: all that is wrong is told at once, by the names of the variables, and no value.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target    string
		settings  vendors.Settings
		variables map[string]string
		want      []string
	}{
		"no vendor":            {"crm", vendors.Settings{}, nil, []string{"crm: vendor must be set: mixin, quickblox, fusionauth, usercom"}},
		"another vendor":       {"crm", vendors.Settings{Vendor: "acme"}, nil, []string{`crm: unknown vendor "acme"`}},
		"everything, vendor":   {"", vendors.Settings{Vendor: "fusionauth"}, nil, []string{"fusionauth: ", "FUSIONAUTH_API_KEY or FUSIONAUTH_API_KEY_FILE must be set", "FUSIONAUTH_URL is required"}},
		"everything, target":   {"my.id", vendors.Settings{Vendor: "fusionauth", Tenant: "x"}, nil, []string{"my.id: MY_ID_API_KEY or MY_ID_API_KEY_FILE or FUSIONAUTH_API_KEY or ", "tenant in the settings, or MY_ID_TENANT_ID or ", "url in the settings, or MY_ID_URL or FUSIONAUTH_URL, "}},
		"both forms":           {"crm", vendors.Settings{Vendor: "usercom"}, map[string]string{"CRM_API_KEY": planted, "CRM_API_KEY_FILE": planted}, []string{"only one of CRM_API_KEY and CRM_API_KEY_FILE", "app in the settings"}},
		"no such file":         {"crm", vendors.Settings{Vendor: "usercom", App: "acme"}, map[string]string{"USERCOM_API_KEY_FILE": planted}, []string{"the file for USERCOM_API_KEY cannot be read: "}},
		"an empty file":        {"crm", vendors.Settings{Vendor: "usercom", App: "acme"}, map[string]string{"USERCOM_API_KEY_FILE": os.DevNull}, []string{"the file for USERCOM_API_KEY is empty"}},
		"another version":      {"crm", vendors.Settings{Vendor: "usercom", App: "acme", Version: "v3"}, map[string]string{"USERCOM_API_KEY": planted}, []string{"version in the settings, or CRM_VERSION or USERCOM_VERSION, must be v1 or v2"}},
		"no keystore":          {"wallet", vendors.Settings{Vendor: "mixin"}, nil, []string{"wallet: WALLET_KEYSTORE or WALLET_KEYSTORE_FILE or MIXIN_KEYSTORE or MIXIN_KEYSTORE_FILE must be set"}},
		"half a keystore":      {"wallet", vendors.Settings{Vendor: "mixin"}, map[string]string{"MIXIN_KEYSTORE": `{"client_id":"` + planted + `"}`}, []string{"MIXIN_KEYSTORE: session_id: missing", "private_key: missing"}},
		"keystore's path":      {"wallet", vendors.Settings{Vendor: "mixin"}, map[string]string{"WALLET_KEYSTORE": planted}, []string{"the file for WALLET_KEYSTORE cannot be read: "}},
		"no QuickBlox key":     {"", vendors.Settings{Vendor: "quickblox"}, nil, []string{"quickblox: QUICKBLOX_API_KEY or QUICKBLOX_API_KEY_FILE must be set, or SESSION_TOKEN, or APPLICATION_ID with AUTH_KEY and AUTH_SECRET"}},
		"half a session":       {"", vendors.Settings{Vendor: "quickblox"}, map[string]string{"QUICKBLOX_APPLICATION_ID": planted, "QUICKBLOX_AUTH_KEY": planted}, []string{"QUICKBLOX_APPLICATION_ID must be a positive number", "QUICKBLOX_AUTH_SECRET must be set"}},
		"two credentials":      {"", vendors.Settings{Vendor: "quickblox"}, map[string]string{"QUICKBLOX_API_KEY": planted, "QUICKBLOX_SESSION_TOKEN": planted}, []string{"QUICKBLOX_API_KEY or QUICKBLOX_SESSION_TOKEN or QUICKBLOX_AUTH_SECRET exactly one"}},
		"plain http":           {"crm", vendors.Settings{Vendor: "usercom", URL: "http://example.com"}, map[string]string{"USERCOM_API_KEY": planted}, []string{"url in the settings, or CRM_URL or USERCOM_URL, must be https"}},
		"a key with a newline": {"", vendors.Settings{Vendor: "fusionauth", URL: "https://example.com"}, map[string]string{"FUSIONAUTH_API_KEY": planted + "\nx"}, []string{"FUSIONAUTH_API_KEY or "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := vendors.New(c.settings, env(c.target, c.variables), userapi.HTTPOptions{})
			var e *vendors.Error
			require.ErrorAs(t, err, &e)
			for _, want := range c.want {
				assert.Contains(t, err.Error(), want)
			}
			assert.NotContains(t, err.Error(), planted)
		})
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	e := env("crm", map[string]string{"CRM_API_KEY_FILE": "f", "FUSIONAUTH_URL": "u"})
	assert.True(t, e.Configured("usercom"))
	assert.True(t, e.Configured("fusionauth"))
	assert.False(t, env("", map[string]string{"MIXIN": "x"}).Configured("mixin"))
	assert.Equal(t, "FUSIONAUTH_URL and FUSIONAUTH_API_KEY or FUSIONAUTH_API_KEY_FILE", env("", nil).Needs("fusionauth"))
}

// TestAbilities: a Client has those of the vendor's own client.
func TestAbilities(t *testing.T) {
	t.Parallel()
	for _, name := range vendors.Names() {
		c, err := vendors.Offline(vendors.Settings{Vendor: name})
		require.NoError(t, err, name)
		defer c.Close()
		_, ok := userapi.Ability[userapi.Resolver](c)
		assert.True(t, ok, name)
		_, ok = userapi.Ability[userapi.Deleter](c)
		assert.Equal(t, name != "mixin", ok, name)
		planner, ok := userapi.Ability[userapi.Planner](c)
		require.True(t, ok, name)
		plan, err := planner.PlanUser(userapi.CreateUserRequest{Email: "ada@example.org", FullName: "Ada", Password: planted + planted, ExternalID: "4711"})
		require.NoError(t, err, name)
		assert.NotEmpty(t, plan.Route)
		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada@example.org", FullName: "Ada", Password: planted + planted})
		assert.Error(t, err, name)
	}
	_, err := vendors.Offline(vendors.Settings{Vendor: "mixin", URL: "http://example.com"})
	assert.ErrorContains(t, err, "must be https")
	_, err = vendors.Offline(vendors.Settings{Vendor: "acme"})
	assert.ErrorContains(t, err, "unknown vendor")
}

func TestAnnounced(t *testing.T) {
	t.Parallel()
	f, err := fakes.Start(fakes.Options{})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	all, err := vendors.FromAnnouncement(f.Announcement())
	require.NoError(t, err)
	require.Len(t, all, 4)
	for name, a := range all {
		// What the settings say of the vendor's real address is not used.
		c, err := a.New("it", vendors.Settings{Vendor: name, URL: "https://example.com", App: "acme", Tenant: "x", Login: "me", SessionKeys: t.TempDir() + "/keys"}, userapi.HTTPOptions{})
		require.NoError(t, err, name)
		defer c.Close()
		u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{IdempotencyKey: "1", Username: "ada", Email: "ada@example.org", FullName: "Ada", Password: planted + planted})
		require.NoError(t, err, name)
		assert.NotEmpty(t, u.ID)
		assert.Regexp(t, `^127\.0\.0\.1:\d+$`, c.At)
	}
	_, err = all["usercom"].New("crm", vendors.Settings{Version: "v9"}, userapi.HTTPOptions{})
	assert.ErrorContains(t, err, "crm: version in the settings")
}

func TestAnnouncementsThatAreNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`hunter2`:                           "expected the JSON object that enlist fakes prints",
		`{}`:                                "has none of mixin",
		`{"usercom":{"api_key":"hunter2"}}`: "the url of usercom must be set",
		`{"usercom":{"url":"http://127.0.0.1:1"}}`:                                     "the api_key of usercom must be set",
		`{"mixin":{"url":"http://127.0.0.1:1"}}`:                                       "the keystore of mixin must be set",
		`{"ca_file":"/nowhere","usercom":{"url":"https://127.0.0.1:1","api_key":"k"}}`: "ca_file: ",
		`{"ca_file":"` + os.DevNull + `","usercom":{"url":"https://127.0.0.1:1"}}`:     "ca_file: the file has no certificate",
		`{"usercom":{"url":17,"api_key":"hunter2"}}`:                                   "expected the JSON object",
	} {
		_, err := vendors.FromAnnouncement([]byte(text))
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), planted)
	}
}

// TestAnnouncedWrongly: what a client refuses is named as it was announced.
func TestAnnouncedWrongly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"fusionauth":{"url":"http://127.0.0.1:1","api_key":"k","tenant_id":"x"}}`: "tenant_id in the file of --vendors must be a UUID",
		`{"fusionauth":{"url":"127.0.0.1:1","api_key":"k"}}`:                        "url in the file of --vendors must be an absolute URL",
		`{"mixin":{"url":"http://127.0.0.1:1","keystore":{"client_id":"x"}}}`:       "keystore in the file of --vendors: session_id: missing",
	} {
		all, err := vendors.FromAnnouncement([]byte(text))
		require.NoError(t, err)
		for name, a := range all {
			_, err = a.New(name, vendors.Settings{}, userapi.HTTPOptions{})
			assert.ErrorContains(t, err, want)
			assert.NotRegexp(t, "MIXIN|FUSIONAUTH", err.Error())
		}
	}
}

// TestAnnouncedTLS: the announced certificate is trusted, and the caller's own client does not change.
func TestAnnouncedTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(srv.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	all, err := vendors.FromAnnouncement([]byte(`{"ca_file":"` + filepath.ToSlash(file(t, string(certificate))) + `","usercom":{"url":"` + srv.URL + `","api_key":"k"}}`))
	require.NoError(t, err)
	own := &http.Client{Transport: &http.Transport{}}
	for _, client := range []*http.Client{nil, {}, own} {
		c, err := all["usercom"].New("crm", vendors.Settings{}, userapi.HTTPOptions{HTTPClient: client})
		require.NoError(t, err)
		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada@example.org"})
		assert.ErrorIs(t, err, userapi.ErrUnauthorized)
		c.Close()
	}
	if cfg := own.Transport.(*http.Transport).TLSClientConfig; cfg != nil { // Clone makes one
		assert.Nil(t, cfg.RootCAs)
	}
	_, err = all["usercom"].New("crm", vendors.Settings{}, userapi.HTTPOptions{HTTPClient: &http.Client{Transport: blind{}}})
	assert.ErrorContains(t, err, "ca_file: the HTTP client's Transport must be")
}

type blind struct{ http.RoundTripper }
