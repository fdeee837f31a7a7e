package bulkriver

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// An ending is a row that leaves the queue.
type ending struct {
	// ID and Attempt identify the run of its job.
	ID      int64  `json:"id"`
	Attempt int    `json:"attempt"`
	Job     string `json:"job"`
	Key     string `json:"key"`
	// Reject is the sealed row in base64; "" if the row was not refused.
	Reject string `json:"reject,omitempty"`

	done chan finished
}

// finished is the result of an ending. own is false if River has taken the job back.
type finished struct {
	own bool
	err error
}

// A finisher removes rows from the queue. Rows that end while a transaction is under way share the
// next one.
type finisher struct {
	q *Queue

	mu      sync.Mutex
	flying  bool
	waiting []ending
}

const (
	// maxEndings is the maximum number of rows in a transaction.
	maxEndings = 500
	// finishTime is the deadline of a transaction.
	finishTime = 30 * time.Second
)

// finish waits until the row is out of the queue, even if the context has ended: the row is done.
// own is false if River had taken the job from this worker. Then nothing has changed.
func (f *finisher) finish(ctx context.Context, e ending) (own bool, err error) {
	e.done = make(chan finished, 1)
	f.mu.Lock()
	f.waiting = append(f.waiting, e)
	leads := !f.flying
	f.flying = true
	f.mu.Unlock()
	if leads {
		go f.fly(context.WithoutCancel(ctx))
	}
	was := <-e.done
	return was.own, was.err
}

// fly finishes waiting rows until there are none.
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
		gone, err := f.store(ctx, now)
		for _, e := range now {
			e.done <- finished{gone[e.ID], err}
		}
	}
}

// store deletes the jobs, and older rejects of their rows. It returns the ids of the deleted jobs.
// It skips a job that River has given to another worker.
func (f *finisher) store(ctx context.Context, all []ending) (gone map[int64]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	q := f.q
	if q.dialect == sqlledger.PostgreSQL {
		gone, err = deleted(ctx, q.db, q.sql.finish, listOf(all))
		if err != nil {
			return nil, dbError("finish rows", err)
		}
		return gone, nil
	}
	err = q.inTx(ctx, "finish rows", func(tx *sql.Tx) (err error) {
		if gone, err = deleted(ctx, tx, q.sql.finish, listOf(all)); err != nil {
			return err
		}
		all = slices.DeleteFunc(slices.Clone(all), func(e ending) bool { return !gone[e.ID] })
		if _, err := exec(ctx, tx, "delete rejects", q.sql.unreject, listOf(all)); err != nil {
			return err
		}
		for _, e := range all {
			if e.Reject == "" {
				continue
			}
			if _, err := exec(ctx, tx, "store a reject", q.sql.reject, e.Job, e.Key, e.Reject); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// deleted runs a statement that returns the ids of the jobs that it deletes.
func deleted(ctx context.Context, in interface {
	QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
}, statement, list string,
) (map[int64]bool, error) {
	rows, err := in.QueryContext(ctx, statement, list)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	gone := map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		gone[id] = true
	}
	return gone, rows.Err()
}
