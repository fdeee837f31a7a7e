//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import (
	"io/fs"
	"os"
)

const openNonblock = 0

// isOwn does not check owners on these systems.
func isOwn(fs.FileInfo) bool { return true }

// tryLock does nothing on systems without such locks. There, a running create of another process is
// not noticed.
func tryLock(*os.File) (held bool) { return false }
