package bulk_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// hashes is a mapping of people with hashed passwords.
var hashes = bulk.Mapping{
	Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{Scheme: "salted-sha256", Factor: 10}}},
	Columns:    map[string]string{"fusionauth.password_hash.hash": "hash", "fusionauth.password_hash.salt": "salt"},
}

// movers returns n people. One in ten has no hashed password.
func movers(n int) bulk.Source {
	return bulk.CSV(&generator{header: "key,username,hash,salt\n", rows: n, row: func(i int) string {
		return fmt.Sprintf("%d,u%d,NWFkZjgyN2Q0ZjI5MTFhZTg4ZDc0NzM0ZDAwYTI5MDU=,c2FsdA==\n", i, i)
	}}, bulk.CSVOptions{})
}

// TestBatches: concurrent creates become one import, even if its reply is lost.
func TestBatches(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]userapitest.Fault{
		"well":           nil,
		"lost replies":   {{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Reset, Times: 2}},
		"before it came": {{On: userapitest.Create, When: userapitest.BeforeCommit, Do: userapitest.Respond, Status: 503, Times: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fusionauthtest.NewServer(t)
			for _, f := range faults {
				server.Inject(f)
			}
			cfg := server.Config()
			cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond}
			c, err := fusionauth.New(cfg)
			require.NoError(t, err)
			t.Cleanup(c.CloseIdleConnections)
			p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "identity", Creator: c}}, provision.Patience(time.Millisecond))
			require.NoError(t, err)
			const rows = 600
			job := bulk.Job{Name: "spring", Mapping: hashes, InFlight: 200, Lanes: map[string]bulk.Lane{"identity": {Concurrency: 1}}}
			report, err := bulk.Run(t.Context(), p, job, movers(rows))
			require.NoError(t, err)
			assert.EqualValues(t, rows, report.RowsDone, report)
			assert.Equal(t, rows, server.UserCount())
			imports := 0
			for _, r := range server.Requests() {
				if r.Operation == userapitest.Create {
					imports++
				}
			}
			assert.Less(t, imports, rows/4, "they come together")
		})
	}
}

// A batcher creates users together, and records its batches.
type batcher struct {
	mu      sync.Mutex
	alone   int
	batches [][]string
	until   []time.Time // the deadlines of the batches
	panics  bool
	short   bool
}

func (b *batcher) CreateUser(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	time.Sleep(time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alone++
	result := resultFor(req)
	return result.User, result.Err
}

func resultFor(req userapi.CreateUserRequest) userapi.BatchResult {
	if req.Username == "u13" {
		return userapi.BatchResult{Err: &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected}}
	}
	return userapi.BatchResult{User: &userapi.User{Provider: "acme", ID: "id-of-" + req.Username, Proof: userapi.ProofReply}}
}

func (b *batcher) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) (results []userapi.BatchResult) {
	time.Sleep(time.Second)
	if b.panics {
		panic("planted")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, req := range reqs {
		names = append(names, req.Username)
		results = append(results, resultFor(req))
	}
	until, _ := ctx.Deadline()
	b.batches, b.until = append(b.batches, names), append(b.until, until)
	if b.short {
		return results[1:]
	}
	return results
}

func (b *batcher) BatchesUser(req userapi.CreateUserRequest) bool {
	return !strings.HasSuffix(req.Username, "7")
}

// TestWhoIsInABatch: each user has its own result, and every create that fits is in a batch. Every
// batch ends before another run can take over one of its users.
func TestWhoIsInABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := new(batcher)
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: b}})
		require.NoError(t, err)
		ids := map[string]string{}
		begun := time.Now()
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 20, OnResult: func(r bulk.RowResult) {
			if u := r.Results[0].User; u != nil {
				ids[r.Key] = u.ID
			}
		}}, logins(100))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{"acme", "created", 99}, {"acme", "rejected", 1}}, report.States)
		assert.Equal(t, []bulk.RefusedCount{{"acme", userapi.KindInvalid, "", 1}}, report.Refused)
		assert.Equal(t, "id-of-u12", ids["spring/12"])
		assert.GreaterOrEqual(t, b.alone, 10, "who is not for a batch")
		batched := 0
		for i, names := range b.batches {
			batched += len(names)
			assert.Less(t, b.until[i].Sub(begun), 2*time.Minute+time.Duration(i+1)*time.Second)
			for _, name := range names {
				assert.False(t, strings.HasSuffix(name, "7"), name)
			}
		}
		assert.Equal(t, 100, b.alone+batched)
		assert.LessOrEqual(t, len(b.batches), 12)
	})
}

// TestABrokenBatch: a panic and missing results reach the caller, and nobody waits forever.
func TestABrokenBatch(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]*batcher{"planted": {panics: true}, "CreateUsers returned": {short: true}} {
		synctest.Test(t, func(t *testing.T) {
			p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: b}})
			require.NoError(t, err)
			defer func() { assert.Contains(t, fmt.Sprint(recover()), want) }()
			_, _ = bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, logins(40))
		})
	}
}
