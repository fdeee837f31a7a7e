package bulk_test

import (
	"context"
	"fmt"
	"math"
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

// logins returns a source of n rows with a key and a user name.
func logins(n int) bulk.Source {
	return bulk.CSV(&generator{header: "key,username\n", rows: n, row: func(i int) string { return fmt.Sprintf("%d,u%d\n", i, i) }}, bulk.CSVOptions{})
}

// A slow vendor needs time for each create, and counts concurrent creates.
type slow struct {
	takes        time.Duration
	most, now, n atomic.Int32
}

func (s *slow) CreateUser(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	time.Sleep(s.takes)
	s.now.Add(-1)
	return &userapi.User{Provider: "acme", ID: fmt.Sprint(s.n.Add(1)), Proof: userapi.ProofReply}, nil
}

// TestLanesBound: each target has its own limits.
func TestLanesBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		narrow, wide, steady := &slow{takes: 50 * time.Millisecond}, &slow{takes: 50 * time.Millisecond}, new(slow)
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "narrow", Creator: narrow}, {Name: "wide", Creator: wide}, {Name: "steady", Creator: steady}})
		require.NoError(t, err)
		begun := time.Now()
		const rows = 200
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Lanes: map[string]bulk.Lane{
			"narrow": {Concurrency: 3}, "wide": {Concurrency: 20}, "steady": {PerSecond: 8},
		}}, logins(rows))
		require.NoError(t, err)
		assert.EqualValues(t, 3, narrow.most.Load())
		assert.EqualValues(t, 20, wide.most.Load())
		assert.EqualValues(t, rows, report.RowsDone)
		assert.InDelta(t, rows/8, time.Since(begun).Seconds(), 1)
		assert.Equal(t, []bulk.RequestCount{{"narrow", rows, 0}, {"wide", rows, 0}, {"steady", rows, 0}}, report.Requests)
	})
}

// TestLaneCountsRequests: if a client asks the context's Limiter, each request counts.
func TestLaneCountsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := provisionerWith(t, func(ctx context.Context, _ userapi.CreateUserRequest) (*userapi.User, error) {
			for range 3 {
				l := userapi.LimiterOf(ctx)
				if err := l.Wait(ctx); err != nil {
					return nil, err
				}
				l.Observe(userapi.Attempt{OK: true})
			}
			return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
		})
		begun := time.Now()
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Lanes: map[string]bulk.Lane{"acme": {PerSecond: 3}}}, logins(20))
		require.NoError(t, err)
		assert.Equal(t, []bulk.RequestCount{{"acme", 60, 0}}, report.Requests)
		assert.InDelta(t, 20, time.Since(begun).Seconds(), 1)
	})
}

// A limited vendor accepts a number of creates a second and refuses the others.
type limited struct {
	perSecond int

	mu   sync.Mutex
	made map[int64]int // by the second
	n    int
}

func (l *limited) CreateUser(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	second := time.Now().Unix()
	if l.made[second] == l.perSecond {
		return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindRateLimited, Outcome: userapi.OutcomeRejected, StatusCode: 429, RetryAfter: time.Second}
	}
	l.made[second]++
	l.n++
	return &userapi.User{Provider: "acme", ID: fmt.Sprint(l.n), Proof: userapi.ProofReply}, nil
}

// TestLaneAdapts: if a vendor refuses requests, only its lane slows down, and no row is lost.
func TestLaneAdapts(t *testing.T) {
	t.Parallel()
	for _, adaptive := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			vendor, other := &limited{perSecond: 20, made: map[int64]int{}}, new(slow)
			p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: vendor}, {Name: "other", Creator: other}})
			require.NoError(t, err)
			const rows = 2000
			var last bulk.Progress
			report, err := bulk.Run(t.Context(), p, bulk.Job{
				Name: "spring", Lanes: map[string]bulk.Lane{"acme": {PerSecond: 40, Adaptive: adaptive}, "other": {PerSecond: 1000}},
				OnProgress: func(p bulk.Progress) { last = p },
			}, logins(rows))
			require.NoError(t, err)
			assert.EqualValues(t, rows, other.n.Load())
			assert.Equal(t, map[string]int64{"created": rows}, last.Targets[1].States)
			assert.InDelta(t, 1000, last.Targets[1].PerSecond, 0)
			assert.Equal(t, adaptive, last.Targets[0].PerSecond < 40)
			assert.Positive(t, last.Targets[0].PerSecond)
			refused := report.Requests[0].RateLimited
			assert.Equal(t, refused, last.Targets[0].RateLimited)
			if adaptive {
				assert.EqualValues(t, rows, report.RowsDone)
				assert.Less(t, refused, int64(rows/20))
			} else {
				assert.Greater(t, refused, int64(rows/4))
			}
		})
	}
}

// TestLaneOutlastsTheLease: if a row gets no place in its lane during its lease, nothing is sent.
// That is not a failure of the vendor, and the row is retried.
func TestLaneOutlastsTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := new(slow)
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: vendor}}, provision.Lease(40*time.Second), provision.Pause(1, time.Hour))
		require.NoError(t, err)
		const rows = 60
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: rows, Lanes: map[string]bulk.Lane{"acme": {PerSecond: 0.5}}}, logins(rows))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: rows}}, report.States)
		assert.EqualValues(t, rows, vendor.n.Load())
	})
}

// TestInFlight: the number of concurrent rows follows from the lanes, unless the caller sets it.
func TestInFlight(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		job  bulk.Job
		want int32
	}{
		"no lane":     {bulk.Job{}, 64},
		"wide lanes":  {bulk.Job{Lanes: map[string]bulk.Lane{"other": {Concurrency: 100}}}, 200},
		"a slow one":  {bulk.Job{Lanes: map[string]bulk.Lane{"other": {PerSecond: 0.5}}}, 15},
		"the slowest": {bulk.Job{Lanes: map[string]bulk.Lane{"other": {PerSecond: 0.001}}}, 1},
		"the caller":  {bulk.Job{InFlight: 7, Lanes: map[string]bulk.Lane{"acme": {Concurrency: 100}}}, 7},
	} {
		synctest.Test(t, func(t *testing.T) {
			vendor := &slow{takes: time.Second}
			p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: vendor}, {Name: "other", Creator: new(slow), After: []string{"acme"}}})
			require.NoError(t, err)
			tt.job.Name = "spring"
			_, err = bulk.Run(t.Context(), p, tt.job, logins(int(3*tt.want)))
			require.NoError(t, err)
			assert.Equal(t, tt.want, vendor.most.Load(), name)
		})
	}
}

// TestWrongLanes: invalid lanes are reported before a row is read.
func TestWrongLanes(t *testing.T) {
	t.Parallel()
	p, made := making(t)
	for want, job := range map[string]bulk.Job{
		`bulk: Job.Lanes: "crm" is not a target: the targets are acme`:                 {Lanes: map[string]bulk.Lane{"crm": {}}},
		`bulk: Job.Lanes["acme"]: Concurrency must not be negative`:                    {Lanes: map[string]bulk.Lane{"acme": {Concurrency: -1}}},
		`bulk: Job.Lanes["acme"]: PerSecond must be a number of at least 0`:            {Lanes: map[string]bulk.Lane{"acme": {PerSecond: math.NaN()}}},
		`bulk: Job.Lanes["acme"]: an adaptive lane needs PerSecond`:                    {Lanes: map[string]bulk.Lane{"acme": {Adaptive: true}}},
		"bulk: Job.InFlight must not be negative\nbulk: Job.Wait must not be negative": {InFlight: -1, Wait: -1},
	} {
		job.Name = "spring"
		_, err := bulk.Run(t.Context(), p, job, logins(1))
		assert.EqualError(t, err, want)
		_, err = bulk.Undo(t.Context(), p, job, logins(1))
		assert.Error(t, err)
	}
	assert.Zero(t, made.Load())
}
