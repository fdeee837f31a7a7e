package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// checkSignatures finds the exported declarations of public packages that name a
// type of other people's modules: a user of it would depend on that module's
// version, and this one could not change it.
//
// It follows the package's own unexported types and the methods they promote, but
// not the types of values without one: those of exported variables are judged by
// every name in the expression.
func checkSignatures(t *tree) (findings []string) {
	packages := map[string]*scope{}
	var dirs []string
	for _, f := range t.files {
		if f.test || f.program() || within(f.dir, "internal") {
			continue
		}
		if packages[f.dir] == nil {
			packages[f.dir] = &scope{types: map[string]*declaration{}, methods: map[string][]*declaration{}}
			dirs = append(dirs, f.dir)
		}
		packages[f.dir].add(f)
	}
	for _, dir := range dirs {
		s := packages[dir]
		for _, d := range s.exported {
			for _, n := range d.nodes {
				for _, leak := range s.leaks(t, d.file, n, map[string]bool{}) {
					findings = append(findings, fmt.Sprintf("%s: exported %s names %s", d.file.at(n), d.name, leak))
				}
			}
		}
	}
	return findings
}

// A declaration is one name with the expressions that its user gets to see.
type declaration struct {
	file  *file
	name  string
	nodes []ast.Node
}

// A scope is one package's declarations.
type scope struct {
	types    map[string]*declaration   // by name
	methods  map[string][]*declaration // the exported ones, by receiver
	exported []*declaration
}

func (s *scope) add(f *file) {
	for _, decl := range f.syntax.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			s.addFunc(f, decl)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					s.addType(f, spec)
				case *ast.ValueSpec:
					s.addValue(f, decl.Tok, spec)
				}
			}
		}
	}
}

func (s *scope) addFunc(f *file, decl *ast.FuncDecl) {
	if !decl.Name.IsExported() {
		return
	}
	d := &declaration{f, decl.Name.Name, []ast.Node{decl.Type}}
	if decl.Recv == nil {
		s.exported = append(s.exported, d)
		return
	}
	receiver := baseName(decl.Recv.List[0].Type)
	d.name = receiver + "." + d.name
	s.methods[receiver] = append(s.methods[receiver], d)
	if token.IsExported(receiver) {
		s.exported = append(s.exported, d)
	}
}

func (s *scope) addType(f *file, spec *ast.TypeSpec) {
	d := &declaration{f, spec.Name.Name, []ast.Node{spec.Type}}
	if spec.TypeParams != nil {
		d.nodes = append(d.nodes, spec.TypeParams)
	}
	s.types[d.name] = d
	if spec.Name.IsExported() {
		s.exported = append(s.exported, d)
	}
}

func (s *scope) addValue(f *file, tok token.Token, spec *ast.ValueSpec) {
	i := slices.IndexFunc(spec.Names, (*ast.Ident).IsExported)
	if i < 0 || tok == token.CONST && spec.Type == nil {
		return
	}
	d := &declaration{f, spec.Names[i].Name, nil}
	if spec.Type != nil {
		d.nodes = append(d.nodes, spec.Type)
	} else {
		for _, value := range spec.Values {
			d.nodes = append(d.nodes, value)
		}
	}
	s.exported = append(s.exported, d)
}

// leaks gives the types of other modules that n shows, with those of the package's
// unexported types that it names. seen holds the names that were followed already.
func (s *scope) leaks(t *tree, f *file, n ast.Node, seen map[string]bool) (found []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt: // a function's body is nobody's business
			return false
		case *ast.StructType:
			for _, field := range n.Fields.List {
				if visible(field) {
					found = append(found, s.leaks(t, f, field.Type, seen)...)
				}
			}
			return false
		case *ast.Field: // names of parameters are not types
			found = append(found, s.leaks(t, f, n.Type, seen)...)
			return false
		case *ast.SelectorExpr:
			pkg, name, ok := f.selected(n)
			if !ok {
				return true
			}
			if _, own := t.ours(pkg); !own && !standard(pkg) {
				found = append(found, pkg+"."+name)
			}
			return false
		case *ast.Ident:
			if d := s.types[n.Name]; d != nil && !n.IsExported() && !seen[n.Name] {
				seen[n.Name] = true
				for _, d := range append([]*declaration{d}, s.methods[n.Name]...) {
					for _, n := range d.nodes {
						found = append(found, s.leaks(t, d.file, n, seen)...)
					}
				}
			}
		}
		return true
	})
	return found
}

// visible tells whether a struct's field is seen from outside: it has an exported
// name, or it is embedded, which lends its methods even when its name is hidden.
func visible(field *ast.Field) bool {
	return len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported)
}

// baseName is the name of a receiver's type.
func baseName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return baseName(e.X)
	case *ast.ParenExpr:
		return baseName(e.X)
	case *ast.IndexExpr:
		return baseName(e.X)
	case *ast.IndexListExpr:
		return baseName(e.X)
	}
	return ""
}
