package mixintest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// A person is a profile in a reply.
type person struct {
	UserID         string `json:"user_id"`
	IdentityNumber string `json:"identity_number"`
	FullName       string `json:"full_name"`
	AvatarURL      string `json:"avatar_url"`
	SessionID      string `json:"session_id"`
	App            *struct {
		AppID     string `json:"app_id"`
		AppNumber string `json:"app_number"`
	} `json:"app"`
}

func decode[T any](t testing.TB, body string) T {
	t.Helper()
	var in struct {
		Data T `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &in), body)
	return in.Data
}

// ask sends a request as the caller and returns the body.
func ask(t testing.TB, srv *mixintest.Server, by caller, method, path, body string) string {
	t.Helper()
	_, _, text := by.send(t, srv, by.call(method, path, body))
	return text
}

// TestTheApplicationHasAProfile: the application and its users can read its profile, and its number
// finds it.
func TestTheApplicationHasAProfile(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	by := app(u.srv)
	for _, caller := range []caller{by, u.caller} {
		text := ask(t, u.srv, caller, "GET", "/users/"+strings.ToUpper(by.userID), "")
		p := decode[person](t, text)
		assert.Equal(t, by.userID, p.UserID)
		require.NotNil(t, p.App)
		assert.Equal(t, by.userID, p.App.AppID)
		assert.Equal(t, p.IdentityNumber, p.App.AppNumber)
		assert.NotContains(t, text, "session_id")
		assert.Equal(t, text, ask(t, u.srv, caller, "GET", "/search/"+p.IdentityNumber, ""))
	}
	own := decode[person](t, ask(t, u.srv, by, "GET", "/me", ""))
	assert.Equal(t, by.sessionID, own.SessionID)
	require.NotNil(t, own.App)
	for _, number := range []string{"0", "7000", "+8613800013800"} {
		assert.Equal(t, notFound, ask(t, u.srv, by, "GET", "/search/"+number, ""), "users have no number")
	}
	assert.Equal(t, 1, u.srv.UserCount(), "the application is not one of its users")
	assert.Len(t, u.srv.Users(), 1)
}

func TestFetch(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	other := join(t, u.srv, u.clock, edKey(t))
	by := app(u.srv)
	ids := func(ids ...string) string {
		text, err := json.Marshal(ids)
		require.NoError(t, err)
		return string(text)
	}
	var got []string
	for _, p := range decode[[]person](t, ask(t, u.srv, by, "POST", "/users/fetch", ids(other.userID, newID(), by.userID, other.userID, "x", strings.ToUpper(u.userID)))) {
		got = append(got, p.UserID)
	}
	assert.Equal(t, []string{other.userID, by.userID, u.userID}, got, "those that exist, each once")
	assert.Equal(t, `{"data":[]}`, ask(t, u.srv, by, "POST", "/users/fetch", `[]`))
	assert.Equal(t, `{"data":[]}`, ask(t, u.srv, by, "POST", "/users/fetch", ids(newID())))
	for _, bad := range []string{``, `{}`, `[1]`, `"` + u.userID + `"`} {
		assert.Equal(t, badRequest, ask(t, u.srv, by, "POST", "/users/fetch", bad))
	}
}

func TestUpdateProfile(t *testing.T) {
	t.Parallel()
	u := newUser(t, edKey(t))
	image := func(head string, size int) string {
		return base64.StdEncoding.EncodeToString(append([]byte(head), bytes.Repeat([]byte{0}, size-len(head))...))
	}
	p := decode[person](t, ask(t, u.srv, u.caller, "POST", "/me", `{"full_name":"Łukasz"}`))
	assert.Equal(t, "Łukasz", p.FullName)
	assert.Empty(t, p.AvatarURL)
	p = decode[person](t, ask(t, u.srv, u.caller, "POST", "/me", `{"full_name":"","avatar_base64":"`+image("\x89PNG\r\n\x1a\n", 1025)+`"}`))
	assert.Equal(t, "Łukasz", p.FullName, "\"\" changes nothing")
	assert.NotEmpty(t, p.AvatarURL)
	assert.Equal(t, "Łukasz", u.srv.Users()[0].FullName)
	assert.Equal(t, p.AvatarURL, decode[person](t, ask(t, u.srv, u.caller, "GET", "/me", "")).AvatarURL)
	for name, body := range map[string]string{
		"too small":  `{"avatar_base64":"` + image("\x89PNG\r\n\x1a\n", 1024) + `"}`,
		"no image":   `{"avatar_base64":"` + image("hello", 2000) + `"}`,
		"not base64": `{"avatar_base64":"*"}`,
	} {
		assert.Contains(t, ask(t, u.srv, u.caller, "POST", "/me", `{"full_name":"no",`+body[1:]), `"field":"avatar_base64"`, name)
	}
	assert.Equal(t, badRequest, ask(t, u.srv, u.caller, "POST", "/me", `{"full_name":7}`))
	in := u.call("POST", "/me", `{"full_name":"no"}`)
	in.claims["scp"] = "PROFILE:READ"
	_, _, text := u.caller.send(t, u.srv, in)
	assert.Equal(t, forbidden, text)
	assert.Equal(t, "Łukasz", u.srv.Users()[0].FullName, "nothing of a refused change is kept")
	by := app(u.srv)
	assert.Equal(t, "Bot", decode[person](t, ask(t, u.srv, by, "POST", "/me", `{"full_name":"Bot"}`)).FullName)
	assert.Equal(t, "Bot", decode[person](t, ask(t, u.srv, u.caller, "GET", "/users/"+by.userID, "")).FullName)
}

// TestUnserved: a route that the fake does not serve does not look like a missing user to our
// client.
func TestUnserved(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	cfg := srv.Config()
	cfg.HTTP.BaseURL += "/v2"
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	_, err = c.Users.Get(t.Context(), newID())
	require.NotErrorIs(t, err, userapi.ErrNotFound)
	require.ErrorIs(t, err, userapi.ErrProtocol)
}
