package provision_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, ledgertest.Harness{
		New: func(testing.TB) provision.Ledger { return new(provision.Memory) },
	})
}

func TestFile(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths := map[provision.Ledger]string{}
	open := func(t testing.TB, path string) provision.Ledger {
		f, err := fileledger.Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, f.Close()) })
		mu.Lock()
		defer mu.Unlock()
		paths[f] = path
		return f
	}
	ledgertest.Run(t, ledgertest.Harness{
		New: func(t testing.TB) provision.Ledger { return open(t, filepath.Join(t.TempDir(), "ledger")) },
		Reopen: func(t testing.TB, l provision.Ledger) provision.Ledger {
			require.NoError(t, l.(*fileledger.Ledger).Close())
			mu.Lock()
			path := paths[l]
			mu.Unlock()
			return open(t, path)
		},
	})
}
