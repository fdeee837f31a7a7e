package fileledger

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestOpensVersion1: a file that the first version wrote is opened as it is. It holds a
// record in each state and of each member, was compacted, and then stored in once more.
func TestOpensVersion1(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "version1.ledger"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ledger")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	f := openReal(t, path)

	at := time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)
	for i, state := range []provision.State{
		provision.StateCreated, provision.StateInFlight, provision.StateUnknown, provision.StateNotSent, provision.StateRejected,
		provision.StateCreated, provision.StateRecovered, provision.StateExisting, provision.StateDeleting, provision.StateUndone,
	} {
		want := provision.Record{
			Key: fmt.Sprintf("sign-up-%d", i/3), Target: fmt.Sprintf("target-%d", i), State: state, Revision: 1 + int64(1-i%2),
			Kind: userapi.Kind(i), Provider: "fusionauth", UserID: fmt.Sprintf("06aed1e3-bd77-4a59-991a-5bb5ae6fbb%02d", i), Proof: userapi.Proof(i % 5),
			Unfinished: i == 5, Decided: i == 6, Lost: i == 2, Closed: i >= 8,
			Request: "1.aa", Sent: "1.bb", Owner: "run",
			Started: at.Add(time.Duration(i) * time.Second), Changed: at.Add(time.Duration(i) * time.Minute),
		}
		if i == 0 {
			want.Revision++
		}
		records := loadAll(t, f, want.Key)
		assert.Equal(t, want, records[i%3], i)
	}
	open, err := f.ListOpen(t.Context(), "", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"sign-up-0", "sign-up-1", "sign-up-2"}, open)
}
