//go:build unix

package bulkriver_test

import (
	"context"
	"io"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// generated is a file with many people.
type generated struct {
	next, rows int
	left       []byte
}

func (g *generated) Read(p []byte) (n int, err error) {
	for len(g.left) < len(p) && g.next <= g.rows {
		if g.next == 0 {
			g.left = append(g.left, "key,username,email,password,note\n"...)
		} else {
			i := strconv.Itoa(g.next)
			g.left = append(g.left, i+",person"+i+",person"+i+"@planted.example,"+planted+"-"+i+",planted note\n"...)
		}
		g.next++
	}
	if len(g.left) == 0 {
		return 0, io.EOF
	}
	n = copy(p, g.left)
	g.left = append(g.left[:0], g.left[n:]...)
	return n, nil
}

// BenchmarkLoad loads rows twice. An operation is a row.
func BenchmarkLoad(b *testing.B) {
	for name, kind := range places {
		b.Run(name, func(b *testing.B) {
			at := kind(b)
			v := newVendors(b)
			p := at.provisioner(b, v.targets())
			load := func(b *testing.B, queued int64) {
				report, err := at.queue.Load(b.Context(), at.inserter(b), p, bulk.Job{Name: "spring"}, bulk.CSV(&generated{rows: b.N}, bulk.CSVOptions{}))
				require.NoError(b, err)
				require.Equal(b, queued, report.Queued, report)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			}
			b.ResetTimer()
			load(b, int64(b.N))
		})
	}
}

// atOnce is how many rows BenchmarkWork does concurrently.
const atOnce = 300

// BenchmarkWork does rows at a vendor that answers after 5 ms. For comparison it also runs River
// jobs that only wait as long. An operation is a row or a job.
func BenchmarkWork(b *testing.B) {
	for _, way := range []string{"River", "rows"} {
		b.Run(way, func(b *testing.B) {
			at := newPostgres(b)
			wait := func(ctx context.Context) {
				timer := time.NewTimer(5 * time.Millisecond)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
				}
			}
			p, err := provision.New(provision.Group(at.ledger), creator(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				wait(ctx)
				return &userapi.User{Provider: "crm", ID: req.IdempotencyKey}, nil
			}), provision.RequestKeys("0123456789abcdef0123456789abcdef"))
			require.NoError(b, err)
			report, err := at.queue.Load(b.Context(), at.inserter(b), p, spring, bulk.CSV(&generated{rows: b.N}, bulk.CSVOptions{}))
			require.NoError(b, err)
			require.EqualValues(b, b.N, report.Queued)
			var done atomic.Int64
			b.ResetTimer()
			if way == "rows" {
				job := spring
				job.OnResult = func(bulk.RowResult) { done.Add(1) }
				w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}})
				require.NoError(b, err)
				at.start(b, w, atOnce)
				until(b, "all are done", func() bool { return done.Load() == int64(b.N) })
			} else {
				workers := river.NewWorkers()
				river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[bulkriver.Args]) error {
					wait(ctx)
					done.Add(1)
					return nil
				}))
				c, err := at.client(&river.Config{
					Logger: quiet, TestOnly: true, FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond,
					Workers: workers, Queues: map[string]river.QueueConfig{at.queue.Name(): {MaxWorkers: atOnce}},
				})
				require.NoError(b, err)
				require.NoError(b, c.Start(context.WithoutCancel(b.Context())))
				until(b, "all are done", func() bool { return done.Load() == int64(b.N) })
				defer func() { require.NoError(b, c.Stop(context.WithoutCancel(b.Context()))) }()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
