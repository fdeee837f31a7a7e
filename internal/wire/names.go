package wire

import "bytes"

// Names calls visit with the name of each member of a JSON object, as it is
// written between the quotes, until visit returns false. The text must be valid
// JSON; of one that is no object there are none.
func Names(data []byte, visit func(name []byte) bool) {
	depth, inName := 0, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
			inName = depth == 1 && data[i] == '{'
			if depth == 1 && data[i] == '[' {
				return
			}
		case '}', ']':
			depth--
		case ',':
			inName = depth == 1
		case '"':
			from := i + 1
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if depth == 1 && inName {
				inName = false
				if i >= len(data) || !visit(data[from:i]) {
					return
				}
			}
		}
	}
}

// HasVariant reports whether a text that differs from name in case alone stands in
// quotes anywhere in a JSON text. It is for member names, which package json does
// not tell apart by case.
func HasVariant(data []byte, name string) bool {
	for i := 0; i+len(name)+1 < len(data); i++ {
		if data[i] != '"' || data[i+len(name)+1] != '"' {
			continue
		}
		if text := data[i+1 : i+1+len(name)]; string(text) != name && bytes.EqualFold(text, []byte(name)) {
			return true
		}
	}
	return false
}
