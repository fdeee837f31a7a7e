package provision_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// A vendor is a small creator with state, whose answers a test can break.
type vendor struct {
	name string
	mu   sync.Mutex
	// users are the users by e-mail address, which identifies the request.
	users map[string]*userapi.User
	log   []string
	// before is called before a create, and after is called after it. The error that they return is
	// the create's error.
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

// fails returns a before or after that fails every create.
func (v *vendor) fails(kind userapi.Kind, outcome userapi.Outcome, status int) func(context.Context, userapi.CreateUserRequest) error {
	return func(context.Context, userapi.CreateUserRequest) error { return v.fail(kind, outcome, status) }
}

// These functions are a before or an after. With lose a create gets no reply, kill ends the run,
// and with unavailable a look-up fails.
func lose(v *vendor) func(context.Context, userapi.CreateUserRequest) error {
	return v.fails(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
}

func kill(context.Context, userapi.CreateUserRequest) error { panic("killed") }

func unavailable(v *vendor) func() error {
	return func() error { return v.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
}

// half makes a vendor's first step succeed and its second step fail.
func half(v *vendor) {
	v.after = func(_ context.Context, req userapi.CreateUserRequest) error {
		e := v.fail(userapi.KindUnavailable, userapi.OutcomeCreated, 503)
		e.User = v.users[req.Email]
		return e
	}
	v.second = func() error { return errDisk }
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

// A full vendor has every ability.
type full struct{ *vendor }

func (v full) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, v.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
	} else if ctx.Err() != nil {
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

// An asked vendor has only look-ups.
type asked struct {
	*vendor
	userapi.Resolver
}

var ann = userapi.CreateUserRequest{IdempotencyKey: "sign-up 1", ExternalID: "17", Email: "planted-ann@example.com", Password: "planted-password"}

// mended and other are other requests with ann's key.
var mended, other = with(func(r *userapi.CreateUserRequest) { r.FullName = "Ann Smith" }), with(func(r *userapi.CreateUserRequest) { r.Email = "other@example.com" })

// with returns ann's request, changed.
func with(change func(r *userapi.CreateUserRequest)) userapi.CreateUserRequest {
	req := ann
	change(&req)
	return req
}

// person returns another person's request.
func person(key string) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{IdempotencyKey: key, Email: key + "@example.com"}
}

func loadAnn(context.Context, string) (userapi.CreateUserRequest, error) { return ann, nil }

func provisioner(t *testing.T, ledger provision.Ledger, targets []provision.Target, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(ledger, targets, opts...)
	require.NoError(t, err)
	return p
}

func one(name string, c userapi.Creator) []provision.Target {
	return []provision.Target{{Name: name, Creator: c}}
}

// beside returns independent targets, and chain dependent ones.
func beside(vendors ...*vendor) (targets []provision.Target) {
	for _, v := range vendors {
		targets = append(targets, provision.Target{Name: v.name, Creator: full{v}})
	}
	return targets
}

func chain(vendors ...*vendor) []provision.Target {
	targets := beside(vendors...)
	for i := range targets[1:] {
		targets[i+1].After = []string{targets[i].Name}
	}
	return targets
}

// idOf returns a Map that uses an earlier user's id as the ExternalID.
func idOf(target string) func(userapi.CreateUserRequest, map[string]*userapi.User) userapi.CreateUserRequest {
	return func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
		req.ExternalID = users[target].ID
		return req
	}
}

// single returns a Provisioner of one vendor, with a ledger that a test can break.
func single(t *testing.T, opts ...provision.Option) (*vendor, *faulty, *provision.Provisioner) {
	t.Helper()
	idp, ledger := newVendor("idp"), &faulty{Ledger: new(provision.Memory)}
	return idp, ledger, provisioner(t, ledger, one("idp", full{idp}), append(opts, testKey)...)
}

// loseCreate loses ann's create at a vendor whose look-ups fail too, and then repairs the vendor.
// made means that the user was created.
func loseCreate(t *testing.T, p *provision.Provisioner, v *vendor, made bool) {
	t.Helper()
	v.before, v.look = lose(v), unavailable(v)
	if made {
		v.before, v.after = nil, lose(v)
	}
	_, err := p.CreateUser(t.Context(), ann)
	require.True(t, userapi.MayHaveCreated(err))
	v.before, v.after, v.look = nil, nil, nil
}

// killCreate kills ann's create, before or after the user was created.
func killCreate(t *testing.T, p *provision.Provisioner, v *vendor, made bool) {
	t.Helper()
	v.before = kill
	if made {
		v.before, v.after = nil, kill
	}
	require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), ann) })
	v.before, v.after = nil, nil
}

// done checks the result of each target, and that nothing is left to do: done(t, "idp
// created")(p.CreateUser(ctx, ann)).
func done(t *testing.T, want string) func([]provision.Result, error) []provision.Result {
	t.Helper()
	return func(results []provision.Result, err error) []provision.Result {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, dispositions(results))
		return results
	}
}

// left is done for a sign-up with something left. is is an error that the call's matches, or the
// code of the first failure, which left returns. Each error must agree with its result about the
// user.
func left(t *testing.T, want string, is any) func([]provision.Result, error) *userapi.Error {
	t.Helper()
	return func(results []provision.Result, err error) *userapi.Error {
		t.Helper()
		require.Equal(t, want, dispositions(results))
		for _, r := range results {
			exists := r.Disposition == provision.DispositionUnknown || r.Disposition >= provision.DispositionCreated && r.Disposition <= provision.DispositionExisting
			assert.Equal(t, exists, r.Err == nil && r.User != nil || userapi.MayHaveCreated(r.Err), r)
		}
		e := failureOf(t, err)
		if match, ok := is.(error); ok {
			require.ErrorIs(t, err, match)
		} else {
			require.Equal(t, is, e.Code)
		}
		return e
	}
}

// resume resumes ann's sign-up. It returns no results if none is open.
func resume(t *testing.T, p *provision.Provisioner) ([]provision.Result, error) {
	t.Helper()
	resumed, err := p.Resume(t.Context(), loadAnn)
	if len(resumed) == 0 {
		return nil, err
	}
	require.Len(t, resumed, 1)
	assert.Equal(t, ann.IdempotencyKey, resumed[0].Key)
	return resumed[0].Results, err
}

// dispositions lists the disposition of each target.
func dispositions(results []provision.Result) string {
	var all []string
	for _, r := range results {
		all = append(all, r.Target+" "+r.Disposition.String())
	}
	return strings.Join(all, ", ")
}

// states lists the ledger's states of a key.
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

// only returns the only record of a key's target.
func only(t *testing.T, l provision.Ledger, key, target string) provision.Record {
	t.Helper()
	records, err := l.Load(t.Context(), key)
	require.NoError(t, err)
	i := slices.IndexFunc(records, func(r provision.Record) bool { return r.Target == target })
	require.GreaterOrEqual(t, i, 0)
	return records[i]
}

// rewrite changes a record in the ledger, as another run or a person would.
func rewrite(t *testing.T, l provision.Ledger, key, target string, change func(r *provision.Record)) {
	t.Helper()
	r := only(t, l, key, target)
	change(&r)
	require.NoError(t, l.Store(t.Context(), r))
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
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{
		{Name: "crm", Creator: full{crm}, After: []string{"idp"}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			got = users
			own := userapi.CreateUserRequest{Email: req.Email, ExternalID: users["idp"].ID}
			users["idp"].ID = "changed"
			return own
		}},
		{Name: "idp", Creator: full{idp}},
		{Name: "chat", Creator: full{chat}},
	})
	crm.before = func(_ context.Context, req userapi.CreateUserRequest) error {
		assert.Equal(t, ann.IdempotencyKey, req.IdempotencyKey, "also of a request that Map makes from nothing")
		return nil
	}
	results := done(t, "crm created, idp created, chat created")(p.CreateUser(t.Context(), ann))
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
	results = done(t, "crm created, idp created, chat created")(p.CreateUser(t.Context(), again))
	assert.Equal(t, &userapi.User{Provider: "idp", ID: "idp-1", Proof: userapi.ProofReply}, results[1].User)
	assert.True(t, results[1].Recorded)
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, crm.calls(), 1)
}

// TestFailuresAreApart: a vendor's failure does not keep the others from creating users, and the
// next run does only the rest.
func TestFailuresAreApart(t *testing.T) {
	t.Parallel()
	idp, chat, crm, wallet := newVendor("idp"), newVendor("chat"), newVendor("crm"), newVendor("wallet")
	chat.before = chat.fails(userapi.KindForbidden, userapi.OutcomeRejected, 403)
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, append(one("idp", full{idp}), chain(chat, crm, wallet)...))
	results, err := p.CreateUser(t.Context(), ann)
	left(t, "idp created, chat rejected, crm not_sent, wallet not_sent", userapi.ErrForbidden)(results, err)
	assert.ErrorContains(t, err, "chat: ")
	assert.Contains(t, results[2].Err.Error(), "After: chat has no user")
	assert.Equal(t, "chat rejected, crm queued, idp created, wallet queued", states(t, ledger, ann.IdempotencyKey))
	results, err = resume(t, p)
	left(t, "idp created, chat rejected, crm not_sent, wallet not_sent", userapi.ErrForbidden)(results, err)
	assert.ErrorContains(t, err, "crm: ", "nobody else is at work on it")

	chat.before = nil
	done(t, "idp created, chat created, crm created, wallet created")(p.CreateUser(t.Context(), ann))
	assert.Len(t, idp.calls(), 1, "done is done")
}

// short refuses long names before it sends anything.
type short struct{ full }

func (s short) PreflightUser(req userapi.CreateUserRequest) error {
	if len(req.FullName) > 40 {
		return &userapi.Error{Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{
			{Field: "FullName", Code: userapi.CodeTooLong},
		}}
	}
	return s.full.PreflightUser(req)
}

// checksBadly is a Preflighter whose errors have no outcome.
type checksBadly struct{ full }

func (checksBadly) PreflightUser(userapi.CreateUserRequest) error { return errDisk }

// TestInvalidRequests: a request with a locally detected fault is sent nowhere and not recorded.
// That is also true of a fault at a waiting target, and for every error of a Preflighter.
func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	long, nobody := ann, ann
	long.FullName, nobody.Email = strings.Repeat("n", 41), ""
	noEmail := func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
		req.Email = ""
		return req
	}
	for name, tt := range map[string]struct {
		target provision.Target
		req    userapi.CreateUserRequest
		field  string // "" for an error without a field
	}{
		"its own request": {provision.Target{Map: noEmail}, ann, "Email"},
		"waits":           {provision.Target{After: []string{"idp"}}, nobody, "Email"},
		"waits, and maps": {provision.Target{After: []string{"idp"}, Map: idOf("idp")}, long, "FullName"},
		"checks badly":    {provision.Target{Creator: checksBadly{full{newVendor("crm")}}}, ann, ""},
	} {
		idp, crm, ledger := newVendor("idp"), newVendor("crm"), new(provision.Memory)
		tt.target.Name = "crm"
		if tt.target.Creator == nil {
			tt.target.Creator = short{full{crm}}
		}
		p := provisioner(t, ledger, append(one("idp", idp), tt.target))
		results, err := p.CreateUser(t.Context(), tt.req)
		left(t, "idp not_sent, crm not_sent", "other_target")(results, err)
		require.ErrorIs(t, results[0].Err, userapi.ErrInvalid)
		assert.Contains(t, results[0].Err.Error(), "invalid for crm")
		queued := p.Queue(t.Context(), nil, tt.req)
		assert.NotContains(t, queued.Error(), "idp: ", "it names only the target at fault")
		for _, err := range []error{results[1].Err, queued} {
			if tt.field == "" {
				require.ErrorIs(t, err, errDisk, name)
			} else {
				require.ErrorIs(t, err, userapi.ErrInvalid, name)
				assert.Equal(t, tt.field, failureOf(t, err).FieldErrors[0].Field, name)
			}
		}
		assert.Empty(t, append(idp.calls(), crm.calls()...), name)
		assert.Empty(t, states(t, ledger, ann.IdempotencyKey), name)
	}

	idp, _, p := single(t)
	unencodable := map[string]any{"f": func() {}}
	for _, tt := range []struct {
		key        string
		attributes map[string]any
		field      string
	}{
		{"", unencodable, "IdempotencyKey"}, {"a\nb", unencodable, "IdempotencyKey"},
		{strings.Repeat("x", 256), unencodable, "IdempotencyKey"}, {"\xff", unencodable, "IdempotencyKey"},
		{"k", unencodable, "Attributes"},
		// JSON replaces all invalid UTF-8 by one character, so such names are the same.
		{"k", map[string]any{"\xff": 1, "\xfe": 2, "\xfd": 3}, "Attributes"},
	} {
		req := ann
		req.IdempotencyKey, req.Attributes = tt.key, tt.attributes
		e := left(t, "idp not_sent", userapi.ErrInvalid)(p.CreateUser(t.Context(), req))
		assert.Equal(t, tt.field, e.FieldErrors[0].Field)
	}
	assert.Empty(t, idp.calls())
}

// TestAnotherRequestReplaces: if a key has no user and nothing open, another request replaces the
// first one.
func TestAnotherRequestReplaces(t *testing.T) {
	t.Parallel()
	idp, _, p := single(t)
	idp.before = idp.fails(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	left(t, "idp rejected", userapi.ErrRateLimited)(p.CreateUser(t.Context(), ann))
	idp.before = nil
	resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { return other, nil })
	require.ErrorIs(t, err, userapi.ErrInvalid, "a sign-up that is resumed keeps its request")
	require.Equal(t, "idp rejected", dispositions(resumed[0].Results))
	for range 2 {
		done(t, "idp created")(p.CreateUser(t.Context(), other))
	}
	assert.Equal(t, []string{"create " + ann.Email, "create " + other.Email}, idp.calls())
	e := left(t, "idp created", "request_changed")(p.CreateUser(t.Context(), ann))
	assert.Equal(t, userapi.KindInvalid, e.Kind)
}

// TestAnotherRequestMends: if a target refused the request as invalid, another request goes to it,
// and to no target that has a user. Waiting targets are left to the next run.
func TestAnotherRequestMends(t *testing.T) {
	t.Parallel()
	idp, crm, late, ledger := newVendor("idp"), newVendor("crm"), newVendor("late"), new(provision.Memory)
	crm.before = needsName(crm)
	p := provisioner(t, ledger, chain(idp, crm, late))
	left(t, "idp created, crm rejected, late not_sent", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))

	results, err := p.CreateUser(t.Context(), mended)
	kept := left(t, "idp created, crm created, late not_sent", "request_changed")(results, err)
	assert.Equal(t, userapi.OutcomeCreated, kept.Outcome)
	assert.Equal(t, "IdempotencyKey different", kept.FieldErrors[0].Field+" "+kept.FieldErrors[0].Code)
	require.NoError(t, results[1].Err)
	assert.Equal(t, "crm created, idp created, late queued", states(t, ledger, ann.IdempotencyKey))
	done(t, "idp created, crm created, late created")(p.CreateUser(t.Context(), mended)) // it is now the key's request
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, crm.calls(), 2)
}

// TestAnotherRequestMendsAConflict: a taken user name can be replaced.
func TestAnotherRequestMendsAConflict(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	crm.before = func(_ context.Context, req userapi.CreateUserRequest) error {
		if req.FullName == "" {
			return crm.fail(userapi.KindConflict, userapi.OutcomeRejected, 409)
		}
		return nil
	}
	p := provisioner(t, new(provision.Memory), chain(idp, crm))
	left(t, "idp created, crm rejected", userapi.ErrConflict)(p.CreateUser(t.Context(), ann))
	left(t, "idp created, crm created", "request_changed")(p.CreateUser(t.Context(), mended))
	assert.Len(t, idp.calls(), 1)
}

// TestRetry: a refused target is retried, and a target that another run holds is skipped.
func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, ledger, p := single(t)
		idp.before = idp.fails(userapi.KindConflict, userapi.OutcomeRejected, 409)
		left(t, "idp rejected", userapi.ErrConflict)(p.Retry(t.Context(), ann))
		left(t, "idp rejected", "recorded")(p.Continue(t.Context(), ann))
		assert.Len(t, idp.calls(), 1)
		idp.before = nil
		done(t, "idp created")(p.Retry(t.Context(), ann))
		done(t, "idp created")(p.Retry(t.Context(), ann))
		assert.Len(t, idp.calls(), 2)

		idp.before = kill
		assert.Panics(t, func() { _, _ = p.CreateUser(t.Context(), person("2")) })
		begun := time.Now()
		results, err := p.Retry(t.Context(), person("2"))
		require.NoError(t, err)
		assert.Equal(t, "idp unknown", dispositions(results))
		assert.Less(t, time.Since(begun), time.Second)
		assert.Equal(t, "idp intent", states(t, ledger, "2"))
	})
}

// TestMendedRequestIsNotForAll: a target that keeps its user does not get the corrected request. If
// that target would refuse the request, the others still get it.
func TestMendedRequestIsNotForAll(t *testing.T) {
	t.Parallel()
	idp, crm := newVendor("idp"), newVendor("crm")
	crm.before = needsName(crm)
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: short{full{idp}}}, {Name: "crm", Creator: full{crm}, After: []string{"idp"}}})
	left(t, "idp created, crm rejected", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))
	mended := with(func(r *userapi.CreateUserRequest) { r.FullName = strings.Repeat("n", 41) }) // too long only for the idp
	left(t, "idp created, crm created", "request_changed")(p.CreateUser(t.Context(), mended))
}

// needsName returns a before that refuses a request without a name.
func needsName(v *vendor) func(context.Context, userapi.CreateUserRequest) error {
	return func(_ context.Context, req userapi.CreateUserRequest) error {
		if req.FullName == "" {
			return v.fail(userapi.KindInvalid, userapi.OutcomeRejected, 400)
		}
		return nil
	}
}

// TestMendedRequestIsOpen: a target is open until it gets the corrected request, whatever it said
// of the earlier one. Resume and Continue send it.
func TestMendedRequestIsOpen(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		idp, crm, ledger := newVendor("idp"), newVendor("crm"), &faulty{Ledger: new(provision.Memory)}
		crm.before = needsName(crm)
		p := provisioner(t, ledger, chain(idp, crm), testKey)
		left(t, "idp created, crm rejected", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))
		if killed {
			ledger.stored = func([]provision.Record) error { panic("killed") }
			require.Panics(t, func() { _, _ = p.CreateUser(t.Context(), mended) })
			ledger.stored = nil
			assert.Equal(t, "crm queued, idp created", states(t, ledger, ann.IdempotencyKey))
			resumed, err := p.Resume(t.Context(), func(context.Context, string) (userapi.CreateUserRequest, error) { return mended, nil })
			require.NoError(t, err)
			require.Len(t, resumed, 1)
		} else {
			left(t, "idp created, crm created", "request_changed")(p.Continue(t.Context(), mended))
		}
		assert.Equal(t, "crm created, idp created", states(t, ledger, ann.IdempotencyKey))
		assert.Len(t, idp.calls(), 1)
	}
}

// TestMendedAtOnce: two runs have the same corrected request. The second one finds it already
// stored, and says so.
func TestMendedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, crm, ledger := newVendor("idp"), newVendor("crm"), &faulty{Ledger: new(provision.Memory)}
		crm.before = needsName(crm)
		p := provisioner(t, ledger, chain(idp, crm), testKey)
		left(t, "idp created, crm rejected", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))
		ledger.store = func([]provision.Record) error {
			ledger.store = nil
			left(t, "idp created, crm created", "request_changed")(p.CreateUser(t.Context(), mended))
			return nil
		}
		done(t, "idp created, crm created")(p.CreateUser(t.Context(), mended))
		assert.Len(t, idp.calls(), 1)
		assert.Len(t, crm.calls(), 2)
	})
}

// TestMendedRequestThatIsInvalid: each target that should get the request reports its own fault.
// That includes a newly added target.
func TestMendedRequestThatIsInvalid(t *testing.T) {
	t.Parallel()
	idp, crm, chat, ledger := newVendor("idp"), newVendor("crm"), newVendor("chat"), new(provision.Memory)
	crm.before = needsName(crm)
	left(t, "idp created, crm rejected", userapi.ErrInvalid)(provisioner(t, ledger, beside(idp, crm)).CreateUser(t.Context(), ann))
	targets := beside(idp, crm, chat)
	targets[2].Map = func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
		req.Email = ""
		return req
	}
	results, err := provisioner(t, ledger, targets).CreateUser(t.Context(), mended)
	left(t, "idp created, crm not_sent, chat not_sent", userapi.ErrInvalid)(results, err)
	require.ErrorContains(t, results[1].Err, "invalid for chat")
	require.ErrorContains(t, results[2].Err, "Email: is required")
	assert.Equal(t, "crm rejected, idp created", states(t, ledger, ann.IdempotencyKey))
	assert.Len(t, crm.calls(), 1)
	assert.Empty(t, chat.calls())
}

// TestAnotherRequestThatIsNotStored: the request is sent nowhere. Otherwise the ledger would have
// its users under the earlier request.
func TestAnotherRequestThatIsNotStored(t *testing.T) {
	t.Parallel()
	for _, mends := range []bool{false, true} {
		idp, crm, ledger := newVendor("idp"), newVendor("crm"), &faulty{Ledger: new(provision.Memory)}
		crm.before = needsName(crm)
		before, want := "rejected", "not_sent"
		if mends {
			before, want = "created", "created"
		} else {
			idp.before = needsName(idp)
		}
		p := provisioner(t, ledger, beside(idp, crm), testKey)
		left(t, "idp "+before+", crm rejected", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))
		ledger.store = func([]provision.Record) error {
			ledger.store = nil
			return errDisk
		}
		results, err := p.CreateUser(t.Context(), mended)
		require.ErrorIs(t, err, errDisk)
		left(t, "idp "+want+", crm not_sent", userapi.ErrUnavailable)(results, err)
		assert.Equal(t, "crm rejected, idp "+before, states(t, ledger, ann.IdempotencyKey))
		assert.Len(t, crm.calls(), 1)
		_, err = p.CreateUser(t.Context(), mended)
		assert.Equal(t, mends, err != nil, "who has a user says so once")
		done(t, "idp created, crm created")(p.CreateUser(t.Context(), mended))
	}
}

// TestRequestIsChangedMeanwhile: if another run has changed the key's request, a run reports the
// ledger's state and sends nothing.
func TestRequestIsChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for want, before := range map[string]func(*vendor) func(context.Context, userapi.CreateUserRequest) error{
		"idp created": nil, "idp rejected": needsName, "idp unknown": lose,
	} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			idp.before = needsName(idp)
			left(t, "idp rejected", userapi.ErrInvalid)(p.CreateUser(t.Context(), ann))
			if idp.before, idp.look = nil, unavailable(idp); before != nil {
				idp.before = before(idp)
			}
			ledger.store = func([]provision.Record) error {
				ledger.store = nil
				_, _ = p.CreateUser(t.Context(), other)
				return nil
			}
			left(t, want, "request_changed")(p.CreateUser(t.Context(), ann))
			assert.Equal(t, want, states(t, ledger, ann.IdempotencyKey))
			assert.Equal(t, []string{"create " + ann.Email, "create " + other.Email}, idp.calls()[:2])
			assert.NotContains(t, idp.calls()[1:], "create "+ann.Email)
		})
	}
}

// TestAbsenceIsSeenOnceMore: a look-up from before a slow repeat does not prove that a late create
// failed, even within Patience.
func TestAbsenceIsSeenOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp := newVendor("idp")
		idp.before = func(_ context.Context, req userapi.CreateUserRequest) error {
			idp.before = func(context.Context, userapi.CreateUserRequest) error {
				time.Sleep(10 * time.Second) // it sends repeatedly
				return idp.fail(userapi.KindRateLimited, userapi.OutcomeRejected, 429)
			}
			go func() {
				time.Sleep(2 * time.Second)
				idp.mu.Lock()
				defer idp.mu.Unlock()
				idp.users[req.Email] = &userapi.User{Provider: "idp", ID: "idp-1", Email: req.Email, CreatedAt: time.Now()}
			}()
			return lose(idp)(t.Context(), req)
		}
		res, err := provision.Ensure(t.Context(), full{idp}, ann)
		require.NoError(t, err)
		assert.Equal(t, provision.DispositionRecovered, res.Disposition)
	})
}

// TestNewTargetThatFails: if a target is added later, its fault or the ledger's does not change
// what is reported of existing users.
func TestNewTargetThatFails(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"invalid": "idp created, crm created", "ledger": "idp created, crm not_sent"} {
		idp, ledger, p := single(t)
		done(t, "idp created")(p.CreateUser(t.Context(), ann))
		crm := newVendor("crm")
		added := provision.Target{Name: "crm", Creator: full{crm}}
		if name == "invalid" {
			added.Map = func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
				req.Email = "" // the vendor itself accepts it
				return req
			}
		} else {
			ledger.store = func([]provision.Record) error { return errDisk }
		}
		results, err := provisioner(t, ledger, append(one("idp", full{idp}), added), testKey).CreateUser(t.Context(), ann)
		assert.Equal(t, want, dispositions(results), name)
		assert.Equal(t, "idp-1", results[0].User.ID)
		require.NoError(t, results[0].Err)
		if name == "ledger" {
			require.ErrorIs(t, err, errDisk)
			assert.Empty(t, crm.calls())
		}
	}
}

// TestUnknownIsResolvedFirst: an interrupted run is continued with a look-up after its lease, which
// is in the ledger. That is true even if the caller's context has ended.
func TestUnknownIsResolvedFirst(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, p := single(t)
			killCreate(t, p, idp, made)
			assert.Equal(t, "idp intent", states(t, ledger, ann.IdempotencyKey))

			// To another process, the run that panicked may still be working.
			ledger.Ledger = strict{ledger.Ledger}
			p = provisioner(t, ledger, one("idp", full{idp}), testKey)
			done(t, "")(resume(t, p))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			results, err := p.CreateUser(ctx, ann)
			cancel()
			require.ErrorIs(t, err, userapi.ErrTimeout)
			left(t, "idp unknown", "in_progress")(results, err)
			assert.True(t, userapi.MayHaveCreated(err))

			begun := time.Now()
			want, last := "idp created", "create "+ann.Email
			if made {
				want, last = "idp recovered", "finish"
			}
			results = done(t, want)(p.CreateUser(t.Context(), ann))
			assert.GreaterOrEqual(t, time.Since(begun), 118*time.Second, "the lease is waited for")
			assert.Equal(t, 1, idp.count())
			assert.Equal(t, []string{"create " + ann.Email, "resolve " + ann.Email, last}, idp.calls())
			assert.WithinDuration(t, begun, results[0].Started, 2*time.Second)
		})
	}
}

// strict is a ledger that checks the context, as a remote one does.
type strict struct{ provision.Ledger }

func (s strict) Load(ctx context.Context, key string) ([]provision.Record, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.Ledger.Load(ctx, key)
}

// TestUndecided: a create without a look-up stays unknown until a person decides.
func TestUndecided(t *testing.T) {
	t.Parallel()
	wallet, ledger := newVendor("wallet"), new(provision.Memory)
	p := provisioner(t, ledger, one("wallet", wallet))
	loseCreate(t, p, wallet, true)
	for range 2 {
		left(t, "wallet unknown", "recorded")(p.CreateUser(t.Context(), ann))
		left(t, "wallet unknown", "recorded")(resume(t, p))
	}
	assert.Len(t, wallet.calls(), 1)

	res, err := p.Decide(t.Context(), ann.IdempotencyKey, "wallet", provision.UserExists("w-9"))
	require.NoError(t, err)
	assert.Equal(t, "w-9", res.User.ID)
	done(t, "wallet recovered")(p.CreateUser(t.Context(), ann))
	left(t, "wallet recovered", "not_proven")(p.Undo(t.Context(), ann.IdempotencyKey))

	// Absent: the next run creates the user, and the record loses the decision.
	wallet.before = lose(wallet)
	_, err = p.CreateUser(t.Context(), person("bob"))
	require.Error(t, err)
	res, err = p.Decide(t.Context(), "bob", "wallet", provision.UserAbsent())
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRejected, res.Disposition)
	rewrite(t, ledger, "bob", "wallet", func(r *provision.Record) { r.UserID = "nobody's" })
	wallet.before = func(context.Context, userapi.CreateUserRequest) error {
		r := only(t, ledger, "bob", "wallet")
		assert.Equal(t, provision.StateInFlight, r.State)
		assert.Equal(t, userapi.KindUnknown, r.Kind)
		assert.Empty(t, r.UserID)
		assert.False(t, r.Decided, "it would keep the user from being undone")
		return nil
	}
	done(t, "wallet created")(p.CreateUser(t.Context(), person("bob")))
	assert.True(t, only(t, ledger, "bob", "wallet").Until.IsZero(), "nobody holds it any more")
}

// TestRunsWithOneKey: concurrent runs create each user once.
func TestRunsWithOneKey(t *testing.T) {
	t.Parallel()
	idp, chat := newVendor("idp"), newVendor("chat")
	release := make(chan struct{})
	idp.before = func(context.Context, userapi.CreateUserRequest) error { <-release; return nil }
	ledger := new(provision.Memory)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			results, err := provisioner(t, ledger, chain(idp, chat)).CreateUser(t.Context(), ann)
			assert.NoError(t, err)
			assert.Equal(t, "idp created, chat created", dispositions(results))
		})
	}
	close(release)
	wg.Wait()
	assert.Len(t, idp.calls(), 1)
	assert.Len(t, chat.calls(), 1)
}

// TestSecondStep: if the second step failed, the user exists. A later run finishes it if its
// context has not ended and the creator can.
func TestSecondStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm, ledger := newVendor("crm"), new(provision.Memory)
		half(crm)
		p := provisioner(t, ledger, one("crm", full{crm}))
		begun, err := p.CreateUser(t.Context(), ann)
		e := left(t, "crm created", "")(begun, err)
		require.ErrorIs(t, err, errDisk)
		assert.Equal(t, "crm-1", e.User.ID)
		assert.Equal(t, "crm-1", e.UserID)
		left(t, "crm created", errDisk)(p.CreateUser(t.Context(), ann))
		left(t, "crm created", "no_finisher")(provisioner(t, ledger, one("crm", asked{crm, full{crm}})).CreateUser(t.Context(), ann))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e = left(t, "crm created", userapi.ErrCanceled)(p.CreateUser(ctx, ann))
		assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
		keys, err := ledger.ListOpen(t.Context(), "", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{ann.IdempotencyKey}, keys)

		time.Sleep(time.Hour)
		crm.second = nil
		results := done(t, "crm created")(resume(t, p))
		assert.WithinDuration(t, begun[0].Started, results[0].Started, time.Second, "of the create that made the user")
		done(t, "")(resume(t, p))
		assert.Equal(t, []string{"create " + ann.Email, "finish", "finish", "finish"}, crm.calls())
	})
}
