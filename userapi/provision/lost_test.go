package provision_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestLostCreate: a lost create can arrive late. Whatever a later create's reply is, the next run
// asks before it creates. After Patience without a user the sign-up can still get one.
func TestLostCreate(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	lost, limited := idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0), idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	notSent := idp.fail(userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
	type list = []*userapi.Error
	type run struct {
		late    bool // the first create has made the user by now
		creates list // replies; a missing one is a user
		want    string
		calls   string
	}
	for name, tt := range map[string]struct {
		killed, asked bool // the first create was killed; the creator cannot repeat
		opts          []provision.Option
		runs          []run
	}{
		"its repeat was refused": {false, false, nil, []run{
			{false, list{lost, limited}, "idp rejected", "create resolve create resolve"}, {true, nil, "idp recovered", "resolve finish"},
		}},
		"absent": {false, false, []provision.Option{provision.MaxCreates(1)}, []run{
			{false, list{lost}, "idp rejected", "create resolve resolve"}, {true, nil, "idp recovered", "resolve finish"},
		}},
		"each run may create": {false, false, []provision.Option{provision.MaxCreates(1)}, []run{
			{false, list{lost}, "idp rejected", "create resolve resolve"}, {false, nil, "idp created", "resolve create"},
		}},
		"killed, and refused": {true, false, nil, []run{
			{false, list{limited}, "idp rejected", "resolve create resolve"}, {true, nil, "idp recovered", "resolve finish"},
		}},
		"not repeated": {false, true, nil, []run{
			{false, list{lost}, "idp rejected", "create resolve resolve"},
			{false, list{lost}, "idp rejected", "resolve create resolve resolve"}, {false, nil, "idp created", "resolve create"},
		}},
		"not repeated, not sent": {false, true, nil, []run{
			{false, list{lost}, "idp rejected", "create resolve resolve"},
			{false, list{notSent}, "idp rejected", "resolve create resolve"}, {false, nil, "idp created", "resolve create"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				idp, ledger, _ := single(t)
				targets := one("idp", full{idp})
				if tt.asked {
					targets = one("idp", asked{idp, full{idp}})
				}
				p := provisioner(t, ledger, targets, append(tt.opts, testKey)...)
				if tt.killed {
					killCreate(t, p, idp, false)
				}
				for i, run := range tt.runs {
					if run.late {
						idp.users[ann.Email] = &userapi.User{ID: "late", Email: ann.Email, CreatedAt: time.Now()}
						time.Sleep(time.Hour)
					}
					idp.before = func(context.Context, userapi.CreateUserRequest) error {
						if len(run.creates) == 0 {
							return nil
						}
						e := run.creates[0]
						run.creates = run.creates[1:]
						return e
					}
					calls, begun := len(idp.calls()), time.Now()
					results, err := p.CreateUser(t.Context(), ann)
					assert.Equal(t, run.want, dispositions(results), "run %d", i)
					assert.Equal(t, run.want == "idp rejected", err != nil, "run %d", i)
					assert.Empty(t, run.creates, "run %d", i)
					assert.Equal(t, run.calls, strings.ReplaceAll(strings.Join(idp.calls()[calls:], " "), " "+ann.Email, ""), "run %d", i)
					if run.want == "idp rejected" {
						assert.True(t, only(t, ledger, ann.IdempotencyKey, "idp").Lost)
						assert.GreaterOrEqual(t, time.Since(begun), 5*time.Second, "the patience")
					}
				}
			})
		})
	}
}

// TestRemapped: an unknown create is looked up or repeated only with the request that was sent.
// With another request the created user could not be found.
func TestRemapped(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*userapi.CreateUserRequest){
		"another":      func(r *userapi.CreateUserRequest) { r.Username = "planted-other" },
		"another mail": func(r *userapi.CreateUserRequest) { r.Email = "planted-other@example.com" },
		"another key":  func(r *userapi.CreateUserRequest) { r.IdempotencyKey += "/2" },
		"unencodable":  func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"f": func() {}} },
	} {
		for _, killed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				idp, changes := newVendor("idp"), func(*userapi.CreateUserRequest) {}
				p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
					req.IdempotencyKey += "/idp"
					changes(&req)
					return req
				}}})
				if killed {
					killCreate(t, p, idp, true)
				} else {
					loseCreate(t, p, idp, true)
				}
				changes = change
				time.Sleep(time.Hour)
				calls := len(idp.calls())
				left(t, "idp unknown", "remapped")(p.CreateUser(t.Context(), ann))
				assert.Len(t, idp.calls(), calls, name)
				assert.Equal(t, 1, idp.count())
				if name == "unencodable" { // the request is at fault only if nothing was sent
					left(t, "idp not_sent", userapi.ErrInvalid)(p.CreateUser(t.Context(), person("bob")))
				}
				changes = func(*userapi.CreateUserRequest) {}
				results := done(t, "idp recovered")(p.CreateUser(t.Context(), ann))
				assert.Equal(t, ann.IdempotencyKey, results[0].IdempotencyKey, "the ledger has it under the sign-up's")
			})
		}
	}
}

// TestUndecidedIsRecorded: every run that finds a crashed create without a look-up records it as
// unknown, even if its context has ended. A person must decide.
func TestUndecidedIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wallet, ledger := newVendor("wallet"), new(provision.Memory)
		p := provisioner(t, ledger, one("wallet", wallet))
		killCreate(t, p, wallet, true)
		time.Sleep(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		left(t, "wallet unknown", "recorded")(p.CreateUser(ctx, ann))
		r := only(t, ledger, ann.IdempotencyKey, "wallet")
		assert.Equal(t, provision.StateUnknown, r.State)
		assert.True(t, r.Until.IsZero())
		left(t, "wallet unknown", "recorded")(p.CreateUser(t.Context(), ann))
		assert.Equal(t, r, only(t, ledger, ann.IdempotencyKey, "wallet"))
	})
}

// TestCreatorsThatBreakTheContract: a foreign creator can return anything. A result without proof
// is unknown, now and later.
func TestCreatorsThatBreakTheContract(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		user *userapi.User
		err  error
		code string
	}{
		"an error that is nil":       {nil, (*userapi.Error)(nil), ""},
		"both":                       {&userapi.User{ID: "x"}, errDisk, ""},
		"no id":                      {&userapi.User{}, nil, ""},
		"an id that no ledger takes": {&userapi.User{ID: "x\x00"}, nil, "record"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := provisioner(t, new(provision.Memory), one("x", userapi.CreatorFunc(
				func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { return tt.user, tt.err })))
			want := "x unknown"
			if tt.code == "record" {
				want = "x created" // it cannot be recorded
			}
			left(t, want, tt.code)(p.CreateUser(t.Context(), ann))
			results, err := p.CreateUser(t.Context(), ann)
			assert.Equal(t, "x unknown", dispositions(results), name)
			assert.True(t, userapi.MayHaveCreated(err), name)
			left(t, "x unknown", "unsettled")(p.Undo(t.Context(), ann.IdempotencyKey))
		})
	}
}
