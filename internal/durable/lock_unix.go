//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// LockFile locks an empty file, and creates it if it is missing. It fails with ErrLocked if another
// caller, in any process, holds the lock. The system releases the lock on Close and whenever the
// process ends.
func LockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return flock{f}, nil
	}
	_ = f.Close() // nothing was written to it
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, &os.PathError{Op: "flock", Path: path, Err: err}
}

// A flock is a held lock.
type flock struct{ *os.File }

// Close unlocks explicitly before it closes the file. A process that is just being started has a
// copy of the open file for a moment, and would keep the lock for that long.
func (l flock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}
