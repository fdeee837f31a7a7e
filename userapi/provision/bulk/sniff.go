package bulk

import (
	"bytes"
	"strings"
)

// delimiters are the delimiters that can be detected.
const delimiters = ",;\t|"

// sniffRows is the number of rows that are looked at.
const sniffRows = 50

// A shape is the form of a CSV file, as its beginning shows it.
type shape struct {
	comma byte // 0 if it is unknown
	cr    bool // lines end in CR alone
	skip  int  // the length of a first line sep=;, as Excel reads it
}

// sniff looks at the beginning of a file, which is the whole file if whole is set.
func sniff(sample []byte, whole bool) (s shape) {
	s.cr = endsInCR(sample, whole)
	if len(sample) > 5 && bytes.EqualFold(sample[:4], []byte("sep=")) && isComma(rune(sample[4])) && (sample[5] == '\r' || sample[5] == '\n') {
		s.comma, s.skip = sample[4], 6
		if bytes.HasPrefix(sample[5:], []byte("\r\n")) {
			s.skip = 7
		}
		return s
	}
	s.comma = mostRegular(countDelimiters(sample, whole))
	return s
}

// isComma reports whether the character may separate cells.
func isComma(c rune) bool { return c == '\t' || c > ' ' && c < 127 && c != '"' }

// endsInCR reports whether the first line end outside of quotes is CR alone.
func endsInCR(sample []byte, whole bool) bool {
	quoted := false
	for i, b := range sample {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			return false
		case b == '\r':
			return i+1 == len(sample) && whole || i+1 < len(sample) && sample[i+1] != '\n'
		}
	}
	return false
}

// countDelimiters counts the delimiters outside of quotes in each row that is not empty.
func countDelimiters(sample []byte, whole bool) (rows [][len(delimiters)]int) {
	var row [len(delimiters)]int
	quoted, empty := false, true
	end := func() {
		if !empty {
			rows = append(rows, row)
		}
		row, empty = [len(delimiters)]int{}, true
	}
	for _, b := range sample {
		switch {
		case b == '"':
			quoted, empty = !quoted, false
		case quoted:
		case b == '\r' || b == '\n':
			if end(); len(rows) == sniffRows {
				return rows
			}
		default:
			empty = false
			if i := strings.IndexByte(delimiters, b); i >= 0 {
				row[i]++
			}
		}
	}
	if whole || len(rows) == 0 {
		end()
	}
	return rows
}

// mostRegular returns the delimiter that occurs in the header, and equally often in most of the rows. Of
// two such delimiters it is the more frequent one; 0 if they are equally frequent. A header without
// delimiters has one column.
func mostRegular(rows [][len(delimiters)]int) byte {
	if len(rows) == 0 {
		return ','
	}
	best, bestScore, tie := byte(','), [2]int{-1, 0}, false
	for i := range delimiters {
		header := rows[0][i]
		if header == 0 {
			continue
		}
		score := [2]int{0, header}
		for _, row := range rows[1:] {
			if row[i] == header {
				score[0]++
			}
		}
		switch {
		case score == bestScore:
			tie = true
		case score[0] > bestScore[0] || score[0] == bestScore[0] && score[1] > bestScore[1]:
			best, bestScore, tie = delimiters[i], score, false
		}
	}
	if tie {
		return 0
	}
	return best
}
