package mixin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// spendKey returns the spend key of a keystore.
func spendKey(t testing.TB, ks mixin.Keystore) ed25519.PrivateKey {
	t.Helper()
	seed, err := hex.DecodeString(ks.SpendPrivateKey.Reveal())
	require.NoError(t, err)
	require.Len(t, seed, ed25519.SeedSize)
	return ed25519.NewKeyFromSeed(seed)
}

// withSetup returns a fake and a directory.
func withSetup(t testing.TB, opts ...mixintest.Option) (*mixintest.Server, *mixin.SessionKeyDir) {
	t.Helper()
	return mixintest.NewServer(t, opts...), mixin.KeyDir(filepath.Join(t.TempDir(), "keys"))
}

// calls returns the methods and paths that a server received.
func calls(srv *mixintest.Server) []string {
	var all []string
	for _, r := range srv.Requests() {
		all = append(all, r.Method+" "+r.URI)
	}
	return all
}

// requireStep checks the error of a step of Setup.
func requireStep(t testing.TB, srv *mixintest.Server, dir *mixin.SessionKeyDir, err error, op string, state mixin.KeyFileState) *userapi.Error {
	t.Helper()
	e := asError(t, err)
	assert.Equal(t, op, e.Op)
	assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	require.NotNil(t, e.User)
	assert.Equal(t, srv.Users()[0].UserID, e.User.ID)
	assert.Equal(t, e.User.ID, e.UserID)
	var file *mixin.KeyFileError
	require.ErrorAs(t, err, &file)
	assert.Equal(t, dir.Path(signup.IdempotencyKey), file.Path)
	assert.Equal(t, state, file.State)
	assert.Contains(t, e.Message, file.Path)
	return e
}

func TestSetup(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	wallet, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /users", "POST /pin/update", "POST /pin/verify", "POST /safe/users"}, calls(srv))
	assert.True(t, wallet.Created)
	assert.Equal(t, "Ada", wallet.User.FullName)
	assert.Equal(t, dir.Path(signup.IdempotencyKey), wallet.Path)
	f := load(t, dir, signup)
	assert.Equal(t, mixin.KeyFileRegistered, f.State)
	assert.Empty(t, f.Intent)

	// Retry in another process.
	before := len(srv.Requests())
	cfg := srv.Config()
	cfg.SessionKeys = mixin.KeyDir(filepath.Dir(wallet.Path))
	again, err := mixin.Setup(t.Context(), cfg, cfg.SessionKeys.(*mixin.SessionKeyDir), signup)
	require.NoError(t, err)
	assert.False(t, again.Created)
	assert.Equal(t, wallet.Keystore.UserID, again.User.ID)
	assert.Equal(t, mixin.KeyFileRegistered, again.State)
	require.True(t, wallet.Keystore.SpendPrivateKey == again.Keystore.SpendPrivateKey)
	assert.Len(t, srv.Requests(), before, "nothing is sent")
	isUsable(t, srv, again)
}

func TestSetupFaults(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	for name, tt := range map[string]struct {
		change func(cfg *mixin.Config, dir **mixin.SessionKeyDir, req *userapi.CreateUserRequest)
		fields []string
	}{
		"no directory":          {func(_ *mixin.Config, d **mixin.SessionKeyDir, _ *userapi.CreateUserRequest) { *d = nil }, []string{"dir"}},
		"no key of idempotency": {func(_ *mixin.Config, _ **mixin.SessionKeyDir, r *userapi.CreateUserRequest) { r.IdempotencyKey = "" }, []string{"IdempotencyKey"}},
		"other session keys": {func(c *mixin.Config, _ **mixin.SessionKeyDir, _ *userapi.CreateUserRequest) {
			c.SessionKeys = sessionKeys(nil)
		}, []string{"Config.SessionKeys"}},
		"another directory": {func(c *mixin.Config, _ **mixin.SessionKeyDir, _ *userapi.CreateUserRequest) {
			c.SessionKeys = mixin.KeyDir("elsewhere")
		}, []string{"Config.SessionKeys"}},
		"a session key": {func(_ *mixin.Config, _ **mixin.SessionKeyDir, r *userapi.CreateUserRequest) { r.Extensions = extra() }, []string{"Extensions (session_secret)"}},
		"no UTF-8":      {func(_ *mixin.Config, _ **mixin.SessionKeyDir, r *userapi.CreateUserRequest) { r.FullName = "a\xff" }, []string{"FullName"}},
		"no keystore":   {func(c *mixin.Config, _ **mixin.SessionKeyDir, _ *userapi.CreateUserRequest) { c.Keystore.UserID = "" }, []string{"Config.Keystore.UserID"}},
		"what cannot be stored": {func(_ *mixin.Config, _ **mixin.SessionKeyDir, r *userapi.CreateUserRequest) {
			r.Strict, r.Email = true, "a@b"
		}, []string{"Email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, d, req := srv.Config(), dir, signup
			tt.change(&cfg, &d, &req)
			wallet, err := mixin.Setup(t.Context(), cfg, d, req)
			assert.Nil(t, wallet)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			var fields []string
			for _, f := range e.FieldErrors {
				field, _, _ := strings.Cut(f.String(), ": ")
				fields = append(fields, field)
			}
			assert.Equal(t, tt.fields, fields)
			_, err = dir.Load(signup.IdempotencyKey)
			require.ErrorIs(t, err, fs.ErrNotExist)
			assert.Empty(t, srv.Requests())
		})
	}
}

// TestSetupGoesOn: after a failure of any step, Setup continues with what was not done.
func TestSetupGoesOn(t *testing.T) {
	t.Parallel()
	steps := []struct {
		path, op    string
		state, next mixin.KeyFileState
	}{
		{"/pin/update", "update PIN", mixin.KeyFileComplete, mixin.KeyFileTIPSet},
		{"/pin/verify", "verify PIN", mixin.KeyFileTIPSet, mixin.KeyFileVerified},
		{"/safe/users", "register with Safe", mixin.KeyFileVerified, mixin.KeyFileRegistered},
	}
	lost := errors.New("the connection is lost")
	for _, step := range steps {
		for name, done := range map[string]bool{"before": false, "after": true} {
			t.Run(step.op+", "+name, func(t *testing.T) {
				t.Parallel()
				srv, dir := withSetup(t)
				cfg := srv.Config()
				broken := false
				around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
					if r.URL.Path != step.path || broken {
						return next.RoundTrip(r)
					}
					broken = true
					if done {
						resp, err := next.RoundTrip(r)
						require.NoError(t, err)
						_ = resp.Body.Close()
					}
					return nil, lost
				})
				wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
				assert.Nil(t, wallet)
				require.ErrorIs(t, err, lost)
				require.ErrorIs(t, err, userapi.ErrUnavailable)
				requireStep(t, srv, dir, err, step.op, step.state)
				f := load(t, dir, signup)
				assert.Equal(t, step.state, f.State)
				assert.Equal(t, step.next, f.Intent, "what was about to be done is written down")

				wallet, err = mixin.Setup(t.Context(), cfg, dir, signup)
				require.NoError(t, err)
				assert.False(t, wallet.Created)
				counts := map[string]int{}
				for _, call := range calls(srv) {
					counts[call]++
				}
				assert.Equal(t, 1, counts["POST /users"])
				assert.Equal(t, 1, counts["POST /pin/update"], "a TIP key is set once")
				assert.Equal(t, 1, counts["POST /safe/users"])
				assert.Equal(t, 1, counts["GET /me"], "asked before anything is sent again")
				assert.Zero(t, srv.Users()[0].WrongPINs)
				isUsable(t, srv, wallet)
			})
		}
	}
}

// TestSetupAsksFirst: a failed look-up ends the call, and nothing is sent again.
func TestSetupAsksFirst(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset})
	_, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	requireStep(t, srv, dir, err, "update PIN", mixin.KeyFileComplete)
	before := len(calls(srv))
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 202, Body: []byte(`{"error":{"code":401}}`)})
	_, err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.ErrorIs(t, err, userapi.ErrUnauthorized)
	requireStep(t, srv, dir, err, "look up user", mixin.KeyFileComplete)
	assert.Equal(t, []string{"GET /me"}, calls(srv)[before:])
}

// TestSetupOfAnothersUser: an unknown TIP key or PIN is not changed.
func TestSetupOfAnothersUser(t *testing.T) {
	t.Parallel()
	for name, pin := range map[string]mixin.PIN{"TIP key": mixin.TIPPIN(userKey()), "digits": mixin.DigitsPIN("135790")} {
		for intent, fault := range map[string]bool{"after a crash": true, "by itself": false} {
			t.Run(name+", "+intent, func(t *testing.T) {
				t.Parallel()
				srv, dir := withSetup(t)
				if fault {
					srv.Inject(userapitest.Fault{On: userapitest.Attributes, Do: userapitest.Reset})
					_, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
					require.Error(t, err)
				} else {
					_, err := dirClient(t, srv, dir).CreateUser(t.Context(), signup)
					require.NoError(t, err)
				}
				cfg := srv.Config()
				cfg.Keystore = load(t, dir, signup).Keystore
				asUser := clientOf(t, cfg)
				_, err := asUser.PIN.Update(t.Context(), mixin.PIN{}, pin)
				require.NoError(t, err)
				before := len(calls(srv))
				for range 2 {
					_, err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
					require.ErrorIs(t, err, userapi.ErrConflict)
					requireStep(t, srv, dir, err, "set up user", mixin.KeyFileComplete)
				}
				assert.Equal(t, []string{"GET /me", "GET /me"}, calls(srv)[before:])
				assert.Equal(t, 1, srv.UserCount())
			})
		}
	}
}

// TestSetupSeesAnotherKeyInAReply: another program has set the key.
func TestSetupSeesAnotherKeyInAReply(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	cfg := srv.Config()
	own, other := "", base64.RawURLEncoding.EncodeToString(userKey()[32:])
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && r.URL.Path == "/pin/update" {
			raw, err := hex.DecodeString(srv.Users()[0].TIPKey)
			require.NoError(t, err)
			own = base64.RawURLEncoding.EncodeToString(raw)
			return replaced(resp, own, other)
		}
		return resp, err
	})
	_, err := mixin.Setup(t.Context(), cfg, dir, signup)
	require.ErrorIs(t, err, userapi.ErrConflict)
	requireStep(t, srv, dir, err, "set up user", mixin.KeyFileComplete)
	assert.Equal(t, []string{"POST /users", "POST /pin/update"}, calls(srv))
}

// replaced changes a text in a reply.
func replaced(resp *http.Response, from, to string) (*http.Response, error) {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	text = bytes.ReplaceAll(text, []byte(from), []byte(to))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// TestSetupWithoutWhatRepliesMayLack: the documentation shows /me without a TIP key, and a create's
// reply with an empty PIN token.
func TestSetupWithoutWhatRepliesMayLack(t *testing.T) {
	t.Parallel()
	hidden := []string{"tip_key_base64", "tip_counter", "has_safe", "spend_public_key"}
	for name, tt := range map[string]struct {
		path    string
		members []string
		fault   userapitest.Fault
		sent    []string // by the second call
	}{
		"the TIP key, when it was set":     {"/me", hidden, userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset}, []string{"GET /me", "GET /safe/me", "POST /pin/verify", "POST /safe/users"}},
		"the TIP key, when it was not set": {"/me", hidden, userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Do: userapitest.Reset}, []string{"GET /me", "GET /safe/me", "POST /pin/update", "POST /pin/verify", "POST /safe/users"}},
		"the server's key":                 {"/users", []string{"pin_token", "pin_token_base64", "server_public_key"}, userapitest.Fault{On: userapitest.Lookup, Status: 202, Body: []byte(`{"error":{"code":403}}`)}, []string{"GET /me", "POST /pin/update", "POST /pin/verify", "POST /safe/users"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, dir := withSetup(t)
			srv.Inject(tt.fault)
			cfg := srv.Config()
			around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err != nil || r.URL.Path != tt.path {
					return resp, err
				}
				return without(resp, tt.members...)
			})
			_, err := mixin.Setup(t.Context(), cfg, dir, signup)
			require.Error(t, err)
			before := len(calls(srv))
			wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
			require.NoError(t, err)
			assert.Equal(t, tt.sent, calls(srv)[before:])
			isUsable(t, srv, wallet)
		})
	}
}

// TestSetupAsksSafe: after a lost registration /me can be silent about it.
func TestSetupAsksSafe(t *testing.T) {
	t.Parallel()
	hidden := []string{"tip_key_base64", "tip_counter", "has_safe", "spend_public_key"}
	for name, tt := range map[string]struct {
		safe int // status of /safe/me; 0 for its own answer
		want []string
		ok   bool
	}{
		"answers": {0, []string{"GET /me", "GET /safe/me"}, true},
		"fails":   {503, []string{"GET /me", "GET /safe/me", "GET /safe/me", "GET /safe/me"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, dir := withSetup(t)
			cfg := srv.Config()
			cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, MaxAttempts: 3}
			var lost atomic.Bool
			around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				switch {
				case err != nil:
					return nil, err
				case r.URL.Path == "/safe/users" && !lost.Swap(true):
					_ = resp.Body.Close()
					return nil, errors.New("reset")
				case r.URL.Path == "/safe/me" && tt.safe != 0:
					resp.StatusCode = tt.safe
					resp.Body, resp.ContentLength = http.NoBody, 0
				case r.URL.Path == "/me":
					return without(resp, hidden...)
				}
				return resp, nil
			})
			_, err := mixin.Setup(t.Context(), cfg, dir, signup)
			require.Error(t, err)
			before := len(calls(srv))
			wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
			assert.Equal(t, tt.want, calls(srv)[before:])
			if !tt.ok {
				require.ErrorIs(t, err, userapi.ErrUnavailable)
				return
			}
			require.NoError(t, err)
			isUsable(t, srv, wallet)
		})
	}
}

// TestSetupWaitsForTheTIPKey: Mixin may not know a new TIP key immediately.
func TestSetupWaitsForTheTIPKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		delay, tries int
		waited       time.Duration
		ok           bool
	}{
		"not at all": {0, 1, 0, true},
		"a moment":   {1, 2, time.Second, true},
		"longer":     {3, 4, 7 * time.Second, true},
		"too long":   {4, 4, 7 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, dir := withSetup(t, mixintest.WithHTTP(userapitest.ServerOptions{Listener: fakehttp.NewMemory()}), mixintest.WithTIPDelay(tt.delay))
				begun := time.Now()
				wallet, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
				assert.Equal(t, tt.waited, time.Since(begun))
				tries := 0
				for _, call := range calls(srv) {
					if call == "POST /safe/users" {
						tries++
					}
				}
				assert.Equal(t, tt.tries, tries)
				assert.Less(t, srv.Users()[0].WrongPINs, 5, "the PIN is not locked")
				if tt.ok {
					require.NoError(t, err)
					time.Sleep(time.Microsecond) // a PIN of another client in the same nanosecond would be refused
					isUsable(t, srv, wallet)
					return
				}
				e := requireStep(t, srv, dir, err, "register with Safe", mixin.KeyFileVerified)
				assert.Equal(t, "20119", e.Code)
				fault, ok := mixin.IsPINError(err)
				assert.True(t, ok)
				assert.Equal(t, mixin.PINRefused, fault)
			})
		})
	}
	t.Run("and not beyond its deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv, dir := withSetup(t, mixintest.WithHTTP(userapitest.ServerOptions{Listener: fakehttp.NewMemory()}), mixintest.WithTIPDelay(9))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := mixin.Setup(ctx, srv.Config(), dir, signup)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			requireStep(t, srv, dir, err, "register with Safe", mixin.KeyFileVerified)
			assert.Len(t, srv.Requests(), 5)
		})
	})
}

// TestSetupTriesNothingElseAgain: only a PIN that Mixin may not know yet is retried.
func TestSetupTriesNothingElseAgain(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	dir.SetWaits(time.Hour)
	cfg := srv.Config()
	for _, code := range []string{"20118", "403", "429", "500"} {
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":` + code + `}}`)})
		before := len(srv.Requests())
		_, err := mixin.Setup(t.Context(), cfg, dir, signup)
		e := requireStep(t, srv, dir, err, "update PIN", mixin.KeyFileComplete)
		assert.Equal(t, code, e.Code)
		assert.LessOrEqual(t, len(srv.Requests())-before, 2)
	}
	// A refused update is final, because no PIN could become known later.
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":20119}}`)})
	_, err := mixin.Setup(t.Context(), cfg, dir, signup)
	requireStep(t, srv, dir, err, "update PIN", mixin.KeyFileComplete)
	wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
	require.NoError(t, err)
	isUsable(t, srv, wallet)
}

// TestSetupWithAClockThatIsOff: the create learns the server's time, so the PINs have the right
// time.
func TestSetupWithAClockThatIsOff(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t, mixintest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(-3 * time.Hour) }}))
	wallet, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /users", "POST /users", "POST /pin/update", "POST /pin/verify", "POST /safe/users"}, calls(srv))
	assert.Equal(t, mixin.KeyFileRegistered, wallet.State)

	other, dir := withSetup(t, mixintest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(3 * time.Hour) }}))
	_, err = dirClient(t, other, dir).CreateUser(t.Context(), signup)
	require.NoError(t, err)
	_, err = mixin.Setup(t.Context(), other.Config(), dir, signup)
	require.NoError(t, err, "the look at the user learns of it")
}

// TestSetupsAtOnce: concurrent calls wait for each other and return the same user.
func TestSetupsAtOnce(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	var wg sync.WaitGroup
	wallets := make([]*mixin.Wallet, 8)
	for i := range wallets {
		wg.Go(func() {
			var err error
			wallets[i], err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	created := 0
	for _, w := range wallets {
		require.NotNil(t, w)
		assert.Equal(t, srv.Users()[0].UserID, w.Keystore.UserID)
		if w.Created {
			created++
		}
	}
	assert.Equal(t, 1, created)
	assert.Len(t, srv.Requests(), 4)
	isUsable(t, srv, wallets[0])

	// A waiting call gives up when its context ends.
	blocked, stop := context.WithCancel(t.Context())
	other := signup
	other.IdempotencyKey = "other"
	dir.SetStep(func(step string) {
		if step == "claim: durable" {
			stop()
			_, err := mixin.Setup(blocked, srv.Config(), dir, other)
			assert.ErrorIs(t, err, userapi.ErrCanceled)
			assert.False(t, userapi.MayHaveCreated(err))
		}
	})
	_, err := mixin.Setup(t.Context(), srv.Config(), dir, other)
	require.NoError(t, err)
}

// TestSetupsOfTwoProcesses: the second process continues with the same key.
func TestSetupsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	elsewhere := mixin.KeyDir(filepath.Dir(dir.Path("x")))
	cfg := srv.Config()
	first := true
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/pin/verify" && first {
			first = false
			wallet, err := mixin.Setup(t.Context(), srv.Config(), elsewhere, signup)
			require.NoError(t, err)
			assert.False(t, wallet.Created)
		}
		return next.RoundTrip(r)
	})
	_, err := mixin.Setup(t.Context(), cfg, dir, signup)
	if err != nil { // a later PIN has overtaken its PIN
		requireStep(t, srv, dir, err, "verify PIN", mixin.KeyFileTIPSet)
	}
	assert.Equal(t, mixin.KeyFileRegistered, load(t, dir, signup).State, "what the other did is not undone")
	wallet, err := mixin.Setup(t.Context(), cfg, dir, signup)
	require.NoError(t, err)
	isUsable(t, srv, wallet)
}

// TestSetupCannotStore: the error names the user and the file.
func TestSetupCannotStore(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, path string){
		"moved away":        func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".aside")) },
		"of another user":   func(t *testing.T, path string) { swapUser(t, path) },
		"broken in the way": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, dir := withSetup(t)
			cfg := srv.Config()
			around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/pin/update" {
					take(t, dir.Path(signup.IdempotencyKey))
				}
				return next.RoundTrip(r)
			})
			_, err := mixin.Setup(t.Context(), cfg, dir, signup)
			require.ErrorIs(t, err, userapi.ErrUnavailable)
			requireStep(t, srv, dir, err, "set up user", mixin.KeyFileTIPSet)
			assert.Equal(t, []string{"POST /users", "POST /pin/update"}, calls(srv))
		})
	}
}

// swapUser writes another user's id into a key file.
func swapUser(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	ks, err := mixin.ParseKeystore(text)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(ks.UserID), []byte(newID)), 0o600))
}

// TestSetupOfWhatCannotBeCreated: the error is the create's own.
func TestSetupOfWhatCannotBeCreated(t *testing.T) {
	t.Parallel()
	srv, dir := withSetup(t)
	srv.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Status: 202, Body: []byte(`{"error":{"code":20117}}`)})
	_, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.False(t, userapi.MayHaveCreated(err))
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	_, err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Contains(t, e.Message, dir.Path(signup.IdempotencyKey))
	_, err = mixin.Setup(t.Context(), srv.Config(), dir, signup)
	requireConflict(t, dir, err, mixin.KeyFileSent)
	assert.Equal(t, []string{"POST /users", "POST /users"}, calls(srv))
}
