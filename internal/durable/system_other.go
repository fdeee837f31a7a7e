//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import (
	"io/fs"
	"os"
)

const openNonblock = 0

// isOwn knows no owners on these systems.
func isOwn(fs.FileInfo) bool { return true }

// tryLock does nothing on systems without such locks: that a create of another process
// is under way is then not noticed.
func tryLock(*os.File) (held bool) { return false }
