package fileledger

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// sector is what memDisk writes as a whole: small, so that a frame is of many.
const sector = 32

// memDisk is a disk in memory that can fail, and lose its power. As Linux does after an
// fsync that failed, it takes what could not be written for written.
type memDisk struct {
	mu    sync.Mutex
	names map[string]*memInode
	// synced has the names that a crash leaves.
	synced map[string]*memInode
	locks  map[string]bool
	// fail is asked before each operation; nil for none. With io.ErrShortWrite half of
	// what is written gets there.
	fail  func(op string) error
	syncs int
}

type memInode struct {
	now, durable []byte
	// versions are what the file was since the last sync, for the sectors of which any
	// version may be on the disk.
	versions [][]byte
	dirty    map[int64]bool // the sectors that the next sync writes
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*memInode{}, synced: map[string]*memInode{}, locks: map[string]bool{}}
}

// place has a durable file.
func (d *memDisk) place(path string, content []byte) {
	n := &memInode{now: slices.Clone(content), durable: slices.Clone(content)}
	d.names[path], d.synced[path] = n, n
}

func (d *memDisk) content(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return nil
	}
	return slices.Clone(d.names[path].now)
}

// crash ends all who have the disk open, and keeps a part of what was not synced.
func (d *memDisk) crash(r *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	names := d.synced
	if r.IntN(2) == 0 {
		names = d.names
	}
	for path, n := range names {
		after.place(path, n.survivor(r))
	}
	return after
}

// survivor is what a crash leaves of a file: each sector, and the length, as they were
// at some time since the last sync.
func (n *memInode) survivor(r *rand.Rand) []byte {
	versions := append([][]byte{n.durable}, n.versions...)
	if r.IntN(4) == 0 {
		versions = versions[:1]
	}
	out := make([]byte, len(versions[r.IntN(len(versions))]))
	for at := 0; at < len(out); at += sector {
		if v := versions[r.IntN(len(versions))]; at < len(v) {
			copy(out[at:min(at+sector, len(out))], v[at:])
		}
	}
	return out
}

func (d *memDisk) failing(op string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(op)
}

type memLock struct {
	d    *memDisk
	path string
}

func (l memLock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	delete(l.d.locks, l.path)
	return nil
}

func (d *memDisk) lock(path string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[path] {
		return nil, ErrLocked
	}
	d.locks[path] = true
	return memLock{d, path}, nil
}

func (d *memDisk) open(path string) (diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("open"); err != nil {
		return nil, err
	}
	if d.names[path] == nil {
		d.names[path] = &memInode{}
	}
	return &memFile{d: d, n: d.names[path]}, nil
}

func (d *memDisk) create(path string) (diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("create"); err != nil {
		return nil, err
	}
	if d.names[path] != nil {
		return nil, fs.ErrExist
	}
	d.names[path] = &memInode{}
	return &memFile{d: d, n: d.names[path], scratch: true}, nil
}

func (d *memDisk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return fs.ErrNotExist
	}
	delete(d.names, path)
	return nil
}

func (d *memDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.failing("rename")
	if err != nil && !errors.Is(err, errHalfDone) {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return err
}

// errHalfDone is of an operation that was done, and then failed.
var errHalfDone = errors.New("done, and failed")

func (d *memDisk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("syncdir"); err != nil {
		return err
	}
	d.synced = maps.Clone(d.names)
	return nil
}

func (d *memDisk) holds(path string, f diskFile) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[path] == f.(*memFile).n
}

type memFile struct {
	d       *memDisk
	n       *memInode
	scratch bool
	closed  bool
}

// op names an operation for fail.
func (f *memFile) op(name string) string {
	if f.scratch {
		return "scratch " + name
	}
	return name
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	if off >= int64(len(f.n.now)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	err := f.d.failing(f.op("write"))
	if errors.Is(err, io.ErrShortWrite) {
		b, err = b[:len(b)/2], nil // the caller sees that it was too little
	}
	if err != nil {
		return 0, err
	}
	next := slices.Clone(f.n.now)
	if missing := off + int64(len(b)) - int64(len(next)); missing > 0 {
		next = append(next, make([]byte, missing)...)
	}
	copy(next[off:], b)
	f.n.change(next)
	for s := off / sector; s*sector < off+int64(len(b)); s++ {
		f.n.dirty[s] = true
	}
	return len(b), nil
}

func (n *memInode) change(next []byte) {
	n.now, n.versions = next, append(n.versions, next)
	if n.dirty == nil {
		n.dirty = map[int64]bool{}
	}
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.failing(f.op("truncate")); err != nil {
		return err
	}
	f.n.change(slices.Clone(f.n.now[:min(size, int64(len(f.n.now)))]))
	f.n.dirty[size/sector] = true
	return nil
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.d.syncs++
	n := f.n
	if err := f.d.failing(f.op("sync")); err != nil {
		n.dirty = nil
		return err
	}
	durable := make([]byte, len(n.now))
	copy(durable, n.durable)
	for s := range n.dirty {
		if at := s * sector; at < int64(len(durable)) {
			copy(durable[at:min(at+sector, int64(len(durable)))], n.now[at:])
		}
	}
	n.durable, n.versions, n.dirty = durable, nil, nil
	return nil
}

func (f *memFile) Seek(_ int64, whence int) (int64, error) {
	if whence != io.SeekEnd {
		return 0, errors.ErrUnsupported
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.n.now)), nil
}

func (f *memFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	return nil
}
