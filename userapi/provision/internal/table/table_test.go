package table_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/internal/table"
)

type row struct {
	key, target string
	revision    int64
	open        bool
}

func newTable() *table.Table[row] {
	return &table.Table[row]{NameOf: func(r row) table.Name {
		return table.Name{Key: r.key, Target: r.target, Revision: r.revision, Open: r.open}
	}}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := newTable()
	assert.Empty(t, rows.Load("k"))
	assert.False(t, rows.Has("k"))
	assert.Empty(t, rows.Open("", 10))

	assert.True(t, rows.Follows(row{"k", "b", 1, true}, row{"k", "a", 1, true}))
	assert.False(t, rows.Follows(row{"k", "b", 1, true}, row{"k", "a", 2, true}))
	rows.Put(row{"k", "b", 1, true}, row{"k", "a", 1, true}, row{"j", "a", 1, false})
	assert.Equal(t, []row{{"k", "a", 1, true}, {"k", "b", 1, true}}, rows.Load("k"))
	assert.True(t, rows.Holds(row{"k", "b", 7, true}))
	assert.False(t, rows.Holds(row{"k", "c", 1, true}))
	assert.Equal(t, []string{"k"}, rows.Open("", 10))

	assert.False(t, rows.Follows(row{"k", "b", 1, false}))
	assert.True(t, rows.Follows(row{"k", "b", 2, false}))
	rows.Put(row{"k", "b", 2, false})
	assert.Equal(t, []string{"k"}, rows.Open("", 10), "its other record is open")
	rows.Put(row{"k", "a", 2, false})
	assert.Empty(t, rows.Open("", 10))
	assert.Len(t, slices.Collect(rows.All()), 2)

	rows.Clear()
	assert.False(t, rows.Has("k"))
}

// TestOpen compares the index with a search of everything, over keys that come and go by
// the thousand.
func TestOpen(t *testing.T) {
	t.Parallel()
	rows := newTable()
	random := rand.New(rand.NewPCG(1, 2))
	open := map[string]bool{}
	for i := range 40_000 {
		key := fmt.Sprintf("key-%05d", random.IntN(8000))
		opens := random.IntN(3) != 0
		if i > 30_000 {
			opens = false
		}
		rows.Put(row{key: key, target: "t", open: opens})
		if opens {
			open[key] = true
		} else {
			delete(open, key)
		}
		if i%500 != 0 {
			continue
		}
		want := slices.Sorted(maps.Keys(open))
		var got []string
		for after := ""; ; {
			page := rows.Open(after, 37)
			require.LessOrEqual(t, len(page), 37)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1]
		}
		require.Equal(t, want, got)
		after := fmt.Sprintf("key-%05d", random.IntN(8000))
		at, found := slices.BinarySearch(want, after)
		if found {
			at++
		}
		require.Equal(t, want[at:min(len(want), at+5)], append([]string{}, rows.Open(after, 5)...), "after %s", after)
	}
}

// BenchmarkOpen asks for a page of 100 keys among a million that are open. The floor walks
// and sorts all of them, as one does without an index.
func BenchmarkOpen(b *testing.B) {
	rows := newTable()
	keys := map[string]bool{}
	for i := range 1_000_000 {
		key := fmt.Sprintf("key-%07d", i*7919%1_000_000)
		rows.Put(row{key: key, target: "t", open: true})
		keys[key] = true
	}
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			if len(rows.Open("key-0500000", 100)) != 100 {
				b.Fatal("not a page")
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if len(slices.Sorted(maps.Keys(keys))) != 1_000_000 {
				b.Fatal("not all")
			}
		}
	})
}
