// Package table holds a ledger's records in memory.
package table

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// A Name is the place of a record.
type Name struct {
	Key, Target string
	// Revision counts how often the record was stored, from 1.
	Revision int64
	// Open says that something is left to do for the record.
	Open bool
}

// A Table holds records of a type by key and, for each key, in the order of their targets.
// The zero value with a NameOf is an empty table. It is not safe for concurrent use.
type Table[R any] struct {
	// NameOf says where a record belongs.
	NameOf func(R) Name

	byKey map[string][]R
	open  keys // those that have an open record
}

// Load returns the records of a key. They are the table's own.
func (t *Table[R]) Load(key string) []R { return t.byKey[key] }

// All returns the records key by key. They are the table's own.
func (t *Table[R]) All() iter.Seq[[]R] { return maps.Values(t.byKey) }

// Has reports whether the table has records of a key.
func (t *Table[R]) Has(key string) bool { return t.byKey[key] != nil }

// Holds reports whether there is a record with a record's name.
func (t *Table[R]) Holds(r R) bool {
	name := t.NameOf(r)
	_, found := t.place(t.byKey[name.Key], name.Target)
	return found
}

// Follows reports whether each record has the revision after that of the one that is held.
func (t *Table[R]) Follows(next ...R) bool {
	return !slices.ContainsFunc(next, func(r R) bool {
		name := t.NameOf(r)
		i, found := t.place(t.byKey[name.Key], name.Target)
		revision := int64(0)
		if found {
			revision = t.NameOf(t.byKey[name.Key][i]).Revision
		}
		return name.Revision != revision+1
	})
}

// Put puts records in the place of those with their names.
func (t *Table[R]) Put(next ...R) {
	if t.byKey == nil {
		t.byKey = map[string][]R{}
	}
	for _, r := range next {
		name := t.NameOf(r)
		of := t.byKey[name.Key]
		if i, found := t.place(of, name.Target); found {
			of[i] = r
		} else {
			of = slices.Insert(of, i, r)
			t.byKey[name.Key] = of
		}
		if name.Open || slices.ContainsFunc(of, func(r R) bool { return t.NameOf(r).Open }) {
			t.open.insert(name.Key)
		} else {
			t.open.remove(name.Key)
		}
	}
}

// Open returns, in order, at most limit keys after the given one that have an open record.
func (t *Table[R]) Open(after string, limit int) []string { return t.open.after(after, limit) }

// Clear removes every record.
func (t *Table[R]) Clear() {
	clear(t.byKey)
	t.open = keys{}
}

func (t *Table[R]) place(records []R, target string) (i int, found bool) {
	return slices.BinarySearchFunc(records, target, func(r R, target string) int { return strings.Compare(t.NameOf(r).Target, target) })
}
