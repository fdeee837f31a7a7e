package provision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// TestUndoDuringCreate: the user that a run makes of a sign-up which is undone meanwhile
// is told, and deleted by the next Resume.
func TestUndoDuringCreate(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
	idp.after = func(context.Context, userapi.CreateUserRequest) error {
		results, err := p.Undo(t.Context(), ann.IdempotencyKey)
		assert.Error(t, err)
		assert.Equal(t, "in_progress", failureOf(t, results[0].Err).Code)
		return nil
	}
	results, err := p.CreateUser(t.Context(), ann)
	require.True(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp created", dispositions(results))
	assert.Equal(t, "undone", failureOf(t, err).Code)
	assert.Equal(t, "idp deleting", states(t, ledger, ann.IdempotencyKey))

	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Equal(t, "idp undone", dispositions(resumed[0].Results))
	assert.Equal(t, 0, idp.count())
}

// TestUndoLeavesNothingOpen: what Undo must leave, and whose second step is not done, is
// nothing that Resume would return to for ever.
func TestUndoLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	idp.after = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
	}
	idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	res, err := p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserExists("idp-1"))
	require.NoError(t, err)
	assert.Equal(t, "idp", res.User.Provider, "its own refusals tell the vendor's name")
	keys, err := ledger.Open(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, keys, 1, "its second step is to be done")
	_, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.Error(t, err)
	keys, err = ledger.Open(t.Context(), "", 10)
	require.NoError(t, err)
	assert.Empty(t, keys)
}

// TestLoadFailsOfAnUndoneSignUp: why load failed is told beside what is still unknown.
func TestLoadFailsOfAnUndoneSignUp(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	idp.after = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
	}
	idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.Error(t, err)
	_, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.Error(t, err)
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) {
		return userapi.CreateUserRequest{}, errDisk
	})
	require.ErrorIs(t, err, errDisk)
	require.Len(t, resumed, 1)
	text, err := json.Marshal(resumed)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"key":"sign-up 1"`)
	assert.Contains(t, string(text), `"error":"`)
}

// TestTargetThatIsGone: a target that is one no more can be written off where nothing was
// created.
func TestTargetThatIsGone(t *testing.T) {
	t.Parallel()
	idp, old := newVendor("idp"), newVendor("old")
	ledger := new(provision.Memory)
	targets := []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "old", Creator: full{old}}}
	require.NoError(t, provisioner(t, ledger, targets).Queue(t.Context(), nil, ann))
	_, err := provisioner(t, ledger, targets).Decide(t.Context(), ann.IdempotencyKey, "old", provision.UserAbsent())
	require.ErrorIs(t, err, userapi.ErrInvalid, "it is a target, and to be created")
	p := provisioner(t, ledger, targets[:1])
	_, err = p.Resume(t.Context(), loadAnn)
	require.ErrorContains(t, err, "what is no target: old")
	_, err = p.Decide(t.Context(), ann.IdempotencyKey, "old", provision.UserAbsent())
	require.NoError(t, err)
	assert.Equal(t, "idp created, old undone", states(t, ledger, ann.IdempotencyKey))
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Empty(t, resumed)
}

// TestErrorsSayWhatIsKnown: the texts of what no vendor said name the fault, and claim no
// more than is known of the user.
func TestErrorsSayWhatIsKnown(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	other := ann
	other.Email = "planted-other@example.com"
	_, err = p.CreateUser(t.Context(), other)
	require.EqualError(t, err, "idp: idp: sign up user: invalid request (code request_changed): IdempotencyKey: different, but the user was created as idp-1")
	_, err = p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserExists(""))
	require.EqualError(t, err, "decide on user: invalid request: Decision: must be UserExists with an id that a ledger takes, or UserAbsent, "+
		"the user may or may not exist")
	_, err = p.Decide(t.Context(), ann.IdempotencyKey, "idp", provision.UserAbsent())
	require.ErrorContains(t, err, "Decision: the ledger knows: created")
	err = p.Queue(t.Context(), nil, ann)
	require.EqualError(t, err, "sign up user: already taken: IdempotencyKey: is in the ledger already, nothing was sent")
}

// TestKeysAreNotPrinted: whatever is printed of a Provisioner or a ledger shows no keys.
func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	f, err := fileledger.Open(filepath.Join(t.TempDir(), "ledger"))
	require.NoError(t, err)
	defer f.Close()
	p := provisioner(t, f, []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}, provision.RequestKeys("planted-request-key", "planted-older-key"))
	holder := struct{ p provision.Provisioner }{*p}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb+verb+verb+verb, p, *p, holder, f), "planted", verb)
	}
	assert.Equal(t, "provisioner of idp", fmt.Sprintf("%+v", *p))
}
