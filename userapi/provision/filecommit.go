package provision

import (
	"context"
	"fmt"
	"runtime"
	"slices"
)

// A fileBatch is what is written and synced at once.
type fileBatch struct {
	payloads [][]byte   // one for each Store
	stores   [][]Record // likewise
	done     chan struct{}
	err      error // set when done is closed
}

// Store implements Storer. A context that is over is looked at before anything is done:
// nothing is stored then, and the error is the context's. Later the Store goes on to its
// end, so that what it returns is true. An ErrStale too is returned when the record that
// stood in the way is durable, and can be loaded. All records of one Store may be 16 MiB.
func (f *File) Store(ctx context.Context, records ...Record) error {
	next, err := checked(records)
	if err != nil {
		return err
	}
	var payload []byte
	if len(next) > 0 {
		if payload, err = encodeSet(next); err != nil {
			return err
		}
	}
	b, leads, err := f.enqueue(ctx, next, payload)
	if b == nil {
		return err
	}
	if leads {
		f.commit(b)
	}
	<-b.done
	if b.err != nil {
		return b.err
	}
	return err
}

// enqueue compares the records, and puts them in a batch. Whoever is first in it leads:
// it writes it. With ErrStale the batch is the one to wait for, if there is one.
func (f *File) enqueue(ctx context.Context, next []Record, payload []byte) (b *fileBatch, leads bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return nil, false, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("provision: nothing was stored: %w", err)
	}
	switch {
	case len(next) == 0:
		return nil, false, nil
	case !f.follows(next):
		if !current(f.held, next) {
			return nil, false, ErrStale
		}
		if f.queue != nil {
			return f.queue, false, ErrStale
		}
		return f.flying, false, ErrStale
	}
	f.advance(next)
	if f.queue == nil {
		f.queue, leads = &fileBatch{done: make(chan struct{})}, true
	}
	b = f.queue
	b.payloads, b.stores = append(b.payloads, payload), append(b.stores, next)
	return b, leads, nil
}

// follows reports whether each of the records follows the latest one, queued or held.
func (f *File) follows(next []Record) bool {
	latest := make(map[string][]Record, len(next))
	for _, r := range next {
		of, queued := f.ahead[r.Key]
		if !queued {
			of = f.held[r.Key]
		}
		latest[r.Key] = of
	}
	return current(latest, next)
}

// advance notes that records are queued.
func (f *File) advance(next []Record) {
	for _, r := range next {
		if _, queued := f.ahead[r.Key]; !queued {
			f.ahead[r.Key] = slices.Clone(f.held[r.Key])
		}
	}
	apply(f.ahead, next)
}

// commit writes a batch when its turn has come, and lets those go who wait for it. Its
// own caller may be kept longer, by a compaction.
func (f *File) commit(b *fileBatch) {
	f.write.Lock()
	defer f.write.Unlock()
	// Those whom the last batch has just let go may have more: they get to join this one.
	runtime.Gosched()
	f.mu.Lock()
	f.queue, f.flying = nil, b // nobody joins it from here on
	err := f.failed
	f.mu.Unlock()
	if err == nil {
		if err = f.log.append(b.payloads); err != nil {
			err = f.poison(err)
		}
	}
	f.mu.Lock()
	b.err, f.flying = err, nil
	if err == nil {
		for _, next := range b.stores {
			apply(f.held, next)
		}
	}
	clear(f.ahead)
	if f.queue != nil {
		for _, next := range f.queue.stores {
			f.advance(next)
		}
	}
	f.mu.Unlock()
	close(b.done)
	if err != nil {
		return
	}
	f.log.mark()
	for _, next := range b.stores {
		f.count(next, false)
	}
	f.compactIfDue()
}
