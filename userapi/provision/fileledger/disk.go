package fileledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/enlist-go/enlist/internal/durable"
)

// A diskSystem is what a Ledger needs of the system. Tests put one in its place that fails,
// and one that loses what was not synced.
type diskSystem interface {
	lock(path string) (io.Closer, error)
	// open opens a file for reading and writing, and makes it if there is none; create
	// makes it, and fails where there is one.
	open(path string) (diskFile, error)
	create(path string) (diskFile, error)
	remove(path string) error
	rename(from, to string) error
	// syncDir makes durable which files the directory of path has.
	syncDir(path string) error
	// holds reports whether path is still the name of an open file.
	holds(path string, f diskFile) bool
}

// A diskFile is an open file.
type diskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Seeker
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// osDisk is the system's own.
type osDisk struct{}

func (osDisk) lock(path string) (io.Closer, error) {
	lock, err := durable.LockFile(path)
	if errors.Is(err, durable.ErrLocked) {
		err = fmt.Errorf("%w: %s", ErrLocked, path)
	}
	return lock, err
}

func (osDisk) open(path string) (diskFile, error)   { return openFile(path, 0) }
func (osDisk) create(path string) (diskFile, error) { return openFile(path, os.O_EXCL) }

func openFile(path string, flag int) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flag, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err // not f, which would be a diskFile that is not nil
	}
	return f, nil
}

func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) syncDir(path string) error { return durable.SyncDir(filepath.Dir(path)) }

func (osDisk) holds(path string, f diskFile) bool {
	named, err := os.Stat(path)
	file, ok := f.(*os.File)
	if err != nil || !ok {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(named, opened)
}
