package wire

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
