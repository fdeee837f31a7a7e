//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openNonblock keeps an open from waiting for the other end of a named pipe.
const openNonblock = syscall.O_NONBLOCK

// isOwn reports whether a file belongs to the user that runs this process.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// tryLock takes an advisory lock on an open file, which the system drops when the file
// is closed or the process ends. It reports whether another holder stands in the way.
func tryLock(f *os.File) (held bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
