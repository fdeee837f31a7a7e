package provision

import (
	"context"
	"regexp"
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

// storedKey returns the key under which the ledger has a sign-up, or is to have it. Before
// version 1 keys stood in the ledger as they were given.
func (p *Provisioner) storedKey(ctx context.Context, key string) (string, *userapi.Error) {
	canonical := canonicalKey(key)
	if canonical == key {
		return key, nil
	}
	records, failure := p.load(ctx, key)
	if len(records) > 0 {
		return key, nil
	}
	return canonical, failure
}
