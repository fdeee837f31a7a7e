//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// LockFile takes the lock that is an empty file, and makes the file if there is none.
// It fails with ErrLocked where another holds the lock, in this process or any other.
// The system drops the lock when it is closed or the process ends, however it ends.
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

// A flock is a lock that is held.
type flock struct{ *os.File }

// Close gives the lock free first: a process that this one is about to start has the
// open file too, for a moment, and would keep the lock for as long.
func (l flock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}
