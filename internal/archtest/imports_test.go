package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// A dependency is a module of others that this one may require.
type dependency struct {
	module string
	dirs   []string // the folders whose files may import it; those named _test.go always may
}

// dependencies is all that the module may require.
var dependencies = []dependency{
	{"github.com/go-json-experiment/json", []string{"internal/wire"}},
	{"github.com/go-resty/resty/v2", []string{"internal/transport"}},
	{"github.com/golang-jwt/jwt/v5", []string{"mixin", "mixin/mixintest"}},
	{"github.com/jarcoal/httpmock", nil},
	{"github.com/stretchr/testify", nil},
	{"golang.org/x/crypto", []string{"fusionauth/fusionauthtest"}},
	{"golang.org/x/net", nil},
	{"golang.org/x/time", []string{"internal/fakehttp"}},
}

// A role says what the packages of a folder may import of this module.
type role struct {
	rule string
	may  func(imported string) bool
}

// vendorOf finds the vendor that a folder is, or is the fake of, by its place. A folder
// at the root that has no other role is a vendor: a new one needs no change here.
func vendorOf(dir string) (vendor string, ok bool) {
	vendor, below, _ := strings.Cut(dir, "/")
	return vendor, !within(dir, ".", "userapi", "internal", "examples", "tools") && (below == "" || below == vendor+"test")
}

// roleOf finds a folder's role by its place.
func roleOf(dir string) (role, bool) {
	vendor, isVendor := vendorOf(dir)
	switch {
	case dir == "userapi" || dir == "userapi/lenient":
		return role{dir + " imports the standard library alone", nothing}, true
	case dir == "userapi/provision/fileledger":
		return role{
			"userapi/provision/fileledger imports userapi, userapi/provision and internal/durable",
			func(imported string) bool {
				return imported == "userapi" || within(imported, "userapi/provision") || imported == "internal/durable"
			},
		}, true
	case within(dir, "userapi/provision"):
		return role{
			"userapi/provision imports userapi and the standard library",
			func(imported string) bool { return imported == "userapi" || within(imported, "userapi/provision") },
		}, true
	case dir == "userapi/userapitest":
		return role{
			"userapi/userapitest imports userapi and the standard library",
			func(imported string) bool { return imported == "userapi" },
		}, true
	case dir == "internal/archtest":
		return role{"internal/archtest imports nothing of this module", nothing}, true
	case dir == "internal/vendors" || dir == "internal/fakes":
		return role{
			dir + " imports the vendors, their fakes, userapi, userapi/userapitest and internal/*",
			func(imported string) bool {
				_, vendor := vendorOf(imported)
				return vendor || imported == "userapi" || imported == "userapi/userapitest" || within(imported, "internal")
			},
		}, true
	case dir == "internal/fakehttp":
		return role{
			"internal/fakehttp imports userapi, userapi/userapitest and internal/* without internal/fakes and internal/vendors",
			func(imported string) bool {
				return imported == "userapi" || imported == "userapi/userapitest" ||
					within(imported, "internal") && !within(imported, "internal/fakes", "internal/vendors")
			},
		}, true
	case within(dir, "internal"):
		return role{"internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors", shared}, true
	case within(dir, "examples"):
		return role{
			"an example imports what its reader can import, so nothing of internal; fakevendors, which is for use and not for reading, internal/fakes",
			func(imported string) bool {
				return !within(imported, "internal") || dir == "examples/fakevendors" && imported == "internal/fakes"
			},
		}, true
	case !isVendor:
		return role{}, false
	case dir == vendor:
		return role{"a vendor imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors, and no other vendor", shared}, true
	}
	return role{
		"a vendor's fake imports its vendor, userapi, userapi/userapitest, internal/fakehttp, internal/uuid and internal/wire",
		func(imported string) bool {
			return slices.Contains([]string{
				vendor, "userapi", "userapi/userapitest", "internal/fakehttp", "internal/uuid", "internal/wire",
			}, imported)
		},
	}, true
}

// replaced are packages of the standard library that a better one stands for.
var replaced = map[string]string{
	"io/ioutil": "use io and os",
	"math/rand": "use math/rand/v2, or crypto/rand for what must not be guessed",
}

// kept are packages of the standard library that stand in some folders alone: a program that
// does not use these is not to link them.
var kept = map[string][]string{"database/sql": {"userapi/provision/bulk", "userapi/provision/sqlledger"}}

func nothing(string) bool { return false }

func shared(imported string) bool {
	return imported == "userapi" || imported == "userapi/lenient" ||
		within(imported, "internal") && !within(imported, "internal/fakehttp", "internal/fakes", "internal/vendors")
}

// checkImports finds what imports against the roles, third-party code where it may
// not stand, and modules that nobody allowed.
func checkImports(t *tree) (findings []string) {
	for _, f := range t.files {
		r, known := roleOf(f.dir)
		if !known && !f.test {
			findings = append(findings, f.path+": no rule says what this folder is: give it a role in internal/archtest")
			continue
		}
		for _, spec := range f.syntax.Imports {
			if why := forbidden(t, f, r, spec); why != "" {
				findings = append(findings, fmt.Sprintf("%s: imports %s: %s", f.at(spec), importPath(spec), why))
			}
		}
	}
	for _, module := range t.direct {
		if _, ok := allowed(module); !ok {
			findings = append(findings, fmt.Sprintf("go.mod: requires %s, which is not on the list of dependencies", module))
		}
	}
	return findings
}

func forbidden(t *tree, f *file, r role, spec *ast.ImportSpec) (why string) {
	imported := importPath(spec)
	if importName(spec) == "." {
		return "an import into the file's own names hides where a name comes from"
	}
	if standard(imported) {
		if dirs := kept[imported]; dirs != nil && !slices.Contains(dirs, f.dir) && !f.test {
			return "it may stand in " + strings.Join(dirs, " and ") + " alone"
		}
		return replaced[imported]
	}
	if dir, ok := t.ours(imported); ok {
		if f.test || r.may(dir) {
			return ""
		}
		return r.rule
	}
	d, ok := allowed(imported)
	switch {
	case !ok:
		return "not on the list of dependencies"
	case f.test || slices.Contains(d.dirs, f.dir):
		return ""
	case len(d.dirs) == 0:
		return path.Base(d.module) + " may stand in _test.go files alone"
	}
	return fmt.Sprintf("it may stand in %s alone", strings.Join(d.dirs, " and "))
}

// allowed finds the dependency that a package, or a module, is of.
func allowed(importPath string) (dependency, bool) {
	for _, d := range dependencies {
		if within(importPath, d.module) {
			return d, true
		}
	}
	return dependency{}, false
}
