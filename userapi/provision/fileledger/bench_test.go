package fileledger

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// benchRecord is of a usual size.
func benchRecord(key string) provision.Record {
	now := time.Now().UTC()
	return provision.Record{
		Key: key, Target: "quickblox", State: provision.StateInFlight, Provider: "quickblox",
		Request: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Sent:    "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
		Owner:   "4KQ7T2VZ3MBWYX5H6NRJDLCF8A", Until: now.Add(time.Minute), Started: now, Changed: now,
	}
}

// BenchmarkStore stores one record a time, by one writer and by many at once.
func BenchmarkStore(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			d := &countingDisk{}
			f, err := openOn(d, filepath.Join(b.TempDir(), ledgerName))
			require.NoError(b, err)
			d.syncs.Store(0)
			var left atomic.Int64
			left.Store(int64(b.N))
			var group sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				group.Go(func() {
					r := benchRecord(fmt.Sprintf("sign-up-%06d", w))
					for left.Add(-1) >= 0 {
						if err := f.Store(b.Context(), r); err != nil {
							b.Error(err)
							return
						}
						r.Revision++
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(float64(b.N)/float64(d.syncs.Load()), "commits/fsync")
			require.NoError(b, f.Close())
		})
	}
}

// BenchmarkWriteFsync is the floor: a write of the same size, and an fsync.
func BenchmarkWriteFsync(b *testing.B) {
	records, err := provision.NextRevisions([]provision.Record{benchRecord("sign-up-000000")})
	require.NoError(b, err)
	payload, err := encode(records, false)
	require.NoError(b, err)
	frame := newLog(nil).appendFrame(nil, headSize, headSize, payload)
	file, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	require.NoError(b, err)
	b.ResetTimer()
	for range b.N {
		if _, err := file.Write(frame); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	require.NoError(b, file.Close())
}

// BenchmarkOpen opens a ledger of a hundred thousand records, and reports what it then holds
// in memory. The floor reads the file.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), ledgerName)
	f, err := Open(path)
	require.NoError(b, err)
	const records, each = 100_000, 1000
	for n := 0; n < records; n += each {
		var some []provision.Record
		for i := range each {
			some = append(some, benchRecord(fmt.Sprintf("sign-up-%06d", n+i)))
		}
		require.NoError(b, f.Store(b.Context(), some...))
	}
	require.NoError(b, f.Compact(b.Context()))
	require.NoError(b, f.Close())
	b.Run("ledger", func(b *testing.B) {
		before := heap()
		for i := range b.N {
			f, err := Open(path)
			require.NoError(b, err)
			if i == b.N-1 {
				b.StopTimer()
				b.ReportMetric((heap()-before)/records, "B/record")
				b.StartTimer()
			}
			require.NoError(b, f.Close())
		}
	})
	b.Run("floor", func(b *testing.B) {
		for range b.N {
			_, err := os.ReadFile(path)
			require.NoError(b, err)
		}
	})
}

// heap returns the bytes that are in use.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// countingDisk counts the fsyncs of files.
type countingDisk struct {
	osDisk
	syncs atomic.Int64
}

func (d *countingDisk) open(path string) (diskFile, error) {
	f, err := d.osDisk.open(path)
	return countingFile{f, &d.syncs}, err
}

func (d *countingDisk) create(path string) (diskFile, error) {
	f, err := d.osDisk.create(path)
	return countingFile{f, &d.syncs}, err
}

type countingFile struct {
	diskFile
	syncs *atomic.Int64
}

func (f countingFile) Sync() error {
	f.syncs.Add(1)
	return f.diskFile.Sync()
}
