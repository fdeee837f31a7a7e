package quickblox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The vendor's own reply to POST /users/{id}/tokens.
const documentedToken = "c56f382b402fb482086db956064592d3cd012bba"

func TestCreateTokenSendsGoldenBytes(t *testing.T) {
	t.Parallel()
	var attempts []string
	cfg := apiKeyConfig
	cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
	c, s := scripted(t, cfg, answer{201, string(fixture(t, "token_201.json"))})
	got, err := c.Users.CreateToken(t.Context(), 96752798)
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /users/96752798/tokens"}, s.uris())
	assert.Equal(t, []string{""}, s.bodies)
	assert.True(t, s.requests[0].Header.Get("Authorization") == "ApiKey "+apiKey)
	assert.Empty(t, s.requests[0].Header.Values("Qb-Token"))
	assert.Equal(t, []string{"create token /users/{id}/tokens"}, attempts)
	assert.Equal(t, int64(96752798), got.UserID)
	assert.True(t, got.Token.Reveal() == documentedToken, "the token")
	assert.Equal(t, time.Date(2023, 9, 1, 14, 55, 56, 0, time.UTC), got.ExpiresAt)
	assert.Equal(t, "quickblox.Token{user_id: 96752798, expires_at: 2023-09-01 14:55:56 +0000 UTC}", strings.TrimSpace(strings.SplitN(everyForm(t, *got), "\n", 2)[0]))
	assert.False(t, strings.Contains(everyForm(t, *got)+everyForm(t, got), documentedToken), "the token is shown")

	c, _ = scripted(t, apiKeyConfig, answer{200, `{"token":"a.b-c_d"}`})
	got, err = c.Users.CreateToken(t.Context(), 1)
	require.NoError(t, err, "a JWT, and no word of its end")
	assert.True(t, got.ExpiresAt.IsZero())
}

// TestTokenErrors: the outcome of an error is about the session, and a session can be requested
// again.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	user := quickblox.SignInRequest{Login: "peter.smith", Password: "planted-Pass-1"}
	const refused, unknown = userapi.OutcomeRejected, userapi.OutcomeUnknown
	const echo = `planted-Pass-1 peter.smith`
	for _, tc := range []struct {
		name            string
		answer          answer
		token, signIn   userapi.Kind
		outcome         userapi.Outcome
		signInIsUnknown bool
		attempts        int
		text            string
	}{
		{"nobody", answer{404, `{"errors":{"base":["No user"]}}`}, userapi.KindNotFound, userapi.KindProtocol, refused, true, 1, "the user does not exist"},
		{"gateway's 404", answer{404, "<html>"}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"bad key", answer{401, `{"errors":{"base":["Authorization"]}}`}, userapi.KindUnauthorized, userapi.KindUnauthorized, refused, false, 1, "it was not done"},
		{"bad password", answer{401, `{"errors":["Unauthorized ` + echo + `"]}`}, userapi.KindUnauthorized, userapi.KindUnauthorized, refused, false, 1, "it was not done"},
		{"422", answer{422, `{"errors":{"base":["` + echo + `"]}}`}, userapi.KindInvalid, userapi.KindInvalid, refused, false, 1, "it was not done"},
		{"429", answer{429, ""}, userapi.KindRateLimited, userapi.KindRateLimited, refused, false, 2, "it was not done"},
		{"503", answer{503, echo}, userapi.KindUnavailable, userapi.KindUnavailable, unknown, false, 2, "it may have been done"},
		{"307", answer{307, ""}, userapi.KindProtocol, userapi.KindProtocol, refused, false, 1, "it was not done"},
		{"no token", answer{201, `{"session":{"user_id":5},"expires_at":"2023-09-01T14:55:56Z"}`}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"a token of blanks", answer{201, `{"token":"a b","session":{"token":"a b","user_id":5}}`}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"two tokens", answer{201, `{"token":"a","token":"b","session":{"token":"a","token":"b","user_id":5}}`}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"HTML", answer{200, "<html>"}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"nothing", answer{204, ""}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
		{"cut off", answer{201, `{"token":"planted-Token-9","session":{"token":"planted-Token-9","user_id":5`}, userapi.KindProtocol, userapi.KindProtocol, unknown, false, 1, "it may have been done"},
	} {
		for name, call := range map[string]func(context.Context, *quickblox.Client) (*quickblox.Token, error){
			"create token": func(ctx context.Context, c *quickblox.Client) (*quickblox.Token, error) {
				return c.Users.CreateToken(ctx, 77)
			},
			"sign in user": func(ctx context.Context, c *quickblox.Client) (*quickblox.Token, error) {
				return c.Users.SignIn(ctx, user)
			},
		} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				cfg, kind, outcome, text, id, hidden := apiKeyConfig, tc.token, tc.outcome, tc.text, "77", []string{apiKey, "planted-Token-9"}
				if name == "sign in user" {
					cfg, kind, id = quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "key", AuthSecret: "planted-Secret-2"}}, tc.signIn, ""
					hidden = []string{"planted-Pass-1", "planted-Secret-2", "peter.smith", "planted-Token-9"}
					if tc.signInIsUnknown {
						outcome, text = unknown, "it may have been done"
					}
				}
				c, s := retrying(t, cfg, tc.answer)
				got, err := call(t.Context(), c)
				assert.Nil(t, got)
				e := wantError(t, err)
				assert.Equal(t, []any{kind, outcome, userapi.SubjectStep, tc.answer.status, name, id}, []any{e.Kind, e.Outcome, e.Subject, e.StatusCode, e.Op, e.UserID})
				assert.Contains(t, e.Error(), text)
				assert.Len(t, s.requests, tc.attempts)
				wantHidden(t, err, hidden...)
			})
		}
	}
}

// retrying is scripted with two attempts.
func retrying(t *testing.T, cfg quickblox.Config, answers ...answer) (*quickblox.Client, *script) {
	t.Helper()
	s := &script{}
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 2, BaseWait: time.Millisecond, Jitter: -1}
	cfg.HTTP.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		next := answers[min(len(s.requests), len(answers)-1)]
		s.requests = append(s.requests, r)
		return &http.Response{StatusCode: next.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(next.body)), Request: r}, nil
	})}
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	return c, s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTokenChecks(t *testing.T) {
	t.Parallel()
	field := func(name, code, message string) userapi.FieldError {
		return userapi.FieldError{VendorField: name, Code: code, Message: message}
	}
	const set = "must be set"
	noKey := field("Config.APIKey", "required", "must be set: QuickBlox takes an API key alone for this call")
	noSession := field("Config.Session", "required", "must be set: it has the application's credentials")
	appConfig := quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "key", AuthSecret: "secret"}}
	token := func(id int64) func(*users) error {
		return func(u *users) error { _, err := u.CreateToken(t.Context(), id); return err }
	}
	signIn := func(login, email string, password userapi.Secret) func(*users) error {
		return func(u *users) error {
			_, err := u.SignIn(t.Context(), quickblox.SignInRequest{Login: login, Email: email, Password: password})
			return err
		}
	}
	for _, tc := range []struct {
		name string
		cfg  quickblox.Config
		do   func(*users) error
		want []userapi.FieldError
	}{
		{"id 0", apiKeyConfig, token(0), []userapi.FieldError{field("id", "invalid", "must be a positive number")}},
		{"no key, a bad id", sessionConfig, token(-1), []userapi.FieldError{field("id", "invalid", "must be a positive number"), noKey}},
		{"no key but a session", appConfig, token(1), []userapi.FieldError{noKey}},
		{"sign-in with a key", apiKeyConfig, signIn("a", "", "b"), []userapi.FieldError{noSession}},
		{"sign-in with a token", sessionConfig, signIn("a", "", "b"), []userapi.FieldError{noSession}},
		{"nothing", appConfig, signIn("", "", ""), []userapi.FieldError{field("login", "required", set), field("password", "required", set)}},
		{"both", appConfig, signIn("a", "b", "c"), []userapi.FieldError{field("login", "invalid", "at most one of login and email may be set")}},
		{"blank e-mail", appConfig, signIn("", " ", "c"), []userapi.FieldError{field("email", "required", set)}},
		{"not UTF-8", appConfig, signIn("planted\xff", "", "c"), []userapi.FieldError{field("login", "invalid", "must be valid UTF-8")}},
		{"redacted", appConfig, signIn("a", "", userapi.Redacted), []userapi.FieldError{field("password", "invalid", "must be the secret itself, not its redacted form")}},
	} {
		c, s := scripted(t, tc.cfg, missing)
		err := tc.do(c.Users)
		e := wantError(t, err)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome}, tc.name)
		assert.Equal(t, tc.want, e.FieldErrors, tc.name)
		wantHidden(t, err, "planted")
		assert.Empty(t, s.requests, tc.name)
	}
}

// whoHas asks a server for the user of a token's session.
func whoHas(t *testing.T, s *quickbloxtest.Server, token userapi.Secret) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/session.json", nil)
	require.NoError(t, err)
	r.Header.Set("QB-Token", token.Reveal())
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(body), `"user_id":`)
	who, _, _ := strings.Cut(after, ",")
	return who
}

// TestTokensOpenTheUsersSession: both ways give a token of the user's own session.
func TestTokensOpenTheUsersSession(t *testing.T) {
	t.Parallel()
	s, keys := newServer(t)
	u, err := keys.Users.Create(t.Context(), quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login: new("peter"), Email: new("peter@gmail.com"), Password: "!Peter009",
	}})
	require.NoError(t, err)
	token, err := keys.Users.CreateToken(t.Context(), u.User.ID)
	require.NoError(t, err)
	assert.Equal(t, "96752798", whoHas(t, s, token.Token))
	assert.WithinRange(t, token.ExpiresAt, time.Now().Add(time.Hour), time.Now().Add(3*time.Hour))
	_, err = keys.Users.CreateToken(t.Context(), 5)
	require.ErrorIs(t, err, userapi.ErrNotFound)
	assert.Equal(t, userapi.OutcomeRejected, wantError(t, err).Outcome)

	apps := newSessionClient(t, s, nil)
	_, err = apps.CreateUser(t.Context(), john)
	require.NoError(t, err)
	before := received(s, userapitest.Session)
	for _, req := range []quickblox.SignInRequest{{Login: "peter", Password: "!Peter009"}, {Email: "peter@gmail.com", Password: "!Peter009"}} {
		token, err = apps.Users.SignIn(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, int64(96752798), token.UserID)
		assert.Equal(t, "96752798", whoHas(t, s, token.Token))
		assert.WithinRange(t, token.ExpiresAt, time.Now().Add(time.Hour), time.Now().Add(3*time.Hour))
	}
	_, err = apps.Users.SignIn(t.Context(), quickblox.SignInRequest{Login: "peter", Password: "!Peter010"})
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	after := received(s, userapitest.Session)
	assert.Equal(t, before+5, after, "three sign-ins, and who has the tokens")
	_, err = apps.CreateUser(t.Context(), numbered(1))
	require.NoError(t, err)
	assert.Equal(t, after, received(s, userapitest.Session), "the client's own session is still good")
}

// A sign-in learns the vendor's clock as the client's own session does. Its result must not be the
// application's session.
func TestSignInByTheVendorsClock(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(-5 * time.Hour) }}))
	keys, err := quickblox.New(s.Config())
	require.NoError(t, err)
	_, err = keys.CreateUser(t.Context(), john)
	require.NoError(t, err)
	c := newSessionClient(t, s, nil)
	_, err = c.Users.SignIn(t.Context(), quickblox.SignInRequest{Login: john.Username, Password: john.Password})
	require.NoError(t, err)
	assert.Equal(t, 2, received(s, userapitest.Session))

	for _, user := range []string{`"user_id":0`, `"user_id":null`, `"user_id":"x"`, `"user_id":5,"user_id":6`, `"id":5`} {
		c, _ := scripted(t, quickblox.Config{Session: s.SessionConfig()}, answer{201, `{"session":{"token":"abc",` + user + `}}`})
		_, err := c.Users.SignIn(t.Context(), quickblox.SignInRequest{Login: "a", Password: "b"})
		require.ErrorIs(t, err, userapi.ErrProtocol, user)
	}
	c, _ = scripted(t, quickblox.Config{Session: s.SessionConfig()}, answer{201, `{"session":{"token":"abc","user_id":"5","application_id":1}}`})
	_, err = c.Users.SignIn(t.Context(), quickblox.SignInRequest{Login: "a", Password: "b"})
	require.ErrorIs(t, err, userapi.ErrProtocol, "another application's")
	c, _ = scripted(t, quickblox.Config{Session: s.SessionConfig()}, answer{201, `{"session":{"token":"abc","user_id":"5"}}`})
	token, err := c.Users.SignIn(t.Context(), quickblox.SignInRequest{Login: "a", Password: "b"})
	require.NoError(t, err)
	assert.Equal(t, int64(5), token.UserID)
}

// After a lost reply the session is unknown, and is requested again.
func TestLostTokenIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	cfg := s.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 3, BaseWait: time.Millisecond, Jitter: -1}
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	_, err = c.CreateUser(t.Context(), john)
	require.NoError(t, err)
	lost := userapitest.Fault{On: userapitest.Session, When: userapitest.AfterCommit, Do: userapitest.Hangup}
	s.Inject(lost)
	_, err = c.Users.CreateToken(t.Context(), s.Users()[0].ID)
	require.NoError(t, err)
	lost.Times = -1
	s.Inject(lost)
	_, err = c.Users.CreateToken(t.Context(), s.Users()[0].ID)
	e := wantError(t, err)
	assert.Equal(t, []any{userapi.KindUnavailable, userapi.OutcomeUnknown, 3}, []any{e.Kind, e.Outcome, e.Attempts})

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err = c.Users.CreateToken(ctx, 1)
	assert.Equal(t, userapi.OutcomeNotSent, wantError(t, err).Outcome)
}
