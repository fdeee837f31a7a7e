// Package crashtest holds the promise of userapi/provision against kill -9: a process
// that provisions sign-ups at all vendors, on a ledger in a file, is killed again
// and again in the middle of its work, while the vendors fail at random. The vendors'
// fakes outlive it and hold the truth. At the end each record of the ledger, and each
// result that the process was given, is compared with what the vendors have. See
// TestKilled.
package crashtest_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README quotes these.
const (
	defaultKills   = 300
	defaultSignUps = 400
)

var (
	seed    = flag.Uint64("seed", 0, "begin the random numbers of the kills and faults with this; 0 draws one")
	kills   = flag.Int("kills", defaultKills, "kill so often")
	signUps = flag.Int("signups", defaultSignUps, "provision so many sign-ups")
)

// TestKilled kills a process that provisions, and fails if a user was doubled or lost,
// or if anything that was said of one is false.
func TestKilled(t *testing.T) {
	t.Parallel()
	r := crash(t, *kills, *signUps)
	v := r.judge(t)
	v.checkSecrets(t, r)
	for _, fault := range v.faults {
		t.Error(fault)
	}
	t.Log(v.stable(r))
	t.Log(v.varying(r))
	if *kills == defaultKills && *signUps == defaultSignUps {
		readme, err := os.ReadFile("../../README.md")
		require.NoError(t, err)
		assert.True(t, strings.Contains(string(readme), v.stable(r)), "the README does not say: %s", v.stable(r))
	}
	assert.Equal(t, *kills, r.kills)
	assert.GreaterOrEqual(t, 2*r.inWork, r.kills, "too many kills hit a process that had nothing to do")
	assert.Greater(t, r.faults(), r.kills/2, "too few faults")
	assert.Positive(t, v.undone, "nothing was undone")
}

// TestTellsNobody looks for what was planted in every request, and for every secret, in
// what a shorter run leaves and prints.
func TestTellsNobody(t *testing.T) {
	t.Parallel()
	r := crash(t, 20, 30)
	v := r.judge(t)
	require.Empty(t, v.faults)
	v.checkSecrets(t, r)
}

// draw returns the seed of a run, and prints it.
func draw(t *testing.T) uint64 {
	t.Helper()
	n := *seed
	for n == 0 {
		n = rand.Uint64()
	}
	t.Logf("-seed %d", n)
	return n
}

// limit is when a process that is neither done nor killed hangs.
const limit = 60 * time.Second
