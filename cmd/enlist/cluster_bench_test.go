//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
			database, fakes := c.serverTime(b), processTime(b, c.fakes.Process.Pid)
			c.stopWorkers(b)
			var own time.Duration
			for _, w := range c.workers {
				own += w.cmd.ProcessState.UserTime() + w.cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(megabytes, "MB")
			for name, spent := range map[string]time.Duration{"workers": own, "database": database, "fakes": fakes} {
				b.ReportMetric(spent.Seconds()*1e6/float64(b.N), name+"-µs/row")
			}
			c.assertDone(b)
		})
	}
}

// serverTime is what the processors have spent on the server that runs.
func (c *cluster) serverTime(tb testing.TB) (spent time.Duration) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(c.serverDir(), "data", "postmaster.pid"))
	require.NoError(tb, err)
	line, _, _ := strings.Cut(string(text), "\n")
	first, err := strconv.Atoi(line)
	require.NoError(tb, err)
	spent = processTime(tb, first)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
	require.NoError(tb, err)
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		require.NoError(tb, err)
		spent += processTime(tb, pid)
	}
	return spent
}

// processTime is what the processors have spent on a process, and on its children that have ended.
func processTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it may have ended
	_, after, _ := bytes.Cut(text, []byte(") "))
	var sum int64
	for i, field := range strings.Fields(string(after)) {
		if i >= 11 && i < 15 { // utime, stime, cutime and cstime
			ticks, _ := strconv.ParseInt(field, 10, 64)
			sum += ticks
		}
	}
	return time.Duration(sum) * time.Second / 100
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
// One is killed in the middle. What is reported is of the time while rows waited: in the end those of the
// killed one are alone.
func BenchmarkSharedLimit(b *testing.B) {
	if b.N < fewest {
		return
	}
	c, rate := shareLimit(b, b.N, 100)
	c.waitUntilEmpty(b)
	c.stopWorkers(b)
	s := c.report(b)["fusionauth"]
	assert.Equal(b, userapitest.Stats{Users: b.N, Creates: b.N, RateLimited: s.RateLimited}, s)
	b.ReportMetric(rate, "users/s")
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
