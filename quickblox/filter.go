package quickblox

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
)

// A UserField is a member of users that lists are filtered and ordered by.
type UserField string

// The fields. Source: QuickBlox, "List Users", search operators and sort operators. A list
// may be ordered by all of them, and filtered by all but FieldWebsite.
const (
	FieldID             UserField = "id"
	FieldExternalUserID UserField = "external_user_id"
	FieldFacebookID     UserField = "facebook_id"
	FieldCreatedAt      UserField = "created_at"
	FieldUpdatedAt      UserField = "updated_at"
	FieldLastRequestAt  UserField = "last_request_at"
	FieldFullName       UserField = "full_name"
	FieldEmail          UserField = "email"
	FieldLogin          UserField = "login"
	FieldPhone          UserField = "phone"
	FieldWebsite        UserField = "website"
)

// valueTypes are what QuickBlox calls the types of values; those of other fields are strings.
var valueTypes = map[UserField]string{
	FieldID: "number", FieldExternalUserID: "number", FieldFacebookID: "number",
	FieldCreatedAt: "date", FieldUpdatedAt: "date", FieldLastRequestAt: "date",
}

// valueType is the type of a field's values. A Facebook id that is not decimal is a string.
func (f UserField) valueType(values []string) string {
	isText := func(value string) bool { return strings.Trim(value, "0123456789") != "" }
	if f == FieldFacebookID && slices.ContainsFunc(values, isText) {
		return "string"
	}
	return cmp.Or(valueTypes[f], "string")
}

// An Operator compares a field with a filter's values.
type Operator string

// The operators. Source: QuickBlox, "List Users", search operators. OpEqual, OpNotEqual and
// OpIn apply to every field; the others to ids and times alone.
const (
	OpEqual          Operator = "eq"
	OpNotEqual       Operator = "ne"
	OpGreater        Operator = "gt"
	OpLess           Operator = "lt"
	OpGreaterOrEqual Operator = "ge"
	OpLessOrEqual    Operator = "le"
	// OpBetween takes two values, the lower one first.
	OpBetween Operator = "between"
	// OpIn takes one value or more.
	OpIn Operator = "in"
)

// A Filter selects the users whose Field compares with Values as Operator says.
// OpBetween takes two values, OpIn any number, and every other operator one. A time is
// written as RFC 3339, such as 2019-05-23T18:07:19Z. Values of OpBetween and OpIn must
// not have a comma: QuickBlox separates them by commas.
type Filter struct {
	Field    UserField
	Operator Operator
	Values   []string
}

func (f *Filter) check(c *provider.Check) {
	invalid := func(expected string) { c.Invalid("", filterParam, expected) }
	if !isName(string(f.Field)) || !isName(string(f.Operator)) {
		invalid("must have a field and an operator, without blanks")
	}
	for _, value := range f.Values {
		c.Key("", filterParam, value)
	}
	several := f.Operator == OpBetween || f.Operator == OpIn
	switch n := len(f.Values); {
	case f.Operator == OpBetween && n != 2:
		invalid("must have two values for between")
	case several && n == 0:
		invalid("must have a value")
	case !several && n != 1:
		invalid("must have one value for this operator")
	}
	if several && slices.ContainsFunc(f.Values, hasComma) {
		invalid("must have values without commas for this operator: QuickBlox separates values by them")
	}
}

func (f *Filter) text() string {
	return strings.Join([]string{f.Field.valueType(f.Values), string(f.Field), string(f.Operator), strings.Join(f.Values, ",")}, " ")
}

func hasComma(text string) bool { return strings.Contains(text, ",") }

// isName reports whether a text can be a word of a filter.
func isName(text string) bool { return text != "" && provider.IsWord(text) }

// An Order sorts a list by a field. With the zero value QuickBlox chooses the order.
type Order struct {
	Field      UserField
	Descending bool
}

func (o Order) text() string {
	direction := "asc"
	if o.Descending {
		direction = "desc"
	}
	return strings.Join([]string{direction, o.Field.valueType(nil), string(o.Field)}, " ")
}

const (
	filterParam = "filter[]"
	maxPerPage  = 100
)

// ListUsersRequest says which users a list has. The zero value means all users.
type ListUsersRequest struct {
	// Filters select users. A user must pass every filter.
	Filters []Filter
	// Order sorts the users. With FieldID, users who are created meanwhile come last,
	// and the pages do not shift.
	Order Order
	// Page is the first page that is read; 0 is 1, the first of all.
	Page int
	// PerPage is how many users one request asks for, up to 100; 0 is 100.
	PerPage int
}

// list checks the request and returns the list that it asks for.
func (r *ListUsersRequest) list(c *provider.Check) list {
	l := list{route: createPath, page: max(r.Page, 1), perPage: r.PerPage}
	for i := range r.Filters {
		f := &r.Filters[i]
		f.check(c)
		l.query = append(l.query, filterParam+"="+url.QueryEscape(f.text()))
		l.hidden = append(l.hidden, f.Values...)
	}
	switch {
	case r.Order == (Order{}):
	case isName(string(r.Order.Field)):
		l.query = append(l.query, "order="+url.QueryEscape(r.Order.text()))
	default:
		c.Invalid("", "order", "must have a field, without blanks")
	}
	if r.Page < 0 {
		c.Invalid("", "page", "must not be negative")
	}
	if r.PerPage < 0 || r.PerPage > maxPerPage {
		c.Invalid("", "per_page", "must be from 1 to "+strconv.Itoa(maxPerPage)+", or 0 for that")
	}
	return l
}
