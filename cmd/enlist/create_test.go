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
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

func runIn(ctx context.Context, variables map[string]string, stdin string, args ...string) ran {
	var stdout, stderr bytes.Buffer
	code := run(ctx, environment{
		args: args, in: strings.NewReader(stdin), out: &stdout, err: &stderr, getenv: func(name string) string { return variables[name] },
	})
	return ran{code, stdout.String(), stderr.String()}
}

// unwrapped puts the lines of each message together.
func unwrapped(text string) string { return strings.ReplaceAll(text, "\n    ", " ") }

// has checks a text that might hold a secret without printing it.
func has(t *testing.T, text, want string) {
	t.Helper()
	assert.Truef(t, strings.Contains(text, want), "expected %q", want)
}

func hasNot(t *testing.T, r ran, what, secret string) {
	t.Helper()
	assert.Falsef(t, strings.Contains(r.stdout+r.stderr, secret), "%s was printed", what)
}

func decode(t *testing.T, r ran) createDocument {
	t.Helper()
	var doc createDocument
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	require.NoError(t, dec.Decode(&doc))
	assert.False(t, dec.More(), "one document")
	return doc
}

// statuses are those of a document, without those that were not tried.
func (d createDocument) statuses() (all []string) {
	for _, r := range d.Results {
		all = append(all, r.Status)
	}
	return all
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// someone is a user that all four vendors take.
var someone = []string{"--email", "ada@example.com", "--username", "ada.lovelace", "--name", "Ada Lovelace", "--external-id", "4711"}

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
	keys       string
	privateKey string
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{
		mixin:      mixintest.NewServer(t),
		quickblox:  quickbloxtest.NewServer(t),
		fusionauth: fusionauthtest.NewServer(t, fusionauthtest.WithAPIKey(plantedKey)),
		usercom:    usercomtest.NewServer(t, usercomtest.WithAPIKey(plantedUserKey)),
		keys:       filepath.Join(t.TempDir(), "keys"),
	}
	key, ok := b.mixin.Config().Keystore.PrivateKey.(ed25519.PrivateKey)
	require.True(t, ok)
	b.privateKey = hex.EncodeToString(key.Seed())
	b.env = map[string]string{
		"ENLIST_PASSWORD":   plantedPassword,
		"MIXIN_KEYSTORE":    string(b.mixin.KeystoreJSON()),
		"MIXIN_URL":         b.mixin.URL(),
		"QUICKBLOX_API_KEY": b.quickblox.APIKey().Reveal(),
		"QUICKBLOX_URL":     b.quickblox.URL(),
		"FUSIONAUTH_URL":    b.fusionauth.URL(), "FUSIONAUTH_API_KEY": plantedKey,
		"FUSIONAUTH_TENANT_ID": b.fusionauth.TenantIDs()[0],
		"USERCOM_URL":          b.usercom.URL(), "USERCOM_API_KEY": plantedUserKey,
		"MIXIN_SESSION_KEYS": b.keys,
	}
	return b
}

// run creates with every vendor configured, and looks for secrets.
func (b *backend) run(t *testing.T, args ...string) ran {
	t.Helper()
	return b.runIn(t.Context(), t, append([]string{"create"}, args...)...)
}

// create is run, for someone.
func (b *backend) create(t *testing.T, args ...string) ran {
	t.Helper()
	return b.run(t, append(append([]string{}, someone...), args...)...)
}

func (b *backend) runIn(ctx context.Context, t *testing.T, args ...string) ran {
	t.Helper()
	r := runIn(ctx, b.env, "", args...)
	b.noSecrets(t, r)
	return r
}

func (b *backend) noSecrets(t *testing.T, r ran) {
	t.Helper()
	for what, secret := range map[string]string{
		"the password": plantedPassword, "FusionAuth's key": plantedKey, "QuickBlox's key": b.env["QUICKBLOX_API_KEY"],
		"User.com's key": plantedUserKey, "Mixin's key": b.privateKey,
	} {
		if secret != "" {
			hasNot(t, r, what, secret)
		}
	}
}

func (b *backend) counts() [4]int {
	return [4]int{b.mixin.UserCount(), b.quickblox.UserCount(), b.fusionauth.UserCount(), b.usercom.UserCount()}
}

func TestCreateAtFakes(t *testing.T) {
	t.Parallel()
	r := runIn(t.Context(), map[string]string{"ENLIST_PASSWORD": plantedPassword}, "", append([]string{"create", "--fakes"}, someone...)...)
	assert.Equal(t, exitDone, r.code)
	assert.Empty(t, r.stderr)
	hasNot(t, r, "the password", plantedPassword)
	for _, want := range []string{"These are fakes", "mixin ", "quickblox ", "fusionauth ", "usercom ", "created", "96752798", "usercom: cannot store Username, Password"} {
		has(t, r.stdout, want)
	}
	for line := range strings.Lines(r.stdout) {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), width+1, line)
	}
}

func TestConfiguredVendorsAreCalled(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	r := b.create(t, "-o", "json", "--tag", "vip", "--attr", "plan=team")
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.counts())
	doc := decode(t, r)
	assert.Equal(t, "vendors", doc.Mode)
	for i, want := range [][]string{
		{"ExternalID", "Username", "Email", "Password", "Tags", "Attributes"}, {}, {"Tags"}, {"Username", "Password"},
	} {
		assert.ElementsMatch(t, want, doc.Results[i].Unmapped, doc.Results[i].Provider)
		assert.Equal(t, doc.Results[i].User.ID, doc.Results[i].ID)
	}
	u := b.quickblox.Users()[0]
	assert.Equal(t, "ada.lovelace", u.Login)
	assert.Equal(t, int64(4711), u.ExternalUserID)
	assert.JSONEq(t, `{"plan":"team"}`, u.CustomData)
	assert.JSONEq(t, `"team"`, string(b.usercom.Users()[0].Attributes["plan"]))

	// The keys of Mixin's user are in the file that is told, and they are the user's.
	text, err := os.ReadFile(doc.Results[0].KeyFile)
	require.NoError(t, err)
	keystore, err := mixin.ParseKeystore(text)
	require.NoError(t, err)
	public, err := mixin.SessionSecret(keystore.PrivateKey)
	require.NoError(t, err)
	assert.Equal(t, public, b.mixin.Users()[0].SessionSecret)
	assert.Equal(t, doc.Results[0].ID, keystore.UserID)
}

// TestRunAgain: whatever identifies the user, a second run creates nobody.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args     []string
		statuses []string
		code     int
	}{
		"external id": {someone, []string{"recovered", "existing", "existing", "existing"}, exitDone},
		"e-mail":      {[]string{"--email", "Ada@example.com", "--name", "Ada"}, []string{"recovered", "existing", "recovered", "found"}, exitRefused},
		"key":         {[]string{"--email", "ada@example.com", "--name", "Ada", "--key", "sign-up-1"}, []string{"recovered", "existing", "recovered", "found"}, exitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			args := append([]string{"-o", "json", "--attr", "plan=team"}, c.args...)
			first := b.run(t, args...)
			require.Equal(t, exitDone, first.code, first.stderr)
			again := b.run(t, args...)
			assert.Equal(t, c.code, again.code, again.stderr)
			assert.Equal(t, [4]int{1, 1, 1, 1}, b.counts())
			created, found := decode(t, first), decode(t, again)
			assert.Equal(t, c.statuses, found.statuses())
			for i := range created.Results {
				assert.Equal(t, created.Results[i].ID, found.Results[i].ID, created.Results[i].Provider)
			}
			if c.code == exitRefused {
				table := b.run(t, c.args...)
				has(t, table.stdout, "quickblox: existed already, with all the identifying values;")
				has(t, table.stdout, "fusionauth: existed already, from a create with the same key")
				has(t, flat(again.stderr), "usercom: Email is that of an existing user. That user exists with the id 310455021. "+
					"No user was created, and nothing was changed. Next: if that is this user, there is nothing to do; "+
					"to create another user with the same e-mail address run this again with --new --to usercom.")
			}
		})
	}
}

// TestRunAgainInCapitals: an e-mail address is the same user's in capitals.
func TestRunAgainInCapitals(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for _, address := range []string{"ada@example.com", "Ada@Example.com"} {
		r := b.run(t, "--email", address, "--name", "Ada", "--to", "mixin,fusionauth")
		assert.Equal(t, exitDone, r.code, r.stderr)
	}
	assert.Equal(t, [4]int{1, 0, 1, 0}, b.counts())
	require.Equal(t, exitDone, b.run(t, "--email", "ada@example.com", "--to", "usercom").code)
	r := b.run(t, "--email", "Ada@Example.com", "--to", "usercom")
	assert.Equal(t, exitRefused, r.code)
	has(t, flat(r.stderr), "usercom: Email is that of an existing user. That user exists")
	assert.Equal(t, 1, b.usercom.UserCount())
}

// TestFailureThenAgain: after one vendor's failure a second run creates there, and nowhere else.
func TestFailureThenAgain(t *testing.T) {
	t.Parallel()
	for name, inject := range map[string]func(*backend){
		"fusionauth": func(b *backend) { b.fusionauth.Inject(userapitest.Fault{Status: 403}) },
		"quickblox": func(b *backend) {
			b.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(`{"errors":{"password":["is weak"]}}`)})
		},
		"mixin": func(b *backend) {
			b.mixin.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":20117,"description":"Insufficient balance."}}`)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			inject(b)
			args := []string{"--email", "ada@example.com", "--name", "Ada"}
			r := b.run(t, args...)
			assert.Equal(t, exitRefused, r.code)
			assert.Equal(t, 3, sum(b.counts()))
			r = b.run(t, args...)
			assert.Equal(t, exitRefused, r.code, "User.com has one with that address")
			assert.Equal(t, [4]int{1, 1, 1, 1}, b.counts())
			assert.Equal(t, 1, strings.Count(unwrapped(r.stderr), "\n"), "one failure")
		})
	}
}

func sum(counts [4]int) int { return counts[0] + counts[1] + counts[2] + counts[3] }

// TestExistingIsWrittenTo: a second step for a user who was there is told.
func TestExistingIsWrittenTo(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	const told = "usercom: existed already, with all the identifying values; not created again; its custom values and lists were written"
	require.Equal(t, exitDone, b.create(t, "--to", "usercom", "--attr", "plan=free").code)
	assert.Contains(t, flat(b.create(t, "--to", "usercom", "--attr", "plan=team").stdout), told)
	assert.JSONEq(t, `"team"`, string(b.usercom.Users()[0].Attributes["plan"]))
	assert.NotContains(t, b.create(t, "--to", "usercom").stdout, "written")
}

// TestNew: one more is created where the vendor allows it.
func TestNew(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	args := []string{"--email", "ada@example.com", "--name", "Ada", "--new"}
	require.Equal(t, exitDone, b.run(t, args...).code)
	r := b.run(t, args...)
	assert.Equal(t, exitRefused, r.code)
	assert.Equal(t, [4]int{2, 1, 1, 2}, b.counts())
	has(t, flat(r.stderr), "quickblox: conflict")
	has(t, flat(r.stderr), "fusionauth: conflict")
	has(t, flat(b.run(t, args[:4]...).stderr), "usercom: Email is that of an existing user, and of 1 more. That user exists with the id 310455021.")
}

// TestSomebodyElse: a user who shares one thing alone is not taken for this one, and not changed.
func TestSomebodyElse(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	require.Equal(t, exitDone, b.run(t, "--email", "ada@example.com", "--username", "ada", "--external-id", "4711", "--to", "quickblox,usercom").code)
	before := b.usercom.Users()[0]
	r := b.run(t, "--email", "bob@example.com", "--username", "ada", "--external-id", "4711", "--to", "quickblox,usercom", "--name", "Bob")
	assert.Equal(t, exitRefused, r.code)
	assert.Equal(t, before, b.usercom.Users()[0])
	assert.Equal(t, 1, b.quickblox.UserCount())
	has(t, flat(r.stderr), "usercom: conflict: already taken; ExternalID is that of an existing user; Email differs from the request's.")
	has(t, flat(r.stderr), "The create was not sent: no user was created. Next: the user 310455021 has it; choose another value.")
	has(t, flat(r.stderr), "quickblox: conflict: already taken (status 422)")
}

// TestByPhone: without an e-mail address User.com is asked by the phone number.
func TestByPhone(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	args := []string{"--phone", "+442079460123", "--to", "usercom"}
	require.Equal(t, exitDone, b.run(t, args...).code)
	r := b.run(t, args...)
	assert.Equal(t, exitRefused, r.code)
	assert.Equal(t, 1, b.usercom.UserCount())
	has(t, flat(r.stderr), "Phone is that of an existing user")
	has(t, flat(r.stderr), "another user with the same phone number")
}

// TestLookFails: where User.com cannot be asked first, nothing is sent to it.
func TestLookFails(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"--email", "--external-id"} {
		b := newBackend(t)
		b.usercom.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 403, Times: -1})
		r := b.run(t, id, "ada@example.com", "--name", "Ada", "--to", "usercom")
		assert.Equal(t, exitRefused, r.code)
		assert.Zero(t, b.usercom.UserCount())
		has(t, flat(r.stderr), "usercom: forbidden (status 403)")
		has(t, flat(r.stderr), "The create was not sent: no user was created.")
	}
}

func TestSecretsMayComeFromFiles(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	keystore := writeFile(t, b.env["MIXIN_KEYSTORE"])
	key := writeFile(t, plantedKey+"\n")
	password := writeFile(t, plantedPassword+"\r\n")
	at := map[string]string{"MIXIN_URL": b.mixin.URL()}
	with := func(name, value string) map[string]string {
		return map[string]string{"MIXIN_URL": b.mixin.URL(), name: value}
	}
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"keystore flag":      {at, []string{"--key", "1", "--keystore", keystore, "--session-keys", b.keys}},
		"flag over variable": {with("MIXIN_KEYSTORE", "{}"), []string{"--key", "2", "--keystore", keystore, "--session-keys", b.keys}},
		"keystore path":      {with("MIXIN_KEYSTORE", keystore), []string{"--key", "3", "--session-keys", b.keys}},
		"keystore file":      {with("MIXIN_KEYSTORE_FILE", keystore), []string{"--key", "4", "--session-keys", b.keys}},
		"api key file":       {map[string]string{"FUSIONAUTH_URL": b.fusionauth.URL(), "FUSIONAUTH_API_KEY_FILE": key}, []string{"--email", "one@example.com", "--password-file", password}},
		"api key file flag":  {map[string]string{"FUSIONAUTH_URL": b.fusionauth.URL()}, []string{"--email", "two@example.com", "--password-file", password, "--to", "fusionauth", "--api-key-file", key}},
		"password variable":  {map[string]string{"FUSIONAUTH_URL": b.fusionauth.URL(), "FUSIONAUTH_API_KEY": plantedKey, "ENLIST_PASSWORD_FILE": password}, []string{"--email", "three@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runIn(t.Context(), c.env, "", append([]string{"create", "--name", "Ada Lovelace"}, c.args...)...)
			assert.Equal(t, exitDone, r.code, r.stderr)
			b.noSecrets(t, r)
			assert.Equal(t, 1, strings.Count(r.stdout, " created "), "one row")
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
		"unauthorized": {func(b *backend) { b.env["FUSIONAUTH_API_KEY"] = "wrongKey" }, exitFailed, [4]int{1, 1, 0, 1}, []string{
			"fusionauth: unauthorized (status 401). No user was created. Next: check the credentials.",
		}},
		"rate limited": {func(b *backend) {
			b.usercom.Inject(userapitest.Fault{Status: 429, Header: map[string][]string{"Retry-After": {"3600"}}})
		}, exitOpen, [4]int{1, 1, 1, 0}, []string{"usercom: rate limited (status 429)", "No user was created. Next: run this again in 1h0m0s."}},
		"refused by Mixin": {func(b *backend) {
			b.mixin.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":20117,"description":"Insufficient balance."}}`)})
		}, exitRefused, [4]int{0, 1, 1, 1}, []string{"mixin: forbidden (status 202), code 20117; Insufficient balance."}},
		"session refused": {func(b *backend) {
			delete(b.env, "QUICKBLOX_API_KEY")
			b.env["QUICKBLOX_APPLICATION_ID"], b.env["QUICKBLOX_AUTH_KEY"], b.env["QUICKBLOX_AUTH_SECRET"] = "7", "planted-auth-key", "wrong-"+plantedSecret
		}, exitFailed, [4]int{1, 0, 1, 1}, []string{"quickblox: ", "The create was not sent: no user was created."}},
		"reply lost, and found": {func(b *backend) {
			b.fusionauth.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
		}, exitDone, [4]int{1, 1, 1, 1}, nil},
		"reply lost, and nothing answers": {func(b *backend) {
			b.fusionauth.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
			b.fusionauth.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 401, Times: -1})
		}, exitOpen, [4]int{1, 1, 1, 1}, []string{
			"fusionauth: ", "The user MAY EXIST", "Next: run this again with the same flags, which looks for the user and creates no second one.",
		}},
		"reply lost, and nobody may look": {func(b *backend) {
			b.fusionauth.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
			b.fusionauth.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 403, Times: -1})
		}, exitUnknown, [4]int{1, 1, 1, 1}, []string{
			"fusionauth: ", "The user MAY EXIST", "Next: look the user up by id, e-mail address or username, with another API key or in FusionAuth itself: these credentials may not.",
		}},
		"reply lost at Mixin": {func(b *backend) {
			b.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
		}, exitUnknown, [4]int{1, 1, 1, 1}, []string{
			"mixin: unavailable; ", "The user MAY EXIST. Next: do not run this again before you know whether the user exists; look at the bill: Mixin cannot look up a user without its id",
		}},
		"attributes refused": {func(b *backend) {
			b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
			b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
		}, exitOpen, [4]int{1, 1, 1, 1}, []string{
			"usercom: forbidden (status 403)", "The user EXISTS with the id 310455021. Next: run this again with the same flags, which finishes the user",
		}},
		"the highest": {func(b *backend) {
			b.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(`{"errors":{"login":["is invalid"]}}`)})
			b.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate, Status: 200, Body: []byte(`{"data":{}}`)})
		}, exitUnknown, [4]int{1, 0, 1, 1}, []string{"quickblox: invalid user", "mixin: "}},
		"secrets echoed": {func(b *backend) {
			b.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(
				`{"errors":{"password":["` + plantedPassword + ` is weak","` + `\u001b[31m` + `"]}}`)})
		}, exitRefused, [4]int{1, 0, 1, 1}, []string{"quickblox: invalid user (status 422); Password "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			c.inject(b)
			r := b.create(t, "--attr", "plan=team")
			assert.Equal(t, c.code, r.code, r.stderr)
			assert.Equal(t, c.users, b.counts())
			for _, want := range c.stderr {
				has(t, flat(r.stderr), want)
			}
			assert.NotContains(t, r.stdout+r.stderr, "\x1b")
			for line := range strings.Lines(unwrapped(r.stderr)) {
				assert.Regexp(t, `^(mixin|quickblox|fusionauth|usercom): .*\. Next: .*\.\n$`, line)
			}
			if c.code == exitOpen && name != "rate limited" {
				again := b.create(t, "--attr", "plan=team", "--to", "fusionauth,usercom")
				if name == "attributes refused" {
					assert.Equal(t, exitDone, again.code, again.stderr)
					assert.JSONEq(t, `"team"`, string(b.usercom.Users()[0].Attributes["plan"]))
				}
				assert.Equal(t, c.users, b.counts())
			}
		})
	}
}

// TestWhoHasItCannotBeAsked: a run after one whose reply was lost does not take the user for
// somebody else's because nobody answers.
func TestWhoHasItCannotBeAsked(t *testing.T) {
	t.Parallel()
	session := func(b *backend) {
		delete(b.env, "QUICKBLOX_API_KEY")
		b.env["QUICKBLOX_APPLICATION_ID"] = strconv.FormatInt(b.quickblox.ApplicationID(), 10)
		b.env["QUICKBLOX_AUTH_KEY"], b.env["QUICKBLOX_AUTH_SECRET"] = b.quickblox.AuthKey(), b.quickblox.AuthSecret().Reveal()
	}
	for name, c := range map[string]struct {
		args         []string
		of           func(*backend) userapitest.Backend
		prepare      func(*backend)
		lookups      int
		code         int
		first, again []string
	}{
		"a session that may not look": {[]string{"--to", "quickblox", "--username", "ada"}, quickbloxOf, session, 0, exitUnknown,
			[]string{"The user MAY EXIST. Next: look the user up by login, e-mail or external id, with an API key or in QuickBlox's dashboard: these credentials may not."},
			[]string{"quickblox: conflict: already taken", "It may be this user: these credentials may not look it up. Next: look the user up ", "; if it is another user, choose another value."}},
		"QuickBlox is out of order": {[]string{"--to", "quickblox", "--username", "ada"}, quickbloxOf, nil, 503, exitOpen,
			[]string{"The user MAY EXIST. Next: run this again with the same flags"},
			[]string{"It may be this user: the look-up failed (unavailable). Next: run this again with the same flags"}},
		"a key that has ended": {[]string{"--to", "fusionauth", "--username", "ada", "--external-id", "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001"}, fusionauthOf, nil, 401, exitOpen,
			[]string{"The user MAY EXIST with the id 4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001. Next: run this again with the same flags"},
			[]string{"the look-up failed (unauthorized). Next: run this again with the same flags"}},
		"a key that may not look": {[]string{"--to", "fusionauth", "--username", "ada", "--external-id", "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001"}, fusionauthOf, nil, 403, exitUnknown,
			[]string{"The user MAY EXIST with the id 4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001. Next: look the user up by id, e-mail address or username, with another API key or in FusionAuth itself: these credentials may not."},
			[]string{"these credentials may not look it up. Next: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			if c.prepare != nil {
				c.prepare(b)
			}
			fake := c.of(b)
			fake.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
			if c.lookups != 0 {
				fake.Inject(userapitest.Fault{On: userapitest.Lookup, Status: c.lookups, Times: -1})
			}
			for run, says := range [][]string{c.first, c.again} {
				r := b.run(t, c.args...)
				assert.Equal(t, c.code, r.code, "run %d: %s", run, r.stderr)
				for _, want := range says {
					has(t, flat(r.stderr), want)
				}
				assert.NotContains(t, r.stdout+r.stderr, "rejected")
				assert.NotContains(t, r.stderr, "No user was created")
				assert.Equal(t, 1, b.quickblox.UserCount()+b.fusionauth.UserCount())
			}
			doc := decode(t, b.run(t, append(c.args, "-o", "json")...))
			assert.Equal(t, []string{"unknown"}, doc.statuses())
			assert.True(t, doc.Results[0].Error.MayExist)
		})
	}
}

func quickbloxOf(b *backend) userapitest.Backend  { return b.quickblox }
func fusionauthOf(b *backend) userapitest.Backend { return b.fusionauth }

// TestMixinInDoubt: a create whose reply was lost is never sent again, whoever asks.
func TestMixinInDoubt(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	r := b.create(t, "--to", "mixin", "-o", "json")
	assert.Equal(t, exitUnknown, r.code)
	assert.FileExists(t, decode(t, r).Results[0].KeyFile)
	r = b.create(t, "--to", "mixin")
	assert.Equal(t, exitUnknown, r.code, r.stderr)
	has(t, flat(r.stderr), "MAY EXIST")
	has(t, flat(r.stderr), "look at the bill: Mixin cannot look up a user without its id")
	has(t, flat(r.stderr), "If the bill shows that no user was created, run this again with --new --to mixin.")
	assert.Equal(t, 1, b.mixin.UserCount())
	assert.Equal(t, exitDone, b.create(t, "--to", "mixin", "--new").code)
	assert.Equal(t, 2, b.mixin.UserCount())
}

// TestUnfinishedWithoutExternalID: a second run could not find the user, so that a person is asked.
func TestUnfinishedWithoutExternalID(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403, Times: -1})
	r := b.run(t, "--email", "ada@example.com", "--attr", "plan=team", "--to", "usercom")
	assert.Equal(t, exitUnknown, r.code)
	has(t, flat(r.stderr), "The user EXISTS with the id 310455021. Next: do not create the user again; look at the vendor to see what is missing.")
	has(t, r.stdout, "unfinished")
}

// TestUnfinishedForGood: what the vendor refuses in a second step another run does not mend.
func TestUnfinishedForGood(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 400, Body: []byte(`{"plan":["is unknown"]}`), Times: 3})
	for range 2 {
		r := b.create(t, "--attr", "plan=team", "--to", "usercom")
		assert.Equal(t, exitUnknown, r.code, r.stderr)
		has(t, flat(r.stderr), "The user EXISTS with the id 310455021. Next: correct the attributes and run this again, which finishes the user and creates no second one.")
	}
	assert.Equal(t, exitDone, b.create(t, "--attr", "plan=team", "--to", "usercom").code)
	assert.Equal(t, 1, b.usercom.UserCount())
}

func TestJSONTellsOfFailures(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403, Times: -1})
	b.mixin.Inject(userapitest.Fault{Status: 202, Body: []byte(`{"error":{"status":202,"code":403,"description":"Forbidden."}}`)})
	r := b.create(t, "-o", "json", "--attr", "plan=team")
	assert.Equal(t, exitOpen, r.code)
	doc := decode(t, r)
	assert.Equal(t, []string{"rejected", "created", "created", "unfinished"}, doc.statuses())
	assert.Equal(t, userapi.KindForbidden, doc.Results[0].Error.Kind)
	assert.False(t, doc.Results[0].Error.MayExist)
	assert.Equal(t, "310455021", doc.Results[3].ID)
	assert.Equal(t, userapi.OutcomeCreated, doc.Results[3].Error.Outcome)
	assert.Contains(t, doc.Results[3].Error.Next, "finishes the user")
}

func TestAUserThatOneVendorCannotTakeIsCreatedNowhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		stderr []string
	}{
		"strict":  {[]string{"--strict"}, []string{"mixin: invalid user; ExternalID cannot be stored by mixin; Username ", "fusionauth: not tried", "usercom: invalid user; Username cannot be stored by usercom"}},
		"invalid": {[]string{"--tag", "a,b"}, []string{"quickblox: invalid user; Tags (tag_list) must not contain a comma", "mixin: not tried", "usercom: not tried"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			r := b.create(t, c.args...)
			assert.Equal(t, exitRefused, r.code)
			assert.Equal(t, [4]int{}, b.counts())
			assert.Empty(t, b.quickblox.Requests())
			assert.Empty(t, b.usercom.Requests())
			assert.NoDirExists(t, b.keys)
			for _, want := range c.stderr {
				has(t, flat(r.stderr), want)
			}
			assert.Equal(t, "not_tried", decode(t, b.create(t, append(c.args, "-o", "json")...)).Results[2].Status)
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
		r := b.runIn(ctx, t, append([]string{"create", "--to", "usercom"}, someone...)...)
		assert.Equal(t, exitDone, r.code, "it was looked for, and found")
		has(t, r.stdout, "recovered")
	})
	t.Run("timeout before", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		r := b.create(t, "--timeout", "1ns", "--to", "usercom")
		assert.Equal(t, exitOpen, r.code)
		assert.Equal(t, [4]int{}, b.counts())
		has(t, flat(r.stderr), "usercom: timed out")
		has(t, flat(r.stderr), "with a longer --timeout")
	})
	t.Run("interrupted before", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := b.runIn(ctx, t, append([]string{"create"}, someone...)...)
		assert.Equal(t, exitOpen, r.code)
		assert.Equal(t, [4]int{}, b.counts())
		has(t, flat(r.stderr), "fusionauth: canceled")
	})
}

func TestSessionKeys(t *testing.T) {
	t.Parallel()
	t.Run("required", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		delete(b.env, "MIXIN_SESSION_KEYS")
		r := b.create(t)
		assert.Equal(t, exitUsage, r.code)
		has(t, flat(r.stderr), "--session-keys or MIXIN_SESSION_KEYS must be set")
		assert.Equal(t, [4]int{}, b.counts())
	})
	t.Run("open to others", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" { // which has no such modes
			return
		}
		b := newBackend(t)
		require.NoError(t, os.Mkdir(b.keys, 0o755))
		require.NoError(t, os.Chmod(b.keys, 0o755))
		r := b.create(t)
		assert.NotEqual(t, exitDone, r.code)
		assert.Zero(t, b.mixin.UserCount())
		has(t, flat(r.stderr), "mixin: invalid user; --session-keys: the directory must be its owner's alone")
	})
	t.Run("cannot be written", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		b.env["MIXIN_SESSION_KEYS"] = filepath.Join(writeFile(t, ""), "keys")
		r := b.create(t, "--to", "mixin")
		assert.Equal(t, exitOpen, r.code)
		has(t, flat(r.stderr), "mixin: unavailable; the session key could not be stored in "+b.env["MIXIN_SESSION_KEYS"])
		has(t, flat(r.stderr), "Next: make the directory writable, and run this again.")
	})
	t.Run("nothing but a name", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t)
		r := b.run(t, "--name", "Bot User")
		assert.Equal(t, exitUsage, r.code)
		has(t, flat(r.stderr), "mixin: a name alone does not identify this user, and a second one costs money: set --key")
		has(t, flat(r.stderr), "usercom: cannot be asked whether this user exists")
		for _, more := range []string{"--key=bot-1", "--key=bot-1", "--new", "--new"} {
			require.Equal(t, exitDone, b.run(t, "--to", "mixin", "--name", "Bot User", more).code)
		}
		assert.Equal(t, 3, b.mixin.UserCount())
	})
}

// TestKeysOfFakes: the session keys of users at fakes say nothing of users at Mixin.
func TestKeysOfFakes(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	args := []string{"--to", "mixin", "--name", "Bot User", "--key", "k1"}
	r := b.run(t, append(args, "--fakes")...)
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.NotContains(t, r.stdout, "session key", "it ends with the command")
	assert.NoDirExists(t, b.keys)
	a, _ := startFakes(t)
	r = b.run(t, append(args, "--vendors", writeFile(t, a.line))...)
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.NoDirExists(t, b.keys)
	assert.DirExists(t, b.keys+".fakes")
	r = b.run(t, args...)
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, 1, b.mixin.UserCount())
}

// TestApplicationsShareAKeyDirectory: what one application has created is not the other's.
func TestApplicationsShareAKeyDirectory(t *testing.T) {
	t.Parallel()
	one, other := newBackend(t), newBackend(t)
	other.env["MIXIN_SESSION_KEYS"] = one.keys
	for _, user := range [][]string{{"--email", "ada@example.com"}, {"--key", "k1"}, {"--key", "4C5F9E0A-6d5f-4b8e-9d5c-1f0f7a0f0001"}, {"--key", "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001"}} {
		for _, b := range []*backend{one, other, one, other} {
			r := b.run(t, append(user, "--to", "mixin", "--name", "Bot User")...)
			require.Equal(t, exitDone, r.code, r.stderr)
		}
	}
	assert.Equal(t, 3, one.mixin.UserCount(), "a UUID is the same in capitals")
	assert.Equal(t, 3, other.mixin.UserCount())
}

// TestAnnouncedTenant: the tenant of the environment is not that of the fakes.
func TestAnnouncedTenant(t *testing.T) {
	t.Parallel()
	a, _ := startFakes(t)
	vendorsFile := writeFile(t, a.line)
	for _, tenant := range []string{"", "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001"} {
		r := runIn(t.Context(), map[string]string{"FUSIONAUTH_TENANT_ID": tenant, "ENLIST_PASSWORD": plantedPassword}, "", "create", "--vendors", vendorsFile, "--to", "fusionauth", "--email", "ada@example.com")
		assert.Equal(t, exitDone, r.code, r.stderr)
	}
}

func TestUserFile(t *testing.T) {
	t.Parallel()
	const secret = "password-in-the-file"
	for name, c := range map[string]struct {
		in, stderr string
		code       int
	}{
		"good":           {`{"username":"ada.lovelace","email":"ada@example.com","password":"` + secret + `","full_name":"Ada Lovelace","tags":["vip"],"attributes":{"seats":12345678901234567890}}`, "", exitDone},
		"empty":          {``, "expected a JSON object, got none", exitUsage},
		"cut off":        {`{"password":"` + secret + `"`, "got none or an incomplete one", exitUsage},
		"not JSON":       {`{"password":` + secret + `}`, "invalid JSON at byte 13", exitUsage},
		"unknown member": {`{"password":"` + secret + `","emial":"` + secret + `"}`, `unknown member "emial"`, exitUsage},
		"extensions":     {`{"Extensions":[]}`, `unknown member "Extensions"`, exitUsage},
		"wrong type":     {`{"email":["` + secret + `"]}`, `member "email" cannot be a JSON array`, exitUsage},
		"number":         {`{"password":12345678}`, `member "password" cannot be a JSON number`, exitUsage},
		"list":           {`[]`, "expected a JSON object, got JSON array", exitUsage},
		"a member twice": {`{"email":"` + secret + `","full_name":"Ada","email":"` + secret + `"}`, `member "email" appears twice`, exitUsage},
		"in capitals":    {`{"email":"` + secret + `","Email":"` + secret + `"}`, `member "Email" appears twice`, exitUsage},
		"a value twice":  {`{"email":"ada@example.com","attributes":{"A":1,"a":2,"b":[{"a":1}],"a":2}}`, `member "a" appears twice`, exitUsage},
		"null":           {`null`, "expected a JSON object", exitUsage},
		"two":            {`{} {}`, "one JSON object and nothing after it", exitUsage},
		"nobody":         {`{"strict":true}`, "no user is given", exitUsage},
		"invalid fields": {`{"email":"ada@example.com","full_name":"Ada","password":"[REDACTED]"}`, "quickblox: invalid user; Password must be the secret itself, not its redacted form", exitRefused},
		"missing fields": {`{"email":"ada@example.com","full_name":"Ada"}`, "quickblox: invalid user; Password must be set", exitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, source := range []string{"-", writeFile(t, c.in)} {
				r := runIn(t.Context(), nil, c.in, "create", "--fakes", "--in", source, "-o", "json")
				assert.Equal(t, c.code, r.code, r.stderr)
				if c.stderr != "" {
					has(t, flat(r.stderr), c.stderr)
				}
				hasNot(t, r, "the file's password", secret)
				hasNot(t, r, "the file's password", "12345678}")
				if c.code == exitUsage {
					assert.Empty(t, r.stdout)
				}
			}
		})
	}
	r := runIn(t.Context(), nil, "", "create", "--in", filepath.Join(t.TempDir(), "none"))
	assert.Equal(t, exitUsage, r.code)
	has(t, flat(r.stderr), "--in: ")
}

func TestFlagsWinOverTheFile(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	in := writeFile(t, `{"email":"file@example.com","full_name":"From File","tags":["a"],"attributes":{"k":1,"l":2},"password":"from-the-file"}`)
	r := b.run(t, "--in", in, "--email", "flag@example.com", "--tag", "b", "--attr", "k=2", "--to", "quickblox")
	require.Equal(t, exitDone, r.code)
	u := b.quickblox.Users()[0]
	assert.Equal(t, "flag@example.com", u.Email)
	assert.Equal(t, "From File", u.FullName)
	assert.Equal(t, []string{"a", "b"}, u.Tags)
	assert.JSONEq(t, `{"k":"2","l":2}`, u.CustomData)
}

// TestSet: a member that one vendor alone knows is sent to that one.
func TestSet(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	sets := []string{
		"--set", "fusionauth.birth_date=1990-05-17", "--set", "quickblox.facebook_id=8887366", "--set", "quickblox.age_over16=yes",
		"--set", "usercom.company_id=c=17",
	}
	r := b.create(t, sets...)
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, "8887366", b.quickblox.Users()[0].FacebookID)
	has(t, b.runIn(t.Context(), t, "get", "fusionauth", "--email", "ada@example.com").stdout, "birthDate: 1990-05-17")
	plan := runIn(t.Context(), b.env, "", append(append([]string{"plan", "--email", "ada@example.com", "--username", "ada"}, sets...), "--to", "usercom,quickblox,fusionauth")...)
	require.Equal(t, exitDone, plan.code, plan.stderr)
	for _, want := range []string{`"birthDate": "1990-05-17"`, `"facebook_id": "8887366"`, `"age_over16": true`, `"company_id": "c=17"`} {
		has(t, plan.stdout, want)
	}
	for says, args := range map[string][]string{
		"--set number 1 must be vendor.member=VALUE, with one of the vendors mixin,": {"hunter2"},
		"--set number 2 must be vendor.member=VALUE":                                 {"usercom.city=x", "email=hunter2"},
		"--set usercom.city was given before":                                        {"usercom.city=x", "usercom.city=hunter2"},
		"--set usercom.city must not be empty":                                       {"usercom.city="},
		`--set usercom has no member "town": it has assigned_to,`:                    {"usercom.town=hunter2"},
		"--set usercom.score: ":                                                      {"usercom.score=hunter2"},
		"a member of fusionauth is a secret, and no flag takes secrets":              {"fusionauth.password_hash.hash=hunter2"},
		"mixin.session_key cannot be a text: it is a":                                {"mixin.session_key=hunter2"},
		"--set: fusionauth is not one of the vendors of this command":                {"fusionauth.birth_date=1990-05-17"},
	} {
		for _, command := range []string{"create", "plan"} {
			line := []string{command, "--to", "usercom", "--email", "ada@example.com"}
			for _, set := range args {
				line = append(line, "--set", set)
			}
			r := runIn(t.Context(), b.env, "", line...)
			assert.Equal(t, exitUsage, r.code, says)
			has(t, flat(r.stderr), says)
			hasNot(t, r, "a value", "hunter2")
		}
	}
}

func TestWrongFlagsAndSettings(t *testing.T) {
	t.Parallel()
	user := []string{"--email", "ada@example.com"}
	usercomAlone := map[string]string{"USERCOM_APP": "acme", "USERCOM_API_KEY": "hunter2"}
	for name, c := range map[string]struct {
		env    map[string]string
		args   []string
		stderr []string
	}{
		"argument":           {nil, []string{"hunter2"}, []string{"expected flags only"}},
		"vendor":             {nil, append([]string{"--to", "mixin,acme"}, user...), []string{`unknown vendor "acme"; expected mixin, quickblox, fusionauth, usercom`}},
		"vendor twice":       {nil, append([]string{"--to", "mixin,mixin"}, user...), []string{"--to names mixin twice"}},
		"timeout":            {nil, append([]string{"--timeout", "0"}, user...), []string{"--timeout must be positive"}},
		"format":             {nil, append([]string{"-o", "xml"}, user...), []string{"must be table or json"}},
		"attribute":          {nil, append([]string{"--attr", "hunter2"}, user...), []string{"--attr number 1 must be name=text"}},
		"attribute twice":    {nil, append([]string{"--attr", "a=1", "--attr", "a=hunter2"}, user...), []string{"--attr a was given before"}},
		"empty":              {nil, []string{"--email", ""}, []string{"--email must not be empty"}},
		"nobody":             {usercomAlone, nil, []string{"no user is given"}},
		"api key of whom":    {nil, append([]string{"--api-key-file", "f"}, user...), []string{"--api-key-file needs --to"}},
		"fakes and vendors":  {nil, append([]string{"--fakes", "--vendors", "f"}, user...), []string{"--fakes and --vendors exclude each other"}},
		"new, and a key":     {nil, append([]string{"--new", "--key", "k"}, user...), []string{"--new makes its own key: leave out --key"}},
		"keys of fakes":      {nil, append([]string{"--fakes", "--session-keys", "d"}, user...), []string{"--session-keys cannot be used with --fakes"}},
		"no vendors file":    {nil, append([]string{"--vendors", filepath.Join(t.TempDir(), "none")}, user...), []string{"--vendors: "}},
		"vendors has not":    {nil, append([]string{"--vendors", writeFile(t, `{"usercom":{"url":"http://127.0.0.1:1","api_key":"hunter2"}}`), "--to", "quickblox"}, user...), []string{"quickblox: not in the file of --vendors"}},
		"no password file":   {nil, append([]string{"--password-file", "hunter2"}, user...), []string{"the file for the password cannot be read: "}},
		"empty file":         {nil, append([]string{"--password-file", os.DevNull}, user...), []string{"the file for the password is empty"}},
		"no keystore file":   {nil, append([]string{"--to", "mixin", "--keystore", "hunter2"}, user...), []string{"mixin: the file for --keystore cannot be read: "}},
		"no keystore":        {nil, append([]string{"--to", "mixin", "--keystore", writeFile(t, `{"client_id":"hunter2"}`)}, user...), []string{"mixin: --keystore: session_id: missing"}},
		"no api key file":    {map[string]string{"USERCOM_APP": "acme"}, append([]string{"--to", "usercom", "--api-key-file", "hunter2"}, user...), []string{"usercom: the file for --api-key-file cannot be read: "}},
		"no key announced":   {nil, append([]string{"--vendors", writeFile(t, `{"usercom":{"url":"http://127.0.0.1:1"}}`)}, user...), []string{"--vendors: the api_key of usercom must be set"}},
		"no app":             {map[string]string{"USERCOM_API_KEY": "hunter2"}, user, []string{"usercom: USERCOM_APP must be set, or USERCOM_URL"}},
		"not secure":         {map[string]string{"USERCOM_API_KEY": "hunter2", "USERCOM_URL": "http://example.com"}, user, []string{"usercom: USERCOM_URL must be https beyond loopback"}},
		"both passwords":     {map[string]string{"ENLIST_PASSWORD": "hunter2", "ENLIST_PASSWORD_FILE": "f"}, user, []string{"only one of ENLIST_PASSWORD and ENLIST_PASSWORD_FILE"}},
		"nothing configured": {nil, user, []string{"no vendor is configured", "usercom: USERCOM_APP and USERCOM_API_KEY or USERCOM_API_KEY_FILE", "--fakes"}},
		"one not configured": {usercomAlone, append([]string{"--to", "usercom,quickblox"}, user...), []string{"quickblox: QUICKBLOX_API_KEY or QUICKBLOX_API_KEY_FILE must be set"}},
		"everything at once": {map[string]string{
			"QUICKBLOX_APPLICATION_ID": "x", "QUICKBLOX_AUTH_KEY": "k", "USERCOM_APP": "acme",
			"FUSIONAUTH_TENANT_ID": "hunter2", "MIXIN_KEYSTORE": `{"client_id":"hunter2"}`,
		}, user, []string{
			"QUICKBLOX_APPLICATION_ID must be a positive number", "QUICKBLOX_AUTH_SECRET must be set",
			"usercom: USERCOM_API_KEY or USERCOM_API_KEY_FILE must be set",
			"FUSIONAUTH_API_KEY or FUSIONAUTH_API_KEY_FILE must be set", "FUSIONAUTH_TENANT_ID must be", "FUSIONAUTH_URL is required",
			"MIXIN_KEYSTORE: session_id: missing",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runIn(t.Context(), c.env, "", append([]string{"create"}, c.args...)...)
			assert.Equal(t, exitUsage, r.code)
			assert.Empty(t, r.stdout)
			for _, want := range c.stderr {
				has(t, flat(r.stderr), want)
			}
			hasNot(t, r, "a secret", "hunter2")
		})
	}
}

// TestHelp: the help names every member that a user's file may have, and fits the width.
func TestHelp(t *testing.T) {
	t.Parallel()
	r := runIn(t.Context(), nil, "", "create", "--help")
	assert.Equal(t, exitDone, r.code)
	request := reflect.TypeFor[userapi.CreateUserRequest]()
	for i := range request.NumField() {
		if name, _, _ := strings.Cut(request.Field(i).Tag.Get("json"), ","); name != "-" {
			has(t, r.stdout, name)
		}
	}
	commands := [][]string{{}}
	for _, c := range newRoot(&environment{}).Commands() {
		commands = append(commands, []string{c.Name()})
	}
	require.Greater(t, len(commands), 10)
	for _, command := range commands {
		for line := range strings.Lines(runIn(t.Context(), nil, "", append(command, "--help")...).stdout) {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), width+1, line)
		}
	}
}

// TestAnUnknownErrorIsAnUnknownOutcome: a Creator from elsewhere may return any error; it tells nothing.
func TestAnUnknownErrorIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	e := asError("usercom", os.ErrClosed)
	assert.True(t, userapi.MayHaveCreated(e))
	assert.ErrorIs(t, e, os.ErrClosed)
}

// TestWrapped: a value's blanks stay, also at the width.
func TestWrapped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", width-2)
	for text, want := range map[string]string{
		"name: Ada  Lovelace ":  "name: Ada  Lovelace \n",
		"  two":                 "  two\n",
		"":                      "\n",
		long + " a":             long + " a\n",
		long + " ab c":          long + "\n> ab c\n",
		long + "  ab":           long + " \n> ab\n",
		"two\nlines":            "two lines\n",
		long + long + " and on": long + long + "\n> and on\n",
	} {
		assert.Equal(t, want, wrapped(text, "> "))
	}
}

// TestKeyFileIsTold: the path stands on a line of its own, as it is.
func TestKeyFileIsTold(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.env["MIXIN_SESSION_KEYS"] = filepath.Join(b.keys, strings.Repeat("two  blanks ", 8)+"x")
	require.NoError(t, os.MkdirAll(b.keys, 0o700))
	r := b.run(t, "--to", "mixin", "--email", "ada@example.com", "--name", "Ada")
	require.Equal(t, exitDone, r.code, r.stderr)
	path := decode(t, b.run(t, "--to", "mixin", "--email", "ada@example.com", "--name", "Ada", "-o", "json")).Results[0].KeyFile
	assert.FileExists(t, path)
	has(t, r.stdout, "\n  "+path+"\n")
}

// TestOneLine: two errors stay two.
func TestOneLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "connection reset; quickblox: no answer", oneLine("connection reset\nquickblox: no answer\n"))
	assert.Equal(t, "a b", oneLine("a\tb"))
}

// full is a standard output that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

// TestReportThatCannotBeWritten: what was created is told all the same.
func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json"} {
		for fault, code := range map[string]int{"": exitFailed, "lost": exitUnknown} {
			b := newBackend(t)
			if fault != "" {
				b.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
			}
			var stderr bytes.Buffer
			got := run(t.Context(), environment{
				args: append([]string{"create", "-o", format}, someone...), in: strings.NewReader(""), out: full{}, err: &stderr,
				getenv: func(name string) string { return b.env[name] },
			})
			assert.Equal(t, code, got)
			has(t, stderr.String(), "standard output cannot be written")
			has(t, stderr.String(), "310455021")
			b.noSecrets(t, ran{stderr: stderr.String()})
		}
	}
}
