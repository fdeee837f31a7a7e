package durable

import (
	"context"
	"sync"
)

// Locks are locks by name, within one process. The zero value is ready for use.
type Locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the lock is free
}

// Lock waits for the lock of a name until the context ends.
func (l *Locks) Lock(ctx context.Context, name string) (unlock func(), err error) {
	for ctx.Err() == nil {
		l.mu.Lock()
		held := l.held[name]
		if held == nil {
			defer l.mu.Unlock()
			free := make(chan struct{})
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			l.held[name] = free
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.held, name)
				close(free)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
	return nil, context.Cause(ctx)
}
