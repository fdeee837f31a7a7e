package fileledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// FuzzOpen opens what is not a ledger, or one of any frames.
func FuzzOpen(f *testing.F) {
	s := sampleFile(f, 2, 1, 3)
	f.Add(true, s.content)
	f.Add(true, s.content[:s.end()-5])
	f.Add(true, []byte{})
	f.Add(true, append(bytes.Clone(s.content), make([]byte, 100)...))
	f.Add(false, []byte("\x01{\"set\":[{\"key\":\"k\",\"target\":\"a\",\"rev\":1,\"state\":\"intent\",\"until\":9}]}\n\x00{\"set\":[{\"key\":\"k\",\"target\":\"a\",\"rev\":2,\"state\":\"queued\"}]}\n"))
	f.Add(false, []byte("\x02{\"live\":[{\"key\":\"k\",\"target\":\"a\",\"rev\":7,\"state\":\"created\"}]}\n\x03\n\x04x"))
	f.Fuzz(func(t *testing.T, raw bool, content []byte) {
		if !raw {
			content = frames(content)
		}
		if _, err := holding(t, content); err != nil {
			require.NotContains(t, err.Error(), `"`) // nothing of what stands in it
		}
	})
}

// frames makes a file of frames with good checksums: each line is a payload, behind a
// byte that says of which batch it is, and whether it belongs to what was compacted.
func frames(lines []byte) []byte {
	l := newLog(nil)
	l.whole, l.id = headSize, [8]byte{}
	batch := headSize
	var body []byte
	for line := range bytes.Lines(lines) {
		at := headSize + int64(len(body))
		if line[0]&1 == 0 {
			batch = at
		}
		body = l.appendFrame(body, at, batch, bytes.TrimSuffix(line[1:], []byte("\n")))
		if line[0]&2 != 0 {
			l.whole = headSize + int64(len(body))
		}
	}
	return append(l.headBytes(), body...)
}

// A history is what a ledger was asked to do, and what must be true of it.
type history struct {
	t     testing.TB
	disk  *memDisk
	file  *Ledger
	rand  *rand.Rand
	turns int
	// acked is what was stored for sure, by name, tried what may have been.
	acked map[string]provision.Record
	tried map[string][]provision.Record
	sets  [][]provision.Record // the Stores that may have been carried out
}

var (
	historyKeys    = []string{"j", "k", "l"}
	historyTargets = []string{"a", "b", "c"}
)

func newHistory(t testing.TB, seed uint64) *history {
	h := &history{t: t, disk: newMemDisk(), rand: rand.New(rand.NewPCG(seed, 1)), acked: map[string]provision.Record{}, tried: map[string][]provision.Record{}}
	h.open()
	return h
}

func (h *history) options() Option { return CompactAbove(int64(h.rand.IntN(3)) * 1000) }

// open opens the ledger, with a disk that has come to reason, and compares.
func (h *history) open() {
	h.t.Helper()
	f, err := openOn(h.disk, ledgerName, h.options())
	if err != nil && h.disk.fail != nil {
		h.disk.setFail(nil)
		f, err = openOn(h.disk, ledgerName, h.options())
	}
	require.NoError(h.t, err)
	h.file = f
	found := map[string]provision.Record{}
	for _, key := range historyKeys {
		for _, r := range loadAll(h.t, f, key) {
			found[r.Key+r.Target] = r
			require.Contains(h.t, append(h.tried[r.Key+r.Target], h.acked[r.Key+r.Target]), r)
		}
	}
	for name, r := range h.acked {
		require.GreaterOrEqual(h.t, found[name].Revision, r.Revision, "lost: %s", name)
		if found[name].Revision == r.Revision {
			require.Equal(h.t, r, found[name])
		}
	}
	for _, set := range h.sets {
		stored := 0
		for _, r := range set {
			if found[r.Key+r.Target].Revision >= r.Revision {
				stored++
			}
		}
		require.Contains(h.t, []int{0, len(set)}, stored, "a part of a Store")
	}
	h.acked, h.tried, h.sets = found, map[string][]provision.Record{}, nil
}

// set makes records that follow what was queued last.
func (h *history) set(latest map[string]provision.Record) []provision.Record {
	h.turns++
	var set []provision.Record
	for _, key := range historyKeys {
		for _, target := range historyTargets {
			if h.rand.IntN(4) > 0 {
				continue
			}
			r := small(key, target)
			r.Revision = latest[key+target].Revision
			r.Owner = fmt.Sprint("turn ", h.turns)
			set = append(set, r)
		}
	}
	return set
}

// store stores several sets in one batch, each of which may follow another.
func (h *history) store(sets int) {
	latest := map[string]provision.Record{}
	for name, r := range h.acked {
		latest[name] = r
	}
	var batch [][]provision.Record
	for range sets {
		set := h.set(latest)
		if len(set) == 0 {
			continue
		}
		batch = append(batch, set)
		if h.rand.IntN(3) > 0 {
			for _, r := range set {
				r.Revision++
				latest[r.Key+r.Target] = r
			}
		}
	}
	errs, in := queued(h.t, h.file, batch...)
	for i, err := range errs {
		next, e := provision.NextRevisions(batch[i])
		require.NoError(h.t, e)
		switch {
		case err == nil:
			for _, r := range next {
				h.acked[r.Key+r.Target] = r
			}
		case in[i]:
			h.sets = append(h.sets, next)
			for _, r := range next {
				h.tried[r.Key+r.Target] = append(h.tried[r.Key+r.Target], r)
			}
		}
	}
}

var historyOps = []string{"write", "sync", "sync", "truncate", "syncdir", "rename", "create", "scratch write", "scratch sync"}

// FuzzCrash runs a random history of batches, compactions, faults and crashes. Of
// what a crash finds not synced any part is lost. What was promised is there.
func FuzzCrash(f *testing.F) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		script := make([]byte, 60)
		for i := range script {
			script[i] = byte(r.IntN(256))
		}
		f.Add(seed, script)
	}
	f.Fuzz(func(t *testing.T, seed uint64, script []byte) {
		h := newHistory(t, seed)
		for _, op := range script[:min(len(script), 80)] {
			switch op % 16 {
			case 0:
				_ = h.file.Compact(t.Context()) // whether it succeeds makes no difference
			case 1:
				_ = h.file.Close() // it may have failed before
				h.open()
			case 2, 3:
				h.disk = h.disk.crash(h.rand)
				h.open()
			case 4:
				h.disk.failAt(historyOps[h.rand.IntN(len(historyOps))], h.rand.IntN(4), errDisk)
			case 5: // during a batch: nobody hears of it
				h.disk.failAt([]string{"write", "sync"}[h.rand.IntN(2)], 0, errDisk)
				h.store(1 + h.rand.IntN(4))
				h.disk = h.disk.crash(h.rand)
				h.open()
			default:
				h.store(1 + int(op>>4)%4)
			}
		}
		h.disk = h.disk.crash(h.rand)
		h.open()
	})
}
