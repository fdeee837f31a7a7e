package provision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// TestShownWithoutValues: printed and logged forms have no value of the request.
func TestShownWithoutValues(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	chat.before = func(context.Context, userapi.CreateUserRequest) error {
		e := chat.fail(userapi.KindInvalid, userapi.OutcomeRejected, 422)
		e.Message = "planted by the vendor"
		return e
	}
	var records []provision.Record
	var mu sync.Mutex
	p := provisioner(t, new(provision.Memory), beside(idp, chat),
		provision.OnRecord(func(r provision.Record) { mu.Lock(); defer mu.Unlock(); records = append(records, r) }))
	results, err := p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	encoded, jsonErr := json.Marshal(results)
	require.NoError(t, jsonErr)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("done", "results", results, "err", err, "provisioner", p)
	shown := fmt.Sprintf("%v %+v %#v %s %v %+v", results, results, results, encoded, err, records) + log.String()
	for _, planted := range []string{"planted", "example.com"} {
		assert.NotContains(t, shown, planted)
	}
	assert.Len(t, records, 4)
	assert.True(t, slices.ContainsFunc(records, func(r provision.Record) bool { return r.State == provision.StateCreated && r.UserID == "idp-1" }))
}

// TestRequestKeysAreNotShown: a service may log its parts. A reader who has the keys could guess
// the requests behind the ledger's fingerprints.
func TestRequestKeysAreNotShown(t *testing.T) {
	t.Parallel()
	given, own := new(provision.Memory), new(provision.Memory)
	targets := beside(newVendor("idp"), newVendor("chat"))
	p := provisioner(t, given, targets, provision.RequestKeys("planted-request-key", "planted-older-key"))
	makesOne := provisioner(t, own, targets)
	for _, p := range []*provision.Provisioner{p, makesOne} {
		require.NoError(t, p.Queue(t.Context(), nil, ann))
	}
	file, err := fileledger.Open(filepath.Join(t.TempDir(), "ledger"))
	require.NoError(t, err)
	defer file.Close()
	inFile := provisioner(t, file, targets, provision.RequestKeys("planted-request-key", "planted-older-key"))
	holder := struct{ p provision.Provisioner }{*inFile}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb+verb+verb+verb, inFile, *inFile, holder, file), "planted", verb)
	}
	assert.Equal(t, "provisioner of idp, chat", fmt.Sprintf("%+v", *inFile))
	// The whole text is compared: a test cannot plant the key of a Memory.
	for want, values := range map[string][]any{"provisioner of idp, chat": {p, makesOne}, "ledger in memory": {given, own}} {
		for _, v := range values {
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				assert.True(t, fmt.Sprintf(format, v) == want, "%s of a %T shows more than %q", format, v, want)
			}
			var text, logged strings.Builder
			slog.New(slog.NewTextHandler(&text, nil)).Info("begun", "it", v)
			assert.True(t, strings.HasSuffix(text.String(), fmt.Sprintf(" it=%q\n", want)), "the log as text of a %T shows more than %q", v, want)
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("begun", "it", v)
			assert.True(t, strings.HasSuffix(logged.String(), fmt.Sprintf(`,"it":%q}`+"\n", want)), "the log as JSON of a %T shows more than %q", v, want)
			encoded, err := json.Marshal(v)
			require.NoError(t, err)
			assert.True(t, string(encoded) == "{}", "the JSON of a %T has members", v)
		}
	}
}

// TestErrorsSayWhatIsKnown: our own error texts name the fault, and claim only what is known of the
// user.
func TestErrorsSayWhatIsKnown(t *testing.T) {
	t.Parallel()
	_, _, p := single(t)
	done(t, "idp created")(p.CreateUser(t.Context(), ann))
	other := ann
	other.Email = "planted-other@example.com"
	_, err := p.CreateUser(t.Context(), other)
	require.EqualError(t, err, "idp: idp: sign up user: invalid request (code request_changed): IdempotencyKey: different, but the user was created as idp-1")
	_, err = p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserExists(""))
	require.EqualError(t, err, "decide on user: invalid request: Decision: must be UserExists with an id of at most 1 KiB of UTF-8, or UserAbsent, "+
		"the user may or may not exist")
	err = p.Queue(t.Context(), nil, ann)
	require.EqualError(t, err, "sign up user: already taken: IdempotencyKey: is in the ledger already, nothing was sent")
}
