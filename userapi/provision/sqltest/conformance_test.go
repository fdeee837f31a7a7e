//go:build unix

package sqltest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/ledgertest"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// harness brings ledgers on databases that prepare has had first.
func harness(kind func(testing.TB) database, prepare func(testing.TB, *database)) ledgertest.Harness {
	return ledgertest.Harness{
		New: func(t testing.TB) provision.Ledger {
			d := kind(t)
			if prepare != nil {
				prepare(t, &d)
			}
			l, _ := d.ledger(t)
			opened.Store(l, d)
			return l
		},
		Reopen: func(t testing.TB, l provision.Ledger) provision.Ledger {
			d, ok := opened.Load(l)
			require.True(t, ok)
			again, _ := d.(database).ledger(t)
			opened.Store(again, d)
			return again
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledgertest.Run(t, harness(kind, nil))
		})
	}
}

// TestConformanceOfOneConnection finds a call that holds one while it wants another.
func TestConformanceOfOneConnection(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledgertest.Run(t, harness(kind, func(_ testing.TB, d *database) { d.conns = 1 }))
		})
	}
}

// TestConformanceOfOwnTable has a table that was made by hand, without the clause that
// has names ordered by their bytes.
func TestConformanceOfOwnTable(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, harness(newPostgres, func(t testing.TB, d *database) {
		db := d.open(t)
		// A language's order, also where the database has none.
		const language = `COLLATE "en-x-icu"`
		schema, err := sqlledger.Schema(d.dialect, d.table)
		require.NoError(t, err)
		own := strings.ReplaceAll(schema, `COLLATE "C"`, language)
		require.Contains(t, own, language)
		for statement := range strings.SplitSeq(own, ";") {
			must(t, db, statement)
		}
		var bytewise bool
		require.NoError(t, db.QueryRow(`SELECT 'a' `+language+` > 'B'`).Scan(&bytewise))
		require.False(t, bytewise, "it orders by bytes, so this test would prove nothing")
	}))
}

// TestLocale says by which order the shared server's own texts are, so that a run shows
// whether it was another one than the ledger's.
func TestLocale(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	db := d.open(t)
	var linguistic bool
	require.NoError(t, db.QueryRow(`SELECT 'a' < 'B'`).Scan(&linguistic))
	t.Logf("texts are in the order of a language: %v", linguistic)
}
