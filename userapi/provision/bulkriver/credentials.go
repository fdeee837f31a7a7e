package bulkriver

import (
	"errors"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	// maxUnauthorized is how many rows in a row one target may refuse for the credentials. Then all rows
	// are left for unauthorizedWait, but for a few that try the target.
	maxUnauthorized = 20
	// unauthorizedWait is for how long. The row is not to blame for the credentials: it is not a
	// reject.
	unauthorizedWait = time.Minute
)

// credentials leaves rows alone while a vendor refuses the program's own credentials. The zero value
// is ready for use.
type credentials struct {
	mu    sync.Mutex
	count map[string]int // by target, since it last had another answer
	until time.Time
}

// wait returns how long it is until rows may be tried.
func (c *credentials) wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(time.Until(c.until), 0)
}

// observe returns for how long the row is to be left, 0 for one whose credentials were not refused. news is a
// target that has begun to refuse them, or for which all rows begin to be left; "" if there is none.
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
