package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

type ran struct {
	code           int
	stdout, stderr string
}

func runWith(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// steady replaces what differs from run to run.
func steady(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	text = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAllString(text, "URL")
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(text, "ID")
	text = regexp.MustCompile(`[0-9a-f]{32}\.json`).ReplaceAllString(text, "FILE")
	return text
}

const want = `Mixin is a fake at URL - its application can pay for one user.
Keys are stored in DIR.

The bill
  read billing, /safe/apps/{app_id}/billing: ok
  credit 0.5, users cost 0 so far, and one more 0.5

Setting up, while a reply gets lost
  read billing, /safe/apps/{app_id}/billing: ok
  create user, /users: ok
  update PIN, /pin/update: unavailable
  failed: update PIN, unavailable; the user's outcome: created
  its keys are safe in DIR/FILE
  the file says "complete", and that the step to "tip_set" may have been done

Setting up
  look up user, /me: ok
  verify PIN, /pin/verify: ok
  register with Safe, /safe/users: ok
  user ID is registered, created by this call: false
  its keystore is DIR/FILE

Once more, as after a restart
  user ID is registered, after 0 requests

The user, as itself
  look up user, /me: ok
  "Bot User" has a PIN: true, is registered with Safe: true

The bill after it
  read billing, /safe/apps/{app_id}/billing: ok
  credit 0.5, users cost 0.5 so far, and one more 0.5

Users at the fake: 1
`

func TestOutput(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	got := runWith(t, "-dir", dir)
	assert.Zero(t, got.code)
	assert.Empty(t, got.stderr)
	assert.Equal(t, want, steady(got.stdout, dir))
	checkSecrets(t, dir, got)

	again := runWith(t, "-dir", dir)
	assert.Equal(t, 2, again.code, "another fake knows nothing of the user")
	assert.Contains(t, again.stderr, "choose another -user or -dir")
	assert.Zero(t, runWith(t, "-dir", dir, "-user", "wallet-2").code)
}

// checkSecrets looks for what the key files hold that is secret in what was printed.
func checkSecrets(t *testing.T, dir string, r ran) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members))
		for name, value := range members {
			secret, isText := value.(string)
			if !isText || !strings.Contains(name, "private") && !strings.Contains(name, "pin") {
				continue
			}
			found++
			require.False(t, strings.Contains(r.stdout+r.stderr, secret), "%s was printed", name)
		}
	}
	require.GreaterOrEqual(t, found, 3, "the file names its secrets in another way")
}

func TestTheTemporaryDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	got := runWith(t)
	require.Zero(t, got.code)
	dir := regexp.MustCompile(`(?m)^Keys are stored in (.*), which is removed at the end\.$`).FindStringSubmatch(got.stdout)
	require.Len(t, dir, 2)
	_, err := os.Stat(dir[1])
	require.ErrorIs(t, err, os.ErrNotExist)
}

// flags are those for a server that is not the program's own.
func flags(t *testing.T, srv *mixintest.Server, more ...string) (args []string, dir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keystore.json")
	require.NoError(t, os.WriteFile(file, srv.KeystoreJSON(), 0o600))
	dir = filepath.Join(t.TempDir(), "keys")
	return append([]string{"-keystore", file, "-base", srv.URL(), "-dir", dir}, more...), dir
}

// TestAgainstAServer: two runs make one user, and the second asks for nothing but the
// bill and the user.
func TestAgainstAServer(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]mixintest.Option{"Ed25519": nil, "RSA": {mixintest.WithRSA()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := mixintest.NewServer(t, opts...)
			args, dir := flags(t, srv, "-name", "Ada", "-user", "ada", "-price", "0.5")
			first := runWith(t, args...)
			require.Zero(t, first.code, first.stderr)
			assert.Contains(t, first.stdout, "is registered, created by this call: true")
			second := runWith(t, args...)
			require.Zero(t, second.code, second.stderr)
			assert.Contains(t, second.stdout, "is registered, created by this call: false")
			assert.NotContains(t, second.stdout, "/users")
			users := srv.Users()
			require.Len(t, users, 1)
			assert.Equal(t, "Ada", users[0].FullName)
			assert.True(t, users[0].HasPIN)
			assert.True(t, users[0].HasSafe)
			assert.Zero(t, users[0].WrongPINs)
			checkSecrets(t, dir, first)
			checkSecrets(t, dir, second)
			for _, r := range []ran{first, second} {
				seed, err := mixin.ParseKeystore(srv.KeystoreJSON())
				require.NoError(t, err)
				require.False(t, seed.PinToken != "" && strings.Contains(r.stdout+r.stderr, seed.PinToken.Reveal()))
			}
		})
	}
}

// TestALostCreate is not sent again: not by the same run, nor by the next.
func TestALostCreate(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	args, _ := flags(t, srv)
	for range 2 {
		got := runWith(t, args...)
		assert.Equal(t, 1, got.code)
		assert.Contains(t, got.stdout, `the file says "sent"`)
		assert.NotEmpty(t, got.stderr)
		assert.Equal(t, 1, srv.UserCount())
	}
}

func TestNoCredit(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t, mixintest.WithCredit(0))
	args, _ := flags(t, srv, "-price", "0.5")
	got := runWith(t, args...)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "  failed: create user, forbidden; the user's outcome: not_sent\n")
	assert.Contains(t, got.stdout, "  because: mixin: the application's credit does not cover")
	for _, r := range srv.Requests() {
		assert.Equal(t, "GET", r.Method)
	}
}

// TestABillThatCannotBeRead stops nobody who did not ask for it.
func TestABillThatCannotBeRead(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	args, _ := flags(t, srv)
	srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 202, Body: []byte(`{"error":{"status":202,"code":403,"description":"Forbidden."}}`)})
	got := runWith(t, args...)
	assert.Zero(t, got.code)
	assert.Contains(t, got.stdout, "  cannot be read\n")
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	srv := mixintest.NewServer(t)
	good, _ := flags(t, srv)
	file := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"app_id":"planted-secret"}`), 0o600))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"unknown":      {[]string{"-x"}, "-x"},
		"argument":     {[]string{"planted-secret"}, "expected flags only"},
		"no user":      {[]string{"-user", ""}, "-user must be set"},
		"no base":      {[]string{"-keystore", file, "-dir", "x"}, "set together"},
		"no keystore":  {[]string{"-base", srv.URL()}, "set together"},
		"no directory": {good[:4], "-dir must be set"},
		"no file":      {append([]string{"-keystore", filepath.Join(t.TempDir(), "none")}, good[2:]...), "-keystore: "},
		"a bad file":   {append([]string{"-keystore", file}, good[2:]...), "-keystore: mixin: invalid keystore"},
		"a bad base":   {append(append([]string(nil), good...), "-base", "http://mixin.example"), "BaseURL"},
		"a bad price":  {append(append([]string(nil), good...), "-price", "half"), "UserPrice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runWith(t, tt.args...)
			assert.Equal(t, 2, got.code)
			assert.Contains(t, got.stderr, tt.want)
			assert.Contains(t, got.stderr, "Nothing was sent.")
			assert.False(t, strings.Contains(got.stdout+got.stderr, "planted-secret"), "a value was printed")
		})
	}
	t.Cleanup(func() { assert.Empty(t, srv.Requests()) })
}

func TestHelp(t *testing.T) {
	t.Parallel()
	got := runWith(t, "-h")
	assert.Zero(t, got.code)
	assert.Equal(t, usage, got.stdout)
	assert.Empty(t, got.stderr)
}
