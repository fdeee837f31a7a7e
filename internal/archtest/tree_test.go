// Package archtest holds the module's rules of structure: who may import whom,
// where third-party code may stand, what an exported signature may name and what
// no file may call. It reads the source alone, so it needs neither the network
// nor a build, and its rules are proven on small trees that break them.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A tree is the Go source of one module.
type tree struct {
	module string
	direct []string // what go.mod requires directly
	files  []*file
}

// A file is one parsed Go file.
type file struct {
	path    string // from the module's root, with slashes
	dir     string
	test    bool
	syntax  *ast.File
	imports map[string]string // the import paths by the name they have in the file
	at      func(ast.Node) string
}

// load reads every Go file of the module at the root of fsys, whatever its build
// constraints. It leaves out what the go command leaves out too: testdata, names
// that begin with a dot or an underscore, and other modules.
func load(fsys fs.FS) (*tree, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	t := &tree{}
	t.module, t.direct = parseMod(string(mod))
	fset := token.NewFileSet()
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) || d.IsDir() && base == "testdata" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if _, err := fs.Stat(fsys, path.Join(name, "go.mod")); err == nil && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := &file{
			path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			syntax: syntax, imports: map[string]string{},
			at: func(n ast.Node) string {
				p := fset.Position(n.Pos())
				return fmt.Sprintf("%s:%d", p.Filename, p.Line)
			},
		}
		for _, spec := range syntax.Imports {
			f.imports[importName(spec)] = importPath(spec)
		}
		t.files = append(t.files, f)
		return nil
	})
	return t, err
}

var (
	moduleLine  = regexp.MustCompile(`(?m)^module\s+(\S+)`)
	requireLine = regexp.MustCompile(`(?m)^(?:require\s+|\t)([\w.-]+\.[\w.-]+/\S+) v\S+[ \t]*$`)
)

// parseMod reads the module's path and its direct requirements, which are those
// without a comment.
func parseMod(text string) (module string, direct []string) {
	if m := moduleLine.FindStringSubmatch(text); m != nil {
		module = m[1]
	}
	for _, m := range requireLine.FindAllStringSubmatch(text, -1) {
		direct = append(direct, m[1])
	}
	return module, direct
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser accepted it
	return p
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// importName is what the import is called in its file: its own name, else the
// last element of the path that is not a major version.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	elements := strings.Split(importPath(spec), "/")
	if n := len(elements); n > 1 && majorVersion.MatchString(elements[n-1]) {
		elements = elements[:n-1]
	}
	return elements[len(elements)-1]
}

// standard tells whether the path is one of the standard library: its first
// element has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// ours gives the folder of an import path of this module.
func (t *tree) ours(importPath string) (dir string, ok bool) {
	if importPath == t.module {
		return ".", true
	}
	return strings.CutPrefix(importPath, t.module+"/")
}

// selected gives the import path and the name of a selector such as http.Get. It
// takes a variable that is called like an import for the import.
func (f *file) selected(e ast.Expr) (importPath, name string, ok bool) {
	s, isSelector := e.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", false
	}
	x, isIdent := s.X.(*ast.Ident)
	if !isIdent {
		return "", "", false
	}
	importPath, ok = f.imports[x.Name]
	return importPath, s.Sel.Name, ok
}

// program tells whether the file is of a command and not of a package that others import.
func (f *file) program() bool { return f.syntax.Name.Name == "main" }

// within tells whether dir is one of the folders or below one.
func within(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return dir == folder || strings.HasPrefix(dir, folder+"/")
	})
}
