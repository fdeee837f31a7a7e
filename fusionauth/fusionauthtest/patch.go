package fusionauthtest

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// merged applies a merge patch to a value. null removes a member. Lists are replaced or, if
// appending, extended.
func merged(current, patch any, appending bool) any {
	switch patch := patch.(type) {
	case object:
		into, ok := current.(object)
		if !ok {
			into = object{}
		}
		for name, value := range patch {
			if value == nil {
				delete(into, name)
			} else {
				into[name] = merged(into[name], value, appending)
			}
		}
		return into
	case []any:
		if list, ok := current.([]any); ok && appending {
			return append(list, patch...)
		}
	}
	return patch
}

// An operation is an operation of a JSON patch. Source: RFC 6902.
type operation struct {
	Op, Path, From string
	Value          any
}

// patched applies the operations to a document. The error names the first invalid one.
func patched(document object, operations []operation) (object, error) {
	var root any = document
	for _, o := range operations {
		value, ok := o.Value, true
		if o.Op == "move" || o.Op == "copy" {
			value, ok = at(root, o.From)
		}
		if o.Op == "move" && ok {
			root, ok = edited(root, tokens(o.From), nil, true, false)
		}
		switch {
		case !ok:
		case o.Op == "test":
			var found any
			found, ok = at(root, o.Path)
			ok = ok && bytes.Equal(encode(found), encode(value))
		case o.Op == "remove":
			root, ok = edited(root, tokens(o.Path), nil, true, false)
		case o.Op == "replace":
			root, ok = edited(root, tokens(o.Path), value, false, true)
		case o.Op == "add" || o.Op == "move" || o.Op == "copy":
			root, ok = edited(root, tokens(o.Path), value, false, false)
		default:
			ok = false
		}
		if !ok {
			return nil, errors.New("JSON Patch operation " + o.Op)
		}
	}
	changed, _ := root.(object)
	return changed, nil
}

// tokens returns the parts of a JSON pointer.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[i])
	}
	return parts
}

// at returns the value at a pointer.
func at(v any, pointer string) (any, bool) {
	for _, token := range tokens(pointer) {
		switch in := v.(type) {
		case object:
			var ok bool
			if v, ok = in[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// edited returns a copy of a value with the part at path set or removed. mustExist refuses to set a
// missing part.
func edited(v any, path []string, value any, remove, mustExist bool) (any, bool) {
	if len(path) == 0 {
		return value, !remove
	}
	token, last := path[0], len(path) == 1
	switch in := v.(type) {
	case object:
		below, has := in[token]
		switch {
		case !has && (!last || remove || mustExist):
			return v, false
		case last && remove:
			delete(in, token)
			return in, true
		}
		below, ok := edited(below, path[1:], value, remove, mustExist)
		in[token] = below
		return in, ok
	case []any:
		i, err := strconv.Atoi(token)
		adds := last && !remove && !mustExist
		if token == "-" && adds {
			i, err = len(in), nil
		}
		switch {
		case err != nil || i < 0 || i > len(in) || i == len(in) && !adds:
			return v, false
		case adds:
			return slices.Insert(in, i, value), true
		case last && remove:
			return slices.Delete(in, i, i+1), true
		}
		below, ok := edited(in[i], path[1:], value, remove, mustExist)
		in[i] = below
		return in, ok
	}
	return v, false
}
