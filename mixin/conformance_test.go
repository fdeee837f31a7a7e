package mixin_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// keyOf returns the session key of a request's user.
func keyOf(req userapi.CreateUserRequest) crypto.Signer {
	seed := sha256.Sum256([]byte(req.FullName + req.GivenName))
	return ed25519.NewKeyFromSeed(seed[:])
}

// conformance returns the harness for one way to get session keys.
func conformance(configure func(*mixin.Config), request func(*userapi.CreateUserRequest)) userapitest.Harness {
	app := ed25519.NewKeyFromSeed([]byte("the seed of a conformance test's"))
	with := func(req userapi.CreateUserRequest) userapi.CreateUserRequest {
		request(&req)
		return req
	}
	return userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			srv := mixintest.NewServer(t, mixintest.WithKeystore(mixin.Keystore{PrivateKey: app}))
			cfg := srv.Config()
			opts.BaseURL = cfg.HTTP.BaseURL
			cfg.HTTP = opts
			configure(&cfg)
			c, err := mixin.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return c, srv
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return with(userapi.CreateUserRequest{GivenName: fmt.Sprintf("minimal%d", n)})
		},
		Full: func(n int) userapi.CreateUserRequest {
			return with(userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprintf("crm/%06d", n),
				Username: fmt.Sprintf("ada%d", n), Email: fmt.Sprintf("ada%d@example.org", n), Phone: fmt.Sprintf("+4850010%04d", n),
				Password: userapi.Secret(fmt.Sprintf("!Ada-planted-%d", n)), FullName: fmt.Sprintf("Ada Nowakowska %d", n), GivenName: "Adalbert",
				Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"newsletter"}, Attributes: map[string]any{"plan": "gold", "seats": 12},
			})
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				FullName:   fmt.Sprintf("Invalid %d", n),
				Extensions: []userapi.Extension{mixin.Extra{SessionKey: ed25519.PrivateKey("too short")}},
			}
		},
		Recorded: true,
		ID:       regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
		Reply: &userapitest.Reply{
			ID: []string{"data", "user_id"}, CreatedAt: []string{"data", "created_at"}, Errors: [][]string{{"error"}}, ErrorDecides: true,
			Agree: []userapitest.Edit{
				{Name: "full_name_empty", Path: []string{"data", "full_name"}, To: userapitest.JSON("")},
				{Name: "full_name_changed", Path: []string{"data", "full_name"}, To: userapitest.JSON("Ada")},
			},
		},
		Secrets: []string{
			string(app.Seed()), hex.EncodeToString(app.Seed()), base64.StdEncoding.EncodeToString(app.Seed())[:40],
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("extra", func(t *testing.T) {
		t.Parallel()
		userapitest.Run(t, conformance(func(*mixin.Config) {}, func(req *userapi.CreateUserRequest) {
			req.Extensions = []userapi.Extension{mixin.Extra{SessionKey: keyOf(*req)}}
		}))
	})
	t.Run("session keys", func(t *testing.T) {
		t.Parallel()
		userapitest.Run(t, conformance(func(c *mixin.Config) {
			c.SessionKeys = sessionKeys(func(_ context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) { return keyOf(req), nil })
		}, func(*userapi.CreateUserRequest) {}))
	})
	t.Run("a directory of session keys", func(t *testing.T) {
		t.Parallel()
		var n atomic.Int64
		userapitest.Run(t, conformance(func(c *mixin.Config) {
			c.SessionKeys = mixin.KeyDir(filepath.Join(t.TempDir(), strconv.FormatInt(n.Add(1), 10)))
		}, func(req *userapi.CreateUserRequest) {
			// After an unknown outcome a key must not be used again, but the suite does that.
			if req.IdempotencyKey == "" {
				req.IdempotencyKey = strconv.FormatInt(n.Add(1), 10)
			}
		}))
	})
}
