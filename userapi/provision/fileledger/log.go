package fileledger

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The file is a head and then frames, without gaps. Numbers are little-endian.
//
//	head:  magic 16 | version 4 | checksum 4 | id 8 | whole 8
//	frame: length 8 | batch 8 | checksum 4 | payload
//
// A frame's payload is a frameContent, of length bytes. The checksum is CRC-32C over
// the file's id, the frame's own offset, its length, its batch and the payload: a piece
// of another file, or from another offset, does not pass as a frame.
//
// # What was promised, and what may be torn
//
// Frames are written in batches: one write, one fsync, and only then do the Stores of
// the batch return. A batch is begun when the one before it is durable. So only the
// last batch in the file may be torn: cut off, or with any of its blocks missing, in
// any order. No Store of that batch has returned. To know after a crash which batch a
// byte is of, each frame names the offset at which its batch begins, and that says: all
// before it was durable when this was written. Two more say the same. The head's whole
// is the offset up to which the file was durable before it got its name: that of a
// compacted file is its end. And behind the last batch stands a mark, a frame without a
// payload whose batch is its own offset; it is written when the batch is durable, is
// not synced itself, and is overwritten by the next batch.
//
// On opening, frames are read up to the first that is broken, at X:
//
//   - X is in front of whole, or behind X there is a frame that is not broken and whose
//     batch begins behind X: what stands at X was durable, and is damaged. That is
//     ErrCorrupt, and the file is left as it is.
//   - Otherwise X is in the last batch, of which no fsync is known to have ended. It is
//     cut off at X. The frames of the batch in front of X are kept: each is one Store, whole.
//
// What is not known durable is then written again, the same bytes, and synced: after an
// fsync that failed, the system may show from memory what is not on the disk.
//
// There is one gap, and no file has none: when the last batch is damaged after it was
// promised, and its mark is gone too, it looks like one that was torn. So does a file
// that somebody has cut off.
const (
	fileMagic    = "enlist ledger\x1a\r\n" // text mode would mangle it
	fileVersion  = 1
	headSize     = int64(16 + 4 + 4 + 8 + 8)
	frameHead    = int64(8 + 8 + 4)
	headKnown    = 16 + 4 // how much of a new file's head is known before
	searchWindow = 64 << 10
)

// ErrCorrupt means that a ledger's file is damaged in a part that was durable. The file
// was not changed.
var ErrCorrupt = errors.New("fileledger: the ledger's file is damaged")

var (
	errForeign = errors.New("fileledger: the file is not a ledger")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A logFile is the file of a ledger.
type logFile struct {
	file  diskFile
	id    [8]byte
	whole int64
	// end is where the next batch goes; all before it is durable.
	end int64
}

// A frame is one that is not broken.
type frame struct {
	batch   int64
	payload []byte // nil for a mark
}

// openLog opens a file, or makes it, and calls take with the payload of each frame and
// where it stands. Before it returns the file has been repaired where it was torn, and
// is durable, as is its name.
func openLog(disk diskSystem, path string, take func(payload []byte, at, whole int64) error) (*logFile, error) {
	file, err := disk.open(path)
	if err != nil {
		return nil, err
	}
	l := newLog(file)
	if err = l.load(take); err == nil {
		err = disk.syncDir(path)
	}
	if err != nil {
		_ = file.Close() // what could fail was synced before
		return nil, err
	}
	l.mark()
	return l, nil
}

func newLog(file diskFile) *logFile {
	l := &logFile{file: file}
	_, _ = rand.Read(l.id[:]) // it never fails
	return l
}

func (l *logFile) load(take func(payload []byte, at, whole int64) error) error {
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	fresh, err := l.readHead(size)
	switch {
	case err != nil:
		return err
	case fresh:
		if err := l.file.Truncate(0); err != nil {
			return err
		}
		return l.begin(headSize)
	}
	synced, err := l.replay(size, take)
	if err != nil {
		return err
	}
	return l.repair(size, synced)
}

// begin writes the head of a file that holds frames up to whole, and syncs it all.
func (l *logFile) begin(whole int64) error {
	l.whole, l.end = whole, whole
	if err := writeAt(l.file, l.headBytes(), 0); err != nil {
		return err
	}
	return l.file.Sync()
}

func (l *logFile) headBytes() []byte {
	b := make([]byte, 0, headSize)
	b = append(b, fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, fileVersion)
	rest := appendInt64(l.id[:], l.whole)
	b = binary.LittleEndian.AppendUint32(b, headSum(b, rest))
	return append(b, rest...)
}

// headSum is the checksum of the head without the sum itself.
func headSum(known, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(known, castagnoli), castagnoli, rest)
}

// readHead reads the head. fresh: the file is empty, or a crash interrupted the making
// of the head.
func (l *logFile) readHead(size int64) (fresh bool, err error) {
	b := make([]byte, min(size, headSize))
	if err := readAt(l.file, b, 0); err != nil {
		return false, err
	}
	known := binary.LittleEndian.AppendUint32([]byte(fileMagic), fileVersion)
	if int64(len(b)) == headSize && bytes.HasPrefix(b, []byte(fileMagic)) {
		if version := binary.LittleEndian.Uint32(b[len(fileMagic):]); version > fileVersion {
			return false, fmt.Errorf("%w (its version is %d, the one known is %d)", errNewer, version, fileVersion)
		}
		sum, rest := binary.LittleEndian.Uint32(b[headKnown:]), b[headKnown+4:]
		l.id, l.whole = [8]byte(rest), int64At(rest[8:])
		switch {
		case sum == headSum(b[:headKnown], rest) && headSize <= l.whole && l.whole <= size:
			return false, nil
		case sum == headSum(b[:headKnown], rest):
			return false, corruptAt(size)
		case size > headSize:
			return false, corruptAt(0)
		}
	}
	n := 0
	for n < len(b) && n < headKnown && b[n] == known[n] {
		n++
	}
	if size <= headSize && (n == headKnown || len(bytes.Trim(b[n:], "\x00")) == 0) {
		return true, nil
	}
	return false, errForeign
}

// replay reads the frames, up to the end or to what is torn, which becomes the log's end.
// It returns the offset up to which the file is known to have been durable.
func (l *logFile) replay(size int64, take func(payload []byte, at, whole int64) error) (synced int64, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(l.file, headSize, size-headSize), 1<<18)
	at, batch, synced := headSize, headSize, l.whole
	var buf []byte
	for {
		var f frame
		var ok bool
		f, buf, ok, err = l.readFrame(r, at, size, buf)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if f.batch != at && f.batch != batch {
			return 0, corruptAt(at) // its writer did not know what stood before it
		}
		batch, synced = f.batch, max(synced, f.batch)
		if f.payload == nil {
			break
		}
		if err := take(f.payload, at, l.whole); err != nil {
			return 0, err
		}
		at += frameHead + int64(len(f.payload))
	}
	if at < l.whole {
		return 0, corruptAt(at)
	}
	proven, err := l.provenBehind(at, size)
	if err != nil {
		return 0, err
	}
	if proven {
		return 0, corruptAt(at)
	}
	l.end = at
	return synced, nil
}

// readFrame reads the frame at an offset, where r stands, into buf or a larger one. ok
// is false if there is none that is not broken.
func (l *logFile) readFrame(r io.Reader, at, size int64, buf []byte) (f frame, _ []byte, ok bool, err error) {
	if size-at < frameHead {
		return f, buf, false, nil
	}
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, buf, false, err
	}
	length, batch := int64At(head[:]), int64At(head[8:])
	if !plausible(length, batch, at, size) {
		return f, buf, false, nil
	}
	if int64(cap(buf)) < length {
		buf = make([]byte, length)
	}
	buf = buf[:length]
	if _, err := io.ReadFull(r, buf); err != nil {
		return f, buf, false, err
	}
	if binary.LittleEndian.Uint32(head[16:]) != l.sum(at, head[:16], buf) {
		return f, buf, false, nil
	}
	f.batch = batch
	if length > 0 {
		f.payload = buf
	}
	return f, buf, true, nil
}

// plausible reports whether a frame of such a length and batch can stand at an offset.
func plausible(length, batch, at, size int64) bool {
	return 0 <= length && length <= maxPayload && length <= size-at-frameHead &&
		headSize <= batch && batch <= at && (length > 0 || batch == at)
}

// provenBehind reports whether behind an offset stands a frame that proves that what is
// at the offset was durable: one whose batch begins behind it.
func (l *logFile) provenBehind(from, size int64) (bool, error) {
	window := make([]byte, searchWindow+frameHead)
	var buf []byte
	for base := from + 1; base+frameHead <= size; base += searchWindow {
		b := window[:min(int64(len(window)), size-base)]
		if err := readAt(l.file, b, base); err != nil {
			return false, err
		}
		for i := range int64(searchWindow) {
			if i+frameHead > int64(len(b)) {
				break
			}
			at := base + i
			length, batch := int64At(b[i:]), int64At(b[i+8:])
			if batch <= from || !plausible(length, batch, at, size) {
				continue
			}
			var ok bool
			var err error
			if _, buf, ok, err = l.readFrame(io.NewSectionReader(l.file, at, size-at), at, size, buf); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// repair cuts off what is torn, and makes durable what is not known to be.
func (l *logFile) repair(size, synced int64) error {
	if size > l.end {
		if err := l.file.Truncate(l.end); err != nil {
			return err
		}
	}
	if synced == headSize {
		synced = 0 // the head itself may be what was not synced
	}
	again := io.NewSectionReader(l.file, synced, l.end-synced)
	if _, err := io.Copy(io.NewOffsetWriter(l.file, synced), again); err != nil {
		return err
	}
	return l.file.Sync()
}

// append writes a batch, which is durable when it returns.
func (l *logFile) append(payloads [][]byte) error {
	size := int64(0)
	for _, p := range payloads {
		size += frameHead + int64(len(p))
	}
	b := make([]byte, 0, size)
	for _, p := range payloads {
		b = l.appendFrame(b, l.end+int64(len(b)), l.end, p)
	}
	if err := writeAt(l.file, b, l.end); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.end += size
	return nil
}

// mark records that everything that was written is durable. If it fails, less is known
// after a crash, and nothing is lost.
func (l *logFile) mark() { _, _ = l.file.WriteAt(l.appendFrame(nil, l.end, l.end, nil), l.end) }

func (l *logFile) appendFrame(b []byte, at, batch int64, payload []byte) []byte {
	var head [frameHead]byte
	front := appendInt64(appendInt64(head[:0], int64(len(payload))), batch)
	b = append(b, front...)
	b = binary.LittleEndian.AppendUint32(b, l.sum(at, front, payload))
	return append(b, payload...)
}

// sum is the checksum of a frame: front is its head without it.
func (l *logFile) sum(at int64, front, payload []byte) uint32 {
	var place [16]byte
	sum := crc32.Checksum(appendInt64(append(place[:0], l.id[:]...), at), castagnoli)
	return crc32.Update(crc32.Update(sum, castagnoli, front), castagnoli, payload)
}

func corruptAt(offset int64) error { return fmt.Errorf("%w at byte %d", ErrCorrupt, offset) }

func writeAt(w io.WriterAt, b []byte, at int64) error {
	n, err := w.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// readAt fills b. A file that is shorter than it was is io.ErrUnexpectedEOF.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

func appendInt64(b []byte, n int64) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(n)) //nolint:gosec // int64At turns it back
}

func int64At(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) } //nolint:gosec // what is negative is not plausible
