package main

import (
	"context"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// A rowCounter has the status of a job.
type rowCounter interface {
	Status(ctx context.Context, job string) (bulkriver.Status, error)
}

// A look is the latest status of a queue, for metrics. To count a million rows takes seconds, so all scrapes
// share one count, and the counts take at most 1/lookShare of the time. The zero value is ready for use. It is
// safe for concurrent use.
type look struct {
	mu    sync.Mutex
	found bulkriver.Status
	err   error
	until time.Time // when found is too old
}

func (l *look) status(ctx context.Context, q rowCounter, job string) (bulkriver.Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun := time.Now()
	if begun.Before(l.until) {
		return l.found, l.err
	}
	l.found, l.err = q.Status(ctx, job)
	l.until = time.Now().Add(lookShare * time.Since(begun))
	if l.err != nil {
		l.until = time.Now().Add(lookEvery)
	}
	return l.found, l.err
}
