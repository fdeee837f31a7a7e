package fileledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/enlist-go/enlist/userapi/provision"
)

// Compact writes the current records to a new file, whose name has ".compact" added,
// and replaces the old file by it. It also happens automatically: see [CompactAbove].
// Stores wait for it, Loads do not. A context that ends stops it.
//
// After an error, such as a full disk, the old file stays in use. The exception is an
// error after which a crash could leave either file: then Stores fail as after a failed
// write. Windows may refuse to replace an open file: the file then only grows.
func (f *Ledger) Compact(ctx context.Context) error {
	f.write.Lock()
	defer f.write.Unlock()
	f.mu.RLock()
	err := f.usable()
	f.mu.RUnlock()
	if err != nil {
		return err
	}
	return f.compact(ctx)
}

// compactIfDue compacts where enough is dead. The caller holds write.
func (f *Ledger) compactIfDue() {
	if f.above < 0 || f.total == f.live || f.log.end < f.retryAt {
		return
	}
	size := float64(f.log.end)
	dead := size * float64(f.total-f.live) / float64(f.total)
	if dead <= float64(f.above) || dead <= size-dead {
		return
	}
	if f.compact(context.Background()) != nil {
		f.retryAt = f.log.end + f.log.end/4 // not after every Store
	}
}

func (f *Ledger) scratch() string { return f.path + ".compact" }

// compact does it. The caller holds write, so that held does not change.
func (f *Ledger) compact(ctx context.Context) error {
	l, err := f.rewrite(ctx)
	if err != nil {
		return fmt.Errorf("fileledger: the ledger was not compacted: %w", err)
	}
	if err := f.disk.rename(f.scratch(), f.path); err != nil && f.disk.holds(f.path, f.log.file) {
		_ = l.file.Close() // it is not needed
		return errors.Join(fmt.Errorf("fileledger: the ledger was not compacted: %w", err), f.disk.remove(f.scratch()))
	} else if err = errors.Join(err, f.disk.syncDir(f.path)); err != nil {
		// Either file may have the name after a crash: neither can be written to.
		_ = l.file.Close() // it was synced
		return f.poison(err)
	}
	_ = f.log.file.Close() // it has no name any more
	f.log = l
	f.total, f.retryAt = f.live, 0
	return nil
}

// liveFrame is how many records a frame of a compacted file holds: of the largest kind
// they are well below maxPayload.
const liveFrame = 128

// rewrite writes the scratch file, and syncs it.
func (f *Ledger) rewrite(ctx context.Context) (_ *logFile, err error) {
	// One is left where it could not be removed.
	if err := f.disk.remove(f.scratch()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := f.disk.create(f.scratch())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // it is not needed
			err = errors.Join(err, f.disk.remove(f.scratch()))
		}
	}()
	l := newLog(file)
	w := bufio.NewWriterSize(io.NewOffsetWriter(file, headSize), 1<<18)
	at := headSize
	var frame []byte
	write := func(records []provision.Record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		payload, err := encode(records, true)
		if err != nil {
			return err
		}
		frame = l.appendFrame(frame[:0], at, at, payload)
		at += int64(len(frame))
		_, err = w.Write(frame)
		return err
	}
	var some []provision.Record
	for records := range f.held.All() {
		for _, r := range records {
			if some = append(some, r); len(some) == liveFrame {
				if err := write(some); err != nil {
					return nil, err
				}
				some = some[:0]
			}
		}
	}
	if len(some) > 0 {
		if err := write(some); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(ctx.Err(), w.Flush()); err != nil {
		return nil, err
	}
	if err := l.begin(at); err != nil {
		return nil, err
	}
	return l, nil
}
