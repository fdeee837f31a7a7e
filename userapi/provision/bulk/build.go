package bulk

import (
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

// A builder makes the request of one row.
type builder struct {
	m      *Mapper
	row    Row
	users  map[string]*userapi.User
	data   map[string]any // for templates
	key    string         // as the row has it
	req    userapi.CreateUserRequest
	extras map[string]reflect.Value // the structs of extensions, by their vendors
	faults []error
}

// Request makes the request of a row. Its IdempotencyKey is made from the job and from the value of
// key: see Keys in the package documentation. With Mapping.Targets the request has an Extension for
// Map. The error joins a *RowError for each fault of the row, with the column, the line and what is
// expected. The request is then zero.
func (m *Mapper) Request(row Row) (userapi.CreateUserRequest, error) { return m.build(row).done() }

// build sets what a row has for a request, and notes its faults.
func (m *Mapper) build(row Row) *builder {
	b := &builder{m: m, row: row}
	for _, e := range m.entriesOf(row) {
		b.set(e)
	}
	if b.req.IdempotencyKey == "" && !slices.ContainsFunc(b.faults, isKeyFault) {
		b.fail(keyField, &RowError{Column: m.keyColumn(), Message: "a value is expected: it identifies the row in the ledger", code: userapi.CodeRequired})
	}
	return b
}

// keyColumn returns what the key comes from.
func (m *Mapper) keyColumn() string {
	if e, ok := m.entries[keyField]; ok {
		return joined(e.columns())
	}
	return keyField
}

func isKeyFault(err error) bool {
	var bad *RowError
	return errors.As(err, &bad) && bad.Field == keyField
}

// entriesOf returns the entries of the mapping and of the columns that map themselves, sorted
// by field, so that the faults of a row always come in one order.
func (m *Mapper) entriesOf(row Row) []entry {
	names := slices.AppendSeq(make([]string, 0, len(row.Values)+len(m.entries)), maps.Keys(m.entries))
	for name := range row.Values {
		if _, mapped := m.entries[name]; !mapped {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		if e, mapped := m.entries[name]; mapped {
			entries = append(entries, e)
		} else if f, ok := m.field(name); ok {
			entries = append(entries, entry{field: f, column: name})
		}
	}
	return entries
}

// set sets the field of an entry, if the row has a value for it.
func (b *builder) set(e entry) {
	var v any
	switch {
	case e.template != nil:
		if b.data == nil {
			b.data = templateData(b.row, b.users)
		}
		text, bad := e.template.text(b.data)
		if bad != nil {
			if !b.isPlanned(e.template) {
				b.fail(e.name, bad)
			}
			return
		}
		v = text
	case e.column != "":
		v = b.row.Values[e.column]
	}
	var expected string
	if !e.secret {
		v, expected = tidy(v)
	}
	if expected == "" && v != nil && v != "" {
		expected = e.set(b, v)
	}
	if expected != "" && (e.template == nil || !b.isPlanned(e.template)) {
		b.fail(e.name, &RowError{Column: joined(e.columns()), Message: expected})
	}
}

// isPlanned reports whether a template has a name in braces in place of a user's id, as
// provision.PlanItem.Waits says: what it makes of that proves nothing.
func (b *builder) isPlanned(t *rowTemplate) bool {
	return slices.ContainsFunc(t.users, func(target string) bool {
		u := b.users[target]
		return u != nil && u.ID == "{"+target+"}"
	})
}

func (b *builder) fail(field string, bad *RowError) {
	bad.Line, bad.Field = b.row.Line, field
	b.faults = append(b.faults, bad)
}

// extra returns the struct of a vendor's extension, to be changed.
func (b *builder) extra(v *vendor) reflect.Value {
	if s, ok := b.extras[v.name]; ok {
		return s
	}
	if b.extras == nil {
		b.extras = map[string]reflect.Value{}
	}
	s := reflect.New(v.base.Type()).Elem()
	s.Set(v.base)
	for _, x := range b.req.Extensions { // those that Request made
		if p := reflect.Indirect(reflect.ValueOf(x)); p.IsValid() && p.Type() == s.Type() {
			s.Set(p)
		}
	}
	b.extras[v.name] = s
	return s
}

// done returns the request with its extensions. Those that no row changed are shared.
func (b *builder) done() (userapi.CreateUserRequest, error) {
	if len(b.faults) > 0 {
		return userapi.CreateUserRequest{}, errors.Join(b.faults...)
	}
	var all []userapi.Extension
	for _, x := range b.req.Extensions { // given to Map
		if !b.replaces(x) {
			all = append(all, x)
		}
	}
	for _, v := range b.m.order {
		if s, changed := b.extras[v.name]; changed && !s.IsZero() {
			all = append(all, v.extension(s))
		} else if !changed && b.users == nil && v.shared != nil {
			all = append(all, v.shared)
		}
	}
	if b.users == nil && len(b.m.carried) > 0 {
		all = append(all, b.m.carrierOf(b.row))
	}
	b.req.Extensions = all
	return b.req, nil
}

// replaces reports whether the extension was changed.
func (b *builder) replaces(x userapi.Extension) bool {
	p := reflect.Indirect(reflect.ValueOf(x))
	for _, s := range b.extras {
		if p.IsValid() && p.Type() == s.Type() {
			return true
		}
	}
	return false
}
