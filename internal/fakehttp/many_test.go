package fakehttp_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// BenchmarkCreate: a create takes as long beside 100,000 users as beside 1,000. heap-B/user is what the fake keeps
// of each.
func BenchmarkCreate(b *testing.B) {
	for _, v := range vendors.All() {
		if v.Package != v.Name {
			continue // the same fake
		}
		b.Run(v.Name, func(b *testing.B) {
			fake, err := v.Start(userapitest.ServerOptions{Unrecorded: true})
			require.NoError(b, err)
			b.Cleanup(fake.Close)
			client, err := v.New(userapi.HTTPOptions{BaseURL: fake.URL()})
			require.NoError(b, err)
			var last atomic.Int64
			create := func() error {
				_, err := client.CreateUser(b.Context(), v.OneStep(int(last.Add(1))))
				return err
			}
			empty := heap()
			for _, users := range []int64{1_000, 100_000} {
				fill(b, &last, users, create)
				b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
					perUser := float64(heap()-empty) / float64(fake.UserCount())
					for b.Loop() {
						if err := create(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(perUser, "heap-B/user")
				})
			}
		})
	}
}

// fill creates users, several at a time, until there are as many.
func fill(b *testing.B, last *atomic.Int64, users int64, create func() error) {
	b.Helper()
	var filling sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		filling.Go(func() {
			for last.Load() < users {
				if err := create(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	filling.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
