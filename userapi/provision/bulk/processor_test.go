package bulk_test

import (
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

// TestProcessor: a row is done by itself as Run does it, and its class says what is left to do.
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

	mended := try("2", "bob") // the request takes the place of the one before in the same try
	assert.Equal(t, bulk.ClassDone, mended.Class, mended.Results)

	r.chat.Inject(userapitest.Fault{
		On: userapitest.Create, When: userapitest.BeforeCommit, Do: userapitest.Respond, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"90"}}, Times: -1,
	})
	open := try("3", "cat")
	assert.Equal(t, bulk.ClassOpen, open.Class, open.Results)
	assert.Positive(t, open.Wait)
}

// TestProcessorOfBadJob: what is wrong with a job is told when the Processor is made.
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
