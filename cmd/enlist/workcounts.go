package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// counts has what a worker has done. It is safe for concurrent use.
type counts struct {
	draining atomic.Bool
	// limiters has the limiters of the targets that have a limit.
	limiters map[string]*bulkriver.Limiter

	mu                     sync.Mutex
	done, refused, unknown int64
	last                   time.Time // when a row last left the queue
	targets                []*targetCounts
	beaten                 time.Time // the last beat; beatenRows is the number of rows then
	beatenRows             int64
}

// targetCounts has the counts of one target.
type targetCounts struct {
	name              string
	requests, tooMany atomic.Int64
	beatenRequests    int64
}

func newCounts(c *config.Config) *counts {
	now := time.Now()
	own := &counts{limiters: map[string]*bulkriver.Limiter{}, last: now, beaten: now}
	for _, t := range c.Targets {
		own.targets = append(own.targets, &targetCounts{name: t.Name})
	}
	return own
}

// attempt returns a function that counts a target's requests.
func (c *counts) attempt(target string) func(context.Context, userapi.Attempt) {
	for _, t := range c.targets {
		if t.name == target {
			return func(_ context.Context, a userapi.Attempt) {
				t.requests.Add(1)
				if a.StatusCode == http.StatusTooManyRequests {
					t.tooMany.Add(1)
				}
			}
		}
	}
	return nil
}

// row counts a row that has left the queue.
func (c *counts) row(row bulk.RowResult) {
	isUnknown, isDone := false, true
	for _, res := range row.Results {
		isUnknown = isUnknown || res.Err != nil && res.Disposition == provision.DispositionUnknown
		isDone = isDone && res.Err == nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now()
	switch {
	case isUnknown:
		c.unknown++
	case isDone:
		c.done++
	default:
		c.refused++
	}
}

func (c *counts) rows() (done, refused, unknown int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done, c.refused, c.unknown
}

// isIdle reports whether no row has left the queue for d.
func (c *counts) isIdle(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last) >= d
}

// beat returns what was done since the last beat.
func (c *counts) beat(p *provision.Provisioner) queue.Beat {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	seconds := max(now.Sub(c.beaten).Seconds(), 0.001)
	rows := c.done + c.refused + c.unknown
	b := queue.Beat{Rows: rows, RowsPerSecond: float64(rows-c.beatenRows) / seconds, Draining: c.draining.Load()}
	for _, t := range c.targets {
		requests := t.requests.Load()
		own := queue.TargetBeat{Target: t.name, RequestsPerSecond: float64(requests-t.beatenRequests) / seconds, TooMany: t.tooMany.Load()}
		if until := p.PausedUntil(t.name); until.After(now) {
			own.PausedUntil = until.UTC()
		}
		b.Targets = append(b.Targets, own)
		t.beatenRequests = requests
	}
	c.beaten, c.beatenRows = now, rows
	return b
}
