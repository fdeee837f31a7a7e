package bulk

import (
	"context"
	"errors"
	"iter"
	"strconv"

	"github.com/enlist-go/enlist/userapi"
)

// Only returns the rows of a file of rejects, which may be corrected, with the secrets that the
// file leaves out. The secrets come from the row of the original with the same key. If several rows
// have the key, the reject's _row says which line. If there is no such row, or it cannot be read, a
// reject that needs a secret is an error.
//
// Values that were not changed keep the types of the original. Rows and errors are in the order of
// the original; rejects without a row there come last. Lines are those of the rejects.
//
// Only keeps all rejects in memory. The mapping is the job's. The Source is a ColumnSource if
// rejects is one. It can be read once.
func Only(original, rejects Source, mapping Mapping) Source {
	o := &only{original: original, rejects: rejects, mapping: mapping}
	if columns, ok := rejects.(ColumnSource); ok {
		return onlyColumns{o, columns}
	}
	return o
}

type only struct {
	original, rejects Source
	mapping           Mapping
}

type onlyColumns struct {
	*only
	columns ColumnSource
}

// Columns returns the columns of the rejects.
func (o onlyColumns) Columns(ctx context.Context) ([]string, error) { return o.columns.Columns(ctx) }

// A reject is one row of the rejects.
type reject struct {
	row     Row
	bad     error
	key     string
	from    Row  // whose secrets it gets; without Values if there is none yet
	many    bool // other rows have the key too
	lost    bool // the row that it was made of cannot be read
	yielded bool
}

// Rows yields the rejects.
func (o *only) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if o.original == nil || o.rejects == nil {
			yield(Row{}, &RowError{Message: "Only needs the original and the rejects", Fatal: true})
			return
		}
		m, err := o.mapping.Compile("only") // the name is no part of what is compared
		if err != nil {
			yield(Row{}, &RowError{Message: "the mapping is invalid", Fatal: true, cause: err})
			return
		}
		keys := m.keyAlone()
		var all []*reject
		byKey, byLine := map[string][]*reject{}, map[string][]*reject{}
		for row, err := range o.rejects.Rows(ctx) {
			var bad *RowError
			if err != nil && (!errors.As(err, &bad) || bad.Fatal) {
				yield(row, err)
				return
			}
			r := &reject{row: row, bad: err}
			all = append(all, r)
			if err == nil {
				r.key = keys.build(row).req.IdempotencyKey
				byKey[r.key] = append(byKey[r.key], r)
				byLine[lineOf(row)] = append(byLine[lineOf(row)], r)
			}
		}
		for row, err := range o.original.Rows(ctx) {
			var bad *RowError
			if err != nil && (!errors.As(err, &bad) || bad.Fatal) {
				yield(row, err)
				return
			}
			key, line := "", strconv.FormatInt(row.Line, 10)
			if err == nil {
				key = keys.build(row).req.IdempotencyKey
			}
			for _, r := range byLine[line] {
				r.lost = r.lost || err != nil && hasOwnLine(r.row)
			}
			for _, r := range byKey[key] {
				if key == "" {
					continue
				}
				exact := hasOwnLine(r.row) && lineOf(r.row) == line
				r.many = !exact && (r.many || r.from.Values != nil)
				r.from = row
				if exact && !r.yielded && !r.yieldWithSecrets(m, yield) {
					return
				}
			}
		}
		for _, r := range all {
			if !r.yielded && !r.yieldWithSecrets(m, yield) {
				return
			}
		}
	}
}

// hasOwnLine reports whether a reject says which line it was made of.
func hasOwnLine(row Row) bool {
	_, there := row.Values[rejectColumns[0]]
	return there
}

// yieldWithSecrets yields a reject with its secrets.
func (r *reject) yieldWithSecrets(m *Mapper, yield func(Row, error) bool) bool {
	r.yielded = true
	if r.bad != nil {
		return yield(r.row, r.bad)
	}
	for name, v := range r.row.Values {
		secret, there := r.from.Values[name]
		if v != userapi.Redacted || !m.isSecret(name) {
			if there && !r.many && !r.lost && v != nil && asText(secret) == v {
				r.row.Values[name] = secret // with its type
			}
			continue
		}
		if !there || r.many || r.lost {
			message := "the secret is left out, and the original has no row with this key"
			switch {
			case r.lost:
				message = "the secret is left out, and the original's row on the line of _row cannot be read"
			case there:
				message = "the secret is left out, and the original has several rows with this key: _row must say which one"
			}
			return yield(r.row, &RowError{Line: r.row.Line, Column: name, Message: message, code: userapi.CodeRequired})
		}
		r.row.Values[name] = secret
	}
	r.from = Row{}
	return yield(r.row, nil)
}
