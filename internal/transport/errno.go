//go:build !plan9

package transport

import (
	"errors"
	"syscall"
)

// errnoClass names the system's errors. The numbers of 10000 and more are Windows', for
// which package syscall has no names.
func errnoClass(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	switch errno {
	case syscall.ECONNREFUSED, 10061:
		return "connection refused"
	case syscall.ECONNRESET, syscall.EPIPE, 10053, 10054:
		return "connection reset"
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, 10051, 10065:
		return "host unreachable"
	default:
		return ""
	}
}

// isErrno reports whether errors.As is asked for the system's error.
func isErrno(target any) bool {
	_, ok := target.(*syscall.Errno)
	return ok
}
