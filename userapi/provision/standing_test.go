package provision_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestStandings: the ledger's remaining work for many requests is returned, and nothing is sent.
func TestStandings(t *testing.T) {
	t.Parallel()
	for name, ledger := range map[string]provision.Ledger{
		"one by one": new(provision.Memory), "many at once": manyAtOnce{new(provision.Memory)}, "in a group": provision.Group(manyAtOnce{new(provision.Memory)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp, chat := newVendor("idp"), newVendor("chat")
			p := provisioner(t, ledger, beside(idp, chat), provision.RequestKeys("sixteen bytes ok"))
			of := func(key, email string) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{IdempotencyKey: key, Email: email, Username: email}
			}
			refuse := userapi.KindUnknown
			chat.before = func(context.Context, userapi.CreateUserRequest) error {
				if refuse == userapi.KindUnknown {
					return nil
				}
				return chat.fail(refuse, userapi.OutcomeRejected, 400)
			}
			do := func(key string, kind userapi.Kind) {
				refuse = kind
				_, _ = p.Continue(t.Context(), of(key, key+"@example.org"))
			}
			do("done", userapi.KindUnknown)
			do("refused", userapi.KindInvalid)
			do("down", userapi.KindForbidden)
			do("undone", userapi.KindUnknown)
			_, err := p.Undo(t.Context(), "undone")
			require.NoError(t, err)
			const uuid = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
			do(uuid, userapi.KindUnknown)
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				return idp.fail(userapi.KindInvalid, userapi.OutcomeRejected, 400)
			}
			do("nowhere", userapi.KindInvalid)
			sent := len(idp.calls()) + len(chat.calls())

			got, err := p.Standings(t.Context(), []userapi.CreateUserRequest{
				of("new", "new@example.org"), of("done", "done@example.org"), of("done", "other@example.org"),
				of("refused", "refused@example.org"), of("refused", "other@example.org"), of("down", "down@example.org"), of("down", "other@example.org"),
				of("undone", "undone@example.org"), of("undone", "other@example.org"), of(uuid, uuid+"@example.org"), of("nowhere", "other@example.org"), of("done", "done@example.org"),
			})
			require.NoError(t, err)
			assert.Equal(t, []provision.Standing{
				provision.StandingNew, provision.StandingDone, provision.StandingDifferent,
				provision.StandingRefused, provision.StandingChanged, provision.StandingOpen, provision.StandingChanged,
				provision.StandingDone, provision.StandingDone, provision.StandingDone, provision.StandingChanged, provision.StandingDone,
			}, got)
			assert.Equal(t, sent, len(idp.calls())+len(chat.calls()))

			_, err = p.Standings(t.Context(), []userapi.CreateUserRequest{{}})
			require.ErrorIs(t, err, userapi.ErrInvalid)
		})
	}
}

// TestStandingOfNewTarget: a target that the key does not have yet is still to do.
func TestStandingOfNewTarget(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	idp, chat := newVendor("idp"), newVendor("chat")
	_, err := provisioner(t, ledger, beside(idp)).Continue(t.Context(), ann)
	require.NoError(t, err)
	got, err := provisioner(t, ledger, beside(idp, chat)).Standings(t.Context(), []userapi.CreateUserRequest{ann})
	require.NoError(t, err)
	assert.Equal(t, []provision.Standing{provision.StandingOpen}, got)
}

// TestStandingOfTargetThatWaits: a target after one that refused the request has nothing to do
// until another request replaces it.
func TestStandingOfTargetThatWaits(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	targets := beside(idp, chat)
	targets[1].After = []string{"idp"}
	p := provisioner(t, new(provision.Memory), targets)
	other := ann
	other.Email = "other@example.org"
	for _, want := range []struct {
		kind        userapi.Kind
		same, other provision.Standing
	}{
		{userapi.KindUnavailable, provision.StandingOpen, provision.StandingChanged},
		{userapi.KindInvalid, provision.StandingRefused, provision.StandingChanged},
	} {
		idp.before = idp.fails(want.kind, userapi.OutcomeRejected, 400)
		_, _ = p.Continue(t.Context(), ann)
		got, err := p.Standings(t.Context(), []userapi.CreateUserRequest{ann, other})
		require.NoError(t, err)
		assert.Equal(t, []provision.Standing{want.same, want.other}, got)
	}
}

// TestStandingsOfBrokenLedger: if the ledger fails, Standings returns only the error.
func TestStandingsOfBrokenLedger(t *testing.T) {
	t.Parallel()
	p := provisioner(t, noLoad{new(provision.Memory)}, beside(newVendor("idp")), provision.RequestKeys("sixteen bytes ok"))
	got, err := p.Standings(t.Context(), []userapi.CreateUserRequest{ann})
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	assert.Empty(t, got)
	assert.Equal(t, 2*time.Minute, p.Lease())
	assert.Equal(t, "different", provision.StandingDifferent.String())
	assert.Equal(t, "refused", provision.StandingRefused.String())
	assert.Equal(t, "standing(9)", provision.Standing(9).String())
}

type noLoad struct{ provision.Ledger }

func (noLoad) Load(context.Context, string) ([]provision.Record, error) {
	return nil, errors.New("lost")
}

// manyAtOnce is a ledger that reads many keys at once.
type manyAtOnce struct{ *provision.Memory }

func (m manyAtOnce) LoadMany(ctx context.Context, keys []string) (all []provision.Record, err error) {
	seen := map[string]bool{}
	for _, key := range keys {
		if !seen[key] {
			records, _ := m.Load(ctx, key)
			all = append(all, records...)
		}
		seen[key] = true
	}
	return all, nil
}
