package quickblox_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
)

// One error of New names every wrong setting.
func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	session := func(change func(*quickblox.SessionConfig)) quickblox.Config {
		s := &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "key", AuthSecret: "secret"}
		change(s)
		return quickblox.Config{Session: s}
	}
	const one, redacted, blanks = "exactly one of APIKey, SessionToken and Session must be set",
		"must be the secret itself, not its redacted form", "must be printable ASCII without blanks"
	for _, tc := range []struct {
		name string
		cfg  quickblox.Config
		want [][2]string
	}{
		{"nothing", quickblox.Config{}, [][2]string{{"Config", one}}},
		{"two", quickblox.Config{APIKey: "a", SessionToken: "b"}, [][2]string{{"Config", one}}},
		{"all three, all wrong", quickblox.Config{
			APIKey: "a b", SessionToken: userapi.Redacted, Session: &quickblox.SessionConfig{},
			HTTP: userapi.HTTPOptions{
				BaseURL: "http://api.example", UserAgent: "é", MaxResponseBytes: -1,
				Retry: userapi.RetryPolicy{MaxAttempts: 99}, RateLimit: userapi.RateLimit{Burst: 1},
			},
		}, [][2]string{
			{"Config", one},
			{"Config.APIKey", blanks},
			{"Config.SessionToken", redacted},
			{"Config.Session.ApplicationID", "must be a positive number"},
			{"Config.Session.AuthKey", "must be set"},
			{"Config.Session.AuthSecret", "must be set"},
			{"Config.HTTP.BaseURL", "must be https beyond loopback, unless AllowInsecure is set"},
			{"Config.HTTP.Retry.MaxAttempts", "must be from 1 to 20, or 0 for the default"},
			{"Config.HTTP.UserAgent", "must be printable ASCII"},
			{"Config.HTTP.MaxResponseBytes", "must not be negative"},
			{"Config.HTTP.RateLimit", "a burst needs PerSecond"},
		}},
		{"redacted key", quickblox.Config{APIKey: userapi.Redacted}, [][2]string{{"Config.APIKey", redacted}}},
		{"key with a line break", quickblox.Config{APIKey: "a\r\nX: y"}, [][2]string{{"Config.APIKey", blanks}}},
		{"negative application", session(func(s *quickblox.SessionConfig) { s.ApplicationID = -1 }), [][2]string{{"Config.Session.ApplicationID", "must be a positive number"}}},
		{"login and email", session(func(s *quickblox.SessionConfig) { s.Login, s.Email, s.Password = "a", "b", "c" }), [][2]string{{"Config.Session", "at most one of Login and Email may be set"}}},
		{"no password", session(func(s *quickblox.SessionConfig) { s.Email = "b" }), [][2]string{{"Config.Session.Password", "must be set for a user session"}}},
		{"password alone", session(func(s *quickblox.SessionConfig) { s.Password = "c" }), [][2]string{{"Config.Session.Password", "needs Login or Email"}}},
		{"redacted secrets", session(func(s *quickblox.SessionConfig) {
			s.AuthSecret, s.Login, s.Password = userapi.Redacted, "a", userapi.Redacted
		}), [][2]string{{"Config.Session.AuthSecret", redacted}, {"Config.Session.Password", redacted}}},
		{"hash", session(func(s *quickblox.SessionConfig) { s.Hash = 2 }), [][2]string{{"Config.Session.Hash", "must be SHA1 or SHA256"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := quickblox.New(tc.cfg)
			assert.Nil(t, c)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			e := wantError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, "new client", e.Op)
			var got [][2]string
			for _, f := range e.FieldErrors {
				assert.Empty(t, f.Field)
				got = append(got, [2]string{f.VendorField, f.Message})
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ base, want string }{
		{"", "https://api.quickblox.com/users.json"},
		{"https://apiacme.quickblox.com", "https://apiacme.quickblox.com/users.json"},
		{"https://apiacme.quickblox.com//", "https://apiacme.quickblox.com/users.json"},
		{"https://gateway.example/qb/", "https://gateway.example/qb/users.json"},
	} {
		t.Run(tc.base, func(t *testing.T) {
			t.Parallel()
			c, mock := newMocked(t, quickblox.Config{APIKey: apiKey, HTTP: userapi.HTTPOptions{BaseURL: tc.base}})
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				assert.Equal(t, tc.want, r.URL.String())
				return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Request: r}, nil
			})
			_, err := c.CreateUser(context.Background(), john)
			require.ErrorIs(t, err, userapi.ErrForbidden)
		})
	}
}

// Nothing is sent after the context has ended.
func TestContextThatIsDone(t *testing.T) {
	t.Parallel()
	for _, session := range []bool{false, true} {
		s := quickbloxtest.NewServer(t)
		cfg := s.Config()
		if session {
			cfg.APIKey, cfg.Session = "", s.SessionConfig()
		}
		c, err := quickblox.New(cfg)
		require.NoError(t, err)
		canceled, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = c.CreateUser(canceled, john)
		require.ErrorIs(t, err, userapi.ErrCanceled)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, userapi.OutcomeNotSent, wantError(t, err).Outcome)
		assert.Empty(t, s.Requests())
	}
}

// TestBaseURLWithoutARoute: the address of a call is refused as BaseURL, because every call would
// go to a wrong path.
func TestBaseURLWithoutARoute(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/users.json", "/users", "/users/", "/users.json/", "//users.json//", "/Users.JSON", "/users.xml", "/session.json", "/session", "/session/", "/login.json", "/login",
		"/auth.json", "/account_settings.json", "/users/by_login.json", "/users/by_login", "/users/17.json", "/users/17", "/users/17/", "/users/17/tokens", "/users/external/5.json", "/users/external/5",
		"/users/external", "/users/password/reset.json", "/users/password/reset", "/proxy/quickblox/users.json", "/users%2ejson", "/chat/Dialog.json", "/users/%31%37",
	} {
		_, err := quickblox.New(quickblox.Config{APIKey: apiKey, HTTP: userapi.HTTPOptions{BaseURL: "https://apiacme.quickblox.com" + path}})
		require.EqualError(t, err, "quickblox: new client: invalid request: Config.HTTP.BaseURL: "+
			"must leave out the path of a call, such as /users.json; the right form is https://api.quickblox.com, nothing was sent", path)
	}
	for _, base := range []string{
		"", "https://api.quickblox.com", "https://api.quickblox.com/", "https://apiacme.quickblox.com//", "https://gateway.example/quickblox", "https://gateway.example/users/quickblox",
		"https://users.example", "https://users", "https://gateway.example/our-users", "https://gateway.example/userslogin/", "https://gateway.example/json",
	} {
		_, err := quickblox.New(quickblox.Config{APIKey: apiKey, HTTP: userapi.HTTPOptions{BaseURL: base}})
		require.NoError(t, err, base)
	}
}
