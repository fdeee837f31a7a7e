package quickblox_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The planted texts. Only their names are printed.
var planted = map[string]string{
	"API key":          "planted-Key-71f0",
	"token":            "planted-Token-82e1",
	"secret":           "planted-Secret-93d2",
	"session password": "planted-Session-a4c3",
	"password":         "planted-Password-b5b4",
	"facebook id":      "planted-Facebook-c6a5",
	"website":          "planted-Website-d796",
	"custom data":      "planted-Custom-e887",
	"parents":          "planted-Parents-f978",
	"login":            "planted-Login-0a69",
}

// everyForm returns every printed, logged or encoded form of a value.
func everyForm(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&b, verb+"\n", v)
		fmt.Fprintf(&b, verb+"\n", []any{v, &v})
		fmt.Fprintf(&b, verb+"\n", struct{ V any }{v})
	}
	text, err := json.Marshal(v)
	require.NoError(t, err)
	b.Write(text)
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("m", "v", v, slog.Group("g", "v", v))
	}
	if err, ok := v.(error); ok {
		b.WriteString(err.Error())
	}
	return b.String()
}

// assertNone asserts that a text has no planted text in any encoding, except the named ones.
func assertNone(t *testing.T, what, text string, but ...string) {
	t.Helper()
	lower := strings.ToLower(text)
	for name, secret := range planted {
		if strings.Contains(strings.Join(but, ","), name) {
			continue
		}
		for form, encoded := range map[string]string{
			"plain": secret, "hex": hex.EncodeToString([]byte(secret)), "base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
		} {
			assert.False(t, strings.Contains(lower, strings.ToLower(encoded)), "%s shows the %s (%s)", what, name, form)
		}
	}
}

func plantedSession() *quickblox.SessionConfig {
	return &quickblox.SessionConfig{
		ApplicationID: 76730, AuthKey: "key", AuthSecret: userapi.Secret(planted["secret"]),
		Login: planted["login"], Password: userapi.Secret(planted["session password"]),
	}
}

func plantedExtra() quickblox.Extra {
	return quickblox.Extra{
		FacebookID: planted["facebook id"], Website: planted["website"], CustomData: planted["custom data"], ParentsContacts: planted["parents"],
	}
}

func TestNothingShowsSecrets(t *testing.T) {
	t.Parallel()
	configs := map[string]quickblox.Config{
		"key": {APIKey: userapi.Secret(planted["API key"])}, "token": {SessionToken: userapi.Secret(planted["token"])}, "session": {Session: plantedSession()},
	}
	values := map[string]any{
		"SessionConfig": *plantedSession(), "*SessionConfig": plantedSession(), "Extra": plantedExtra(), "*Extra": new(plantedExtra()),
		"NewUser": quickblox.NewUser{Password: userapi.Secret(planted["password"])},
		"CreateUserRequest": quickblox.CreateUserRequest{User: quickblox.NewUser{
			Login: new("j"), Password: userapi.Secret(planted["password"]),
		}},
		"neutral request": userapi.CreateUserRequest{
			Password: userapi.Secret(planted["password"]), Extensions: []userapi.Extension{plantedExtra(), new(plantedExtra())},
		},
		"APIError": quickblox.APIError{
			StatusCode: 422, Message: planted["password"], Code: planted["password"], Body: []byte(planted["password"]),
			Errors: map[string][]string{planted["password"]: {planted["token"]}}, Header: http.Header{"X": {planted["API key"]}},
		},
	}
	signIn := quickblox.SignInRequest{Login: planted["login"], Password: userapi.Secret(planted["password"])}
	token := quickblox.Token{UserID: 5, Token: userapi.Secret(planted["token"])}
	values["SignInRequest"], values["*SignInRequest"], values["Token"], values["*Token"] = signIn, &signIn, token, &token
	update := quickblox.UserUpdate{Password: userapi.Secret(planted["password"]), OldPassword: userapi.Secret(planted["secret"]), Website: new("https://a.example")}
	values["UserUpdate"], values["*UserUpdate"] = update, &update
	values["UpdateUserRequest"], values["*UpdateUserRequest"] = quickblox.UpdateUserRequest{User: update}, &quickblox.UpdateUserRequest{User: update}
	values["*APIError"] = new(values["APIError"].(quickblox.APIError))
	values["*NewUser"] = new(values["NewUser"].(quickblox.NewUser))
	values["*CreateUserRequest"] = new(values["CreateUserRequest"].(quickblox.CreateUserRequest))
	for name, cfg := range configs {
		values["Config "+name], values["*Config "+name] = cfg, &cfg
		c, err := quickblox.New(cfg)
		require.NoError(t, err)
		values["*Client "+name], values["Client "+name], values["Users "+name] = c, *c, c.Users
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assertNone(t, name, everyForm(t, v))
		})
	}
	assert.Equal(t, "quickblox.Config{credential: api key}", fmt.Sprintf("%+v", configs["key"]))
	assert.Equal(t, "quickblox.SessionConfig{application_id: 76730, session: user}", fmt.Sprintf("%#v", plantedSession()))
	text, err := json.Marshal(values["CreateUserRequest"])
	require.NoError(t, err)
	assert.JSONEq(t, `{"user":{"login":"j","password":"[REDACTED]"}}`, string(text))
}

// Errors and logs do not repeat what was sent, whatever the vendor's reply says.
func TestErrorsShowNoSecrets(t *testing.T) {
	t.Parallel()
	every := ""
	for _, secret := range planted {
		every += secret + " "
	}
	quoted, err := json.Marshal(every)
	require.NoError(t, err)
	one := planted["password"]
	session := func(s *quickbloxtest.Server, cfg *quickblox.Config) {
		cfg.APIKey, cfg.Session = "", plantedSession()
		cfg.Session.AuthKey = s.AuthKey()
	}
	for _, tc := range []struct {
		name      string
		on        userapitest.Operation
		status    int
		body      string
		configure func(*quickbloxtest.Server, *quickblox.Config)
	}{
		{"message", userapitest.Create, 400, `{"code":"` + one + `","message":` + string(quoted) + `}`, nil},
		{"fields", userapitest.Create, 422, `{"errors":{"login":[` + string(quoted) + `],"` + one + `":["x"],"base":[` + string(quoted) + `]}}`, nil},
		{"array", userapitest.Create, 401, `{"errors":[` + string(quoted) + `]}`, nil},
		{"HTML", userapitest.Create, 502, `<html>` + every + `</html>`, nil},
		{"success that is none", userapitest.Create, 200, every, nil},
		{"success with an error", userapitest.Create, 201, `{"user":{"id":7,"login":` + string(quoted) + `},"errors":[` + string(quoted) + `]}`, nil},
		{"redirect", userapitest.Create, 307, every, nil},
		{"session refused", userapitest.Session, 422, `{"errors":{"base":[` + string(quoted) + `]}}`, session},
		{"session's HTML", userapitest.Session, 404, every, session},
		{"no session token", userapitest.Session, 201, `{"session":{"nonce":` + string(quoted) + `}}`, session},
		{"token", userapitest.Create, 401, `{"errors":[` + string(quoted) + `]}`, func(_ *quickbloxtest.Server, cfg *quickblox.Config) {
			cfg.APIKey, cfg.SessionToken = "", userapi.Secret(planted["token"])
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t, quickbloxtest.WithAPIKey(userapi.Secret(planted["API key"])), quickbloxtest.WithApplication(76730, "key", userapi.Secret(planted["secret"])))
			echoed := one
			if tc.on == userapitest.Session {
				echoed = planted["session password"] // the other one is not used there
			}
			s.Inject(userapitest.Fault{
				On: tc.on, When: userapitest.BeforeCommit, Status: tc.status, Body: []byte(tc.body), Times: -1,
				Header: http.Header{"X-Request-Id": {echoed}, "Location": {"https://elsewhere.example/?password=" + one}, "Retry-After": {"0"}},
			})
			var logged bytes.Buffer
			cfg := s.Config()
			cfg.HTTP.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { fmt.Fprintf(&logged, "%+v\n", a) }
			if tc.configure != nil {
				tc.configure(s, &cfg)
			}
			c, err := quickblox.New(cfg)
			require.NoError(t, err)
			defer c.CloseIdleConnections()
			_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{
				Username: planted["login"], Password: userapi.Secret(one), Extensions: []userapi.Extension{plantedExtra()},
			})
			e := wantError(t, err)
			assertNone(t, "the error", everyForm(t, err))
			assertNone(t, "the wrapped error", everyForm(t, fmt.Errorf("sign-up: %w", err)))
			assertNone(t, "the cause", everyForm(t, e.Err))
			assertNone(t, "the log", logged.String())
			assert.NotEmpty(t, logged.String())
			if e.User != nil {
				assertNone(t, "the user", fmt.Sprintf("%v %+v %#v", e.User, e.User, *e.User))
			}

			// The vendor's text is kept, without the request's values and the used credentials.
			said := e.Message + e.Code + e.RequestID
			for _, f := range e.FieldErrors {
				said += f.Field + f.VendorField + f.Code + f.Message
			}
			unused := []string{"API key", "token", "secret", "session password"}
			switch {
			case cfg.Session != nil:
				// The session request has none of the new user's members.
				unused = []string{"API key", "token", "password", "facebook id", "website", "custom data", "parents"}
			case cfg.SessionToken != "":
				unused = []string{"API key", "secret", "session password"}
			default:
				unused = unused[1:]
			}
			assertNone(t, "the vendor's text", said, unused...)
		})
	}
}

// A refused session is dropped, but its token is still masked.
func TestRefusedTokenIsMasked(t *testing.T) {
	t.Parallel()
	c, mock := newMocked(t, quickblox.Config{Session: plantedSession()})
	mock.RegisterResponder(http.MethodPost, "https://api.quickblox.com/session.json",
		httpmock.NewStringResponder(http.StatusCreated, `{"session":{"token":"`+planted["token"]+`"}}`))
	replying(mock, http.StatusUnauthorized, []byte(`{"errors":["no session `+planted["token"]+`"]}`))
	_, err := c.CreateUser(context.Background(), john)
	e := wantError(t, err)
	assert.Equal(t, 2, e.Attempts)
	assert.True(t, e.Message == "no session […]", "the token is not masked")
}

// TestRequestIDOfASuccess: a request id is kept unless it could spell a sent value.
func TestRequestIDOfASuccess(t *testing.T) {
	t.Parallel()
	const password = "hunter2-HUNTER2"
	for id, kept := range map[string]bool{
		"f1d7a0f4-7f35-4b1a-9a3f-4e6f9d9f6c21": true, "8f1c2d3e4a5b6c7d-WAW": true, "request_17": true, "": true,
		password: false, strings.ToUpper(password): false, hex.EncodeToString([]byte(password)): false,
		hex.EncodeToString([]byte("johndoe")) + "-WAW": false, "1" + password: false,
	} {
		c, mock := newClient(t)
		mock.RegisterResponder(http.MethodPost, usersURL, func(*http.Request) (*http.Response, error) {
			resp := httpmock.NewStringResponse(http.StatusCreated, keyless)
			resp.Header.Set("X-Request-Id", id)
			return resp, nil
		})
		u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "johndoe", Password: password})
		require.NoError(t, err)
		want := id
		if !kept {
			want = ""
		}
		assert.True(t, u.RequestID == want, "%d bytes of an id of %d are kept", len(u.RequestID), len(id))
	}
}
