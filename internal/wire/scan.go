package wire

import (
	"bytes"
	stdjson "encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// ScanID reads the member at a path out of a text that may break off anywhere behind
// it. It returns the id, a text or a number, only when a further token follows, so that
// a number cut in two is not taken as a shorter one, and only when no member of the
// path stands twice in what can be read.
func ScanID(data []byte, path ...string) (id string, ok bool) {
	d := newDecoder(data)
	once := d.scan(path, func() (read bool) {
		if kind := d.PeekKind(); kind != '"' && kind != '0' {
			return false
		}
		if token, err := d.ReadToken(); err == nil {
			id = token.String()
			rest := bytes.TrimLeft(data[d.InputOffset():], " \t\r\n")
			ok = id != "" && len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
		}
		return true
	})
	if !once || !ok {
		return "", false
	}
	return id, true
}

// scan has read look at the value that a path leads to, which it may leave where it is.
// once is false where a member of the path stands twice in what can be read.
func (d *decoder) scan(path []string, read func() bool) (once bool) {
	if d.PeekKind() != '{' {
		_ = d.SkipValue()
		return true
	}
	once = true
	seen := false
	_ = d.object(func(name string) error { // it ends where the text breaks off
		if name != path[0] {
			return d.SkipValue()
		}
		once = once && !seen
		seen = true
		switch {
		case len(path) > 1:
			once = d.scan(path[1:], read) && once
		case !read():
			return d.SkipValue()
		}
		return nil
	})
	return once
}

// Once returns those members of an object, by name and as they are written, that stand
// once in what can be read. Names are distinguished exactly.
func Once(data []byte, names ...string) map[string]stdjson.RawMessage {
	count := map[string]int{}
	found := members(data, func(name string) bool {
		if !slices.Contains(names, name) {
			return false
		}
		count[name]++
		return true
	})
	for name, n := range count {
		if n > 1 {
			delete(found, name)
		}
	}
	return found
}

// members returns those members of an object that are wanted, each as it is written; nil
// for none. Of a name that stands twice it is the last. What it returns shares two copies
// of the text, one for the names and one for the values.
func members(data []byte, wanted func(name string) bool) map[string]stdjson.RawMessage {
	d := newDecoder(data)
	if d.PeekKind() != '{' {
		return nil
	}
	_, _ = d.ReadToken()
	text := string(data)
	var values []byte
	var found map[string]stdjson.RawMessage
	for d.PeekKind() == '"' {
		quoted, err := d.ReadValue()
		if err != nil {
			break
		}
		end := d.InputOffset()
		name := text[int(end)-len(quoted)+1 : end-1]
		if strings.ContainsRune(name, '\\') || !utf8.ValidString(name) {
			plain, _ := jsontext.AppendUnquote(nil, quoted) // U+FFFD stands for what is not UTF-8
			name = string(plain)
		}
		raw, err := d.ReadValue()
		if err != nil {
			break
		}
		end = d.InputOffset()
		if !wanted(name) || end == d.size { // a number at the end may be cut in two
			continue
		}
		if found == nil {
			found, values = map[string]stdjson.RawMessage{}, bytes.Clone(data)
		}
		found[name] = values[int(end)-len(raw) : end : end]
	}
	return found
}
