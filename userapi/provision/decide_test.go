package provision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// strictIDs is a vendor that can check ids.
type strictIDs struct{ full }

func (strictIDs) CheckUserID(id string) error {
	if strings.HasPrefix(id, "u-") {
		return nil
	}
	return &userapi.Error{Provider: "idp", Op: "check user id", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent,
		FieldErrors: []userapi.FieldError{{VendorField: "id", Code: "invalid", Message: "must begin with u-"}}}
}

// TestDecide: a person's decision is recorded as such. TestDecided has every state that can need
// one.
func TestDecide(t *testing.T) {
	t.Parallel()
	exists, absent := provision.UserExists("u-9"), provision.UserAbsent()
	for name, c := range map[string]struct {
		before   provision.Record
		decision provision.Decision
		want     provision.State
		id       string
		open     bool
	}{
		"absent":         {provision.Record{State: provision.StateUnknown}, absent, provision.StateRejected, "", true},
		"exists":         {provision.Record{State: provision.StateUnknown}, exists, provision.StateRecovered, "u-9", true},
		"exists, undone": {provision.Record{State: provision.StateUnknown, Closed: true}, exists, provision.StateRecovered, "u-9", false},
	} {
		ledger := new(provision.Memory)
		c.before.Key, c.before.Target, c.before.Lost, c.before.UserID, c.before.Kind = "k", "idp", true, "u-1", userapi.KindTimeout
		require.NoError(t, ledger.Store(t.Context(), c.before))
		res, err := provisioner(t, ledger, one("idp", strictIDs{full{newVendor("idp")}})).Decide(t.Context(), "k", "idp", c.decision)
		require.NoError(t, err, name)
		r := only(t, ledger, "k", "idp")
		assert.Equal(t, c.want, r.State, name)
		assert.Equal(t, c.id, r.UserID, name)
		assert.Equal(t, c.open, r.Open(), name)
		assert.True(t, r.Decided, name)
		assert.False(t, r.Lost, name)
		assert.True(t, r.Until.IsZero(), name)
		assert.Equal(t, userapi.ProofNone, r.Proof, name)
		if c.want == provision.StateRecovered {
			require.NoError(t, res.Err, name)
			assert.Equal(t, "idp", res.User.Provider, "its own refusals tell the vendor's name")
		}
	}
}

// TestDecideRefused: a refused decision says nothing about the user.
func TestDecideRefused(t *testing.T) {
	t.Parallel()
	stale := func([]provision.Record) error { return provision.ErrStale }
	unknown, created := provision.Record{State: provision.StateUnknown}, provision.Record{State: provision.StateCreated, UserID: "u-1"}
	for name, tt := range map[string]struct {
		before   provision.Record
		key      string
		decision provision.Decision
		store    func([]provision.Record) error
		is       error
		says     string
	}{
		"nothing":         {unknown, "k", provision.Decision{}, nil, userapi.ErrInvalid, "must be UserExists"},
		"no id":           {unknown, "k", provision.UserExists(""), nil, userapi.ErrInvalid, "must be UserExists"},
		"no ledger's id":  {unknown, "k", provision.UserExists("u-\x00b"), nil, userapi.ErrInvalid, "must be UserExists"},
		"no vendor's id":  {unknown, "k", provision.UserExists("007"), nil, userapi.ErrInvalid, "id: invalid"},
		"no such key":     {unknown, "another", provision.UserAbsent(), nil, userapi.ErrNotFound, "no record of it"},
		"known":           {created, "k", provision.UserAbsent(), nil, userapi.ErrInvalid, "the ledger knows: created"},
		"in flight":       {provision.Record{State: provision.StateInFlight, Until: time.Now().Add(time.Hour)}, "k", provision.UserAbsent(), nil, userapi.ErrConflict, "in_progress"},
		"another decided": {unknown, "k", provision.UserAbsent(), stale, provision.ErrStale, "taken"},
	} {
		ledger := &faulty{Ledger: new(provision.Memory)}
		tt.before.Key, tt.before.Target = "k", "idp"
		require.NoError(t, ledger.Store(t.Context(), tt.before))
		ledger.store = tt.store
		p := provisioner(t, ledger, one("idp", strictIDs{full{newVendor("idp")}}), testKey)
		res, err := p.Decide(t.Context(), tt.key, "idp", tt.decision)
		require.ErrorIs(t, err, tt.is, name)
		require.ErrorContains(t, err, tt.says, name)
		assert.Equal(t, err, res.Err, name)
		assert.Equal(t, userapi.OutcomeUnknown, failureOf(t, err).Outcome, name)
		assert.Equal(t, tt.before.State, only(t, ledger, "k", "idp").State, name)
	}
}

// TestTargetThatIsGone: a removed target is reported only while it is open, whatever the others do.
// It can be written off if nothing was created.
func TestTargetThatIsGone(t *testing.T) {
	t.Parallel()
	for state, open := range map[provision.State]bool{provision.StateCreated: false, provision.StateQueued: true} {
		idp, ledger := newVendor("idp"), new(provision.Memory)
		p := provisioner(t, ledger, beside(idp))
		require.NoError(t, p.Queue(t.Context(), nil, ann))
		gone := provision.Record{Key: ann.IdempotencyKey, Target: "gone", State: state, UserID: "g-1", Request: only(t, ledger, ann.IdempotencyKey, "idp").Request}
		require.NoError(t, ledger.Store(t.Context(), gone))
		results, err := resume(t, p)
		if open {
			left(t, "idp created", "no_target")(results, err)
			require.ErrorContains(t, err, "an unknown target: gone")
			_, err = p.Decide(t.Context(), ann.IdempotencyKey, "gone", provision.UserAbsent())
			require.NoError(t, err)
			assert.Equal(t, "gone undone, idp created", states(t, ledger, ann.IdempotencyKey))
			done(t, "")(resume(t, p))
			done(t, "idp undone, gone undone")(p.Undo(t.Context(), ann.IdempotencyKey))
			continue
		}
		done(t, "idp created")(results, err)
		left(t, "idp undone, gone created", "no_target")(p.Undo(t.Context(), ann.IdempotencyKey))
	}
}
