package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/enlist-go/enlist/userapi"
)

// Memory is a Ledger that ends with the process: for tests, and for programs that
// only want a result for every target. Its zero value is ready for use. It alone needs
// no [RequestKeys]: it makes a key of its own. It must not be copied.
type Memory struct {
	mu      sync.Mutex
	records map[string][]Record // by key, each by target
	secret  userapi.Secret
}

// String says that it is a ledger, and no more.
func (m *Memory) String() string { return "ledger in memory" }

// Format writes String for every verb: there is a key below.
func (m *Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue is like String.
func (m *Memory) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Load implements Ledger.
func (m *Memory) Load(_ context.Context, key string) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records[key]), nil
}

// Store implements Storer.
func (m *Memory) Store(ctx context.Context, records ...Record) error {
	next, err := checked(records)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !current(m.records, next) {
		return ErrStale
	}
	if m.records == nil {
		m.records = map[string][]Record{}
	}
	apply(m.records, next)
	return nil
}

// Open implements Ledger.
func (m *Memory) Open(_ context.Context, after string, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return openKeys(m.records, after, limit), nil
}

// requestKey returns a key for fingerprints, which lives as long as they do.
func (m *Memory) requestKey() userapi.Secret {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secret == "" {
		m.secret = userapi.Secret(rand.Text())
	}
	return m.secret
}

// current reports whether each of the records follows the one that is held.
func current(held map[string][]Record, next []Record) bool {
	for _, r := range next {
		revision := int64(0)
		if i, found := place(held[r.Key], r.Target); found {
			revision = held[r.Key][i].Revision
		}
		if r.Revision != revision+1 {
			return false
		}
	}
	return true
}

// apply puts records in the place of those with their names.
func apply(held map[string][]Record, next []Record) {
	for _, r := range next {
		of := held[r.Key]
		if i, found := place(of, r.Target); found {
			of[i] = r
		} else {
			held[r.Key] = slices.Insert(of, i, r)
		}
	}
}

func place(records []Record, target string) (i int, found bool) {
	return slices.BinarySearchFunc(records, target, func(r Record, target string) int { return strings.Compare(r.Target, target) })
}

// openKeys returns the keys after the given one with an open record, limit at most.
func openKeys(held map[string][]Record, after string, limit int) []string {
	var keys []string
	for key, records := range held {
		if key > after && slices.ContainsFunc(records, Record.Open) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), max(limit, 1))]
}
