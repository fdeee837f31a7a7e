// Package fileledger keeps the ledger of a provision.Provisioner in one file.
package fileledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/internal/table"
)

// ErrLocked says that the ledger's file is open already, in this process or another.
var ErrLocked = errors.New("fileledger: the ledger's file is in use")

// A Ledger is a provision.Ledger in one file, for a service that runs in one process at a
// time. Make it with Open, and close it.
//
// The file is a log. A Store appends to it and returns when the system says that it is
// on the disk; Stores that run at once share one write and one fsync. Load and ListOpen read
// from memory, which holds every record, and show nothing that is not on the disk.
//
// That is for up to 100,000 records, one for each target of each sign-up: they take about
// 150 MB of memory and about 2 s to open. Beyond that, use SQLite by package sqlledger.
//
// After a write or an fsync that failed nothing is known of what is on the disk: the
// Stores under way and all later ones fail with an error that says so, Load and ListOpen go
// on, and only opening the file again heals it. Errors name the file, and never what
// stands in it.
type Ledger struct {
	disk  diskSystem
	path  string
	lock  io.Closer
	above int64
	once  sync.Once
	ended error // of the one Close

	// write is held by whoever writes to the file, while it does; it is taken before
	// mu. What follows is its holder's.
	write sync.Mutex
	log   *logFile
	// total and live count the records that stand in the file and those that are still
	// current.
	total, live int64
	// retryAt is the length at which a compaction is tried again after one that failed.
	retryAt int64

	mu sync.RWMutex
	// held is what is durable. It changes with both locks held, so that whoever holds
	// either can read it.
	held table.Table[provision.Record]
	// ahead is what is held with what is queued, for the keys that are queued.
	ahead table.Table[provision.Record]
	// queue is the batch that takes Stores, flying the one that is being written; nil
	// for none.
	queue, flying *storeBatch
	closed        bool
	failed        error
}

var _ provision.Ledger = (*Ledger)(nil)

// String says that it is a ledger in a file, and which.
func (f *Ledger) String() string { return "ledger in " + f.path }

// Format writes String for every verb.
func (f *Ledger) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// An Option changes how a Ledger works.
type Option func(*Ledger)

const defaultCompactAbove = 4 << 20

// CompactAbove has the file compacted, after a Store or on opening, when more than n
// bytes of it, and more than half of it, are of records that were stored again since:
// an estimate by the number of records. The default is 4 MiB; less than 0 leaves it to
// [Ledger.Compact].
func CompactAbove(n int64) Option { return func(f *Ledger) { f.above = n } }

// Open opens a ledger, and makes it, mode 0600, if there is none. It belongs on a local
// file system. A file that is a symbolic link, or that others than its owner can write
// to, is refused; it must have no second hard link.
//
// Until Close, or the end of the process, the Ledger holds a lock: a second Open, in
// this process or any other, fails at once with an error that matches ErrLocked. The
// lock is on an empty file of the same name with ".lock" behind it, which is never
// deleted: the ledger's own file is replaced by a compaction, and a lock on it would go
// with it. On systems other than Linux, macOS, the BSDs and Windows there is no such
// lock, and Open fails with an error that matches errors.ErrUnsupported.
//
// What a crash has left half written was promised to nobody, and is cut off. A file that
// is damaged elsewhere is not opened, and not changed: the error matches ErrCorrupt and
// tells where. Nor is one that a newer version wrote, or one that is no ledger.
//
// As the lock proves that whoever held a StateInFlight is gone, the Until of each is zero
// in what is loaded.
func Open(path string, opts ...Option) (*Ledger, error) {
	if path == "" {
		return nil, errors.New("fileledger: Open needs the path of a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := durable.CheckFile(path); err != nil {
		return nil, fmt.Errorf("fileledger: %w: %s", err, path)
	}
	return openOn(osDisk{}, path, opts...)
}

func openOn(disk diskSystem, path string, opts ...Option) (*Ledger, error) {
	f := &Ledger{disk: disk, path: path, above: defaultCompactAbove}
	f.held.NameOf, f.ahead.NameOf = nameOf, nameOf
	for _, o := range opts {
		if o != nil {
			o(f)
		}
	}
	var err error
	if f.lock, err = disk.lock(path + ".lock"); err != nil {
		return nil, err
	}
	// A compaction that was cut off leaves its file.
	if err = disk.remove(f.scratch()); err == nil || errors.Is(err, fs.ErrNotExist) {
		f.log, err = openLog(disk, path, f.replay)
	}
	if err != nil {
		_ = f.lock.Close() // it holds nothing but the lock
		return nil, fmt.Errorf("%w: %s", err, path)
	}
	for records := range f.held.All() {
		for i := range records {
			if records[i].State == provision.StateInFlight {
				records[i].Until = time.Time{}
			}
		}
	}
	f.compactIfDue()
	if f.failed != nil {
		return nil, errors.Join(f.failed, f.Close())
	}
	return f, nil
}

func nameOf(r provision.Record) table.Name {
	return table.Name{Key: r.Key, Target: r.Target, Revision: r.Revision, Open: r.Open()}
}

// replay takes the records of a frame.
func (f *Ledger) replay(payload []byte, at, whole int64) error {
	records, live, err := decodePayload(payload)
	switch {
	case errors.Is(err, ErrCorrupt):
		return corruptAt(at)
	case err != nil:
		return err
	case live != (at < whole) || !live && !f.held.Follows(records...):
		return corruptAt(at)
	}
	for _, r := range records {
		if live && f.held.Holds(r) {
			return corruptAt(at)
		}
		f.held.Put(r)
	}
	f.count(records, live)
	return nil
}

// count notes records that were written.
func (f *Ledger) count(records []provision.Record, live bool) {
	f.total += int64(len(records))
	for _, r := range records {
		if live || r.Revision == 1 {
			f.live++
		}
	}
}

// Load implements Ledger.
func (f *Ledger) Load(_ context.Context, key string) ([]provision.Record, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return nil, errClosed
	}
	return slices.Clone(f.held.Load(key)), nil
}

// ListOpen implements Ledger.
func (f *Ledger) ListOpen(_ context.Context, after string, limit int) ([]string, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return nil, errClosed
	}
	return f.held.Open(after, max(limit, 1)), nil
}

var errClosed = fmt.Errorf("fileledger: the ledger's file: %w", fs.ErrClosed)

// Close waits for Stores that are under way, and gives the lock free. What is called
// later fails with an error that matches fs.ErrClosed. Closing again does nothing, and
// returns the same.
func (f *Ledger) Close() error {
	f.once.Do(func() { f.ended = f.end() })
	return f.ended
}

func (f *Ledger) end() error {
	f.mu.Lock()
	f.closed = true
	queued := f.queue
	f.mu.Unlock()
	if queued != nil {
		<-queued.done
	}
	f.write.Lock()
	defer f.write.Unlock()
	var err error
	if f.failed == nil {
		err = f.log.file.Sync() // for the mark: all that was promised is durable
	}
	return errors.Join(err, f.log.file.Close(), f.lock.Close())
}

// usable returns why nothing more can be stored, or nil. The caller holds mu.
func (f *Ledger) usable() error {
	if f.closed {
		return errClosed
	}
	return f.failed
}

// poison notes that nothing is known of the file any more. The caller holds write.
func (f *Ledger) poison(cause error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = fmt.Errorf("fileledger: the ledger's file failed, and takes nothing until it is opened again: %w", cause)
	return f.failed
}
