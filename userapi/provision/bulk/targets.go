package bulk

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A carrier is an Extension that carries columns of a row to Mapper.Map, for Mapping.Targets. No vendor
// uses it.
type carrier struct{ row Row }

// UserExtension returns no vendor's name: the columns are not part of the request.
func (*carrier) UserExtension() string { return "" }

// Format writes the names of the columns, for every verb: the values are personal data.
func (c *carrier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "columns{"+strings.Join(slices.Sorted(maps.Keys(c.row.Values)), " ")+"}")
}

// MarshalJSON encodes nothing.
func (c *carrier) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

// carries adds the columns that a target's entries need.
func (m *Mapper) carries(entries []entry) {
	for _, e := range entries {
		for _, name := range e.columns() {
			m.carried[name] = m.carried[name] || e.hidden
		}
	}
}

// carrierOf returns the carrier for a row's request.
func (m *Mapper) carrierOf(row Row) *carrier {
	c := &carrier{Row{Line: row.Line, Values: make(map[string]any, len(m.carried))}}
	for name := range m.carried {
		if v, ok := row.Values[name]; ok {
			c.row.Values[name] = v
		}
	}
	return c
}

// Map returns a function for provision.Target.Map, which sets what Mapping.Targets has for the
// target. It returns nil for a target that is not in Mapping.Targets. The request must come from
// Request, with its Extensions. The function refuses a row with provision.Refuse if it cannot make
// the target's request. Check, Run and Undo use Map themselves, after the target's own Map.
func (m *Mapper) Map(target string) func(userapi.CreateUserRequest, map[string]*userapi.User) userapi.CreateUserRequest {
	entries := m.targets[target]
	if len(entries) == 0 {
		return nil
	}
	return func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
		b := &builder{m: m, users: users, req: req}
		if b.users == nil {
			b.users = map[string]*userapi.User{}
		}
		b.req.Attributes = maps.Clone(req.Attributes)
		for _, x := range req.Extensions {
			if c, ok := x.(*carrier); ok {
				b.row = c.row
			}
		}
		if b.row.Values == nil && len(m.carried) > 0 {
			return provision.Refuse(userapi.FieldError{VendorField: "Extensions", Code: userapi.CodeRequired, Message: "the request must have the columns of its row, as Mapper.Request returns it"})
		}
		for _, e := range entries {
			e.clear(b)
			b.set(e)
		}
		mapped, err := b.done()
		if err != nil {
			return provision.Refuse(b.fieldErrors()...)
		}
		return mapped
	}
}

// fieldErrors returns the faults as those of a request. VendorField is the Mapping's name.
func (b *builder) fieldErrors() (all []userapi.FieldError) {
	for _, f := range b.faultList() {
		all = append(all, userapi.FieldError{VendorField: f.Field, Code: f.Code, Message: f.Message})
	}
	return all
}

// withTargets returns the Provisioner with Mapping.Targets added, or the faults of Mapping.Targets.
func (m *Mapper) withTargets(p *provision.Provisioner) (*provision.Provisioner, error) {
	after := map[string][]string{}
	p = p.Wrap(func(t provision.Target) provision.Target {
		after[t.Name] = t.After
		if own, before := m.Map(t.Name), t.Map; own != nil {
			t.Map = own
			if before != nil {
				t.Map = func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
					return own(before(req, users), users)
				}
			}
		}
		return t
	})
	var faults []error
	for _, target := range slices.Sorted(maps.Keys(m.targets)) {
		if _, ok := after[target]; !ok {
			faults = append(faults, fmt.Errorf("bulk: Mapping.Targets: %q is not a target: the targets are %s", target, strings.Join(slices.Sorted(maps.Keys(after)), ", ")))
			continue
		}
		known := before(after, target, map[string]bool{})
		for _, e := range m.targets[target] {
			if e.template == nil {
				continue
			}
			for _, user := range e.template.users {
				if !known[user] {
					faults = append(faults, fmt.Errorf("bulk: Mapping.Targets[%q]: %s: the template needs the user of %q, which this target does not come after", target, e.name, user))
				}
			}
		}
	}
	return p, errors.Join(faults...)
}

// before adds the targets that a target comes after, directly or not.
func before(after map[string][]string, target string, known map[string]bool) map[string]bool {
	for _, name := range after[target] {
		if !known[name] {
			known[name] = true
			before(after, name, known)
		}
	}
	return known
}
