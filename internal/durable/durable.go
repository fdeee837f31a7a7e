// Package durable writes small files that survive a crash of the process or the machine at any
// point. After a crash a file is complete: the old version or the new one. Functions that change a
// file sync it and its directory before they return.
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
	// tempAge is the age at which a temporary file counts as abandoned.
	tempAge = time.Hour
)

// ErrLocked means that another process or caller holds a lock.
var ErrLocked = errors.New("another holds the lock")

// An UnfitError means that the file or directory at a path must not be used. Must says what it must
// be.
type UnfitError struct{ Path, Must string }

func (e *UnfitError) Error() string { return e.Must }

// CheckDir returns an *UnfitError unless the path is a directory that only this process's user can
// read and write. On Windows it does not check owner and mode.
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

// CheckFile returns an *UnfitError unless the path is a regular file that only its owner can write
// to. A missing file is accepted.
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

// MakeDir creates a directory and its missing parents. It checks an existing directory as CheckDir
// does.
func MakeDir(path string) error {
	err := CheckDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDirs(path); err == nil {
			err = CheckDir(path)
		}
	}
	return err
}

// makeDirs also syncs each directory's parent, because a power cut could otherwise remove a new
// directory with its files.
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

// SyncDir makes creates, renames and removes in a directory durable.
func SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // on Windows directories cannot be synced, and need not be
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

// OpenRegular opens a file, and returns an *UnfitError unless it is regular. It checks before
// opening: opening a device can have effects, and opening a named pipe waits for the other end. It
// checks again after opening, because the file may have been replaced in between.
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

// Replace writes a file and replaces an existing one. It calls step with "written", "in place" and
// "durable".
func Replace(path string, text []byte, step func(string)) error {
	return write(path, text, os.Rename, step)
}

// Create writes a file if there is none; otherwise the error matches fs.ErrExist. The file system
// must support hard links. It calls step as Replace does.
func Create(path string, text []byte, step func(string)) error {
	return write(path, text, os.Link, step)
}

func write(path string, text []byte, place func(from, to string) error, step func(string)) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, tempPrefix(path)+"*"+tempExt) // CreateTemp uses mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // fails after a rename, with no effect
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

// RemoveTemps removes temporary files that Replace and Create left when their process was killed.
// It keeps files younger than an hour: a running process may still need them.
func RemoveTemps(path string) {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir) // a later call tries again
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix(path)) || !strings.HasSuffix(e.Name(), tempExt) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
			_ = os.Remove(filepath.Join(dir, e.Name())) // a later call tries again
		}
	}
}
