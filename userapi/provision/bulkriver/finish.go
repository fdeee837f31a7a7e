package bulkriver

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// An ending is a row that leaves the queue.
type ending struct {
	id       int64
	attempt  int
	job, key string
	reject   []byte // sealed; nil for none

	done chan error
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
	return q.inTx(ctx, "finish rows", func(tx *sql.Tx) error {
		jobs := listOf(all, func(e ending) string { return fmt.Sprintf(`{"id":%d,"attempt":%d}`, e.id, e.attempt) })
		_, err := execIn(ctx, tx, "delete jobs", q.finishStatement(), jobs)
		if err != nil {
			return err
		}
		texts := "value FROM json_array_elements_text($1::text::json)"
		if q.dialect == sqlledger.SQLite {
			texts = "value FROM json_each(?1)"
		}
		keys := listOf(all, func(e ending) string {
			key, _ := json.Marshal(e.key) // never fails: a text
			return string(key)
		})
		if _, err := execIn(ctx, tx, "delete rejects", "DELETE FROM "+rejects+" WHERE "+q.among("key", texts), keys); err != nil {
			return err
		}
		for _, e := range all {
			if e.reject == nil {
				continue
			}
			statement := "INSERT INTO " + rejects + " (job, key, row) VALUES (" + q.p(1) + ", " + q.p(2) + ", " + q.p(3) + ") ON CONFLICT (key) DO UPDATE SET row = EXCLUDED.row"
			if _, err := execIn(ctx, tx, "store a reject", statement, e.job, e.key, base64.StdEncoding.EncodeToString(e.reject)); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishStatement deletes the jobs of a JSON list.
func (q *Queue) finishStatement() string {
	return "DELETE FROM " + q.jobs() + " WHERE " + q.state() + " = 'running' AND " + q.among("id", q.element(1, "id")) +
		" AND (id, attempt) IN (SELECT " + q.element(1, "id", "attempt") + ")"
}
