package durable

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// ErrGone means that a mark was moved, or that another file replaced it.
var ErrGone = errors.New("the file was moved away while it was needed")

// A Mark is a file that only one caller, in any process, can create. It is locked while it is open,
// if the system has such locks: Linux, macOS and the BSDs. It can reserve disk space for a text
// that is written later.
type Mark struct {
	path string
	file *os.File
}

// CreateMark creates a mark. If one exists, the error matches fs.ErrExist.
func CreateMark(path string) (*Mark, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	_ = tryLock(f) // cannot fail: others only open it for a moment, to check it
	return &Mark{path, f}, nil
}

// OpenMark opens an existing mark. held reports that its holder is still running.
func OpenMark(path string) (m *Mark, held bool, err error) {
	f, err := OpenRegular(path, os.O_RDWR)
	if err != nil {
		return nil, false, err
	}
	return &Mark{path, f}, tryLock(f), nil
}

// Reserve allocates size bytes for a later text and fills them with line ends. A copy-on-write file
// system, such as Btrfs or ZFS, can still run out of space. Reserve calls step with "written" and
// "durable".
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

// Fill writes a text into the reserved space. A crash can leave a part of the text.
func (m *Mark) Fill(text []byte) error {
	if _, err := m.file.WriteAt(text, 0); err != nil {
		return err
	}
	_ = m.file.Truncate(int64(len(text))) // if it fails, white space stays behind the text
	return m.file.Sync()
}

// Holds returns nil while the mark is the file at its path. A nil mark returns ErrGone.
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

// End syncs the mark and renames it to a path in its directory. If to is empty, it removes the
// mark. If another file has replaced the mark, End leaves that file and returns an error.
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
		m.Close() // Windows cannot rename an open file
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

// Close closes the file, which releases the lock. The mark stays on disk. Close of a nil mark does
// nothing.
func (m *Mark) Close() {
	if m != nil {
		_ = m.file.Close() // Fill and Reserve have synced it
	}
}
