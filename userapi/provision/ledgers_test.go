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

// itself returns the ledger, where other tests use provision.Group.
func itself(l provision.Ledger) provision.Ledger { return l }

func TestMemory(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(provision.Ledger) provision.Ledger{"itself": itself, "Group": provision.Group} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledgertest.Run(t, ledgertest.Harness{
				New: func(testing.TB) provision.Ledger { return wrap(new(provision.Memory)) },
			})
		})
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	type opened struct {
		file *fileledger.Ledger
		path string
	}
	for name, wrap := range map[string]func(provision.Ledger) provision.Ledger{"itself": itself, "Group": provision.Group} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files sync.Map
			open := func(t testing.TB, path string) provision.Ledger {
				f, err := fileledger.Open(path)
				require.NoError(t, err)
				t.Cleanup(func() { assert.NoError(t, f.Close()) })
				l := wrap(f)
				files.Store(l, opened{f, path})
				return l
			}
			ledgertest.Run(t, ledgertest.Harness{
				New: func(t testing.TB) provision.Ledger { return open(t, filepath.Join(t.TempDir(), "ledger")) },
				Reopen: func(t testing.TB, l provision.Ledger) provision.Ledger {
					v, _ := files.Load(l)
					o := v.(opened)
					require.NoError(t, o.file.Close())
					return open(t, o.path)
				},
			})
		})
	}
}
