package bulk

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A checkedRow is a row in Check.
type checkedRow struct {
	row    Row
	bad    *RowError // of the source
	done   chan struct{}
	faults []Fault
	unique []uniqueValue
	// panicked is the panic of a creator or of a Map.
	panicked any
}

// A uniqueValue is a value that no other row may have.
type uniqueValue struct {
	digest                digest
	target, field, column string
}

// A rowChecker finds the faults of one row. It is safe for concurrent use.
type rowChecker struct {
	provisioner *provision.Provisioner
	mapper      *Mapper
	key         [32]byte // of digests
}

func newRowChecker(p *provision.Provisioner, m *Mapper) *rowChecker {
	return &rowChecker{provisioner: p, mapper: m, key: newKey()}
}

// checkSafely does what check does, and keeps a panic for the caller of Check.
func (c *rowChecker) checkSafely(r *checkedRow, d *digester) {
	defer close(r.done)
	defer func() { r.panicked = recover() }()
	c.check(r, d)
}

// check finds the faults and the unique values of a row.
func (c *rowChecker) check(r *checkedRow, d *digester) {
	if r.bad != nil {
		r.faults = append(r.faults, faultOf(r.bad))
		return
	}
	b := c.mapper.build(r.row)
	if key := b.req.IdempotencyKey; key != "" {
		_, column := c.place(r.row, "", "", "IdempotencyKey", "")
		r.unique = append(r.unique, uniqueValue{d.of("", keyField, key), "", keyField, column})
	}
	if r.faults = b.faultList(); len(r.faults) > 0 {
		return
	}
	req, _ := b.done() // it has no fault
	for _, item := range c.provisioner.Plan(req) {
		c.add(r, d, req, item)
	}
}

// add adds the faults and the unique values at a target.
func (c *rowChecker) add(r *checkedRow, d *digester, req userapi.CreateUserRequest, item provision.PlanItem) {
	if item.Err != nil {
		r.faults = append(r.faults, c.faultsAt(r.row, item)...)
		return
	}
	for _, u := range item.Plan.Unique {
		field, vendorField := u.Field, ""
		if neutral[snake(field)] == nil {
			field, vendorField = "", field
		}
		name, column := c.place(r.row, item.Target, item.Plan.Provider, field, vendorField)
		if len(item.Waits) == 0 || isOwn(u, req, item.Waits) {
			r.unique = append(r.unique, uniqueValue{d.of(item.Target, u.Field, u.Value), item.Target, name, column})
		}
	}
}

// isOwn reports whether a value is the request's own. At a target that waits, it may be made from the
// placeholders for users' ids, and so be the same for all rows.
func isOwn(u userapi.UniqueValue, req userapi.CreateUserRequest, waits []string) bool {
	f := reflect.ValueOf(req).FieldByName(u.Field)
	if !f.IsValid() || f.Kind() != reflect.String {
		return false
	}
	value, given := strings.ToLower(u.Value), strings.ToLower(strings.TrimSpace(f.String()))
	return given != "" && strings.Contains(value, given) && !slices.ContainsFunc(waits, func(target string) bool {
		return strings.Contains(value, "{"+strings.ToLower(target)+"}")
	})
}

// faultsAt returns the faults at a target.
func (c *rowChecker) faultsAt(row Row, item provision.PlanItem) (all []Fault) {
	var e *userapi.Error
	if !errors.As(item.Err, &e) {
		return []Fault{{Line: row.Line, Target: item.Target, Code: userapi.CodeInvalid, Message: notPlanned}}
	}
	for _, f := range e.FieldErrors {
		fault := Fault{Line: row.Line, Target: item.Target, Code: f.Code, Message: f.Message}
		fault.Field, fault.Column = c.place(row, item.Target, e.Provider, f.Field, f.VendorField)
		if !slices.Contains(codes, f.Code) {
			fault.Code = userapi.CodeInvalid
		}
		if fault.Message == "" || e.Outcome != userapi.OutcomeNotSent || e.StatusCode != 0 { // it may hold a value
			fault.Message = notPlanned
		}
		all = append(all, fault)
	}
	if all == nil {
		all = []Fault{{Line: row.Line, Target: item.Target, Code: userapi.CodeInvalid, Message: notPlanned}}
	}
	return all
}

// notPlanned is the message for a creator whose error has no fields.
const notPlanned = "the target refuses the value, and does not say what it expects"

// codes are the codes of a Fault at a target.
var codes = []string{
	userapi.CodeRequired, userapi.CodeInvalid, userapi.CodeTaken, userapi.CodeTooShort, userapi.CodeTooLong, userapi.CodeTooMany, userapi.CodeWeak,
	userapi.CodeBlocked, userapi.CodeUnsupported, userapi.CodeNotFound, userapi.CodeDifferent, userapi.CodeOlder,
}

// place returns the mapping's name of a field of the request or of a vendor, and its column; "" if that
// is unknown.
func (c *rowChecker) place(row Row, target, provider, field, vendorField string) (name, column string) {
	names := []string{snake(field)}
	switch {
	case field == "IdempotencyKey":
		names = []string{keyField}
	case field == "" && provider == "": // of Mapper.Map
		names = []string{vendorField}
	case field == "":
		parts := strings.Split(vendorField, ".") // user.birthDate, Extra.PasswordHash.Salt
		for i := range parts {
			parts[i] = snake(parts[i])
		}
		names = []string{provider + "." + strings.Join(parts, "."), provider + "." + strings.Join(parts[1:], ".")}
	}
	for _, name := range slices.Backward(names) {
		for _, e := range c.mapper.targets[target] {
			if e.name == name {
				return name, cut(joined(e.columns()), maxColumns)
			}
		}
		if e, mapped := c.mapper.entries[name]; mapped {
			return name, cut(joined(e.columns()), maxColumns)
		}
		if _, there := row.Values[name]; there {
			if _, ok := c.mapper.field(name); ok {
				return name, name
			}
		}
	}
	if field == "" {
		return cut(vendorField, maxName), ""
	}
	return names[0], ""
}

// maxColumns is the largest size of the columns of a Fault, in bytes.
const maxColumns = 1000

// faultList returns the faults of the row.
func (b *builder) faultList() (faults []Fault) {
	for _, err := range b.faults {
		var bad *RowError
		if errors.As(err, &bad) {
			faults = append(faults, faultOf(bad))
		}
	}
	return faults
}

// faultOf returns a RowError as a Fault.
func faultOf(e *RowError) Fault {
	f := Fault{Line: e.Line, Column: cut(e.Column, maxColumns), Field: cut(e.Field, maxColumns), Code: e.code, Message: e.Message}
	switch {
	case f.Code != "":
	case f.Field == "":
		f.Code = CodeUnreadable
	default:
		f.Code = userapi.CodeInvalid
	}
	return f
}
