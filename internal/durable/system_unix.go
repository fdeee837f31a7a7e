//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openNonblock prevents that opening a named pipe waits for the other end.
const openNonblock = syscall.O_NONBLOCK

// isOwn reports whether a file belongs to the user that runs this process.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// tryLock takes an advisory lock on an open file. The system releases the lock when the file is
// closed or the process ends. held reports that another holder has the lock.
func tryLock(f *os.File) (held bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
