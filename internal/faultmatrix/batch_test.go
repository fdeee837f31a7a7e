package faultmatrix_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// batchFaults apply to the first import of a batch, or to look-ups after it.
var batchFaults = map[string][]userapitest.Fault{
	"none":                  nil,
	"request lost":          {{On: userapitest.Create, When: userapitest.BeforeRead, Do: userapitest.Reset}},
	"not carried out":       {{On: userapitest.Create, When: userapitest.BeforeCommit, Do: userapitest.Hangup}},
	"reply lost":            {{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Reset}},
	"reply cut off":         {{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Truncate}},
	"time-out, carried out": {{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Stall}},
	"time-out":              {{On: userapitest.Create, When: userapitest.BeforeCommit, Do: userapitest.Stall}},
	"500":                   {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 500}},
	"500 again and again":   {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 500, Times: -1}},
	"500, carried out":      {{On: userapitest.Create, When: userapitest.AfterCommit, Status: 500}},
	"500 of FusionAuth": {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 500,
		Body: []byte(`{"fieldErrors":{},"generalErrors":[{"code":"[ImportRequestFailed]","message":"It failed."}]}`)}},
	"502 of a proxy":     {{On: userapitest.Create, When: userapitest.AfterCommit, Status: 502, Body: []byte(vendors.Page)}},
	"200 of a proxy":     {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 200}},
	"200 and an error":   {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 200, Body: []byte(`{"generalErrors":[{"code":"[Exception]"}]}`)}},
	"400":                {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 400}},
	"401":                {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 401}},
	"409 that passes":    {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 409, Body: []byte(`{"generalErrors":[{"code":"[retryableConflict]"}]}`)}},
	"429":                {{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 429}},
	"nobody can be read": {{On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: 503, Times: -1}},
	"lost, and nobody can be read": {
		{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup},
		{On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: 503, Times: -1},
	},
	"lost, and nobody is there, says a proxy": {
		{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup},
		{On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: 404, Body: []byte(vendors.Page), Times: -1},
	},
}

// TestBatch imports ten users under each fault, alone and with users in their midst that
// cannot be created, and compares each user's result with what the server holds. Then
// Ensure settles what is unknown.
func TestBatch(t *testing.T) {
	t.Parallel()
	for name, faults := range batchFaults {
		for _, duplicates := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, duplicates %v", name, duplicates), func(t *testing.T) {
				t.Parallel()
				if !stalls(faults...) {
					testBatch(t, faults, duplicates, userapitest.ServerOptions{})
					return
				}
				synctest.Test(t, func(t *testing.T) { // where time passes when nothing else goes on
					testBatch(t, faults, duplicates, userapitest.ServerOptions{Listener: fakehttp.NewMemory()})
				})
			})
		}
	}
}

// stalls reports whether a fault ends by a time-out.
func stalls(faults ...userapitest.Fault) bool {
	return slices.ContainsFunc(faults, func(f userapitest.Fault) bool { return f.Do == userapitest.Stall })
}

func testBatch(t *testing.T, faults []userapitest.Fault, duplicates bool, o userapitest.ServerOptions) {
	t.Helper()
	begun := time.Now()
	o.Now = func() time.Time { return begun } // as in a rig
	server := fusionauthtest.NewServer(t, fusionauthtest.WithHTTP(o))
	cfg := server.Config()
	cfg.HTTP.Timeout = forever
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 4 * time.Millisecond, Jitter: -1}
	c, err := fusionauth.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)

	reqs := make([]userapi.CreateUserRequest, 10)
	for i := range reqs {
		reqs[i] = mover(i)
	}
	before := 0
	if duplicates {
		_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: reqs[3].Email, Password: vendors.Planted + "-1"})
		require.NoError(t, err)
		before = 1
		reqs[7].Email = reqs[5].Email
	}
	for _, f := range faults {
		server.Inject(f)
	}
	results := c.CreateUsers(t.Context(), reqs)
	ids := idsOf(server)
	assert.Len(t, uniqueIDs(ids), len(ids), "DOUBLED")
	unknown := 0
	for i, r := range results {
		plan, err := c.PlanUser(reqs[i])
		require.NoError(t, err)
		exists := slices.Contains(ids, plan.UserID)
		if r.Err == nil {
			assert.True(t, exists && r.User.ID == plan.UserID, "LOST: user %d is said to be there", i)
			continue
		}
		e, ok := r.Err.(*userapi.Error)
		require.True(t, ok)
		assert.Equal(t, plan.UserID, e.UserID)
		assert.NotContains(t, dump(*e, e.Err), vendors.Planted)
		switch e.Outcome {
		case userapi.OutcomeUnknown:
			unknown++
		case userapi.OutcomeCreated:
			assert.True(t, exists, "LOST: user %d is said to be there", i)
		default:
			assert.False(t, exists, "FALSE: user %d is said not to be there: %v", i, e.Outcome)
		}
	}
	t.Logf("%d of 10 unknown", unknown)
	if slices.ContainsFunc(faults, func(f userapitest.Fault) bool { return f.Times < 0 }) {
		return
	}

	// Where the fault is over, Ensure settles each of them.
	for i := range results {
		if !userapi.MayHaveCreated(results[i].Err) {
			continue
		}
		res, err := provision.Ensure(t.Context(), c, reqs[i], provision.Patience(time.Millisecond))
		e, _ := err.(*userapi.Error)
		conflict := duplicates && (i == 3 || i == 5 || i == 7) && e != nil && e.Kind == userapi.KindConflict && e.Outcome == userapi.OutcomeRejected
		assert.True(t, err == nil || conflict, "Ensure says %v of user %d: %v", res.Disposition, i, err)
		if err == nil {
			results[i] = userapi.BatchResult{User: res.User}
		} else {
			results[i] = userapi.BatchResult{Err: err}
		}
	}
	created := 0
	for _, r := range results {
		if r.Err == nil {
			created++
		}
	}
	assert.Equal(t, before+created, server.UserCount(), "DOUBLED or LOST")
	assert.Len(t, uniqueIDs(idsOf(server)), server.UserCount())
}

// mover is the request of somebody who brings a password along.
func mover(n int) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: fmt.Sprintf("mover-%d", n), Email: fmt.Sprintf("mover%d@example.org", n),
		Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{
			Hash: vendors.Planted, Salt: vendors.Planted + "A", Scheme: "plug-in",
		}}},
	}
}

func idsOf(server *fusionauthtest.Server) (ids []string) {
	for _, u := range server.Users() {
		ids = append(ids, u.ID)
	}
	return ids
}

func uniqueIDs(ids []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}
