package bulk_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestAnotherRowIsNoMendedOne: if a target has refused a row, another person's row with the same
// key does not replace it in the same run. In a further run it does.
func TestAnotherRowIsNoMendedOne(t *testing.T) {
	t.Parallel()
	p, refuse := refusing(t)
	refuse["ada"] = &userapi.Error{Provider: "acme", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
	var results bytes.Buffer
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username,_row\n1,ada,7\n1,grace,8\n1,ada,9\n"))
	require.NoError(t, err)
	assert.Equal(t, `key,target,state,user_id,proof,line
1,crm,different,,,3
1,crm,rejected,,,2
1,crm,rejected,,,4
1,identity,created,i-ada,reply,2
1,identity,created,i-ada,reply,4
1,identity,different,,,3
`, sorted(results.String()))
	assert.EqualValues(t, 3, report.RowsRefused)

	report, err = bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username\n1,grace\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.RowsDone, "%s", report)
}

// TestPrototypesStayAsTheyAre: a row does not see another row's values.
func TestPrototypesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{Memberships: []fusionauth.NewMembership{{GroupID: new("default")}}}}})
	_, err := m.Request(rowOf(map[string]any{"fusionauth.memberships": `[{"groupId":"admins"}]`}))
	require.NoError(t, err)
	req, err := m.Request(rowOf(nil))
	require.NoError(t, err)
	assert.Equal(t, "default", *req.Extensions[0].(fusionauth.Extra).Memberships[0].GroupID)
}

// TestNoSecretAmongTheRejects: rejects show no secret, even if it is also in another column, inside
// JSON, or in an unused column.
func TestNoSecretAmongTheRejects(t *testing.T) {
	t.Parallel()
	p, _ := making(t)
	for name, tt := range map[string]struct {
		mapping bulk.Mapping
		source  bulk.Source
	}{
		"too many cells": {bulk.Mapping{}, csvOf("key,full_name,password,email\n1,Doe, John,planted-1,x@example.org\n")},
		"too few cells":  {bulk.Mapping{}, csvOf("key,full_name,phone,password,email\n1,Doe,planted-1,x@example.org\n")},
		"a struct": {bulk.Mapping{Extensions: extras()}, bulk.JSONLines(strings.NewReader(
			`{"key":"","fusionauth.password_hash":{"hash":"planted-1"},"fusionauth.registration":{"token":"planted-2"}}`))},
		"a text of JSON":  {bulk.Mapping{Extensions: extras()}, csvOf("key,fusionauth.password_hash\n,\"{\"\"hash\"\":\"\"planted-1\"\"}\"\n")},
		"an unused one":   {bulk.Mapping{Columns: map[string]string{"password": "new"}}, csvOf("key,password,new\n,planted-1,planted-2\n")},
		"a target's":      {bulk.Mapping{Targets: map[string]map[string]string{"acme": {"password": "{{ .pin }}x"}}}, csvOf("key,pin\n,planted-1\n")},
		"a part of one":   {bulk.Mapping{Columns: map[string]string{"password": "{{ .a }}{{ .b }}"}}, csvOf("key,a,b\n,planted-1,planted-2\n")},
		"one with a name": {bulk.Mapping{Columns: map[string]string{"password": `{{ index . "my pin" }}`}}, csvOf("key,my pin\n,planted-1\n")},
	} {
		var rejects bytes.Buffer
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: tt.mapping, Rejects: &rejects}, tt.source)
		require.NoError(t, err, name)
		assert.EqualValues(t, 1, report.RowsAtFault, name)
		assert.Contains(t, rejects.String(), "[REDACTED]", name)
		assert.False(t, strings.Contains(rejects.String(), "planted"), name)
	}
}

// TestUnevenRowsFedAgain: an unchanged reject with too few or too many cells is invalid again.
func TestUnevenRowsFedAgain(t *testing.T) {
	t.Parallel()
	for _, row := range []string{"1,x@example.org,Doe, John\n", "1,x@example.org\n"} {
		p, made := making(t)
		var rejects, again bytes.Buffer
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &rejects}, csvOf("key,email,full_name\n"+row))
		require.NoError(t, err)
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &again}, csvOf(rejects.String()))
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.RowsAtFault)
		assert.Zero(t, made.Load())
		assert.Contains(t, again.String(), `"[REDACTED]","x@example.org",`)
		assert.Contains(t, again.String(), ",2,,not_sent,", "_row stays that of the first file")
	}
}

// TestNullsFedAgain: NULL stays NULL, and a text stays a text, for every marker of NULL.
func TestNullsFedAgain(t *testing.T) {
	t.Parallel()
	const header = "key,attributes.a,attributes.b,attributes.c,attributes.d\n"
	for _, null := range []string{"", "NULL", "-"} {
		o := bulk.CSVOptions{Null: null}
		first := values(t, bulk.CSV(strings.NewReader(header+`,\N,"\N","NULL","-"`+"\n"), o))
		p, _ := making(t)
		var rejects bytes.Buffer
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &rejects}, bulk.CSV(strings.NewReader(header+`,\N,"\N","NULL","-"`+"\n"), o))
		require.NoError(t, err)
		again := values(t, bulk.CSV(bytes.NewReader(rejects.Bytes()), o))
		for name, v := range first {
			assert.Equal(t, v, again[name], "%s with %q", name, null)
		}
	}
}

func values(t *testing.T, src bulk.Source) map[string]any {
	t.Helper()
	for row, err := range src.Rows(t.Context()) {
		require.NoError(t, err)
		return row.Values
	}
	return nil
}

// TestRejectsOfAQueryKeepTheirTypes: an unchanged reject gives the same request.
func TestRejectsOfAQueryKeepTheirTypes(t *testing.T) {
	t.Parallel()
	var sent []map[string]any
	p := provisionerWith(t, func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		if sent = append(sent, req.Attributes); len(sent) == 1 {
			return nil, &userapi.Error{Provider: "acme", Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected, StatusCode: 403}
		}
		return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
	})
	rows := func() bulk.Source {
		return bulk.Query(sql.OpenDB(&table{columns: []string{"key", "username", "attributes.age", "attributes.on"}, rows: [][]driver.Value{{int64(1), "grace", int64(42), true}}}), "SELECT")
	}
	var rejects bytes.Buffer
	_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Rejects: &rejects}, rows())
	require.NoError(t, err)
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, bulk.Only(rows(), csvOf(rejects.String()), bulk.Mapping{}))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.RowsDone, "%s", report)
	require.Len(t, sent, 2)
	assert.Equal(t, map[string]any{"age": json.Number("42"), "on": true}, sent[0])
	assert.Equal(t, sent[0], sent[1])
}

// TestSlowLanesLoseNothing: if a row gets no place in its lane in time, nothing is sent. That is
// true even if its creator ignores contexts. The row waits for its turn, and uses no try.
func TestSlowLanesLoseNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		takes    time.Duration
		lane     bulk.Lane
		rows     int
		inFlight int
	}{
		"one at a time":   {2 * time.Second, bulk.Lane{Concurrency: 1}, 1000, 0},
		"a slow vendor":   {30 * time.Second, bulk.Lane{Concurrency: 1}, 300, 0},
		"a long queue":    {0, bulk.Lane{PerSecond: 10}, 1500, 1300},
		"beyond the rate": {0, bulk.Lane{Concurrency: 2, PerSecond: 1}, 500, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := &slow{takes: tt.takes}
				p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: vendor}, {Name: "fast", Creator: new(slow)}}, provision.Pause(1, time.Hour))
				require.NoError(t, err)
				begun := time.Now()
				report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: tt.inFlight, Lanes: map[string]bulk.Lane{"acme": tt.lane}}, logins(tt.rows))
				require.NoError(t, err)
				assert.EqualValues(t, tt.rows, report.RowsDone, "%s", report)
				assert.EqualValues(t, tt.rows, vendor.n.Load(), "no call is beside the lane")
				assert.EqualValues(t, tt.rows, report.Requests[0].Requests)
				if tt.lane.PerSecond > 0 {
					assert.GreaterOrEqual(t, time.Since(begun).Seconds(), float64(tt.rows)/tt.lane.PerSecond-1)
				}
			})
		})
	}
}

// TestLongBatches: a batch has only creates whose leases outlast it. The others wait for the next
// batch.
func TestLongBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &slowBatcher{takes: 50 * time.Second}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: b}}, provision.Pause(1, time.Hour))
		require.NoError(t, err)
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 1500}, logins(3000))
		require.NoError(t, err)
		assert.EqualValues(t, 3000, report.RowsDone, "%s", report)
		assert.EqualValues(t, 3000, b.made.Load())
	})
}

// A slowBatcher needs time for each request, and creates no user after the context has ended.
type slowBatcher struct {
	takes time.Duration
	made  atomic.Int64
}

func (b *slowBatcher) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	res := b.CreateUsers(ctx, []userapi.CreateUserRequest{req})[0]
	return res.User, res.Err
}

func (b *slowBatcher) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) (results []userapi.BatchResult) {
	select {
	case <-time.After(b.takes):
	case <-ctx.Done():
	}
	for _, req := range reqs {
		if ctx.Err() != nil {
			results = append(results, userapi.BatchResult{Err: &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindTimeout, Outcome: userapi.OutcomeUnknown}})
			continue
		}
		b.made.Add(1)
		results = append(results, userapi.BatchResult{User: &userapi.User{Provider: "acme", ID: "id-of-" + req.Username, Proof: userapi.ProofReply}})
	}
	return results
}

// TestABatchThatEndsItsGoroutine: nobody waits forever.
func TestABatchThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &exiting{slowBatcher: slowBatcher{takes: time.Second}}
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: b}})
		require.NoError(t, err)
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", InFlight: 20}, logins(40))
		require.NoError(t, err)
		assert.Positive(t, report.RowsUnknown)
		assert.EqualValues(t, 40, report.RowsUnknown+report.RowsDone)
	})
}

type exiting struct {
	slowBatcher
	n atomic.Int32
}

func (e *exiting) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) []userapi.BatchResult {
	if len(reqs) > 1 && e.n.Add(1) == 1 {
		runtime.Goexit()
	}
	return e.slowBatcher.CreateUsers(ctx, reqs)
}

// TestMendedAfterAMap: if a target's template refuses a row after its users exist, the corrected
// row keeps its key.
func TestMendedAfterAMap(t *testing.T) {
	t.Parallel()
	p, _ := refusing(t)
	m := bulk.Mapping{Targets: map[string]map[string]string{"crm": {"external_id": "{{ slice .ref 0 4 }}-{{ .users.identity.ID }}", "full_name": "name"}}}
	for i, row := range []string{"1,ada,abc,Ada\n", "1,ada,abcd,Ada\n", "1,ada,abcd,Ada L\n"} {
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: m}, csvOf("key,username,ref,name\n"+row))
		require.NoError(t, err)
		assert.EqualValues(t, min(i, 1), report.RowsDone, "%s", report)
	}
	more := bulk.Mapping{Targets: map[string]map[string]string{"crm": m.Targets["crm"], "identity": {"timezone": "zone"}}}
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: more}, csvOf("key,username,ref,name,zone\n1,ada,abcd,Ada,Europe/Paris\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.RowsDone, "columns of targets are no part of the row's request: %s", report)
}

// TestMendedForOneTarget: a row with corrected columns for one target goes to that target again.
func TestMendedForOneTarget(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	c := userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		sent.Add(1)
		if req.Phone != "+15550100" {
			return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
		}
		return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
	})
	p := of(t, new(provision.Memory), c)
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Targets: map[string]map[string]string{"acme": {"phone": "mobile"}}}}
	for i, mobile := range []string{"1", "1", "+15550100", "+15550100"} {
		report, err := bulk.Run(t.Context(), p, job, csvOf("key,username,mobile\n7,ada,"+mobile+"\n"))
		require.NoError(t, err)
		assert.Equal(t, i > 1, report.RowsDone == 1, "%s", report)
	}
	assert.EqualValues(t, 3, sent.Load(), "what was refused is tried again, and what was created is not")
}

// TestRefusedForItsPassword: a refused password can be corrected in the file or at the vendor,
// although fingerprints do not cover it.
func TestRefusedForItsPassword(t *testing.T) {
	t.Parallel()
	p := provisionerWith(t, func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		if len(req.Password) < 12 {
			return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
		}
		return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
	})
	for i, password := range []string{"short", "planted-and-long", "short"} {
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, csvOf("key,username,password\n7,ada,"+password+"\n"))
		require.NoError(t, err)
		assert.Equal(t, i > 0, report.RowsDone == 1, "%s", report)
	}
}

// TestKept: if a target keeps the user of the row before its correction, the result says so and
// counts as done.
func TestKept(t *testing.T) {
	t.Parallel()
	p, refuse := refusing(t)
	refuse["ada"] = &userapi.Error{Provider: "acme", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected, StatusCode: 409}
	for i, login := range []string{"ada", "ada2", "ada2"} {
		var results bytes.Buffer
		report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, csvOf("key,username\n7,"+login+"\n"))
		require.NoError(t, err)
		assert.Equal(t, i > 0, report.RowsDone == 1, "%s", report)
		state := map[int]string{0: "created", 1: "kept", 2: "created"}[i]
		assert.Contains(t, results.String(), "7,identity,"+state+",i-ada,reply,2\n")
	}
}

// TestStoppedWhileCreating: after a stop, running creates finish and nothing new is sent. A create
// with an answer is not unknown.
func TestStoppedWhileCreating(t *testing.T) {
	t.Parallel()
	for name, lane := range map[string]bulk.Lane{"no lane": {}, "places": {Concurrency: 3}, "a rate": {PerSecond: 5}} {
		for _, takes := range []time.Duration{time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				var asked, made atomic.Int32
				c := userapi.CreatorFunc(func(ctx context.Context, _ userapi.CreateUserRequest) (*userapi.User, error) {
					asked.Add(1)
					select {
					case <-time.After(takes):
						return &userapi.User{Provider: "acme", ID: fmt.Sprint(made.Add(1)), Proof: userapi.ProofReply}, nil
					case <-ctx.Done():
						return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindCanceled, Outcome: userapi.OutcomeUnknown}
					}
				})
				p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "acme", Creator: c}, {Name: "late", Creator: c, After: []string{"acme"}}}, provision.Grace(0))
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				begun := time.Now()
				report, err := bulk.Run(ctx, p, bulk.Job{Name: "spring", InFlight: 8, Lanes: map[string]bulk.Lane{"acme": lane}}, logins(100))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.LessOrEqual(t, asked.Load(), int32(8), name)
				if takes == time.Second {
					assert.Zero(t, report.RowsUnknown, "%s: %s", name, report)
					assert.Equal(t, asked.Load(), made.Load(), name)
					assert.Less(t, time.Since(begun), 2*time.Second)
				} else {
					assert.EqualValues(t, asked.Load(), report.RowsUnknown, "%s: %s", name, report)
					assert.Less(t, time.Since(begun), 16*time.Second)
				}
			})
		}
	}
}

// TestStoppedWithAllDone: a stop does not make a known result unknown.
func TestStoppedWithAllDone(t *testing.T) {
	t.Parallel()
	p, _ := making(t)
	_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, logins(500))
	require.NoError(t, err)
	for range 20 {
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		report, err := bulk.Run(ctx, p, bulk.Job{Name: "spring", OnResult: func(bulk.RowResult) {
			if n++; n == 50 {
				stop()
			}
		}}, logins(500))
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, []bulk.StateCount{{"acme", "created", report.Rows}}, report.States)
		stop()
	}
}

// TestAPlannedNumber: a number member can come from a user's id. The plan's placeholder for the id
// is not a number.
func TestAPlannedNumber(t *testing.T) {
	t.Parallel()
	users := userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
		return &userapi.User{Provider: "acme", ID: "17", Proof: userapi.ProofReply}, nil
	})
	var got atomic.Int64
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: users}, {
		Name: "crm", After: []string{"chat"}, Creator: userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			got.Store(req.Extensions[len(req.Extensions)-1].(numbered).Ref)
			return users(t.Context(), req)
		}),
	}})
	require.NoError(t, err)
	m := bulk.Mapping{Extensions: []userapi.Extension{numbered{}}, Targets: map[string]map[string]string{"crm": {"acme.ref": "{{ .users.chat.ID }}"}}}
	report, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: m}, csvOf("key,username\n1,ada\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.RowsDone, "%s", report)
	assert.EqualValues(t, 17, got.Load())
}

type numbered struct{ Ref int64 }

func (numbered) UserExtension() string { return "acme" }

// TestPanicsEndEverything: the files have the finished rows, and nothing is reported after the
// panic.
func TestPanicsEndEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := of(t, new(provision.Memory), &slow{takes: time.Second})
		var results bytes.Buffer
		rows, told := 0, 0
		assert.PanicsWithValue(t, "planted", func() {
			_, _ = bulk.Run(t.Context(), p, bulk.Job{
				Name: "spring", InFlight: 4, Results: &results, OnProgress: func(bulk.Progress) { told++ },
				OnResult: func(bulk.RowResult) {
					if rows++; rows == 10 {
						panic("planted")
					}
				},
			}, logins(1000))
		})
		at := told
		time.Sleep(time.Minute)
		assert.Equal(t, at, told)
		assert.GreaterOrEqual(t, strings.Count(results.String(), "\n"), 10)
	})
}

// TestWhatEndsTheReadingEndsTheRows: a run that cannot continue does not wait for a vendor that is
// down.
func TestWhatEndsTheReadingEndsTheRows(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]bulk.Job{
		"a panic":        {OnFault: func(bulk.Fault) { panic("planted") }},
		"a full disk":    {Rejects: new(fullDisk)},
		"a broken input": {},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := provisionerWith(t, func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
				return nil, &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}
			})
			begun := time.Now()
			job.Name = "spring"
			var source bulk.Source = bulk.CSV(&generator{header: "key,username\n", rows: 4000, row: func(i int) string {
				if i < 20 {
					return fmt.Sprintf("%d,u%d\n", i, i)
				}
				return ",x\n"
			}}, bulk.CSVOptions{})
			if name == "a broken input" {
				source = csvOf("key,username\n1,ada\n2,\"open\n")
			}
			func() {
				defer func() { _ = recover() }()
				_, err := bulk.Run(t.Context(), p, job, source)
				assert.Error(t, err)
			}()
			assert.Less(t, time.Since(begun), 10*time.Minute, name)
		})
	}
}

// TestUndoOfWhatIsNotReached: if a vendor cannot be reached, its users are reported as existing.
func TestUndoOfWhatIsNotReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := unreachable{userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			return &userapi.User{Provider: "acme", ID: "7", Proof: userapi.ProofReply}, nil
		})}
		p := of(t, new(provision.Memory), c)
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring"}, logins(1))
		require.NoError(t, err)
		var results bytes.Buffer
		report, err := bulk.Undo(t.Context(), p, bulk.Job{Name: "spring", Results: &results}, logins(1))
		require.NoError(t, err)
		assert.Equal(t, []int64{0, 1}, []int64{report.RowsUnknown, report.RowsOpen})
		assert.Contains(t, results.String(), "1,acme,created,7,reply,2\n")
	})
}

type unreachable struct{ userapi.Creator }

func (unreachable) DeleteUser(context.Context, string) error {
	return &userapi.Error{Provider: "acme", Op: "delete user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}
}

// TestOnlyOfAChangedOriginal: a row never gets another person's password.
func TestOnlyOfAChangedOriginal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ original, want string }{
		"a row that was cut off":  {"id,username,password\n1,ada\n1,grace,planted-2\n", "the secret is left out, and the original's row on the line of _row cannot be read"},
		"a row that moved":        {"id,username,password\n9,kay,planted-9\n1,ada,planted-1\n", "planted-1"},
		"a row that moved, later": {"id,username,password\n1,ada,planted-1\n9,kay,planted-9\n", "planted-1"},
	} {
		rejects := "id,username,password,_row\n1,ada,[REDACTED],2\n"
		if name == "a row that moved, later" {
			rejects = "id,username,password,_row\n1,ada,[REDACTED],3\n"
		}
		for row, err := range bulk.Only(csvOf(tt.original), csvOf(rejects), filedMapping).Rows(t.Context()) {
			if err != nil {
				assert.ErrorContains(t, err, tt.want, name)
				assert.NotContains(t, fmt.Sprint(row.Values["password"]), "planted", name)
				continue
			}
			assert.True(t, row.Values["password"] == tt.want, name)
		}
	}
}
