package mixin_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

// errandVariable makes TestErrand carry out what stands on its standard input.
const errandVariable = "ENLIST_TEST_ERRAND"

// An errand is what a process of its own does, and where it is killed.
type errand struct {
	URL      string
	Keystore []byte
	Dir      string
	Setup    bool
	// KillAt names a step; "" for none.
	KillAt string
}

// do carries it out with a configuration for its server, and calls at with the name of
// each step. A name counts where it comes again.
func (e errand) do(ctx context.Context, cfg mixin.Config, at func(step string)) error {
	seen := map[string]int{}
	counted := func(step string) {
		if seen[step]++; seen[step] > 1 {
			step = fmt.Sprintf("%s, %d", step, seen[step])
		}
		at(step)
	}
	around(&cfg, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		counted(r.Method + " " + r.URL.Path)
		resp, err := next.RoundTrip(r)
		counted("reply to " + r.Method + " " + r.URL.Path)
		return resp, err
	})
	dir := mixin.KeyDir(e.Dir)
	dir.SetStep(counted)
	if e.Setup {
		_, err := mixin.Setup(ctx, cfg, dir, signup)
		return err
	}
	cfg.SessionKeys = dir
	c, err := mixin.New(cfg)
	if err != nil {
		return err
	}
	_, err = c.CreateUser(ctx, signup)
	return err
}

// TestErrand does nothing but in a process that another test has started. There it is
// killed, as by kill -9: nothing that is deferred is done.
func TestErrand(t *testing.T) {
	t.Parallel()
	if os.Getenv(errandVariable) == "" {
		return
	}
	var e errand
	require.NoError(t, json.NewDecoder(os.Stdin).Decode(&e))
	ks, err := mixin.ParseKeystore(e.Keystore)
	require.NoError(t, err)
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	cfg := mixin.Config{Keystore: ks, HTTP: userapi.HTTPOptions{BaseURL: e.URL}}
	require.NoError(t, e.do(t.Context(), cfg, func(step string) {
		if step == e.KillAt {
			_ = self.Kill()
			select {}
		}
	}))
}

// run starts a process for an errand, and reports whether it was killed.
func (e errand) run(t testing.TB, srv *mixintest.Server) (killed bool) {
	t.Helper()
	e.URL, e.Keystore = srv.URL(), srv.KeystoreJSON()
	input, err := json.Marshal(e)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestErrand$")
	cmd.Env = append(os.Environ(), errandVariable+"=1")
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.NoError(t, ctx.Err())
	require.Equal(t, -1, exit.ExitCode(), string(out)) // by a signal, which no failing test is
	return true
}

// steps returns the names of an errand's steps, in order.
func (e errand) steps(t testing.TB) []string {
	t.Helper()
	srv := mixintest.NewServer(t)
	e.Dir = filepath.Join(t.TempDir(), "keys")
	var steps []string
	require.NoError(t, e.do(t.Context(), srv.Config(), func(step string) { steps = append(steps, step) }))
	return steps
}

// between reports whether a step is at or behind one, and before another.
func between(steps []string, step, from, to string) bool {
	at, begin, end := slices.Index(steps, step), slices.Index(steps, from), slices.Index(steps, to)
	if at < 0 || begin < 0 || end < 0 {
		panic("no such step: " + step + ", " + from + ", " + to)
	}
	return at >= begin && at < end
}

// storedKeys returns the public halves of the keys in a directory's whole files.
func storedKeys(t testing.TB, path string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path, "*.json"))
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var members map[string]string
		require.NoError(t, json.Unmarshal(text, &members), "a file is broken")
		require.NotEmpty(t, members["session_private_key"])
		found = append(found, members["session_secret"])
	}
	return found
}

// TestKilledWhileCreating kills a process at each step of a create: nothing was sent
// then, or the key is stored, and no second user is made.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	steps := errand{}.steps(t)
	require.Contains(t, steps, "POST /users")
	require.GreaterOrEqual(t, len(steps), 13)
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			path := filepath.Join(t.TempDir(), "keys")
			require.True(t, errand{Dir: path, KillAt: step}.run(t, srv), "it came to its end")
			keys := storedKeys(t, path)
			for _, u := range srv.Users() {
				assert.Contains(t, keys, u.SessionSecret, "a user whose key is lost")
			}
			users := srv.UserCount()
			if between(steps, step, steps[0], "reply to POST /users") {
				assert.Empty(t, srv.Requests(), "at the latest it was killed before it sent")
			} else {
				assert.Equal(t, 1, users)
			}

			dir := mixin.KeyDir(path)
			_, err := dirClient(t, srv, dir).CreateUser(t.Context(), signup)
			f := load(t, dir, signup)
			switch {
			case between(steps, step, "prepare: begin", "claim: marked"):
				require.NoError(t, err)
				assert.Equal(t, 1, srv.UserCount())
				assert.Equal(t, srv.Users()[0].SessionSecret, f.SessionSecret)
				if len(keys) > 0 {
					assert.Equal(t, keys[0], f.SessionSecret, "the key that was prepared is used")
				}
			case between(steps, step, "claim: marked", "complete: written"):
				requireConflict(t, dir, err, mixin.KeyFileSent)
				assert.Equal(t, mixin.KeyFileSent, f.State)
				assert.Equal(t, users, srv.UserCount())
				assert.Equal(t, []string{f.SessionSecret}, keys)
			default:
				requireConflict(t, dir, err, mixin.KeyFileComplete)
				assert.Equal(t, 1, srv.UserCount())
				signsIn(t, srv, f.Keystore, srv.Users()[0].UserID)
				assert.Equal(t, []string{filepath.Base(f.Path)}, names(t, path), "the keystore is put in its place")
			}
			for _, name := range names(t, path) {
				assert.Equal(t, os.FileMode(0o600), mode(t, filepath.Join(path, name)), name)
			}
		})
	}
}

// TestKilledWhileSettingUp kills a process at each step of Setup. The next call ends
// with the same user and the same TIP key, registered, unless it is not known that the
// user exists.
func TestKilledWhileSettingUp(t *testing.T) {
	t.Parallel()
	steps := errand{Setup: true}.steps(t)
	for _, call := range []string{"POST /users", "POST /pin/update", "POST /pin/verify", "POST /safe/users"} {
		require.Contains(t, steps, call)
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t)
			path := filepath.Join(t.TempDir(), "keys")
			require.True(t, errand{Dir: path, Setup: true, KillAt: step}.run(t, srv), "it came to its end")
			var tip string
			if srv.UserCount() > 0 {
				tip = srv.Users()[0].TIPKey
			}
			dir := mixin.KeyDir(path)
			wallet, err := mixin.Setup(t.Context(), srv.Config(), dir, signup)
			if between(steps, step, "claim: marked", "complete: written") {
				assert.Nil(t, wallet)
				requireConflict(t, dir, err, mixin.KeyFileSent)
				assert.LessOrEqual(t, srv.UserCount(), 1)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1, srv.UserCount())
			u := srv.Users()[0]
			assert.True(t, u.HasPIN)
			assert.True(t, u.HasSafe)
			assert.Zero(t, u.WrongPINs)
			assert.Equal(t, between(steps, step, "prepare: begin", "claim: marked"), wallet.Created)
			isUsable(t, srv, wallet)
			if tip != "" {
				assert.Equal(t, tip, u.TIPKey)
			}
		})
	}
}

// isUsable checks a wallet against the one user of a server.
func isUsable(t testing.TB, srv *mixintest.Server, wallet *mixin.Wallet) {
	t.Helper()
	require.Equal(t, 1, srv.UserCount())
	u := srv.Users()[0]
	assert.Equal(t, u.UserID, wallet.Keystore.UserID)
	assert.Equal(t, u.UserID, wallet.User.ID)
	assert.Equal(t, mixin.KeyFileRegistered, wallet.State)
	assert.True(t, u.HasSafe)
	spend := spendKey(t, wallet.Keystore)
	assert.Equal(t, u.TIPKey, hex.EncodeToString(spend[32:]))
	text, err := os.ReadFile(wallet.Path)
	require.NoError(t, err)
	ks, err := mixin.ParseKeystore(text)
	require.NoError(t, err)
	require.True(t, ks.SpendPrivateKey == wallet.Keystore.SpendPrivateKey, "the file has another spend key")
	bothForms(t, text, ks)
	cfg := srv.Config()
	cfg.Keystore = ks
	c := clientOf(t, cfg)
	_, err = c.PIN.Verify(t.Context(), mixin.TIPPIN(spend))
	require.NoError(t, err)
}

// TestProcessesAtOnce: of several at once one creates the user.
func TestProcessesAtOnce(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	path := filepath.Join(t.TempDir(), "keys")
	results := make(chan error)
	const processes = 6
	for range processes {
		go func() { results <- errand{Dir: path}.outcome(t.Context(), srv) }()
	}
	succeeded := 0
	for range processes {
		if <-results == nil {
			succeeded++
		}
	}
	assert.Equal(t, 1, succeeded)
	assert.Equal(t, 1, srv.UserCount())
	assert.Len(t, srv.Requests(), 1)
	assert.Equal(t, []string{srv.Users()[0].SessionSecret}, storedKeys(t, path))
}

// outcome starts a process and returns how it ended.
func (e errand) outcome(ctx context.Context, srv *mixintest.Server) error {
	e.URL, e.Keystore = srv.URL(), srv.KeystoreJSON()
	input, err := json.Marshal(e)
	self, err2 := os.Executable()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestErrand$")
	cmd.Env = append(os.Environ(), errandVariable+"=1")
	cmd.Stdin = bytes.NewReader(input)
	return cmd.Run()
}
