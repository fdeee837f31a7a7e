package bulk

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/enlist-go/enlist/userapi"
)

// usersName is the name in a template of the users that earlier targets have created.
const usersName = "users"

// A rowTemplate is a template over columns.
type rowTemplate struct {
	*template.Template
	columns []string // used columns
	users   []string // targets of the used users; "" if unknown
	opaque  bool     // uses columns that cannot be listed
	inside  int      // number of with and range nodes around the current node
}

// functions are the additional template functions. They read only their arguments. Unlike
// text/template's index, this one fails for a missing name.
var functions = template.FuncMap{
	"trim":    strings.TrimSpace,
	"lower":   strings.ToLower,
	"upper":   strings.ToUpper,
	"replace": func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
	"index":   index,
}

var errOpaque = errors.New(`a template takes columns by their names alone, as in {{ .first }} and {{ index . "First name" }}: which ones it needs must be known`)

var errNotThere = errors.New("the row does not have it")

func index(of any, names ...string) (any, error) {
	v := reflect.ValueOf(of)
	for _, name := range names {
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
			return nil, errNotThere
		}
		if v = v.MapIndex(reflect.ValueOf(name)); !v.IsValid() {
			return nil, errNotThere
		}
	}
	return v.Interface(), nil
}

// isTemplate reports whether a Mapping's text for a field is a template and not a column.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

func parseTemplate(name, text string) (*rowTemplate, error) {
	parsed, err := template.New(name).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, err
	}
	t := &rowTemplate{Template: parsed}
	for _, part := range parsed.Templates() {
		if part.Tree != nil {
			t.find(reflect.ValueOf(part.Root))
		}
	}
	if t.opaque {
		return nil, errOpaque
	}
	slices.Sort(t.columns)
	t.columns = slices.Compact(t.columns)
	slices.Sort(t.users)
	t.users = slices.Compact(t.users)
	return t, nil
}

// find adds the columns that a node names, at any depth.
func (t *rowTemplate) find(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		switch node := v.Interface().(type) {
		case *parse.Tree: // every node points to the tree
			return
		case *parse.FieldNode:
			t.note(node.Ident)
		case *parse.VariableNode:
			if node.Ident[0] == "$" && len(node.Ident) > 1 {
				t.note(node.Ident[1:])
			}
			t.opaque = t.opaque || node.Ident[0] == "$" && len(node.Ident) == 1
		case *parse.DotNode:
			t.opaque = t.opaque || t.inside == 0
		case *parse.CommandNode:
			if t.noteIndex(node.Args) {
				return
			}
		case *parse.TemplateNode:
			if node.Pipe != nil && node.Pipe.String() == "." {
				return // the called template's columns are found separately
			}
		case *parse.WithNode:
			t.findBranch(&node.BranchNode)
			return
		case *parse.RangeNode:
			t.findBranch(&node.BranchNode)
			return
		}
		t.find(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				t.find(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			t.find(v.Index(i))
		}
	default:
	}
}

// findBranch adds the columns of with and range. Inside them the dot is not the row.
func (t *rowTemplate) findBranch(b *parse.BranchNode) {
	t.find(reflect.ValueOf(b.Pipe))
	t.inside++
	t.find(reflect.ValueOf(b.List))
	t.inside--
	t.find(reflect.ValueOf(b.ElseList))
}

// noteIndex adds the column of {{ index . "First name" }}. It returns false for any other command.
func (t *rowTemplate) noteIndex(args []parse.Node) bool {
	ofRow := len(args) >= 3 && args[0].String() == "index" && (args[1].String() == "$" || args[1].String() == "." && t.inside == 0)
	if !ofRow {
		return false
	}
	var names []string
	for _, arg := range args[2:] {
		name, ok := arg.(*parse.StringNode)
		if !ok {
			return false
		}
		names = append(names, name.Text)
	}
	t.note(names)
	return true
}

// note adds a column or a user by the names in its path.
func (t *rowTemplate) note(names []string) {
	switch {
	case names[0] != usersName:
		t.columns = append(t.columns, names[0])
	case len(names) == 1:
		t.users = append(t.users, "")
	default:
		t.users = append(t.users, names[1])
	}
}

// text evaluates the template. The error text has no values; Unwrap returns text/template's error,
// which can have some.
func (t *rowTemplate) text(data map[string]any) (string, *RowError) {
	var missing []string
	for _, name := range t.columns {
		if _, ok := data[name]; !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return "", &RowError{Column: joined(missing), Message: "the template needs a column that the row does not have", code: userapi.CodeRequired}
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", &RowError{Column: joined(t.columns), Message: "the template cannot be evaluated for this row", cause: err}
	}
	return b.String(), nil
}

// templateData returns the values of a row as texts, and users if it is not nil.
func templateData(row Row, users map[string]*userapi.User) map[string]any {
	data := make(map[string]any, len(row.Values)+1)
	for name, v := range row.Values {
		data[name] = asText(v)
	}
	if users != nil {
		known := make(map[string]map[string]string, len(users))
		for target, u := range users {
			if u != nil { // the template fails for a missing user
				known[target] = map[string]string{"ID": u.ID, "Provider": u.Provider}
			}
		}
		data[usersName] = known
	}
	return data
}

// asText returns a value for a template: lists and objects as JSON, NULL as "".
func asText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []any, map[string]any:
		return encode(x)
	}
	return fmt.Sprint(v)
}
