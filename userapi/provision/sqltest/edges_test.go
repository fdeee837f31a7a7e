//go:build unix

package sqltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// TestWaitingStoreWhateverTheDefaultIsolation has a Store wait for another one where the
// database's default level would make an error of the driver's of what is stale.
func TestWaitingStoreWhateverTheDefaultIsolation(t *testing.T) {
	t.Parallel()
	a := newApplication(t, newPostgres(t).with("default_transaction_isolation", "serializable"))
	require.NoError(t, a.Store(t.Context(), record("key", "a", 0)))
	tx := a.begin(t, nil)
	require.NoError(t, a.Tx(tx).Store(t.Context(), record("key", "a", 1)))
	stored := make(chan error, 1)
	go func() { stored <- a.Store(t.Context(), record("key", "a", 1)) }()
	a.waits(t)
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, <-stored, provision.ErrStale)
}
