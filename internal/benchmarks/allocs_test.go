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

// TestAllocations bounds what a client adds to the plain tools.
func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun must run alone
	for _, v := range vendors {
		ways := v.ways(t, &canned{[]byte(v.reply)}, host)
		count := map[string]float64{}
		for way, create := range ways {
			require.NoError(t, create(), v.name+" "+way)
			count[way] = testing.AllocsPerRun(200, func() { _ = create() })
		}
		own := count["enlist"]
		if v.name == "mixin" {
			own -= signing
		}
		assert.LessOrEqual(t, own, 1.3*count["resty"], "%s beside resty: %v", v.name, count)
		assert.LessOrEqual(t, own, 2.2*count["raw"], "%s beside net/http: %v", v.name, count)
	}
}
