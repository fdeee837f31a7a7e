package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Group returns a ledger that merges Stores. Stores that are called while another one
// is under way become one Store of the ledger l, with one transaction and one wait for
// the disk. If l is a [ManyLoader], Loads are merged in the same way, into one LoadMany
// that begins after each of them was called. ListOpen is l's own.
//
// Use it for ledgers of sqlledger with many concurrent sign-ups. fileledger merges
// Stores itself, and Memory has nothing to save. A few connections to PostgreSQL
// already share its wait for the disk. Group does not merge what is stored in the
// caller's own transaction, by the ledger's Tx.
//
// A fault of one caller does not affect the others. If a merged Store fails, for
// instance because a record is stale, each caller's records are stored by themselves,
// and each caller gets its own result. A merged Store ends with an error after 2 s. So
// a record that another transaction has locked delays the others, but does not make
// them fail. The same is true of Loads.
//
// If a caller's context ends while its records wait for their turn, it gets the
// context's error, and they are not stored. Once they are part of a merged Store the
// caller waits for its result, at most 2 s if l honours its context. If the merged
// Store failed other than by ErrStale, and the records cannot be stored by themselves
// either, it is not known whether they are stored: the error says so, and does not
// match ErrStale. The context of a merged Store has the values of one of its callers'
// contexts.
func Group(l Ledger) Ledger {
	if l == nil {
		return nil // which New refuses
	}
	return &group{Ledger: l}
}

const (
	// maxGroup is how many records are merged into one Store, unless one caller has more.
	maxGroup = 256
	// groupTime is how long a Store may take before the next one begins.
	groupTime = 2 * time.Second
)

type group struct {
	Ledger

	mu sync.Mutex
	// flying is set while a Store of the ledger is under way that others wait for. Only
	// then there is a queue.
	flying bool
	queue  []*groupStore
	// loading is set while a read of the ledger is under way that others wait for, in loads.
	loading bool
	loads   []*groupLoad
}

// LoadMany implements ManyLoader.
func (g *group) LoadMany(ctx context.Context, keys []string) ([]Record, error) {
	return loadMany(ctx, g.Ledger, keys)
}

// A groupLoad is a LoadMany in which the Loads of several callers are one.
type groupLoad struct {
	ctx   context.Context //nolint:containedctx // of the first caller, for its values
	keys  []string
	done  chan struct{} // closed when what follows is known
	found map[string][]Record
	err   error
}

// Load implements Ledger.
func (g *group) Load(ctx context.Context, key string) ([]Record, error) {
	many, ok := g.Ledger.(ManyLoader)
	if !ok {
		return g.Ledger.Load(ctx, key)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := g.join(ctx, key)
	if l == nil {
		defer g.endLoad(many)()
		return g.Ledger.Load(ctx, key)
	}
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil {
		return g.Ledger.Load(ctx, key)
	}
	return slices.Clone(l.found[key]), nil
}

// join returns the next LoadMany, which has the key; nil for a caller that is the only one.
func (g *group) join(ctx context.Context, key string) *groupLoad {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.loading {
		g.loading = true
		return nil
	}
	last := len(g.loads) - 1
	if last < 0 || len(g.loads[last].keys) == maxGroup {
		g.loads = append(g.loads, &groupLoad{ctx: context.WithoutCancel(ctx), done: make(chan struct{})})
		last++
	}
	g.loads[last].keys = append(g.loads[last].keys, key)
	return g.loads[last]
}

// endLoad returns what is to be called when a read of the ledger ends. What waits for it is then read,
// or earlier, if it takes long.
func (g *group) endLoad(many ManyLoader) (end func()) {
	var once sync.Once
	next := func() { once.Do(func() { go g.loadNext(many) }) }
	timer := time.AfterFunc(groupTime, next)
	return func() {
		timer.Stop()
		next()
	}
}

// loadNext reads what waits.
func (g *group) loadNext(many ManyLoader) {
	g.mu.Lock()
	if len(g.loads) == 0 {
		g.loading = false
		g.mu.Unlock()
		return
	}
	l := g.loads[0]
	g.loads = slices.Delete(g.loads, 0, 1)
	g.mu.Unlock()
	defer g.endLoad(many)()
	defer close(l.done)
	defer func() { _ = recover() }() // it is the callers' to meet, who load by themselves
	l.err = errPanicked
	ctx, cancel := context.WithTimeout(l.ctx, groupTime)
	defer cancel()
	records, err := many.LoadMany(ctx, l.keys)
	l.found = map[string][]Record{}
	for _, r := range records {
		l.found[r.Key] = append(l.found[r.Key], r)
	}
	l.err = err
}

// A groupStore is one caller's Store.
type groupStore struct {
	records []Record
	turn    chan turn // takes one
}

// A turn ends the wait of a Store in the queue.
type turn struct {
	leads bool  // it is to store its records, with what else is queued
	err   error // else that of the Store which its records were part of
}

// Store implements Storer.
func (g *group) Store(ctx context.Context, records ...Record) error {
	if _, err := NextRevisions(records); err != nil {
		return err // nobody else's Store gets to see it
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &groupStore{records: records, turn: make(chan turn, 1)}
	t := turn{leads: g.begin(s)}
	if !t.leads {
		select {
		case t = <-s.turn:
		case <-ctx.Done():
			if g.leave(s) {
				return fmt.Errorf("provision: nothing was stored: %w", ctx.Err())
			}
			t = <-s.turn
		}
		if t.leads {
			// Those whom the last Store has just let go may have more: they get to join.
			runtime.Gosched()
		}
	}
	if t.leads {
		var alone bool
		if t.err, alone = g.lead(ctx, s); alone {
			return t.err
		}
	}
	if t.err == nil {
		return nil
	}
	return g.storeAlone(ctx, records, t.err)
}

// begin puts a Store in the queue, unless there is none: then it leads.
func (g *group) begin(s *groupStore) (leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.flying {
		g.flying = true
		return true
	}
	g.queue = append(g.queue, s)
	return false
}

// leave takes a Store out of the queue, and reports whether it was there.
func (g *group) leave(s *groupStore) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, s)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	return i >= 0
}

// next has the first of the queue lead.
func (g *group) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.flying = false
		return
	}
	first := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	first.turn <- turn{leads: true}
}

// take takes out of the queue what is stored together with s: in the order in which it
// came, and of no record more than once, since each must follow the one before.
func (g *group) take(s *groupStore) (others []*groupStore) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		return nil
	}
	type name struct{ key, target string }
	seen, n := map[name]bool{}, 0
	fits := func(s *groupStore) bool {
		free := !slices.ContainsFunc(s.records, func(r Record) bool { return seen[name{r.Key, r.Target}] })
		for _, r := range s.records {
			seen[name{r.Key, r.Target}] = true // also of one that stays: what comes behind it does too
		}
		return free && n+len(s.records) <= maxGroup
	}
	fits(s)
	n = len(s.records)
	g.queue = slices.DeleteFunc(g.queue, func(s *groupStore) bool {
		if !fits(s) {
			return false
		}
		others, n = append(others, s), n+len(s.records)
		return true
	})
	return others
}

var errPanicked = errors.New("provision: the ledger's Store did not return")

// lead stores the records of s, and with them what is queued. alone says that nothing was.
func (g *group) lead(ctx context.Context, s *groupStore) (err error, alone bool) { //nolint:revive // the error is that of either
	var once sync.Once
	next := func() { once.Do(g.next) }
	defer next()
	others := g.take(s)
	defer time.AfterFunc(groupTime, next).Stop()
	if len(others) == 0 {
		return g.Ledger.Store(ctx, s.records...), true
	}
	err = errPanicked
	defer func() {
		for _, o := range others {
			o.turn <- turn{err: err}
		}
	}()
	lists := [][]Record{s.records}
	for _, o := range others {
		lists = append(lists, o.records)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTime)
	defer cancel()
	err = g.Ledger.Store(ctx, slices.Concat(lists...)...)
	return err, false
}

// storeAlone stores the records of a Store that was part of one which failed.
func (g *group) storeAlone(ctx context.Context, records []Record, merged error) error {
	err := g.Ledger.Store(ctx, records...)
	switch {
	case err == nil, errors.Is(merged, ErrStale):
		return err
	case errors.Is(err, ErrStale): // perhaps by the merged Store
		return fmt.Errorf("provision: it is not known whether the records are stored: %w", merged)
	}
	return fmt.Errorf("provision: it is not known whether the records are stored: %w: %w", err, merged)
}

// String returns a fixed text.
func (g *group) String() string { return "ledger that merges Stores" }

// Format writes String for every verb.
func (g *group) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, g.String()) }

// LogValue is like String.
func (g *group) LogValue() slog.Value { return slog.StringValue(g.String()) }
