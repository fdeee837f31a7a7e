package mixin_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestRotateSession: the new key signs and encrypts PINs, and the old one is refused, even after a
// lost reply.
func TestRotateSession(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"answered": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			tip, next := tipKey(t), tipKey(t)
			cfg := withTIP(t, srv, mixin.TIPPIN(tip))
			old := clientOf(t, cfg)
			if lost {
				srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset})
			}
			creds, err := old.Users.RotateSession(t.Context(), next)
			cfg.Keystore.PrivateKey, cfg.Keystore.PinToken, cfg.Keystore.ServerPublicKey = next, "", ""
			if lost {
				e := asError(t, err)
				require.Equal(t, userapi.OutcomeUnknown, e.Outcome)
				require.Equal(t, 1, posts(srv, "/session/secret"))
				either := clientOf(t, cfg) // it asks which of the two keys is the session's
				me, err := either.Users.Me(t.Context())
				require.NoError(t, err)
				creds, err = me.Credentials(next)
				require.NoError(t, err)
			} else {
				require.NoError(t, err)
			}
			_, err = old.Users.Me(t.Context())
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			cfg.Keystore = creds.Keystore()
			c := clientOf(t, cfg)
			_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(tip))
			require.NoError(t, err)
			for _, form := range []mixin.KeystoreForm{mixin.ClientForm, mixin.AppForm} {
				text, err := creds.JSON(form)
				require.NoError(t, err)
				_, err = mixin.ParseKeystore(text)
				require.NoError(t, err)
			}
		})
	}
}

// TestUpgradeUser takes a user of 2018 through an Ed25519 session to a TIP key and Safe.
func TestUpgradeUser(t *testing.T) {
	t.Parallel()
	const digits = "730518"
	for name, lost := range map[string]bool{"answered": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
			require.NoError(t, err)
			legacy := newUser(t, srv, rsaKey, mixin.ClientForm, userapi.HTTPOptions{})
			_, err = legacy.PIN.Update(t.Context(), mixin.PIN{}, mixin.DigitsPIN(digits))
			require.NoError(t, err)
			_, err = legacy.Users.Upgrade(t.Context(), mixin.DigitsPIN("204961"))
			fault, _ := mixin.IsPINError(err)
			require.Equal(t, mixin.PINRefused, fault)
			require.Equal(t, 1, srv.Users()[0].WrongPINs)

			key, err := mixin.UpgradeKey(rsaKey)
			require.NoError(t, err)
			if lost {
				srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Status: 503})
			}
			cfg := srv.Config()
			resp, err := legacy.Users.Upgrade(t.Context(), mixin.DigitsPIN(digits))
			if lost {
				require.ErrorIs(t, err, userapi.ErrUnavailable)
				require.True(t, userapi.MayHaveCreated(err), "it may have been done")
				require.Equal(t, 2, posts(srv, "/legacy/users"), "sent once")
				u := srv.Users()[0]
				cfg.Keystore = mixin.Keystore{UserID: u.UserID, SessionID: u.SessionID, PrivateKey: key}
				either, err := mixin.New(cfg)
				require.NoError(t, err)
				resp, err = either.Users.Me(t.Context())
				require.NoError(t, err)
			} else {
				require.NoError(t, err)
			}
			creds, err := resp.Credentials(key)
			require.NoError(t, err)
			cfg.Keystore = creds.Keystore()
			c := clientOf(t, cfg)
			tip := tipKey(t)
			_, err = c.PIN.Verify(t.Context(), mixin.DigitsPIN(digits))
			require.NoError(t, err)
			_, err = c.PIN.Update(t.Context(), mixin.DigitsPIN(digits), mixin.TIPPIN(tip))
			require.NoError(t, err)
			_, err = c.Safe.Register(t.Context(), tip, mixin.TIPPIN(tip))
			require.NoError(t, err)
			_, err = legacy.Users.Me(t.Context())
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			assert.Zero(t, srv.Users()[0].WrongPINs)
			assert.Equal(t, 1, srv.UserCount())
		})
	}
}

// TestProfilesAtTheFake: a user changes its profile, and the application reads several.
func TestProfilesAtTheFake(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	user := newUser(t, srv, tipKey(t), mixin.AppForm, userapi.HTTPOptions{})
	newUser(t, srv, tipKey(t), mixin.AppForm, userapi.HTTPOptions{})
	png := base64.StdEncoding.EncodeToString(append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{1}, 2000)...))
	u, err := user.Users.Update(t.Context(), mixin.UpdateUserRequest{FullName: new("Łukasz"), AvatarBase64: &png})
	require.NoError(t, err)
	assert.Equal(t, "Łukasz", *u.FullName)
	assert.NotEmpty(t, *u.AvatarURL)
	small := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n"))
	_, err = user.Users.Update(t.Context(), mixin.UpdateUserRequest{FullName: new("Ada"), AvatarBase64: &small})
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	require.Len(t, e.FieldErrors, 1)
	assert.Equal(t, "avatar_base64", e.FieldErrors[0].VendorField)

	app := clientOf(t, srv.Config())
	appID := srv.Config().Keystore.UserID
	nobody := "00000000-0000-4000-8000-000000000000"
	found, err := app.Users.Fetch(t.Context(), []string{srv.Users()[1].UserID, nobody, appID, srv.Users()[0].UserID})
	require.NoError(t, err)
	require.Len(t, found, 3)
	assert.Equal(t, appID, found[1].UserID)
	assert.Equal(t, "Łukasz", *found[2].FullName)
	profile, err := app.Users.Get(t.Context(), appID)
	require.NoError(t, err)
	assert.NotEmpty(t, profile.App)
	_, err = app.Users.Get(t.Context(), nobody)
	require.ErrorIs(t, err, userapi.ErrNotFound)

	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Reset})
	_, err = app.Users.Fetch(t.Context(), []string{appID})
	require.NoError(t, err, "a read is tried again")
}
