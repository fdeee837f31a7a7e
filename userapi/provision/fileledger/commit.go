package fileledger

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A storeBatch is what is written and synced at once.
type storeBatch struct {
	payloads [][]byte             // one for each Store
	stores   [][]provision.Record // likewise
	done     chan struct{}
	err      error // set when done is closed
}

// Store implements Storer. If the context is done when Store is called, nothing is
// stored and the error is the context's. After that the context does not end the Store,
// so that its result is certain. ErrStale is returned once the newer record is durable
// and can be loaded. The records of one Store may have 16 MiB together.
func (f *Ledger) Store(ctx context.Context, records ...provision.Record) error {
	next, err := provision.NextRevisions(records)
	if err != nil {
		return err
	}
	payload, err := encode(next, false)
	if err != nil {
		return err
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

// enqueue compares the records, and puts them in a batch. The first caller in a batch
// leads: it writes the batch. With ErrStale the batch is the one to wait for, if there
// is one.
func (f *Ledger) enqueue(ctx context.Context, next []provision.Record, payload []byte) (b *storeBatch, leads bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return nil, false, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("fileledger: nothing was stored: %w", err)
	}
	switch {
	case len(next) == 0:
		return nil, false, nil
	case !f.follows(next):
		if !f.held.Follows(next...) {
			return nil, false, provision.ErrStale
		}
		if f.queue != nil {
			return f.queue, false, provision.ErrStale
		}
		return f.flying, false, provision.ErrStale
	}
	f.advance(next)
	if f.queue == nil {
		f.queue, leads = &storeBatch{done: make(chan struct{})}, true
	}
	b = f.queue
	b.payloads, b.stores = append(b.payloads, payload), append(b.stores, next)
	return b, leads, nil
}

// follows reports whether each of the records follows the latest one, queued or held.
func (f *Ledger) follows(next []provision.Record) bool {
	return !slices.ContainsFunc(next, func(r provision.Record) bool {
		latest := &f.held
		if f.ahead.Has(r.Key) {
			latest = &f.ahead
		}
		return !latest.Follows(r)
	})
}

// advance notes that records are queued.
func (f *Ledger) advance(next []provision.Record) {
	for _, r := range next {
		if !f.ahead.Has(r.Key) {
			f.ahead.Put(f.held.Load(r.Key)...)
		}
		f.ahead.Put(r)
	}
}

// commit writes a batch when its turn has come, and releases those who wait for it. Its
// own caller may wait longer, for a compaction.
func (f *Ledger) commit(b *storeBatch) {
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
			f.held.Put(next...)
		}
	}
	f.ahead.Clear()
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
