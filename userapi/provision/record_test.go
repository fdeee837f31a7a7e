package provision_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A keeper has no look-ups at its vendor, and keeps its own record.
type keeper struct {
	*vendor

	kept func(req userapi.CreateUserRequest) (*userapi.User, error)
}

func (k keeper) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	k.note("resolve")
	return k.kept(req)
}

// TestFromRecord: if the vendor has no look-up, the creator's record decides a started create. A
// sent create is never repeated.
func TestFromRecord(t *testing.T) {
	t.Parallel()
	record := func(v *vendor, kind userapi.Kind, outcome userapi.Outcome) error {
		e := v.fail(kind, outcome, 0)
		e.FromRecord = true
		return e
	}
	absent := func(v *vendor) error { return record(v, userapi.KindNotFound, userapi.OutcomeRejected) }
	cantTell := func(v *vendor) error { return record(v, userapi.KindUnknown, userapi.OutcomeUnknown) }
	for name, test := range map[string]struct {
		sent, undone bool // the ledger knows that it was sent; the sign-up was undone
		refused      bool // a look-up worked then and did not find the user
		user         *userapi.User
		err          func(*vendor) error
		want, state  string
		creates      int
	}{
		"begun and made":     {user: &userapi.User{Provider: "wallet", ID: "w-1", Proof: userapi.ProofReply, FromRecord: true}, want: "wallet recovered", state: "wallet recovered", creates: 1},
		"begun and not sent": {err: absent, want: "wallet created", state: "wallet created", creates: 2},
		"begun, and unclear": {err: cantTell, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"a user without id":  {user: &userapi.User{FromRecord: true}, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"sent and made":      {sent: true, user: &userapi.User{ID: "w-1", FromRecord: true}, want: "wallet recovered", state: "wallet recovered", creates: 1},
		"sent and forgotten": {sent: true, err: absent, want: "wallet unknown", state: "wallet unknown", creates: 1},
		"sent and refused":   {sent: true, refused: true, err: cantTell, want: "wallet created", state: "wallet created", creates: 2},
		"undone, not sent":   {undone: true, err: absent, want: "wallet rejected", state: "wallet undone", creates: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := keeper{vendor: newVendor("wallet")}
				k.kept = func(userapi.CreateUserRequest) (*userapi.User, error) { return nil, cantTell(k.vendor) }
				ledger := new(provision.Memory)
				p := provisioner(t, ledger, one("wallet", &k))
				if test.sent {
					loseCreate(t, p, k.vendor, false)
				} else {
					killCreate(t, p, k.vendor, false)
				}
				k.kept = func(req userapi.CreateUserRequest) (*userapi.User, error) {
					assert.Equal(t, ann.Email, req.Email)
					if test.err != nil {
						return nil, test.err(k.vendor)
					}
					return test.user, nil
				}
				time.Sleep(time.Hour) // the lease
				if test.refused {
					rewrite(t, ledger, ann.IdempotencyKey, "wallet", func(r *provision.Record) { r.State = provision.StateRejected })
				}
				if test.undone {
					_, err := p.Undo(t.Context(), ann.IdempotencyKey)
					require.Error(t, err)
				}
				results, _ := p.CreateUser(t.Context(), ann)
				assert.Equal(t, test.want, dispositions(results))
				assert.Equal(t, test.state, states(t, ledger, ann.IdempotencyKey))
				assert.Equal(t, test.creates, strings.Count(strings.Join(k.calls(), " "), "create "))
			})
		})
	}
}
