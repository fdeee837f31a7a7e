package bulkriver

import (
	"context"
	"encoding/hex"
	"time"
)

// UniqueKey is uniqueKey in hex.
func UniqueKey(key string) string { return hex.EncodeToString(uniqueKey(key)) }

// Statements returns the statements that find jobs and that delete finished ones.
func Statements(q *Queue) (find, finish string) { return q.sql.find, q.sql.finish }

// Finish removes a job from the queue, as a worker does on this attempt.
func Finish(ctx context.Context, q *Queue, id int64, attempt int) (own bool, err error) {
	f := finisher{q: q}
	return f.finish(ctx, ending{ID: id, Attempt: attempt, Job: "spring", Key: "spring/1"})
}

// HoldIdle gives a limiter a share that no request has used.
func HoldIdle(l *Limiter, share float64) { l.set(share, time.Now()) }
