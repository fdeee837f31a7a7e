package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// planted are secrets that must not be seen.
const (
	plantedPassword = "planted-password-1"
	plantedKey      = "plantedApiKey2"
	plantedUserKey  = "plantedUserComKey3"
)

// A ran is what a run printed and returned.
type ran struct {
	code           int
	stdout, stderr string
}

func runWith(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := func(name string) string { return map[string]string{"SIGNUP_PASSWORD": plantedPassword}[name] }
	code := run(t.Context(), args, env, strings.NewReader(""), &stdout, &stderr)
	r := ran{code, stdout.String(), stderr.String()}
	r.hidesSecrets(t, plantedPassword)
	return r
}

// hidesSecrets compares outside of testify, which prints what it compares.
func (r ran) hidesSecrets(t *testing.T, secrets ...string) {
	t.Helper()
	for i, secret := range secrets {
		require.NotEmpty(t, secret, "secret %d", i)
		require.False(t, strings.Contains(r.stdout+r.stderr, secret), "secret %d was printed", i)
	}
}

// A backend is the four vendors, which outlive a run, and a ledger.
type backend struct {
	fusionauth *fusionauthtest.Server
	quickblox  *quickbloxtest.Server
	usercom    *usercomtest.Server
	mixin      *mixintest.Server
	flags      []string
	ledger     string
}

// newBackend starts the fakes as they serve by default, or on the listeners that listen
// returns, with the file of their authority.
func newBackend(t *testing.T, listen func() net.Listener, caFile string) *backend {
	t.Helper()
	http := func() (o userapitest.ServerOptions) {
		if listen != nil {
			o.Listener = listen()
		}
		return o
	}
	b := &backend{
		fusionauth: fusionauthtest.NewServer(t, fusionauthtest.WithAPIKey(plantedKey), fusionauthtest.WithHTTP(http())),
		quickblox:  quickbloxtest.NewServer(t, quickbloxtest.WithHTTP(http())),
		usercom:    usercomtest.NewServer(t, usercomtest.WithAPIKey(plantedUserKey), usercomtest.WithHTTP(http())),
		mixin:      mixintest.NewServer(t, mixintest.WithHTTP(http())),
		ledger:     filepath.Join(t.TempDir(), "signup.ledger"),
	}
	at := func(url string) string {
		if caFile != "" {
			return strings.Replace(url, "http://", "https://", 1)
		}
		return url
	}
	text, err := json.Marshal(map[string]any{
		"fusionauth": map[string]any{"url": at(b.fusionauth.URL()), "api_key": plantedKey, "tenant_id": b.fusionauth.TenantIDs()[0]},
		"quickblox":  map[string]any{"url": at(b.quickblox.URL()), "api_key": b.quickblox.APIKey().Reveal(), "auth_key": "unused"},
		"usercom":    map[string]any{"url": at(b.usercom.URL()), "api_key": plantedUserKey},
		"mixin":      map[string]any{"url": at(b.mixin.URL()), "keystore": json.RawMessage(b.mixin.KeystoreJSON())},
		"ca_file":    caFile,
	})
	require.NoError(t, err)
	b.flags = []string{"-vendors", writeFile(t, text), "-ledger", b.ledger}
	return b
}

func writeFile(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// run runs the program and looks for every secret that there is.
func (b *backend) run(t *testing.T, args ...string) ran {
	t.Helper()
	r := runWith(t, append(b.flags, args...)...)
	b.hidden(t, r)
	return r
}

// hidden looks for the secrets of the vendors, of the ledger and of the key files.
func (b *backend) hidden(t *testing.T, r ran) {
	t.Helper()
	var keystore map[string]string
	require.NoError(t, json.Unmarshal(b.mixin.KeystoreJSON(), &keystore))
	found := []string{plantedKey, plantedUserKey, b.quickblox.APIKey().Reveal(), keystore["session_private_key"]}
	if key, err := os.ReadFile(b.ledger + ".key"); err == nil {
		found = append(found, string(key))
	}
	files, err := filepath.Glob(filepath.Join(b.ledger+".keys", "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members))
		for name, value := range members {
			if secret, ok := value.(string); ok && strings.Contains(name, "private") {
				found = append(found, secret)
			}
		}
	}
	r.hidesSecrets(t, found...)
}

// users counts those at the fakes, in the order of targets.
func (b *backend) users() [4]int {
	return [4]int{b.fusionauth.UserCount(), b.quickblox.UserCount(), b.usercom.UserCount(), b.mixin.UserCount()}
}

// requests counts what the fakes were sent.
func (b *backend) requests() int {
	return len(b.fusionauth.Requests()) + len(b.quickblox.Requests()) + len(b.usercom.Requests()) + len(b.mixin.Requests())
}

// table finds the rows of the last table, their blanks and ids made even.
func (r ran) table(t *testing.T) map[string]string {
	t.Helper()
	_, text, found := strings.Cut(r.stdout, "TARGET ")
	require.True(t, found, r.stdout+r.stderr)
	if i := strings.LastIndex(text, "TARGET "); i >= 0 {
		text = text[i:]
	}
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 2 && placeOf(words[0]) >= 0 && words[1] == vendorOf(words[0]) {
			text := strings.Join(words[2:], " ")
			text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9]{5,}\b`).ReplaceAllString(text, "ID")
			rows[words[0]] = text
		}
	}
	return rows
}

// rows is a table with the same row for each target, but for those that are given.
func rows(all string, but ...string) map[string]string {
	rows := map[string]string{}
	for _, t := range targets {
		rows[t.name] = all
	}
	for i := 0; i < len(but); i += 2 {
		rows[but[i]] = but[i+1]
	}
	return rows
}

const (
	created = "created ID reply"
	already = "created ID reply was there already"
	deleted = "undone ID - deleted"
	kept    = "created ID reply the vendor has no way to delete"
)

func TestTheWholeShow(t *testing.T) {
	t.Parallel()
	r := runWith(t)
	require.Zero(t, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	acts := strings.Split(r.stdout, "\n\n")
	require.Len(t, acts, 5)
	assert.Contains(t, acts[0], "Four fakes of vendors are on this machine.")
	assert.Contains(t, acts[1], "POST /users.json")

	assert.Contains(t, acts[2], `Signing up "signup-1", while the reply of chat gets lost`)
	for _, line := range []string{
		"  identity  fusionauth  intent\n", "  crm       usercom     queued\n", "  chat      quickblox   recovered ",
		"Users at the fakes: fusionauth 1, quickblox 1, usercom 1, mixin 1.",
	} {
		assert.Contains(t, acts[2], line)
	}
	signedUp := rows(created, "chat", "recovered ID key the reply was lost, and the user found")
	assert.Equal(t, signedUp, ran{stdout: acts[2]}.table(t))

	assert.Equal(t, rows(already, "chat", "recovered ID key was there already"), ran{stdout: acts[3]}.table(t))
	assert.NotContains(t, acts[3], "intent")

	assert.Contains(t, acts[4], "  identity  fusionauth  deleting ")
	assert.Equal(t, rows(deleted, "wallet", kept), ran{stdout: acts[4]}.table(t))
	assert.Contains(t, acts[4], "Users at the fakes: fusionauth 0, quickblox 0, usercom 0, mixin 1.")
}

func TestTheShowWithAFault(t *testing.T) {
	t.Parallel()
	r := runWith(t, "-fault", "wallet=lost")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, `Signing up "signup-1", while the reply of wallet gets lost`)
	assert.Contains(t, r.stdout, "wallet: look at what Mixin has billed")
	assert.Equal(t, 2, strings.Count(r.stdout, "mixin 1."), "one user, and not two")

	r = runWith(t, "-fault", "crm=down")
	assert.Equal(t, 1, r.code, "it was undone, and had not been complete")
	assert.Equal(t, rows(deleted, "crm", "undone - - none was created", "wallet", "undone - - none was created"), r.table(t))
	assert.Contains(t, r.stdout, "Users at the fakes: fusionauth 0, quickblox 0, usercom 0, mixin 0.")
}

func TestASecondRunSendsNothing(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	r := b.run(t)
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(created), r.table(t))
	assert.Contains(t, r.stdout, "Every target has its user.")
	sent := b.requests()
	require.NotZero(t, sent)

	r = b.run(t)
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(already), r.table(t))
	assert.Contains(t, r.stdout, "An earlier run has left:\n  identity  fusionauth  created ")
	assert.Equal(t, sent, b.requests())

	users := b.usercom.Users()
	require.Len(t, users, 1)
	assert.Contains(t, r.stdout, users[0].UserID, "the crm knows the person by the id at identity")
}

func TestUndo(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	r := b.run(t, "-undo")
	assert.NotZero(t, r.code)
	assert.Contains(t, r.stderr, "-ledger: there is nothing to undo")
	assert.NoFileExists(t, b.ledger)

	require.Zero(t, b.run(t).code)
	r = b.run(t, "-undo", "-key", "another")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, `-key "another" names no sign-up in this ledger`)
	for range 2 {
		r = b.run(t, "-undo")
		assert.Zero(t, r.code, r.stderr)
		assert.Equal(t, rows(deleted, "wallet", kept), r.table(t))
		assert.Equal(t, [4]int{0, 0, 0, 1}, b.users())
	}

	r = b.run(t)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, rows("undone ID - the sign-up was undone", "wallet", "created ID reply the sign-up was undone"), r.table(t))
	assert.Contains(t, r.stdout, "identity, chat, crm, wallet: take another -key for a new sign-up\n")
	assert.Equal(t, [4]int{0, 0, 0, 1}, b.users())

	r = b.run(t, "-key", "signup-2")
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, [4]int{1, 1, 1, 2}, b.users())
}

func TestALostReply(t *testing.T) {
	t.Parallel()
	for target, proof := range map[string]string{"identity": "id", "chat": "key", "crm": "key"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, nil, "")
			r := b.run(t, "-fault", target+"=lost")
			assert.Zero(t, r.code, r.stderr)
			assert.Equal(t, rows(created, target, "recovered ID "+proof+" the reply was lost, and the user found"), r.table(t))
			assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())
			assert.Zero(t, b.run(t, "-undo").code)
			assert.Equal(t, [4]int{0, 0, 0, 1}, b.users())
		})
	}
}

// lost leaves a wallet of which nobody knows.
func lost(t *testing.T) *backend {
	t.Helper()
	b := newBackend(t, nil, "")
	for _, args := range [][]string{{"-fault", "wallet=lost"}, nil} {
		r := b.run(t, args...)
		assert.Equal(t, 1, r.code)
		assert.Equal(t, "unknown - - it may exist, and the vendor cannot be asked", r.table(t)["wallet"])
		assert.Contains(t, r.stdout, "wallet: look at what Mixin has billed, then run with -decide wallet=absent")
		assert.Equal(t, [4]int{1, 1, 1, 1}, b.users(), "it is not created again")
	}
	return b
}

func TestAPersonDecidesThatThereIsNone(t *testing.T) {
	t.Parallel()
	b := lost(t)
	r := b.run(t, "-decide", "wallet=absent")
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(already, "wallet", created), r.table(t))
	assert.Equal(t, 2, b.mixin.UserCount(), "the decision was wrong, and a person's")
	aside, err := filepath.Glob(filepath.Join(b.ledger+".keys", "*discarded*"))
	require.NoError(t, err)
	assert.Len(t, aside, 1, "the key that was sent first is kept")

	r = b.run(t, "-decide", "wallet=absent")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "-decide wallet: ")
	aside, err = filepath.Glob(filepath.Join(b.ledger+".keys", "*discarded*"))
	require.NoError(t, err)
	assert.Len(t, aside, 1, "the key of a user that is known stays")
}

func TestAPersonDecidesThatThereIsOne(t *testing.T) {
	t.Parallel()
	b := lost(t)
	r := b.run(t, "-decide", "wallet="+b.mixin.Users()[0].UserID)
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(already, "wallet", "recovered ID - was there already"), r.table(t))
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())
	r = b.run(t, "-undo")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "wallet: look at the user")
}

func TestAVendorIsDown(t *testing.T) {
	t.Parallel()
	for target, rest := range map[string]map[string]string{
		"identity": rows(created, "identity", "not_sent - - unavailable",
			"crm", "not_sent - - identity has no user", "wallet", "not_sent - - crm has no user"),
		"chat":   rows(created, "chat", "not_sent - - unavailable", "wallet", "not_sent - - chat has no user"),
		"crm":    rows(created, "crm", "not_sent - - unavailable", "wallet", "not_sent - - crm has no user"),
		"wallet": rows(created, "wallet", "not_sent - - unavailable"),
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, nil, "")
			r := b.run(t, "-fault", target+"=down")
			assert.Equal(t, 1, r.code)
			assert.Equal(t, rest, r.table(t))
			assert.Contains(t, r.stdout, target+": run again with the same flags\n")
			r = b.run(t)
			assert.Zero(t, r.code, r.stderr)
			assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())
		})
	}
}

func TestAnUndoThatIsCutOff(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	require.Zero(t, b.run(t).code)
	r := b.run(t, "-undo", "-fault", "chat=down")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, rows(deleted, "chat", "unknown ID - unavailable", "wallet", kept), r.table(t))
	assert.Contains(t, r.stdout, "chat: run again with the same flags\n")
	assert.Equal(t, [4]int{0, 1, 0, 1}, b.users())
	r = b.run(t, "-undo")
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(deleted, "wallet", kept), r.table(t))
	assert.Equal(t, [4]int{0, 0, 0, 1}, b.users())
}

func TestOneKeyForTwoPersons(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	require.Zero(t, b.run(t).code)
	sent := b.requests()
	for _, flag := range []string{"-name", "-email", "-phone", "-account"} {
		r := b.run(t, flag, "12345")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, `signup: -key "signup-1" is another person's in this ledger`)
	}
	assert.Equal(t, sent, b.requests())
	// Another password makes nobody another person.
	var stdout bytes.Buffer
	assert.Zero(t, run(t.Context(), b.flags, func(string) string { return "" }, nil, &stdout, &stdout))
}

func TestThePersonIsTaken(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	require.Zero(t, b.run(t).code)
	// What is refused is no create, whose reply could be lost.
	r := b.run(t, "-key", "signup-2", "-account", "4712", "-fault", "chat=lost")
	assert.Equal(t, 1, r.code)
	table := r.table(t)
	assert.Regexp(t, `^rejected - - conflict \(status 400\): Email`, table["identity"])
	assert.Regexp(t, `^rejected - - conflict \(status 422\): Email`, table["chat"])
	assert.Equal(t, "not_sent - - identity has no user", table["crm"])
	assert.Contains(t, r.stdout, "identity, chat: undo this sign-up, and begin another with what is right and another -key\n")
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())

	r = b.run(t, "-key", "signup-3", "-name", "A B", "-email", "ab@example.com", "-phone", "", "-account", "4713")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, `The ledger has another sign-up that is open: "signup-2".`)
}

func TestAPersonWhomAVendorCannotTake(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	r := b.run(t, "-email", "", "-phone", "")
	assert.Equal(t, 1, r.code)
	for target, row := range r.table(t) {
		assert.Contains(t, row, "not_sent - - ", target)
	}
	assert.Contains(t, r.table(t)["crm"], "the request is invalid for identity, chat")
	assert.Contains(t, r.stdout, "identity, chat: correct the flags: nothing was sent, and nothing recorded\n")
	assert.Zero(t, b.requests())
	r = b.run(t)
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, rows(created), r.table(t))
}

func TestPlan(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	r := b.run(t, "-plan", "-email", "grace@example.com")
	assert.Zero(t, r.code, r.stderr)
	for _, line := range []string{
		"  identity at fusionauth\n    POST /api/user/",
		`{"user":{"email":"grace@example.com","fullName":"Ada Lovelace","mobilePhone":"+442079460123","password":"[REDACTED]"}}`,
		"  chat at quickblox\n    POST /users.json\n", `"external_user_id":4711`,
		"  crm at usercom, after identity\n    POST /users/\n", "    would not be stored: Password\n",
		"  wallet at mixin, after identity, chat, crm\n    POST /users\n", `"session_secret":"[REDACTED]"`,
		"    would not be stored: ExternalID, Email, Phone, Password\n",
	} {
		assert.Contains(t, r.stdout, line)
	}
	assert.Zero(t, b.requests())
	for _, made := range []string{"", ".key", ".keys", ".lock"} {
		assert.NoFileExists(t, b.ledger+made)
		assert.NoDirExists(t, b.ledger+made)
	}
}

func TestAPlanTellsEveryFault(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-plan"}, nil} { // the show begins with the plan
		r := runWith(t, append(args, "-email", "", "-account", "", "-phone", "")...)
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stdout, "fusionauth: create user: ")
		assert.Contains(t, r.stdout, "quickblox: create user: ")
		assert.Contains(t, r.stdout, "    with ids in braces that are not known before there is a user at identity\n")
		assert.Contains(t, r.stdout, `"user_id":"{identity}"`)
		assert.Contains(t, r.stdout, "Correct the flags: ")
		assert.NotContains(t, r.stdout, "intent")
	}
}

// decode reads one JSON object, and no more.
func decode(t *testing.T, r ran) (doc struct {
	Key  string
	Plan []struct {
		Target, Vendor string
		Plan           struct{ Method string }
		Error          *struct{ Outcome string }
	}
	Open    []string
	Earlier []struct{ Target, State string }
	Runs    []struct {
		Act      string
		Complete bool
		Targets  []struct {
			Vendor string
			UserID string `json:"user_id"`
			Next   string
			Result struct{ Target, Disposition string }
		}
	}
	Error string
}) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	require.NoError(t, dec.Decode(&doc), r.stdout)
	assert.False(t, dec.More(), "one object")
	return doc
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := runWith(t, "-json")
	require.Zero(t, r.code, r.stderr)
	doc := decode(t, r)
	assert.Equal(t, "signup-1", doc.Key)
	assert.Len(t, doc.Plan, 4)
	require.Len(t, doc.Runs, 3)
	for i, act := range []string{"sign-up", "sign-up", "undo"} {
		assert.Equal(t, act, doc.Runs[i].Act)
		assert.True(t, doc.Runs[i].Complete)
		require.Len(t, doc.Runs[i].Targets, 4)
		for j, target := range targets {
			got := doc.Runs[i].Targets[j]
			assert.Equal(t, target.name, got.Result.Target)
			assert.Equal(t, target.vendor, got.Vendor)
			assert.NotEmpty(t, got.UserID)
		}
	}
	assert.Equal(t, "recovered", doc.Runs[0].Targets[1].Result.Disposition)
	assert.Equal(t, "undone", doc.Runs[2].Targets[1].Result.Disposition)
	assert.Contains(t, r.stderr, "  identity  fusionauth  intent\n", "people read on")

	b := newBackend(t, nil, "")
	doc = decode(t, b.run(t, "-json", "-fault", "wallet=lost", "-key", "other"))
	require.Len(t, doc.Runs, 1)
	assert.False(t, doc.Runs[0].Complete)
	assert.NotEmpty(t, doc.Runs[0].Targets[3].Next)
	doc = decode(t, b.run(t, "-json", "-key", "other"))
	assert.Equal(t, []string{"other"}, doc.Open)
	require.Len(t, doc.Earlier, 4)
	assert.Equal(t, "created", doc.Earlier[0].State)
	doc = decode(t, b.run(t, "-json", "-key", "other", "-name", "Somebody Else"))
	assert.Contains(t, doc.Error, "another person's")
	doc = decode(t, b.run(t, "-json", "-plan"))
	assert.Len(t, doc.Plan, 4)
	assert.Empty(t, doc.Runs)
	assert.Equal(t, "POST", doc.Plan[1].Plan.Method)
	assert.Nil(t, doc.Plan[1].Error)
	doc = decode(t, runWith(t, "-json", "-plan", "-email", ""))
	require.Len(t, doc.Plan, 4)
	assert.Empty(t, doc.Plan[1].Plan.Method)
	require.NotNil(t, doc.Plan[1].Error)
	assert.Equal(t, "not_sent", doc.Plan[1].Error.Outcome)
}

func TestTheLedgersFiles(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	require.Zero(t, b.run(t).code)
	key, err := os.ReadFile(b.ledger + ".key")
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(b.ledger + ".key")
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode())
	}

	require.NoError(t, os.WriteFile(b.ledger+".key", key[:10], 0o600))
	r := b.run(t)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "signup: -ledger: "+b.ledger+".key holds no key")
	require.NoError(t, os.Remove(b.ledger+".key"))
	r = b.run(t)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "the ledger is there and its key, "+b.ledger+".key, is not")
	assert.NoFileExists(t, b.ledger+".key")
	require.NoError(t, os.WriteFile(b.ledger+".key", key, 0o600))
	assert.Zero(t, b.run(t).code)

	held, err := fileledger.Open(b.ledger)
	require.NoError(t, err)
	r = b.run(t)
	require.NoError(t, held.Close())
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "signup: -ledger: fileledger: the ledger's file is in use")
}

// TestTLS: ca_file is trusted, and nothing without it.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority := httptest.NewTLSServer(nil)
	t.Cleanup(authority.Close)
	caFile := writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw}))
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return tls.NewListener(l, &tls.Config{Certificates: authority.TLS.Certificates})
	}
	b := newBackend(t, listen, caFile)
	r := b.run(t)
	require.Zero(t, r.code, r.stdout+r.stderr)
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())

	stranger := newBackend(t, listen, caFile)
	text, err := os.ReadFile(stranger.flags[1])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stranger.flags[1], bytes.Replace(text, []byte(`"ca_file"`), []byte(`"unread"`), 1), 0o600))
	r = stranger.run(t)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, [4]int{}, stranger.users())
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	vendors := newBackend(t, nil, "").flags[1]
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"argument":         {[]string{"planted-password-1"}, "expected flags only"},
		"unknown":          {[]string{"-acme"}, "-acme"},
		"no key":           {[]string{"-key", ""}, "-key must not be empty"},
		"plan and undo":    {[]string{"-plan", "-undo"}, "-plan and -undo exclude each other"},
		"plan and decide":  {[]string{"-plan", "-decide", "wallet=absent"}, "-decide is for a sign-up"},
		"ledger alone":     {[]string{"-ledger", "x"}, "-vendors and -ledger must be set together"},
		"vendors alone":    {[]string{"-vendors", vendors}, "-vendors and -ledger must be set together"},
		"undo alone":       {[]string{"-undo"}, "-undo and -decide need -vendors and -ledger"},
		"decide alone":     {[]string{"-decide", "chat=1"}, "-undo and -decide need -vendors and -ledger"},
		"kill alone":       {[]string{"-fault", "chat=kill"}, "-fault chat=kill needs -vendors and -ledger"},
		"fault's target":   {[]string{"-fault", "phone=lost"}, "for flag -fault: no such target; expected one of identity, chat, crm, wallet"},
		"fault's kind":     {[]string{"-fault", "chat=slow"}, "for flag -fault: expected target=lost, target=down or target=kill"},
		"two faults":       {[]string{"-fault", "chat=lost", "-fault", "chat=down"}, "for flag -fault: the target has a fault already"},
		"decides nothing":  {[]string{"-decide", "wallet"}, "for flag -decide: expected target=id"},
		"decision's":       {[]string{"-decide", "phone=1"}, "for flag -decide: no such target"},
		"no file":          {[]string{"-plan", "-vendors", filepath.Join(t.TempDir(), "none")}, "-vendors: open "},
		"no JSON":          {[]string{"-plan", "-vendors", writeFile(t, []byte("planted-password-1"))}, "-vendors: expected the JSON object"},
		"not all vendors":  {[]string{"-plan", "-vendors", writeFile(t, []byte(`{"mixin":{"url":"http://127.0.0.1:1"}}`))}, "and all four vendors are needed"},
		"nothing on stdin": {[]string{"-plan", "-vendors", "-"}, "-vendors: expected the JSON object"},
		"keystore":         {[]string{"-plan", "-vendors", without(t, vendors, "keystore")}, "-vendors: mixin: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runWith(t, c.args...)
			assert.Equal(t, 2, r.code)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, c.want)
			assert.Contains(t, r.stderr, "Nothing was sent. See signup -h.")
		})
	}
}

// without copies a file, with another name for one of its members.
func without(t *testing.T, file, member string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return writeFile(t, bytes.Replace(text, []byte(`"`+member+`"`), []byte(`"unread"`), 1))
}

func TestVendorsFromStandardInput(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil, "")
	text, err := os.ReadFile(b.flags[1])
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	args := []string{"-vendors", "-", "-ledger", b.ledger}
	require.Zero(t, run(t.Context(), args, os.Getenv, bytes.NewReader(text), &stdout, &stderr), stderr.String())
	assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := runWith(t, "-h")
	assert.Zero(t, r.code)
	assert.Equal(t, usage, r.stdout)
	for _, target := range targetNames() {
		assert.Contains(t, usage, target)
	}
	for _, flag := range []string{"vendors", "ledger", "name", "email", "phone", "account", "key", "plan", "undo", "decide", "json", "fault"} {
		assert.Regexp(t, fmt.Sprintf(`(?m)^  .*-%s( |$)`, flag), usage)
	}
}

// closed is standard output that is gone.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestNobodyReads(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	assert.Equal(t, 1, run(t.Context(), nil, os.Getenv, nil, closed{}, &stderr))
	assert.Contains(t, stderr.String(), "signup: ")
	stderr.Reset()
	assert.Equal(t, 1, run(t.Context(), []string{"-json", "-plan"}, os.Getenv, nil, closed{}, &stderr))
	assert.Contains(t, stderr.String(), "signup: cannot write the report: ")
}

func TestMain(m *testing.M) {
	// The tests wait, and keep no processor busy: they need not take turns.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	m.Run()
}
