package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// ids creates someone everywhere, and returns the ids by vendor.
func ids(t *testing.T, b *backend) map[string]string {
	t.Helper()
	r := b.create(t, "-o", "json")
	require.Equal(t, exitDone, r.code, r.stderr)
	all := map[string]string{}
	for _, e := range decode(t, r).Results {
		all[e.Provider] = e.ID
	}
	return all
}

func TestGet(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for vendor, id := range ids(t, b) {
		r := b.runIn(t.Context(), t, "get", vendor, id)
		assert.Equal(t, exitDone, r.code, r.stderr)
		has(t, r.stdout, ": "+id+"\n")
		has(t, r.stdout, "Ada Lovelace")
		for line := range strings.Lines(r.stdout) {
			assert.Contains(t, line, ": ")
		}
		r = b.runIn(t.Context(), t, "get", vendor, id, "-o", "json")
		assert.Equal(t, exitDone, r.code)
		var users []map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &users))
		assert.Len(t, users, 1)

		r = b.runIn(t.Context(), t, "get", vendor, "--email", "ada@example.com")
		if vendor == "mixin" {
			assert.Equal(t, exitUsage, r.code)
			has(t, flat(r.stderr), "mixin has no look-up by e-mail address: give the user's id")
			continue
		}
		assert.Equal(t, exitDone, r.code, r.stderr)
		has(t, r.stdout, id)
	}
	require.Equal(t, exitDone, b.run(t, "--to", "usercom", "--email", "ada@example.com", "--new").code)
	r := b.runIn(t.Context(), t, "get", "usercom", "--email", "ada@example.com")
	has(t, r.stdout, "310455021")
	has(t, r.stdout, "310455022")
}

// TestGetShowsValuesAsTheyAre: two blanks are not one.
func TestGetShowsValuesAsTheyAre(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	require.Equal(t, exitDone, b.run(t, "--to", "usercom", "--email", "ada@example.com", "--name", "Ada  van   Lovelace").code)
	has(t, b.runIn(t.Context(), t, "get", "usercom", "--email", "ada@example.com").stdout, "van   Lovelace")
}

func TestGetNobody(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for vendor, id := range map[string]string{
		"mixin": "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001", "quickblox": "17", "fusionauth": "4c5f9e0a-6d5f-4b8e-9d5c-1f0f7a0f0001", "usercom": "17",
	} {
		r := b.runIn(t.Context(), t, "get", vendor, id)
		assert.Equal(t, exitRefused, r.code, r.stderr)
		has(t, flat(r.stderr), vendor+": the user does not exist")
		assert.Empty(t, r.stdout)
		for _, id := range []string{"not/an id", "99999999999999999999"} {
			r = b.runIn(t.Context(), t, "get", vendor, id)
			assert.Equal(t, exitUsage, r.code, r.stderr)
			has(t, flat(r.stderr), "Nothing was sent")
		}
		if vendor != "mixin" {
			r = b.runIn(t.Context(), t, "get", vendor, "--email", "nobody@example.com")
			assert.Equal(t, exitRefused, r.code, r.stderr)
			r = b.runIn(t.Context(), t, "delete", vendor, id, "--yes")
			assert.Equal(t, exitRefused, r.code, r.stderr)
		}
	}
	b.usercom.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 403, Times: -1})
	for _, command := range []string{"get", "delete"} {
		r := b.runIn(t.Context(), t, command, "usercom", "17")
		assert.Equal(t, exitFailed, r.code)
		has(t, flat(r.stderr), "It is unknown whether the user exists. Nothing was changed.")
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	all := ids(t, b)
	for answer, c := range map[string]struct {
		code int
		says string
	}{
		"no\n": {exitFailed, "nothing was deleted: the answer was not yes"},
		"":     {exitUsage, "no answer. Nothing was deleted. In a script, use --yes"},
	} {
		r := runIn(t.Context(), b.env, answer, "delete", "quickblox", all["quickblox"])
		assert.Equal(t, c.code, r.code)
		has(t, flat(r.stderr), c.says)
		has(t, flat(r.stderr), "ada@example.com")
		assert.Equal(t, 1, b.quickblox.UserCount())
	}
	r := runIn(t.Context(), b.env, "yes\n", "delete", "quickblox", all["quickblox"])
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, "quickblox: deleted "+all["quickblox"]+"\n", r.stdout)
	var stderr bytes.Buffer
	assert.Equal(t, exitDone, run(t.Context(), environment{
		args: []string{"delete", "fusionauth", all["fusionauth"], "--yes"}, out: full{}, err: &stderr, getenv: func(name string) string { return b.env[name] },
	}), "it was deleted")
	has(t, stderr.String(), "fusionauth: deleted "+all["fusionauth"])
	assert.Equal(t, exitDone, b.runIn(t.Context(), t, "delete", "usercom", all["usercom"], "--yes").code)
	assert.Equal(t, [4]int{1, 0, 0, 0}, b.counts())

	r = b.runIn(t.Context(), t, "delete", "mixin", all["mixin"], "--yes")
	assert.Equal(t, exitUsage, r.code)
	has(t, flat(r.stderr), "mixin has no way to delete a user. Nothing was sent, and the user was not changed")
}

// stuck is a standard input that nobody writes to, with a signal once it is read.
type stuck struct {
	signal context.CancelFunc
	end    <-chan struct{}
}

func (s stuck) Read([]byte) (int, error) {
	s.signal()
	<-s.end
	return 0, io.EOF
}

// TestSignalAtInput: a signal ends what waits for standard input.
func TestSignalAtInput(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	id := ids(t, b)["usercom"]
	o := newOffice(t, officeConfig)
	file := o.people(t, 1)
	require.Equal(t, exitDone, o.run(t, "", "import", file).code)
	for _, c := range []struct {
		env  map[string]string
		says string
		args []string
	}{
		{b.env, "interrupted: nothing was deleted", []string{"delete", "usercom", id}},
		{o.env, "nothing was deleted: the answer was not yes", []string{"undo", file, "-c", o.at("enlist.yaml")}},
		{b.env, "--in: interrupted\nNothing was sent", []string{"create", "--in", "-"}},
		{b.env, "--in: interrupted\nplan sends nothing", []string{"plan", "--in", "-"}},
		{b.env, "--vendors: interrupted", []string{"get", "usercom", id, "--vendors", "-"}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		code := run(ctx, environment{
			args: c.args, in: stuck{cancel, t.Context().Done()}, out: &out, err: &errs, getenv: func(name string) string { return c.env[name] },
		})
		assert.Equal(t, exitFailed, code, c.args)
		has(t, errs.String(), c.says)
		assert.Empty(t, out.String())
	}
	assert.Equal(t, 1, b.usercom.UserCount())
	assert.Equal(t, 1, o.usercom.UserCount())
}

func TestDeleteFails(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	all := ids(t, b)
	b.usercom.Inject(userapitest.Fault{On: userapitest.Delete, Status: 403})
	r := b.runIn(t.Context(), t, "delete", "usercom", all["usercom"], "--yes")
	assert.Equal(t, exitFailed, r.code)
	has(t, flat(r.stderr), "usercom: forbidden (status 403). The user was not deleted. Next: ")
	assert.Equal(t, 1, b.usercom.UserCount())

	// Whose reply is lost may be gone.
	b.usercom.Inject(userapitest.Fault{On: userapitest.Delete, When: userapitest.AfterCommit, Do: userapitest.Hangup})
	b.usercom.Inject(userapitest.Fault{On: userapitest.Delete, Status: 500, Times: -1})
	r = b.runIn(t.Context(), t, "delete", "usercom", all["usercom"], "--yes")
	assert.Equal(t, exitOpen, r.code)
	has(t, flat(r.stderr), "The user MAY BE DELETED. Next: run this again, which is safe")
}

func TestWrongUseOfOneVendor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"get"}, "expected a vendor, and an id or --email"},
		{[]string{"get", "usercom"}, "expected a vendor, and an id or --email"},
		{[]string{"get", "usercom", "1", "--email", "a@b.c"}, "expected a vendor, and an id or --email"},
		{[]string{"get", "acme", "1"}, `unknown vendor "acme"; expected mixin, quickblox, fusionauth, usercom`},
		{[]string{"get", "usercom", "1"}, "USERCOM_API_KEY or USERCOM_API_KEY_FILE must be set"},
		{[]string{"get", "usercom", "1", "--timeout", "-1s"}, "--timeout must be positive"},
		{[]string{"delete", "usercom"}, "expected a vendor and an id"},
		{[]string{"delete", "acme", "1"}, `unknown vendor "acme"`},
	} {
		r := runIn(t.Context(), nil, "", c.args...)
		assert.Equal(t, exitUsage, r.code, c.args)
		has(t, flat(r.stderr), c.says)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	variables := map[string]string{"ENLIST_PASSWORD": plantedPassword}
	args := append([]string{"plan", "--attr", "plan=team"}, someone...)
	r := runIn(t.Context(), variables, "", args...)
	assert.Equal(t, exitDone, r.code, r.stderr)
	hasNot(t, r, "the password", plantedPassword)
	for _, want := range []string{
		"mixin\n  POST /users\n", "quickblox\n  POST /users.json\n", "fusionauth\n  POST /api/user/", "usercom\n  POST /users/\n",
		"set_multiple_attributes", `"password": "[REDACTED]"`, "would not be stored: Username, Password",
	} {
		has(t, r.stdout, want)
	}
	r = runIn(t.Context(), variables, "", append(args, "-o", "json", "--to", "usercom")...)
	assert.Equal(t, exitDone, r.code)
	var plans []planned
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &plans))
	require.Len(t, plans, 1)
	assert.Equal(t, "/users/", plans[0].Plan.Route)

	r = runIn(t.Context(), variables, "", append(args, "--strict")...)
	assert.Equal(t, exitRefused, r.code)
	has(t, flat(r.stderr), "usercom: invalid user; Username cannot be stored by usercom; Password ")
	has(t, flat(r.stderr), "Nothing was sent. enlist create would create this user at none of the vendors.")
	assert.Equal(t, exitUsage, runIn(t.Context(), variables, "", "plan", "--to", "acme", "--email", "a@b.c").code)
	assert.Equal(t, exitUsage, runIn(t.Context(), variables, "", "plan").code)

	// create --plan sends nothing either, and knows the id that would be.
	b := newBackend(t)
	r = b.run(t, "--plan", "--email", "ada@example.com", "--name", "Ada")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{}, b.counts())
	assert.Empty(t, b.fusionauth.Requests())
	assert.NotContains(t, r.stdout, "{userId}")
	assert.NoDirExists(t, b.keys)
}
