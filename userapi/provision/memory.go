package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/internal/table"
)

// Memory is a Ledger that ends with the process. It is for tests, and for programs that
// only need a result for every target. Its zero value is ready for use. It does not
// need [RequestKeys], because it makes a key of its own. It must not be copied.
type Memory struct {
	mu      sync.Mutex
	records table.Table[Record]
	secret  userapi.Secret
}

// String returns a fixed text.
func (m *Memory) String() string { return "ledger in memory" }

// Format writes String for every verb. It does not show the key.
func (m *Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue is like String.
func (m *Memory) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Load implements Ledger.
func (m *Memory) Load(_ context.Context, key string) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records.Load(key)), nil
}

// Store implements Storer.
func (m *Memory) Store(ctx context.Context, records ...Record) error {
	next, err := NextRevisions(records)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records.NameOf = nameOf
	if !m.records.Follows(next...) {
		return ErrStale
	}
	m.records.Put(next...)
	return nil
}

// ListOpen implements Ledger.
func (m *Memory) ListOpen(_ context.Context, after string, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records.Open(after, max(limit, 1)), nil
}

func nameOf(r Record) table.Name {
	return table.Name{Key: r.Key, Target: r.Target, Revision: r.Revision, Open: r.Open()}
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
