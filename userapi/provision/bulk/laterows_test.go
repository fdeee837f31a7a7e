package bulk_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// down is the error of a vendor that cannot be reached.
var down = &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}

// twoTargets returns a Provisioner of two independent vendors. crm can fail.
func twoTargets(t *testing.T, crm func(req userapi.CreateUserRequest) error, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	creator := func(prefix string) userapi.CreatorFunc {
		return func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if prefix == "c" {
				if err := crm(req); err != nil {
					return nil, err
				}
			}
			return &userapi.User{Provider: "acme", ID: prefix + "-" + req.Username, Proof: userapi.ProofReply}, nil
		}
	}
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "identity", Creator: creator("i")}, {Name: "crm", Creator: creator("c")}}, opts...)
	require.NoError(t, err)
	return p
}

// TestKeptAfterAFurtherTry: a target that keeps its user still says so after further tries of the
// others.
func TestKeptAfterAFurtherTry(t *testing.T) {
	t.Parallel()
	for _, fails := range []int32{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			var mode atomic.Int32
			p := twoTargets(t, func(userapi.CreateUserRequest) error {
				switch n := mode.Add(1); {
				case n == 1:
					return &userapi.Error{Provider: "acme", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
				case n <= 1+fails:
					return down
				}
				return nil
			})
			_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username\n7,ada\n"))
			require.NoError(t, err)
			var results bytes.Buffer
			_, err = bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username\n7,grace\n"))
			require.NoError(t, err)
			assert.Contains(t, results.String(), "7,identity,kept,i-ada,reply,2\n", "%d", fails)
		})
	}
}

// TestKeptAfterAPause: the same while the others are paused.
func TestKeptAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mode atomic.Int32
		p := twoTargets(t, func(req userapi.CreateUserRequest) error {
			if req.Username == "ada" {
				return &userapi.Error{Provider: "acme", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
			}
			if mode.Add(1) == 1 {
				return down
			}
			return nil
		}, provision.Pause(1, time.Minute))
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username\n7,ada\n"))
		require.NoError(t, err)
		_, _ = p.CreateUser(t.Context(), userapi.CreateUserRequest{IdempotencyKey: "other", Username: "x"}) // pauses crm
		require.NotZero(t, p.PausedUntil("crm"))
		var results bytes.Buffer
		_, err = bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username\n7,grace\n"))
		require.NoError(t, err)
		assert.Contains(t, results.String(), "7,identity,kept,i-ada,reply,2\n")
	})
}

// A stepping creator has a second step.
type stepping struct {
	userapi.CreatorFunc
	finish func(req userapi.CreateUserRequest, u *userapi.User) error
}

func (s stepping) FinishUser(_ context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	return s.finish(req, u)
}

// TestFinishIsForOnePerson: a user never gets another person's second step.
func TestFinishIsForOnePerson(t *testing.T) {
	t.Parallel()
	var attrs sync.Map
	bad := func(u *userapi.User) error {
		return &userapi.Error{Provider: "acme", Op: "finish user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeCreated, StatusCode: 400, User: u, UserID: u.ID}
	}
	finish := func(req userapi.CreateUserRequest, u *userapi.User) error {
		if req.Attributes["plan"] == "bad" {
			return bad(u)
		}
		attrs.Store(u.ID, req.Attributes["plan"])
		return nil
	}
	c := stepping{func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		u := &userapi.User{Provider: "acme", ID: "id-" + req.Username, Proof: userapi.ProofReply, Raw: []byte("{}"), CreatedAt: time.Now()}
		if err := finish(req, u); err != nil {
			return nil, err
		}
		return u, nil
	}, finish}
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "crm", Creator: c}})
	require.NoError(t, err)
	_, err = bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username,attributes.plan\n7,ada,bad\n"))
	require.NoError(t, err)
	var results bytes.Buffer
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username,attributes.plan\n7,grace,gold\n"))
	require.NoError(t, err)
	assert.Contains(t, results.String(), "7,crm,different,id-ada,reply,2\n")
	assert.EqualValues(t, 1, report.RowsRefused)
	_, finished := attrs.Load("id-ada")
	assert.False(t, finished)
}

// TestSecondRowOfAnOpenOne: an open row keeps its key and its remaining steps.
func TestSecondRowOfAnOpenOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := twoTargets(t, func(req userapi.CreateUserRequest) error {
			if req.Username == "ada" {
				return down
			}
			return nil
		}, provision.Pause(0, 0))
		var results bytes.Buffer
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username\n7,ada\n7,grace\n"))
		require.NoError(t, err)
		assert.Contains(t, results.String(), "7,crm,different,")
		assert.NotContains(t, results.String(), "c-grace")
	})
}

// A stalling creator waits for a while in its first batch.
type stalling struct {
	slowBatcher
	n     atomic.Int32
	first time.Duration
}

func (s *stalling) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	res := s.CreateUsers(ctx, []userapi.CreateUserRequest{req})[0]
	return res.User, res.Err
}

func (s *stalling) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) []userapi.BatchResult {
	if s.n.Add(1) == 1 {
		time.Sleep(s.first)
	}
	return s.slowBatcher.CreateUsers(ctx, reqs)
}

// TestAfterALongBatch: a batch that took longer than a lease does not block later batches.
func TestAfterALongBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &stalling{first: 100 * time.Second, slowBatcher: slowBatcher{takes: time.Second}}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: c}})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		report, err := bulk.Run(ctx, p, bulk.Job{Name: "spring", InFlight: 5}, logins(20))
		require.NoError(t, err)
		assert.EqualValues(t, 20, report.RowsDone+report.RowsUnknown)
		assert.LessOrEqual(t, report.RowsUnknown, int64(5), "those of the long one")
	})
}

// TestUnevenRowWithAnUnusedColumn: the row is invalid again, whichever columns are used.
func TestUnevenRowWithAnUnusedColumn(t *testing.T) {
	t.Parallel()
	p, made := making(t)
	var rejects, again bytes.Buffer
	_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &rejects}, csvOf("key,username,phone,note\n1,ada,a note\n"))
	require.NoError(t, err)
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &again}, csvOf(rejects.String()))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.RowsAtFault, "%s", report)
	assert.Zero(t, made.Load())
}

// A slowDeleter needs a second for a delete.
type slowDeleter struct {
	userapi.Creator
	n *atomic.Int32
}

func (s slowDeleter) DeleteUser(context.Context, string) error {
	time.Sleep(time.Second)
	s.n.Add(1)
	return nil
}

// TestUndoIsStopped: every closed sign-up is still deleted.
func TestUndoIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		c := slowDeleter{userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			return &userapi.User{Provider: "acme", ID: "id-" + req.Username, Proof: userapi.ProofReply}, nil
		}), &n}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "a", Creator: c}, {Name: "b", Creator: c, After: []string{"a"}}})
		require.NoError(t, err)
		_, err = bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, logins(1))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var results bytes.Buffer
		_, err = bulk.Undo(ctx, p, bulk.Job{Name: "spring", Results: &results}, logins(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualValues(t, 2, n.Load())
	})
}

// TestStopThenResolve: after a stop the outcome of a create can still be looked up.
func TestStopThenResolve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := resolvingLost{userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			time.Sleep(time.Second)
			return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeUnknown}
		})}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: c}})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		report, err := bulk.Run(ctx, p, bulk.Job{Name: "spring"}, logins(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, report.RowsUnknown)
	})
}

// A resolvingLost creator finds each user.
type resolvingLost struct{ userapi.Creator }

func (resolvingLost) ResolveUser(_ context.Context, _ userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	return &userapi.User{Provider: "acme", ID: "id", Proof: userapi.ProofKey}, nil
}
