package fileledger

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// errFull is what a full disk says.
var errFull = errors.New("no space left")

func isCorrupt(err error) bool { return errors.Is(err, ErrCorrupt) }

// failAt has the n-th operation of a kind fail, and all later ones; 0 is the first.
func (d *memDisk) failAt(kind string, n int, err error) {
	d.setFail(func(op string) error {
		if op != kind {
			return nil
		}
		if n--; n >= 0 {
			return nil
		}
		return err
	})
}

// TestPoisoned: after a write or an fsync that failed nothing is taken, what is
// durable is shown, and opening again heals.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op       string
		err      error
		survives bool
	}{
		"no space":      {"write", errFull, false},
		"a short write": {"write", io.ErrShortWrite, false},
		"an fsync":      {"sync", syscall.EIO, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newMemDisk()
			f := openMem(t, d)
			require.NoError(t, f.Store(t.Context(), at("k", "a", 0)))
			d.failAt(test.op, 0, test.err)
			for i, err := range together(t, f, []provision.Record{at("k", "a", 1)}, []provision.Record{at("k", "b", 0)}, []provision.Record{at("k", "b", 0)}) {
				require.ErrorIs(t, err, test.err, i)
				require.NotErrorIs(t, err, provision.ErrStale, "nothing is known")
				require.ErrorContains(t, err, "must be opened again")
			}
			d.setFail(nil)
			require.ErrorIs(t, f.Store(t.Context(), at("k", "c", 0)), test.err)
			require.ErrorIs(t, f.Compact(t.Context()), test.err)
			assert.Len(t, loadAll(t, f, "k"), 1)
			assert.Equal(t, int64(1), loadAll(t, f, "k")[0].Revision)
			require.NoError(t, f.Close())

			f = openMem(t, d)
			shown := loadAll(t, f, "k")
			assert.Equal(t, test.survives, len(shown) == 2)
			require.NoError(t, f.Store(t.Context(), at("k", "c", 0)))
			// What was shown is on the disk, although the system takes what an fsync could
			// not write for written.
			for seed := range uint64(50) {
				after := openMem(t, d.crash(rand.New(rand.NewPCG(seed, 0))))
				assert.Equal(t, append(shown[:len(shown):len(shown)], loadAll(t, f, "k")[len(shown)]), loadAll(t, after, "k"))
			}
		})
	}
}

// TestMadeAgain: the head of a file whose first fsync failed is written again.
func TestMadeAgain(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	d.failAt("sync", 0, errDisk)
	_, err := openOn(d, ledgerName)
	require.ErrorIs(t, err, errDisk)
	d.setFail(nil)
	f := openMem(t, d)
	require.NoError(t, f.Store(t.Context(), at("k", "a", 0)))
	for seed := range uint64(50) {
		require.Len(t, loadAll(t, openMem(t, d.crash(rand.New(rand.NewPCG(seed, 0)))), "k"), 1)
	}
}

// TestWithoutMark: a mark that cannot be written fails nothing.
func TestWithoutMark(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	d.failAt("write", 1, errDisk)
	require.NoError(t, f.Store(t.Context(), at("k", "a", 0)))
	d.setFail(nil)
	require.NoError(t, f.Store(t.Context(), at("k", "a", 1)))
	require.NoError(t, f.Close())
	assert.Equal(t, int64(2), loadAll(t, openMem(t, d), "k")[0].Revision)
}

// TestCompactionFails at each step: nothing is lost, and Stores go on unless it is
// not known which file a crash would leave.
func TestCompactionFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err     error
		poisons bool
	}{
		"create":        {errFull, false},
		"scratch write": {errFull, false},
		"scratch sync":  {syscall.EIO, false},
		"rename":        {syscall.EACCES, false},
		"rename, done":  {errHalfDone, true},
		"syncdir":       {syscall.EIO, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op, _, _ := strings.Cut(name, ",")
			d := newMemDisk()
			f := openMem(t, d, CompactAbove(0))
			require.NoError(t, f.Store(t.Context(), at("k", "a", 0), at("k", "b", 0)))
			d.failAt(op, 0, test.err)
			err := f.Compact(t.Context())
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, test.poisons, strings.Contains(err.Error(), "must be opened again"), err)
			assert.Len(t, loadAll(t, f, "k"), 2)
			for revision := range int64(20) { // it is tried again by itself
				err := f.Store(t.Context(), at("k", "a", revision+1))
				if test.poisons {
					require.ErrorIs(t, err, test.err)
				} else {
					require.NoError(t, err)
				}
			}
			assert.Nil(t, d.content(f.scratch()))
			if !test.poisons {
				length := f.log.end
				d.setFail(nil)
				require.NoError(t, f.Compact(t.Context()))
				assert.Less(t, f.log.end, length/4)
			}
			want := loadAll(t, f, "k")
			for seed := range uint64(20) {
				assert.Equal(t, want, loadAll(t, openMem(t, d.crash(rand.New(rand.NewPCG(seed, 0)))), "k"))
			}
			d.setFail(nil)
			require.NoError(t, f.Close())
			assert.Equal(t, want, loadAll(t, openMem(t, d), "k"))
		})
	}
}

// TestOpeningFails at each operation: the lock is given free, and nothing is lost.
func TestOpeningFails(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 0, 1, 2)
	torn := s.content[:s.end()-3]
	for _, op := range []string{"open", "truncate", "write", "sync", "syncdir"} {
		for _, content := range [][]byte{nil, torn} {
			d := newMemDisk()
			if content != nil {
				d.place(ledgerName, content)
			}
			d.failAt(op, 0, errDisk)
			_, err := openOn(d, ledgerName)
			require.ErrorIs(t, err, errDisk, op)
			assert.Empty(t, d.locks)
			d.setFail(nil)
			assert.Len(t, loadAll(t, openMem(t, d), "k"), len(content)/len(torn)*2)
		}
	}
}

// TestStoreFails: the Store itself, and not only its batch, reports a write that
// failed.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "sync"} {
		d := newMemDisk()
		f := openMem(t, d)
		d.failAt(op, 0, errFull)
		require.ErrorIs(t, f.Store(t.Context(), at("k", "a", 0)), errFull, op)
		assert.Empty(t, loadAll(t, f, "k"))
	}
}

// TestQueuedBehindAFailure: a batch that was queued while the file failed is not
// written behind what nobody knows of.
func TestQueuedBehindAFailure(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	b, leads, err := enqueue(t, f, at("k", "a", 0))
	require.NoError(t, err)
	require.True(t, leads)
	f.write.Lock()
	_ = f.poison(errFull)
	f.write.Unlock()
	before := d.content(ledgerName)
	f.commit(b)
	<-b.done
	require.ErrorIs(t, b.err, errFull)
	assert.Equal(t, before, d.content(ledgerName))
	assert.Empty(t, loadAll(t, f, "k"))
}
