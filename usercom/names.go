package usercom

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
)

const (
	firstNameMember = "first_name"
	lastNameMember  = "last_name"
	// fullName is the neutral field that both come from where neither has its own.
	fullName = "FullName"
)

// setFullName puts a whole name into first_name or, where that cannot hold it, a part of it into
// each of the two. A name that fits in neither way stays whole, for check to refuse.
func (r *CreateUserRequest) setFullName(name string) {
	first, last, ok := splitName(name)
	if !ok {
		first = name
	}
	r.FirstName, r.LastName = provider.Set(&first), provider.Set(&last)
}

// atMost is what is expected of a text with a limit.
func atMost(limit int) string { return "must have at most " + strconv.Itoa(limit) + " characters" }

// mustFitNames is what is expected of a FullName.
var mustFitNames = atMost(maxName) + ", or a blank that splits it into a first_name and a last_name of at most " + strconv.Itoa(maxName) + " each"

// splitName returns a name whole where first_name holds it, and else split at the last blank before
// which it does. ok is false where no part fits. A no-break space splits only a name that has no
// other place for it.
func splitName(name string) (first, last string, ok bool) {
	if fitsName(name) {
		return name, "", true
	}
	name = strings.TrimSpace(name) // User.com does so before it counts
	if fitsName(name) {
		return name, "", true
	}
	for _, splits := range [...]func(rune) bool{isBreak, unicode.IsSpace} {
		first, last = splitAtLast(name, splits)
		if first != "" && fitsName(last) {
			return first, last, true
		}
	}
	return "", "", false
}

// splitAtLast splits a name at the last blank before which it fits; first is "" if
// there is none.
func splitAtLast(name string, splits func(rune) bool) (first, last string) {
	for at, r := range name {
		if !splits(r) {
			continue
		}
		part := strings.TrimSpace(name[:at])
		if !fitsName(part) {
			break
		}
		first, last = part, strings.TrimSpace(name[at:])
	}
	return first, last
}

// isBreak reports whether a blank is one at which a line may end.
func isBreak(r rune) bool {
	return unicode.IsSpace(r) && r != '\u00a0' && r != '\u2007' && r != '\u202f'
}

// fitsName counts characters, as User.com does, and not bytes.
func fitsName(name string) bool { return utf8.RuneCountInString(name) <= maxName }
