//go:build linux

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// fewest is how many rows a benchmark of a cluster has at least: package testing tries one first.
const fewest = 100

// BenchmarkOrdeal has three workers do b.N rows at three vendors. Each is killed seven times, one is
// suspended past its lease, and the server is stopped at once five times. It fails where anybody is lost,
// doubled or told falsely, or where there is another number of creates than of rows.
func BenchmarkOrdeal(b *testing.B) {
	if b.N < fewest {
		return
	}
	ordeal{rows: b.N, kills: 7, stops: 5, loads: 4, lease: 5 * time.Second}.run(b)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkWorkers has workers do b.N rows at three vendors that take 5 ms for an answer.
func BenchmarkWorkers(b *testing.B) {
	for _, workers := range []int{1, 3} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			if b.N < fewest {
				return
			}
			c := newCluster(b, b.N, threeTargets, "--latency", "5ms")
			c.load(b)
			b.ResetTimer()
			for range workers {
				c.worker(b)
			}
			c.waitUntilEmpty(b)
			b.StopTimer()
			megabytes := 0.0
			for _, w := range c.workers {
				megabytes = max(megabytes, mostMegabytes(w.cmd.Process.Pid))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(megabytes, "MB")
			c.stopWorkers(b)
			c.assertDone(b)
		})
	}
}

// waitUntilEmpty waits until no row is in the queue, and looks seldom.
func (c *cluster) waitUntilEmpty(tb testing.TB) {
	tb.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for left := 1; left > 0; <-tick.C {
		left, _ = c.count(tb, "SELECT count(*) FROM (SELECT FROM river_job LIMIT 1) AS any_row")
	}
}

// BenchmarkSharedLimit has three workers create b.N users at a vendor that takes 100 requests a second.
// One is killed in the middle.
func BenchmarkSharedLimit(b *testing.B) {
	if b.N < fewest {
		return
	}
	c := newCluster(b, b.N, "  identity: {vendor: fusionauth, per_second: 100}\n", "--latency", "20ms", "--rate", "100")
	c.load(b)
	b.ResetTimer()
	for range 3 {
		c.worker(b, "--lease", "10s")
	}
	waitUntil(b, "half of the rows are done", func() bool {
		n, answers := c.left(b)
		return answers && n <= b.N/2
	})
	c.workers[1].kill(b)
	c.workers = append(c.workers[:1], c.workers[2])
	c.waitUntilEmpty(b)
	b.StopTimer()
	took := b.Elapsed()
	c.stopWorkers(b)
	s := c.report(b)["fusionauth"]
	assert.Equal(b, userapitest.Stats{Users: b.N, Creates: b.N, RateLimited: s.RateLimited}, s)
	b.ReportMetric(float64(s.Creates)/took.Seconds(), "users/s")
	b.ReportMetric(100*float64(s.RateLimited)/float64(s.Creates+s.RateLimited), "%429")
}

// BenchmarkLoad loads b.N rows, and then the same again.
func BenchmarkLoad(b *testing.B) {
	if b.N < fewest {
		return
	}
	c := newCluster(b, b.N, threeTargets)
	b.ResetTimer()
	first := measureCommand(b, c.command(b, "load", "people.csv"))
	b.StopTimer()
	again := measureCommand(b, c.command(b, "load", "people.csv"))
	n, answers := c.left(b)
	require.True(b, answers)
	require.Equal(b, b.N, n)
	b.ReportMetric(first.took.Seconds(), "s")
	b.ReportMetric(max(first.megabytes, again.megabytes), "MB")
	b.ReportMetric(again.took.Seconds(), "again-s")
}
