//go:build unix

package sqltest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
)

// TestConformanceOfGroup has Group merge the Stores of each ledger.
func TestConformanceOfGroup(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := harness(kind, nil)
			var inner sync.Map
			group := func(l provision.Ledger) provision.Ledger {
				g := provision.Group(l)
				inner.Store(g, l)
				return g
			}
			ledgertest.Run(t, ledgertest.Harness{
				New: func(t testing.TB) provision.Ledger { return group(plain.New(t)) },
				Reopen: func(t testing.TB, g provision.Ledger) provision.Ledger {
					l, found := inner.Load(g)
					require.True(t, found)
					return group(plain.Reopen(t, l.(provision.Ledger)))
				},
			})
		})
	}
}
