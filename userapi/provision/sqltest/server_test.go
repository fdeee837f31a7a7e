//go:build unix

package sqltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/pgserver"
)

func TestMain(m *testing.M) { pgserver.Main(m) }

// postgresDSN returns the server that tests share.
func postgresDSN(t testing.TB) string {
	t.Helper()
	dsn, err := pgserver.DSN()
	require.NoError(t, err)
	return dsn
}
