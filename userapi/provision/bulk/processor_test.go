package bulk_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestProcessor: a Processor does a single row as Run does, and its class shows what is left.
func TestProcessor(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	p, err := bulk.NewProcessor(r.Provisioner, bulk.Job{Name: "spring"})
	require.NoError(t, err)
	row := func(key, name string) bulk.Row {
		return bulk.Row{Line: 7, Values: map[string]any{"key": key, "username": name, "password": "planted-Secret", "note": "kept"}}
	}

	_, faults := p.Request(row("", "ann"))
	require.Len(t, faults, 1)
	rejected := p.RejectFault(row("", "ann"), faults)
	assert.Equal(t, "required", rejected.Values["_code"])
	assert.Equal(t, userapi.Redacted, rejected.Values["password"])
	assert.Equal(t, "kept", rejected.Values["note"])

	try := func(key, name string) bulk.Try {
		req, faults := p.Request(row(key, name))
		require.Empty(t, faults)
		return p.Try(t.Context(), req)
	}
	done := try("1", "ann")
	assert.Equal(t, bulk.ClassDone, done.Class, done.Results)
	assert.Equal(t, bulk.ClassDone, try("1", "ann").Class)
	assert.Equal(t, 1, r.identity.UserCount())

	refused := try("2", "ann")
	require.Equal(t, bulk.ClassRefused, refused.Class, refused.Results)
	rejected = p.Reject(row("2", "ann"), refused)
	assert.Equal(t, "7", rejected.Values["_row"])
	assert.Contains(t, rejected.Values["_target"], "identity")
	assert.NotContains(t, fmt.Sprint(rejected.Values), "planted-Secret")

	mended := try("2", "bob") // the corrected request replaces the earlier one
	assert.Equal(t, bulk.ClassDone, mended.Class, mended.Results)

	r.chat.Inject(userapitest.Fault{
		On: userapitest.Create, When: userapitest.BeforeCommit, Do: userapitest.Respond, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"90"}}, Times: -1,
	})
	open := try("3", "cat")
	assert.Equal(t, bulk.ClassOpen, open.Class, open.Results)
	assert.Positive(t, open.Wait)
}

// TestProcessorOfBadJob: New reports every fault of a job.
func TestProcessorOfBadJob(t *testing.T) {
	t.Parallel()
	_, err := bulk.NewProcessor(nil, bulk.Job{Name: "spring"})
	require.Error(t, err)
	r := newRig(t, new(provision.Memory))
	for want, job := range map[string]bulk.Job{
		"name of a job": {},
		"not a target":  {Name: "spring", Lanes: map[string]bulk.Lane{"nowhere": {}}},
		"Targets":       {Name: "spring", Mapping: bulk.Mapping{Targets: map[string]map[string]string{"nowhere": {"email": "e"}}}},
	} {
		_, err := bulk.NewProcessor(r.Provisioner, job)
		require.ErrorContains(t, err, want)
		_, runErr := bulk.Run(t.Context(), r.Provisioner, job, bulk.CSV(strings.NewReader("key\n1\n"), bulk.CSVOptions{}))
		assert.EqualError(t, runErr, err.Error())
	}
}

// TestProcessorReads: rows come with their requests, and invalid rows are reported as by Check.
func TestProcessorReads(t *testing.T) {
	t.Parallel()
	r := newRig(t, new(provision.Memory))
	var told []bulk.Fault
	job := bulk.Job{Name: "spring", OnFault: func(f bulk.Fault) { told = append(told, f) }}
	p, err := bulk.NewProcessor(r.Provisioner, job)
	require.NoError(t, err)
	input := "key,username,note\n1,ann,x\n,bob,x\n1,cat,x\n2,dan\n3,eve,x\n"
	var keys []string
	report, err := p.Read(t.Context(), bulk.CSV(strings.NewReader(input), bulk.CSVOptions{}), func(row bulk.Row, req userapi.CreateUserRequest) error {
		keys = append(keys, fmt.Sprint(row.Line, " ", req.IdempotencyKey, " ", req.Username))
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"2 spring/1 ann", "6 spring/3 eve"}, keys)
	assert.EqualValues(t, 5, report.Rows)
	assert.EqualValues(t, 3, report.RowsAtFault)
	assert.True(t, report.Complete)
	assert.Equal(t, []string{"note"}, report.Unused)

	checked, err := bulk.Check(t.Context(), r.Provisioner, bulk.Job{Name: "spring"}, bulk.CSV(strings.NewReader(input), bulk.CSVOptions{}))
	require.NoError(t, err)
	assert.Subset(t, checked.Faults, told)
	assert.Equal(t, told, report.Faults)
	assert.Equal(t, bulk.Fault{Line: 4, Column: "key", Field: "key", Code: bulk.CodeDuplicate, Message: "line 2 has the same value"}, told[1])

	full := errors.New("full")
	report, err = p.Read(t.Context(), bulk.CSV(strings.NewReader(input), bulk.CSVOptions{}), func(bulk.Row, userapi.CreateUserRequest) error { return full })
	require.ErrorIs(t, err, full)
	assert.False(t, report.Complete)
	_, err = p.Read(t.Context(), nil, nil)
	require.Error(t, err)
}
