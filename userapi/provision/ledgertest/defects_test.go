package ledgertest_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

var defects = map[string]defect{
	"none": {},

	"forgets what the create sent": {store: storing(func(r *provision.Record) { r.Sent = "" })},
	"forgets the flags":            {store: storing(func(r *provision.Record) { r.Unfinished, r.Decided, r.Lost, r.Closed = false, false, false, false })},
	"forgets the kind":             {store: storing(func(r *provision.Record) { r.Kind = userapi.KindUnknown })},
	"keeps fields that are cleared": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		records = slices.Clone(records)
		for i := range records {
			r := &records[i]
			held, err := m.Load(ctx, r.Key)
			if err != nil {
				return err
			}
			for _, h := range held {
				if h.Target == r.Target {
					r.Provider, r.UserID = cmp.Or(r.Provider, h.Provider), cmp.Or(r.UserID, h.UserID)
				}
			}
		}
		return m.Store(ctx, records...)
	}},
	"keeps milliseconds": {store: storing(func(r *provision.Record) {
		r.Until, r.Started, r.Changed = r.Until.Truncate(time.Millisecond), r.Started.Truncate(time.Millisecond), r.Changed.Truncate(time.Millisecond)
	})},
	"rounds times up":      {store: storing(func(r *provision.Record) { r.Until = r.Until.Round(time.Microsecond) })},
	"reads times as local": {load: loading(func(r *provision.Record) { r.Started = r.Started.In(time.FixedZone("local", 3600)) })},
	"reads the zero time as 1970": {load: loading(func(r *provision.Record) {
		if r.Changed.IsZero() {
			r.Changed = time.Unix(0, 0).UTC()
		}
	})},
	"cuts texts off": {store: storing(func(r *provision.Record) { r.UserID = r.UserID[:min(len(r.UserID), 1000)] })},
	"trims texts":    {store: storing(func(r *provision.Record) { r.Provider = strings.TrimSpace(r.Provider) })},
	"invents a record": {load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
		records, err := m.Load(ctx, key)
		if len(records) == 0 && err == nil {
			records = []provision.Record{{Key: key, State: provision.StateUndone}}
		}
		return records, err
	}},

	"takes the last one":            {store: again},
	"takes an insert over a record": {store: failing(onStale(func(r provision.Record) bool { return r.Revision == 0 }))},
	"takes an update of no record": {store: failing(func(ctx context.Context, m *provision.Memory, records []provision.Record, err error) error {
		for _, r := range records {
			if r.Revision == 0 || revision(ctx, m, r) != 0 {
				return err
			}
		}
		return again(ctx, m, records)
	})},
	"takes an older revision": {store: failing(onStale(func(r provision.Record) bool { return r.Revision > 0 && r.Revision <= 2 }))},
	"does not count":          {load: loading(func(r *provision.Record) { r.Revision = 1 })},
	"calls stale something else": {store: failing(func(_ context.Context, _ *provision.Memory, _ []provision.Record, err error) error {
		if errors.Is(err, provision.ErrStale) {
			return errors.New("it was changed")
		}
		return err
	})},
	"says nothing of what is stale": {store: failing(func(_ context.Context, _ *provision.Memory, _ []provision.Record, err error) error {
		if errors.Is(err, provision.ErrStale) {
			return nil
		}
		return err
	})},
	"stores the good ones beside a stale one": {store: failing(func(ctx context.Context, m *provision.Memory, records []provision.Record, err error) error {
		for _, r := range records {
			if errors.Is(err, provision.ErrStale) {
				_ = m.Store(ctx, r)
			}
		}
		return err
	})},
	"stores one at a time": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		for _, r := range records {
			if err := m.Store(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}},
	"fails on nothing": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		if len(records) == 0 {
			return errors.New("nothing to store")
		}
		return m.Store(ctx, records...)
	}},
	"takes one name twice": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		seen := map[[2]string]bool{}
		return m.Store(ctx, slices.DeleteFunc(slices.Clone(records), func(r provision.Record) bool {
			name := [2]string{r.Key, r.Target}
			defer func() { seen[name] = true }()
			return seen[name]
		})...)
	}},
	"ignores the context": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		return m.Store(context.WithoutCancel(ctx), records...)
	}},
	"calls the context stale": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), provision.ErrStale)
		}
		return m.Store(ctx, records...)
	}},
	"finds nothing when the context is over": {load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
		if ctx.Err() != nil {
			return nil, nil
		}
		return m.Load(ctx, key)
	}},

	"sorts in place": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		slices.SortFunc(records, func(a, b provision.Record) int { return strings.Compare(a.Target, b.Target) })
		return m.Store(ctx, records...)
	}},
	"returns its own slice": {around: func(l provision.Ledger) provision.Ledger {
		return &sharing{Ledger: l, loaded: map[string][]provision.Record{}}
	}},

	"orders targets without case": {load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
		records, err := m.Load(ctx, key)
		slices.SortStableFunc(records, func(a, b provision.Record) int {
			return strings.Compare(strings.ToLower(a.Target), strings.ToLower(b.Target))
		})
		return records, err
	}},
	"orders keys without case": {open: paging(func(_ context.Context, _ *provision.Memory, keys []string, after string, limit int) []string {
		slices.SortStableFunc(keys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		keys = slices.DeleteFunc(keys, func(key string) bool { return after != "" && strings.ToLower(key) <= strings.ToLower(after) })
		return keys[:min(len(keys), max(limit, 1))]
	})},
	"goes on with the same key": {open: paging(func(_ context.Context, _ *provision.Memory, keys []string, after string, limit int) []string {
		keys = slices.DeleteFunc(keys, func(key string) bool { return key < after })
		return keys[:min(len(keys), max(limit, 1))]
	})},
	"has no limit": {open: func(ctx context.Context, m *provision.Memory, after string, _ int) ([]string, error) {
		return m.ListOpen(ctx, after, 1<<30)
	}},
	"returns none at a limit of none": {open: func(ctx context.Context, m *provision.Memory, after string, limit int) ([]string, error) {
		if limit < 1 {
			return nil, nil
		}
		return m.ListOpen(ctx, after, limit)
	}},
	"limits records and not keys": {open: paging(func(ctx context.Context, m *provision.Memory, keys []string, after string, limit int) []string {
		var rows []string
		for _, key := range keys {
			records, _ := m.Load(ctx, key)
			for range slices.DeleteFunc(records, func(r provision.Record) bool { return key <= after || !r.Open() }) {
				rows = append(rows, key)
			}
		}
		return rows[:min(len(rows), max(limit, 1))]
	})},
	"skips a key at the end of a page": {open: paging(func(_ context.Context, _ *provision.Memory, keys []string, after string, limit int) []string {
		keys = slices.DeleteFunc(keys, func(key string) bool { return key <= after })
		if n := max(limit, 1); len(keys) > n {
			keys = slices.Delete(keys, n-1, n)
			keys = keys[:n]
		}
		return keys
	})},
	"opens what is done": {around: func(l provision.Ledger) provision.Ledger { return &opening{Ledger: l, keys: map[string]bool{}} }},
	"takes unknown for undone": {store: storing(func(r *provision.Record) {
		if r.State == provision.StateUnknown {
			r.State = provision.StateUndone
		}
	})},
	"opens by the state alone": {open: paging(func(ctx context.Context, m *provision.Memory, keys []string, after string, limit int) []string {
		keys = slices.DeleteFunc(keys, func(key string) bool {
			records, _ := m.Load(ctx, key)
			return key <= after || !slices.ContainsFunc(records, func(r provision.Record) bool {
				return !r.State.HasUser() && r.State != provision.StateUndone && r.State != provision.StateRejected
			})
		})
		return keys[:min(len(keys), max(limit, 1))]
	})},

	"takes keys for one without case": {
		store: storing(func(r *provision.Record) { r.Key = strings.ToLower(r.Key) }),
		load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
			return m.Load(ctx, strings.ToLower(key))
		},
	},
	"takes targets for one without case": {store: storing(func(r *provision.Record) { r.Target = strings.ToLower(r.Target) })},
	"pads names": {
		store: storing(func(r *provision.Record) { r.Key = strings.TrimRight(r.Key, " ") }),
		load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
			return m.Load(ctx, strings.TrimRight(key, " "))
		},
	},
	"loads by a prefix": {load: func(ctx context.Context, m *provision.Memory, key string) ([]provision.Record, error) {
		all, err := m.Load(ctx, key)
		keys, _ := m.ListOpen(ctx, key, 1<<30)
		for _, other := range keys {
			if strings.HasPrefix(other, key) {
				more, _ := m.Load(ctx, other)
				all = append(all, more...)
			}
		}
		return all, err
	}},
	"joins key and target": {around: func(l provision.Ledger) provision.Ledger { return &joining{Ledger: l, names: map[string][2]string{}} }},

	"takes any name": {store: storing(func(r *provision.Record) { r.Key, r.Target = name(r.Key), name(r.Target) })},
	"takes any state": {store: storing(func(r *provision.Record) {
		if !slices.Contains([]string{"", "Queued", "queued ", "done"}, string(r.State)) {
			return
		}
		r.State = provision.StateQueued
	})},
	"takes any text":              {store: storing(func(r *provision.Record) { r.Owner = strings.ToValidUTF8(strings.ReplaceAll(r.Owner, "\x00", ""), "") })},
	"takes a revision below zero": {store: storing(func(r *provision.Record) { r.Revision = max(r.Revision, 0) })},
	"calls refused stale":         {store: failing(func(context.Context, *provision.Memory, []provision.Record, error) error { return provision.ErrStale })},
	"stores the good ones beside a bad one": {store: failing(func(ctx context.Context, m *provision.Memory, records []provision.Record, err error) error {
		if errors.Is(err, provision.ErrStale) || ctx.Err() != nil {
			return err
		}
		for _, r := range records {
			_ = m.Store(ctx, r)
		}
		return err
	})},

	"compares before it waits": {around: func(l provision.Ledger) provision.Ledger { return &racing{Ledger: l} }},
	"deadlocks": {store: func(ctx context.Context, m *provision.Memory, records []provision.Record) error {
		// What a database does with rows that are locked in the caller's order.
		if !slices.IsSortedFunc(records, func(a, b provision.Record) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Target, b.Target))
		}) && slices.ContainsFunc(records, func(r provision.Record) bool { return r.Revision > 0 }) {
			return errors.New("deadlock")
		}
		return m.Store(ctx, records...)
	}},
	"collides with other records": {around: func(l provision.Ledger) provision.Ledger { return &colliding{Ledger: l, revisions: map[string]int{}} }},

	"loses everything": {reopen: func(provision.Ledger) provision.Ledger { return new(provision.Memory) }},
	"loses the last revision": {around: func(l provision.Ledger) provision.Ledger { return &losing{Ledger: l} }, reopen: func(l provision.Ledger) provision.Ledger {
		if losing, ok := l.(*losing); ok {
			return losing.before()
		}
		return l
	}},
	"stores at reopening what failed": {around: func(l provision.Ledger) provision.Ledger { return &late{Ledger: l} }, reopen: func(l provision.Ledger) provision.Ledger {
		if late, ok := l.(*late); ok {
			_ = late.Ledger.Store(context.Background(), late.failed...)
		}
		return l
	}},
	"reopens as nothing": {reopen: func(provision.Ledger) provision.Ledger { return nil }},
}

// onStale takes records in spite of their revisions, where those are all such.
func onStale(such func(provision.Record) bool) func(context.Context, *provision.Memory, []provision.Record, error) error {
	return func(ctx context.Context, m *provision.Memory, records []provision.Record, err error) error {
		if !errors.Is(err, provision.ErrStale) || slices.ContainsFunc(records, func(r provision.Record) bool { return !such(r) || revision(ctx, m, r) == 0 }) {
			return err
		}
		return again(ctx, m, records)
	}
}

// name makes any text a name.
func name(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	return cmp.Or(strings.ToValidUTF8(s[:min(len(s), 255)], ""), "none")
}

// sharing returns the same slice of records to every caller.
type sharing struct {
	provision.Ledger

	mu     sync.Mutex
	loaded map[string][]provision.Record
}

func (s *sharing) Store(ctx context.Context, records ...provision.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.loaded)
	return s.Ledger.Store(ctx, records...)
}

func (s *sharing) Load(ctx context.Context, key string) ([]provision.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if records, ok := s.loaded[key]; ok {
		return records, nil
	}
	records, err := s.Ledger.Load(ctx, key)
	s.loaded[key] = records
	return records, err
}

// joining takes records for one whose key and target, put together, are the same text.
type joining struct {
	provision.Ledger

	mu    sync.Mutex
	names map[string][2]string
}

func (j *joining) Store(ctx context.Context, records ...provision.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	records = slices.Clone(records)
	for i := range records {
		r := &records[i]
		if first, ok := j.names[r.Key+r.Target]; ok {
			r.Key, r.Target = first[0], first[1]
		} else {
			j.names[r.Key+r.Target] = [2]string{r.Key, r.Target}
		}
	}
	return j.Ledger.Store(ctx, records...)
}

// racing compares, lets others on, and then stores whatever was stored meanwhile.
type racing struct {
	provision.Ledger

	mu      sync.Mutex
	waiting int
	next    chan struct{}
}

func (r *racing) Store(ctx context.Context, records ...provision.Record) error {
	for _, record := range records {
		held, err := r.Load(ctx, record.Key)
		if err != nil {
			return err
		}
		at := int64(0)
		for _, h := range held {
			if h.Target == record.Target {
				at = h.Revision
			}
		}
		if at != record.Revision {
			return r.Ledger.Store(ctx, records...)
		}
	}
	// The second one to come lets the first one go.
	r.mu.Lock()
	if r.next == nil {
		r.next = make(chan struct{})
	}
	next := r.next
	if r.waiting++; r.waiting == 2 {
		close(next)
		r.waiting, r.next = 0, nil
	}
	r.mu.Unlock()
	select {
	case <-next:
	case <-time.After(50 * time.Millisecond):
	}
	if err := r.Ledger.Store(ctx, records...); !errors.Is(err, provision.ErrStale) {
		return err
	}
	return nil
}

// colliding fails, once for each key, with an error that asks to try again.
type colliding struct {
	provision.Ledger

	mu        sync.Mutex
	revisions map[string]int
}

func (c *colliding) Store(ctx context.Context, records ...provision.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range records {
		if c.revisions[r.Key]++; c.revisions[r.Key] == 100 {
			return provision.ErrStale
		}
	}
	return c.Ledger.Store(ctx, records...)
}

// losing has its last Store in memory alone.
type losing struct {
	provision.Ledger

	mu     sync.Mutex
	stores [][]provision.Record
}

func (l *losing) Store(ctx context.Context, records ...provision.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.Ledger.Store(ctx, records...)
	if err == nil {
		l.stores = append(l.stores, slices.Clone(records))
	}
	return err
}

func (l *losing) before() provision.Ledger {
	m := new(provision.Memory)
	for _, records := range l.stores[:max(len(l.stores)-1, 0)] {
		_ = m.Store(context.Background(), records...)
	}
	return m
}

// late keeps what it said was not stored.
type late struct {
	provision.Ledger

	mu     sync.Mutex
	failed []provision.Record
}

func (l *late) Store(ctx context.Context, records ...provision.Record) error {
	err := l.Ledger.Store(ctx, records...)
	if ctx.Err() != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed = append(l.failed, records...)
	}
	return err
}

// opening has every key open that it ever stored.
type opening struct {
	provision.Ledger

	mu   sync.Mutex
	keys map[string]bool
}

func (o *opening) Store(ctx context.Context, records ...provision.Record) error {
	err := o.Ledger.Store(ctx, records...)
	if err == nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, r := range records {
			o.keys[r.Key] = true
		}
	}
	return err
}

func (o *opening) ListOpen(_ context.Context, after string, limit int) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(o.keys)), func(key string) bool { return key <= after })
	return keys[:min(len(keys), max(limit, 1))], nil
}
