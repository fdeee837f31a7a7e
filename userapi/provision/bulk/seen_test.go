package bulk

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSeen: a value is found with its first line, only at its own target and field. The table needs
// about 16 bytes for each.
func TestSeen(t *testing.T) {
	t.Parallel()
	const values = 300_000
	d, s := digester{key: newKey()}, new(seen)
	for i := range int64(values) {
		line, twice := s.add(d.of("crm", "email", fmt.Sprint(i)), i+1)
		require.False(t, twice)
		require.Zero(t, line)
	}
	for i := range int64(values) {
		line, twice := s.add(d.of("crm", "email", fmt.Sprint(i)), 7)
		require.True(t, twice)
		require.Equal(t, i+1, line)
	}
	size := 0
	for i := range s.shards {
		size += 16 * len(s.shards[i].slots)
	}
	assert.Less(t, float64(size)/values, 19.0)
	for _, other := range []digest{d.of("crm", "username", "1"), d.of("chat", "email", "1"), d.of("crme", "mail", "1"), d.of("crm", "email1", "")} {
		_, twice := s.add(other, 1)
		assert.False(t, twice)
	}
	line, _ := s.add(d.of("crm", "email", "last"), 1<<40-1)
	assert.Zero(t, line)
	line, _ = s.add(d.of("crm", "email", "last"), 1)
	assert.EqualValues(t, 1<<40-1, line)
	first, second := newKey(), newKey()
	assert.NotEqual(t, first, second)
}

// Digests are distinct if they are near each other, at the end of a shard, or differ only in the
// last bits.
func TestSeenCloseDigests(t *testing.T) {
	t.Parallel()
	var s shard
	const values = 100
	for _, again := range []bool{false, true} {
		for i := range uint64(values) {
			for _, e := range []sighting{{math.MaxUint64 - i, i + 1}, {math.MaxUint64 - i, 1<<lineBits | (i + 2)}, {i + 1, i + 3}} {
				line, twice := s.add(e)
				assert.Equal(t, again, twice)
				if again {
					assert.Equal(t, int64(e.low&lineMask), line)
				}
			}
		}
	}
	assert.Equal(t, 3*values, s.n)
}
