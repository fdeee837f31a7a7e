package mixin_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// roundTripper is a RoundTripper from a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// around calls a function for each request, which can pass the request on.
func around(cfg *mixin.Config, trip func(next http.RoundTripper, r *http.Request) (*http.Response, error)) {
	next := http.DefaultTransport
	if cfg.HTTP.HTTPClient != nil && cfg.HTTP.HTTPClient.Transport != nil {
		next = cfg.HTTP.HTTPClient.Transport
	}
	cfg.HTTP.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return trip(next, r) })}
}

// withDir returns a fake, a client of it, and the directory of its session keys.
func withDir(t testing.TB) (*mixintest.Server, *mixin.Client, *mixin.SessionKeyDir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	dir := mixin.KeyDir(path)
	srv := mixintest.NewServer(t)
	c := dirClient(t, srv, dir)
	return srv, c, dir, path
}

func dirClient(t testing.TB, srv *mixintest.Server, dir *mixin.SessionKeyDir) *mixin.Client {
	t.Helper()
	cfg := srv.Config()
	cfg.SessionKeys = dir
	cfg.HTTP.Retry = quick
	return clientOf(t, cfg)
}

// signup is a request whose key contains an address.
var signup = userapi.CreateUserRequest{IdempotencyKey: "signup/ada@example.org", FullName: "Ada"}

// load returns the content of a request's file.
func load(t testing.TB, dir *mixin.SessionKeyDir, req userapi.CreateUserRequest) mixin.KeyFile {
	t.Helper()
	f, err := dir.Load(req.IdempotencyKey)
	require.NoError(t, err)
	return f
}

// requireConflict checks the error of a request whose file must not be used again.
func requireConflict(t testing.TB, dir *mixin.SessionKeyDir, err error, state mixin.KeyFileState) *userapi.Error {
	t.Helper()
	require.ErrorIs(t, err, userapi.ErrConflict)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.False(t, userapi.MayHaveCreated(err))
	path := dir.Path(signup.IdempotencyKey)
	assert.Contains(t, err.Error(), path, "the text names the file")
	require.Len(t, e.FieldErrors, 1)
	assert.Equal(t, "IdempotencyKey", e.FieldErrors[0].Field)
	var file *mixin.KeyFileError
	require.ErrorAs(t, err, &file)
	assert.Equal(t, path, file.Path)
	assert.Equal(t, state, file.State)
	return e
}

func mode(t testing.TB, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

// names returns the names in a directory.
func names(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

// TestKeyDir: a file goes from the key to the keystore.
func TestKeyDir(t *testing.T) {
	t.Parallel()
	srv, _, dir, path := withDir(t)
	assert.NoDirExists(t, path, "KeyDir makes nothing")
	cfg := srv.Config()
	cfg.SessionKeys = dir
	posts, stored := 0, ""
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		posts++
		f := load(t, dir, signup)
		assert.Equal(t, mixin.KeyFileSent, f.State, "durably sent before it is")
		assert.Equal(t, mixin.KeyFileSent, load(t, mixin.KeyDir(path), signup).State, "for other processes too")
		_, err := mixin.KeyDir(path).SessionKey(t.Context(), signup)
		requireConflict(t, dir, err, mixin.KeyFileSent)
		assert.Empty(t, f.UserID)
		secret, err := mixin.SessionSecret(f.Keystore.PrivateKey)
		require.NoError(t, err)
		assert.Equal(t, f.SessionSecret, secret)
		stored = secret
		return next.RoundTrip(r)
	})
	c := clientOf(t, cfg)

	require.NoError(t, c.PreflightUser(signup))
	assert.NoDirExists(t, path, "a preflight makes no key")

	u, err := c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	assert.Equal(t, 1, posts)
	assert.Equal(t, fs.FileMode(0o700), mode(t, path))
	file := dir.Path(signup.IdempotencyKey)
	assert.Equal(t, fs.FileMode(0o600), mode(t, file))
	require.Equal(t, []string{filepath.Base(file)}, names(t, path), "nothing else is left")
	assert.Regexp(t, `^[0-9a-f]{32}\.json$`, filepath.Base(file))
	assert.Equal(t, filepath.Dir(file), path)

	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileComplete, f.State)
	assert.Equal(t, u.ID, f.UserID)
	assert.Equal(t, srv.Users()[0].SessionSecret, f.SessionSecret)
	assert.Equal(t, stored, f.SessionSecret, "the key that was stored is the one that was sent")
	assert.Empty(t, f.Keystore.SpendPrivateKey.Reveal(), "nobody has set it yet")
	assert.WithinDuration(t, time.Now(), f.ChangedAt, time.Minute)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	ks, err := mixin.ParseKeystore(text)
	require.NoError(t, err)
	signsIn(t, srv, ks, u.ID)
	bothForms(t, text, ks)
	assert.NotContains(t, string(text), "example.org", "no personal data is kept")

	// Every process refuses a second create.
	for _, again := range []*mixin.SessionKeyDir{dir, mixin.KeyDir(path)} {
		_, err = dirClient(t, srv, again).CreateUser(t.Context(), signup)
		e := requireConflict(t, dir, err, mixin.KeyFileComplete)
		assert.Equal(t, u.ID, e.UserID)
	}
	assert.Equal(t, 1, srv.UserCount())
	assert.Len(t, srv.Requests(), 2, "one create and one look at the user")
	other := signup
	other.IdempotencyKey = "signup/eve@example.org"
	_, err = dirClient(t, srv, dir).CreateUser(t.Context(), other)
	require.NoError(t, err)
	assert.NotEqual(t, f.SessionSecret, load(t, dir, other).SessionSecret)
}

// signsIn checks that the keystore is the user's.
func signsIn(t testing.TB, srv *mixintest.Server, ks mixin.Keystore, id string) {
	t.Helper()
	cfg := srv.Config()
	cfg.Keystore = ks
	c := clientOf(t, cfg)
	me, err := c.Users.Me(t.Context())
	require.NoError(t, err)
	assert.Equal(t, id, me.UserID)
}

// bothForms checks that the text has the members of both of Mixin's clients.
func bothForms(t testing.TB, text []byte, ks mixin.Keystore) {
	t.Helper()
	var members map[string]string
	require.NoError(t, json.Unmarshal(text, &members))
	key, ok := ks.PrivateKey.(ed25519.PrivateKey)
	require.True(t, ok)
	assert.Equal(t, ks.UserID, members["client_id"])
	assert.Equal(t, ks.UserID, members["app_id"])
	assert.Equal(t, ks.SessionID, members["session_id"])
	require.True(t, members["private_key"] == base64.RawURLEncoding.EncodeToString(key), "private_key")
	require.True(t, members["session_private_key"] == hex.EncodeToString(key.Seed()), "session_private_key")
	pin, err := mixin.NewPINCipher(mixin.Keystore{
		UserID: ks.UserID, SessionID: ks.SessionID, PrivateKey: key,
		PinToken: userapi.Secret(members["pin_token"]), ServerPublicKey: members["server_public_key"],
	})
	require.NoError(t, err, "both forms of the server's key agree")
	_, err = pin.EncryptPIN([]byte("123456"))
	require.NoError(t, err)
	assert.NotEmpty(t, members["pin_token"])
	assert.Len(t, members["server_public_key"], 64)
}

// TestKeyDirSteps: each step is durable before the next one starts, and all are before the request
// is sent.
func TestKeyDirSteps(t *testing.T) {
	t.Parallel()
	srv, _, dir, _ := withDir(t)
	var steps []string
	dir.SetStep(func(s string) { steps = append(steps, s) })
	cfg := srv.Config()
	cfg.SessionKeys = dir
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		steps = append(steps, "POST")
		return next.RoundTrip(r)
	})
	c := clientOf(t, cfg)
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":10002}}`)})
	_, err := c.CreateUser(t.Context(), signup)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	_, err = c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	claim := []string{"claim: begin", "claim: marked", "claim: written", "claim: durable", "POST"}
	assert.Equal(t, slices.Concat(
		[]string{"prepare: begin", "prepare: written", "prepare: in place", "prepare: durable"}, claim,
		[]string{"fail: begin", "unmarked"}, claim,
		[]string{"complete: begin", "complete: written", "complete: ended"},
	), steps)
}

// TestKeyDirAfterFailures: the state of the file, and the result of the next call.
func TestKeyDirAfterFailures(t *testing.T) {
	t.Parallel()
	before, after := userapitest.BeforeCommit, userapitest.AfterCommit
	for name, tt := range map[string]struct {
		fault   userapitest.Fault
		outcome userapi.Outcome
		state   mixin.KeyFileState
		users   int
		userID  bool
	}{
		"refused":   {userapitest.Fault{When: before, Status: 202, Body: []byte(`{"error":{"code":20117}}`)}, userapi.OutcomeRejected, mixin.KeyFilePrepared, 0, false},
		"throttled": {userapitest.Fault{When: before, Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, userapi.OutcomeRejected, mixin.KeyFilePrepared, 0, false},
		"reset":     {userapitest.Fault{When: before, Do: userapitest.Reset}, userapi.OutcomeUnknown, mixin.KeyFileSent, 0, false},
		"lost":      {userapitest.Fault{When: after, Do: userapitest.Hangup}, userapi.OutcomeUnknown, mixin.KeyFileSent, 1, false},
		"500":       {userapitest.Fault{When: after, Status: 500}, userapi.OutcomeUnknown, mixin.KeyFileSent, 1, false},
		"cut off":   {userapitest.Fault{When: after, Do: userapitest.Truncate}, userapi.OutcomeCreated, mixin.KeyFileSent, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c, dir, path := withDir(t)
			srv.Inject(tt.fault)
			_, err := c.CreateUser(t.Context(), signup)
			e := asError(t, err)
			assert.Equal(t, tt.outcome, e.Outcome)
			f := load(t, dir, signup)
			assert.Equal(t, tt.state, f.State)
			require.NotNil(t, f.Keystore.PrivateKey)
			secret, err2 := mixin.SessionSecret(f.Keystore.PrivateKey)
			require.NoError(t, err2)
			require.Len(t, srv.Requests(), 1)
			assert.Contains(t, string(srv.Requests()[0].Body), secret)
			var file *mixin.KeyFileError
			if tt.state == mixin.KeyFilePrepared {
				assert.NotErrorAs(t, err, &file)
				u, err := c.CreateUser(t.Context(), signup)
				require.NoError(t, err)
				assert.Equal(t, secret, srv.Users()[0].SessionSecret, "the same key is used")
				assert.Equal(t, u.ID, load(t, dir, signup).UserID)
				return
			}
			require.ErrorAs(t, err, &file)
			assert.Equal(t, dir.Path(signup.IdempotencyKey), file.Path)
			assert.Equal(t, mixin.KeyFileSent, file.State)
			assert.Contains(t, e.Message, file.Path)
			assert.Equal(t, e.RequestID, f.RequestID)
			assert.NotEmpty(t, f.RequestID)
			assert.Equal(t, tt.users, srv.UserCount())
			if tt.userID {
				assert.Equal(t, srv.Users()[0].UserID, f.UserID)
				assert.Equal(t, srv.Users()[0].UserID, e.User.ID)
			} else {
				assert.Empty(t, f.UserID)
			}
			for _, again := range []*mixin.SessionKeyDir{dir, mixin.KeyDir(path)} {
				_, err = dirClient(t, srv, again).CreateUser(t.Context(), signup)
				requireConflict(t, dir, err, mixin.KeyFileSent)
			}
			assert.Equal(t, mixin.KeyFileSent, load(t, dir, signup).State, "the conflict changed nothing")
			assert.Len(t, srv.Requests(), 1)

			require.NoError(t, dir.Discard(signup.IdempotencyKey))
			_, err = dir.Load(signup.IdempotencyKey)
			require.ErrorIs(t, err, fs.ErrNotExist)
			left := names(t, path)
			require.Len(t, left, 1, "moved, not deleted")
			text, err := os.ReadFile(filepath.Join(path, left[0]))
			require.NoError(t, err)
			require.True(t, bytes.Contains(text, []byte(secret)))
			assert.Contains(t, string(regexp.MustCompile(`"request_id".*`).Find(text)), f.RequestID, "what was known of the create")
			_, err = c.CreateUser(t.Context(), signup)
			require.NoError(t, err)
			assert.NotEqual(t, secret, load(t, dir, signup).SessionSecret)
		})
	}
}

// TestKeyDirNotSent: a call that ends before its request is written leaves the key for the next
// one. A call whose context has ended makes no key.
func TestKeyDirNotSent(t *testing.T) {
	t.Parallel()
	srv, c, dir, path := withDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir.SetStep(func(step string) {
		if step == "claim: durable" {
			cancel()
		}
	})
	_, err := c.CreateUser(ctx, signup)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	assert.False(t, userapi.MayHaveCreated(err))
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFilePrepared, f.State)
	assert.Len(t, names(t, path), 1)

	other := signup
	other.IdempotencyKey = "other"
	_, err = c.CreateUser(ctx, other)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	assert.Len(t, names(t, path), 1)
	_, err = dir.SessionKey(ctx, other)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	assert.Len(t, names(t, path), 1)
	assert.Empty(t, srv.Requests())

	// Another process uses it.
	_, err = dirClient(t, srv, mixin.KeyDir(path)).CreateUser(t.Context(), signup)
	require.NoError(t, err)
	assert.Equal(t, f.SessionSecret, srv.Users()[0].SessionSecret)
}

// TestKeyDirOfACallThatIsOver: a known user is stored even if no caller waits.
func TestKeyDirOfACallThatIsOver(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*userapitest.Fault{
		"created": nil,
		"refused": {When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":403}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c, dir, path := withDir(t)
			if fault != nil {
				srv.Inject(*fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			dir.SetStep(func(step string) {
				if step == "complete: begin" || step == "fail: begin" {
					cancel()
					assert.NoError(t, os.Chmod(path, 0o750)) // a wrong mode does not lose it either
				}
			})
			_, err := c.CreateUser(ctx, signup)
			require.NoError(t, os.Chmod(path, 0o700))
			if fault == nil {
				require.NoError(t, err)
				assert.Equal(t, mixin.KeyFileComplete, load(t, dir, signup).State)
				return
			}
			require.ErrorIs(t, err, userapi.ErrForbidden)
			assert.Equal(t, mixin.KeyFilePrepared, load(t, dir, signup).State)
		})
	}
}

// TestKeyDirCannotComplete: if the file cannot be completed, the user is not lost.
func TestKeyDirCannotComplete(t *testing.T) {
	t.Parallel()
	srv, c, dir, _ := withDir(t)
	path := dir.Path(signup.IdempotencyKey)
	moved := path + ".moved"
	dir.SetStep(func(step string) {
		if step == "complete: begin" {
			assert.NoError(t, os.Rename(path, moved))
		}
	})
	u, err := c.CreateUser(t.Context(), signup)
	assert.Nil(t, u)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	require.ErrorIs(t, err, fs.ErrNotExist)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	assert.Equal(t, srv.Users()[0].UserID, e.User.ID)
	assert.Contains(t, e.Message, path)
	var file *mixin.KeyFileError
	require.ErrorAs(t, err, &file)
	assert.Equal(t, path, file.Path)

	// The mark still exists, so that no other user is created in the meantime.
	dir.SetStep(nil)
	_, err = c.CreateUser(t.Context(), signup)
	requireConflict(t, dir, err, mixin.KeyFileSent)

	// A person repairs the directory, and nothing is lost.
	require.NoError(t, os.Rename(moved, path))
	native, ok := userapi.As[*mixin.CreateUserResponse](e.User)
	require.True(t, ok)
	for range 2 {
		require.NoError(t, dir.UserCreated(t.Context(), signup, native))
	}
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileComplete, f.State)
	signsIn(t, srv, f.Keystore, e.User.ID)

	foreign := *native
	foreign.UserID = newID
	require.ErrorAs(t, dir.UserCreated(t.Context(), signup, &foreign), &file)
	require.Error(t, dir.UserCreated(t.Context(), signup, nil))
	assert.Equal(t, e.User.ID, load(t, dir, signup).UserID)
}

// TestKeyDirLacksASession: a user without a session is not a success.
func TestKeyDirLacksASession(t *testing.T) {
	t.Parallel()
	srv, c, dir, _ := withDir(t)
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Status: 200, Body: []byte(created)})
	_, err := c.CreateUser(t.Context(), signup)
	require.ErrorIs(t, err, userapi.ErrProtocol)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	assert.Equal(t, newID, e.User.ID)
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileSent, f.State)
	assert.Equal(t, newID, f.UserID)
	assert.Equal(t, e.RequestID, f.RequestID)
	_, err = c.CreateUser(t.Context(), signup)
	assert.Equal(t, newID, requireConflict(t, dir, err, mixin.KeyFileSent).UserID)
}

// TestKeyDirOfALongReply: an extremely long member does not make the file unreadable, or larger
// than its reserved space.
func TestKeyDirOfALongReply(t *testing.T) {
	t.Parallel()
	_, _, dir, _ := withDir(t)
	_, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	key := strings.Repeat("k", 512)
	long := userapi.Secret(strings.Repeat("x", 64<<10))
	require.NoError(t, dir.UserCreated(t.Context(), signup, &mixin.CreateUserResponse{UserID: newID, SessionID: newID, PinToken: long, ServerPublicKey: &key}))
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileComplete, f.State)
	assert.Equal(t, key, f.Keystore.ServerPublicKey)
	assert.Empty(t, f.Keystore.PinToken.Reveal())
	info, err := os.Stat(f.Path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(8<<10))
}

// TestKeyDirTakesTheServersKeyInAnyForm: the file has both forms.
func TestKeyDirTakesTheServersKeyInAnyForm(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string][]string{
		"both":         {},
		"X25519 alone": {"server_public_key"},
		"URL base64":   {"server_public_key", "pin_token"},
		"Edwards":      {"pin_token", "pin_token_base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, _, dir, _ := withDir(t)
			cfg := srv.Config()
			cfg.SessionKeys = dir
			around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err != nil {
					return nil, err
				}
				return without(resp, drop...)
			})
			c := clientOf(t, cfg)
			_, err := c.CreateUser(t.Context(), signup)
			require.NoError(t, err)
			text, err := os.ReadFile(dir.Path(signup.IdempotencyKey))
			require.NoError(t, err)
			ks, err := mixin.ParseKeystore(text)
			require.NoError(t, err)
			bothForms(t, text, ks)
		})
	}
}

// TestKeyDirOneCaller: of many concurrent callers in several processes, one sends.
func TestKeyDirOneCaller(t *testing.T) {
	t.Parallel()
	srv, c, dir, path := withDir(t)
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":403}}`), Times: 2})
	clients := []*mixin.Client{c, dirClient(t, srv, mixin.KeyDir(path)), dirClient(t, srv, mixin.KeyDir(path))}
	var mu sync.Mutex
	users := map[string]bool{}
	for range 3 { // the first two rounds can be refused
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				u, err := clients[i%len(clients)].CreateUser(t.Context(), signup)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					users[u.ID] = true
				default:
					assert.True(t, errors.Is(err, userapi.ErrConflict) || errors.Is(err, userapi.ErrForbidden), err)
				}
			})
		}
		wg.Wait()
	}
	assert.Len(t, users, 1)
	assert.Equal(t, 1, srv.UserCount())
	assert.Len(t, srv.Requests(), 3)
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileComplete, f.State)
	assert.Equal(t, srv.Users()[0].SessionSecret, f.SessionSecret)
	for _, r := range srv.Requests() {
		assert.Contains(t, string(r.Body), f.SessionSecret, "one key for all")
	}
	assert.Len(t, names(t, path), 1)
}

// TestKeyDirTakesOneUUIDForOneKey: a UUID in capitals is the same key. A file name in capitals,
// from an earlier version, is found.
func TestKeyDirTakesOneUUIDForOneKey(t *testing.T) {
	t.Parallel()
	lower, upper := signup, signup
	lower.IdempotencyKey, upper.IdempotencyKey = "7f0c0b0a-1111-4a22-8b33-abcdefabcdef", "7F0C0B0A-1111-4A22-8B33-ABCDEFABCDEF"
	srv, c, dir, path := withDir(t)
	_, err := c.CreateUser(t.Context(), upper)
	require.NoError(t, err)
	_, err = c.CreateUser(t.Context(), lower)
	require.ErrorIs(t, err, userapi.ErrConflict)
	assert.Equal(t, 1, srv.UserCount())
	assert.Equal(t, dir.Path(lower.IdempotencyKey), dir.Path(upper.IdempotencyKey))

	old := filepath.Join(path, mixin.KeyName(upper.IdempotencyKey)+".json")
	require.NoError(t, os.Rename(dir.Path(lower.IdempotencyKey), old))
	assert.Equal(t, old, dir.Path(upper.IdempotencyKey))
	_, err = c.CreateUser(t.Context(), upper)
	require.ErrorIs(t, err, userapi.ErrConflict)
	assert.Equal(t, 1, srv.UserCount())
	assert.Equal(t, mixin.KeyFileComplete, load(t, dir, upper).State)
}

// TestKeyDirOvertaken: another process runs between any two steps. One of them gets the key, and
// that key is in the file.
func TestKeyDirOvertaken(t *testing.T) {
	t.Parallel()
	steps := []string{
		"prepare: begin", "prepare: written", "prepare: in place", "prepare: durable", "claim: begin",
		"claim: marked", "claim: written", "claim: durable",
	}
	refused := &userapi.Error{Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected}
	for i, step := range steps {
		for _, gives := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, given back: %v", step, gives), func(t *testing.T) {
				t.Parallel()
				_, _, dir, path := withDir(t)
				other := mixin.KeyDir(path)
				var first, second crypto.Signer
				dir.SetStep(func(at string) {
					if at != step {
						return
					}
					var err error
					if first, err = other.SessionKey(t.Context(), signup); err != nil {
						requireConflict(t, dir, err, mixin.KeyFileSent)
					}
					if gives && first != nil {
						assert.NoError(t, other.UserFailed(t.Context(), signup, refused))
					}
				})
				second, err := dir.SessionKey(t.Context(), signup)
				overtaken := i < slices.Index(steps, "claim: marked")
				assert.Equal(t, overtaken, first != nil)
				assert.Equal(t, !overtaken || gives, second != nil)
				if second == nil {
					requireConflict(t, dir, err, mixin.KeyFileSent)
				} else {
					require.NoError(t, err)
				}
				stored := load(t, dir, signup).Keystore.PrivateKey.(ed25519.PrivateKey)
				for _, key := range []crypto.Signer{first, second} {
					if key != nil {
						require.True(t, stored.Equal(key), "a key that was given out is not the one in the file")
					}
				}
			})
		}
	}
	t.Run("while it is marking", func(t *testing.T) {
		t.Parallel()
		_, _, dir, path := withDir(t)
		other := mixin.KeyDir(path)
		marked, ended, got := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		other.SetStep(func(at string) {
			if at == "claim: marked" {
				close(marked)
				<-ended
			}
		})
		dir.SetStep(func(at string) {
			if at == "claim: begin" {
				go func() {
					_, err := other.SessionKey(t.Context(), signup)
					got <- err
				}()
				<-marked
			}
		})
		_, err := dir.SessionKey(t.Context(), signup)
		close(ended)
		requireConflict(t, dir, err, mixin.KeyFileSent)
		require.NoError(t, <-got)
	})
}

// TestUserCreatedOfAnotherKey: a file never has data of two users.
func TestUserCreatedOfAnotherKey(t *testing.T) {
	t.Parallel()
	_, c, dir, _ := withDir(t)
	_, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
	require.NoError(t, err)
	native, ok := userapi.As[*mixin.CreateUserResponse](u)
	require.True(t, ok)
	var file *mixin.KeyFileError
	require.ErrorAs(t, dir.UserCreated(t.Context(), signup, native), &file)
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileSent, f.State)
	assert.Empty(t, f.UserID)
}

func TestKeyDirRefuses(t *testing.T) {
	t.Parallel()
	t.Run("no key of idempotency", func(t *testing.T) {
		t.Parallel()
		srv, c, _, path := withDir(t)
		_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "x"})
		require.ErrorIs(t, err, userapi.ErrInvalid)
		e := asError(t, err)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		require.Len(t, e.FieldErrors, 1)
		assert.Equal(t, "IdempotencyKey", e.FieldErrors[0].Field)
		assert.Equal(t, "required", e.FieldErrors[0].Code)
		assert.NoDirExists(t, path)
		assert.Empty(t, srv.Requests())
	})
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, path string) string // returns the directory's path
		kind    error
		says    string
	}{
		"a directory that others read": {func(t *testing.T, path string) string {
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, os.Chmod(path, 0o750))
			return path
		}, userapi.ErrInvalid, "0750"},
		"a file": {func(t *testing.T, path string) string {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			return path
		}, userapi.ErrInvalid, "must be a directory"},
		"a path through a file": {func(t *testing.T, path string) string {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			return filepath.Join(path, "keys")
		}, userapi.ErrUnavailable, ""},
		"no path": {func(*testing.T, string) string { return "" }, userapi.ErrInvalid, "must have a path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			dir := mixin.KeyDir(tt.prepare(t, filepath.Join(t.TempDir(), "keys")))
			_, err := dirClient(t, srv, dir).CreateUser(t.Context(), signup)
			require.ErrorIs(t, err, tt.kind)
			assert.False(t, userapi.MayHaveCreated(err))
			assert.Contains(t, err.Error(), tt.says)
			var file *mixin.KeyFileError
			require.ErrorAs(t, err, &file)
			assert.Empty(t, srv.Requests())
		})
	}
	t.Run("directories above are made", func(t *testing.T) {
		t.Parallel()
		srv := mixintest.NewServer(t)
		path := filepath.Join(t.TempDir(), "a", "b")
		_, err := dirClient(t, srv, mixin.KeyDir(path)).CreateUser(t.Context(), signup)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), mode(t, filepath.Dir(path)))
		assert.Equal(t, fs.FileMode(0o700), mode(t, path))
	})
}

// TestKeyDirKeepsWhatItCannotRead: an unreadable file can have a user's key.
func TestKeyDirKeepsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	srv, c, dir, path := withDir(t)
	_, err := c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	file := dir.Path(signup.IdempotencyKey)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	other := "00" // the key does not start with these digits
	if strings.Contains(string(whole), `"session_private_key": "00`) {
		other = "01"
	}
	for name, text := range map[string]string{
		"nothing":         "",
		"half":            string(whole[:len(whole)/2]),
		"an array":        "[]",
		"another format":  strings.Replace(string(whole), "enlist-mixin-key-1", "enlist-mixin-key-2", 1),
		"another state":   strings.Replace(string(whole), `"complete"`, `"finished"`, 1),
		"another key":     regexp.MustCompile(`("session_private_key": ")..`).ReplaceAllString(string(whole), "${1}"+other),
		"no user":         regexp.MustCompile(`"client_id": "[^"]*",`).ReplaceAllString(string(whole), ""),
		"no spend key":    regexp.MustCompile(`"next_spend_private_key": "[^"]*",`).ReplaceAllString(string(whole), ""),
		"a broken key":    regexp.MustCompile(`("next_spend_private_key": ")..`).ReplaceAllString(string(whole), "${1}zz"),
		"too long to ask": string(whole) + strings.Repeat(" ", 64<<10),
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := c.CreateUser(t.Context(), signup)
		requireConflict(t, dir, err, "")
		_, err = dir.Load(signup.IdempotencyKey)
		var broken *mixin.KeyFileError
		require.ErrorAs(t, err, &broken, name)
		assert.Equal(t, file, broken.Path)
		_, err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
		requireConflict(t, dir, err, "")
		left, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, text == string(left), "%s was changed", name)
	}
	assert.Equal(t, 1, srv.UserCount())
	require.NoError(t, dir.Discard(signup.IdempotencyKey))
	assert.Len(t, names(t, path), 1)
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	srv, c, dir, path := withDir(t)
	var file *mixin.KeyFileError
	err := dir.Discard(signup.IdempotencyKey)
	require.ErrorAs(t, err, &file)
	require.ErrorIs(t, err, fs.ErrNotExist)

	// This is refused while a create is under way.
	cfg := srv.Config()
	cfg.SessionKeys = dir
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		for _, d := range []*mixin.SessionKeyDir{dir, mixin.KeyDir(path)} {
			require.ErrorAs(t, d.Discard(signup.IdempotencyKey), &file)
		}
		return next.RoundTrip(r)
	})
	busy := clientOf(t, cfg)
	_, err = busy.CreateUser(t.Context(), signup)
	require.NoError(t, err)

	for n := 1; n <= 3; n++ {
		require.NoError(t, dir.Discard(signup.IdempotencyKey))
		assert.Len(t, names(t, path), n)
		_, err = c.CreateUser(t.Context(), signup)
		require.NoError(t, err)
	}
	assert.Equal(t, 4, srv.UserCount())

	// After a crash in the middle every caller is refused until a repair.
	require.NoError(t, os.Rename(dir.Path(signup.IdempotencyKey), filepath.Join(path, "aside")))
	mark := strings.TrimSuffix(dir.Path(signup.IdempotencyKey), ".json") + ".sent"
	require.NoError(t, os.WriteFile(mark, nil, 0o600))
	_, err = c.CreateUser(t.Context(), signup)
	requireConflict(t, dir, err, mixin.KeyFileSent)
	require.NoError(t, dir.Discard(signup.IdempotencyKey))
	_, err = c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
}

// TestKeyDirSweepsUp: leftovers of a killed process are removed, and files in use are not.
func TestKeyDirSweepsUp(t *testing.T) {
	t.Parallel()
	_, c, dir, path := withDir(t)
	require.NoError(t, os.Mkdir(path, 0o700))
	base := strings.TrimSuffix(filepath.Base(dir.Path(signup.IdempotencyKey)), ".json")
	old, young, foreign := "."+base+".1.tmp", "."+base+".2.tmp", ".0"+base[1:]+".3.tmp"
	for _, name := range []string{old, young, foreign} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600))
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{old, foreign} {
		require.NoError(t, os.Chtimes(filepath.Join(path, name), long, long))
	}
	_, err := c.CreateUser(t.Context(), signup)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{young, foreign, base + ".json"}, names(t, path))
}

// TestUserFailedOfAnotherProcess: only the process that took a file puts it back.
func TestUserFailedOfAnotherProcess(t *testing.T) {
	t.Parallel()
	_, _, dir, path := withDir(t)
	key, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	require.NotNil(t, key)
	refused := &userapi.Error{Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected}
	require.NoError(t, mixin.KeyDir(path).UserFailed(t.Context(), signup, refused))
	assert.Equal(t, mixin.KeyFileSent, load(t, dir, signup).State)
	require.NoError(t, dir.UserFailed(t.Context(), signup, nil))
	assert.Equal(t, mixin.KeyFileSent, load(t, dir, signup).State)
	require.NoError(t, dir.UserFailed(t.Context(), signup, refused))
	assert.Equal(t, mixin.KeyFilePrepared, load(t, dir, signup).State)
	same, err := dir.SessionKey(t.Context(), signup)
	require.NoError(t, err)
	require.True(t, key.(ed25519.PrivateKey).Equal(same))
	require.NoError(t, dir.UserFailed(t.Context(), signup, refused))
	require.NoError(t, dir.UserFailed(t.Context(), signup, refused), "once is enough")
}

// TestNothingShowsAStoredKey: only the file has the key.
func TestNothingShowsAStoredKey(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	path := filepath.Join(t.TempDir(), "keys")
	dir := mixin.KeyDir(path)
	var log bytes.Buffer
	cfg := srv.Config()
	cfg.HTTP.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
	require.NoError(t, err)
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	_, conflict := c.CreateUser(t.Context(), signup)
	require.ErrorIs(t, conflict, userapi.ErrConflict)
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate})
	other := signup
	other.IdempotencyKey = "other"
	_, lost := c.CreateUser(t.Context(), other)
	require.Error(t, lost)
	var file *mixin.KeyFileError
	require.ErrorAs(t, lost, &file)

	secrets := []string{wallet.Keystore.PinToken.Reveal()}
	for _, key := range []crypto.Signer{wallet.Keystore.PrivateKey, spendKey(t, wallet.Keystore), load(t, dir, other).Keystore.PrivateKey} {
		secrets = append(secrets, mixin.KeyForms(t, key)...)
	}
	keyFile := load(t, dir, signup)
	for _, v := range []any{
		wallet, *wallet, []any{wallet}, struct{ W mixin.Wallet }{*wallet}, keyFile, &keyFile, []mixin.KeyFile{keyFile}, dir,
		conflict, lost, file, cfg, c, wallet.User, &userapi.Error{Err: lost}, log.String(),
	} {
		mixin.RequireNoLeak(t, v, secrets)
	}
	for _, r := range srv.Requests() {
		mixin.RequireNoLeak(t, string(r.Body), secrets)
	}
	assert.Equal(t, fmt.Sprintf("mixin.Wallet{path: %s, state: registered, user_id: %s}", wallet.Path, wallet.Keystore.UserID), fmt.Sprintf("%+v", wallet))
	assert.Equal(t, fmt.Sprintf("mixin.KeyFile{path: %s, state: registered, user_id: %s}", wallet.Path, wallet.Keystore.UserID), fmt.Sprintf("%+v", keyFile))
}
