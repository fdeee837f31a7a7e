//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package provision

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// lockFile refuses: with two writers, of whom neither knows, a ledger would be worse
// than none.
func lockFile(string) (io.Closer, error) {
	return nil, fmt.Errorf("provision: a ledger in a file needs locks, which are not known on %s: %w",
		runtime.GOOS, errors.ErrUnsupported)
}
