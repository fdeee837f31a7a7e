package bulk_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const runKeys = "0123456789abcdef0123456789abcdef"

// people is a file of n people. Row 5 has no key, rows 7 and 8 have the same e-mail address, and a
// later row is incomplete.
func people(n int) string {
	var b strings.Builder
	b.WriteString("key,username,email,password\n")
	for i := 1; i <= n; i++ {
		key, email := fmt.Sprint(i), fmt.Sprintf("person%d@example.org", i)
		switch i {
		case 5:
			key = ""
		case 8:
			email = "person7@example.org"
		}
		fmt.Fprintf(&b, "%s,person%d,%s,planted-Secret-%d\n", key, i, email, i)
		if i == 8 {
			b.WriteString("900,person900,person900@example.org\n")
		}
	}
	return b.String()
}

// A rig is a Provisioner of two vendors, with their fakes.
type rig struct {
	*provision.Provisioner
	identity *fusionauthtest.Server
	chat     *quickbloxtest.Server
}

func newRig(t *testing.T, ledger provision.Ledger) *rig {
	t.Helper()
	r := &rig{identity: fusionauthtest.NewServer(t), chat: quickbloxtest.NewServer(t)}
	ofIdentity, ofChat := r.identity.Config(), r.chat.Config()
	soon := userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond}
	ofIdentity.HTTP.Retry, ofChat.HTTP.Retry = soon, soon
	identity, err := fusionauth.New(ofIdentity)
	require.NoError(t, err)
	chat, err := quickblox.New(ofChat)
	require.NoError(t, err)
	t.Cleanup(identity.CloseIdleConnections)
	t.Cleanup(chat.CloseIdleConnections)
	r.Provisioner, err = provision.New(ledger, []provision.Target{
		{Name: "identity", Creator: identity}, {Name: "chat", Creator: chat, After: []string{"identity"}},
	}, provision.RequestKeys(runKeys), provision.Patience(time.Millisecond))
	require.NoError(t, err)
	return r
}

// TestRun: each valid row has its users, an invalid row has none, and a second run sends nothing.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	var faults []bulk.Fault
	var lines []int64
	job := bulk.Job{
		Name: "spring", InFlight: 7,
		OnFault:  func(f bulk.Fault) { faults = append(faults, f) },
		OnResult: func(res bulk.RowResult) { lines = append(lines, res.Line) },
	}
	report, err := bulk.Run(t.Context(), r.Provisioner, job, bulk.CSV(strings.NewReader(people(40)), bulk.CSVOptions{}))
	require.NoError(t, err)
	assert.Equal(t, []bulk.StateCount{
		{Target: "chat", State: "created", Rows: 38}, {Target: "chat", State: "open", Rows: 1},
		{Target: "identity", State: "created", Rows: 38}, {Target: "identity", State: "rejected", Rows: 1},
	}, report.States)
	assert.Equal(t, []any{int64(41), int64(2), int64(42), true}, []any{report.Rows, report.RowsAtFault, report.LastLine, report.Complete})
	require.Len(t, faults, 2)
	assert.ElementsMatch(t, []int64{6, 10}, []int64{faults[0].Line, faults[1].Line})
	assert.Equal(t, faults, report.Faults)
	assert.Len(t, lines, 39)
	assert.Equal(t, []int{38, 38}, []int{r.identity.UserCount(), r.chat.UserCount()})
	assert.NotContains(t, fmt.Sprintf("%v %+v %s", report, report, report.String()), "planted")
	assert.NotContains(t, report.String(), "@")
	assert.Contains(t, report.String(), "      38  created      identity\n")

	sent := len(r.chat.Requests())
	again, err := bulk.Run(t.Context(), r.Provisioner, job, bulk.CSV(strings.NewReader(people(40)), bulk.CSVOptions{}))
	require.NoError(t, err)
	assert.Equal(t, report.States, again.States)
	assert.Len(t, r.chat.Requests(), sent, "nothing is left to send")
}

// TestRunIsStopped: a run that is stopped repeatedly creates each user once.
func TestRunIsStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	const rows = 60
	for runs := 0; ; runs++ {
		require.Less(t, runs, rows)
		ctx, stop := context.WithCancel(t.Context())
		done := 0
		report, err := bulk.Run(ctx, r.Provisioner, bulk.Job{Name: "spring", InFlight: 4, OnResult: func(bulk.RowResult) {
			if done++; done == 6*(runs+1) {
				stop()
			}
		}}, bulk.CSV(strings.NewReader(people(rows)), bulk.CSVOptions{}))
		stop()
		if err == nil {
			assert.True(t, report.Complete)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		assert.False(t, report.Complete)
	}
	assert.Equal(t, []int{rows - 2, rows - 2}, []int{r.identity.UserCount(), r.chat.UserCount()})
}

// TestRunHolds: while a vendor is down the rows wait, and the run continues when it is back.
func TestRunHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		const downFor, inFlight, rows = 30 * time.Second, 8, 200
		var made, calls atomic.Int32
		c := userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			calls.Add(1)
			if time.Since(begun) < downFor {
				return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}
			}
			return &userapi.User{Provider: "acme", ID: fmt.Sprint(made.Add(1)), Proof: userapi.ProofReply}, nil
		})
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: c}}, provision.RequestKeys(runKeys), provision.Pause(5, 10*time.Second))
		require.NoError(t, err)
		var input strings.Builder
		for i := range rows {
			fmt.Fprintf(&input, "{\"key\":%d,\"username\":\"u%d\"}\n", i, i)
		}
		read := &counting{Source: bulk.JSONLines(strings.NewReader(input.String()))}
		var whileDown int64
		go func() {
			time.Sleep(downFor - time.Second)
			whileDown = read.n.Load()
		}()
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: inFlight}, read)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: rows}}, report.States)
		assert.LessOrEqual(t, whileDown, int64(inFlight+1), "rows are read as there is a place for them")
		assert.Less(t, calls.Load(), int32(rows+50), "a vendor that is down is left alone")
		assert.Less(t, time.Since(begun), downFor+time.Minute)
	})
}

// A counting source counts the rows that are read.
type counting struct {
	bulk.Source
	n atomic.Int64
}

func (c *counting) Rows(ctx context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for row, err := range c.Source.Rows(ctx) {
			c.n.Add(1)
			if !yield(row, err) {
				return
			}
		}
	}
}

func TestRunIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	source := func(text string) bulk.Source { return bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}) }
	for name, tt := range map[string]struct {
		p      *provision.Provisioner
		job    bulk.Job
		source bulk.Source
		want   string
		is     error
	}{
		"nothing":      {nil, bulk.Job{Name: "spring"}, nil, "needs a Provisioner and a Source", nil},
		"in flight":    {r.Provisioner, bulk.Job{Name: "spring", InFlight: -1}, source(people(1)), "Job.InFlight must not be negative", nil},
		"no name":      {r.Provisioner, bulk.Job{}, source(people(1)), "name", nil},
		"no rows":      {r.Provisioner, bulk.Job{Name: "spring"}, source(""), "a header is expected", bulk.ErrNoRows},
		"a column":     {r.Provisioner, bulk.Job{Name: "spring"}, source("username\nada\n"), "key", bulk.ErrMissingColumns},
		"needs users":  {r.Provisioner, bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"full_name": "{{ .users.identity.ID }}"}}}, source(people(1)), "full_name", nil},
		"broken input": {r.Provisioner, bulk.Job{Name: "spring"}, source("key,username\n1,\"ada\n"), "quote", nil},
	} {
		report, err := bulk.Run(t.Context(), tt.p, tt.job, tt.source)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), tt.want, name)
		assert.False(t, report.Complete, name)
		if tt.is != nil {
			assert.ErrorIs(t, err, tt.is, name)
		}
	}
	assert.Zero(t, r.identity.UserCount()+r.chat.UserCount())
}
