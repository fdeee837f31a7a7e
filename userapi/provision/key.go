package provision

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

// checkKey finds what is wrong with a key.
func checkKey(key string) *userapi.Error {
	switch {
	case key == "":
		return refused(userapi.KindInvalid, userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeRequired, Message: "is required: the ledger knows the sign-up by it"})
	case !printable(key):
		return refused(userapi.KindInvalid, userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeInvalid, Message: fmt.Sprintf("must be 1 to %d bytes of printable UTF-8", maxName)})
	}
	return nil
}

// maxName bounds the texts that name a record.
const maxName = 255

// printable reports whether a text can name a record.
func printable(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)

// canonicalKey returns a key as the ledger has it. A UUID is in lower case, because
// vendors do not distinguish its two spellings.
func canonicalKey(key string) string {
	if uuidForm.MatchString(key) {
		return strings.ToLower(key)
	}
	return key
}

// find returns the records of a key, and the key that they stand under, or are to stand
// under. Before version 1 keys stood in a ledger as they were given: a UUID is looked
// up in the caller's spelling, in lower case and in capitals.
func find(ctx context.Context, l Ledger, key string) (stored string, records []Record, failure *userapi.Error) {
	for _, spelling := range spellingsOf(key) {
		if records, failure = load(ctx, l, spelling); failure != nil || len(records) > 0 {
			return spelling, records, failure
		}
	}
	return canonicalKey(key), nil, nil
}

// spellingsOf returns those that the ledger may have a key in.
func spellingsOf(key string) []string {
	spellings := []string{key}
	if uuidForm.MatchString(key) {
		for _, other := range [...]string{canonicalKey(key), strings.ToUpper(key)} {
			if !slices.Contains(spellings, other) {
				spellings = append(spellings, other)
			}
		}
	}
	return spellings
}
