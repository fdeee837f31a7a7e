package mixin_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// serving runs a subtest at a server on a real socket. One that stalls is in memory, and
// time is not real: the client's runs out when there is nothing left to do.
func serving(t *testing.T, name string, f userapitest.Fault, o userapitest.ServerOptions, test func(*testing.T, userapitest.ServerOptions)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if f.Do != userapitest.Stall {
			test(t, o)
			return
		}
		synctest.Test(t, func(t *testing.T) {
			o.Listener = fakehttp.NewMemory()
			test(t, o)
		})
	})
}

// TestANewUserMayNotCreate: only applications may.
func TestANewUserMayNotCreate(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	c := clientOf(t, srv.Config())
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.NoError(t, err)
	native, ok := userapi.As[*mixin.CreateUserResponse](u)
	require.True(t, ok)
	cfg := srv.Config()
	cfg.Keystore = mixin.Keystore{UserID: native.UserID, SessionID: native.SessionID, PrivateKey: userKey()}
	asUser := clientOf(t, cfg)
	_, err = asUser.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.Equal(t, 1, srv.UserCount())
}
