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

	kept func(req userapi.CreateUserRequest) (*userapi.User, error)
}

func (k keeper) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	k.note("resolve")
	return k.kept(req)
}

// TestFromRecord: where the vendor cannot be asked, what the creator has kept settles a
// create that was begun, and never repeats one that was sent.
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
		sent, undone bool // was it sent, as the ledger knows; was the sign-up undone
		refused      bool // the vendor could be asked then, and did not have the user
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
				k.before = func(context.Context, userapi.CreateUserRequest) error {
					k.before = nil
					if test.sent {
						return k.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
					}
					panic("killed")
				}
				ledger := new(provision.Memory)
				p := provisioner(t, ledger, []provision.Target{{Name: "wallet", Creator: &k}})
				if test.sent {
					_, err := p.CreateUser(t.Context(), ann)
					require.True(t, userapi.MayHaveCreated(err))
				} else {
					require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
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
					records, err := ledger.Load(t.Context(), ann.IdempotencyKey)
					require.NoError(t, err)
					require.True(t, records[0].Lost)
					records[0].State = provision.StateRejected
					require.NoError(t, ledger.Store(t.Context(), records...))
				}
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

// TestEnsureWithARecord: a user that the client's own record has is the key's. Else the
// record says of the create that Ensure itself sent no more than its reply did, and the
// result is as without a Resolver; but that the key was used says that a create was sent.
func TestEnsureWithARecord(t *testing.T) {
	t.Parallel()
	absent := &userapi.Error{Provider: "wallet", Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected, FromRecord: true}
	silent := &userapi.Error{Provider: "wallet", FromRecord: true}
	user := &userapi.User{Provider: "wallet", ID: "w-1", FromRecord: true}
	for name, tt := range map[string]struct {
		kind userapi.Kind
		user *userapi.User
		err  error
		want provision.Disposition
	}{
		"lost, and the user is known":     {userapi.KindTimeout, user, nil, provision.DispositionRecovered},
		"lost":                            {userapi.KindTimeout, nil, silent, provision.DispositionUnknown},
		"lost, by the record not sent":    {userapi.KindTimeout, nil, absent, provision.DispositionUnknown},
		"key used, and the user is known": {userapi.KindConflict, user, nil, provision.DispositionRecovered},
		"key used":                        {userapi.KindConflict, nil, silent, provision.DispositionUnknown},
		"key used, and nothing was sent":  {userapi.KindConflict, nil, absent, provision.DispositionNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keeper{vendor: newVendor("wallet")}
			k.before = func(context.Context, userapi.CreateUserRequest) error {
				e := k.fail(tt.kind, userapi.OutcomeUnknown, 0)
				if tt.kind == userapi.KindConflict {
					e.Outcome, e.FieldErrors = userapi.OutcomeNotSent, []userapi.FieldError{{Field: "IdempotencyKey", Code: "taken"}}
				}
				return e
			}
			k.kept = func(userapi.CreateUserRequest) (*userapi.User, error) { return tt.user, tt.err }
			res, err := provision.Ensure(t.Context(), k, ann, provision.AdoptMatching())
			assert.Equal(t, tt.want, res.Disposition)
			assert.Equal(t, tt.user, res.User)
			if tt.user != nil {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, tt.kind, failureOf(t, err).Kind)
			assert.Equal(t, tt.want == provision.DispositionUnknown, userapi.MayHaveCreated(err))
			assert.Len(t, res.Steps, 1)
		})
	}
}
