package userapiotel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// TestJob: an import of 20 rows, of which every fifth is refused, in a lane of 10 a second.
func TestJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		made := 0
		vendor := userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if made++; made%5 == 0 {
				return nil, &userapi.Error{Provider: "acme", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected}
			}
			return &userapi.User{Provider: "acme", ID: req.Username, Proof: userapi.ProofReply}, nil
		})
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: userapiotel.Wrap(vendor, r.options()...)}},
			userapiotel.Runs(append(r.options(), userapiotel.WithNewTraces())...))
		require.NoError(t, err)
		var rows strings.Builder
		rows.WriteString("login\n")
		for n := range 20 {
			fmt.Fprintf(&rows, "ada%d\n", n)
		}
		told := 0
		job := bulk.Job{
			Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"key": "login", "username": "login"}},
			Lanes:      map[string]bulk.Lane{"chat": {PerSecond: 10, Adaptive: true, Concurrency: 1}},
			OnProgress: func(bulk.Progress) { told++ },
		}
		ctx, program := r.begin(t, "import")
		begun := time.Now()
		_, err = bulk.Run(ctx, p, userapiotel.Job(job, r.options()...), bulk.CSV(strings.NewReader(rows.String()), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.InDelta(t, 2, time.Since(begun).Seconds(), 0.2)
		assert.GreaterOrEqual(t, told, 2, "the job's own is called")

		m := r.metrics(t)
		assert.Equal(t, map[string]float64{"": 20}, of(m, "enlist.bulk.rows.read"))
		assert.Equal(t, map[string]float64{"enlist.state=created,enlist.target=chat": 16, "enlist.state=rejected,enlist.target=chat": 4}, of(m, "enlist.bulk.rows"))
		assert.Equal(t, map[string]float64{"": 0}, of(m, "enlist.bulk.rows.at_work"))
		assert.Equal(t, map[string]float64{"enlist.target=chat": 20}, of(m, "enlist.lane.requests"))
		assert.Equal(t, map[string]float64{"enlist.target=chat": 0}, of(m, "enlist.lane.rate_limited"))
		assert.Equal(t, map[string]float64{"enlist.target=chat": 10}, of(m, "enlist.lane.rate"))
		assert.Equal(t, map[string]float64{"enlist.target=chat": 0}, of(m, "enlist.lane.paused"))

		traces := map[string]bool{}
		for _, s := range r.named("provision Retry") {
			traces[s.SpanContext().TraceID().String()] = true
			require.Len(t, s.Links(), 1)
			assert.Equal(t, program.SpanContext().SpanID(), s.Links()[0].SpanContext.SpanID())
		}
		assert.Len(t, traces, 20, "each row is a trace")
	})
}

// TestLanePaused: a target that is left alone shows while it is.
func TestLanePaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		up := time.Now().Add(10 * time.Second)
		vendor := userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
			if time.Now().Before(up) {
				return nil, &userapi.Error{Provider: "acme", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}
			}
			return &userapi.User{Provider: "acme", ID: "1", Proof: userapi.ProofReply}, nil
		})
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: vendor}}, provision.Pause(1, 5*time.Second))
		require.NoError(t, err)
		var paused []float64
		job := userapiotel.Job(bulk.Job{Name: "spring", Mapping: bulk.Mapping{Columns: map[string]string{"key": "login", "username": "login"}}}, r.options()...)
		tell := job.OnProgress
		job.OnProgress = func(p bulk.Progress) {
			tell(p)
			paused = append(paused, of(r.metrics(t), "enlist.lane.paused")["enlist.target=chat"])
		}
		_, err = bulk.Run(t.Context(), p, job, bulk.CSV(strings.NewReader("login\nada\n"), bulk.CSVOptions{}))
		require.NoError(t, err)
		assert.InDelta(t, 1, paused[0], 0)
		assert.InDelta(t, 0, paused[len(paused)-1], 0)
	})
}
