package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A vendor is a small creator with state, whose answers can be broken.
type vendor struct {
	name string
	mu   sync.Mutex
	// users are by the e-mail address, the request's identity.
	users map[string]*userapi.User
	log   []string
	// before is called before a create is carried out, after once it is: what they
	// return is the create's error.
	before, after func(ctx context.Context, req userapi.CreateUserRequest) error
	look          func() error
	remove        func(id string) error
	second        func() error
}

func newVendor(name string) *vendor { return &vendor{name: name, users: map[string]*userapi.User{}} }

func (v *vendor) note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.log = append(v.log, fmt.Sprintf(format, args...))
}

func (v *vendor) calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{}, v.log...)
}

func (v *vendor) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.users)
}

func (v *vendor) fail(kind userapi.Kind, outcome userapi.Outcome, status int) *userapi.Error {
	return &userapi.Error{Provider: v.name, Op: "create user", Kind: kind, Outcome: outcome, StatusCode: status}
}

func (v *vendor) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	v.note("create %s", req.Email)
	if v.before != nil {
		if err := v.before(ctx, req); err != nil {
			return nil, err
		}
	}
	v.mu.Lock()
	if v.users[req.Email] != nil {
		v.mu.Unlock()
		return nil, v.fail(userapi.KindConflict, userapi.OutcomeRejected, 409)
	}
	u := &userapi.User{
		Provider: v.name, ID: fmt.Sprintf("%s-%d", v.name, len(v.users)+1), Email: req.Email, ExternalID: req.ExternalID,
		CreatedAt: time.Now(), Proof: userapi.ProofReply, Raw: []byte("{}"),
	}
	v.users[req.Email] = u
	v.mu.Unlock()
	if v.after != nil {
		if err := v.after(ctx, req); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// A full vendor can be asked, and so on; it alone has the abilities.
type full struct{ *vendor }

func (v full) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	if ctx.Err() != nil {
		return nil, v.fail(userapi.KindCanceled, userapi.OutcomeUnknown, 0)
	}
	v.note("resolve %s", req.Email)
	if v.look != nil {
		if err := v.look(); err != nil {
			return nil, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch u := v.users[req.Email]; {
	case u == nil:
		return nil, v.fail(userapi.KindNotFound, userapi.OutcomeRejected, 404)
	case u.CreatedAt.Before(since.Add(-2 * time.Second)):
		return nil, v.fail(userapi.KindConflict, userapi.OutcomeRejected, 200)
	default:
		found := *u
		found.Proof = userapi.ProofKey
		return &found, nil
	}
}

func (v full) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if ctx.Err() != nil {
		return nil, v.fail(userapi.KindCanceled, userapi.OutcomeNotSent, 0)
	}
	return v.CreateUser(ctx, req)
}

func (v full) FinishUser(context.Context, userapi.CreateUserRequest, *userapi.User) error {
	v.note("finish")
	if v.second != nil {
		return v.second()
	}
	return nil
}

func (v full) DeleteUser(_ context.Context, id string) error {
	v.note("delete %s", id)
	if v.remove != nil {
		if err := v.remove(id); err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for email, u := range v.users {
		if u.ID == id {
			delete(v.users, email)
			return nil
		}
	}
	return v.fail(userapi.KindNotFound, userapi.OutcomeRejected, 404)
}

func (v full) PreflightUser(req userapi.CreateUserRequest) error {
	if req.Email == "" {
		e := v.fail(userapi.KindInvalid, userapi.OutcomeNotSent, 0)
		e.FieldErrors = []userapi.FieldError{{Field: "Email", Code: "required", Message: "is required"}}
		return e
	}
	return nil
}

var ann = userapi.CreateUserRequest{IdempotencyKey: "sign-up 1", ExternalID: "17", Email: "planted-ann@example.com", Password: "planted-password"}

func provisioner(t *testing.T, ledger provision.Ledger, targets []provision.Target, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(ledger, targets, opts...)
	require.NoError(t, err)
	return p
}

// dispositions lists what became of each target.
func dispositions(results []provision.Result) string {
	var all []string
	for _, r := range results {
		all = append(all, r.Target+" "+r.Disposition.String())
	}
	return strings.Join(all, ", ")
}

// states lists what the ledger has of a key.
func states(t *testing.T, l provision.Ledger, key string) string {
	t.Helper()
	records, err := l.Load(t.Context(), key)
	require.NoError(t, err)
	var all []string
	for _, r := range records {
		all = append(all, r.Target+" "+string(r.State))
	}
	return strings.Join(all, ", ")
}

func failureOf(t *testing.T, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	idp, chat, crm := newVendor("idp"), newVendor("chat"), newVendor("crm")
	var got map[string]*userapi.User
	targets := []provision.Target{
		{Name: "crm", Creator: full{crm}, After: []string{"idp"}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			got = users
			req.ExternalID = users["idp"].ID
			users["idp"].ID = "changed"
			return req
		}},
		{Name: "idp", Creator: full{idp}},
		{Name: "chat", Creator: full{chat}},
	}
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, targets)

	results, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Equal(t, "crm created, idp created, chat created", dispositions(results))
	assert.Equal(t, "idp-1", results[1].User.ID, "Map has a copy")
	assert.Equal(t, "idp-1", crm.users[ann.Email].ExternalID)
	assert.Len(t, got, 1, "the users of the targets before, and no others")
	assert.Equal(t, "chat created, crm created, idp created", states(t, ledger, ann.IdempotencyKey))
	for _, r := range results {
		assert.False(t, r.Recorded)
		assert.Equal(t, ann.IdempotencyKey, r.IdempotencyKey)
	}

	// A second run does nothing, and needs no password.
	again := ann
	again.Password = ""
	results, err = p.CreateUser(t.Context(), again)
	require.NoError(t, err)
	assert.Equal(t, "crm created, idp created, chat created", dispositions(results))
	assert.Equal(t, &userapi.User{Provider: "idp", ID: "idp-1", Proof: userapi.ProofReply}, results[1].User)
	assert.True(t, results[1].Recorded)
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, crm.calls(), 1)
}

// TestFailuresAreApart: one vendor's failure keeps no other from its user, and the next
// run does only what is left.
func TestFailuresAreApart(t *testing.T) {
	t.Parallel()
	idp, chat, crm, wallet := newVendor("idp"), newVendor("chat"), newVendor("crm"), newVendor("wallet")
	down := true
	chat.before = func(context.Context, userapi.CreateUserRequest) error {
		if down {
			return chat.fail(userapi.KindForbidden, userapi.OutcomeRejected, 403)
		}
		return nil
	}
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{
		{Name: "idp", Creator: full{idp}},
		{Name: "chat", Creator: full{chat}},
		{Name: "crm", Creator: full{crm}, After: []string{"chat"}},
		{Name: "wallet", Creator: full{wallet}, After: []string{"crm"}},
	})
	results, err := p.CreateUser(t.Context(), ann)
	assert.Equal(t, "idp created, chat rejected, crm not_sent, wallet not_sent", dispositions(results))
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.ErrorContains(t, err, "chat: ")
	assert.Contains(t, results[2].Err.Error(), "After: chat has no user")
	assert.Equal(t, "chat rejected, crm queued, idp created, wallet queued", states(t, ledger, ann.IdempotencyKey))

	down = false
	results, err = p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Equal(t, "idp created, chat created, crm created, wallet created", dispositions(results))
	assert.Len(t, idp.calls(), 1, "done is done")
}

// TestInvalidRequests: what can be seen to fail locally is sent nowhere.
func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{
		{Name: "idp", Creator: full{idp}},
		{Name: "chat", Creator: full{chat}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
			req.Email = ""
			return req
		}},
	})
	results, err := p.CreateUser(t.Context(), ann)
	assert.Equal(t, "idp not_sent, chat not_sent", dispositions(results))
	require.ErrorIs(t, results[1].Err, userapi.ErrInvalid)
	assert.Equal(t, "Email", failureOf(t, results[1].Err).FieldErrors[0].Field)
	assert.Contains(t, results[0].Err.Error(), "invalid for chat")
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Empty(t, idp.calls())
	assert.Empty(t, states(t, ledger, ann.IdempotencyKey))

	for _, key := range []string{"", "a\nb", strings.Repeat("x", 256), "\xff"} {
		req := ann
		req.IdempotencyKey = key
		results, err := p.CreateUser(t.Context(), req)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, "IdempotencyKey", failureOf(t, err).FieldErrors[0].Field)
		assert.Len(t, results, 2)
	}
	req := ann
	req.Attributes = map[string]any{"f": func() {}}
	_, err = p.CreateUser(t.Context(), req)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "Attributes", failureOf(t, err).FieldErrors[0].Field)
}

// TestAnotherRequestReplaces: while there is no user of a key, and nothing open, another
// request takes it.
func TestAnotherRequestReplaces(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	idp.before = func(context.Context, userapi.CreateUserRequest) error {
		return idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	}
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrRateLimited)
	idp.before = nil
	other := ann
	other.Email = "other@example.com"
	_, err = p.CreateUser(t.Context(), other)
	require.NoError(t, err)
	_, err = p.CreateUser(t.Context(), other)
	require.NoError(t, err)
	assert.Equal(t, []string{"create " + ann.Email, "create " + other.Email}, idp.calls())
	_, err = p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrInvalid)
}

// TestAnotherRequestMends: where a target refused the request as invalid, another one goes
// to it, and to no target that has a user.
func TestAnotherRequestMends(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	crm.before = func(_ context.Context, req userapi.CreateUserRequest) error {
		if req.FullName == "" {
			return crm.fail(userapi.KindInvalid, userapi.OutcomeRejected, 400)
		}
		return nil
	}
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "crm", Creator: full{crm}, After: []string{"idp"}}})
	results, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	require.Equal(t, "idp created, crm rejected", dispositions(results))

	mended := ann
	mended.FullName = "Ann Smith"
	results, err = p.CreateUser(t.Context(), mended)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "idp created, crm created", dispositions(results))
	kept := failureOf(t, results[0].Err)
	assert.Equal(t, "request_changed", kept.Code)
	assert.Equal(t, userapi.OutcomeCreated, kept.Outcome)
	assert.Equal(t, "IdempotencyKey different", kept.FieldErrors[0].Field+" "+kept.FieldErrors[0].Code)
	require.NoError(t, results[1].Err)

	results, err = p.CreateUser(t.Context(), mended)
	require.NoError(t, err, "it is the key's request from now on")
	assert.Equal(t, "idp created, crm created", dispositions(results))
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, crm.calls(), 2)
}

// TestFaultOfALaterTarget: a fault that can be seen locally is seen before anything is
// sent, also at a target that waits for another's user.
func TestFaultOfALaterTarget(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{idp}}, {
		Name: "crm", Creator: short{full{crm}}, After: []string{"idp"},
		Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			req.ExternalID = users["idp"].ID
			return req
		},
	}})
	long := ann
	long.FullName = strings.Repeat("n", 41)
	results, err := p.CreateUser(t.Context(), long)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, "idp not_sent, crm not_sent", dispositions(results))
	assert.Equal(t, userapi.KindInvalid, failureOf(t, results[0].Err).Kind)
	assert.Equal(t, "other_target", failureOf(t, results[0].Err).Code)
	assert.Equal(t, "FullName", failureOf(t, results[1].Err).FieldErrors[0].Field)
	records, err := ledger.Load(t.Context(), ann.IdempotencyKey)
	require.NoError(t, err)
	assert.Empty(t, records)
	results, err = p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Equal(t, "idp created, crm created", dispositions(results))
}

// short refuses long names before it sends anything.
type short struct{ full }

func (short) PreflightUser(req userapi.CreateUserRequest) error {
	if len(req.FullName) > 40 {
		return &userapi.Error{Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
			{Field: "FullName", Code: userapi.CodeTooLong},
		}}
	}
	return nil
}

// TestUnknownIsResolvedFirst: a run that was cut off is taken up by asking.
func TestUnknownIsResolvedFirst(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp := newVendor("idp")
			ledger := new(provision.Memory)
			targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
			crash := func(context.Context, userapi.CreateUserRequest) error { panic("killed") }
			if made {
				idp.after = crash
			} else {
				idp.before = crash
			}
			p := provisioner(t, ledger, targets)
			require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
			assert.Equal(t, "idp intent", states(t, ledger, ann.IdempotencyKey))
			idp.before, idp.after = nil, nil

			// The run that panicked may be at work for what another one knows.
			resumed, err := provisioner(t, ledger, targets).Resume(t.Context(), loadAnn)
			require.NoError(t, err)
			assert.Empty(t, resumed)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			results, err := provisioner(t, ledger, targets).CreateUser(ctx, ann)
			cancel()
			require.ErrorIs(t, err, userapi.ErrTimeout)
			assert.Equal(t, "in_progress", failureOf(t, results[0].Err).Code)
			assert.True(t, userapi.MayHaveCreated(err))

			begun := time.Now()
			results, err = provisioner(t, ledger, targets).CreateUser(t.Context(), ann)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, time.Since(begun), 118*time.Second, "the lease is waited for")
			assert.Equal(t, 1, idp.count())
			if made {
				assert.Equal(t, provision.DispositionRecovered, results[0].Disposition)
				assert.Equal(t, []string{"create " + ann.Email, "resolve " + ann.Email, "finish"}, idp.calls())
			} else {
				assert.Equal(t, provision.DispositionCreated, results[0].Disposition)
				assert.Equal(t, []string{"create " + ann.Email, "resolve " + ann.Email, "create " + ann.Email}, idp.calls())
			}
			assert.WithinDuration(t, begun, results[0].Started, 2*time.Second)
		})
	}
}

func loadAnn(context.Context, string) (userapi.CreateUserRequest, error) { return ann, nil }

// TestUndecided: what cannot be asked stays unknown until a person decides.
func TestUndecided(t *testing.T) {
	t.Parallel()
	wallet := newVendor("wallet")
	lost := true
	wallet.after = func(context.Context, userapi.CreateUserRequest) error {
		if lost {
			return wallet.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		return nil
	}
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "wallet", Creator: wallet}})
	_, err := p.CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrTimeout)
	for range 2 {
		results, err := p.CreateUser(t.Context(), ann)
		require.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "wallet unknown", dispositions(results))
		resumed, err := p.Resume(t.Context(), loadAnn)
		require.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, "wallet unknown", dispositions(resumed[0].Results))
	}
	assert.Len(t, wallet.calls(), 1)

	for _, d := range []provision.Decision{{}, provision.UserExists("")} {
		_, err = p.Decide(t.Context(), ann.IdempotencyKey, "wallet", d)
		require.ErrorIs(t, err, userapi.ErrInvalid)
	}
	_, err = p.Decide(t.Context(), "another", "wallet", provision.UserAbsent())
	require.ErrorIs(t, err, userapi.ErrNotFound)

	res, err := p.Decide(t.Context(), ann.IdempotencyKey, "wallet", provision.UserExists("w-9"))
	require.NoError(t, err)
	assert.Equal(t, "w-9", res.User.ID)
	results, err := p.CreateUser(t.Context(), ann)
	require.NoError(t, err)
	assert.Equal(t, "wallet recovered", dispositions(results))
	_, err = p.Decide(t.Context(), ann.IdempotencyKey, "wallet", provision.UserAbsent())
	require.ErrorIs(t, err, userapi.ErrInvalid, "what is known is not decided")
	results, err = p.Undo(t.Context(), ann.IdempotencyKey)
	require.Error(t, err)
	assert.Equal(t, "not_proven", failureOf(t, results[0].Err).Code)

	// Absent: the next run creates.
	bob := ann
	bob.IdempotencyKey, bob.Email = "bob", "bob@example.com"
	_, err = p.CreateUser(t.Context(), bob)
	require.Error(t, err)
	delete(wallet.users, bob.Email)
	res, err = p.Decide(t.Context(), "bob", "wallet", provision.UserAbsent())
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRejected, res.Disposition)
	lost = false
	results, err = p.CreateUser(t.Context(), bob)
	require.NoError(t, err)
	assert.Equal(t, "wallet created", dispositions(results))
}

// TestRunsWithOneKey: runs at the same time create each user once.
func TestRunsWithOneKey(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	release := make(chan struct{})
	idp.before = func(context.Context, userapi.CreateUserRequest) error { <-release; return nil }
	ledger := new(provision.Memory)
	targets := []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			p := provisioner(t, ledger, targets)
			results, err := p.CreateUser(t.Context(), ann)
			assert.NoError(t, err)
			assert.Equal(t, "idp created, chat created", dispositions(results))
			if i == 0 {
				assert.Len(t, results, 2)
			}
		})
	}
	close(release)
	wg.Wait()
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, chat.calls(), 1)
}

// TestSecondStep: a user whose second step failed exists, and the next run finishes it.
func TestSecondStep(t *testing.T) {
	t.Parallel()
	crm := newVendor("crm")
	crm.after = func(context.Context, userapi.CreateUserRequest) error {
		e := crm.fail(userapi.KindUnavailable, userapi.OutcomeCreated, 503)
		e.User = crm.users[ann.Email]
		return e
	}
	broken := errors.New("broken")
	crm.second = func() error { return broken }
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "crm", Creator: full{crm}}})
	for range 2 {
		results, err := p.CreateUser(t.Context(), ann)
		require.Error(t, err)
		assert.Equal(t, "crm created", dispositions(results))
		assert.Equal(t, "crm-1", results[0].User.ID)
		keys, err := ledger.Open(t.Context(), "", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{ann.IdempotencyKey}, keys)
	}
	broken = nil
	resumed, err := p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Equal(t, "crm created", dispositions(resumed[0].Results))
	resumed, err = p.Resume(t.Context(), loadAnn)
	require.NoError(t, err)
	assert.Empty(t, resumed)
	assert.Equal(t, []string{"create " + ann.Email, "finish", "finish", "finish"}, crm.calls())
}
