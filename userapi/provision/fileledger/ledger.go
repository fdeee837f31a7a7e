// Package fileledger stores the ledger of a provision.Provisioner in one file.
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

// ErrLocked means that the ledger's file is open already, in this process or another.
var ErrLocked = errors.New("fileledger: the ledger's file is in use")

// A Ledger is a provision.Ledger in one file, for a service that runs in one process at a
// time. Make it with Open, and close it.
//
// The file is a log. A Store appends to it and returns when the system reports that it
// is on the disk. Concurrent Stores share one write and one fsync. Load and ListOpen
// read from memory, which has every record, and return only what is on the disk.
//
// Use it for up to 100,000 records, one for each target of each sign-up. They take
// about 150 MB of memory, and about 2 s to open. For more records use SQLite by package
// sqlledger.
//
// After a failed write or fsync it is not known what is on the disk. The Stores under
// way and all later ones fail with an error that says so; Load and ListOpen still work.
// Open the file again to continue. Errors name the file, and never show its content.
type Ledger struct {
	disk  diskSystem
	path  string
	lock  io.Closer
	above int64
	once  sync.Once
	ended error // of the one Close

	// write is held while the file is written; it is taken before mu. It guards the
	// fields below.
	write sync.Mutex
	log   *logFile
	// total and live count the records that stand in the file and those that are still
	// current.
	total, live int64
	// retryAt is the length at which a compaction is tried again after one that failed.
	retryAt int64

	mu sync.RWMutex
	// held is what is durable. It changes only with both locks held, so either lock is
	// enough to read it.
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

// String returns a text with the file's name.
func (f *Ledger) String() string { return "ledger in " + f.path }

// Format writes String for every verb.
func (f *Ledger) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// An Option changes how a Ledger works.
type Option func(*Ledger)

const defaultCompactAbove = 4 << 20

// CompactAbove compacts the file after a Store or on opening, when more than n bytes
// and more than half of it are outdated records, estimated by their number. The default
// is 4 MiB. With less than 0 only [Ledger.Compact] compacts.
func CompactAbove(n int64) Option { return func(f *Ledger) { f.above = n } }

// Open opens a ledger. If the file does not exist it makes it, with mode 0600. Use a
// local file system. A symbolic link, and a file that others than its owner can write
// to, are refused. The file must not have a second hard link.
//
// The Ledger holds a lock until Close or the end of the process. A second Open, in this
// or another process, fails at once with an error that matches ErrLocked. The lock is
// on an empty file with ".lock" added to the name. That file is never deleted. (A
// compaction replaces the ledger's own file, so a lock on that file would be lost.)
// There is such a lock on Linux, macOS, the BSDs and Windows. On other systems Open
// fails with an error that matches errors.ErrUnsupported.
//
// A Store that a crash interrupted never returned: its half-written bytes are cut off.
// A file that is damaged elsewhere is not opened, and not changed: the error matches
// ErrCorrupt and has the offset. A file of a newer version, and a file that is not a
// ledger, are not opened either.
//
// The lock proves that no other process holds a StateInFlight. So Load returns each
// with a zero Until.
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

// count counts records that were written.
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

// Close waits for Stores that are under way, and releases the lock. Later calls fail
// with an error that matches fs.ErrClosed. A second Close does nothing and returns the
// same result.
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

// poison records that the file's content is not known any more. The caller holds write.
func (f *Ledger) poison(cause error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = fmt.Errorf("fileledger: the ledger's file failed, and must be opened again: %w", cause)
	return f.failed
}
