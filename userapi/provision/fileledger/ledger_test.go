package fileledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

const ledgerName = "ledger"

// full is a record with every field set.
func full(key, target string) provision.Record {
	at := time.Date(2031, 2, 3, 4, 5, 6, 789000, time.UTC)
	return provision.Record{
		Key: key, Target: target, State: provision.StateCreated, Kind: userapi.KindTimeout, Provider: "acme", UserID: "<7> é\u2028\x01",
		Proof: userapi.ProofKey, Unfinished: true, Decided: true, Lost: true, Closed: true, Request: "r", Sent: "s", Owner: "o",
		Until: at, Started: at.Add(-time.Hour), Changed: at.Add(time.Microsecond),
	}
}

// small is a new record.
func small(key, target string) provision.Record {
	return provision.Record{Key: key, Target: target, State: provision.StateQueued}
}

// at is a record with a revision, which is told by its Owner too.
func at(key, target string, revision int64) provision.Record {
	r := small(key, target)
	r.Revision, r.Owner = revision, fmt.Sprint(key, target, revision)
	return r
}

func openMem(t testing.TB, d *memDisk, opts ...Option) *Ledger {
	t.Helper()
	f, err := openOn(d, ledgerName, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func openReal(t testing.TB, path string, opts ...Option) *Ledger {
	t.Helper()
	f, err := Open(path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func loadAll(t testing.TB, l provision.Ledger, key string) []provision.Record {
	t.Helper()
	records, err := l.Load(t.Context(), key)
	require.NoError(t, err)
	return records
}

// enqueue does the first half of a Store.
func enqueue(t testing.TB, f *Ledger, set ...provision.Record) (b *storeBatch, leads bool, err error) {
	t.Helper()
	next, err := provision.NextRevisions(set)
	assert.NoError(t, err)
	payload, err := encode(next, false)
	assert.NoError(t, err)
	return f.enqueue(t.Context(), next, payload)
}

// together stores several sets of records in one batch.
func together(t testing.TB, f *Ledger, sets ...[]provision.Record) []error {
	t.Helper()
	errs, _ := queued(t, f, sets...)
	return errs
}

// queued does it, and reports too which of the sets came into the batch.
func queued(t testing.TB, f *Ledger, sets ...[]provision.Record) (errs []error, in []bool) {
	t.Helper()
	errs, in = make([]error, len(sets)), make([]bool, len(sets))
	batches := make([]*storeBatch, len(sets))
	var lead *storeBatch
	for i, set := range sets {
		var leads bool
		batches[i], leads, errs[i] = enqueue(t, f, set...)
		in[i] = errs[i] == nil
		if leads {
			require.Nil(t, lead)
			lead = batches[i]
		}
	}
	if lead != nil {
		f.commit(lead)
	}
	for i, b := range batches {
		if b != nil && b.err != nil {
			errs[i] = b.err
		}
	}
	return errs, in
}

func TestKeepsEveryField(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledgerName)
	f := openReal(t, path)
	odd := provision.Record{Key: "k", Target: "odd", State: provision.StateUnknown, Kind: 99, Proof: -3, Started: time.Unix(0, 0), Until: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}
	want := []provision.Record{full("k", "a"), small("k", "b"), odd}
	require.NoError(t, f.Store(t.Context(), want[2], want[0], want[1]))
	for i := range want {
		want[i].Revision = 1
	}
	want[2].Started = want[2].Started.UTC()
	assert.Equal(t, want, loadAll(t, f, "k"))
	require.NoError(t, f.Close())

	f = openReal(t, path)
	assert.Equal(t, want, loadAll(t, f, "k"))
	require.NoError(t, f.Compact(t.Context()))
	assert.Equal(t, want, loadAll(t, f, "k"))
	require.NoError(t, f.Close())
	f = openReal(t, path)
	assert.Equal(t, want, loadAll(t, f, "k"))
	keys, err := f.ListOpen(t.Context(), "", 5)
	require.NoError(t, err)
	assert.Equal(t, []string{"k"}, keys)
	assert.Empty(t, loadAll(t, f, "other"))

	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode(), name)
	}
}

func TestRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	f := openMem(t, newMemDisk())
	far := small("k", "a")
	far.Until = time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC)
	require.ErrorIs(t, f.Store(t.Context(), far), errTime)
	var many []provision.Record
	for i := range 5000 {
		r := small("k", fmt.Sprint(i))
		r.UserID, r.Owner, r.Sent, r.Request = strings.Repeat("x", 1<<10), strings.Repeat("x", 1<<10), strings.Repeat("x", 1<<10), strings.Repeat("x", 1<<10)
		many = append(many, r)
	}
	require.ErrorIs(t, f.Store(t.Context(), many...), errTooLarge)
	require.NoError(t, f.Store(t.Context(), many[:3000]...))
	require.NoError(t, f.Store(t.Context()))
	require.ErrorContains(t, f.Store(t.Context(), provision.Record{}), "Key of a record")
	assert.Len(t, loadAll(t, f, "k"), 3000)
}

// TestLargestRecords: a compaction's frame has room for the largest there are.
func TestLargestRecords(t *testing.T) {
	t.Parallel()
	var many []provision.Record
	for i := range liveFrame {
		text := strings.Repeat("\x01", 1<<10)
		r := full(strings.Repeat("<", 255), strings.Repeat("&", 255-3)+fmt.Sprintf("%03d", i))
		r.Provider, r.UserID, r.Request, r.Sent, r.Owner = text, text, text, text, text
		many = append(many, r)
	}
	payload, err := encode(many, true)
	require.NoError(t, err)
	assert.Less(t, len(payload), maxPayload/2)
}

// TestBatch: what is queued counts for what comes behind it.
func TestBatch(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	syncs := d.syncs
	errs := together(t, f,
		[]provision.Record{at("k", "a", 0)},
		[]provision.Record{at("k", "a", 1)},                   // follows one that is queued
		[]provision.Record{at("k", "b", 0), at("l", "b", 0)},  // two keys
		[]provision.Record{at("k", "b", 0)},                   // competes
		[]provision.Record{at("k", "b", 1), at("k", "c", 1)},  // the second does not follow
		[]provision.Record{at("k", "b", 1), at("k", "c", 0)},  // both do
		[]provision.Record{at("m", "a", 0), at("k", "a", 17)}, // not even near
	)
	want := []error{nil, nil, nil, provision.ErrStale, provision.ErrStale, nil, provision.ErrStale}
	for i := range want {
		require.ErrorIs(t, errs[i], want[i], i)
	}
	assert.Equal(t, syncs+1, d.syncs)
	for _, key := range []string{"k", "l", "m"} {
		assert.False(t, f.ahead.Has(key))
	}
	revisions := func(f *Ledger) map[string]int64 {
		got := map[string]int64{}
		for _, key := range []string{"k", "l", "m"} {
			for _, r := range loadAll(t, f, key) {
				got[r.Key+r.Target] = r.Revision
			}
		}
		return got
	}
	stored := map[string]int64{"ka": 2, "kb": 2, "kc": 1, "lb": 1}
	assert.Equal(t, stored, revisions(f))
	require.NoError(t, f.Close())
	f = openMem(t, d)
	assert.Equal(t, stored, revisions(f))
}

// TestShowsWhatIsDurable: while an fsync is under way its records are not shown, and
// who loses against one of them hears of it when it can be loaded.
func TestShowsWhatIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		f := openMem(t, d)
		require.NoError(t, f.Store(t.Context(), at("k", "a", 0)))
		syncing := make(chan bool)
		d.setFail(func(op string) error {
			if op == "sync" {
				<-syncing
			}
			return nil
		})
		var done [2]error
		var group sync.WaitGroup
		var finished atomic.Int32
		group.Go(func() { done[0] = f.Store(t.Context(), at("k", "a", 1)); finished.Add(1) })
		synctest.Wait()
		group.Go(func() { done[1] = f.Store(t.Context(), at("k", "a", 1)); finished.Add(1) })
		synctest.Wait()
		assert.Zero(t, finished.Load())
		assert.Equal(t, int64(1), loadAll(t, f, "k")[0].Revision)
		require.ErrorIs(t, f.Store(t.Context(), at("k", "a", 0)), provision.ErrStale, "it need not wait to know that")
		close(syncing)
		group.Wait()
		require.NoError(t, done[0])
		require.ErrorIs(t, done[1], provision.ErrStale)
		assert.Equal(t, int64(2), loadAll(t, f, "k")[0].Revision)
	})
}

func TestContext(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	before := d.content(ledgerName)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Store(ctx, small("k", "a")), context.Canceled)
	require.ErrorIs(t, f.Compact(ctx), context.Canceled)
	assert.Empty(t, loadAll(t, f, "k"))
	assert.Equal(t, before, d.content(ledgerName))
	assert.Nil(t, d.content(f.scratch()))

	ctx, cancel = context.WithCancel(t.Context())
	d.setFail(func(string) error { cancel(); return nil }) // once it is on its way
	require.NoError(t, f.Store(ctx, small("k", "a")))
	require.Error(t, ctx.Err())
	assert.Len(t, loadAll(t, f, "k"), 1)
	d.setFail(nil)
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, ledgerName)
	folder := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Symlink(dir, folder))
	f := openReal(t, path)
	locked := func() {
		t.Helper()
		for _, name := range []string{path, filepath.Join(folder, ledgerName)} {
			_, err := Open(name)
			require.ErrorIs(t, err, ErrLocked)
		}
	}
	locked()
	require.NoError(t, f.Store(t.Context(), small("k", "a")))
	require.NoError(t, f.Compact(t.Context()))
	locked()
	require.NoError(t, f.Close())
	assert.Len(t, loadAll(t, openReal(t, path), "k"), 1)
}

func TestClose(t *testing.T) {
	t.Parallel()
	f := openMem(t, newMemDisk())
	results := make(chan error)
	const stores = 20
	for i := range stores {
		go func() { results <- f.Store(t.Context(), small("k", fmt.Sprint(i))) }()
	}
	require.NoError(t, <-results)
	require.NoError(t, f.Close())
	done := 1
	for range stores - 1 {
		if err := <-results; err == nil {
			done++
		} else {
			require.ErrorIs(t, err, os.ErrClosed)
		}
	}
	require.NoError(t, f.Close(), "again")
	_, err := f.Load(t.Context(), "k")
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = f.ListOpen(t.Context(), "", 1)
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, f.Store(t.Context(), small("k", "x")), os.ErrClosed)
	require.ErrorIs(t, f.Store(t.Context()), os.ErrClosed)
	require.ErrorIs(t, f.Compact(t.Context()), os.ErrClosed)
	assert.Len(t, loadAll(t, openMem(t, f.disk.(*memDisk)), "k"), done)
}

// TestCloseWaits for what is queued already.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openMem(t, newMemDisk())
		b, leads, err := enqueue(t, f, small("k", "a"))
		require.NoError(t, err)
		require.True(t, leads)
		var closed atomic.Bool
		go func() {
			assert.NoError(t, f.Close())
			closed.Store(true)
		}()
		synctest.Wait()
		assert.False(t, closed.Load())
		f.commit(b)
		require.NoError(t, b.err)
		synctest.Wait()
		assert.True(t, closed.Load())
	})
}

func TestEndsIntents(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	f := openMem(t, d)
	until := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	intent, unknown := small("k", "a"), small("k", "b")
	intent.State, intent.Until, intent.Owner = provision.StateInFlight, until, "run"
	unknown.State, unknown.Until = provision.StateUnknown, until
	require.NoError(t, f.Store(t.Context(), intent, unknown))
	assert.Equal(t, until, loadAll(t, f, "k")[0].Until)
	require.NoError(t, f.Close())
	f = openMem(t, d)
	got := loadAll(t, f, "k")
	assert.Zero(t, got[0].Until)
	assert.Equal(t, "run", got[0].Owner)
	assert.Equal(t, until, got[1].Until)
	require.NoError(t, f.Store(t.Context(), got...))
}

// TestUnfit: what others can change or redirect is refused, and left as it is.
func TestUnfit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	f := openReal(t, path("ledger"))
	require.NoError(t, f.Store(t.Context(), small("k", "a")))
	require.NoError(t, f.Close())
	whole, err := os.ReadFile(path("ledger"))
	require.NoError(t, err)
	copyTo := func(name string, mode fs.FileMode) {
		require.NoError(t, os.WriteFile(path(name), whole, 0o600))
		require.NoError(t, os.Chmod(path(name), mode))
	}
	copyTo("readable", 0o644)
	copyTo("group", 0o620)
	copyTo("world", 0o602)
	require.NoError(t, os.Symlink("ledger", path("link")))
	require.NoError(t, os.Symlink("nothing", path("dangling")))
	require.NoError(t, os.Symlink("loop", path("loop")))
	require.NoError(t, os.Mkdir(path("dir"), 0o700))
	require.NoError(t, os.Symlink(dir, path("folder")))

	for name, want := range map[string]string{
		"group":    "fileledger: its owner alone may write to the file, which has mode 0620: " + path("group"),
		"world":    "fileledger: its owner alone may write to the file, which has mode 0602: " + path("world"),
		"link":     "fileledger: the file must not be a symbolic link: " + path("link"),
		"dangling": "fileledger: the file must not be a symbolic link: " + path("dangling"),
		"loop":     "fileledger: the file must not be a symbolic link: " + path("loop"),
		"dir":      "fileledger: the file must be a regular one, and has mode drwx------: " + path("dir"),
	} {
		_, err := Open(path(name))
		require.EqualError(t, err, want)
		require.NoFileExists(t, path(name)+".lock")
	}
	require.NoFileExists(t, path("nothing"))
	for _, name := range []string{"readable", "ledger", filepath.Join("folder", "ledger")} {
		f := openReal(t, path(name))
		assert.Len(t, loadAll(t, f, "k"), 1)
		require.NoError(t, f.Close())
	}
}

// TestForeign: what is not a ledger is refused, and left as it is.
func TestForeign(t *testing.T) {
	t.Parallel()
	head := newLog(nil)
	head.whole = headSize
	whole := head.headBytes()
	newer := bytes.Clone(whole)
	newer[len(fileMagic)]++
	broken := bytes.Clone(whole)
	broken[len(broken)-1] ^= 1
	tests := map[string]struct {
		content []byte
		want    error
	}{
		"a text":                      {[]byte("a text that is longer than the head of a ledger"), errForeign},
		"a short text":                {[]byte("text"), errForeign},
		"zeros":                       {make([]byte, headSize+1), errForeign},
		"zeros, then a text":          {[]byte("\x00\x00\x00text"), errForeign},
		"a begin, then a text":        {[]byte("enlist users"), errForeign},
		"a newer version":             {newer, errNewer},
		"a newer version with frames": {append(bytes.Clone(newer), 1, 2, 3), errNewer},
		"a broken head":               {append(broken, whole...), ErrCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), ledgerName)
			require.NoError(t, os.WriteFile(path, test.content, 0o600))
			_, err := Open(path)
			require.ErrorIs(t, err, test.want)
			assert.ErrorContains(t, err, path)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, test.content, left)
			require.NoError(t, os.Remove(path))
			openReal(t, path) // the lock was given free
		})
	}
	_, err := Open(t.TempDir())
	require.Error(t, err, "a directory")
	_, err = Open(filepath.Join(t.TempDir(), "none", ledgerName))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestHalfMade: a file of which only a part of the head was written is a new one.
func TestHalfMade(t *testing.T) {
	t.Parallel()
	head := newLog(nil)
	head.whole = headSize
	whole := head.headBytes()
	for n := range whole {
		for _, content := range [][]byte{whole[:n], append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)} {
			d := newMemDisk()
			d.place(ledgerName, content)
			f := openMem(t, d)
			require.NoError(t, f.Store(t.Context(), small("k", "a")))
			require.NoError(t, f.Close())
			require.Len(t, loadAll(t, openMem(t, d), "k"), 1)
		}
	}
}

// TestNewer: what a newer version may have written is not dropped.
func TestNewer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		payload string
		want    error
	}{
		"a known one":          {`{"set":[{"key":"k","target":"a","rev":1,"state":"queued"}]}`, nil},
		"a member of a record": {`{"set":[{"key":"k","target":"a","rev":1,"state":"queued","colour":"secret"}]}`, errNewer},
		"a member beside":      {`{"set":[{"key":"k","target":"a","rev":1,"state":"queued"}],"drop":["secret"]}`, errNewer},
		"nothing but that":     {`{"drop":["secret"]}`, errNewer},
		"a state":              {`{"set":[{"key":"k","target":"a","rev":1,"state":"secret"}]}`, errNewer},
		"another type":         {`{"set":[{"key":"k","target":"a","rev":"secret","state":"queued"}]}`, ErrCorrupt},
		"no JSON":              {`secret`, ErrCorrupt},
		"more behind":          {`{"set":[{"key":"k","target":"a","rev":1,"state":"queued"}]} {}`, ErrCorrupt},
		"nothing":              {`{}`, ErrCorrupt},
		"no revision":          {`{"set":[{"key":"k","target":"a","state":"queued"}]}`, ErrCorrupt},
		"a leap":               {`{"set":[{"key":"k","target":"a","rev":2,"state":"queued"}]}`, ErrCorrupt},
		"no key":               {`{"set":[{"target":"a","rev":1,"state":"queued"}]}`, ErrCorrupt},
		"one record twice":     {`{"set":[{"key":"k","target":"a","rev":1,"state":"queued"},{"key":"k","target":"a","rev":1,"state":"queued"}]}`, ErrCorrupt},
		"compacted, too late":  {`{"live":[{"key":"k","target":"a","rev":1,"state":"queued"}]}`, ErrCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newMemDisk()
			f := openMem(t, d)
			require.NoError(t, f.log.append([][]byte{[]byte(test.payload)}))
			require.NoError(t, f.Close())
			before := d.content(ledgerName)
			f, err := openOn(d, ledgerName)
			require.ErrorIs(t, err, test.want)
			if err == nil {
				require.NoError(t, f.Close())
				return
			}
			assert.NotContains(t, err.Error(), "secret")
			assert.Equal(t, before, d.content(ledgerName))
		})
	}
	// The names in the file are those that older files have.
	text, err := json.Marshal(storedRecord{Key: "k", Revision: 1, Kind: 2, Until: new(int64)})
	require.NoError(t, err)
	assert.Equal(t, `{"key":"k","target":"","rev":1,"state":"","kind":2,"until":0}`, string(text))
}

var errDisk = errors.New("the disk is on fire")

func (d *memDisk) setFail(fail func(op string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}
