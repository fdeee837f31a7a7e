//go:build unix

package bulkriver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/userapitest"
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

// vendorLatency is how long the vendors of BenchmarkWork take for an answer.
const vendorLatency = 5 * time.Millisecond

// benchVendors are the vendors of BenchmarkWork: a FusionAuth in a process of its own, and a function.
var benchVendors = map[string]func(testing.TB) userapi.Creator{
	"process": func(tb testing.TB) userapi.Creator { return startVendor(tb) },
	"function": func(testing.TB) userapi.Creator {
		return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			timer := time.NewTimer(vendorLatency)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			return &userapi.User{Provider: "crm", ID: req.IdempotencyKey}, nil
		})
	},
}

// BenchmarkWork does rows at one vendor. For comparison it also runs River jobs that create the same users at
// the same vendor without a ledger. An operation is a row or a job.
func BenchmarkWork(b *testing.B) {
	for vendor, start := range benchVendors {
		for _, way := range []string{"River", "rows"} {
			b.Run(vendor+"/"+way, func(b *testing.B) {
				at := newPostgres(b)
				vendor := start(b)
				p, err := provision.New(provision.Group(at.ledger), []provision.Target{{Name: "crm", Creator: vendor}},
					provision.RequestKeys("0123456789abcdef0123456789abcdef"))
				require.NoError(b, err)
				report, err := at.queue.Load(b.Context(), at.inserter(b), p, spring, bulk.CSV(&generated{rows: b.N}, bulk.CSVOptions{}))
				require.NoError(b, err)
				require.EqualValues(b, b.N, report.Queued)
				var done atomic.Int64
				b.ResetTimer()
				if way == "rows" {
					job := spring
					job.OnResult = func(r bulk.RowResult) {
						if r.Results[0].User != nil {
							done.Add(1)
						}
					}
					at.start(b, at.workerOf(b, p, job), atOnce)
				} else {
					workers := river.NewWorkers()
					river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[bulkriver.Args]) error {
						user := job.Args.Key
						_, err := vendor.CreateUser(ctx, userapi.CreateUserRequest{
							IdempotencyKey: user, Username: user, Email: user + "@planted.example", Password: planted,
						})
						if err == nil {
							done.Add(1)
						}
						return err
					}))
					c, err := at.client(&river.Config{
						Logger: quiet, TestOnly: true, FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond,
						Workers: workers, Queues: map[string]river.QueueConfig{at.queue.Name(): {MaxWorkers: atOnce}},
					})
					require.NoError(b, err)
					require.NoError(b, c.Start(context.WithoutCancel(b.Context())))
					defer func() { require.NoError(b, c.Stop(context.WithoutCancel(b.Context()))) }()
				}
				until(b, "all are done", func() bool { return done.Load() == int64(b.N) })
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// vendorVariable makes TestVendor a vendor.
const vendorVariable = "ENLIST_TEST_BULKRIVER_VENDOR"

// TestVendor is a vendor in a process that startVendor starts. It ends with its input. In other processes it
// does nothing.
func TestVendor(t *testing.T) {
	t.Parallel()
	if os.Getenv(vendorVariable) == "" {
		return
	}
	s := fusionauthtest.NewServer(t, fusionauthtest.WithHTTP(userapitest.ServerOptions{Latency: vendorLatency, Unrecorded: true}))
	c := s.Config()
	text, err := json.Marshal(errand{URL: c.HTTP.BaseURL, Key: c.APIKey.Reveal()})
	require.NoError(t, err)
	_, _ = fmt.Fprintf(os.Stdout, "%s\n", text)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startVendor starts a vendor in a process of its own, and returns its client.
func startVendor(tb testing.TB) userapi.Creator {
	tb.Helper()
	p := runSelf(tb, "TestVendor", vendorVariable, "1")
	require.True(tb, p.lines.Scan())
	var e errand
	require.NoError(tb, json.Unmarshal(p.lines.Bytes(), &e))
	client, err := fusionauth.New(fusionauth.Config{APIKey: userapi.Secret(e.Key), HTTP: userapi.HTTPOptions{BaseURL: e.URL}})
	require.NoError(tb, err)
	tb.Cleanup(client.CloseIdleConnections)
	return client
}
