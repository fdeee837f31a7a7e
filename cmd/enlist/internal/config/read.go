package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A reader reads the nodes of a file, and collects every fault. Faults have no values of the file: a value may
// be a credential.
type reader struct {
	name   string // of the file
	faults []error
}

func (r *reader) fault(line int, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: %s", r.name, line, fmt.Sprintf(format, args...)))
}

// parse returns the file's one document; nil after a fault.
func (r *reader) parse(text []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		r.fault(1, "the file is empty: a job, targets and columns are expected")
		return nil
	}
	if err == nil {
		err = d.Decode(&second)
	}
	switch {
	case err == nil:
		r.fault(second.Line, "one document is expected, but a second one begins")
		return nil
	case !errors.Is(err, io.EOF):
		line, what := syntaxFault(err)
		r.fault(line, "%s", what)
		return nil
	}
	return document.Content[0]
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?([ -~]+)$`)

// syntaxFault returns the line and the text of an error of the parser. Only the text about an unknown alias has
// a part of the file, and is replaced.
func syntaxFault(err error) (line int, what string) {
	parts := syntaxError.FindStringSubmatch(err.Error())
	if parts == nil || strings.Contains(parts[2], "anchor") {
		return 1, "the file is not YAML: a text that begins with * or & needs quotes"
	}
	line, _ = strconv.Atoi(parts[1])
	return max(line, 1), "the file is not YAML: " + parts[2]
}

// members reads a mapping, each member with its reader. what names the mapping for people.
func (r *reader) members(n *yaml.Node, what string, of map[string]func(n *yaml.Node)) {
	r.each(n, what, func(name string, key, value *yaml.Node) {
		read, known := of[name]
		switch {
		case known:
			read(value)
		case isCredential(name):
			r.fault(key.Line, "%s: %s is a credential and must not be in the config: %s", what, name, credentialHint)
		default:
			r.unknown(key.Line, what, name, of)
		}
	})
}

func (r *reader) unknown(line int, what, name string, of map[string]func(n *yaml.Node)) {
	r.fault(line, "%s: unknown member%s; expected are %s", what, quotedName(name), strings.Join(slices.Sorted(maps.Keys(of)), ", "))
}

// each visits the members of a mapping in their order, and finds those that appear twice.
func (r *reader) each(n *yaml.Node, what string, visit func(name string, key, value *yaml.Node)) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		r.fault(n.Line, "%s: members are expected, such as name: value, not %s", what, kindOf(n))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		if key.Kind != yaml.ScalarNode || name == "" {
			r.fault(key.Line, "%s: the name of a member is expected", what)
			continue
		}
		if line, twice := first[name]; twice {
			r.fault(key.Line, "%s: the member%s appears twice, first on line %d", what, quotedName(name), line)
			continue
		}
		first[name] = key.Line
		visit(name, key, value)
	}
}

// text returns a reader of a text.
func (r *reader) text(what string, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n = resolved(n); n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			r.fault(n.Line, "%s: a text is expected, not %s. Put quotes around a text that looks like a number or true", what, kindOf(n))
			return
		}
		*to = n.Value
	}
}

// texts returns a reader of a list of texts.
func (r *reader) texts(what string, to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n = resolved(n); n.Kind != yaml.SequenceNode {
			r.fault(n.Line, "%s: a list of texts is expected, such as [one, two], not %s", what, kindOf(n))
			return
		}
		for _, element := range n.Content {
			var text string
			r.text(what, &text)(element)
			*to = append(*to, text)
		}
	}
}

// number returns a reader of a number of at least 0.
func (r *reader) number(what string, to *float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		tag := n.ShortTag()
		var f float64
		if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || n.Decode(&f) != nil || !(f >= 0 && f <= math.MaxInt32) {
			r.fault(n.Line, "%s: a number of at least 0 is expected, such as 50, not %s", what, kindOf(n))
			return
		}
		*to = f
	}
}

// count returns a reader of a whole number of at least 0.
func (r *reader) count(what string, to *int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		var i int
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&i) != nil || i < 0 {
			r.fault(n.Line, "%s: a whole number of at least 0 is expected, such as 16, not %s", what, kindOf(n))
			return
		}
		*to = i
	}
}

// truth returns a reader of true or false.
func (r *reader) truth(what string, to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n = resolved(n); n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(to) != nil {
			r.fault(n.Line, "%s: true or false is expected, not %s", what, kindOf(n))
		}
	}
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// kindOf names the kind of a node.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "members"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!int", "!!float":
			return "such a number"
		case "!!bool":
			return "true or false"
		case "!!null":
			return "nothing"
		case "!!str":
			return "such a text"
		}
	default:
	}
	return "something else"
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,39}$`)

// quotedName returns a space and the quoted name of a member, if it looks like a name.
func quotedName(name string) string {
	if !plainName.MatchString(name) {
		return ""
	}
	return " " + strconv.Quote(name)
}
