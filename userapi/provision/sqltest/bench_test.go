//go:build unix

package sqltest

import (
	"strconv"
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
)

// BenchmarkSQLStore measures Stores of two records: an insert, and then updates.
func BenchmarkSQLStore(b *testing.B) {
	for name, kind := range kinds {
		for _, writers := range []int{1, 8} {
			b.Run(name+"/"+strconv.Itoa(writers), func(b *testing.B) {
				l, db := kind(b).ledger(b)
				db.SetMaxIdleConns(writers)
				benchmark(b, l, writers)
			})
		}
	}
}

func benchmark(b *testing.B, l provision.Ledger, writers int) {
	b.Helper()
	b.ReportAllocs()
	turns := make(chan struct{}, writers)
	errs := make(chan error, writers)
	for i := range writers {
		go func() {
			key, revision := strconv.Itoa(i), int64(0)
			var failed error
			for range turns {
				if failed == nil {
					failed = l.Store(b.Context(), record(key, "a", revision), record(key, "b", revision))
					revision++
				}
			}
			errs <- failed
		}()
	}
	b.ResetTimer()
	for range b.N {
		turns <- struct{}{}
	}
	close(turns)
	for range writers {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
