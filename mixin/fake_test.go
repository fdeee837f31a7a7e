package mixin_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"sync"
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

// TestFaults: what goes wrong on the way, and what is known after it.
func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		beforeRead, beforeCommit, afterCommit = userapitest.BeforeRead, userapitest.BeforeCommit, userapitest.AfterCommit
	)
	code := func(code string) []byte { return []byte(`{"error":{"status":202,"code":` + code + `}}`) }
	for name, tt := range map[string]struct {
		fault   userapitest.Fault
		kind    error // nil for a user
		outcome userapi.Outcome
		posts   int
		users   int
	}{
		"429, once": {
			userapitest.Fault{When: beforeCommit, Status: 202, Body: code("429")}, nil, 0, 2, 1,
		},
		"429 of the edge, once": {
			userapitest.Fault{When: beforeRead, Status: 429, Body: []byte("slow down")}, nil, 0, 2, 1,
		},
		"429, always": {
			userapitest.Fault{When: beforeCommit, Status: 202, Body: code("429"), Times: -1},
			userapi.ErrRateLimited, userapi.OutcomeRejected, 3, 0,
		},
		"500": {
			userapitest.Fault{When: afterCommit, Status: 500, Body: code("500")},
			userapi.ErrUnavailable, userapi.OutcomeUnknown, 1, 1,
		},
		"cut off after": {
			userapitest.Fault{When: afterCommit, Do: userapitest.Truncate}, userapi.ErrProtocol, userapi.OutcomeCreated, 1, 1,
		},
	} {
		serving(t, name, tt.fault, userapitest.ServerOptions{}, func(t *testing.T, o userapitest.ServerOptions) {
			srv := mixintest.NewServer(t, mixintest.WithHTTP(o))
			srv.Inject(tt.fault)
			cfg := srv.Config()
			cfg.HTTP.Retry = quick
			c := clientOf(t, cfg)
			u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			assert.Len(t, srv.Requests(), tt.posts)
			assert.Equal(t, tt.users, srv.UserCount())
			if tt.kind == nil {
				require.NoError(t, err)
				assert.Equal(t, srv.Users()[0].UserID, u.ID)
				return
			}
			assert.Nil(t, u)
			require.ErrorIs(t, err, tt.kind)
			e := asError(t, err)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, tt.posts, e.Attempts)
			assert.NotEmpty(t, e.RequestID)
			if tt.outcome == userapi.OutcomeCreated {
				assert.Equal(t, srv.Users()[0].UserID, e.UserID)
			}
		})
	}
}

// TestCredit: who cannot pay is told so, and nothing is made.
func TestCredit(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithCredit(1))
	c := clientOf(t, srv.Config())
	req := userapi.CreateUserRequest{Extensions: extra()}
	_, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	_, err = c.CreateUser(t.Context(), req)
	require.ErrorIs(t, err, userapi.ErrForbidden)
	e := asError(t, err)
	assert.Equal(t, "20117", e.Code)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, 1, srv.UserCount())
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

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithHTTP(userapitest.ServerOptions{HTTP2: true}))
	cfg := srv.Config()
	cfg.SessionKeys = sessionKeys(func(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) { return userKey(), nil })
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "x"})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 32, srv.UserCount())
}
