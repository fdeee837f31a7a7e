package bulkriver

import (
	"context"
	"database/sql"
	"encoding/base64"
	"sync"
	"time"
)

// An ending is a row that leaves the queue.
type ending struct {
	id       int64
	attempt  int
	job, key string
	reject   []byte // sealed; nil for none

	done chan error
}

// A begun is a job, how often it was begun, and the row's key.
type begun struct {
	ID      int64  `json:"id"`
	Attempt int    `json:"attempt"`
	Key     string `json:"key"`
}

// A finisher takes rows out of the queue: those that come while a transaction is under way share
// the next one.
type finisher struct {
	q *Queue

	mu      sync.Mutex
	flying  bool
	waiting []ending
}

const (
	// maxEndings is how many rows share a transaction.
	maxEndings = 500
	// finishTime is how long one may take.
	finishTime = 30 * time.Second
)

// finish returns once the row is out of the queue, whatever becomes of the context: the row is done.
func (f *finisher) finish(ctx context.Context, e ending) error {
	e.done = make(chan error, 1)
	f.mu.Lock()
	f.waiting = append(f.waiting, e)
	leads := !f.flying
	f.flying = true
	f.mu.Unlock()
	if leads {
		go f.fly(context.WithoutCancel(ctx))
	}
	return <-e.done
}

// fly finishes what waits, until nothing does.
func (f *finisher) fly(ctx context.Context) {
	for {
		f.mu.Lock()
		n := min(len(f.waiting), maxEndings)
		if n == 0 {
			f.flying = false
			f.mu.Unlock()
			return
		}
		now := f.waiting[:n:n]
		f.waiting = f.waiting[n:]
		f.mu.Unlock()
		err := f.store(ctx, now)
		for _, e := range now {
			e.done <- err
		}
	}
}

// store deletes the jobs, and with them what was rejected of the rows before. A job that River has
// given to another worker meanwhile is left to that one, which finds that the row is done.
func (f *finisher) store(ctx context.Context, all []ending) error {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	q := f.q
	jobs := make([]begun, len(all))
	var refused []ending
	for i, e := range all {
		jobs[i] = begun{e.id, e.attempt, e.key}
		if e.reject != nil {
			refused = append(refused, e)
		}
	}
	list := listOf(jobs)
	if len(refused) == 0 && q.sql.unreject == "" {
		_, err := exec(ctx, q.db, "finish rows", q.sql.finish, list)
		return err
	}
	return q.inTx(ctx, "finish rows", func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, "delete jobs", q.sql.finish, list); err != nil {
			return err
		}
		if q.sql.unreject != "" {
			if _, err := exec(ctx, tx, "delete rejects", q.sql.unreject, list); err != nil {
				return err
			}
		}
		for _, e := range refused {
			if _, err := exec(ctx, tx, "store a reject", q.sql.reject, e.job, e.key, base64.StdEncoding.EncodeToString(e.reject)); err != nil {
				return err
			}
		}
		return nil
	})
}
