package bulk

import "sync"

// turns has what has one name done one after another. The zero value is ready for use.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when the turn is over
}

// take waits for the name's turn.
func (t *turns) take(name string) (done func()) {
	for {
		t.mu.Lock()
		before := t.taken[name]
		if before == nil {
			break
		}
		t.mu.Unlock()
		<-before
	}
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	own := make(chan struct{})
	t.taken[name] = own
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, name)
		close(own)
	}
}
