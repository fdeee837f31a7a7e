package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// An answer is the result of a call of a scripted creator.
type answer struct {
	user *userapi.User
	err  error
	// do is called first, with the call's context.
	do func(context.Context)
}

// A script is a creator that answers each call from a list. It fails the test on an extra call.
type script struct {
	t                               *testing.T
	create, repeat, resolve, finish []answer
	calls                           []string
	keys                            []string
	sinces                          []time.Time
}

func (s *script) next(ctx context.Context, name string, list *[]answer) (*userapi.User, error) {
	s.calls = append(s.calls, name)
	if !assert.NotEmpty(s.t, *list, "an unexpected call of %s", name) {
		return nil, errors.New("unexpected")
	}
	a := (*list)[0]
	*list = (*list)[1:]
	if a.do != nil {
		a.do(ctx)
	}
	return a.user, a.err
}

// creator hides the abilities.
type creator struct{ s *script }

func (c creator) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	c.s.keys = append(c.s.keys, req.IdempotencyKey)
	return c.s.next(ctx, "create", &c.s.create)
}

type resolver struct{ creator }

func (c resolver) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	c.s.keys = append(c.s.keys, req.IdempotencyKey)
	c.s.sinces = append(c.s.sinces, since)
	return c.s.next(ctx, "resolve", &c.s.resolve)
}

type able struct{ resolver }

func (c able) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if err := ctx.Err(); err != nil && len(c.s.repeat) == 0 {
		c.s.calls = append(c.s.calls, "repeat, dead")
		return nil, fail(userapi.KindCanceled, userapi.OutcomeNotSent)
	}
	c.s.keys = append(c.s.keys, req.IdempotencyKey)
	return c.s.next(ctx, "repeat", &c.s.repeat)
}

func (c able) FinishUser(ctx context.Context, _ userapi.CreateUserRequest, u *userapi.User) error {
	assert.NotNil(c.s.t, u)
	_, err := c.s.next(ctx, "finish", &c.s.finish)
	return err
}

// wrapper has no ability of its own.
type wrapper struct{ userapi.Creator }

func (w wrapper) Unwrap() userapi.Creator { return w.Creator }

func fail(kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
	return &userapi.Error{Provider: "acme", Op: "create user", Kind: kind, Outcome: outcome}
}

func user(proof userapi.Proof) *userapi.User {
	return &userapi.User{Provider: "acme", ID: "7", Email: "planted@example.com", Proof: proof, Compared: []string{"Email"}, Raw: json.RawMessage(`{}`)}
}

var (
	unknown  = answer{err: fail(userapi.KindTimeout, userapi.OutcomeUnknown)}
	absent   = answer{err: fail(userapi.KindNotFound, userapi.OutcomeRejected)}
	cantTell = answer{err: &userapi.Error{Provider: "acme", Kind: userapi.KindUnavailable, StatusCode: 503, Candidates: []string{"1", "2"}, Code: "ambiguous", UserID: "9"}}
	taken    = answer{err: fail(userapi.KindConflict, userapi.OutcomeRejected)}
	made     = answer{user: user(userapi.ProofReply)}
	found    = answer{user: user(userapi.ProofMatch)}
	fine     = answer{}
	noRepeat = answer{err: fail(userapi.KindInvalid, userapi.OutcomeNotSent)}
)

func keyTaken() answer {
	e := fail(userapi.KindConflict, userapi.OutcomeRejected)
	e.FieldErrors = []userapi.FieldError{{Field: "IdempotencyKey", VendorField: "userId", Code: "duplicate"}}
	return answer{err: e}
}

func created(kind userapi.Kind, raw string) answer {
	e := fail(kind, userapi.OutcomeCreated)
	e.User = &userapi.User{Provider: "acme", ID: "7", CreatedAt: time.Unix(1, 0), Proof: userapi.ProofReply, Raw: json.RawMessage(raw)}
	return answer{err: e}
}

// ageless creates a user without a time.
func ageless() answer {
	a := created(userapi.KindUnavailable, `{}`)
	a.err.(*userapi.Error).User.CreatedAt = time.Time{}
	return a
}

// kept is an answer from the client's own record.
func kept(kind userapi.Kind, outcome userapi.Outcome) answer {
	e := fail(kind, outcome)
	e.FromRecord = true
	return answer{err: e}
}

// keptKey refuses a key that the client's own record has; nothing was sent.
func keptKey() answer {
	a := keyTaken()
	a.err.(*userapi.Error).Outcome = userapi.OutcomeNotSent
	return a
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	type list = []answer
	for name, tt := range map[string]struct {
		script      script
		opts        []provision.EnsureOption
		disposition provision.Disposition
		kind        userapi.Kind // of the error; 0 with a user means none
		outcome     userapi.Outcome
		fails       bool
		calls       string
	}{
		"created":                {script{create: list{made}}, nil, provision.DispositionCreated, 0, 0, false, "create"},
		"not sent":               {script{create: list{{err: fail(userapi.KindInvalid, userapi.OutcomeNotSent)}}}, nil, provision.DispositionNotSent, userapi.KindInvalid, userapi.OutcomeNotSent, true, "create"},
		"rejected":               {script{create: list{{err: fail(userapi.KindForbidden, userapi.OutcomeRejected)}}}, nil, provision.DispositionRejected, userapi.KindForbidden, userapi.OutcomeRejected, true, "create"},
		"recovered":              {script{create: list{unknown}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"recovered, unfinished":  {script{create: list{unknown}, resolve: list{found}, finish: list{unknown}}, nil, provision.DispositionRecovered, userapi.KindTimeout, userapi.OutcomeCreated, true, "create resolve finish"},
		"cannot tell":            {script{create: list{unknown}, resolve: list{cantTell}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
		"somebody else's":        {script{create: list{unknown}, resolve: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve"},
		"repeated":               {script{create: list{unknown}, resolve: list{absent}, repeat: list{made}}, nil, provision.DispositionCreated, 0, 0, false, "create resolve repeat"},
		"repeated twice":         {script{create: list{unknown}, resolve: list{absent, absent}, repeat: list{unknown, made}}, nil, provision.DispositionCreated, 0, 0, false, "create resolve repeat resolve repeat"},
		"repeated in vain":       {script{create: list{unknown}, resolve: list{absent, absent, absent}, repeat: list{unknown, unknown}}, nil, provision.DispositionRejected, userapi.KindTimeout, userapi.OutcomeRejected, true, "create resolve repeat resolve repeat resolve repeat, dead"},
		"never repeated":         {script{create: list{unknown}, resolve: list{absent}}, []provision.EnsureOption{provision.MaxCreates(1)}, provision.DispositionRejected, userapi.KindTimeout, userapi.OutcomeRejected, true, "create resolve repeat, dead"},
		"must not be repeated":   {script{create: list{unknown}, resolve: list{absent}, repeat: list{noRepeat}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve repeat"},
		"nor with a budget of 1": {script{create: list{unknown}, resolve: list{absent}, repeat: list{noRepeat}}, []provision.EnsureOption{provision.MaxCreates(0)}, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve repeat"},
		"repeat refused":         {script{create: list{unknown}, resolve: list{absent}, repeat: list{{err: fail(userapi.KindRateLimited, userapi.OutcomeRejected)}}}, nil, provision.DispositionRejected, userapi.KindRateLimited, userapi.OutcomeRejected, true, "create resolve repeat"},
		"repeat not sent":        {script{create: list{unknown}, resolve: list{absent}, repeat: list{{err: fail(userapi.KindUnavailable, userapi.OutcomeNotSent)}}}, nil, provision.DispositionRejected, userapi.KindTimeout, userapi.OutcomeRejected, true, "create resolve repeat"},
		"arrived late":           {script{create: list{unknown}, resolve: list{absent, found}, repeat: list{taken}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve repeat resolve finish"},
		"arrived late, unseen":   {script{create: list{unknown}, resolve: list{absent, cantTell}, repeat: list{taken}}, nil, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve repeat resolve"},
		"arrived late, lagging":  {script{create: list{unknown}, resolve: list{absent, absent, absent}, repeat: list{taken}}, nil, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve repeat resolve resolve"},
		"another key is taken":   {script{create: list{unknown}, resolve: list{absent, absent, taken}, repeat: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve repeat resolve resolve"},
		"another is there":       {script{create: list{unknown}, resolve: list{absent, absent, found, taken}, repeat: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve repeat resolve resolve resolve"},
		"another, and not ours":  {script{create: list{unknown}, resolve: list{absent, absent, found, absent}, repeat: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve repeat resolve resolve resolve"},
		"arrived, lagging twice": {script{create: list{unknown}, resolve: list{absent, absent, found, found}, repeat: list{taken}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve repeat resolve resolve resolve finish"},
		"key is taken, lagging":  {script{create: list{keyTaken()}, resolve: list{absent, absent}}, nil, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve resolve"},
		"key is taken, no more":  {script{create: list{keyTaken()}, resolve: list{absent, found, found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve resolve resolve finish"},
		"key is taken, another":  {script{create: list{keyTaken()}, resolve: list{absent, found, absent}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve resolve resolve"},
		"created, and no id":     {script{create: list{{err: &userapi.Error{Provider: "acme", Outcome: userapi.OutcomeCreated, User: &userapi.User{}}}}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"an outcome of no kind":  {script{create: list{{err: &userapi.Error{Provider: "acme", Outcome: 7}}}, resolve: list{cantTell}}, nil, provision.DispositionUnknown, userapi.KindUnknown, userapi.OutcomeUnknown, true, "create resolve"},
		"taken meanwhile":        {script{create: list{unknown}, resolve: list{absent, taken}, repeat: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve repeat resolve"},
		"resumed":                {script{resolve: list{absent}, repeat: list{made}}, []provision.EnsureOption{provision.Resuming(time.Now()), provision.MaxCreates(0)}, provision.DispositionCreated, 0, 0, false, "resolve repeat"},
		"conflict":               {script{create: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create"},
		"adopted":                {script{create: list{taken}, resolve: list{found}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionExisting, 0, 0, false, "create resolve"},
		"not adopted":            {script{create: list{taken}, resolve: list{taken}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve"},
		"adoption unclear":       {script{create: list{taken}, resolve: list{cantTell}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve"},
		"adopted after unknown":  {script{create: list{unknown}, resolve: list{taken, found}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionExisting, 0, 0, false, "create resolve resolve"},
		"key was used":           {script{create: list{keyTaken()}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"key was used otherwise": {script{create: list{keyTaken()}, resolve: list{taken}}, nil, provision.DispositionRejected, userapi.KindConflict, userapi.OutcomeRejected, true, "create resolve"},
		"key was used, unclear":  {script{create: list{keyTaken()}, resolve: list{cantTell}}, nil, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve"},
		"unfinished":             {script{create: list{created(userapi.KindTimeout, `{}`)}, finish: list{fine}}, nil, provision.DispositionCreated, 0, 0, false, "create finish"},
		"stays unfinished":       {script{create: list{created(userapi.KindTimeout, `{}`)}, finish: list{unknown}}, nil, provision.DispositionCreated, userapi.KindTimeout, userapi.OutcomeCreated, true, "create finish"},
		"cut off":                {script{create: list{created(userapi.KindUnavailable, `{"id":7,`)}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionCreated, 0, 0, false, "create resolve finish"},
		"cut off for good":       {script{create: list{created(userapi.KindUnavailable, `{"id":7,`)}, resolve: list{cantTell}, finish: list{fine}}, nil, provision.DispositionCreated, userapi.KindUnavailable, userapi.OutcomeCreated, true, "create resolve finish"},
		"cut off, no age":        {script{create: list{ageless()}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionCreated, 0, 0, false, "create resolve finish"},
		"cut off, a stranger":    {script{create: list{created(userapi.KindUnavailable, `{"id":7,`)}, resolve: list{{user: &userapi.User{Provider: "acme", ID: "8"}}}, finish: list{fine}}, nil, provision.DispositionCreated, userapi.KindUnavailable, userapi.OutcomeCreated, true, "create resolve finish"},
		"cut off and absent":     {script{create: list{created(userapi.KindUnavailable, `{"id":7,`)}, resolve: list{absent}}, nil, provision.DispositionUnknown, userapi.KindUnavailable, userapi.OutcomeUnknown, true, "create resolve"},
		"no verdict":             {script{create: list{{err: context.DeadlineExceeded}}, resolve: list{cantTell}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
		"joined verdicts":        {script{create: list{{err: errors.Join(fail(userapi.KindInvalid, userapi.OutcomeRejected), unknown.err)}}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"neither":                {script{create: list{{}}, resolve: list{found}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		// A user in the client's own record belongs to the key. Without a user the record knows
		// only that this key was used for a create.
		"kept":                    {script{create: list{unknown}, resolve: list{{user: &userapi.User{Provider: "acme", ID: "7", FromRecord: true}}}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"kept, and silent":        {script{create: list{unknown}, resolve: list{kept(userapi.KindUnknown, userapi.OutcomeUnknown)}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
		"kept, without an id":     {script{create: list{unknown}, resolve: list{{user: &userapi.User{FromRecord: true}}}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
		"kept, and not sent":      {script{create: list{unknown}, resolve: list{kept(userapi.KindNotFound, userapi.OutcomeRejected)}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
		"kept key":                {script{create: list{keptKey()}, resolve: list{{user: &userapi.User{Provider: "acme", ID: "7", FromRecord: true}}}, finish: list{fine}}, nil, provision.DispositionRecovered, 0, 0, false, "create resolve finish"},
		"kept key, and silent":    {script{create: list{keptKey()}, resolve: list{kept(userapi.KindUnknown, userapi.OutcomeUnknown)}}, nil, provision.DispositionUnknown, userapi.KindConflict, userapi.OutcomeUnknown, true, "create resolve"},
		"kept key, none was sent": {script{create: list{keptKey()}, resolve: list{kept(userapi.KindNotFound, userapi.OutcomeRejected)}}, []provision.EnsureOption{provision.AdoptMatching()}, provision.DispositionNotSent, userapi.KindConflict, userapi.OutcomeNotSent, true, "create resolve"},
		"look-up finds nobody":    {script{create: list{unknown}, resolve: list{{}}}, nil, provision.DispositionUnknown, userapi.KindTimeout, userapi.OutcomeUnknown, true, "create resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.script
			s.t = t
			res, err := provision.Ensure(t.Context(), wrapper{able{resolver{creator{&s}}}}, userapi.CreateUserRequest{}, append(tt.opts, provision.Patience(0))...)
			assert.Equal(t, tt.disposition, res.Disposition)
			assert.Equal(t, tt.calls, strings.Join(s.calls, " "))
			assert.Zero(t, len(s.create)+len(s.repeat)+len(s.resolve)+len(s.finish), "every answer is asked for")
			if strings.HasPrefix(name, "kept") && tt.fails {
				assert.Len(t, res.Steps, len(s.calls)-1, "it is not a look-up")
			} else {
				assert.Len(t, res.Steps, len(s.calls)-strings.Count(tt.calls, ", dead"))
			}
			hasUser := tt.disposition >= provision.DispositionCreated
			assert.Equal(t, hasUser, res.User != nil)
			if tt.disposition == provision.DispositionCreated {
				assert.Equal(t, "7", res.User.ID)
				assert.Equal(t, userapi.ProofReply, res.User.Proof, "the reply named it")
			}
			if strings.HasPrefix(name, "cut off") && hasUser {
				assert.Equal(t, tt.fails, res.User.Email == "", "it is read again")
			}
			if !tt.fails {
				require.NoError(t, err)
			} else {
				var e *userapi.Error
				require.ErrorAs(t, err, &e)
				assert.Same(t, e, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.Equal(t, tt.outcome, e.Outcome)
				assert.Equal(t, hasUser || tt.disposition == provision.DispositionUnknown, userapi.MayHaveCreated(err))
			}
			assert.Equal(t, err, res.Err)
			for _, key := range s.keys {
				assert.Equal(t, res.IdempotencyKey, key, "one key for all calls")
			}
			assert.NotEmpty(t, res.IdempotencyKey)
			asked := 0
			for _, step := range res.Steps {
				if step.Action != provision.ActionResolve && step.Action != provision.ActionAdopt {
					continue
				}
				assert.Equal(t, step.Action == provision.ActionAdopt, s.sinces[asked].IsZero())
				assert.True(t, s.sinces[asked].IsZero() || s.sinces[asked].Equal(res.Started))
				asked++
			}
			if len(s.calls) > 0 && tt.disposition != provision.DispositionUnknown {
				assert.Equal(t, "acme", res.Target)
			}
		})
	}
}

func TestWithoutAbilities(t *testing.T) {
	t.Parallel()
	s := &script{t: t, create: []answer{unknown}}
	res, err := provision.Ensure(t.Context(), creator{s}, userapi.CreateUserRequest{})
	assert.Equal(t, provision.DispositionUnknown, res.Disposition)
	require.ErrorIs(t, err, userapi.ErrTimeout)
	assert.True(t, userapi.MayHaveCreated(err))

	s = &script{t: t, create: []answer{unknown}, resolve: []answer{absent}}
	res, err = provision.Ensure(t.Context(), resolver{creator{s}}, userapi.CreateUserRequest{}, provision.Patience(0))
	assert.Equal(t, provision.DispositionRejected, res.Disposition)
	require.ErrorIs(t, err, userapi.ErrTimeout)

	s = &script{t: t, create: []answer{created(userapi.KindProtocol, `{}`)}}
	res, err = provision.Ensure(t.Context(), creator{s}, userapi.CreateUserRequest{})
	assert.Equal(t, provision.DispositionCreated, res.Disposition)
	require.ErrorIs(t, err, userapi.ErrProtocol, "what the reply held cannot be read again")
	assert.Equal(t, "7", res.User.ID)

	res, err = provision.Ensure(t.Context(), nil, userapi.CreateUserRequest{})
	assert.Equal(t, provision.DispositionNotSent, res.Disposition)
	require.ErrorIs(t, err, userapi.ErrInvalid)
}

// TestErrorsTell: the error wraps both the look-up's and the create's error.
func TestErrorsTell(t *testing.T) {
	t.Parallel()
	cause := errors.New("reset")
	first := fail(userapi.KindUnavailable, userapi.OutcomeUnknown)
	first.Err = cause
	s := &script{t: t, create: []answer{{err: first}}, resolve: []answer{cantTell}}
	_, err := provision.Ensure(t.Context(), able{resolver{creator{s}}}, userapi.CreateUserRequest{})
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, []string{"1", "2"}, e.Candidates)
	assert.Equal(t, "ambiguous", e.Code)
	assert.Equal(t, "9", e.UserID)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, userapi.ErrNotFound)
	assert.Equal(t, "acme: ensure user: unavailable (code ambiguous), the user may or may not exist", err.Error())
	assert.Empty(t, first.Candidates, "the creator's error is not changed")

	s = &script{t: t, create: []answer{{err: first}}, resolve: []answer{absent}}
	_, err = provision.Ensure(t.Context(), able{resolver{creator{s}}}, userapi.CreateUserRequest{}, provision.MaxCreates(1), provision.Patience(0))
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, userapi.ErrUnavailable)
	require.NotErrorIs(t, err, context.Canceled)
	assert.Equal(t, "acme: ensure user: unavailable, no user was created", err.Error())
}

func TestGrace(t *testing.T) {
	t.Parallel()
	ends := func(limit time.Duration) answer { // waits until the context ends
		return answer{err: cantTell.err, do: func(ctx context.Context) {
			begun := time.Now()
			<-ctx.Done()
			if took := time.Since(begun); took != limit {
				panic(fmt.Sprint("ended after ", took, ", want ", limit))
			}
		}}
	}
	for name, tt := range map[string]struct {
		opts  []provision.EnsureOption
		limit time.Duration
	}{
		"default": {nil, 15 * time.Second},
		"longer":  {[]provision.EnsureOption{provision.Grace(time.Minute)}, time.Minute},
		"none":    {[]provision.EnsureOption{provision.Grace(-1)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				until := answer{err: unknown.err, do: func(ctx context.Context) { <-ctx.Done() }}
				s := &script{t: t, create: []answer{until}, resolve: []answer{ends(tt.limit)}}
				res, err := provision.Ensure(ctx, able{resolver{creator{s}}}, userapi.CreateUserRequest{}, tt.opts...)
				require.Error(t, err)
				assert.Equal(t, provision.DispositionUnknown, res.Disposition)
			})
		})
	}
}

// TestNothingIsCreatedInGrace: the repeat gets the caller's context, which has ended.
func TestNothingIsCreatedInGrace(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	first := unknown
	first.do = func(context.Context) { cancel() }
	s := &script{t: t, create: []answer{first}, resolve: []answer{absent}}
	res, err := provision.Ensure(ctx, able{resolver{creator{s}}}, userapi.CreateUserRequest{}, provision.Patience(0))
	require.ErrorIs(t, err, userapi.ErrTimeout)
	assert.Equal(t, provision.DispositionRejected, res.Disposition)
	assert.Equal(t, "create resolve repeat, dead", strings.Join(s.calls, " "))
	assert.Len(t, res.Steps, 2, "nothing was done")

	// The second step of a found user is still done.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	s = &script{t: t, create: []answer{first}, resolve: []answer{found}, finish: []answer{{do: func(ctx context.Context) { assert.NoError(t, ctx.Err()) }}}}
	res, err = provision.Ensure(ctx, able{resolver{creator{s}}}, userapi.CreateUserRequest{})
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRecovered, res.Disposition)
}

func TestResultIsShownWithoutValues(t *testing.T) {
	t.Parallel()
	e := fail(userapi.KindTimeout, userapi.OutcomeUnknown)
	e.Message, e.Err, e.Attempts, e.StatusCode = "planted-message", errors.New("planted-cause"), 2, 504
	s := &script{t: t, create: []answer{{err: e}}, resolve: []answer{found}, finish: []answer{fine}}
	req := userapi.CreateUserRequest{IdempotencyKey: "planted-key", Email: "planted@example.com", Password: "planted-password"}
	res, err := provision.Ensure(t.Context(), able{resolver{creator{s}}}, req)
	require.NoError(t, err)
	assert.Equal(t, []string{"planted-key", "planted-key"}, s.keys)
	assert.Equal(t, "planted-key", res.IdempotencyKey)
	text := "user at acme: recovered as 7 (proof match); create: timeout, unknown, status 504, 2 attempts, " +
		"then resolve: ok, user 7, proof match, compared Email, then finish: ok, user 7, proof match, compared Email"
	assert.Equal(t, text, res.String())
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("result", "result", res)
	slog.New(slog.NewTextHandler(&log, nil)).Info("result", "result", &res)
	encoded, err := json.Marshal(res)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %d", res, res, &res, res, res, res, res), log.String(), string(encoded)} {
		assert.Contains(t, shown, "recovered")
		assert.NotContains(t, shown, "planted")
	}
	var back struct {
		Disposition provision.Disposition `json:"disposition"`
		UserID      string                `json:"user_id"`
		Steps       []struct{ Action string }
	}
	require.NoError(t, json.Unmarshal(encoded, &back))
	assert.Equal(t, provision.DispositionRecovered, back.Disposition)
	assert.Equal(t, "7", back.UserID)
	assert.Len(t, back.Steps, 3)
}

func TestDispositionsAreFrozen(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"unknown", "not_sent", "rejected", "created", "recovered", "existing", "undone"} {
		d := provision.Disposition(i)
		assert.Equal(t, name, d.String())
		text, err := d.MarshalText()
		require.NoError(t, err)
		var back provision.Disposition
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, d, back)
	}
	assert.Equal(t, "disposition(7)", provision.Disposition(7).String())
	require.Error(t, new(provision.Disposition).UnmarshalText([]byte("other")))
}

// TestPatience: a missing user is believed only after some time.
func TestPatience(t *testing.T) {
	t.Parallel()
	refused := answer{err: fail(userapi.KindRateLimited, userapi.OutcomeRejected)}
	for name, tt := range map[string]struct {
		script      script
		opts        []provision.EnsureOption
		disposition provision.Disposition
		kind        userapi.Kind
		took        time.Duration
	}{
		"stays absent":               {script{create: []answer{unknown}, resolve: []answer{absent, absent}}, nil, provision.DispositionRejected, userapi.KindTimeout, 5 * time.Second},
		"appears":                    {script{create: []answer{unknown}, resolve: []answer{absent, found}, finish: []answer{fine}}, nil, provision.DispositionRecovered, 0, 5 * time.Second},
		"cannot be told again":       {script{create: []answer{unknown}, resolve: []answer{absent, cantTell}}, nil, provision.DispositionUnknown, userapi.KindTimeout, 5 * time.Second},
		"a repeat is refused":        {script{create: []answer{unknown}, resolve: []answer{absent, absent}, repeat: []answer{refused}}, []provision.EnsureOption{provision.MaxCreates(2)}, provision.DispositionRejected, userapi.KindRateLimited, 5 * time.Second},
		"the refused one appears":    {script{create: []answer{unknown}, resolve: []answer{absent, found}, repeat: []answer{refused}, finish: []answer{fine}}, []provision.EnsureOption{provision.MaxCreates(2)}, provision.DispositionRecovered, 0, 5 * time.Second},
		"longer":                     {script{create: []answer{unknown}, resolve: []answer{absent, absent}}, []provision.EnsureOption{provision.Patience(time.Minute)}, provision.DispositionRejected, userapi.KindTimeout, time.Minute},
		"longer than the grace":      {script{create: []answer{{err: unknown.err, do: func(ctx context.Context) { <-ctx.Done() }}}, resolve: []answer{absent}}, []provision.EnsureOption{provision.Patience(time.Minute)}, provision.DispositionUnknown, userapi.KindTimeout, 75 * time.Second},
		"a repeat waits for nothing": {script{create: []answer{unknown}, resolve: []answer{absent}, repeat: []answer{made}}, []provision.EnsureOption{provision.MaxCreates(2)}, provision.DispositionCreated, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := tt.script
				s.t = t
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				if name == "longer than the grace" {
					ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
				}
				defer cancel()
				begun := time.Now()
				res, err := provision.Ensure(ctx, able{resolver{creator{&s}}}, userapi.CreateUserRequest{}, append([]provision.EnsureOption{provision.MaxCreates(1)}, tt.opts...)...)
				assert.Equal(t, tt.disposition, res.Disposition)
				assert.Equal(t, tt.took, time.Since(begun))
				var e *userapi.Error
				if errors.As(err, &e) {
					assert.Equal(t, tt.kind, e.Kind)
				} else {
					assert.Zero(t, tt.kind)
				}
			})
		})
	}
}

// heedless repeats even after its context has ended.
type heedless struct {
	resolver
	n   *int
	err error
}

func (h heedless) RepeatUser(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
	*h.n++
	return nil, h.err
}

// TestCreatesAreBounded: the limit also holds for a creator that breaks its contract.
func TestCreatesAreBounded(t *testing.T) {
	t.Parallel()
	for _, err := range []error{context.Canceled, errors.New("limited"), unknown.err} {
		s := &script{t: t, create: []answer{unknown}, resolve: []answer{absent, absent, absent, absent}}
		n := 0
		res, got := provision.Ensure(t.Context(), heedless{resolver{creator{s}}, &n, err}, userapi.CreateUserRequest{}, provision.Patience(0))
		require.Error(t, got)
		assert.LessOrEqual(t, n, 3)
		assert.LessOrEqual(t, len(res.Steps), 8)
	}
}

// circle wraps itself.
type circle struct{ creator }

func (c circle) Unwrap() userapi.Creator { return c }

func TestWrappersInACircle(t *testing.T) {
	t.Parallel()
	s := &script{t: t, create: []answer{unknown}}
	res, err := provision.Ensure(t.Context(), circle{creator{s}}, userapi.CreateUserRequest{})
	require.Error(t, err)
	assert.Equal(t, provision.DispositionUnknown, res.Disposition)
}

// TestBudget: with a budget a call returns in time, whatever the vendor does. It leaves what is
// unknown to a later call.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := answer{err: unknown.err, do: func(ctx context.Context) { <-ctx.Done() }}
		s := &script{t: t, create: []answer{slow}, resolve: []answer{slow}}
		begun := time.Now()
		res, err := provision.Ensure(t.Context(), able{resolver{creator{s}}}, userapi.CreateUserRequest{}, provision.Budget(time.Second))
		assert.Equal(t, time.Second, time.Since(begun))
		assert.Equal(t, provision.DispositionUnknown, res.Disposition)
		assert.True(t, userapi.MayHaveCreated(err))

		idp := newVendor("idp")
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, one("idp", full{idp}), provision.Budget(time.Second))
		idp.after = func(ctx context.Context, _ userapi.CreateUserRequest) error {
			idp.after = nil
			<-ctx.Done()
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		begun = time.Now()
		results, err := p.CreateUser(t.Context(), ann)
		assert.Equal(t, time.Second, time.Since(begun))
		require.True(t, userapi.MayHaveCreated(err))
		require.Equal(t, "idp unknown", dispositions(results))
		idp.look = func() error {
			idp.look = nil
			time.Sleep(10 * time.Second)
			return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503)
		}
		_, err = p.Resume(t.Context(), loadAnn)
		require.Error(t, err)
		_, err = p.Resume(t.Context(), loadAnn)
		require.NoError(t, err)
		assert.Equal(t, "idp recovered", states(t, ledger, ann.IdempotencyKey))
		assert.Equal(t, 1, idp.count())
	})
}

// TestBudgetAndPause: a vendor that had half of the budget and did not answer counts as failed, and
// is paused. It does not count if the wait was shorter because of the ledger or the caller.
func TestBudgetAndPause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ledger, vendor, caller time.Duration // how long each takes or waits
		paused                 bool
	}{
		"the vendor hangs":                   {0, time.Hour, time.Hour, true},
		"the vendor hangs, the ledger lags":  {200 * time.Millisecond, time.Hour, time.Hour, true},
		"the ledger is slow":                 {600 * time.Millisecond, 450 * time.Millisecond, time.Hour, false},
		"the ledger is slower than a budget": {2 * time.Second, 450 * time.Millisecond, time.Hour, false},
		"the caller leaves":                  {0, time.Hour, 900 * time.Millisecond, false},
		"the vendor answers":                 {0, 900 * time.Millisecond, time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			idp, ledger, _ := single(t)
			p := provisioner(t, ledger, one("idp", full{idp}), testKey, provision.Budget(time.Second), provision.Pause(2, time.Minute))
			ledger.store = func(records []provision.Record) error {
				if records[0].Revision == 0 {
					time.Sleep(tt.ledger)
				}
				return nil
			}
			idp.after = func(ctx context.Context, _ userapi.CreateUserRequest) error {
				if !sleeps(ctx, tt.vendor) {
					return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
				}
				return nil
			}
			for i := range 3 {
				assert.Zero(t, p.PausedUntil("idp"), name)
				ctx, cancel := context.WithTimeout(t.Context(), tt.caller)
				_, _ = p.CreateUser(ctx, person(fmt.Sprint(i)))
				cancel()
				if i == 1 && tt.paused {
					break
				}
			}
			assert.Equal(t, tt.paused, !p.PausedUntil("idp").IsZero(), name)
		})
	}
}

// sleeps reports whether the context lasted for d.
func sleeps(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
