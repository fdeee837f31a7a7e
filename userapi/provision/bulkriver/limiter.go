package bulkriver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A LimiterConfig is the limit of what the processes on one database may send together.
type LimiterConfig struct {
	// Name says what is limited, such as the vendor and the account. It is required. All Limiters of
	// one name share one limit.
	Name string
	// Limit is that of all processes together. PerSecond is required. Burst has no effect: a tenth of a
	// second's worth of a share may come at once.
	Limit userapi.RateLimit
	// Adaptive has each share slow down when the vendor refuses requests, as userapi.Adaptive does.
	Adaptive bool
	// OnError is called when a share cannot be renewed or given back. Nothing passes once the share is
	// over. It is also called, once a minute, while the others' shares are more than this Limit: they
	// have a larger one for the same name, and nothing passes here.
	OnError func(error)
}

// A Limiter is a process's share of a limit that several processes have together. It is a
// userapi.Limiter, for a client's HTTPOptions.Limiter. [Queue.Limiter] makes one; it lets nothing pass
// unless [Limiter.Run] runs. Stop the workers first, and Run after them. A Limiter is safe for concurrent
// use.
//
// A share is leased from the database for three seconds, and renewed before they are over. A single
// request needs no call of the database.
//
//   - Each process gets an equal share.
//   - The shares together are never more than the limit.
//   - A new process gets what is free. The others give up their part when they renew their shares.
//   - A process that has sent nothing for three seconds gives its share back. Its next request gets
//     one again.
//   - The share of a process that died is free when its lease is over.
type Limiter struct {
	q        *Queue
	config   LimiterConfig
	member   string
	adaptive *userapi.Adaptive
	need     chan struct{} // a request waits for a share
	told     time.Time     // when OnError was last called for a larger limit of the others; for Run alone

	mu      sync.Mutex
	share   float64
	until   time.Time     // when the share is over, by this process's clock
	changed chan struct{} // closed when there is another share
	used    time.Time     // by the last request
	waiting int           // requests in Wait
}

const (
	shareLease = 3 * time.Second
	// shareMargin is for how long before its end a share is not used: no two clocks are equally fast.
	shareMargin = shareLease / 10
	// renewEvery is how often a share is renewed, and growEvery how often one that is to grow.
	renewEvery = shareLease / 4
	growEvery  = shareLease / 12
)

// Limiter returns a process's share of a limit. The error lists every bad setting.
func (q *Queue) Limiter(c LimiterConfig) (*Limiter, error) {
	var faults []error
	if c.Name == "" {
		faults = append(faults, errors.New("bulkriver: LimiterConfig.Name is required"))
	}
	c.Limit.Burst = 0
	l := &Limiter{
		q: q, config: c, member: rand.Text(), adaptive: userapi.NewAdaptive(c.Limit),
		need: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if err := l.adaptive.Err(); err != nil {
		faults = append(faults, errors.New("bulkriver: LimiterConfig.Limit: PerSecond must be a positive number"))
	}
	return l, errors.Join(faults...)
}

// Wait implements userapi.Limiter. Without a share it waits for one.
func (l *Limiter) Wait(ctx context.Context) error {
	l.wait(1)
	defer l.wait(-1)
	for {
		has, changed := l.hasShare()
		if has {
			if err := l.adaptive.Wait(ctx); err != nil {
				return err
			}
			if has, _ = l.hasShare(); has {
				return nil
			}
			continue
		}
		select {
		case l.need <- struct{}{}:
		default: // Run knows
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait notes how many requests more or less wait.
func (l *Limiter) wait(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += n
	l.used = time.Now()
}

// Observe implements userapi.Limiter.
func (l *Limiter) Observe(a userapi.Attempt) {
	if l.config.Adaptive {
		l.adaptive.Observe(a)
	}
}

// Share returns how many requests a second this process may send at most; 0 while it has no share.
func (l *Limiter) Share() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(l.until) {
		return 0
	}
	return l.share
}

// hasShare reports whether a request may be sent by the share.
func (l *Limiter) hasShare() (has bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.share > 0 && time.Now().Before(l.until), l.changed
}

// Run renews the share until the context ends, and then gives it back. It returns the context's
// error.
func (l *Limiter) Run(ctx context.Context) error {
	for {
		begun := time.Now()
		wait, err := l.renewOrRelease(ctx)
		if ctx.Err() == nil {
			l.tell(err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.need:
			timer.Stop()
			// Those who wait all have the same need: once in growEvery is enough.
			pause(ctx, time.Until(begun.Add(growEvery)))
		case <-ctx.Done():
			timer.Stop()
			l.set(0, time.Time{})
			over, cancel := context.WithTimeout(context.WithoutCancel(ctx), shareLease)
			l.tell(l.release(over))
			cancel()
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// renewOrRelease renews the share, or gives it back where no request needs it, and returns when to
// look again.
func (l *Limiter) renewOrRelease(ctx context.Context) (wait time.Duration, err error) {
	l.mu.Lock()
	idle, has := l.waiting == 0 && time.Since(l.used) > shareLease, l.share > 0
	l.mu.Unlock()
	switch {
	case !idle:
		fair, err := l.renew(ctx)
		if err != nil || l.Share() < 0.99*fair {
			return growEvery, err
		}
		return renewEvery, nil
	case has:
		l.set(0, time.Time{})
		err = l.release(ctx)
	}
	return time.Hour, err // or until there is need
}

func (l *Limiter) tell(err error) {
	if err != nil && l.config.OnError != nil {
		l.config.OnError(err)
	}
}

// set takes a share. The lease of one that is not 0 was begun at a time.
func (l *Limiter) set(share float64, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.share, l.until = share, time.Time{}
	if share > 0 {
		l.until = begun.Add(shareLease - shareMargin)
		_ = l.adaptive.SetLimit(userapi.RateLimit{PerSecond: share, Burst: int(math.Ceil(share / 10))}) // it is positive
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// renew leases a share, and returns what it is to be once the others have given up theirs.
func (l *Limiter) renew(ctx context.Context) (fair float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, shareLease)
	defer cancel()
	begun := time.Now()
	var share, taken float64
	err = l.inTx(ctx, "renew a share", func(tx *sql.Tx, now int64) error {
		q := l.q
		var others int
		if err := tx.QueryRowContext(ctx, q.sql.others, l.config.Name, l.member).Scan(&others, &taken); err != nil {
			return err
		}
		fair = l.config.Limit.PerSecond / float64(others+1)
		share = max(min(fair, l.config.Limit.PerSecond-taken), 0)
		if share < fair/100 {
			share = 0 // what is left of rounding
		}
		if before := l.Share(); share < before {
			l.set(share, begun) // before another process can have the rest
		}
		_, err := tx.ExecContext(ctx, q.sql.lease, l.config.Name, l.member, share, share*l.speed(), now+shareLease.Microseconds())
		return err
	})
	if err != nil {
		return 0, err
	}
	l.set(share, begun)
	if taken > 1.01*l.config.Limit.PerSecond && begun.Sub(l.told) >= time.Minute { // it may be a little more by rounding
		l.told = begun
		return fair, fmt.Errorf("bulkriver: limit %s: other processes have %.4g requests a second, which is more than this process's limit of %.4g, so it sends none: give all that share a name the same limit",
			l.config.Name, taken, l.config.Limit.PerSecond)
	}
	return fair, nil
}

// speed returns what part of the share is let through, as the vendor has it.
func (l *Limiter) speed() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.share == 0 {
		return 1
	}
	return min(l.adaptive.Rate()/l.share, 1)
}

// release gives the share back.
func (l *Limiter) release(ctx context.Context) error {
	_, err := exec(ctx, l.q.db, "give a share back", l.q.sql.release, l.config.Name, l.member)
	return err
}

// inTx does something while no other process changes the shares of the limit. Before that it deletes
// those whose lease is over. now is the database's time, in microseconds since 1970.
func (l *Limiter) inTx(ctx context.Context, what string, do func(tx *sql.Tx, now int64) error) error {
	q := l.q
	return q.inTx(ctx, what, func(tx *sql.Tx) error {
		if q.sql.lockShare != "" {
			if _, err := tx.ExecContext(ctx, q.sql.lockShare, shares+"/"+l.config.Name); err != nil {
				return err
			}
		}
		// In SQLite the first statement is to be one that writes: it waits for the lock.
		if _, err := tx.ExecContext(ctx, q.sql.expire, l.config.Name); err != nil {
			return err
		}
		var now int64
		if err := tx.QueryRowContext(ctx, q.sql.clock).Scan(&now); err != nil {
			return err
		}
		return do(tx, now)
	})
}
