//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package durable

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// LockFile refuses: with two writers, of whom neither knows, a file would be worse than
// none.
func LockFile(string) (io.Closer, error) {
	return nil, fmt.Errorf("file locks are not known on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
