// Package durable writes small files so that they survive a crash of the process or the
// machine at any point: a file is the old one or the new one, whole. Functions that
// change a file sync it and its directory before they return.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	dirMode = 0o700
	tempExt = ".tmp"
	// tempAge is when a temporary file is nobody's any more.
	tempAge = time.Hour
)

// ErrLocked means that another process or caller holds a lock.
var ErrLocked = errors.New("another holds the lock")

// An UnfitError is of something in the place of a file or a directory that must not be
// used. Must says what it must be.
type UnfitError struct{ Path, Must string }

func (e *UnfitError) Error() string { return e.Must }

// CheckDir refuses what is not a directory in which this process's user alone can read and
// write, with an *UnfitError. It knows no owners and modes on Windows.
func CheckDir(path string) error {
	if path == "" {
		return &UnfitError{"", "the directory must have a path"}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &UnfitError{path, "the path must be a directory"}
	case !isOwn(info):
		return &UnfitError{path, "the directory must belong to the user that runs this process"}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return &UnfitError{path, fmt.Sprintf("the directory must be its owner's alone, mode 0700, and has mode %#o", info.Mode().Perm())}
	}
	return nil
}

// CheckFile refuses, with an *UnfitError, what is not a regular file, and one that others
// than its owner can write to. A file that does not exist is fit.
func CheckFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return &UnfitError{path, "the file must not be a symbolic link"}
	case !info.Mode().IsRegular():
		return &UnfitError{path, "the file must be a regular one, and has mode " + info.Mode().String()}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return &UnfitError{path, fmt.Sprintf("its owner alone may write to the file, which has mode %#o", info.Mode().Perm())}
	}
	return nil
}

// MakeDir makes a directory and those above it that are missing, or checks the one that is
// there as CheckDir does.
func MakeDir(path string) error {
	err := CheckDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDirs(path); err == nil {
			err = CheckDir(path)
		}
	}
	return err
}

// makeDirs syncs each directory's parent: a file is of no use in a directory that a power
// cut takes away.
func makeDirs(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// SyncDir makes durable what was created, renamed or removed in a directory.
func SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there, and need not be
	}
	f, err := os.Open(path) //nolint:gosec // the caller's own directory
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// OpenRegular opens a file that must be a regular one, and is an *UnfitError if not. It
// looks before: to open a device can do something, and to open a named pipe waits for its
// other end. What takes the file's place in between it looks at again.
func OpenRegular(path string, flag int) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() {
		var f *os.File
		if f, err = os.OpenFile(path, flag|openNonblock, 0); err != nil { //nolint:gosec // the caller names the file
			return nil, err
		}
		if info, err = f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, nil
		}
		_ = f.Close() // nothing was written to it
	}
	if err != nil {
		return nil, err
	}
	return nil, &UnfitError{path, "the file must be a regular one, and has mode " + info.Mode().String()}
}

// Replace writes a file in the place of the one at a path, if there is one. step is called
// with "written", "in place" and "durable".
func Replace(path string, text []byte, step func(string)) error {
	return write(path, text, os.Rename, step)
}

// Create writes a file if there is none: the error matches fs.ErrExist if there is. The
// file system must know hard links. step is as for Replace.
func Create(path string, text []byte, step func(string)) error {
	return write(path, text, os.Link, step)
}

func write(path string, text []byte, place func(from, to string) error, step func(string)) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, tempPrefix(path)+"*"+tempExt) // its mode is 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // after a rename there is nothing left to remove
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	if e := temp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	step("written")
	if err := place(temp.Name(), path); err != nil {
		return err
	}
	step("in place")
	if err := SyncDir(dir); err != nil {
		return err
	}
	step("durable")
	return nil
}

func tempPrefix(path string) string {
	base := filepath.Base(path)
	return "." + strings.TrimSuffix(base, filepath.Ext(base)) + "."
}

// RemoveTemps removes what Replace and Create have left of a file in processes that
// were killed. What is younger than an hour may belong to another process that is running.
func RemoveTemps(path string) {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir) // next time, then
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix(path)) || !strings.HasSuffix(e.Name(), tempExt) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
			_ = os.Remove(filepath.Join(dir, e.Name())) // likewise
		}
	}
}
