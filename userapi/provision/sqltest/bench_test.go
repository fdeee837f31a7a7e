//go:build unix

package sqltest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi/provision"
)

// BenchmarkSQLStore measures Stores of two records, an insert and then updates, as they are
// and under Group.
func BenchmarkSQLStore(b *testing.B) {
	for name, kind := range kinds {
		for _, writers := range []int{1, 8, 64} {
			for _, grouped := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/writers=%d/group=%t", strings.ReplaceAll(name, "/", "-"), writers, grouped), func(b *testing.B) {
					sql, db := kind(b).ledger(b)
					db.SetMaxIdleConns(8)
					var l provision.Ledger = sql
					if grouped {
						l = provision.Group(l)
					}
					benchmark(b, l, writers)
				})
			}
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
