package bulk

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// A Mapping says which field of a request comes from what of a row. The zero value takes the
// columns whose names are fields.
type Mapping struct {
	// Columns has, for the name of a field, the column that it comes from, or a template of
	// text/template over the columns: a text with "{{" in it. The package's documentation
	// lists the fields, under Mapping. A field that is not there comes from the column of its
	// own name, if there is one; with "" it comes from none.
	Columns map[string]string
	// Extensions are prototypes of the vendors' own parts of a request, such as
	// fusionauth.Extra{} for the fields that begin with "fusionauth.": one for each vendor,
	// as a value or a pointer. What is set in one is so for each row, unless the row sets it.
	// It is read when the Mapping is compiled, and must not change afterwards.
	Extensions []userapi.Extension
}

// A Mapper makes requests of rows. It is safe for concurrent use. Printed or logged it shows
// the names of its fields.
type Mapper struct {
	job     string
	entries map[string]entry // by the fields' names
	vendors map[string]*vendor
	order   []*vendor
}

// An entry is what a field comes from; from nothing if neither is set.
type entry struct {
	field
	column   string
	template *rowTemplate
}

// columns returns the columns that the entry needs.
func (e entry) columns() []string {
	switch {
	case e.template != nil:
		return e.template.columns
	case e.column != "":
		return []string{e.column}
	}
	return nil
}

// Compile checks the mapping for a job. The name of the job is part of each key: 1 to 100
// letters, digits, dots, hyphens and underscores of ASCII, of which the first is a letter or
// digit. The error has every fault.
func (m Mapping) Compile(job string) (*Mapper, error) {
	c := &Mapper{job: job, entries: map[string]entry{}, vendors: map[string]*vendor{}}
	var faults []error
	if !jobName.MatchString(job) {
		faults = append(faults, errors.New("bulk: the name of a job has 1 to 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit"))
	}
	for _, prototype := range m.Extensions {
		v, err := vendorOf(prototype)
		switch {
		case err != nil:
			faults = append(faults, err)
		case c.vendors[v.name] != nil:
			faults = append(faults, fmt.Errorf("bulk: Mapping.Extensions: two are for %s", v.name))
		default:
			c.vendors[v.name] = v
			c.order = append(c.order, v)
		}
	}
	names := slices.Sorted(maps.Keys(m.Columns))
	for _, name := range names {
		e, err := c.entry(name, m.Columns[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("bulk: Mapping.Columns: %w", err))
			continue
		}
		c.entries[name] = e
		for _, other := range names {
			if strings.HasPrefix(other, name+".") && c.vendors[strings.SplitN(name, ".", 2)[0]] != nil {
				faults = append(faults, fmt.Errorf("bulk: Mapping.Columns: %s is a part of %s: both cannot be set", other, name))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

func (m *Mapper) entry(name, from string) (entry, error) {
	f, ok := m.field(name)
	if !ok {
		return entry{}, m.unknown(name)
	}
	e := entry{field: f}
	switch {
	case isTemplate(from):
		t, err := parseTemplate(name, from)
		if err != nil {
			return entry{}, fmt.Errorf("%s: %w", name, err)
		}
		e.template = t
	default:
		e.column = strings.TrimSpace(from)
	}
	if name != keyField {
		return e, nil
	}
	switch {
	case len(e.columns()) == 0:
		return entry{}, errors.New("key: a column is required, or a template with one: it names each row for good")
	case e.template != nil && e.template.needsUsers:
		return entry{}, errors.New("key: it cannot come from users")
	}
	return e, nil
}

// unknown says what a field could be called.
func (m *Mapper) unknown(name string) error {
	first, rest, dotted := strings.Cut(name, ".")
	switch v := m.vendors[first]; {
	case v != nil:
		if at, ok := v.members[rest]; ok {
			return fmt.Errorf("%s cannot come from a column: it is a %v", name, at.kind)
		}
		return fmt.Errorf("%s has no member %q: it has %s", first, rest, v.memberNames(rest))
	case first == attributesName:
		return errors.New("attributes needs a name: attributes.NAME")
	case dotted:
		return fmt.Errorf("%q is not a vendor of Mapping.Extensions", first)
	}
	return fmt.Errorf("%q is not a field: the fields are %s, attributes.NAME and vendor.member", name, strings.Join(slices.Sorted(maps.Keys(neutral)), ", "))
}

// rejectColumns are those that a file of rejects has beside the input's own.
var rejectColumns = []string{"_row", "_target", "_outcome", "_kind", "_code", "_field", "_retry"}

// Columns compares the mapping with the columns of an input. Unused are those that nothing
// comes from, in their order, but for those that a file of rejects adds. Missing are those that
// the mapping needs and the input does not have, sorted; "key" if no column gives the key.
func (m *Mapper) Columns(header []string) (unused, missing []string) {
	used := map[string]bool{}
	for _, e := range m.entries {
		for _, name := range e.columns() {
			used[name] = true
			if !slices.Contains(header, name) {
				missing = append(missing, name)
			}
		}
	}
	for _, name := range header {
		_, mapped := m.entries[name]
		_, field := m.field(name)
		if !used[name] && (mapped || !field) && !slices.Contains(rejectColumns, name) {
			unused = append(unused, name)
		}
	}
	if _, mapped := m.entries[keyField]; !mapped && !slices.Contains(header, keyField) {
		missing = append(missing, keyField)
	}
	slices.Sort(missing)
	return unused, slices.Compact(missing)
}

// NeedsUsers names the fields, sorted, whose templates need the users of earlier targets.
// Request leaves these out, and WithUsers sets them.
func (m *Mapper) NeedsUsers() []string {
	var names []string
	for name, e := range m.entries {
		if e.template != nil && e.template.needsUsers {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *Mapper) summary() string {
	return "mapping{" + strings.Join(slices.Sorted(maps.Keys(m.entries)), " ") + "}"
}

// Format writes the names of the fields, for every verb.
func (m *Mapper) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.summary()) }

// LogValue returns the names of the fields.
func (m *Mapper) LogValue() slog.Value { return slog.StringValue(m.summary()) }
