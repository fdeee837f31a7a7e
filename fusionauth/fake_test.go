package fusionauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// stillServer returns a fake whose clock stands still. The age of a user in a look-up depends on
// how long the look-up takes, and no test may depend on that.
func stillServer(t *testing.T, opts ...fusionauthtest.Option) *fusionauthtest.Server {
	t.Helper()
	begun := time.Now()
	still := fusionauthtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return begun }})
	return fusionauthtest.NewServer(t, append([]fusionauthtest.Option{still}, opts...)...)
}

// newPair returns a fake and a client of it.
func newPair(t *testing.T, opts ...fusionauthtest.Option) (*fusionauth.Client, *fusionauthtest.Server) {
	t.Helper()
	server := stillServer(t, opts...)
	cfg := server.Config()
	cfg.HTTP.Timeout = -1
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, Jitter: -1}
	return clientOf(t, cfg), server
}

func clientOf(t *testing.T, cfg fusionauth.Config) *fusionauth.Client {
	t.Helper()
	c, err := fusionauth.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func numbered(n int) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		ExternalID: fmt.Sprintf("customer-%d", n), Email: fmt.Sprintf("Jane%d@Example.com", n),
		Username: fmt.Sprintf("jane%d", n), Password: password, Attributes: map[string]any{"n": n},
	}
}

func TestFakeTakesTheWholeRequest(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]userapitest.ServerOptions{"HTTP/1": {}, "TLS": {TLS: true}, "HTTP/2": {HTTP2: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := newPair(t, fusionauthtest.WithHTTP(o))
			u, err := c.CreateUser(t.Context(), fullRequest())
			require.NoError(t, err)
			assert.Equal(t, customerID, u.ID)
			assert.Equal(t, "jane@example.com", u.Email)
			assert.Equal(t, "customer-42", u.ExternalID)
			assert.WithinDuration(t, time.Now(), u.CreatedAt, time.Minute)
			native, ok := userapi.As[*fusionauth.CreateUserResponse](u)
			require.True(t, ok)
			assert.True(t, native.Token.Reveal() != "" && native.EmailVerificationID.Reveal() != "")
			assert.True(t, native.TokenExpirationInstant.After(u.CreatedAt))
			assert.Len(t, native.User.Identities, 2)
			assert.Equal(t, "9007199254740993", fmt.Sprint(native.User.Data["big"]))

			users := server.Users()
			require.Len(t, users, 1)
			assert.Equal(t, customerID, users[0].ID)
			assert.True(t, users[0].HasPassword)
			requests := server.Requests()
			require.Len(t, requests, 1)
			assert.Equal(t, "/api/user/"+customerID, requests[0].URI)
			assert.NotContains(t, string(requests[0].Body), password)
		})
	}
}

func TestFakeTakesTheVendorsSample(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	resp, err := c.Users.Create(t.Context(), sampleRequest(t))
	require.NoError(t, err)
	assert.Equal(t, "00000001-0000-4000-8000-000000000011", resp.User.ID)
	assert.Len(t, resp.User.Memberships, 2)
	assert.Len(t, resp.User.TwoFactor.Methods, 2)
	assert.True(t, resp.User.TwoFactor.Methods[0].Secret == "" && resp.User.Password == "" && resp.User.Salt == "")
	assert.True(t, *resp.User.Active, "a new user is active whatever was sent")
	assert.Equal(t, 1, server.UserCount())
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t)
	_, err := c.CreateUser(t.Context(), numbered(1))
	require.NoError(t, err)

	_, err = c.CreateUser(t.Context(), numbered(1))
	e := asError(t, err)
	assert.Equal(t, userapi.KindConflict, e.Kind)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.NotEmpty(t, e.UserID)
	assert.Equal(t, []string{"Email", "Username", "ExternalID"}, fieldNames(e))
	for _, f := range e.FieldErrors {
		assert.Equal(t, userapi.CodeTaken, f.Code)
		assert.NotContains(t, strings.ToLower(f.Message), "jane1")
	}
	var api *fusionauth.APIError
	require.ErrorAs(t, err, &api)
	assert.Contains(t, string(api.Body), "already exists")

	req := numbered(2)
	req.Username, req.Password = "JANE1", "short"
	_, err = c.CreateUser(t.Context(), req)
	require.ErrorIs(t, err, userapi.ErrConflict)
	assert.Equal(t, []string{"Password", "Username"}, fieldNames(asError(t, err)))

	req = numbered(3)
	req.Password = "short"
	_, err = c.CreateUser(t.Context(), req)
	require.ErrorIs(t, err, userapi.ErrInvalid)
}

func fieldNames(e *userapi.Error) []string {
	var names []string
	for _, f := range e.FieldErrors {
		names = append(names, f.Field)
	}
	return names
}

func TestKeyAndTenant(t *testing.T) {
	t.Parallel()
	server := fusionauthtest.NewServer(t, fusionauthtest.WithTenants(tenantA, tenantB))
	cfg := server.Config()
	cfg.TenantID = ""
	_, err := clientOf(t, cfg).CreateUser(t.Context(), numbered(1))
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, "TenantIdRequired", e.Code)

	for _, tenant := range []string{tenantA, tenantB} {
		req := numbered(1)
		req.Extensions = []userapi.Extension{fusionauth.Extra{TenantID: tenant}}
		_, err = clientOf(t, cfg).CreateUser(t.Context(), req)
		require.NoError(t, err, "each tenant has its own users")
	}
	assert.Equal(t, 2, server.UserCount())

	cfg.APIKey = "wrong"
	_, err = clientOf(t, cfg).CreateUser(t.Context(), numbered(1))
	e = asError(t, err)
	assert.Equal(t, userapi.KindUnauthorized, e.Kind)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.NotEmpty(t, e.UserID)
}

func TestRetryableConflictIsRepeated(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	conflict := userapitest.Fault{When: userapitest.BeforeCommit, Status: 409, Times: 2,
		Body: []byte(`{"fieldErrors":{},"generalErrors":[{"code":"[retryableConflict]","message":"again"}]}`)}
	server.Inject(conflict)
	u, err := c.CreateUser(t.Context(), numbered(42))
	require.NoError(t, err)
	assert.Equal(t, customerID, u.ID)
	assert.Len(t, server.Requests(), 3)
	assert.Equal(t, 1, server.UserCount())

	conflict.Times = -1
	server.Inject(conflict)
	_, err = c.CreateUser(t.Context(), numbered(43))
	e := asError(t, err)
	assert.Equal(t, userapi.KindUnavailable, e.Kind)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, "retryableConflict", e.Code)
	assert.Equal(t, 3, e.Attempts)
}
