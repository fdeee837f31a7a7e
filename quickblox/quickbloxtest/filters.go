package quickbloxtest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A listed member of users can be filtered and ordered by. get returns its text, "" for none.
type listed struct {
	get func(*user) string
	// read makes a text comparable. It returns false for a text that the member cannot have.
	read func(text string) (sortKey, bool)
	// ranged: filters can compare the member by order. Other members are only equal or not equal.
	ranged bool
	// ordersOnly: a list can be ordered by the member, but not filtered.
	ordersOnly bool
}

// A sortKey is a member's value. The number is compared first.
type sortKey struct {
	number int64
	text   string
}

func compare(a, b sortKey) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
}

func asNumber(text string) (sortKey, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return sortKey{number: n}, err == nil
}

func asText(text string) (sortKey, bool) { return sortKey{text: text}, true }

func asEmail(text string) (sortKey, bool) { return sortKey{text: strings.ToLower(text)}, true }

// asFacebookID reads an id, which is decimal or hexadecimal. Decimal ids come first.
func asFacebookID(text string) (sortKey, bool) {
	if c, ok := asNumber(text); ok {
		return c, true
	}
	return sortKey{number: 1<<63 - 1, text: text}, true
}

// asTime reads a time, a date, or seconds since 1970.
func asTime(text string) (sortKey, bool) {
	for _, layout := range [...]string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return sortKey{number: t.Unix()}, true
		}
	}
	return asNumber(text)
}

// listedMembers are the members by their names. Source: QuickBlox, "List Users", search
// operators and sort operators.
var listedMembers = map[string]listed{
	"id":               {get: func(u *user) string { return strconv.FormatInt(u.ID, 10) }, read: asNumber, ranged: true},
	"external_user_id": {get: (*user).externalID, read: asNumber, ranged: true},
	"facebook_id":      {get: func(u *user) string { return value(u.FacebookID) }, read: asFacebookID, ranged: true},
	"created_at":       {get: func(u *user) string { return u.CreatedAt }, read: asTime, ranged: true},
	"updated_at":       {get: func(u *user) string { return u.UpdatedAt }, read: asTime, ranged: true},
	"last_request_at":  {get: func(u *user) string { return value(u.LastRequestAt) }, read: asTime, ranged: true},
	"full_name":        {get: func(u *user) string { return value(u.FullName) }, read: asText},
	"email":            {get: func(u *user) string { return value(u.Email) }, read: asEmail},
	"login":            {get: func(u *user) string { return value(u.Login) }, read: asText},
	"phone":            {get: func(u *user) string { return value(u.Phone) }, read: asText},
	"website":          {get: func(u *user) string { return value(u.Website) }, read: asText, ordersOnly: true},
}

// An operator compares a member's value with those of a filter.
type operator struct {
	matches func(have sortKey, want []sortKey) bool
	// ranges: the operator needs a member with an order.
	ranges bool
	// values is the number of a filter's values; 0 is one or more. Commas separate them.
	values int
}

func single(ranges bool, matches func(order int) bool) operator {
	return operator{ranges: ranges, values: 1, matches: func(have sortKey, want []sortKey) bool {
		return matches(compare(have, want[0]))
	}}
}

var operators = map[string]operator{
	"eq": single(false, func(order int) bool { return order == 0 }),
	"ne": single(false, func(order int) bool { return order != 0 }),
	"gt": single(true, func(order int) bool { return order > 0 }),
	"lt": single(true, func(order int) bool { return order < 0 }),
	"ge": single(true, func(order int) bool { return order >= 0 }),
	"le": single(true, func(order int) bool { return order <= 0 }),
	"in": {matches: func(have sortKey, want []sortKey) bool { return slices.Contains(want, have) }},
	"between": {ranges: true, values: 2, matches: func(have sortKey, want []sortKey) bool {
		return compare(have, want[0]) >= 0 && compare(have, want[1]) <= 0
	}},
}

// isType reports whether a word of a filter or an order is a type. Any type is accepted:
// QuickBlox's JavaScript SDK calls a date a string.
func isType(word string) bool { return word == "string" || word == "number" || word == "date" }

// readFilter reads a filter of the form "type member operator value". A user without the member
// does not match.
func readFilter(text string) (match func(*user) bool, ok bool) {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 4 || !isType(parts[0]) {
		return nil, false
	}
	member, known := listedMembers[parts[1]]
	op, ok := operators[parts[2]]
	if !known || !ok || member.ordersOnly || op.ranges && !member.ranged {
		return nil, false
	}
	texts := []string{parts[3]}
	if op.values != 1 {
		texts = strings.Split(parts[3], ",")
	}
	if op.values > 1 && len(texts) != op.values {
		return nil, false
	}
	want := make([]sortKey, len(texts))
	for i, text := range texts {
		if want[i], ok = member.read(strings.TrimSpace(text)); !ok {
			return nil, false
		}
	}
	return func(u *user) bool {
		text := member.get(u)
		have, _ := member.read(text)
		return text != "" && op.matches(have, want)
	}, true
}

// readOrder reads an order of the form "asc|desc type member". Users without the member come
// first in ascending order.
func readOrder(text string) (less func(a, b *user) int, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 || !isType(parts[1]) || parts[0] != "asc" && parts[0] != "desc" {
		return nil, false
	}
	member, known := listedMembers[parts[2]]
	if !known {
		return nil, false
	}
	ascending := func(a, b *user) int {
		textA, textB := member.get(a), member.get(b)
		if textA == "" || textB == "" {
			return cmp.Compare(len(textA), len(textB))
		}
		valueA, _ := member.read(textA)
		valueB, _ := member.read(textB)
		return compare(valueA, valueB)
	}
	if parts[0] == "desc" {
		return func(a, b *user) int { return ascending(b, a) }, true
	}
	return ascending, true
}
