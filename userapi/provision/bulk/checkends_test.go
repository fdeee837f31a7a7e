package bulk_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A planner is a target's creator that can only plan.
type planner func(req userapi.CreateUserRequest) (userapi.Plan, error)

func (planner) CreateUser(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
	panic("a check creates nobody")
}

func (f planner) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) { return f(req) }

// byMail is a vendor with unique addresses.
func byMail(req userapi.CreateUserRequest) (userapi.Plan, error) {
	plan := userapi.Plan{Provider: "acme", Method: "POST", Route: "/users"}
	if req.Email != "" {
		plan.Unique = []userapi.UniqueValue{{Field: "Email", Value: "t|" + strings.ToLower(req.Email)}}
	}
	return plan, nil
}

func acme(t testing.TB, f planner) *provision.Provisioner {
	t.Helper()
	return provisionerOf(t, provision.Target{Name: "acme", Creator: f})
}

// rowsOf is a caller's own Source, which ends in an error.
type rowsOf struct {
	rows []bulk.Row
	err  error
	then func()
}

func (s rowsOf) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for _, row := range s.rows {
			if !yield(row, nil) {
				return
			}
		}
		if s.then != nil {
			s.then()
		}
		if s.err != nil {
			yield(bulk.Row{}, s.err)
		}
	}
}

// unread fails the test when its rows are read.
type unread struct {
	bulk.ColumnSource
	t *testing.T
}

func (s unread) Rows(context.Context) iter.Seq2[bulk.Row, error] {
	s.t.Error("a row was read")
	return func(func(bulk.Row, error) bool) {}
}

func TestCheckColumns(t *testing.T) {
	t.Parallel()
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"email": "E-mial", "full_name": "{{ .Name }}", "key": "id"}}}
	p := acme(t, byMail)

	report, err := bulk.Check(t.Context(), p, job, unread{bulk.CSV(strings.NewReader("id,E-mail,Name,_row\n1,a,b,\n"), bulk.CSVOptions{}).(bulk.ColumnSource), t})
	require.ErrorIs(t, err, bulk.ErrMissingColumns)
	require.EqualError(t, err, `bulk: the mapping needs columns that the input does not have: "E-mial"`)
	assert.Equal(t, bulk.Report{Job: "spring", Unused: []string{"E-mail"}, Missing: []string{"E-mial"}, Elapsed: report.Elapsed}, report)

	job.Mapping.Columns["full_name"] = "Name"
	const lines = `{"id":1,"E-mail":"a"}
{
{"id":2,"E-mail":"b","Name":"B","_row":1}
`
	report, err = bulk.Check(t.Context(), p, job, bulk.JSONLines(strings.NewReader(lines)))
	require.ErrorIs(t, err, bulk.ErrMissingColumns)
	assert.Equal(t, []string{"E-mial"}, report.Missing, "Name is in one of the rows")
	assert.Equal(t, []string{"E-mail"}, report.Unused)
	assert.Equal(t, []int64{3, 1, 3}, []int64{report.Rows, report.RowsAtFault, report.LastLine})
	assert.True(t, report.Complete)

	// Unread rows may have the missing columns.
	end := errors.New("it ends here")
	report, err = bulk.Check(t.Context(), p, job, rowsOf{rows: []bulk.Row{{Line: 1, Values: map[string]any{"id": "1", "Name": "x", "x": "y"}}}, err: end})
	require.ErrorIs(t, err, end)
	assert.Empty(t, report.Missing)
	assert.Equal(t, []string{"x"}, report.Unused)

	// If no row is readable, the report has no columns. If there are no rows, all are missing.
	report, err = bulk.Check(t.Context(), p, job, bulk.JSONLines(strings.NewReader("{}}\n")))
	require.NoError(t, err)
	assert.Equal(t, int64(1), report.RowsAtFault)
	_, err = bulk.Check(t.Context(), p, job, rowsOf{})
	require.ErrorIs(t, err, bulk.ErrMissingColumns)
	_, err = bulk.Check(t.Context(), p, bulk.Job{Name: "spring"}, bulk.JSONLines(strings.NewReader(`{"Key":1}`)))
	require.EqualError(t, err, `bulk: the mapping needs columns that the input does not have: "key"`)
}

// Each line of JSON Lines can have other names. Their number is bounded, and needed names are still
// found.
func TestCheckManyColumns(t *testing.T) {
	t.Parallel()
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"email": "zzz"}}}
	report, err := bulk.Check(t.Context(), acme(t, byMail), job, bulk.JSONLines(&generator{rows: 1500, row: func(i int) string {
		if i == 1500 {
			return fmt.Sprintf(`{"key":%d,"zzz":"a"}`+"\n", i)
		}
		return fmt.Sprintf(`{"key":%d,"%d%s":1}`+"\n", i, i, strings.Repeat("n", i))
	}}))
	require.NoError(t, err)
	assert.Len(t, report.Unused, 1000)
	assert.Contains(t, report.Unused, "999"+strings.Repeat("n", 97)+"…")
	for _, name := range report.Unused {
		assert.LessOrEqual(t, len(name), 103)
	}
}

func TestCheckEnds(t *testing.T) {
	t.Parallel()
	p := acme(t, byMail)
	job := bulk.Job{Name: "spring"}
	row := func(i int) bulk.Row { return bulk.Row{Line: int64(i), Values: map[string]any{"key": fmt.Sprint(i)}} }
	csv := func(text string) bulk.Source { return bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}) }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	cause := errors.New("the operator went home")
	live, stop := context.WithCancelCause(t.Context())
	own := errors.New("of a source")
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // of one call
		p    *provision.Provisioner
		job  bulk.Job
		src  bulk.Source
		is   error
		text string
		rows int64
	}{
		"no provisioner":    {ctx: t.Context(), job: job, src: csv(""), text: "bulk: Check needs a Provisioner and a Source"},
		"no source":         {ctx: t.Context(), p: p, job: job, text: "bulk: Check needs a Provisioner and a Source"},
		"no name":           {ctx: t.Context(), p: p, src: csv(""), text: "bulk: the name of a job has 1 to 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit"},
		"nothing":           {ctx: t.Context(), p: p, job: job, src: csv(""), is: bulk.ErrNoRows, text: "bulk: line 1: the file is empty: a header is expected"},
		"no row":            {ctx: t.Context(), p: p, job: job, src: csv("key\n"), is: bulk.ErrNoRows, text: "bulk: line 1: the file has a header but no rows"},
		"no line":           {ctx: t.Context(), p: p, job: job, src: bulk.JSONLines(strings.NewReader("\n")), is: bulk.ErrNoRows, text: "bulk: line 2: the file has no rows"},
		"an open quote":     {ctx: t.Context(), p: p, job: job, src: csv("key\n1\n2\n\"" + planted + "\n4\n"), text: `bulk: line 4: column "key": a quote is not closed: the rest of the file cannot be read`, rows: 2},
		"an odd error":      {ctx: t.Context(), p: p, job: job, src: rowsOf{rows: []bulk.Row{row(1)}, err: own}, is: own, text: "of a source", rows: 1},
		"a database":        {ctx: t.Context(), p: p, job: job, src: bulk.Query(sql.OpenDB(&table{columns: []string{"key"}, dates: -1, rows: [][]driver.Value{{"1"}}, err: own}), "SELECT"), is: own, text: "bulk: the query failed (*errors.errorString)", rows: 1},
		"over":              {ctx: canceled, p: p, job: job, src: csv("key\n1\n"), is: context.Canceled, text: "bulk: the check was stopped: context canceled"},
		"a cause":           {ctx: live, p: p, job: job, src: rowsOf{rows: []bulk.Row{row(1), row(2)}, then: func() { stop(cause) }, err: &bulk.RowError{Line: 3}}, is: cause, text: "bulk: the check was stopped: context canceled: the operator went home", rows: 2},
		"columns that fail": {ctx: t.Context(), p: p, job: job, src: csv("key,key\n1,2\n"), text: `bulk: line 1: column "key": columns 1 and 2 have the same name`},
	} {
		report, err := bulk.Check(test.ctx, test.p, test.job, test.src)
		require.EqualError(t, err, test.text, name)
		if test.is != nil {
			require.ErrorIs(t, err, test.is, name)
		}
		assert.Equal(t, test.rows, report.Rows, name)
		assert.False(t, report.Complete, name)
		assertNothingPlanted(t, report, err)
	}
}

// A query can have no rows.
func TestCheckQuery(t *testing.T) {
	t.Parallel()
	for _, rows := range [][][]driver.Value{nil, {{"1"}, {"2"}}} {
		report, got := check(t, acme(t, byMail), bulk.Mapping{}, bulk.Query(sql.OpenDB(&table{columns: []string{"key"}, dates: -1, rows: rows}), "SELECT"))
		assert.Empty(t, got)
		assert.EqualValues(t, len(rows), report.Rows)
	}
}

// TestCheckStops: if the context ends, the report has the faults found so far.
func TestCheckStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	job := bulk.Job{Name: "spring", OnFault: func(bulk.Fault) { cancel() }}
	report, err := bulk.Check(ctx, acme(t, byMail), job, bulk.CSV(&generator{header: "key,email\n", rows: 100_000, row: func(i int) string {
		return fmt.Sprintf("%d,p%d@example.com\n", min(i, 500), i)
	}}, bulk.CSVOptions{}))
	require.ErrorIs(t, err, context.Canceled)
	assert.Regexp(t, `^bulk: line \d+: the check was stopped: context canceled$`, err.Error())
	assert.Equal(t, report.Rows+1, report.LastLine)
	assert.Less(t, report.Rows, int64(10_000))
	assert.Equal(t, "line 502: column \"key\": key: line 501 has the same value (duplicate)", report.Faults[0].String())
	assert.Contains(t, report.String(), fmt.Sprintf("\nnot complete: the last row that was read begins on line %d\n", report.LastLine))
}

// TestCheckOrder: faults come in the order of the rows. OnFault gets all of them, and the Report
// the first ones.
func TestCheckOrder(t *testing.T) {
	t.Parallel()
	const rows = 5000
	var all []bulk.Fault
	job := bulk.Job{Name: "spring", OnFault: func(f bulk.Fault) { all = append(all, f) }}
	report, err := bulk.Check(t.Context(), acme(t, byMail), job, bulk.CSV(&generator{header: "key,email\n", rows: rows, row: func(i int) string {
		return fmt.Sprintf("%d,p%d@example.com\n", i, i%1000)
	}}, bulk.CSVOptions{}))
	require.NoError(t, err)
	require.Len(t, all, 4000)
	for i, f := range all {
		require.Equal(t, bulk.Fault{Line: int64(i + 1002), Column: "email", Field: "email", Target: "acme", Code: bulk.CodeDuplicate, Message: fmt.Sprintf("line %d has the same value", i%1000+2)}, f)
	}
	assert.Equal(t, all[:bulk.MaxReportFaults], report.Faults)
	assert.Equal(t, []bulk.Count{{"acme", "duplicate", 4000}}, report.Counts)
	assert.Equal(t, []int64{rows, 4000}, []int64{report.Rows, report.RowsAtFault})
	assert.Contains(t, report.String(), "\nand 3000 faults more\n")
}

// TestCheckUsers: a value that needs an earlier target's user is skipped and named.
func TestCheckUsers(t *testing.T) {
	t.Parallel()
	targets := threeTargets(t)
	crm := targets[2].Creator
	targets[1].After = []string{"identity"}
	ofChat := func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
		req.ExternalID = users["chat"].ID
		return req
	}
	targets = append(targets,
		provision.Target{Name: "waiting", Creator: crm, After: []string{"chat"}, Map: ofChat},
		provision.Target{Name: "Mixed", Creator: planner(byMail), After: []string{"chat"}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			if req.Email != "" {
				req.Email = users["chat"].ID + req.Email
			}
			return req
		}},
		provision.Target{Name: "after", Creator: planner(byMail), After: []string{"chat"}, Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest { return req }},
	)
	m := bulk.Mapping{Extensions: extras(), Columns: map[string]string{"quickblox.facebook_id": "fb"}, Targets: map[string]map[string]string{
		"waiting": {"phone": "{{ slice .users.chat.ID 20 }}"}, "chat": {"username": "u-{{ .users.identity.ID }}", "tags": "tag"},
	}}
	_, got := check(t, provisionerOf(t, targets...), m, bulk.CSV(strings.NewReader("key,username,full_name,password,email,fb,tag\n"+
		"1,n1,N,pl4nted-s3cret,,7,\n2,n2,N,pl4nted-s3cret,,7,\n3,n3,N,pl4nted-s3cret,a@example.com,,\n4,n4,N,pl4nted-s3cret,A@example.com,,\n5,n5,N,,,,\n6,n6,N,pl4nted-s3cret,,,{"+plantedMail+"}\n"), bulk.CSVOptions{}))
	assert.Equal(t, `line 3: column "fb": quickblox.facebook_id at chat: line 2 has the same value (duplicate)
line 5: column "email": email at identity: line 4 has the same value (duplicate)
line 5: column "email": email at chat: line 4 has the same value (duplicate)
line 5: column "email": email at after: line 4 has the same value (duplicate)
line 6: column "password": password at chat: must be set (required)
line 7: column "tag": tags at chat: texts with commas between them, or a JSON list, are expected (invalid)
`, got, "a user name will be there, and a password will not")
}

// TestCheckOddCreators: errors of a caller's own creator can have values, so they are not shown.
func TestCheckOddCreators(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"its own error": {errors.New(planted), "line 2: at acme: the target refuses the value, and does not say what it expects (invalid)\n"},
		"no field":      {&userapi.Error{Provider: "acme", Outcome: userapi.OutcomeNotSent}, "line 2: at acme: the target refuses the value, and does not say what it expects (invalid)\n"},
		"an odd code": {&userapi.Error{Provider: "acme", Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{{Field: "Email", Code: planted}}},
			"line 2: column \"email\": email at acme: the target refuses the value, and does not say what it expects (invalid)\n"},
		"no column": {&userapi.Error{Provider: "acme", Outcome: userapi.OutcomeNotSent, FieldErrors: []userapi.FieldError{{Field: "Username", Code: userapi.CodeTooLong, Message: "must be short"}}},
			"line 2: username at acme: must be short (too_long)\n"},
		"a vendor's text": {&userapi.Error{Provider: "acme", StatusCode: 400, Outcome: userapi.OutcomeRejected, FieldErrors: []userapi.FieldError{{VendorField: "user.mail", Code: userapi.CodeTaken, Message: planted}}},
			"line 2: user.mail at acme: the target refuses the value, and does not say what it expects (taken)\n"},
	} {
		_, got := check(t, acme(t, func(userapi.CreateUserRequest) (userapi.Plan, error) { return userapi.Plan{}, test.err }), bulk.Mapping{},
			bulk.CSV(strings.NewReader("key,email\n1,"+plantedMail+"\n"), bulk.CSVOptions{}))
		assert.Equal(t, test.want, got, name)
	}
}
