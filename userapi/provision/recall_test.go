package provision_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A keeper cannot ask its vendor, and keeps a record of its own.
type keeper struct {
	*vendor

	recall func(req userapi.CreateUserRequest) (*userapi.User, error)
}

func (k keeper) RecallUser(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	k.note("recall")
	return k.recall(req)
}

// TestRecall: where the vendor cannot be asked, what the creator has kept settles a
// create that was begun, and never repeats one that was sent.
func TestRecall(t *testing.T) {
	t.Parallel()
	absent := func(v *vendor) error { return v.fail(userapi.KindNotFound, userapi.OutcomeRejected, 0) }
	cantTell := func(v *vendor) error { return v.fail(userapi.KindUnknown, userapi.OutcomeUnknown, 0) }
	for name, test := range map[string]struct {
		sent, undone bool // was it sent, as the ledger knows; was the sign-up undone
		user         *userapi.User
		err          func(*vendor) error
		want, state  string
		creates      int
	}{
		"begun and made":     {user: &userapi.User{Provider: "wallet", ID: "w-1", Proof: userapi.ProofReply}, want: "wallet recovered", state: "wallet recovered", creates: 1},
		"begun and not sent": {err: absent, want: "wallet created", state: "wallet created", creates: 2},
		"begun, and unclear": {err: cantTell, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"a user without id":  {user: &userapi.User{}, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"sent and made":      {sent: true, user: &userapi.User{ID: "w-1"}, want: "wallet recovered", state: "wallet recovered", creates: 1},
		"sent and forgotten": {sent: true, err: absent, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"undone, not sent":   {undone: true, err: absent, want: "wallet rejected", state: "wallet undone", creates: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := keeper{vendor: newVendor("wallet")}
				k.recall = func(req userapi.CreateUserRequest) (*userapi.User, error) {
					assert.Equal(t, ann.Email, req.Email)
					if test.err != nil {
						return nil, test.err(k.vendor)
					}
					return test.user, nil
				}
				k.before = func(context.Context, userapi.CreateUserRequest) error {
					k.before = nil
					if test.sent {
						return k.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
					}
					panic("killed")
				}
				ledger := new(provision.Memory)
				p := provisioner(t, ledger, []provision.Target{{Name: "wallet", Creator: k}})
				if test.sent {
					_, err := p.CreateUser(t.Context(), ann)
					require.True(t, userapi.MayHaveCreated(err))
				} else {
					require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
				}
				time.Sleep(time.Hour) // the lease
				if test.undone {
					_, err := p.Undo(t.Context(), ann.IdempotencyKey)
					require.Error(t, err)
				}
				results, _ := p.CreateUser(t.Context(), ann)
				assert.Equal(t, test.want, dispositions(results))
				assert.Equal(t, test.state, states(t, ledger, ann.IdempotencyKey))
				creates := 0
				for _, call := range k.calls() {
					if call == "create "+ann.Email {
						creates++
					}
				}
				assert.Equal(t, test.creates, creates)
			})
		})
	}
}
