//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package durable

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// LockFile always fails. A file with two writers that do not know of each other is worse than no
// file.
func LockFile(string) (io.Closer, error) {
	return nil, fmt.Errorf("file locks are not known on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
