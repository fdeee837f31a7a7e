package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// standardInput names standard input in place of a file.
const standardInput = "-"

// A people is an open file of people.
type people struct {
	bulk.Source

	// size is the file's size, or 0 if it is unknown. read is how much of the file was read.
	size int64
	read atomic.Int64
	file *os.File
	also *people // closed together with this one
}

// openPeople opens a file of CSV or of JSON Lines. The file's name says which, or on standard input the first
// character.
func openPeople(env *environment, path string, csv config.CSV) (*people, error) {
	p := &people{}
	var in io.Reader
	var lines bool
	if path == standardInput {
		b := bufio.NewReaderSize(env.in, peeked)
		in, lines = b, beginsAsLines(b)
	} else {
		f, err := os.Open(path) //nolint:gosec // the caller names the file
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			p.size = info.Size()
		}
		p.file, in, lines = f, f, isLines(path)
	}
	counted := &countingReader{in, &p.read}
	if lines {
		p.Source = bulk.JSONLines(counted)
		return p, nil
	}
	p.Source = bulk.CSV(counted, bulk.CSVOptions{Comma: csv.Comma, Null: csv.Null, Header: csv.Header})
	return p, nil
}

// peeked is the largest part of standard input that is looked at to find its format.
const peeked = 4 << 10

// beginsAsLines reports whether an input, which may be compressed, begins as JSON Lines. It ignores faults,
// which the Source reports later. It reads no further than it needs to.
func beginsAsLines(b *bufio.Reader) bool {
	if head, _ := b.Peek(2); string(head) == "\x1f\x8b" {
		head, _ = b.Peek(peeked)
		z, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return false
		}
		b = bufio.NewReaderSize(z, peeked)
	}
	for n := 1; n <= peeked; n++ {
		head, err := b.Peek(n)
		if err != nil {
			return false
		}
		switch c := head[n-1]; {
		case c == '{':
			return true
		case strings.IndexByte(blanks, c) >= 0, n <= 3 && strings.IndexByte(marks, c) >= 0:
		default:
			return false
		}
	}
	return false
}

const (
	// blanks may stand before the first object. In UTF-16 a NUL stands beside each.
	blanks = " \t\r\n\x00"
	// marks are the bytes of the byte order marks.
	marks = "\xef\xbb\xbf\xff\xfe"
)

// isLines reports whether a file has JSON Lines, compressed or not, by its name.
func isLines(path string) bool {
	switch ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".gz"))); ext {
	case ".jsonl", ".ndjson", ".json":
		return true
	}
	return false
}

// Close closes the file.
func (p *people) Close() error {
	var err error
	if p.also != nil {
		err = p.also.Close()
	}
	if p.file == nil {
		return err
	}
	return errors.Join(err, p.file.Close())
}

// done returns the share of the file that was read, from 0 to 1; 0 if it is unknown.
func (p *people) done() float64 {
	return float64(p.read.Load()) / float64(cmp.Or(p.size, 1<<62))
}

// A countingReader counts the bytes that it reads.
type countingReader struct {
	io.Reader

	n *atomic.Int64
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n.Add(int64(n))
	return n, err
}

// ofConfig replaces names of the library's options by names of the config's members.
var ofConfig = strings.NewReplacer(
	"CSVOptions.Comma", "csv.comma in the config", "CSVOptions.Header", "csv.header in the config", "CSVOptions.Null", "csv.null in the config",
	"Mapping.Columns", "columns in the config", "Mapping.Targets", "columns of a target in the config",
	"bulk: ", "",
)
