package ledgertest_test

import (
	"path/filepath"
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
)

// An opened is a ledger with the path of its file.
type opened struct {
	*fileledger.Ledger

	path string
}

func openAt(t testing.TB, path string) provision.Ledger {
	t.Helper()
	l, err := fileledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return opened{l, path}
}

// The conformance test of a ledger is one call. Leave out Reopen if the ledger ends with its process.
func ExampleRun() {
	_ = func(t *testing.T) { // TestConformance
		ledgertest.Run(t, ledgertest.Harness{
			New: func(t testing.TB) provision.Ledger { return openAt(t, filepath.Join(t.TempDir(), "ledger")) },
			Reopen: func(t testing.TB, l provision.Ledger) provision.Ledger {
				ended, _ := l.(opened)
				if err := ended.Close(); err != nil {
					t.Fatal(err)
				}
				return openAt(t, ended.path)
			},
		})
	}
}
