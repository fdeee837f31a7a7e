package bulk

import "sync"

// turns runs the work of each name in the order of its queue calls, one at a time. The zero value
// is ready for use.
type turns struct {
	mu   sync.Mutex
	last map[string]chan struct{} // the last turn of each name; closed when it ends
}

// A turn is a place in the queue. Call wait, then end.
type turn struct {
	of          *turns
	name        string
	before, own chan struct{}
}

// queue queues a turn.
func (t *turns) queue(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]chan struct{}{}
	}
	own := &turn{t, name, t.last[name], make(chan struct{})}
	t.last[name] = own.own
	return own
}

// wait blocks until the turn before it has ended.
func (t *turn) wait() {
	if t.before != nil {
		<-t.before
	}
}

func (t *turn) end() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.last[t.name] == t.own {
		delete(t.of.last, t.name)
	}
	close(t.own)
}
