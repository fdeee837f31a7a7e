package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
)

// A ban is on names of a package: calling them or handing them on.
type ban struct {
	pkg   string
	names *regexp.Regexp
	why   string
	free  func(*file) bool // the files that it does not bind; nil for none
}

var bans = []ban{
	{
		"net/http", regexp.MustCompile(`^(DefaultClient|DefaultTransport|Get|Head|Post|PostForm)$`),
		"the process's shared client has no limits and is not the caller's", isTest,
	},
	{
		"time", regexp.MustCompile(`^Sleep$`),
		"wait for what happens, or use testing/synctest", inBubble,
	},
	{
		"fmt", regexp.MustCompile(`^Print(f|ln)?$`),
		"a library does not write to standard output", func(f *file) bool { return f.test || f.program() },
	},
	{
		"log", regexp.MustCompile(`^(Fatal|Panic|Print)(f|ln)?$`),
		"HTTPOptions.Logger is the only log", func(f *file) bool { return f.test || f.program() },
	},
	{
		"log/slog", regexp.MustCompile(`^(Default|SetDefault|Debug|Info|Warn|Error|Log)(Context)?$`),
		"HTTPOptions.Logger is the only log", func(f *file) bool { return f.test || f.program() },
	},
	{
		"github.com/jarcoal/httpmock",
		regexp.MustCompile(`^(Activate|Deactivate|Register|Reset|ZeroCallCounters|GetCallCountInfo|GetTotalCallCount|DefaultTransport$)`),
		"it changes the whole process: give each client its own httpmock.NewMockTransport", nil,
	},
}

func isTest(f *file) bool { return f.test }

// inBubble tells whether the file's sleeps can be those of a testing/synctest
// bubble, where they take no time.
func inBubble(f *file) bool {
	return f.test && slices.ContainsFunc(f.syntax.Imports, func(spec *ast.ImportSpec) bool {
		return importPath(spec) == "testing/synctest"
	})
}

// checkCalls finds the uses of what is banned.
func checkCalls(t *tree) (findings []string) {
	for _, f := range t.files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			pkg, name, ok := f.selected(e)
			if !ok {
				return true
			}
			for _, b := range bans {
				if b.pkg == pkg && b.names.MatchString(name) && (b.free == nil || !b.free(f)) {
					findings = append(findings, fmt.Sprintf("%s: uses %s.%s: %s", f.at(n), pkg, name, b.why))
				}
			}
			return true
		})
	}
	return findings
}
