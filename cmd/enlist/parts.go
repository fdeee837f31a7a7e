package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enlist-go/enlist/internal/durable"
)

// partExt is what a file is called behind its name while it is written.
const partExt = ".part"

// A part is a file that is written beside its place, and takes it when it is whole. A process
// that is killed leaves it.
type part struct {
	path string
	file *os.File
	err  error // the first that a write had
}

// createPart begins a file, in the place of what another process has left.
func createPart(path string) (*part, error) {
	if err := os.Remove(path + partExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path+partExt, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	return &part{path: path, file: f}, nil
}

// Write writes on.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}

// keep has the file take its place. One that could not be written whole is left where it is.
func (p *part) keep() error {
	err := p.err
	if err == nil {
		err = p.file.Sync()
	}
	if e := p.file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(p.path+partExt, p.path)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(p.path))
	}
	if err != nil {
		return fmt.Errorf("%s is not whole and was not put in its place, %s: %w", p.path+partExt, p.path, err)
	}
	return nil
}

// discard removes the file.
func (p *part) discard() {
	_ = p.file.Close()              // it is removed
	_ = os.Remove(p.path + partExt) // nobody takes it for whole
}

// remove removes what is in the file's place too: it is of an earlier run, and says what is no more.
func (p *part) remove() error {
	p.discard()
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A namedFile is one that a command reads or writes, by the flag or the like that names it.
type namedFile struct{ name, path string }

// apart refuses files to be written that are something else's: what is read, another one that is
// written, or no file at all.
func apart(written, read []namedFile) error {
	for i, w := range written {
		for _, path := range []string{w.path, w.path + partExt} {
			for _, r := range append(append([]namedFile{}, read...), written[:i]...) {
				if sameFile(path, r.path) {
					return usageError("%s would be written over %s (%s): name another file", w.name, r.name, r.path)
				}
			}
		}
		info, err := os.Stat(w.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return &exitError{exitFailed, err}
		case !info.Mode().IsRegular():
			return usageError("%s: %s is not a file that can be replaced", w.name, w.path)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	if b == "" || b == standardInput {
		return false
	}
	if x, err := filepath.Abs(a); err == nil {
		if y, err := filepath.Abs(b); err == nil && x == y {
			return true
		}
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
