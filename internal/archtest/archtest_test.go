package archtest

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
)

// TestModule holds the rules over this module.
func TestModule(t *testing.T) {
	t.Parallel()
	module, err := load(os.DirFS("../.."))
	require.NoError(t, err)

	var dirs []string
	found, conforming := map[string]bool{}, map[string]bool{}
	for _, f := range module.files {
		dirs = append(dirs, f.dir)
		if vendor, ok := vendorOf(f.dir); ok && !f.test {
			found[vendor] = true
		}
		if f.imports["userapitest"] != "" && f.test {
			conforming[f.dir] = conforming[f.dir] || runs(f)
		}
	}
	require.Subset(t, dirs, []string{"userapi", "userapi/userapitest", "internal/transport", "internal/archtest"},
		"the walk missed a part of the module, so the rules would prove nothing")

	inList := map[string]bool{}
	for _, v := range vendors.All() {
		inList[v.Package] = true
		assert.True(t, conforming[v.Package], "no test of %s calls userapitest.Run", v.Package)
	}
	assert.Equal(t, found, inList, "the folders of vendors, and the list in internal/vendors")

	for _, finding := range check(module) {
		t.Error(finding)
	}

	var listed []string
	for _, d := range dependencies {
		listed = append(listed, d.module)
	}
	assert.ElementsMatch(t, listed, module.direct, "the list of dependencies and go.mod's direct requirements")
}

// TestOtherModules holds what is banned over the other modules of the workspace. userapiotel
// imports userapi and userapi/provision alone, and examples/webapp nothing internal.
func TestOtherModules(t *testing.T) {
	t.Parallel()
	workspace, err := os.ReadFile("../../go.work")
	require.NoError(t, err)
	modules := regexp.MustCompile(`(?m)^\t\./(\S+)$`).FindAllStringSubmatch(string(workspace), -1)
	require.NotEmpty(t, modules)
	for _, m := range modules {
		module, err := load(os.DirFS(path.Join("../..", m[1])))
		require.NoError(t, err)
		require.NotEmpty(t, module.files, m[1])
		for _, finding := range checkCalls(module) {
			t.Error(m[1] + "/" + finding)
		}
		if m[1] != "userapi/userapiotel" && m[1] != "examples/webapp" {
			continue
		}
		for _, f := range module.files {
			for _, spec := range f.syntax.Imports {
				imported := importPath(spec)
				ours, ok := strings.CutPrefix(imported, "github.com/enlist-go/enlist/")
				if f.test || !ok {
					continue
				}
				assert.False(t, within(ours, "internal"), "%s/%s: imports %s: its reader could not", m[1], f.at(spec), imported)
				assert.True(t, m[1] != "userapi/userapiotel" || within(ours, "userapi/provision") || ours == "userapi",
					"%s/%s: imports %s: userapiotel imports userapi and userapi/provision", m[1], f.at(spec), imported)
			}
		}
	}
}

// runs reports whether a file calls the conformance suite.
func runs(f *file) (found bool) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			pkg, name, _ := f.selected(call.Fun)
			found = found || path.Base(pkg) == "userapitest" && name == "Run"
		}
		return true
	})
	return found
}

func check(t *tree) []string {
	return slices.Concat(checkImports(t), checkCalls(t), checkSignatures(t))
}

const goMod = `module example.com/m

go 1.26.0

require (
	github.com/go-resty/resty/v2 v2.17.2
	github.com/golang-jwt/jwt/v5 v5.3.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
`

// TestRules breaks each rule in a small module, and keeps each in the next one to it.
func TestRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string // by path; those of Go without their package clause
		want  []string
	}{
		{
			name: "a module that keeps every rule",
			files: map[string]string{
				"userapi/user.go":                        `import "context"; func Use(context.Context) {}`,
				"readme_test.go":                         `import _ "github.com/stretchr/testify/assert"`,
				"userapi/user_test.go":                   `import _ "example.com/m/acme"`,
				"userapi/userapitest/suite.go":           `import _ "example.com/m/userapi"`,
				"userapi/provision/ensure.go":            `import _ "example.com/m/userapi"`,
				"userapi/provision/fileledger/ledger.go": `import ( _ "example.com/m/userapi/provision"; _ "example.com/m/internal/durable" )`,
				"userapi/provision/sqlledger/ledger.go":  `import ( _ "example.com/m/userapi/provision"; _ "database/sql" )`,
				"userapi/provision/bulk/query.go":        `import ( _ "example.com/m/userapi"; _ "example.com/m/userapi/provision"; _ "database/sql" )`,
				"internal/wire/wire.go":                  `import _ "example.com/m/userapi"`,
				"internal/transport/call.go":             `import ( _ "example.com/m/internal/wire"; r "github.com/go-resty/resty/v2" ); func Call(*r.Client) {}`,
				"internal/transport/h2_test.go":          `import _ "golang.org/x/net/http2"`,
				"internal/fakehttp/server.go":            `import ( _ "example.com/m/userapi/userapitest"; _ "example.com/m/userapi" )`,
				"internal/fakes/fakes.go":                `import ( _ "example.com/m/acme"; _ "example.com/m/acme/acmetest"; _ "example.com/m/userapi/userapitest" )`,
				"internal/vendors/vendors.go":            `import ( _ "example.com/m/acme"; _ "example.com/m/acme/acmetest"; _ "example.com/m/userapi"; _ "example.com/m/userapi/userapitest"; _ "example.com/m/internal/wire" )`,
				"internal/matrix/matrix_test.go":         `import _ "example.com/m/internal/vendors"`,
				"internal/bench/bench_test.go":           `import ( _ "example.com/m/acme"; _ "github.com/go-resty/resty/v2" )`,
				"acme/client.go":                         `import ( _ "example.com/m/userapi"; _ "example.com/m/internal/transport" )`,
				"acme/client_test.go":                    `import ( _ "github.com/stretchr/testify/assert"; _ "example.com/m/acme/acmetest"; _ "example.com/m/internal/fakehttp" )`,
				"acme/acmetest/server.go":                `import ( _ "example.com/m/acme"; _ "example.com/m/userapi/userapitest"; _ "example.com/m/internal/fakehttp"; _ "example.com/m/internal/wire" )`,
				"mixin/token.go":                         `import "github.com/golang-jwt/jwt/v5"; func sign(jwt.Claims) {}; type signer struct{}; func (signer) Sign(jwt.Claims) {}; type Client struct{ s *jwt.Token }`,
				"mixin/mixintest/token.go":               `import _ "github.com/golang-jwt/jwt/v5"`,
				"examples/hello/main.go":                 `import ( "fmt"; _ "example.com/m/acme/acmetest" ); func main() { fmt.Println() }`,
				"acme/testdata/broken.go":                `import "example.com/other"`,
				"_old/broken.go":                         `import "example.com/other"`,
				"tools/go.mod":                           "module example.com/m/tools",
				"tools/main.go":                          `import _ "example.com/other"`,
				"acme/wait_test.go":                      `import ( "testing/synctest"; "time" ); var _ = synctest.Wait; func f() { time.Sleep(1) }`,
				"acme/mock_test.go":                      `import "github.com/jarcoal/httpmock"; var mt = httpmock.NewMockTransport(); func f() { mt.RegisterResponder("", "", nil) }`,
				"internal/transport/resty.go":            `import "github.com/go-resty/resty/v2"; type Client struct { *resty.Client }`,
				"acme/acmetest/example_test.go":          `import "fmt"; func Example() { fmt.Println() }`,
				"userapi/userapitest/request.go":         `import "net/http"; type Request struct { Header http.Header }`,
			},
		},
		{
			name: "userapi",
			files: map[string]string{
				"userapi/user.go":                     `import _ "example.com/m/internal/wire"`,
				"userapi/call.go":                     `import _ "github.com/go-resty/resty/v2"`,
				"userapi/provision/token.go":          `import _ "github.com/golang-jwt/jwt/v5"`,
				"userapi/provision/table.go":          `import _ "database/sql"`,
				"userapi/provision/sqlledger/lock.go": `import _ "example.com/m/internal/durable"`,
				"userapi/userapitest/suite.go":        `import _ "example.com/m/userapi/provision"`,
			},
			want: []string{
				"userapi/call.go:1: imports github.com/go-resty/resty/v2: it may stand in internal/transport alone",
				"userapi/provision/sqlledger/lock.go:1: imports example.com/m/internal/durable: userapi/provision imports userapi and the standard library",
				"userapi/provision/table.go:1: imports database/sql: it may stand in userapi/provision/bulk and userapi/provision/sqlledger alone",
				"userapi/provision/token.go:1: imports github.com/golang-jwt/jwt/v5: it may stand in mixin and mixin/mixintest alone",
				"userapi/user.go:1: imports example.com/m/internal/wire: userapi imports the standard library alone",
				"userapi/userapitest/suite.go:1: imports example.com/m/userapi/provision: userapi/userapitest imports userapi and the standard library",
			},
		},
		{
			name: "userapi and what depends on it",
			files: map[string]string{
				"userapi/userapitest/suite.go": `import _ "example.com/m/internal/fakehttp"`,
				"userapi/provision/ensure.go":  `import _ "example.com/m/acme"`,
			},
			want: []string{
				"userapi/provision/ensure.go:1: imports example.com/m/acme: userapi/provision imports userapi and the standard library",
				"userapi/userapitest/suite.go:1: imports example.com/m/internal/fakehttp: userapi/userapitest imports userapi and the standard library",
			},
		},
		{
			name: "internal",
			files: map[string]string{
				"internal/provider/error.go":  `import _ "example.com/m/internal/fakehttp"`,
				"internal/transport/call.go":  `import _ "example.com/m/userapi/userapitest"`,
				"internal/wire/wire.go":       `import _ "example.com/m/acme"`,
				"internal/archtest/rules.go":  `import _ "example.com/m/userapi"`,
				"internal/fakehttp/server.go": `import _ "example.com/m/acme"`,
				"internal/fakehttp/list.go":   `import _ "example.com/m/internal/vendors"`,
				"internal/wire/list.go":       `import _ "example.com/m/internal/vendors"`,
				"internal/wire/serve.go":      `import _ "example.com/m/internal/fakes"`,
				"internal/vendors/vendors.go": `import ( _ "example.com/m/userapi/provision"; _ "example.com/m/examples/hello"; _ "github.com/stretchr/testify/assert" )`,
			},
			want: []string{
				"internal/archtest/rules.go:1: imports example.com/m/userapi: internal/archtest imports nothing of this module",
				"internal/fakehttp/list.go:1: imports example.com/m/internal/vendors: internal/fakehttp imports userapi, userapi/userapitest and internal/*",
				"internal/fakehttp/server.go:1: imports example.com/m/acme: internal/fakehttp imports userapi, userapi/userapitest and internal/*",
				"internal/provider/error.go:1: imports example.com/m/internal/fakehttp: internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors",
				"internal/transport/call.go:1: imports example.com/m/userapi/userapitest: internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors",
				"internal/vendors/vendors.go:1: imports example.com/m/userapi/provision: internal/vendors imports the vendors",
				"internal/vendors/vendors.go:1: imports example.com/m/examples/hello: internal/vendors imports the vendors",
				"internal/vendors/vendors.go:1: imports github.com/stretchr/testify/assert: testify may stand in _test.go files alone",
				"internal/wire/list.go:1: imports example.com/m/internal/vendors: internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors",
				"internal/wire/serve.go:1: imports example.com/m/internal/fakes: internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors",
				"internal/wire/wire.go:1: imports example.com/m/acme: internal/* imports userapi and internal/* without internal/fakehttp, internal/fakes and internal/vendors",
			},
		},
		{
			name: "a vendor",
			files: map[string]string{
				"acme/client.go": `import _ "example.com/m/bravo"`,
				"acme/fake.go":   `import _ "example.com/m/internal/fakehttp"`,
				"acme/self.go":   `import _ "example.com/m/acme/acmetest"`,
				"acme/list.go":   `import _ "example.com/m/internal/vendors"`,
				"bravo/suite.go": `import _ "example.com/m/userapi/userapitest"`,
				"bravo/sign.go":  `import _ "example.com/m/userapi/provision"`,
			},
			want: []string{
				"acme/client.go:1: imports example.com/m/bravo: a vendor imports userapi",
				"acme/fake.go:1: imports example.com/m/internal/fakehttp: a vendor imports userapi",
				"acme/list.go:1: imports example.com/m/internal/vendors: a vendor imports userapi",
				"acme/self.go:1: imports example.com/m/acme/acmetest: a vendor imports userapi",
				"bravo/sign.go:1: imports example.com/m/userapi/provision: a vendor imports userapi",
				"bravo/suite.go:1: imports example.com/m/userapi/userapitest: a vendor imports userapi",
			},
		},
		{
			name: "a vendor's fake",
			files: map[string]string{
				"acme/acmetest/server.go": `import _ "example.com/m/bravo/bravotest"`,
				"acme/acmetest/error.go":  `import _ "example.com/m/internal/provider"`,
				"acme/acmetest/token.go":  `import _ "github.com/golang-jwt/jwt/v5"`,
			},
			want: []string{
				"acme/acmetest/error.go:1: imports example.com/m/internal/provider: a vendor's fake imports its vendor",
				"acme/acmetest/server.go:1: imports example.com/m/bravo/bravotest: a vendor's fake imports its vendor",
				"acme/acmetest/token.go:1: imports github.com/golang-jwt/jwt/v5: it may stand in mixin and mixin/mixintest alone",
			},
		},
		{
			name: "an example",
			files: map[string]string{
				"examples/hello/main.go":       `import _ "example.com/m/internal/transport"; func main() {}`,
				"examples/hello/serve.go":      `import _ "example.com/m/internal/fakes"`,
				"examples/fakevendors/main.go": `import ( _ "example.com/m/internal/fakes"; _ "example.com/m/internal/wire" ); func main() {}`,
			},
			want: []string{
				"examples/fakevendors/main.go:1: imports example.com/m/internal/wire: an example imports what its reader can import",
				"examples/hello/main.go:1: imports example.com/m/internal/transport: an example imports what its reader can import",
				"examples/hello/serve.go:1: imports example.com/m/internal/fakes: an example imports what its reader can import",
			},
		},
		{
			name: "a folder of no role",
			files: map[string]string{
				"root.go":            ``,
				"root_test.go":       `import _ "example.com/other"`,
				"acme/fakes/fake.go": ``,
				"userapi/misc/a.go":  ``,
			},
			want: []string{
				"acme/fakes/fake.go: no rule says what this folder is",
				"root.go: no rule says what this folder is",
				"root_test.go:1: imports example.com/other: not on the list of dependencies",
				"userapi/misc/a.go: no rule says what this folder is",
			},
		},
		{
			name: "third-party code in the wrong place",
			files: map[string]string{
				"acme/a.go":             `import _ "github.com/go-resty/resty/v2"`,
				"acme/c.go":             `import _ "github.com/stretchr/testify/assert"`,
				"acme/d.go":             `import _ "github.com/jarcoal/httpmock"`,
				"acme/e.go":             `import _ "golang.org/x/net/http2"`,
				"acme/f.go":             `import _ "example.com/other"`,
				"acme/g_test.go":        `import _ "example.com/other"`,
				"acme/h.go":             `import . "strings"`,
				"acme/i.go":             `import _ "io/ioutil"`,
				"acme/j_test.go":        `import _ "math/rand"`,
				"acme/k.go":             `import _ "github.com/pkg/errors"`,
				"acme/l.go":             `import _ "math/rand/v2"`,
				"internal/wire/wire.go": `import _ "github.com/golang-jwt/jwt/v5"`,
			},
			want: []string{
				"acme/a.go:1: imports github.com/go-resty/resty/v2: it may stand in internal/transport alone",
				"acme/c.go:1: imports github.com/stretchr/testify/assert: testify may stand in _test.go files alone",
				"acme/d.go:1: imports github.com/jarcoal/httpmock: httpmock may stand in _test.go files alone",
				"acme/e.go:1: imports golang.org/x/net/http2: net may stand in _test.go files alone",
				"acme/f.go:1: imports example.com/other: not on the list of dependencies",
				"acme/g_test.go:1: imports example.com/other: not on the list of dependencies",
				"acme/h.go:1: imports strings: an import into the file's own names hides",
				"acme/i.go:1: imports io/ioutil: use io and os",
				"acme/j_test.go:1: imports math/rand: use math/rand/v2",
				"acme/k.go:1: imports github.com/pkg/errors: not on the list of dependencies",
				"internal/wire/wire.go:1: imports github.com/golang-jwt/jwt/v5: it may stand in mixin and mixin/mixintest alone",
			},
		},
		{
			name: "a requirement that is not on the list",
			files: map[string]string{
				"go.mod": "module example.com/m\n\nrequire github.com/acme/sdk v1.0.0\nrequire github.com/acme/dep v1.0.0 // indirect\n",
			},
			want: []string{"go.mod: requires github.com/acme/sdk, which is not on the list of dependencies"},
		},
		{
			name: "calls",
			files: map[string]string{
				"acme/a.go":              `import "net/http"; var c = http.DefaultClient`,
				"acme/b.go":              `import web "net/http"; var c = web.Client{Transport: web.DefaultTransport}`,
				"acme/c.go":              `import "time"; func f() { time.Sleep(1) }`,
				"acme/c_test.go":         `import "time"; func f() { time.Sleep(1) }`,
				"acme/d.go":              `import "fmt"; func f() { fmt.Printf("") }`,
				"acme/e.go":              `import "log"; func f() { log.Println() }`,
				"acme/f.go":              `import "log/slog"; var l = slog.Default()`,
				"acme/g_test.go":         `import "github.com/jarcoal/httpmock"; func f() { httpmock.Activate(nil); httpmock.RegisterResponder("", "", nil); httpmock.DeactivateAndReset() }`,
				"examples/hello/main.go": `import "net/http"; func main() { http.Get("") }`,
			},
			want: []string{
				"acme/a.go:1: uses net/http.DefaultClient: the process's shared client",
				"acme/b.go:1: uses net/http.DefaultTransport: the process's shared client",
				"acme/c.go:1: uses time.Sleep: wait for what happens",
				"acme/c_test.go:1: uses time.Sleep: wait for what happens",
				"acme/d.go:1: uses fmt.Printf: a library does not write to standard output",
				"acme/e.go:1: uses log.Println: HTTPOptions.Logger is the only log",
				"acme/f.go:1: uses log/slog.Default: HTTPOptions.Logger is the only log",
				"acme/g_test.go:1: uses github.com/jarcoal/httpmock.Activate: it changes the whole process",
				"acme/g_test.go:1: uses github.com/jarcoal/httpmock.RegisterResponder: it changes the whole process",
				"acme/g_test.go:1: uses github.com/jarcoal/httpmock.DeactivateAndReset: it changes the whole process",
				"examples/hello/main.go:1: uses net/http.Get: the process's shared client",
			},
		},
		{
			name: "exported signatures",
			files: map[string]string{
				"mixin/a.go": `import "github.com/golang-jwt/jwt/v5"

func Param(c jwt.Claims) {}
func Result() (t *jwt.Token, err error) { return }
func Generic[T jwt.Claims](t T) {}
type Client struct{ Token map[string][]*jwt.Token }
func (c *Client) Method(func(jwt.Claims) error) {}
type Embeds struct { jwt.Parser }
type Alias = jwt.MapClaims
type Defined jwt.MapClaims
type Iface interface { Sign(jwt.Claims) }
type Bound[T jwt.Claims] struct{}
var Value = jwt.NewParser()
var Typed jwt.Keyfunc
`,
				"mixin/b.go": `import tok "github.com/golang-jwt/jwt/v5"

type hidden = tok.Token
type lends struct{}
func (lends) Sign(tok.Claims) {}

func Hidden() *hidden { return nil }
type Lent struct { lends }
func Quiet() { var _ tok.Token }
type private struct { t tok.Token }
func Private(private) {}
func Named(tok int, hidden string) {}
`,
			},
			want: []string{
				"mixin/a.go:3: exported Param names github.com/golang-jwt/jwt/v5.Claims",
				"mixin/a.go:4: exported Result names github.com/golang-jwt/jwt/v5.Token",
				"mixin/a.go:5: exported Generic names github.com/golang-jwt/jwt/v5.Claims",
				"mixin/a.go:6: exported Client names github.com/golang-jwt/jwt/v5.Token",
				"mixin/a.go:7: exported Client.Method names github.com/golang-jwt/jwt/v5.Claims",
				"mixin/a.go:8: exported Embeds names github.com/golang-jwt/jwt/v5.Parser",
				"mixin/a.go:9: exported Alias names github.com/golang-jwt/jwt/v5.MapClaims",
				"mixin/a.go:10: exported Defined names github.com/golang-jwt/jwt/v5.MapClaims",
				"mixin/a.go:11: exported Iface names github.com/golang-jwt/jwt/v5.Claims",
				"mixin/a.go:12: exported Bound names github.com/golang-jwt/jwt/v5.Claims",
				"mixin/a.go:13: exported Value names github.com/golang-jwt/jwt/v5.NewParser",
				"mixin/a.go:14: exported Typed names github.com/golang-jwt/jwt/v5.Keyfunc",
				"mixin/b.go:7: exported Hidden names github.com/golang-jwt/jwt/v5.Token",
				"mixin/b.go:8: exported Lent names github.com/golang-jwt/jwt/v5.Claims",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fixture := fstest.MapFS{"go.mod": &fstest.MapFile{Data: []byte(goMod)}}
			for name, source := range test.files {
				if strings.HasSuffix(name, ".go") {
					source = "package " + packageOf(name) + "; " + source
				}
				fixture[name] = &fstest.MapFile{Data: []byte(source)}
			}
			module, err := load(fixture)
			require.NoError(t, err)
			got := check(module)
			require.Len(t, got, len(test.want), strings.Join(got, "\n"))
			for i, want := range test.want {
				assert.Truef(t, strings.HasPrefix(got[i], want), "got  %s\nwant %s", got[i], want)
			}
		})
	}
}

// packageOf is the package clause that a fixture's file gets.
func packageOf(name string) string {
	if strings.HasPrefix(name, "examples/") {
		return "main"
	}
	return "fixture"
}

func TestLoadRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := load(fstest.MapFS{})
	require.Error(t, err, "no go.mod")
	_, err = load(fstest.MapFS{
		"go.mod":    &fstest.MapFile{Data: []byte(goMod)},
		"acme/a.go": &fstest.MapFile{Data: []byte("package")},
	})
	require.Error(t, err, "a syntax error")
}
