//go:build !race

// The race detector makes sync.Pool forget at random, and with it the allocations
// that are counted here.

package benchmarks_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signing is what one EdDSA token costs at Mixin, counted apart: see BenchmarkSign
// in package mixin, which reports it, and TestSignAllocs, which bounds it.
const signing = 23

// A bound is how many times the allocations of the plain tools a client may make.
type bound struct{ resty, raw float64 }

var (
	usual = bound{resty: 1.3, raw: 2.2}
	// unusual are the bounds of what does not hold the usual ones yet: User.com's replies
	// are decoded a second time when they have members that are not documented.
	unusual = map[string]bound{"usercom": {3.9, 4.8}, "usercom-v2": {3.7, 4.6}}
)

// TestAllocations bounds what a client that gets a real reply adds to the plain tools
// that get a documented one.
func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun must run alone
	for _, b := range benches(t) {
		count := map[string]float64{}
		for way, create := range b.ways(t) {
			require.NoError(t, create(), b.Name+" "+way)
			count[way] = testing.AllocsPerRun(200, func() { _ = create() })
		}
		own := count["enlist"]
		if b.sign != nil {
			own -= signing
		}
		t.Logf("%s: %v; %.2f of resty, %.2f of raw", b.Name, count, own/count["resty"], own/count["raw"])
		most, ok := unusual[b.Name]
		if !ok {
			most = usual
		}
		assert.LessOrEqual(t, own, most.resty*count["resty"], "%s beside resty: %v", b.Name, count)
		assert.LessOrEqual(t, own, most.raw*count["raw"], "%s beside net/http: %v", b.Name, count)
	}
}
