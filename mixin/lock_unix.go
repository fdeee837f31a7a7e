//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mixin

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes an advisory lock on an open file, which the system drops when the file
// is closed or the process ends. It reports whether another holder stands in the way.
func tryLock(f *os.File) (held bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
