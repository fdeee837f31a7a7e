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

// A Mapping says which field of a request comes from which column. The zero value uses the columns
// whose names are fields.
type Mapping struct {
	// Columns maps the name of a field to its column, or to a text/template over the columns: a
	// text with "{{" in it. The package documentation lists the fields under Mapping. A field that
	// is not in the map comes from the column of its own name, if there is one. With "" a field is
	// not set.
	Columns map[string]string
	// Targets has columns for one target only, by the target's name. They override Columns. Their
	// templates may use the users of the targets that this one comes after:
	// {{ .users.identity.ID }}. The key cannot be set here.
	Targets map[string]map[string]string
	// Extensions has a prototype of each vendor's Extension, as a value or a pointer. For example,
	// fusionauth.Extra{} allows the fields that begin with "fusionauth.". A field that is set in a
	// prototype is set for each row, unless the row sets it. Do not change the prototypes after
	// Compile.
	Extensions []userapi.Extension
}

// A Mapper makes requests of rows. It is safe for concurrent use. Printed or logged it shows the
// names of its fields.
type Mapper struct {
	job     string
	entries map[string]entry   // by the fields' names
	targets map[string][]entry // sorted by field
	carried map[string]bool    // the columns that these need; true for those with a secret
	onlyKey bool               // nothing but the key is set
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

// Compile checks the mapping for a job. The name of the job is part of each key: 1 to 100 ASCII
// letters, digits, dots, hyphens and underscores, and first a letter or digit. The error has every
// fault.
func (m Mapping) Compile(job string) (*Mapper, error) {
	c := &Mapper{job: job, entries: map[string]entry{}, targets: map[string][]entry{}, carried: map[string]bool{}, vendors: map[string]*vendor{}}
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
	entries, bad := c.entriesFrom("Mapping.Columns", m.Columns, "")
	faults = append(faults, bad...)
	for _, e := range entries {
		c.entries[e.name] = e
	}
	for _, target := range slices.Sorted(maps.Keys(m.Targets)) {
		entries, bad := c.entriesFrom(fmt.Sprintf("Mapping.Targets[%q]", target), m.Targets[target], target)
		faults = append(faults, bad...)
		c.targets[target] = entries
		c.carries(entries)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// entriesFrom compiles columns, sorted by field. target is theirs, "" for those of all.
func (m *Mapper) entriesFrom(of string, columns map[string]string, target string) (entries []entry, faults []error) {
	names := slices.Sorted(maps.Keys(columns))
	for _, name := range names {
		e, err := m.entry(name, columns[name])
		switch {
		case err != nil:
		case target != "" && name == keyField:
			err = errors.New("key: it must be in Mapping.Columns, because it is the same at every target")
		case target == "" && e.template != nil && e.template.users != nil:
			err = fmt.Errorf("%s: a template with users must be in Mapping.Targets", name)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("bulk: %s: %w", of, err))
			continue
		}
		entries = append(entries, e)
		for _, other := range names {
			if strings.HasPrefix(other, name+".") && m.vendors[strings.SplitN(name, ".", 2)[0]] != nil {
				faults = append(faults, fmt.Errorf("bulk: %s: %s is a part of %s: both cannot be set", of, other, name))
			}
		}
	}
	return entries, faults
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
	if len(e.columns()) == 0 {
		return entry{}, errors.New("key: a column, or a template with one, is required: it identifies each row")
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

// keyAlone returns a mapper of the key and of nothing else.
func (m *Mapper) keyAlone() *Mapper {
	own := &Mapper{job: m.job, entries: map[string]entry{}, onlyKey: true}
	if e, mapped := m.entries[keyField]; mapped {
		own.entries[keyField] = e
	}
	return own
}

// Columns compares the mapping with the columns of an input. Unused are the columns that the
// mapping does not use, in their order, without those that a file of rejects adds. Missing are the
// columns that the mapping needs and the input does not have, sorted; "key" if no column gives the
// key.
func (m *Mapper) Columns(header []string) (unused, missing []string) {
	used := map[string]bool{}
	need := func(name string) {
		used[name] = true
		if !slices.Contains(header, name) {
			missing = append(missing, name)
		}
	}
	for _, e := range m.entries {
		for _, name := range e.columns() {
			need(name)
		}
	}
	for name := range m.carried {
		need(name)
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

func (m *Mapper) summary() string {
	return "mapping{" + strings.Join(slices.Sorted(maps.Keys(m.entries)), " ") + "}"
}

// Format writes the names of the fields, for every verb.
func (m *Mapper) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.summary()) }

// LogValue returns the names of the fields.
func (m *Mapper) LogValue() slog.Value { return slog.StringValue(m.summary()) }
