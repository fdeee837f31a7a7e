package quickblox_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
)

// over returns a client that gets a status and a body for every create.
func over(t *testing.T, status int, body string) *quickblox.Client {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodPost, "https://api.quickblox.com/users.json", httpmock.NewStringResponder(status, body))
	c, err := quickblox.New(quickblox.Config{APIKey: "key", HTTP: userapi.HTTPOptions{HTTPClient: &http.Client{Transport: mock}}})
	require.NoError(t, err)
	return c
}

// TestEchoDoesNotDecide: a phrase that QuickBlox repeats from the request has no meaning.
func TestEchoDoesNotDecide(t *testing.T) {
	t.Parallel()
	c := over(t, 500, `{"errors":{"base":["could not store Need user"]}}`)
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "x", Password: "!Peter009", FullName: "Need user"})
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	assert.True(t, userapi.MayHaveCreated(err))
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	body := `{"errors":{"login":[` + strings.TrimSuffix(strings.Repeat(`"is bad",`, 5000), ",") + `]}}`
	_, err := over(t, 422, body).CreateUser(t.Context(), userapi.CreateUserRequest{Username: "x", Password: "!Peter009"})
	e, ok := err.(*userapi.Error) // the error that CreateUser returns
	require.True(t, ok)
	assert.Len(t, e.FieldErrors, 100)
}

// Preflight finds the same faults as CreateUser, and both name the member.
func TestExtraOfInvalidText(t *testing.T) {
	t.Parallel()
	c := over(t, 201, "")
	req := userapi.CreateUserRequest{Username: "x", Extensions: []userapi.Extension{quickblox.Extra{Website: "a\xff"}}}
	_, err := c.CreateUser(t.Context(), req)
	require.EqualError(t, err, "quickblox: create user: invalid request: Password: must be set; website: must be valid UTF-8, nothing was sent")
	assert.EqualError(t, c.PreflightUser(req), err.Error())
}

// What a caller's hook does in the goroutine of the session request reaches the caller. A panic
// stays a panic, and a goroutine's end becomes an error.
func TestHooksOfTheSessionRequest(t *testing.T) {
	t.Parallel()
	client := func(t *testing.T, hook func()) *quickblox.Client {
		srv := quickbloxtest.NewServer(t)
		c, err := quickblox.New(quickblox.Config{Session: srv.SessionConfig(), HTTP: userapi.HTTPOptions{
			BaseURL: srv.URL(), OnAttempt: func(context.Context, userapi.Attempt) { hook() },
		}})
		require.NoError(t, err)
		return c
	}
	req := userapi.CreateUserRequest{Username: "x", Password: "!Peter009"}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		c := client(t, func() { panic("the hook's own") })
		assert.PanicsWithValue(t, "the hook's own", func() { _, _ = c.CreateUser(t.Context(), req) })
	})
	t.Run("end", func(t *testing.T) {
		t.Parallel()
		c := client(t, runtime.Goexit)
		done := make(chan error, 1)
		go func() {
			_, err := c.CreateUser(t.Context(), req)
			done <- err
		}()
		select {
		case err := <-done:
			require.Error(t, err)
			assert.False(t, userapi.MayHaveCreated(err))
		case <-time.After(10 * time.Second):
			t.Fatal("the caller waits for ever")
		}
	})
}
