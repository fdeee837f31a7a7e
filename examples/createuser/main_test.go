package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// A ran is what a run printed and returned.
type ran struct {
	code           int
	stdout, stderr string
}

func runWith(t *testing.T, env map[string]string, args ...string) ran {
	t.Helper()
	return runContext(t.Context(), env, "", args...)
}

func runContext(ctx context.Context, env map[string]string, stdin string, args ...string) ran {
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, func(name string) string { return env[name] }, strings.NewReader(stdin), &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// has checks a text that might hold a secret without printing it.
func has(t *testing.T, text, want string) {
	t.Helper()
	assert.Truef(t, strings.Contains(text, want), "expected %q", want)
}

func hasNot(t *testing.T, r ran, what, secret string) {
	t.Helper()
	assert.Falsef(t, strings.Contains(r.stdout+r.stderr, secret), "%s was printed", what)
}

func decode(t *testing.T, r ran) document {
	t.Helper()
	var doc document
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	require.NoError(t, dec.Decode(&doc))
	assert.False(t, dec.More(), "one document")
	return doc
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultRunCreatesTheSamplesAtFourFakes(t *testing.T) {
	t.Parallel()
	r := runWith(t, nil)
	assert.Equal(t, 0, r.code)
	assert.Empty(t, r.stderr)
	for _, want := range []string{
		"these are fakes", "mixin", "quickblox", "fusionauth", "usercom",
		"Bot User", "Peter Smith", "ExternalID: 1236672", "website: https://mysite.com", "custom_data: lead of marketing team",
		"jane.doe@example.com", "myemail@example.org", "FullName: John Doe", "session_id: ", "96752798",
	} {
		has(t, r.stdout, want)
	}
	hasNot(t, r, "a sample's password", "!Peter009")
	hasNot(t, r, "a sample's password", "correct horse")
}

func TestJSONIsOneDocument(t *testing.T) {
	t.Parallel()
	r := runWith(t, nil, "-json", "-strict")
	assert.Equal(t, 0, r.code)
	doc := decode(t, r)
	assert.Equal(t, "fakes", doc.Mode)
	require.Len(t, doc.Results, 4)
	for i, name := range vendorNames() {
		got := doc.Results[i]
		assert.Equal(t, name, got.Provider)
		assert.Equal(t, "created", got.Status)
		assert.NotEmpty(t, got.ID)
		require.NotNil(t, got.User)
		assert.Equal(t, got.ID, got.User.ID)
		assert.NotEmpty(t, got.Sent)
		assert.NotEmpty(t, got.Returned)
		assert.Nil(t, got.Error)
	}
	assert.Equal(t, "[REDACTED]", doc.Results[1].Sent["Password"])
	hasNot(t, r, "a sample's password", "!Peter009")
	hasNot(t, r, "a token", "eyJ")
}

// someone is a user that all four vendors take.
var someone = []string{"-email", "ada@example.com", "-username", "ada.lovelace", "-name", "Ada Lovelace", "-external-id", "4711"}

// planted are secrets that must not be seen.
const (
	plantedPassword = "planted-password-1"
	plantedKey      = "plantedApiKey2"
	plantedSecret   = "planted-auth-secret-3"
	plantedUserKey  = "plantedUserComKey4"
)

// A backend is the four fakes, and the environment that configures them.
type backend struct {
	env        map[string]string
	mixin      *mixintest.Server
	quickblox  *quickbloxtest.Server
	fusionauth *fusionauthtest.Server
	usercom    *usercomtest.Server
	keyFile    string
	privateKey string
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{
		mixin:      mixintest.NewServer(t),
		quickblox:  quickbloxtest.NewServer(t, quickbloxtest.WithApplication(7, "planted-auth-key", plantedSecret)),
		fusionauth: fusionauthtest.NewServer(t, fusionauthtest.WithAPIKey(plantedKey)),
		usercom:    usercomtest.NewServer(t, usercomtest.WithAPIKey(plantedUserKey)),
		keyFile:    filepath.Join(t.TempDir(), "session.pem"),
	}
	key, ok := b.mixin.Config().Keystore.PrivateKey.(ed25519.PrivateKey)
	require.True(t, ok)
	b.privateKey = hex.EncodeToString(key.Seed())
	b.env = map[string]string{
		"CREATEUSER_PASSWORD":      plantedPassword,
		"MIXIN_KEYSTORE":           string(b.mixin.KeystoreJSON()),
		"MIXIN_URL":                b.mixin.URL(),
		"QUICKBLOX_APPLICATION_ID": "7", "QUICKBLOX_AUTH_KEY": "planted-auth-key", "QUICKBLOX_AUTH_SECRET": plantedSecret,
		"QUICKBLOX_URL":  b.quickblox.URL(),
		"FUSIONAUTH_URL": b.fusionauth.URL(), "FUSIONAUTH_API_KEY": plantedKey,
		"FUSIONAUTH_TENANT_ID": b.fusionauth.TenantIDs()[0],
		"USERCOM_URL":          b.usercom.URL(), "USERCOM_API_KEY": plantedUserKey,
	}
	return b
}

// run runs with every vendor configured, for someone, and looks for secrets.
func (b *backend) run(t *testing.T, args ...string) ran {
	t.Helper()
	return b.runIn(t.Context(), t, args...)
}

func (b *backend) runIn(ctx context.Context, t *testing.T, args ...string) ran {
	t.Helper()
	r := runContext(ctx, b.env, "", append(append([]string{"-session-key-file", b.keyFile}, someone...), args...)...)
	b.noSecrets(t, r)
	return r
}

func (b *backend) noSecrets(t *testing.T, r ran) {
	t.Helper()
	for what, secret := range map[string]string{
		"the password": plantedPassword, "FusionAuth's key": plantedKey, "QuickBlox's secret": plantedSecret,
		"User.com's key": plantedUserKey, "Mixin's key": b.privateKey,
	} {
		hasNot(t, r, what, secret)
	}
}

func (b *backend) counts() [4]int {
	return [4]int{b.mixin.UserCount(), b.quickblox.UserCount(), b.fusionauth.UserCount(), b.usercom.UserCount()}
}

func TestConfiguredVendorsAreCalled(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	r := b.run(t, "-json", "-tag", "vip", "-attr", "plan=team")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.counts())
	doc := decode(t, r)
	assert.Equal(t, "vendors", doc.Mode)
	for i, want := range [][]string{
		{"ExternalID", "Username", "Email", "Password", "Tags", "Attributes"}, {}, {"Tags"}, {"Username", "Password"},
	} {
		assert.ElementsMatch(t, want, doc.Results[i].Unmapped, doc.Results[i].Provider)
		for _, name := range want {
			assert.NotContains(t, doc.Results[i].Sent, name)
		}
	}
	u := b.quickblox.Users()[0]
	assert.Equal(t, "ada.lovelace", u.Login)
	assert.Equal(t, int64(4711), u.ExternalUserID)
	assert.JSONEq(t, `{"plan":"team"}`, u.CustomData)
	assert.JSONEq(t, `"team"`, string(b.usercom.Users()[0].Attributes["plan"]))

	// The session key is in the file, and it is the user's.
	info, err := os.Stat(b.keyFile)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such modes
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	pem, err := os.ReadFile(b.keyFile)
	require.NoError(t, err)
	native := doc.Results[0]
	text, err := json.Marshal(map[string]string{
		"user_id": native.ID, "session_id": native.Returned["session_id"], "private_key": string(pem),
	})
	require.NoError(t, err)
	keystore, err := mixin.ParseKeystore(text)
	require.NoError(t, err)
	public, err := mixin.SessionSecret(keystore.PrivateKey)
	require.NoError(t, err)
	assert.Equal(t, public, b.mixin.Users()[0].SessionSecret)
}

func TestSecretsMayComeFromFiles(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	keystore := writeFile(t, b.env["MIXIN_KEYSTORE"])
	key := writeFile(t, plantedKey+"\n")
	password := writeFile(t, plantedPassword+"\r\n")
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"keystore flag":     {map[string]string{"MIXIN_URL": b.mixin.URL()}, []string{"-keystore", keystore, "-session-key-file", filepath.Join(t.TempDir(), "a")}},
		"keystore path":     {map[string]string{"MIXIN_URL": b.mixin.URL(), "MIXIN_KEYSTORE": keystore}, []string{"-session-key-file", filepath.Join(t.TempDir(), "b")}},
		"keystore file":     {map[string]string{"MIXIN_URL": b.mixin.URL(), "MIXIN_KEYSTORE_FILE": keystore}, []string{"-session-key-file", filepath.Join(t.TempDir(), "c")}},
		"api key file":      {map[string]string{"FUSIONAUTH_URL": b.fusionauth.URL(), "FUSIONAUTH_API_KEY_FILE": key}, []string{"-external-id", "1", "-email", "one@example.com", "-password-file", password}},
		"api key file flag": {map[string]string{"FUSIONAUTH_URL": b.fusionauth.URL()}, []string{"-external-id", "2", "-email", "two@example.com", "-password-file", password, "-provider", "fusionauth", "-api-key-file", key}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runWith(t, c.env, append([]string{"-name", "Ada Lovelace"}, c.args...)...)
			assert.Equal(t, 0, r.code)
			b.noSecrets(t, r)
			has(t, r.stdout, "Configured vendors:")
			assert.Equal(t, 1, strings.Count(r.stdout, "created\n")+strings.Count(r.stdout, "created "), "one row")
		})
	}
}

func TestExitCodesAndExplanations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inject func(*backend)
		code   int
		users  [4]int
		stderr []string
	}{
		"duplicate": {func(b *backend) {
			r := runWith(t, map[string]string{
				"QUICKBLOX_API_KEY": b.quickblox.APIKey().Reveal(), "QUICKBLOX_URL": b.quickblox.URL(), "CREATEUSER_PASSWORD": plantedPassword,
			}, "-username", "ada.lovelace")
			require.Equal(t, 0, r.code)
		}, 1, [4]int{1, 1, 1, 1}, []string{
			"quickblox: conflict: already taken (status 422); Username (login) has already been taken; request ",
			"No user was created. Next: choose another value, or find the user that has it.",
		}},
		"unauthorized": {func(b *backend) { b.env["FUSIONAUTH_API_KEY"] = "wrongKey" }, 1, [4]int{1, 1, 0, 1}, []string{
			"fusionauth: unauthorized (status 401). No user was created. Next: check the credentials.",
		}},
		"rate limited": {func(b *backend) {
			b.usercom.Inject(userapitest.Fault{Status: 429, Header: map[string][]string{"Retry-After": {"3600"}}})
		}, 1, [4]int{1, 1, 1, 0}, []string{"usercom: rate limited (status 429)", "Next: run this again in 1h0m0s."}},
		"refused by Mixin": {func(b *backend) {
			b.mixin.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":20117,"description":"Insufficient balance."}}`)})
		}, 1, [4]int{0, 1, 1, 1}, []string{
			"mixin: forbidden (status 202), code 20117; Insufficient balance.",
			"The session key in ", " is no user's: delete it first.",
		}},
		"session refused": {func(b *backend) { b.env["QUICKBLOX_AUTH_SECRET"] = "wrong-" + plantedSecret }, 1, [4]int{1, 0, 1, 1}, []string{
			"quickblox: ", "The create was not sent: no user was created.",
		}},
		"reply lost": {func(b *backend) {
			b.fusionauth.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
		}, 3, [4]int{1, 1, 1, 1}, []string{
			"fusionauth: unavailable; ", "The user MAY EXIST with the id ", "Next: do not run this again before you know; read the user with that id.",
		}},
		"reply lost at Mixin": {func(b *backend) {
			b.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
		}, 3, [4]int{1, 1, 1, 1}, []string{"mixin: unavailable; ", "The user MAY EXIST.", "Keep the user's session key in "}},
		"attributes refused": {func(b *backend) {
			b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
		}, 3, [4]int{1, 1, 1, 1}, []string{"usercom: forbidden (status 403)", "The user EXISTS with the id 310455021.", "do not create the user again"}},
		"everything at once": {func(b *backend) {
			b.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(`{"errors":{"login":["has already been taken"]}}`)})
			b.usercom.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate})
		}, 3, [4]int{1, 0, 1, 1}, []string{"quickblox: conflict", "usercom: "}},
		"secrets echoed": {func(b *backend) {
			b.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(
				`{"errors":{"password":["` + plantedPassword + ` is weak","` + `\u001b[31m` + `"]}}`)})
		}, 1, [4]int{1, 0, 1, 1}, []string{"quickblox: invalid user (status 422); Password "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			c.inject(b)
			r := b.run(t, "-attr", "plan=team")
			assert.Equal(t, c.code, r.code)
			assert.Equal(t, c.users, b.counts())
			for _, want := range c.stderr {
				has(t, r.stderr, want)
			}
			assert.NotContains(t, r.stdout+r.stderr, "\x1b")
			for line := range strings.Lines(r.stderr) {
				assert.Regexp(t, `^(mixin|quickblox|fusionauth|usercom): .*\. Next: .*\.\n$`, line)
			}
		})
	}
}

func TestJSONTellsOfFailures(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
	b.fusionauth.Inject(userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Hangup})
	b.mixin.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":403,"description":"Forbidden."}}`)})
	r := b.run(t, "-json", "-attr", "plan=team")
	assert.Equal(t, 3, r.code)
	doc := decode(t, r)
	var statuses []string
	for _, e := range doc.Results {
		statuses = append(statuses, e.Status)
	}
	assert.Equal(t, []string{"failed", "created", "unknown", "created_with_error"}, statuses)
	assert.Equal(t, userapi.KindForbidden, doc.Results[0].Error.Kind)
	assert.False(t, doc.Results[0].Error.MayExist)
	assert.True(t, doc.Results[2].Error.MayExist)
	assert.NotEmpty(t, doc.Results[2].Error.UserID)
	assert.Empty(t, doc.Results[2].ID)
	assert.Equal(t, "310455021", doc.Results[3].ID)
	assert.Equal(t, userapi.OutcomeCreated, doc.Results[3].Error.Outcome)
	assert.Contains(t, doc.Results[3].Error.Next, "do not create the user again")
}

func TestAUserThatOneVendorCannotTakeIsCreatedNowhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		stderr []string
	}{
		"strict":  {[]string{"-strict"}, []string{"mixin: invalid user; ExternalID cannot be stored by mixin; Username ", "fusionauth: not tried", "usercom: invalid user; Username cannot be stored by usercom"}},
		"invalid": {[]string{"-tag", "a,b"}, []string{"quickblox: invalid user; Tags (tag_list) must hold no comma", "mixin: not tried", "usercom: not tried"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			r := b.run(t, c.args...)
			assert.Equal(t, 1, r.code)
			assert.Equal(t, [4]int{}, b.counts())
			assert.Empty(t, b.quickblox.Requests())
			assert.NoFileExists(t, b.keyFile)
			for _, want := range c.stderr {
				has(t, r.stderr, want)
			}
			assert.Equal(t, "not_tried", decode(t, b.run(t, append(c.args, "-json")...)).Results[2].Status)
		})
	}
}

// overdue is a context whose deadline passes when its channel is closed.
type overdue struct {
	context.Context
	done chan struct{}
}

func (c *overdue) Done() <-chan struct{} { return c.done }

func (c *overdue) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestTimeoutAndInterrupt(t *testing.T) {
	t.Parallel()
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		b.usercom.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Stall})
		ctx := &overdue{t.Context(), make(chan struct{})}
		go func() {
			defer close(ctx.done)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for b.usercom.UserCount() == 0 && t.Context().Err() == nil {
				<-tick.C
			}
		}()
		r := b.runIn(ctx, t, "-provider", "usercom", "-session-key-file", "")
		assert.Equal(t, 3, r.code)
		has(t, r.stderr, "usercom: timed out")
	})
	t.Run("timeout before", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		r := b.run(t, "-timeout", "1ns", "-provider", "usercom", "-session-key-file", "")
		assert.Equal(t, 1, r.code)
		assert.Equal(t, [4]int{}, b.counts())
		has(t, r.stderr, "usercom: timed out")
	})
	t.Run("interrupted before", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := b.runIn(ctx, t)
		assert.Equal(t, 1, r.code)
		assert.Equal(t, [4]int{}, b.counts())
		has(t, r.stderr, "fusionauth: canceled")
	})
}

func TestSessionKeyFile(t *testing.T) {
	t.Parallel()
	t.Run("required", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		r := runWith(t, b.env, someone...)
		assert.Equal(t, 2, r.code)
		has(t, r.stderr, "-session-key-file must be set")
		assert.Equal(t, [4]int{}, b.counts())
	})
	t.Run("exists", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		require.NoError(t, os.WriteFile(b.keyFile, []byte("a key"), 0o600))
		r := b.run(t)
		assert.Equal(t, 2, r.code)
		has(t, r.stderr, "the file exists")
		assert.Equal(t, [4]int{}, b.counts())
		kept, err := os.ReadFile(b.keyFile)
		require.NoError(t, err)
		assert.Equal(t, "a key", string(kept))
	})
	t.Run("no such folder", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		b.keyFile = filepath.Join(t.TempDir(), "missing", "session.pem")
		r := b.run(t)
		assert.Equal(t, 2, r.code)
		assert.Empty(t, b.mixin.Requests())
		has(t, r.stderr, "there is no such folder")
	})
	t.Run("cannot be written", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		b.keyFile = filepath.Join(t.TempDir(), strings.Repeat("x", 1000))
		r := b.run(t)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, b.mixin.Requests())
		has(t, r.stderr, "mixin: unavailable; ")
		has(t, r.stderr, "The create was not sent")
	})
	t.Run("appeared meanwhile", func(t *testing.T) {
		t.Parallel()
		path := writeFile(t, "a key")
		_, err := (&keyFile{path: path}).SessionKey(t.Context(), userapi.CreateUserRequest{})
		require.ErrorIs(t, err, os.ErrExist)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "a key", string(kept))
	})
	t.Run("at the fake", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "session.pem")
		r := runWith(t, nil, "-provider", "mixin", "-session-key-file", path)
		assert.Equal(t, 0, r.code)
		assert.FileExists(t, path)
	})
}

func TestUserFile(t *testing.T) {
	t.Parallel()
	const secret = "password-in-the-file"
	for name, c := range map[string]struct {
		in, stderr string
		code       int
	}{
		"good":           {`{"username":"ada.lovelace","email":"ada@example.com","password":"` + secret + `","full_name":"Ada Lovelace","tags":["vip"],"attributes":{"seats":12345678901234567890}}`, "", 0},
		"empty":          {``, "expected a JSON object, got none", 2},
		"cut off":        {`{"password":"` + secret + `"`, "got none or the beginning of one", 2},
		"no JSON":        {`{"password":` + secret + `}`, "is no JSON, at byte 13", 2},
		"unknown member": {`{"password":"` + secret + `","emial":"` + secret + `"}`, `unknown member "emial"`, 2},
		"extensions":     {`{"Extensions":[]}`, `unknown member "Extensions"`, 2},
		"wrong type":     {`{"email":["` + secret + `"]}`, `member "email" is a JSON array`, 2},
		"number":         {`{"password":12345678}`, `member "password" is a JSON number`, 2},
		"list":           {`[]`, "expected a JSON object, got JSON array", 2},
		"null":           {`null`, "expected a JSON object", 2},
		"two":            {`{} {}`, "one JSON object and nothing after it", 2},
		"invalid fields": {`{"email":"ada@example.com","password":"[REDACTED]"}`, "quickblox: invalid user; Password must be the secret itself, not its redacted form", 1},
		"missing fields": {`{"email":"ada@example.com"}`, "quickblox: invalid user; Password must be set", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, source := range []string{"-", writeFile(t, c.in)} {
				r := runContext(t.Context(), nil, c.in, "-in", source, "-json")
				assert.Equal(t, c.code, r.code)
				if c.stderr != "" {
					has(t, r.stderr, c.stderr)
				}
				hasNot(t, r, "the file's password", secret)
				hasNot(t, r, "the file's password", "12345678}")
				if c.code == 2 {
					assert.Empty(t, r.stdout)
				}
			}
		})
	}
	r := runWith(t, nil, "-in", filepath.Join(t.TempDir(), "none"))
	assert.Equal(t, 2, r.code)
	has(t, r.stderr, "-in: ")
}

func TestFlagsWinOverTheFile(t *testing.T) {
	t.Parallel()
	in := writeFile(t, `{"email":"file@example.com","full_name":"From File","tags":["a"],"attributes":{"k":1,"l":2},"password":"from-the-file"}`)
	env := map[string]string{"CREATEUSER_PASSWORD": plantedPassword}
	r := runWith(t, env, "-in", in, "-email", "flag@example.com", "-tag", "b", "-attr", "k=2", "-provider", "quickblox", "-json")
	require.Equal(t, 0, r.code)
	sent := decode(t, r).Results[0].Sent
	assert.Equal(t, "flag@example.com", sent["Email"])
	assert.Equal(t, "From File", sent["FullName"])
	assert.Equal(t, "a,b", sent["Tags"])
	assert.JSONEq(t, `{"k":"2","l":2}`, sent["Attributes"])
}

func TestWrongFlagsAndSettings(t *testing.T) {
	t.Parallel()
	user := []string{"-email", "ada@example.com"}
	for name, c := range map[string]struct {
		env    map[string]string
		args   []string
		stderr []string
	}{
		"unknown flag":        {nil, []string{"-password=hunter2"}, []string{"not defined: -password"}},
		"argument":            {nil, []string{"hunter2"}, []string{"expected flags only"}},
		"vendor":              {nil, []string{"-provider", "mixin,acme"}, []string{"expected some of mixin, quickblox, fusionauth, usercom"}},
		"timeout":             {nil, []string{"-timeout", "0"}, []string{"-timeout must be positive"}},
		"attribute":           {nil, []string{"-attr", "plan"}, []string{"must be name=text"}},
		"attribute twice":     {nil, []string{"-attr", "a=1", "-attr", "a=2"}, []string{"given before"}},
		"empty":               {nil, []string{"-email", ""}, []string{"must not be empty"}},
		"sample and user":     {nil, append([]string{"-sample"}, user...), []string{"exclude each other"}},
		"api key of whom":     {nil, []string{"-api-key-file", "f"}, []string{"-api-key-file needs -provider"}},
		"no password file":    {nil, []string{"-password-file", "hunter2"}, []string{"the file for CREATEUSER_PASSWORD: "}},
		"empty file":          {nil, []string{"-password-file", os.DevNull}, []string{"the file for CREATEUSER_PASSWORD is empty"}},
		"session key of whom": {nil, []string{"-provider", "usercom", "-session-key-file", "f"}, []string{"which is not called"}},
		"nobody": {map[string]string{"USERCOM_APP": "acme", "USERCOM_API_KEY": "hunter2"}, nil,
			[]string{"no user is described"}},
		"public password": {map[string]string{"QUICKBLOX_API_KEY": "hunter2"}, []string{"-sample"},
			[]string{"quickblox: -sample takes a password of yours here"}},
		"fakes are not mixed in": {map[string]string{"USERCOM_APP": "acme", "USERCOM_API_KEY": "hunter2"}, append([]string{"-provider", "usercom,quickblox"}, user...),
			[]string{"quickblox is not configured", "Set QUICKBLOX_API_KEY"}},
		"both forms": {map[string]string{"USERCOM_API_KEY": "hunter2", "USERCOM_API_KEY_FILE": "f"}, user,
			[]string{"only one of USERCOM_API_KEY and USERCOM_API_KEY_FILE"}},
		"everything at once": {map[string]string{
			"QUICKBLOX_APPLICATION_ID": "x", "QUICKBLOX_AUTH_KEY": "k", "USERCOM_APP": "acme",
			"FUSIONAUTH_TENANT_ID": "hunter2", "MIXIN_KEYSTORE": `{"client_id":"hunter2"}`, "CREATEUSER_PASSWORD": "hunter2",
		}, append([]string{"-session-key-file", filepath.Join(t.TempDir(), "f")}, user...), []string{
			"quickblox: QUICKBLOX_APPLICATION_ID: must be a positive number", "quickblox: QUICKBLOX_AUTH_SECRET: must be set",
			"usercom: USERCOM_API_KEY: must be set",
			"fusionauth: FUSIONAUTH_API_KEY: must be set", "fusionauth: FUSIONAUTH_TENANT_ID: must be", "fusionauth: FUSIONAUTH_URL: is required",
			"MIXIN_KEYSTORE: session_id: missing", "MIXIN_KEYSTORE: session_private_key or private_key: missing",
		}},
		"two credentials": {map[string]string{"QUICKBLOX_API_KEY": "hunter2", "QUICKBLOX_SESSION_TOKEN": "hunter2"}, user,
			[]string{"quickblox: QUICKBLOX_API_KEY, QUICKBLOX_SESSION_TOKEN, QUICKBLOX_APPLICATION_ID: exactly one"}},
		"keystore that is none": {map[string]string{"MIXIN_KEYSTORE": "hunter2"}, append([]string{"-session-key-file", filepath.Join(t.TempDir(), "f")}, user...),
			[]string{"the file for MIXIN_KEYSTORE: "}},
		"no keystore": {map[string]string{"MIXIN_URL": "https://example.com"}, append([]string{"-session-key-file", filepath.Join(t.TempDir(), "f")}, user...),
			[]string{"MIXIN_KEYSTORE or -keystore must be set"}},
		"plain http": {map[string]string{"USERCOM_URL": "http://example.com", "USERCOM_API_KEY": "hunter2"}, user,
			[]string{"usercom: USERCOM_URL: must be https"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runWith(t, c.env, c.args...)
			assert.Equal(t, 2, r.code)
			assert.Empty(t, r.stdout)
			has(t, r.stderr, "Nothing was sent. See createuser -h.")
			for _, want := range c.stderr {
				has(t, r.stderr, want)
			}
			hasNot(t, r, "a secret", "hunter2")
		})
	}
}

func TestSampleAtAConfiguredVendor(t *testing.T) {
	t.Parallel()
	srv := quickbloxtest.NewServer(t)
	r := runWith(t, map[string]string{
		"QUICKBLOX_URL": srv.URL(), "QUICKBLOX_API_KEY": srv.APIKey().Reveal(), "CREATEUSER_PASSWORD": plantedPassword,
	}, "-sample")
	assert.Equal(t, 0, r.code)
	require.Equal(t, 1, srv.UserCount())
	assert.Equal(t, "8887366", srv.Users()[0].FacebookID)
	hasNot(t, r, "the password", plantedPassword)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := runWith(t, nil, "-h")
	assert.Equal(t, 0, r.code)
	assert.Equal(t, usage, r.stdout)
	for _, v := range vendors {
		has(t, usage, v.name)
		for _, name := range v.variables {
			has(t, usage, name)
		}
	}
	request := reflect.TypeFor[userapi.CreateUserRequest]()
	for i := range request.NumField() {
		if name, _, _ := strings.Cut(request.Field(i).Tag.Get("json"), ","); name != "-" {
			has(t, usage, name)
		}
	}
	for line := range strings.Lines(usage) {
		assert.LessOrEqual(t, len(line), 90)
		assert.NotContains(t, line, "\t")
	}
}

// A Creator from elsewhere may return any error; it tells nothing.
func TestAnUnknownErrorIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	e := asError(target{vendor: &usercomVendor}, os.ErrClosed)
	assert.True(t, userapi.MayHaveCreated(e))
	assert.ErrorIs(t, e, os.ErrClosed)
}

// brokenWriter is standard output that is gone.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-json"}} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), brokenWriter{}, &stderr)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr.String(), "cannot write the report")
	}
}
