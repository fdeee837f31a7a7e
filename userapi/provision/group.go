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

// Group returns a ledger that merges concurrent Stores. While one Store is under way, further
// Stores wait. Then they become one Store of the ledger l, with one transaction and one wait for
// the disk. If l is a [ManyLoader], concurrent Loads become one LoadMany, which begins after each
// of them was called. ListOpen is l's own.
//
// Use it for ledgers of sqlledger with many concurrent sign-ups. fileledger merges Stores itself,
// and Memory gains nothing. A few connections to PostgreSQL already share its wait for the disk.
// Group does not merge Stores in the caller's own transaction, by the ledger's Tx.
//
// A fault of one caller does not affect the others. If a merged Store fails, for example because a
// record is stale, Group stores each caller's records separately. Each caller gets its own result.
// A merged Store ends with an error after 2 s, so a record that another transaction has locked only
// delays the others. The same is true of Loads.
//
// If a caller's context ends while its records wait, nothing is stored and the caller gets the
// context's error. Once a merged Store has the records, the caller waits for its result. That takes
// at most 2 s if l honours its context. The context of a merged Store has the values of one caller's
// context.
//
// If a merged Store fails with another error than ErrStale, and the separate Store fails too, the
// outcome is unknown. The error says so, and does not match ErrStale.
func Group(l Ledger) Ledger {
	if l == nil {
		return nil // New refuses nil
	}
	return &group{Ledger: l}
}

const (
	// maxGroup is the maximum number of records in a merged Store. One caller alone may have more.
	maxGroup = 256
	// groupTime is the deadline of a merged Store. After it the next Store begins.
	groupTime = 2 * time.Second
)

type group struct {
	Ledger

	mu sync.Mutex
	// flying is true while a Store of the ledger is under way. Only then is there a queue.
	flying bool
	queue  []*groupStore
	// loading is true while a read of the ledger is under way. Further Loads wait in loads.
	loading bool
	loads   []*groupLoad
}

// LoadMany implements ManyLoader.
func (g *group) LoadMany(ctx context.Context, keys []string) ([]Record, error) {
	return loadMany(ctx, g.Ledger, keys)
}

// A groupLoad is a LoadMany for the Loads of several callers.
type groupLoad struct {
	ctx   context.Context //nolint:containedctx // the first caller's, for its values
	keys  []string
	done  chan struct{} // closed when found and err are set
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

// join adds the key to the next LoadMany and returns it. It returns nil if no read is under way.
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

// endLoad returns the function to call when a read ends. It starts the next read. If a read takes
// longer than groupTime, the next one starts earlier.
func (g *group) endLoad(many ManyLoader) (end func()) {
	var once sync.Once
	next := func() { once.Do(func() { go g.loadNext(many) }) }
	timer := time.AfterFunc(groupTime, next)
	return func() {
		timer.Stop()
		next()
	}
}

// loadNext reads the keys of the first waiting groupLoad.
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
	defer func() { _ = recover() }() // the callers then load alone, and meet the panic themselves
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
	turn    chan turn // receives one value
}

// A turn ends the wait of a Store in the queue.
type turn struct {
	leads bool  // store its own records and the queued ones
	err   error // the error of the merged Store, if it does not lead
}

// Store implements Storer.
func (g *group) Store(ctx context.Context, records ...Record) error {
	if _, err := NextRevisions(records); err != nil {
		return err // refused before it affects other callers
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
			// Callers that the last Store has just released may have more records. Let them join.
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

// begin queues a Store. It returns true, without queueing, if no Store is under way.
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

// leave removes a Store from the queue. It returns false if the Store is not there.
func (g *group) leave(s *groupStore) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, s)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	return i >= 0
}

// next lets the first Store in the queue lead.
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

// take removes from the queue the Stores to merge with s, in their order. A merged Store has each
// record only once, because each revision must follow the one before.
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
			seen[name{r.Key, r.Target}] = true // even if s stays queued: later Stores of the record must stay too
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

// lead stores the records of s together with queued ones. alone reports that none were queued.
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

// storeAlone stores one caller's records after a merged Store failed.
func (g *group) storeAlone(ctx context.Context, records []Record, merged error) error {
	err := g.Ledger.Store(ctx, records...)
	switch {
	case err == nil, errors.Is(merged, ErrStale):
		return err
	case errors.Is(err, ErrStale): // the merged Store may have stored them
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
