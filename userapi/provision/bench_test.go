package provision_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// BenchmarkResumes resumes sign-ups that stay open because their vendor is down. It reports the
// peak of the heap above its size at the end: with Resumes, which keeps nothing, and with Resume,
// which collects the results.
func BenchmarkResumes(b *testing.B) {
	down := userapi.CreatorFunc(func(context.Context, userapi.CreateUserRequest) (*userapi.User, error) {
		return nil, &userapi.Error{Provider: "acme", Op: "create user", Subject: userapi.SubjectUser, Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent}
	})
	load := func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
		return userapi.CreateUserRequest{IdempotencyKey: key, Email: "ann@example.com"}, nil
	}
	for _, n := range []int{4_000, 40_000} {
		for _, collects := range []bool{false, true} {
			name := "Resumes"
			if collects {
				name = "Resume"
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				var most float64
				for range b.N {
					b.StopTimer()
					p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "t", Creator: down}}, testKey, provision.Pause(0, time.Minute))
					require.NoError(b, err)
					for i := range n {
						require.NoError(b, p.Queue(b.Context(), nil, userapi.CreateUserRequest{IdempotencyKey: fmt.Sprintf("key-%07d", i), Email: "ann@example.com"}))
					}
					for range p.Resumes(b.Context(), load) { // the records grow once
					}
					b.StartTimer()
					var held float64
					seen := 0
					if collects {
						all, _ := p.Resume(b.Context(), load)
						seen, held = len(all), heap()
						runtime.KeepAlive(all)
					} else {
						for r, err := range p.Resumes(b.Context(), load) {
							if err != nil || r.Results == nil {
								b.Fatal("it was not reached", err)
							}
							if seen++; seen%(n/4) == 0 {
								held = max(held, heap())
							}
						}
					}
					b.StopTimer()
					most = max(most, held-heap())
					runtime.KeepAlive(p)
					b.StartTimer()
					if seen != n {
						b.Fatal("not all")
					}
				}
				b.ReportMetric(most/1e6, "MB-held")
			})
		}
	}
}

// heap returns the used bytes.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what finalizers have released
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
