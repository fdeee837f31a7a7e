package fileledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enlist-go/enlist/internal/durable"
)

// A diskSystem is what a Ledger needs of the system. Tests put one in its place that fails,
// and one that loses what was not synced.
type diskSystem interface {
	lock(path string) (io.Closer, error)
	// open opens a file for reading and writing, and makes it where there is none;
	// create makes it, and fails where there is one.
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

var errNotRegular = errors.New("not a regular file")

// osDisk is the system's own.
type osDisk struct{}

func (osDisk) lock(path string) (io.Closer, error) {
	lock, err := durable.LockFile(path)
	if errors.Is(err, durable.ErrLocked) {
		err = fmt.Errorf("%w: %s", ErrLocked, path)
	}
	return lock, err
}

func (osDisk) open(path string) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	return f, nil
}

func (osDisk) create(path string) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the caller's file
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
	if err != nil {
		return false
	}
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(named, opened)
}

// maxLinks ends the way along symbolic links that lead to each other.
const maxLinks = 40

// resolve follows symbolic links to a file, which need not exist yet: a compaction
// replaces the file, and the lock beside it must be one for all of its names.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, filepath.Base(path))
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", fmt.Errorf("fileledger: too many symbolic links to the ledger: %s", path)
}
