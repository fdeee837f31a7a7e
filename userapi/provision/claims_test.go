package provision_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// TestStoresOfASignUp: one Store has a target's result and the claims of the targets that waited
// for it. So the sign-up needs three Stores.
func TestStoresOfASignUp(t *testing.T) {
	t.Parallel()
	for name, stale := range map[string]bool{"in one": false, "not in one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var stores []string
			ledger := &faulty{Ledger: new(provision.Memory)}
			ledger.store = func(records []provision.Record) error {
				what := ""
				for _, r := range records {
					what += " " + r.Target + " " + string(r.State)
				}
				mu.Lock()
				defer mu.Unlock()
				stores = append(stores, what)
				if stale && len(stores) == 2 {
					return provision.ErrStale
				}
				return nil
			}
			idp, chat, crm, late := newVendor("idp"), newVendor("chat"), newVendor("crm"), newVendor("late")
			p := provisioner(t, ledger, []provision.Target{
				{Name: "idp", Creator: full{idp}},
				{Name: "chat", Creator: full{chat}, After: []string{"idp"}},
				{Name: "crm", Creator: full{crm}, After: []string{"idp"}},
				{Name: "late", Creator: full{late}, After: []string{"chat", "crm"}},
			}, testKey)
			results, err := p.CreateUser(t.Context(), ann)
			require.NoError(t, err)
			assert.Equal(t, "idp created, chat created, crm created, late created", dispositions(results))
			for _, v := range []*vendor{idp, chat, crm, late} {
				assert.Len(t, v.calls(), 1)
			}
			assert.Equal(t, []string{" idp intent chat queued crm queued late queued", " idp created chat intent crm intent"}, stores[:2])
			if stale {
				assert.Equal(t, " idp created", stores[2])
				assert.Subset(t, stores[3:], []string{" chat intent", " crm intent"})
				return
			}
			// Two targets run concurrently. The first one to end has nothing to claim. The last one
			// may see the other's user or not.
			assert.Contains(t, strings.Join(stores[2:4], ","), " chat created")
			assert.Equal(t, " late created", stores[len(stores)-1])
		})
	}
}
