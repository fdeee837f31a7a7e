package mixin_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
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

// rs512 is a TokenSigner with an RSA key.
type rs512 struct{ tokenSigner }

func (rs512) Algorithm() string { return "RS512" }

// remote signs with a key as a KMS does.
func remote(key crypto.Signer) mixin.TokenSigner {
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		return rs512{func(_ context.Context, input []byte) ([]byte, error) {
			sum := sha512.Sum512(input)
			return key.Sign(rand.Reader, sum[:], crypto.SHA512)
		}}
	}
	return tokenSigner(func(_ context.Context, input []byte) ([]byte, error) {
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	})
}

// TestKeysThatSign creates users with each kind of key, for each kind of user, at a
// server that checks signatures by itself.
func TestKeysThatSign(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for name, key := range map[string]crypto.Signer{"Ed25519": appKey(), "RSA": rsaKey} {
		for how, change := range map[string]func(*mixin.Config){
			"by itself": func(*mixin.Config) {},
			"remote": func(c *mixin.Config) {
				c.TokenSigner, c.Keystore.PrivateKey = remote(key), nil
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				srv := mixintest.NewServer(t, mixintest.WithKeystore(mixin.Keystore{PrivateKey: key}))
				cfg := srv.Config()
				change(&cfg)
				c, err := mixin.New(cfg)
				require.NoError(t, err)
				for _, user := range []crypto.Signer{userKey(), rsaKey} {
					u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
						FullName: "Ł <b> & 😀", Extensions: []userapi.Extension{mixin.Extra{SessionKey: user}},
					})
					require.NoError(t, err)
					native, ok := userapi.As[*mixin.CreateUserResponse](u)
					require.True(t, ok)
					users := srv.Users()
					kept := users[len(users)-1]
					secret, err := mixin.SessionSecret(user)
					require.NoError(t, err)
					assert.Equal(t, secret, kept.SessionSecret)
					assert.Equal(t, "Ł <b> & 😀", kept.FullName)
					assert.Equal(t, kept.FullName, u.FullName)
					assert.Equal(t, kept.UserID, u.ID)
					assert.Equal(t, kept.SessionID, native.SessionID)
					assert.True(t, kept.CreatedAt.Equal(u.CreatedAt))
					assert.Empty(t, u.Warnings)
				}
				assert.Len(t, srv.Requests(), 2)
			})
		}
	}
}

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
