package bulk

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// bufferSize is the size of the read buffer. Its content also shows the file's type.
const bufferSize = 64 << 10

// A signature is the first bytes of a file type.
type signature struct {
	bytes string
	// open skips the signature and returns the text.
	open func(r *bufio.Reader) (io.Reader, error)
}

// signatures are tried in order: UTF-32's byte order mark starts with UTF-16's.
var signatures = []signature{
	{"\xef\xbb\xbf", func(r *bufio.Reader) (io.Reader, error) { _, err := r.Discard(3); return r, err }},
	{"\xff\xfe\x00\x00", refuse("the file is in UTF-32: save it in UTF-8")},
	{"\x00\x00\xfe\xff", refuse("the file is in UTF-32: save it in UTF-8")},
	{"\xff\xfe", func(r *bufio.Reader) (io.Reader, error) {
		_, err := r.Discard(2)
		return &utf16Reader{r: r, low: 0}, err
	}},
	{"\xfe\xff", func(r *bufio.Reader) (io.Reader, error) {
		_, err := r.Discard(2)
		return &utf16Reader{r: r, low: 1}, err
	}},
	{"PK\x03\x04", refuse("the file is a ZIP archive or a spreadsheet: export the sheet as CSV")},
}

func refuse(message string) func(*bufio.Reader) (io.Reader, error) {
	return func(*bufio.Reader) (io.Reader, error) { return nil, &RowError{Message: message, Fatal: true} }
}

// openText returns the text of an input, without gzip and byte order mark. The text should be
// UTF-8; the caller checks it.
func openText(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(&lastingReader{r: r}, bufferSize)
	if head, _ := b.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReaderSize(z, bufferSize)
	}
	head, _ := b.Peek(4) // the first read returns the error again
	for _, s := range signatures {
		if !bytes.HasPrefix(head, []byte(s.bytes)) {
			continue
		}
		text, err := s.open(b)
		if err != nil {
			return nil, err
		}
		if text != io.Reader(b) {
			b = bufio.NewReaderSize(&lastingReader{r: text}, bufferSize)
		}
		break
	}
	return b, nil
}

// A lastingReader repeats its first error, because bufio drops an error that Peek finds. A wrapped
// io.EOF becomes io.ErrUnexpectedEOF: only a plain io.EOF ends an input.
type lastingReader struct {
	r   io.Reader
	err error
}

func (l *lastingReader) Read(p []byte) (n int, err error) {
	if l.err == nil {
		n, l.err = l.r.Read(p)
		if l.err != io.EOF && errors.Is(l.err, io.EOF) { //nolint:errorlint // see above
			l.err = fmt.Errorf("%w: %v", io.ErrUnexpectedEOF, l.err) //nolint:errorlint // hidden on purpose
		}
	}
	return n, l.err
}

// A utf16Reader converts UTF-16 to UTF-8. Half of a surrogate pair becomes an invalid byte, so the
// row is refused.
type utf16Reader struct {
	r    *bufio.Reader
	low  int // index of the low byte in a unit
	left []byte
	room [utf8.UTFMax]byte
	held rune // a unit that was read ahead
	has  bool
}

// Read fills p with whole characters. If p is small, it gets parts of one.
func (u *utf16Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(u.left) == 0 {
			if n > 0 && u.r.Buffered() < 4 { // do not block for more
				return n, nil
			}
			if err := u.fill(); err != nil {
				return n, err
			}
		}
		copied := copy(p[n:], u.left)
		n, u.left = n+copied, u.left[copied:]
	}
	return n, nil
}

func (u *utf16Reader) fill() error {
	c, err := u.unit()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(c) {
		next, err := u.unit()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		pair := utf16.DecodeRune(c, next)
		if err == nil && pair == utf8.RuneError {
			u.held, u.has = next, true
		}
		if pair == utf8.RuneError {
			u.left = append(u.room[:0], 0xff)
			return nil
		}
		c = pair
	}
	u.left = utf8.AppendRune(u.room[:0], c)
	return nil
}

func (u *utf16Reader) unit() (rune, error) {
	if u.has {
		u.has = false
		return u.held, nil
	}
	var b [2]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return 0, err // io.ErrUnexpectedEOF after half a unit
	}
	return rune(b[u.low]) | rune(b[1-u.low])<<8, nil
}
