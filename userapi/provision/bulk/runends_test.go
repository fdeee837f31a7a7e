package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
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

// making returns a Provisioner of a creator that creates every user.
func making(t *testing.T) (p *provision.Provisioner, made *atomic.Int32) {
	t.Helper()
	made = new(atomic.Int32)
	return provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
		return &userapi.User{Provider: "acme", ID: fmt.Sprint(made.Add(1)), Proof: userapi.ProofReply}, nil
	}), made
}

func provisionerWith(t *testing.T, f userapi.CreatorFunc) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: f}}, provision.RequestKeys(runKeys))
	require.NoError(t, err)
	return p
}

func csvOf(text string) bulk.Source { return bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}) }

// TestRunTellsAnotherRequest: the second of two rows with a key gets no user and does not count as
// created.
func TestRunTellsAnotherRequest(t *testing.T) {
	t.Parallel()
	p, made := making(t)
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 1}, csvOf("key,username\n1,ada\n1,grace\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 1, made.Load())
	assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: 1}, {Target: "acme", State: bulk.StateDifferent, Rows: 1}}, report.States)
}

// TestRunReportsAsCheck: Run reports the faults of rows and the columns as Check does.
func TestRunReportsAsCheck(t *testing.T) {
	t.Parallel()
	p, _ := making(t)
	var csv, lines strings.Builder
	csv.WriteString("key,username," + strings.Repeat("x", 200) + "\n")
	for i := range 3 * bulk.MaxReportFaults {
		fmt.Fprintf(&csv, ",u%d,\n", i)
		fmt.Fprintf(&lines, "{\"username\":\"u%d\",\"c%d\":1}\n", i, i)
	}
	for name, text := range map[string]string{"CSV": csv.String(), "JSON Lines": lines.String()} {
		source := func() bulk.Source {
			if name == "CSV" {
				return csvOf(text)
			}
			return bulk.JSONLines(strings.NewReader(text))
		}
		var told []bulk.Fault
		job := bulk.Job{Name: "spring", OnFault: func(f bulk.Fault) { told = append(told, f) }}
		ran, runErr := bulk.Run(t.Context(), p, job, source())
		ofRun := told
		told = nil
		checked, checkErr := bulk.Check(t.Context(), p, job, source())
		ran.Elapsed, checked.Elapsed = 0, 0
		assert.Equal(t, checked, ran, name)
		assert.Equal(t, checkErr, runErr, name)
		assert.Equal(t, told, ofRun, name)
	}
}

// TestRunMissesAColumn: missing columns of JSON Lines are known only at the end.
func TestRunMissesAColumn(t *testing.T) {
	t.Parallel()
	p, _ := making(t)
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"email": "E-mail"}}}
	report, err := bulk.Run(t.Context(), p, job, bulk.JSONLines(strings.NewReader(`{"key":1,"username":"ada","mail":"ada@example.org"}`)))
	require.ErrorIs(t, err, bulk.ErrMissingColumns)
	assert.Equal(t, []string{"E-mail"}, report.Missing)
	assert.Equal(t, []string{"mail"}, report.Unused)
}

// TestRunEndsWithItsContext: the error wraps the context's error and its cause, and no row is
// started.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("the shift is over")
	for range 50 {
		ctx, stop := context.WithCancelCause(t.Context())
		var made atomic.Int32
		p := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			stop(cause)
			return &userapi.User{Provider: "acme", ID: fmt.Sprint(made.Add(1)), Proof: userapi.ProofReply}, nil
		})
		report, err := bulk.Run(ctx, p, bulk.Job{Name: "spring", InFlight: 1}, csvOf("key,username\n1,ada\n2,grace\n3,joan\n"))
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: 1}}, report.States)
		require.EqualValues(t, 1, report.Rows)
		stop(nil)
	}
}

// TestRunLeavesTheUnknown: a row with an unknown outcome and no look-up does not occupy a place.
func TestRunLeavesTheUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		p := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindTimeout, Outcome: userapi.OutcomeUnknown}
		})
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username\n1,ada\n"))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "unknown", Rows: 1}}, report.States)
		assert.LessOrEqual(t, time.Since(begun), time.Second)
	})
}

// TestRunPanics: a panic reaches the caller of Run after the other rows have ended.
func TestRunPanics(t *testing.T) {
	t.Parallel()
	p, made := making(t)
	rows := "key,username\n1,ada\n2,grace\n3,joan\n4,\n,eve\n"
	broken := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) { panic("planted") })
	for name, run := range map[string]func(){
		"creator": func() { _, _ = bulk.Run(t.Context(), broken, bulk.Job{Name: "spring"}, csvOf(rows)) },
		"OnResult": func() {
			_, _ = bulk.Run(t.Context(), p, bulk.Job{Name: "summer", OnResult: func(bulk.RowResult) { panic("planted") }}, csvOf(rows))
		},
		"OnFault": func() {
			_, _ = bulk.Run(t.Context(), p, bulk.Job{Name: "autumn", OnFault: func(bulk.Fault) { panic("planted") }}, csvOf(rows))
		},
		"source": func() { _, _ = bulk.Run(t.Context(), p, bulk.Job{Name: "winter"}, panicking{}) },
	} {
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), "planted", name) }()
			run()
		}()
	}
	assert.Positive(t, made.Load())
}

// A panicking source has one row.
type panicking struct{}

func (panicking) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		yield(bulk.Row{Line: 1, Values: map[string]any{"key": "1", "username": "ada"}}, nil)
		panic("planted")
	}
}

// A finishing creator creates users whose second step fails a few times.
type finishing struct {
	userapi.CreatorFunc
	left *atomic.Int32
}

func (f finishing) FinishUser(_ context.Context, _ userapi.CreateUserRequest, u *userapi.User) error {
	if f.left.Add(-1) < 0 {
		return nil
	}
	return &userapi.Error{Provider: "acme", Op: "finish user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeCreated, User: u, UserID: u.ID}
}

// TestRunFinishes: if a second step fails temporarily, the same run finishes the user.
func TestRunFinishes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		made, left := new(atomic.Int32), new(atomic.Int32)
		left.Store(2)
		c := finishing{func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			u := &userapi.User{Provider: "acme", ID: fmt.Sprint(made.Add(1)), Proof: userapi.ProofReply, Raw: []byte("{}"), CreatedAt: time.Now()}
			return u, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeCreated, User: u, UserID: u.ID}
		}, left}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: c}}, provision.RequestKeys(runKeys))
		require.NoError(t, err)
		var last error
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", OnResult: func(r bulk.RowResult) { last = r.Results[0].Err }}, csvOf("key,username\n1,ada\n"))
		require.NoError(t, err)
		require.NoError(t, last)
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: 1}}, report.States)
		assert.EqualValues(t, 1, made.Load())
	})
}

// TestCheckPanics: a panic of a target's Map reaches the caller of Check.
func TestCheckPanics(t *testing.T) {
	t.Parallel()
	p := acme(t, func(userapi.CreateUserRequest) (userapi.Plan, error) { panic("planted") })
	assert.PanicsWithValue(t, "planted", func() {
		_, _ = bulk.Check(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username\n1,ada\n2,grace\n"))
	})
}

// TestRunWaitsAsAsked: a row is not retried before the time that the vendor asked for.
func TestRunWaitsAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rows = 200
		opens := time.Now().Add(2 * time.Minute)
		var calls atomic.Int32
		p := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			calls.Add(1)
			if left := time.Until(opens); left > 0 {
				return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindRateLimited, StatusCode: 429, RetryAfter: left, Outcome: userapi.OutcomeRejected}
			}
			return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
		})
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 8}, bulk.CSV(&generator{
			header: "key,username\n", rows: rows, row: func(i int) string { return fmt.Sprintf("%d,u%d\n", i, i) },
		}, bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: rows}}, report.States)
		assert.EqualValues(t, rows+8, calls.Load())
	})
}

// A forgetful ledger stores claims and no results.
type forgetful struct{ provision.Memory }

func (l *forgetful) Store(ctx context.Context, records ...provision.Record) error {
	for _, r := range records {
		if r.State.HasUser() {
			return errors.New("the disk is full")
		}
	}
	return l.Memory.Store(ctx, records...)
}

// TestRunTellsWhatIsNotStored: a user that the ledger could not store counts as created, and no
// further row is started.
func TestRunTellsWhatIsNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
		})
		p, err := provision.New(new(forgetful), []provision.Target{{Name: "acme", Creator: c}}, provision.RequestKeys(runKeys))
		require.NoError(t, err)
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 1}, csvOf("key,username\n1,ada\n2,grace\n"))
		require.EqualError(t, err, "bulk: line 2: the ledger failed: acme: sign up user: unavailable (code record), but the user was created as 1: the disk is full")
		assert.Equal(t, []bulk.StateCount{{Target: "acme", State: "created", Rows: 1}}, report.States)
		assert.Equal(t, []any{int64(1), int64(1), false}, []any{report.Rows, report.RowsOpen, report.Complete})
	})
}
