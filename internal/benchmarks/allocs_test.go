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

// The bounds are how many times the allocations of the plain tools a client may make.
const (
	besideResty = 1.3
	besideRaw   = 2.2
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
		assert.LessOrEqual(t, own, besideResty*count["resty"], "%s beside resty: %v", b.Name, count)
		assert.LessOrEqual(t, own, besideRaw*count["raw"], "%s beside net/http: %v", b.Name, count)
	}
}
