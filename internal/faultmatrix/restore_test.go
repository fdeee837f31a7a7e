package faultmatrix_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestLostLedger: a sign-up that the vendors have and the ledger does not, as after an older
// backup came back, is begun again. Where the vendor holds something to be unique nobody is
// doubled, and what is said of the user is not that there is none.
func TestLostLedger(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		if len(v.Unique) == 0 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			fake, err := v.Start(userapitest.ServerOptions{})
			require.NoError(t, err)
			t.Cleanup(fake.Close)
			c, err := v.New(userapi.HTTPOptions{BaseURL: fake.URL()})
			require.NoError(t, err)
			req := v.Request(1)
			req.IdempotencyKey = "sign-up 1"
			for range 2 {
				p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "it", Creator: c}})
				require.NoError(t, err)
				results, err := p.CreateUser(t.Context(), req)
				if err != nil {
					require.ErrorIs(t, err, userapi.ErrConflict)
					assert.Equal(t, provision.DispositionRejected, results[0].Disposition)
				}
				assert.Equal(t, 1, fake.UserCount())
			}
		})
	}
}
