//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An ordeal is what three workers are put through.
type ordeal struct {
	rows  int
	kills int // of each worker
	stops int // of the server, the one while a worker is stopped included
	loads int // of the same file, while they work
	lease time.Duration
}

// TestWorkersAreKilled: whatever ends, each row has one user at each vendor, sent once, and what the
// ledger says is so.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	ordeal{rows: 400, kills: 2, stops: 3, loads: 2, lease: 3 * time.Second}.run(t)
}

func (o ordeal) run(tb testing.TB) {
	tb.Helper()
	c := newCluster(tb, o.rows, threeTargets, "--latency", "5ms")
	require.EqualValues(tb, o.rows, c.load(tb).Queued)
	c.loadsNothing(tb)
	flags := []string{"--lease", o.lease.String(), "--rows", "32"}
	for _, log := range []string{"text", "json", "text"} {
		c.worker(tb, append(flags, "--log", log)...)
	}
	o.disturb(tb, c)
	o.endAll(tb, c)
	for _, w := range c.workers {
		w.start(tb, "--until-done")
	}
	for _, w := range c.workers {
		w.end(tb)
		tb.Logf("%s: started %d times; ended by itself: %q", w.log, w.starts, w.fails)
	}
	c.assertDone(tb)
}

// disturb does what an ordeal is about, at random moments.
func (o ordeal) disturb(tb testing.TB, c *cluster) {
	tb.Helper()
	var loading sync.WaitGroup
	stopServer := func() {
		loading.Wait() // a load fails without the server, and is to be run again
		require.NoError(tb, c.server.Stop())
		require.NoError(tb, c.server.Again())
	}
	var events []func()
	for _, w := range c.workers {
		for range o.kills - 1 { // endAll is the last one
			events = append(events, func() {
				w.kill(tb)
				w.start(tb)
			})
		}
	}
	for range o.stops - 2 {
		events = append(events, stopServer)
	}
	for range o.loads {
		events = append(events, func() {
			loading.Wait()
			loading.Go(func() { c.loadsNothing(tb) })
		})
	}
	events = append(events, func() {
		loading.Wait()
		o.suspend(tb, c, c.workers[rand.IntN(len(c.workers))])
	})
	rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	moments := make([]int, len(events))
	for i := range moments {
		moments[i] = o.rows/10 + rand.IntN(o.rows-o.rows/10)
	}
	slices.Sort(moments)
	slices.Reverse(moments)
	for i, do := range events {
		waitUntil(tb, fmt.Sprint(moments[i], " rows are left"), func() bool {
			for _, w := range c.workers {
				w.revive(tb)
			}
			n, answers := c.left(tb)
			return answers && n <= moments[i]
		})
		do()
	}
	loading.Wait()
}

// suspend stops a worker until others have its rows, and lets it go on.
func (o ordeal) suspend(tb testing.TB, c *cluster, w *workProcess) {
	tb.Helper()
	w.revive(tb)
	waitUntil(tb, "it works", func() bool { return strings.Contains(c.read(tb, w.log), "worker started") })
	w.signal(tb, syscall.SIGSTOP)
	since, _ := c.age(tb)
	// The server's end has another worker look for rows at once that were left behind.
	waitUntil(tb, "the rows are free", func() bool {
		now, answers := c.age(tb)
		return answers && now-since > o.lease*3/2
	})
	require.NoError(tb, c.server.Stop())
	require.NoError(tb, c.server.Again())
	waitUntil(tb, "others have the rows", func() bool {
		for _, other := range c.workers {
			if other != w {
				other.revive(tb)
			}
		}
		n, answers := c.count(tb, "SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at < to_timestamp($1)", since.Seconds())
		return answers && n == 0
	})
	w.signal(tb, syscall.SIGCONT)
}

// age returns the server's time.
func (c *cluster) age(tb testing.TB) (now time.Duration, answers bool) {
	tb.Helper()
	n, answers := c.count(tb, "SELECT (extract(epoch FROM now()) * 1000000)::bigint")
	return time.Duration(n) * time.Microsecond, answers
}

// endAll ends all workers and the server at one time.
func (o ordeal) endAll(tb testing.TB, c *cluster) {
	tb.Helper()
	for _, w := range c.workers {
		w.kill(tb)
	}
	require.NoError(tb, c.server.Stop())
	require.NoError(tb, c.server.Again())
	// So the first look of the next worker finds them all.
	waitUntil(tb, "the rows are free", func() bool {
		n, answers := c.count(tb, "SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at > now() - $1 * interval '1 second'", 1.5*o.lease.Seconds())
		return answers && n == 0
	})
}

// assertDone finds each row done, once, as the ledger says; and nothing of it anywhere else.
func (c *cluster) assertDone(tb testing.TB) {
	tb.Helper()
	var s status
	require.NoError(tb, json.Unmarshal([]byte(c.run(tb, exitDone, "status", "-o", "json")), &s))
	assert.Zero(tb, s.Open+s.Unknown+s.Deleting+s.Refused, "%+v", s)
	assert.Zero(tb, s.Queue.left()+s.Queue.refused(), "%+v", s.Queue)
	c.loadsNothing(tb)
	c.assertClaims(tb)
	for vendor, s := range c.report(tb) {
		assert.Equal(tb, userapitest.Stats{Users: c.rows, Creates: c.rows}, s, vendor)
	}
	c.assertServerHasNothingPlanted(tb)
	c.assertLogsHaveNothingPlanted(tb)
}

// assertClaims reads each user that the ledger has at its vendor, by the id.
func (c *cluster) assertClaims(tb testing.TB) {
	tb.Helper()
	announced, err := vendors.FromAnnouncement([]byte(c.read(tb, "vendors.json")))
	require.NoError(tb, err)
	clients := map[string]vendors.Client{}
	for target, vendor := range vendorOf {
		clients[target], err = announced[vendor].New(target, vendors.Settings{}, userapi.HTTPOptions{})
		require.NoError(tb, err)
		defer clients[target].Close()
	}
	rows, err := c.db.QueryContext(tb.Context(), "SELECT key, target, state, user_id FROM enlist_ledger")
	require.NoError(tb, err)
	defer rows.Close()
	var reads sync.WaitGroup
	places := make(chan struct{}, 16)
	claims := 0
	for rows.Next() {
		var key, target, state, id string
		require.NoError(tb, rows.Scan(&key, &target, &state, &id))
		claims++
		if !assert.Contains(tb, []string{"created", "recovered"}, state, "%s at %s", key, target) {
			continue
		}
		places <- struct{}{}
		reads.Go(func() {
			defer func() { <-places }()
			users, err := byID(tb.Context(), clients[target], id)
			if assert.NoError(tb, err, "%s at %s", key, target) {
				assert.Contains(tb, string(users[0]), `"person`+strings.TrimPrefix(key, "spring/")+"@", "%s at %s", key, target)
			}
		})
	}
	require.NoError(tb, rows.Err())
	reads.Wait()
	assert.Equal(tb, len(vendorOf)*c.rows, claims)
}

// TestWorkersShareALimit: three workers, and two once one was killed, send no more than the vendor takes.
func TestWorkersShareALimit(t *testing.T) {
	t.Parallel()
	c, _ := shareLimit(t, 300, 50)
	c.stopWorkers(t)
	left, answers := c.left(t)
	require.True(t, answers)
	s := c.report(t)["fusionauth"]
	assert.GreaterOrEqual(t, s.Users, c.rows-left)
	assert.Equal(t, s.Users, s.Creates)
	assert.LessOrEqual(t, s.RateLimited, c.rows/100)
}

// shareLimit has three workers do rows at a vendor with a limit, and kills one in the middle, until no row
// waits. It returns how many were done a second since the first.
func shareLimit(tb testing.TB, rows, perSecond int) (c *cluster, rate float64) {
	tb.Helper()
	c = newCluster(tb, rows, fmt.Sprintf("  identity: {vendor: fusionauth, per_second: %d}\n", perSecond), "--latency", "20ms", "--rate", strconv.Itoa(perSecond))
	c.load(tb)
	for range 3 {
		c.worker(tb, "--lease", "10s")
	}
	for _, w := range c.workers {
		waitUntil(tb, "it works", func() bool { return strings.Contains(c.read(tb, w.log), "worker started") })
	}
	begun, before := time.Now(), 0
	waitUntil(tb, "half of the rows are done", func() bool {
		n, answers := c.left(tb)
		if before == 0 && answers && n < rows {
			begun, before = time.Now(), rows-n
		}
		return answers && n <= rows/2
	})
	c.workers[1].kill(tb)
	c.workers = append(c.workers[:1], c.workers[2])
	waitUntil(tb, "no row waits", func() bool {
		n, answers := c.count(tb, "SELECT count(*) FROM river_job WHERE state = 'available'")
		return answers && n == 0
	})
	left, answers := c.left(tb)
	require.True(tb, answers)
	return c, float64(rows-left-before) / time.Since(begun).Seconds()
}
