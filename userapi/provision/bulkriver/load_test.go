//go:build unix

package bulkriver_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// TestLoadAndWork: each row goes through the queue once, has its users, and nothing of it is left.
func TestLoadAndWork(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		job := bulk.Job{Name: "spring"}
		const n = 50
		report, err := at.queue.Load(t.Context(), at.inserter(t), p, job, bulk.CSV(strings.NewReader(people(1, n)), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.EqualValues(t, n, report.Queued, report)
		assert.Equal(t, n, at.jobs(t))

		report, err = at.queue.Load(t.Context(), at.inserter(t), p, job, bulk.CSV(strings.NewReader(people(1, n)), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.EqualValues(t, n, report.Present, report)
		assert.Equal(t, n, at.jobs(t))

		w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}, OnError: func(key string, err error) { t.Error(key, err) }})
		require.NoError(t, err)
		at.start(t, w, 10)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		assert.Equal(t, n, v.identity.UserCount())
		assert.Equal(t, n, v.chat.UserCount())
		assert.EqualValues(t, n, v.identity.Stats().Creates)

		report, err = at.queue.Load(t.Context(), at.inserter(t), p, job, bulk.CSV(strings.NewReader(people(1, n)), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.EqualValues(t, n, report.Done, report)
		assert.Zero(t, at.jobs(t))
		_ = provision.StandingDone
	})
}
