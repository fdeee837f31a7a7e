package mixin

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// TestKeyFileFormat: files of today are read for ever. They hold the vectors' keys.
func TestKeyFileFormat(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	key := v.key(t, "ed25519")
	for name, want := range map[string]keyRecord{
		"keyfile_prepared.json":   {State: KeyFilePrepared},
		"keyfile_complete.json":   {State: KeyFileComplete, Intent: KeyFileTIPSet, UserID: testUserID, SessionID: testSessionID},
		"keyfile_registered.json": {State: KeyFileRegistered, UserID: testUserID, SessionID: testSessionID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", name)
			r, err := readKeyRecord(path)
			require.NoError(t, err)
			assert.Equal(t, want.State, r.State)
			assert.Equal(t, want.Intent, r.Intent)
			assert.Equal(t, want.UserID, r.UserID)
			assert.Equal(t, want.SessionID, r.SessionID)
			assert.Equal(t, v.Keys.Ed25519.SessionSecret, r.SessionSecret)
			assert.True(t, time.Date(2026, 1, 2, 3, 4, 5, 600000000, time.UTC).Equal(r.ChangedAt))
			require.True(t, equalKeys(key, r.sessionKey()), "the session key")
			assert.Equal(t, "9d28a8dff5e38bfb39f85627096f91aed21a658746370e4ce8682c6fc8dec2e0", hex.EncodeToString(r.spendKey()[32:]))
			assert.Equal(t, want.State == KeyFileRegistered, r.keystore().SpendPrivateKey != "")

			text, err := r.encode()
			require.NoError(t, err)
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, string(text) == string(file), "it is written as it was read")
			ks, err := ParseKeystore(file)
			if want.State == KeyFilePrepared {
				require.Error(t, err, "it is not a keystore yet")
				return
			}
			require.NoError(t, err)
			require.True(t, equalKeys(key, ks.PrivateKey))
			assert.Equal(t, want.State == KeyFileRegistered, ks.SpendPrivateKey != "")
			cipher, err := NewPINCipher(ks)
			require.NoError(t, err)
			_, err = cipher.EncryptPIN([]byte("1"))
			require.NoError(t, err)
		})
	}
}

// TestKeyFileKeepsAKeyOfTheServersThatItCannotRead: as it came, for a person.
func TestKeyFileKeepsAKeyOfTheServersThatItCannotRead(t *testing.T) {
	t.Parallel()
	r, err := newKeyRecord()
	require.NoError(t, err)
	r.State = KeyFileComplete
	other := "18e3ed727eef0d9d83f5139e5dce7d71bd4cbefc4acfdb94da283fff83c1ba50"
	r.take(&CreateUserResponse{UserID: testUserID, SessionID: testSessionID, PinToken: "?", ServerPublicKey: &other})
	text, err := r.encode()
	require.NoError(t, err)
	again, err := decodeKeyRecord(text)
	require.NoError(t, err)
	assert.Equal(t, userapi.Secret("?").Reveal(), again.PinToken.Reveal())
	assert.Equal(t, other, again.ServerPublicKey)
	requireNoLeak(t, r, []string{r.Key.Reveal(), r.SpendKey.Reveal()})
}

func TestKeyFileStates(t *testing.T) {
	t.Parallel()
	for i, s := range keyFileStates {
		for j, o := range keyFileStates {
			assert.Equal(t, i >= j, s.atLeast(o), "%s, %s", s, o)
		}
		assert.False(t, KeyFileState("").atLeast(s))
	}
}

func TestKeyFileError(t *testing.T) {
	t.Parallel()
	e := &KeyFileError{Path: "/keys/x.json"}
	assert.Equal(t, "mixin: key file /keys/x.json", e.Error())
	e.State, e.Err = KeyFileSent, errSent
	assert.Equal(t, "mixin: key file /keys/x.json (sent): a create with this key was sent, or was about to be: its user may exist and be paid for", e.Error())
	assert.ErrorIs(t, e, errSent)
}
