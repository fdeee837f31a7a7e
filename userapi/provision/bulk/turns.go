package bulk

import "sync"

// turns has what has one name done one after another, in the order in which they were queued. The
// zero value is ready for use.
type turns struct {
	mu   sync.Mutex
	last map[string]chan struct{} // closed when the last turn of a name is over
}

// A turn is to be waited for, and then to be ended.
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

// wait waits until it is the turn's time.
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
