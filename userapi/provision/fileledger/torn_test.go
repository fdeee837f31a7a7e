package fileledger

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision"
)

// A sample is a file of several batches.
type sample struct {
	content []byte // with its mark
	frames  []int64
	batches []int64 // where they begin, and where the last one ends
	records []provision.Record
}

// sampleFile makes one, of a batch for each number of Stores, behind what a compaction
// left of as many Stores as compacted.
func sampleFile(t testing.TB, compacted int, batches ...int) sample {
	t.Helper()
	d := newMemDisk()
	f := openMem(t, d)
	n := 0
	next := func() []provision.Record {
		n++
		return []provision.Record{at("k", fmt.Sprintf("t%02d", n), 0)}
	}
	for range compacted {
		require.NoError(t, f.Store(t.Context(), next()...))
	}
	if compacted > 0 {
		require.NoError(t, f.Compact(t.Context()))
	}
	s := sample{batches: []int64{f.log.end}}
	for _, stores := range batches {
		var sets [][]provision.Record
		for range stores {
			sets = append(sets, next())
		}
		for _, err := range together(t, f, sets...) {
			require.NoError(t, err)
		}
		s.batches = append(s.batches, f.log.end)
	}
	require.NoError(t, f.Close())
	s.content, s.records = d.content(ledgerName), loadAll(t, openMem(t, d), "k")
	require.Len(t, s.content, int(s.end()+frameHead))
	for at := f.log.whole; at < s.end(); {
		s.frames = append(s.frames, at)
		at += frameHead + int64At(s.content[at:])
	}
	require.Len(t, s.records, n)
	return s
}

func (s sample) end() int64 { return s.batches[len(s.batches)-1] }

// last is where the last batch begins.
func (s sample) last() int64 { return s.batches[len(s.batches)-2] }

// upTo returns the records of the frames that end before an offset.
func (s sample) upTo(offset int64) []provision.Record {
	ends := append(slices.Clone(s.frames[1:]), s.end())
	n := len(s.records) - len(s.frames)
	for i := 0; i < len(ends) && ends[i] <= offset; i++ {
		n++
	}
	return s.records[:n]
}

// holding opens a file and reports what it holds. One that is refused must be left as
// it is; one that is not must take more, and hold it.
func holding(t testing.TB, content []byte) ([]provision.Record, error) {
	t.Helper()
	d := newMemDisk()
	d.place(ledgerName, content)
	f, err := openOn(d, ledgerName)
	if err != nil {
		require.True(t, bytes.Equal(content, d.content(ledgerName)), "it was changed")
		return nil, err
	}
	got := loadAll(t, f, "k")
	more := small("more", "a")
	for _, r := range loadAll(t, f, more.Key) {
		if r.Target == more.Target {
			more.Revision = r.Revision
		}
	}
	require.NoError(t, f.Store(t.Context(), more))
	require.NoError(t, f.Close())
	f, err = openOn(d, ledgerName)
	require.NoError(t, err)
	requireRecords(t, got, loadAll(t, f, "k"))
	require.NotEmpty(t, loadAll(t, f, more.Key))
	require.NoError(t, f.Close())
	return got, nil
}

func damages() map[string]func(byte) byte {
	return map[string]func(byte) byte{
		"one bit":  func(b byte) byte { return b ^ 1 },
		"high bit": func(b byte) byte { return b ^ 0x80 },
		"all bits": func(b byte) byte { return ^b },
		"zero":     func(byte) byte { return 0 },
	}
}

// TestCutOff cuts a file off at every byte: what was whole in front of it is there.
func TestCutOff(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 0, 1, 2, 1, 3)
	for n := range s.content {
		got, err := holding(t, s.content[:n])
		require.NoError(t, err, n)
		want := s.upTo(int64(n))
		requireRecords(t, want, got)
		// What a file system may have put there in advance changes nothing.
		padded := append(bytes.Clone(s.content[:n]), make([]byte, 200)...)
		got, err = holding(t, padded)
		switch {
		case bytes.HasPrefix(padded, s.content[:headSize]):
			require.NoError(t, err, n)
			requireRecords(t, want, got)
		case n < len(fileMagic):
			require.ErrorIs(t, err, errForeign)
		default:
			require.ErrorIs(t, err, ErrCorrupt)
		}
	}
}

func requireRecords(t testing.TB, want, got []provision.Record) {
	t.Helper()
	if !slices.Equal(want, got) {
		require.Equal(t, want, got)
	}
}

// TestDamaged damages every byte of a file that was closed: it is refused, but where
// only the mark is damaged.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, compacted := range []int{0, 3} {
		s := sampleFile(t, compacted, 1, 2, 1, 3)
		for name, damage := range damages() {
			for i, b := range s.content {
				broken := bytes.Clone(s.content)
				broken[i] = damage(b)
				if broken[i] == b {
					continue
				}
				got, err := holding(t, broken)
				switch {
				case int64(i) >= s.end():
					require.NoError(t, err, "%s of byte %d", name, i)
					require.Equal(t, s.records, got)
				case i < len(fileMagic):
					require.ErrorIs(t, err, errForeign)
				case i < headKnown && !isCorrupt(err):
					require.ErrorIs(t, err, errNewer)
				default:
					require.ErrorIs(t, err, ErrCorrupt, "%s of byte %d", name, i)
					if n, found := slices.BinarySearch(s.frames, int64(i)+1); !found && n > 0 {
						require.ErrorContains(t, err, fmt.Sprintf("at byte %d: ", s.frames[n-1]))
					}
				}
			}
		}
	}
}

// TestTorn damages every byte of a file whose last batch may be torn: in that batch
// it costs what follows, in front of it the file is refused.
func TestTorn(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 2, 2, 1, 3)
	for name, damage := range damages() {
		for i := headSize; i < s.end(); i++ {
			broken := bytes.Clone(s.content[:s.end()])
			if broken[i] = damage(broken[i]); broken[i] == s.content[i] {
				continue
			}
			got, err := holding(t, broken)
			if i < s.last() {
				require.ErrorIs(t, err, ErrCorrupt, "%s of byte %d", name, i)
				continue
			}
			require.NoError(t, err, "%s of byte %d", name, i)
			requireRecords(t, s.upTo(i), got)
		}
	}
}

// TestHole: blocks of the last batch are missing, with or without whole frames
// behind them, and something may stand behind it all.
func TestHole(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 0, 2, 5)
	for from := s.last(); from < s.end(); from += 11 {
		for to := from + 1; to <= s.end(); to += 29 {
			for _, behind := range [][]byte{nil, make([]byte, 100), bytes.Repeat([]byte{0xa5}, 100), s.content[s.last():s.end()]} {
				broken := append(bytes.Clone(s.content[:s.end()]), behind...)
				clear(broken[from:to])
				got, err := holding(t, broken)
				require.NoError(t, err)
				requireRecords(t, s.upTo(firstDifference(broken, s.content)), got)
			}
		}
	}
}

func firstDifference(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(min(len(a), len(b)))
}

// TestOtherPlace: a frame counts where it was written and nowhere else.
func TestOtherPlace(t *testing.T) {
	t.Parallel()
	a, b := sampleFile(t, 0, 1, 1), sampleFile(t, 0, 1, 1)
	got, err := holding(t, append(bytes.Clone(a.content[:a.last()]), b.content[b.last():]...))
	require.NoError(t, err)
	assert.Equal(t, a.records[:1], got, "of another file")
	got, err = holding(t, append(bytes.Clone(a.content[:a.end()]), a.content[headSize:]...))
	require.NoError(t, err)
	assert.Equal(t, a.records, got, "of another place")
}

// TestCompactedCut: nothing can be missing of what a compaction wrote.
func TestCompactedCut(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 5, 2)
	for n := headSize + 1; n < s.batches[0]; n++ {
		_, err := holding(t, s.content[:n])
		require.ErrorIs(t, err, ErrCorrupt, n)
	}
}

// TestClosedIsMarked: once a file is closed a crash leaves nothing that may be torn.
func TestClosedIsMarked(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	require.NoError(t, f.Store(t.Context(), at("k", "a", 0)))
	require.NoError(t, f.Close())
	for seed := range uint64(20) {
		content := d.crash(rand.New(rand.NewPCG(seed, 0))).content(ledgerName)
		content[headSize+frameHead] ^= 1
		_, err := holding(t, content)
		require.ErrorIs(t, err, ErrCorrupt)
	}
}

// TestWrongBatch: the writer of a frame did not know what stood in front of it.
func TestWrongBatch(t *testing.T) {
	t.Parallel()
	s := sampleFile(t, 0, 1, 1, 2)
	l := &logFile{id: [8]byte(s.content[24:])}
	last := s.frames[len(s.frames)-1]
	payload := s.content[last+frameHead : s.end()]
	for _, batch := range s.batches[:2] {
		_, err := holding(t, l.appendFrame(bytes.Clone(s.content[:last]), last, batch, payload))
		require.ErrorIs(t, err, ErrCorrupt)
	}
	for _, batch := range []int64{s.last(), last} {
		got, err := holding(t, l.appendFrame(bytes.Clone(s.content[:last]), last, batch, payload))
		require.NoError(t, err)
		requireRecords(t, s.records, got)
	}
}

// TestPlausible: a broken length asks for no more memory than the file has bytes.
func TestPlausible(t *testing.T) {
	t.Parallel()
	const at, size = 1000, 5000
	room := size - at - frameHead
	assert.True(t, plausible(room, at, at, size))
	assert.True(t, plausible(1, headSize, at, size))
	assert.True(t, plausible(0, at, at, size))
	assert.False(t, plausible(room+1, at, at, size))
	assert.False(t, plausible(-1, at, at, size))
	assert.False(t, plausible(1<<62, at, at, size))
	assert.False(t, plausible(maxPayload+1, at, at, 1<<40))
	assert.False(t, plausible(1, at+1, at, size))
	assert.False(t, plausible(1, headSize-1, at, size))
	assert.False(t, plausible(0, headSize, at, size), "a mark is of its own batch")
}

// TestWindow: what proves the damage is found wherever it stands.
func TestWindow(t *testing.T) {
	t.Parallel()
	l := newLog(nil)
	for _, behind := range []int64{1, 19, 20, searchWindow - 21, searchWindow - 1, searchWindow, searchWindow + 1, searchWindow + 19, 3 * searchWindow} {
		b := make([]byte, headSize+behind)
		b = l.appendFrame(b, headSize+behind, headSize+behind, nil)
		for _, size := range []int64{int64(len(b)), int64(len(b)) + 5, int64(len(b)) + searchWindow} {
			padded := append(bytes.Clone(b), make([]byte, size-int64(len(b)))...)
			l.file = readOnly{ReaderAt: bytes.NewReader(padded)}
			proven, err := l.provenBehind(headSize, size)
			require.NoError(t, err)
			require.True(t, proven, behind)
			proven, err = l.provenBehind(headSize+behind, size)
			require.NoError(t, err)
			require.False(t, proven, behind)
		}
	}
}

type readOnly struct {
	io.ReaderAt
	diskFile
}

func (r readOnly) ReadAt(b []byte, off int64) (int, error) { return r.ReaderAt.ReadAt(b, off) }
