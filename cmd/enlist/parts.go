package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
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
	// lines is how many were written.
	lines int
}

// createPart begins a file, in the place of what another process has left.
func createPart(path string) (*part, error) {
	if err := removed(path + partExt); err != nil {
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
	p.lines += bytes.Count(b[:n], []byte("\n"))
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}

// keep has the file take a place: its own if it is of a whole run, and else one beside that. Its own
// then has what an earlier run has left there. One that could not be written whole is left where it is.
func (p *part) keep(whole bool) (place string, err error) {
	if place = p.path; !whole {
		place = partialPath(p.path)
	}
	err = p.err
	if err == nil {
		err = p.file.Sync()
	}
	if err == nil && !p.isOwn() {
		err = errors.New("another process has written there")
	}
	if e := p.file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(p.path+partExt, place)
	}
	if err == nil && whole {
		err = removed(partialPath(p.path)) // it is of an earlier run
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(p.path))
	}
	if err != nil {
		return "", fmt.Errorf("%s is not whole and was not put in its place, %s: %w", p.path+partExt, place, err)
	}
	return place, nil
}

// isOwn reports whether what is in the part's place is the part.
func (p *part) isOwn() bool {
	own, err := p.file.Stat()
	there, e := os.Stat(p.path + partExt)
	return err == nil && e == nil && os.SameFile(own, there)
}

// discard removes the file.
func (p *part) discard() {
	own := p.isOwn()
	_ = p.file.Close() // it is removed
	if own {
		_ = os.Remove(p.path + partExt) // nobody takes it for whole
	}
}

// remove removes what is in the file's place too: it is of an earlier run, and says what is no more. A
// run that is not whole leaves that of a whole one.
func (p *part) remove(whole bool) error {
	p.discard()
	if !whole {
		return removed(partialPath(p.path))
	}
	return errors.Join(removed(p.path), removed(partialPath(p.path)))
}

// removed removes a file, if it is there.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// partialPath is where a file goes whose run did not come to the end: beside the place of a whole one.
func partialPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".partial" + ext
}

// A namedFile is one that a command reads or writes, by the flag or the like that names it.
type namedFile struct{ name, path string }

// places are the paths that a file takes which is written.
func (f namedFile) places() []string { return []string{f.path, f.path + partExt, partialPath(f.path)} }

// apart refuses files to be written that are something else's: what is read, another one that is
// written, no file at all, or one where none can be written.
func apart(written, read []namedFile) error {
	var flags []string
	for i, w := range written {
		flags = append(flags, w.name)
		for _, r := range read {
			if w.takes([]string{r.path}) {
				return usageError("%s would be written over %s (%s): name another file", w.name, r.name, r.path)
			}
		}
		for _, other := range written[:i] {
			if w.takes(other.places()) {
				return usageError("%s would be written over %s (%s): name another file", w.name, other.name, other.path)
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
	for _, w := range written {
		if err := writable(w.path); err != nil {
			return fmt.Errorf("%s cannot be written: %w. Nothing was sent. Name a file elsewhere by %s", w.path, err, strings.Join(flags, " and "))
		}
	}
	return nil
}

func (f namedFile) takes(paths []string) bool {
	return slices.ContainsFunc(f.places(), func(own string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return sameFile(own, other) })
	})
}

// writable finds out whether a file can be written, by another one beside it that it removes.
func writable(path string) error {
	probe, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partExt)
	if err == nil {
		_ = probe.Close() // nothing was written
		err = os.Remove(probe.Name())
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err // the path is one that nobody knows
	}
	return err
}

// ledgerFiles are those that belong to a ledger.
func ledgerFiles(place ledger.Place) []namedFile {
	files := []namedFile{{"the key", place.KeyFile()}, {"the ledger", place.File()}}
	for _, path := range place.Beside() {
		files = append(files, namedFile{"a file of the ledger", path})
	}
	return files
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
