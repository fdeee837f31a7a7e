package bulk_test

import (
	"bytes"
	"context"
	"fmt"
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

// A resolving creator can look up its users.
type resolving struct {
	userapi.CreatorFunc
	users *sync.Map // by IdempotencyKey
}

func (r resolving) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	if u, ok := r.users.Load(req.IdempotencyKey); ok {
		return u.(*userapi.User), nil
	}
	return nil, &userapi.Error{Provider: "acme", Op: "resolve user", Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected, StatusCode: 404}
}

// killed fills a ledger with rows that a dead run holds. Half of them have a user.
func killed(t *testing.T, ledger provision.Ledger, rows int, opts ...provision.Option) resolving {
	t.Helper()
	r := resolving{users: new(sync.Map)}
	n := 0
	r.CreatorFunc = func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		if n++; n%2 == 0 {
			r.users.Store(req.IdempotencyKey, &userapi.User{Provider: "acme", ID: "id-of-" + req.Username, Proof: userapi.ProofKey})
		}
		panic("killed")
	}
	p := of(t, ledger, r, opts...)
	for i := 1; i <= rows; i++ {
		assert.Panics(t, func() { _, _ = bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 1}, one(i)) })
	}
	r.CreatorFunc = func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		u := &userapi.User{Provider: "acme", ID: "id-of-" + req.Username, Proof: userapi.ProofReply}
		_, there := r.users.LoadOrStore(req.IdempotencyKey, u)
		assert.False(t, there, "a second user")
		return u, nil
	}
	return r
}

func of(t *testing.T, ledger provision.Ledger, c userapi.Creator, opts ...provision.Option) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(ledger, []provision.Target{{Name: "acme", Creator: c}}, append(opts, provision.RequestKeys(runKeys))...)
	require.NoError(t, err)
	return p
}

// one returns a source with only row i.
func one(i int) bulk.Source { return csvOf(fmt.Sprintf("key,username\n%d,u%d\n", i, i)) }

// TestRunWaitsForAnother: the run skips what another run holds, or waits for it at the end of the
// input, as the caller chooses.
func TestRunWaitsForAnother(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wait         time.Duration
		before, now  []provision.Option
		open, within time.Duration
	}{
		"it is left":             {0, nil, nil, 6, time.Second},
		"it is waited for":       {5 * time.Minute, nil, nil, 0, 3 * time.Minute},
		"not for so long":        {time.Minute, nil, nil, 6, 61 * time.Second},
		"it is dead":             {0, []provision.Option{provision.Alone("spring")}, []provision.Option{provision.Alone("spring")}, 0, 20 * time.Second},
		"another lock, no lease": {5 * time.Minute, []provision.Option{provision.Alone("spring")}, nil, 0, 3 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			ledger := new(provision.Memory)
			r := killed(t, ledger, 6, tt.before...)
			begun := time.Now()
			report, err := bulk.Run(t.Context(), of(t, ledger, r, tt.now...), bulk.Job{Name: "spring", InFlight: 2, Wait: tt.wait}, logins(10))
			require.NoError(t, err, name)
			assert.EqualValues(t, tt.open, report.RowsOpen, name)
			assert.EqualValues(t, 10, report.RowsOpen+report.RowsDone, "%s: %s", name, report)
			assert.EqualValues(t, 10, report.Rows, name)
			assert.LessOrEqual(t, time.Since(begun), tt.within, name)
		})
	}
}

// TestRunIsStoppedWhileItWaits: the waiting rows are reported in their present state.
func TestRunIsStoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := new(provision.Memory)
		r := killed(t, ledger, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		report, err := bulk.Run(ctx, of(t, ledger, r), bulk.Job{Name: "spring", Wait: time.Hour}, logins(5))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, []bulk.StateCount{{"acme", "created", 2}, {"acme", bulk.StateOpen, 3}}, report.States)
		assert.False(t, report.Complete)
	})
}

// TestRowsOfOneKey: two rows with one key are done one after another, so the second one gets the
// first one's result.
func TestRowsOfOneKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := &slow{takes: time.Second}
		var lines []int64
		report, err := bulk.Run(t.Context(), of(t, new(provision.Memory), vendor), bulk.Job{Name: "spring", OnResult: func(r bulk.RowResult) { lines = append(lines, r.Line) }},
			csvOf("key,username\n1,ada\n1,ada\n2,joan\n1,grace\n"))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{"acme", "created", 3}, {"acme", bulk.StateDifferent, 1}}, report.States)
		assert.Equal(t, []int64{3, 1, 0, 0}, []int64{report.RowsDone, report.RowsRefused, report.RowsOpen, report.RowsUnknown})
		assert.EqualValues(t, 2, vendor.n.Load())
		assert.Len(t, lines, 4)
	})
}

// TestRunEndsWithItsLedger: if the ledger fails, the run ends, and no row is lost.
func TestRunEndsWithItsLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := &brokenLedger{Memory: new(provision.Memory)}
		vendor := new(slow)
		p := of(t, broken, vendor)
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 4, OnResult: func(bulk.RowResult) {
			if vendor.n.Load() >= 20 {
				broken.down.Store(true)
			}
		}}, logins(1000))
		require.ErrorIs(t, err, errFull)
		assert.ErrorContains(t, err, "the ledger failed")
		assert.NotContains(t, err.Error(), "u2")
		assert.False(t, report.Complete)
		assert.Less(t, report.Rows, int64(40))
		assert.LessOrEqual(t, vendor.n.Load(), int32(24))
	})
}

// A brokenLedger is a ledger whose disk can be full.
type brokenLedger struct {
	*provision.Memory
	down atomic.Bool
}

func (b *brokenLedger) Store(ctx context.Context, records ...provision.Record) error {
	if b.down.Load() {
		return errFull
	}
	return b.Memory.Store(ctx, records...)
}

// TestRunEndsWithItsCredentials: after a vendor refuses the credentials, not every row is sent.
func TestRunEndsWithItsCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		refused := &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnauthorized, Outcome: userapi.OutcomeRejected, StatusCode: 401}
		p := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			if n := calls.Add(1); n == 10 { // a temporary failure before that
				return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
			}
			return nil, refused
		})
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 1}, logins(1000))
		require.ErrorIs(t, err, userapi.ErrUnauthorized)
		assert.EqualError(t, err, "bulk: line 31: acme refused the credentials of 20 requests in a row: acme: create user: not authorized (status 401), no user was created")
		assert.EqualValues(t, 30, calls.Load())
		assert.Equal(t, []bulk.RefusedCount{{"acme", userapi.KindUnauthorized, "", 29}}, report.Refused)
	})
}

// TestProgress: Progress is called each second and at the end, with the Report's numbers.
func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := &slow{takes: time.Second}
		var told []bulk.Progress
		begun := time.Now()
		report, err := bulk.Run(t.Context(), of(t, new(provision.Memory), vendor), bulk.Job{Name: "spring", InFlight: 3, OnProgress: func(p bulk.Progress) {
			told = append(told, p)
		}}, logins(9))
		require.NoError(t, err)
		require.Len(t, told, 4, "at 1, 2 and 3 s, and at the end")
		assert.Equal(t, time.Since(begun), told[3].Elapsed)
		assert.Equal(t, bulk.Progress{Rows: 9, Elapsed: 3 * time.Second, Targets: []bulk.TargetProgress{{Target: "acme", States: map[string]int64{"created": 9}, Requests: 9}}}, told[3])
		assert.EqualValues(t, 9, report.RowsDone)
		assert.Panics(t, func() {
			_, _ = bulk.Run(t.Context(), of(t, new(provision.Memory), vendor), bulk.Job{Name: "spring", InFlight: 3, OnProgress: func(bulk.Progress) { panic("planted") }}, logins(1000))
		})
		assert.Less(t, vendor.n.Load(), int32(20))
	})
}

// TestUndo: Undo deletes only what a run has created, and needs only the rows' keys.
func TestUndo(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	people := "key,username,email,password\n1,ada,ada@example.org,planted-Secret-1\n2,grace,grace@example.org,planted-Secret-2\n3,joan,joan@example.org,planted-Secret-3\n"
	job := bulk.Job{Name: "spring"}
	report, err := bulk.Run(t.Context(), r.Provisioner, job, csvOf(people))
	require.NoError(t, err)
	require.EqualValues(t, 3, report.RowsDone)

	var results bytes.Buffer
	job.Results, job.Rejects = &results, &results
	report, err = bulk.Undo(t.Context(), r.Provisioner, job, csvOf("note,key,email\nx,1,\"\"\n,2,#NAME?\n,4,\n,,x\n"))
	require.NoError(t, err)
	assert.Equal(t, []bulk.StateCount{{"", bulk.StateUnknownKey, 1}, {"chat", "undone", 2}, {"identity", "undone", 2}}, report.States)
	assert.Equal(t, []int64{3, 1}, []int64{report.RowsDone, report.RowsAtFault})
	assert.Empty(t, report.Unused)
	assert.Equal(t, "key,target,state,user_id,proof,line\n,,fault,,,5\n1,chat,undone,,,2\n1,identity,undone,,,2\n2,chat,undone,,,3\n2,identity,undone,,,3\n4,,no_record,,,4\n", sorted(results.String()))
	assert.Equal(t, []int{1, 1}, []int{r.identity.UserCount(), r.chat.UserCount()})

	job.Results, job.Rejects = nil, nil
	again, err := bulk.Undo(t.Context(), r.Provisioner, job, csvOf("key\n1\n2\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 2, again.RowsDone)
	closed, err := bulk.Run(t.Context(), r.Provisioner, job, csvOf(people))
	require.NoError(t, err)
	assert.Equal(t, []bulk.StateCount{{"chat", "created", 1}, {"chat", "undone", 2}, {"identity", "created", 1}, {"identity", "undone", 2}}, closed.States)
	assert.Equal(t, []int64{1, 2}, []int64{closed.RowsDone, closed.RowsRefused})
}

// TestUndoLeaves: a user that may not be deleted is reported with its state, and is not a success.
func TestUndoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		c := deleting{userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if req.Username == "u2" {
				return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindTimeout, Outcome: userapi.OutcomeUnknown}
			}
			return &userapi.User{Provider: "acme", ID: req.Username, Proof: userapi.ProofReply}, nil
		}), &down}
		p := of(t, new(provision.Memory), c)
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, logins(2))
		require.NoError(t, err)
		down.Store(true)
		time.AfterFunc(10*time.Second, func() { down.Store(false) })
		report, err := bulk.Undo(t.Context(), p, bulk.Job{Name: "spring"}, logins(2))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{"acme", "undone", 1}, {"acme", "unknown", 1}}, report.States)
		assert.Equal(t, []int64{1, 0, 0, 1}, []int64{report.RowsDone, report.RowsRefused, report.RowsOpen, report.RowsUnknown})

		plain := of(t, new(provision.Memory), c.Creator)
		_, err = bulk.Run(t.Context(), plain, bulk.Job{Name: "spring"}, logins(1))
		require.NoError(t, err)
		report, err = bulk.Undo(t.Context(), plain, bulk.Job{Name: "spring"}, logins(1))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{"acme", "created", 1}}, report.States)
		assert.Equal(t, []bulk.RefusedCount{{"acme", userapi.KindUnknown, "no_deleter", 1}}, report.Refused)
	})
}

// A deleting creator deletes users unless its vendor is down.
type deleting struct {
	userapi.Creator
	down *atomic.Bool
}

func (d deleting) DeleteUser(context.Context, string) error {
	if d.down.Load() {
		return &userapi.Error{Provider: "acme", Op: "delete user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeUnknown, StatusCode: 503}
	}
	return nil
}

// TestUndoIsRefused: invalid arguments are reported before anything is deleted.
func TestUndoIsRefused(t *testing.T) {
	t.Parallel()
	p, _ := making(t)
	for want, do := range map[string]func() error{
		"needs a Provisioner and a Source": func() error { _, err := bulk.Undo(t.Context(), nil, bulk.Job{Name: "spring"}, nil); return err },
		"the name of a job":                func() error { _, err := bulk.Undo(t.Context(), p, bulk.Job{}, logins(1)); return err },
		"\"key\"": func() error {
			_, err := bulk.Undo(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("id,username\n1,ada\n"))
			assert.ErrorIs(t, err, bulk.ErrMissingColumns)
			return err
		},
	} {
		assert.ErrorContains(t, do(), want)
	}
}
