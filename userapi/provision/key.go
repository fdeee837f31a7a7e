package provision

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)

// canonicalKey returns a key as the ledger has it: one that is a UUID in lower case, since
// vendors take its two spellings for one.
func canonicalKey(key string) string {
	if uuidForm.MatchString(key) {
		return strings.ToLower(key)
	}
	return key
}

// find returns the records of a key, and the key that they stand under, or are to stand under.
// Before version 1 keys stood in a ledger as they were given: a UUID is looked for in the
// caller's spelling, in lower case and in capitals.
func find(ctx context.Context, l Ledger, key string) (stored string, records []Record, failure *userapi.Error) {
	canonical := canonicalKey(key)
	spellings := []string{key}
	if uuidForm.MatchString(key) {
		for _, other := range [...]string{canonical, strings.ToUpper(key)} {
			if !slices.Contains(spellings, other) {
				spellings = append(spellings, other)
			}
		}
	}
	for _, spelling := range spellings {
		if records, failure = load(ctx, l, spelling); failure != nil || len(records) > 0 {
			return spelling, records, failure
		}
	}
	return canonical, nil, nil
}
