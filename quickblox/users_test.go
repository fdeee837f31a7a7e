package quickblox_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

const usersURL = "https://api.quickblox.com/users.json"

// newClient returns a client whose requests go to a mock of its own.
func newClient(t *testing.T) (*quickblox.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	c, err := quickblox.New(quickblox.Config{
		APIKey: "28irlNAGasWDSupO9Vw0BBMZfuHrAUYKpmroS9yBORI",
		HTTP:   userapi.HTTPOptions{HTTPClient: &http.Client{Transport: mock}},
	})
	require.NoError(t, err)
	return c, mock
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	var body []byte
	mock.RegisterResponder(http.MethodPost, usersURL, func(r *http.Request) (*http.Response, error) {
		body, _ = io.ReadAll(r.Body)
		assert.Equal(t, "ApiKey 28irlNAGasWDSupO9Vw0BBMZfuHrAUYKpmroS9yBORI", r.Header.Get("Authorization"))
		return httpmock.NewStringResponse(201, `{"user":{"id":96752798,"login":"johndoe","created_at":"2019-08-27T20:19:08Z","custom_data":null}}`), nil
	})
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox", FullName: "John Doe"})
	require.NoError(t, err)
	assert.Equal(t, `{"user":{"login":"johndoe","full_name":"John Doe","password":"quickblox"}}`, string(body))
	assert.Equal(t, "96752798", u.ID)
	native, ok := userapi.As[*quickblox.CreateUserResponse](u)
	require.True(t, ok)
	assert.Equal(t, int64(96752798), native.User.ID)

	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Timezone: "x", Strict: true})
	t.Log(err)
	mock.RegisterResponder(http.MethodPost, usersURL, httpmock.NewStringResponder(422, `{"errors":{"login":["has already been taken"],"phone":["johndoe is not a number"]}}`))
	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox"})
	require.ErrorIs(t, err, userapi.ErrConflict)
	t.Logf("%v", err)
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	t.Logf("%+v %v", e.FieldErrors, e.Attempts)
	mock.RegisterResponder(http.MethodPost, usersURL, httpmock.NewStringResponder(201, `{"user":{"id":96752798,"login":"jo`))
	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox"})
	t.Log(err)
}
