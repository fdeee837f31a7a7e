package usercom

import (
	"slices"
	"strconv"

	"github.com/enlist-go/enlist/userapi/lenient"
)

// A Gender is a user's gender. User.com takes it as an integer and answers with a
// word: as JSON it is written as the integer and read from either. A word that is
// not among the constants is kept; "" is not sent. Source: User.com, "User model".
type Gender string

// The genders.
const (
	GenderUnknown Gender = "unknown"
	GenderMale    Gender = "male"
	GenderFemale  Gender = "female"
)

// A Status tells a visitor from a user. As JSON it is written and read as a Gender
// is. Source: User.com, "User model".
type Status string

// The statuses. User.com takes a user without one for a visitor.
const (
	StatusVisitor Status = "visitor"
	StatusUser    Status = "user"
)

// The words stand at the place of their integer, counted from 1.
var (
	genders  = []string{string(GenderUnknown), string(GenderMale), string(GenderFemale)}
	statuses = []string{string(StatusVisitor), string(StatusUser)}
)

// MarshalJSON writes the integer. A word without one is written as it is.
func (g Gender) MarshalJSON() ([]byte, error) { return writeWord(genders, string(g)) }

// UnmarshalJSON reads a word or an integer, and keeps any other value that came.
func (g *Gender) UnmarshalJSON(data []byte) error {
	*g = Gender(readWord(genders, data))
	return nil
}

// MarshalJSON writes the integer. A word without one is written as it is.
func (s Status) MarshalJSON() ([]byte, error) { return writeWord(statuses, string(s)) }

// UnmarshalJSON reads a word or an integer, and keeps any other value that came.
func (s *Status) UnmarshalJSON(data []byte) error {
	*s = Status(readWord(statuses, data))
	return nil
}

func writeWord(words []string, word string) ([]byte, error) {
	if i := slices.Index(words, word); i >= 0 {
		return strconv.AppendInt(nil, int64(i)+1, 10), nil
	}
	return lenient.Number(word).MarshalJSON()
}

func readWord(words []string, data []byte) string {
	var t lenient.Text
	_ = t.UnmarshalJSON(data) // never fails
	if n, ok := lenient.Number(t).Int64(); ok && n >= 1 && n <= int64(len(words)) {
		return words[n-1]
	}
	return string(t)
}

// canSend reports whether a word has an integer, or is one that is not known here.
func canSend(words []string, word string) bool {
	_, isInt := lenient.Number(word).Int64()
	return word == "" || isInt || slices.Contains(words, word)
}
