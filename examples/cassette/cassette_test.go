package cassette_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	vcr "gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"

	"github.com/enlist-go/enlist/examples/cassette"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
)

const (
	apiKey   = "planted-api-key"
	password = "planted-password"
)

// The cassette testdata/taken.yaml has two creates of one login.
func Example() {
	tape, err := cassette.Open("testdata/taken", recorder.ModeReplayOnly, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	taken, err := signUpTwice(context.Background(), tape, apiKey)
	fmt.Println("taken:", errors.Is(taken, userapi.ErrConflict))
	fmt.Println("may exist:", userapi.MayHaveCreated(taken))
	fmt.Println("error:", err)
	// Output:
	// taken: true
	// may exist: false
	// error: <nil>
}

// signUpTwice is what is tested: it creates one user twice. taken is the second create's
// error.
func signUpTwice(ctx context.Context, through http.RoundTripper, key userapi.Secret) (taken, err error) {
	c, err := quickblox.New(quickblox.Config{
		APIKey: key,
		HTTP:   userapi.HTTPOptions{HTTPClient: &http.Client{Transport: through}},
	})
	if err != nil {
		return nil, err
	}
	req := userapi.CreateUserRequest{Username: "ada", Password: password, FullName: "Ada Lovelace"}
	if _, err := c.CreateUser(ctx, req); err != nil {
		return nil, err
	}
	_, taken = c.CreateUser(ctx, req)
	return taken, nil
}

// TestRecord records, against the fake in place of QuickBlox, and replays what it recorded.
func TestRecord(t *testing.T) {
	t.Parallel()
	server := quickbloxtest.NewServer(t, quickbloxtest.WithAPIKey(apiKey))
	name := filepath.Join(t.TempDir(), "taken")
	tape, err := cassette.Open(name, recorder.ModeRecordOnce, redirect{server.URL()})
	require.NoError(t, err)
	taken, err := signUpTwice(t.Context(), tape, apiKey)
	require.NoError(t, err)
	require.ErrorIs(t, taken, userapi.ErrConflict)
	require.NoError(t, tape.Stop())
	assert.Equal(t, 1, server.UserCount())

	text, err := os.ReadFile(name + ".yaml")
	require.NoError(t, err)
	assert.Contains(t, string(text), "Ada Lovelace")
	assert.NotContains(t, string(text), apiKey)
	assert.NotContains(t, string(text), password)

	tape, err = cassette.Open(name, recorder.ModeReplayOnly, nil)
	require.NoError(t, err)
	taken, err = signUpTwice(t.Context(), tape, apiKey)
	require.NoError(t, err)
	require.ErrorIs(t, taken, userapi.ErrConflict)
	assert.Equal(t, 1, server.UserCount(), "a replay sends nothing")
}

// TestSecrets: no secret of a request or a reply is recorded, however its JSON is written.
func TestSecrets(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "session")
	tape, err := cassette.Open(name, recorder.ModeRecordOnce, answers("{\n  \"session\": {\"token\" : \"planted\\\"-token\", \"id\": 7}\n}"))
	require.NoError(t, err)
	client := &http.Client{Transport: tape}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.quickblox.com/session.json", strings.NewReader(`{"password":"planted-password", "old_password": "planted-before"}`))
	require.NoError(t, err)
	req.Header.Set("Qb-Token", "planted-header")
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, tape.Stop())
	text, err := os.ReadFile(name + ".yaml")
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(string(text), "[REDACTED]"), string(text))
	assert.NotContains(t, string(text), "planted")
}

// TestAnotherRequest: a request that was not recorded gets no reply.
func TestAnotherRequest(t *testing.T) {
	t.Parallel()
	tape, err := cassette.Open("testdata/taken", recorder.ModeReplayOnly, nil)
	require.NoError(t, err)
	const users, recorded = "https://api.quickblox.com/users.json", `{"user":{"login":"ada","full_name":"Ada Lovelace","password":"any"}}`
	for _, c := range []struct {
		url, body string
		want      error
	}{
		{users, strings.Replace(recorded, "ada", "grace", 1), vcr.ErrInteractionNotFound},
		{users + "?x", recorded, vcr.ErrInteractionNotFound},
		{users, recorded, nil},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, strings.NewReader(c.body))
		require.NoError(t, err)
		resp, err := tape.RoundTrip(req)
		require.ErrorIs(t, err, c.want, "%s %s", c.url, c.body)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
	}
}

// answers is a vendor that always gives one answer.
type answers string

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusCreated, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, Body: io.NopCloser(strings.NewReader(string(a))),
		Header: http.Header{"Set-Cookie": {"planted-cookie"}},
	}, nil
}

// redirect sends what is for QuickBlox to the fake.
type redirect struct{ to string }

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	there, err := http.NewRequestWithContext(req.Context(), req.Method, r.to+req.URL.Path, req.Body)
	if err != nil {
		return nil, err
	}
	there.Header = req.Header
	return http.DefaultTransport.RoundTrip(there)
}
