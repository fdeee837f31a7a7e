package bulkriver

import (
	"errors"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	// After maxUnauthorized consecutive refusals of the credentials by one target, all rows wait
	// for unauthorizedWait. After that a few rows try the target.
	maxUnauthorized = 20
	// unauthorizedWait is how long a row waits. The row is not at fault, so it does not become a
	// reject.
	unauthorizedWait = time.Minute
)

// credentials delays rows while a vendor refuses the program's own credentials. The zero value is
// ready for use.
type credentials struct {
	mu    sync.Mutex
	count map[string]int // refusals by target since its last other answer
	until time.Time
}

// wait returns the time until rows may be tried.
func (c *credentials) wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(time.Until(c.until), 0)
}

// observe returns how long the row must wait; 0 if its credentials were not refused. news is a
// target to report: it has just begun to refuse the credentials, or all rows now wait. It is "" if
// there is none.
func (c *credentials) observe(results []provision.Result) (wait time.Duration, news string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	for _, res := range results {
		var e *userapi.Error
		switch errors.As(res.Err, &e); {
		case e != nil && e.Kind == userapi.KindUnauthorized:
			now := time.Now()
			c.count[res.Target]++
			n := c.count[res.Target]
			if n == 1 || n >= maxUnauthorized && !now.Before(c.until) {
				news = res.Target
			}
			if n >= maxUnauthorized {
				c.until = now.Add(unauthorizedWait)
			}
			wait = unauthorizedWait
		case !res.Recorded && (e == nil || e.StatusCode != 0):
			delete(c.count, res.Target)
		}
	}
	return wait, news
}
