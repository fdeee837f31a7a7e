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

// partExt ends the name of a file while it is written.
const partExt = ".part"

// A part is a file that is written under another name, and renamed when it is complete. A process that is
// killed leaves it.
type part struct {
	path string
	file *os.File
	err  error // the first error of a write
	// lines is the number of lines written.
	lines int
}

// createPart creates the file, and replaces one that another process has left.
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

// Write implements io.Writer.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.lines += bytes.Count(b[:n], []byte("\n"))
	if err != nil && p.err == nil {
		p.err = err
	}
	return n, err
}

// keep renames the file: to its path after a complete run, and else to partialPath. A file with a write
// error is not renamed.
func (p *part) keep(whole bool) (place string, err error) {
	if place = p.path; !whole {
		place = partialPath(p.path)
	}
	err = p.err
	if err == nil {
		err = p.file.Sync()
	}
	if err == nil && !p.isOwn() {
		err = errors.New("another process has replaced it")
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
		return "", fmt.Errorf("%s is not complete and was not renamed to %s: %w", p.path+partExt, place, err)
	}
	return place, nil
}

// isOwn reports whether the file under the name is still this one.
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
		_ = os.Remove(p.path + partExt) // the name says that it is not complete
	}
}

// remove discards the file, and removes the one of an earlier run, which is outdated. A run that is not
// complete leaves the file of a complete one.
func (p *part) remove(whole bool) error {
	p.discard()
	if !whole {
		return removed(partialPath(p.path))
	}
	return errors.Join(removed(p.path), removed(partialPath(p.path)))
}

// removed removes a file, if it exists.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// partialPath returns the path of a file whose run did not reach its end.
func partialPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".partial" + ext
}

// A namedFile is a file that a command reads or writes, with the name of its flag.
type namedFile struct{ name, path string }

// places returns the paths that writing the file uses.
func (f namedFile) places() []string { return []string{f.path, f.path + partExt, partialPath(f.path)} }

// apart refuses to write over a file that is read or written under another name, over something other than a
// file, and where no file can be written.
func apart(written, read []namedFile) error {
	var flags []string
	for i, w := range written {
		flags = append(flags, w.name)
		for _, r := range read {
			if w.takes([]string{r.path}) {
				return usageError("%s would overwrite %s (%s): name another file", w.name, r.name, r.path)
			}
		}
		for _, other := range written[:i] {
			if w.takes(other.places()) {
				return usageError("%s would overwrite %s (%s): name another file", w.name, other.name, other.path)
			}
		}
		info, err := os.Stat(w.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return &exitError{exitFailed, err}
		case !info.Mode().IsRegular():
			return usageError("%s: %s is not a regular file", w.name, w.path)
		}
	}
	for _, w := range written {
		if err := writable(w.path); err != nil {
			return fmt.Errorf("%s cannot be written: %w. Nothing was sent. Name another file with %s", w.path, err, strings.Join(flags, " and "))
		}
	}
	return nil
}

func (f namedFile) takes(paths []string) bool {
	return slices.ContainsFunc(f.places(), func(own string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return sameFile(own, other) })
	})
}

// writable creates and removes a file in the same folder.
func writable(path string) error {
	probe, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partExt)
	if err == nil {
		_ = probe.Close() // nothing was written
		err = os.Remove(probe.Name())
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err // the path is a temporary one
	}
	return err
}

// ledgerFiles returns the files of a ledger.
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
