package durable

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// ErrGone says that a mark was moved away, or that another one took its place.
var ErrGone = errors.New("the file was moved away while it was needed")

// A Mark is a file that exactly one caller can create, in whatever process. It is locked
// while it is open, where the system has such locks: Linux, macOS and the BSDs. It holds
// the space on the disk that a text needs which is written into it later.
type Mark struct {
	path string
	file *os.File
}

// CreateMark creates a mark. The error matches fs.ErrExist where there is one.
func CreateMark(path string) (*Mark, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	_ = tryLock(f) // nobody else has it open yet, or only to see that it is there
	return &Mark{path, f}, nil
}

// OpenMark opens a mark whose holder may have ended. held reports that it has not.
func OpenMark(path string) (m *Mark, held bool, err error) {
	f, err := OpenRegular(path, os.O_RDWR)
	if err != nil {
		return nil, false, err
	}
	return &Mark{path, f}, tryLock(f), nil
}

// Reserve takes the space for a text of so many bytes, and fills it with white space. A
// file system that never writes in place, as Btrfs and ZFS, may need more nevertheless.
// step is called with "written" and "durable".
func (m *Mark) Reserve(size int, step func(string)) error {
	if _, err := m.file.Write(bytes.Repeat([]byte{'\n'}, size)); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	step("written")
	if err := SyncDir(filepath.Dir(m.path)); err != nil {
		return err
	}
	step("durable")
	return nil
}

// Fill writes a text into the space that was reserved. A crash may leave a part of it.
func (m *Mark) Fill(text []byte) error {
	if _, err := m.file.WriteAt(text, 0); err != nil {
		return err
	}
	_ = m.file.Truncate(int64(len(text))) // what stays behind it is white space
	return m.file.Sync()
}

// Holds returns nil while the mark is the file at its path. nil is the mark of nothing.
func (m *Mark) Holds() error {
	if m == nil {
		return ErrGone
	}
	there, err := os.Lstat(m.path)
	if err != nil {
		return err
	}
	if ours, err := m.file.Stat(); err != nil || !os.SameFile(ours, there) {
		return errors.Join(ErrGone, err)
	}
	return nil
}

// End renames the mark to a path in its directory, or removes it where none is given.
// Another one that took its place is left, and an error. What is renamed is synced first.
func (m *Mark) End(to string) error {
	err := m.Holds()
	if err != nil {
		return err
	}
	if to != "" {
		if err := m.file.Sync(); err != nil { // another process may have filled it
			return err
		}
	}
	if runtime.GOOS == "windows" {
		m.Close() // no open file can be renamed there
	}
	if to == "" {
		err = os.Remove(m.path)
	} else {
		err = os.Rename(m.path, to)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(m.path))
}

// Close closes the file and so lets go of the lock. The mark stays. nil has none.
func (m *Mark) Close() {
	if m != nil {
		_ = m.file.Close() // what was written to it is synced
	}
}
