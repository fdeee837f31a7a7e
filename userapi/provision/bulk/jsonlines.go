package bulk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// JSONLines reads JSON Lines, one object on each line, also compressed with gzip. Numbers keep
// every digit. Lists and objects are kept as they are. A row may have DefaultMaxRowBytes. The
// package documentation has the details under JSON Lines.
func JSONLines(r io.Reader) Source { return &jsonSource{r: r} }

type jsonSource struct {
	r    io.Reader
	read bool
}

// Rows yields the objects.
func (s *jsonSource) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if s.read {
			yield(Row{}, fatal(0, errReadTwice, "the input was read already"))
			return
		}
		if err := stopped(ctx, 0); err != nil {
			yield(Row{}, err)
			return
		}
		s.read = true
		text, err := openText(s.r)
		if err != nil {
			yield(Row{Line: 1}, broken(1, err))
			return
		}
		lines := lineReader{r: text, next: 1}
		for some := false; ; {
			if err := stopped(ctx, lines.next); err != nil {
				yield(Row{Line: err.Line}, err)
				return
			}
			line, err := lines.read()
			switch {
			case errors.Is(err, io.EOF):
				if !some {
					yield(Row{}, fatal(line, ErrNoRows, "the file has no rows"))
				}
				return
			case err != nil:
				yield(Row{Line: line}, broken(line, err))
				return
			case lines.size == len(lines.text) && len(bytes.TrimSpace(lines.text)) == 0:
				continue
			}
			row, fault := lines.row(line, !some)
			some = true
			if fault == nil {
				if !yield(row, nil) {
					return
				}
			} else if !yield(row, fault) || fault.Fatal {
				return
			}
		}
	}
}

// A lineReader reads lines that end in LF, CRLF or CR. A JSON text cannot contain a raw LF or CR.
type lineReader struct {
	r    *bufio.Reader
	next int64  // the number of the next line
	text []byte // of the current line, at most DefaultMaxRowBytes
	size int    // full length of the current line
}

// read reads a line and returns its number. At the end the error is io.EOF.
func (l *lineReader) read() (line int64, err error) {
	l.text, l.size = l.text[:0], 0
	for line = l.next; ; {
		b, err := l.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && l.size > 0:
			return line, nil
		case err != nil:
			return line, err
		case b == '\r':
			if next, err := l.r.Peek(1); err == nil && next[0] == '\n' {
				_, _ = l.r.ReadByte()
			}
			l.next++
			return line, nil
		case b == '\n':
			l.next++
			return line, nil
		}
		if l.size++; l.size <= DefaultMaxRowBytes {
			l.text = append(l.text, b)
		}
	}
}

// row decodes the current line.
func (l *lineReader) row(line int64, first bool) (Row, *RowError) {
	row, bad := Row{Line: line}, RowError{Line: line}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	err := json.Unmarshal(l.text, &raw)
	incomplete := errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input"
	switch {
	case l.size > len(l.text):
		bad.Message = fmt.Sprintf("the row is longer than %d bytes", DefaultMaxRowBytes)
	case !utf8.Valid(l.text):
		bad.Message = notUTF8
	case first && (incomplete || l.text[0] == '['):
		bad.Message, bad.Fatal = "the first line is not a complete object: write one object on each line", true
	case bytes.HasPrefix(l.text, []byte(mark)):
		bad.Message = "a byte order mark is in the middle of the file: files were joined"
	case incomplete:
		bad.Message = "the line ends inside a JSON value"
	case syntax != nil:
		bad.Message = fmt.Sprintf("the line is not one JSON object: unexpected byte %d", syntax.Offset)
	case err != nil || raw[0] != '{':
		bad.Message = "a JSON object is expected"
	case halfPair(raw):
		bad.Message = `an escape \ud800 to \udfff is half of a character`
	default:
		d := jsonDecoder{Decoder: json.NewDecoder(bytes.NewReader(raw))}
		d.UseNumber()
		row.Values, _ = d.value(0).(map[string]any)
		if d.fault == "" {
			return row, nil
		}
		row.Values, bad.Message, bad.Column = nil, d.fault, d.column
	}
	return row, &bad
}

// maxDepth bounds the depth of lists and objects.
const maxDepth = 100

// A jsonDecoder decodes a valid text. It refuses what encoding/json accepts without an error.
type jsonDecoder struct {
	*json.Decoder
	column string // the member that is being decoded
	fault  string
}

func (d *jsonDecoder) value(depth int) any {
	token, err := d.Token()
	if _, deeper := token.(json.Delim); err != nil || deeper && depth >= maxDepth {
		d.fault = fmt.Sprintf("lists and objects are more than %d deep", maxDepth)
	}
	if d.fault != "" {
		return nil
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return d.object(depth)
		}
		list := []any{}
		for d.fault == "" && d.More() {
			list = append(list, d.value(depth+1))
		}
		_, _ = d.Token()
		return list
	case string:
		d.text(t)
	}
	return token
}

func (d *jsonDecoder) object(depth int) map[string]any {
	object := map[string]any{}
	for d.fault == "" && d.More() {
		token, _ := d.Token()
		name, _ := token.(string)
		if depth == 0 {
			d.column = name
		}
		d.text(name)
		if _, twice := object[name]; twice {
			d.fault = "a member appears twice"
		}
		if name == "" && depth == 0 {
			d.fault = "a member has no name"
		}
		object[name] = d.value(depth + 1)
	}
	_, _ = d.Token()
	return object
}

func (d *jsonDecoder) text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		d.fault = "the text has a NUL"
	}
}

// halfPair reports whether a valid JSON text escapes half of a surrogate pair. encoding/json would
// replace it.
func halfPair(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++ // the escaped character
		if !surrogate(text[i:], "89ABab") {
			if surrogate(text[i:], "CDEFcdef") {
				return true
			}
			continue
		}
		i += len("ud800")
		if text[i] != '\\' || !surrogate(text[i+1:], "CDEFcdef") {
			return true
		}
		i += len("udc00")
	}
	return false
}

// surrogate reports whether text begins with the escape of a surrogate, without the backslash. Its
// second digit must be in second.
func surrogate(text []byte, second string) bool {
	return len(text) >= len("ud800") && text[0] == 'u' && (text[1] == 'd' || text[1] == 'D') && strings.IndexByte(second, text[2]) >= 0
}
