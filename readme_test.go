package enlist_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
)

// packages are what fragments use without importing it.
var packages = map[string]string{
	"context":     "context",
	"errors":      "errors",
	"fmt":         "fmt",
	"slog":        "log/slog",
	"time":        "time",
	"testing":     "testing",
	"provision":   "github.com/enlist-go/enlist/userapi/provision",
	"fileledger":  "github.com/enlist-go/enlist/userapi/provision/fileledger",
	"userapi":     "github.com/enlist-go/enlist/userapi",
	"userapitest": "github.com/enlist-go/enlist/userapi/userapitest",
}

func init() {
	for _, v := range vendors.All() {
		packages[v.Package] = "github.com/enlist-go/enlist/" + v.Package
		packages[v.Package+"test"] = packages[v.Package] + "/" + v.Package + "test"
	}
}

var (
	fence    = regexp.MustCompile("(?s)```go\n(.*?)```")
	function = regexp.MustCompile(`(?m)^func (\w+)\(`)
	link     = regexp.MustCompile(`\]\(([^)#]+)`)
	inCode   = regexp.MustCompile("(?s)```.*?```|`[^`]*`")
)

// documents are the pages with code, and how many pieces of it each has.
var documents = map[string]int{"README.md": 6, "docs/outcomes.md": 2}

// TestDocuments builds the programs and fragments of the documents, and runs their
// tests, as they are written.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for document, pieces := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		snippets := fence.FindAllStringSubmatch(string(text), -1)
		require.Len(t, snippets, pieces, document)
		for _, s := range snippets {
			code, name, args := s[1], "main.go", []string{"build", "-o", os.DevNull}
			if !strings.HasPrefix(code, "package ") {
				code = withImports(code)
			}
			if strings.Contains(code, "func Test") {
				name, args = "readme_test.go", []string{"test"}
			}
			file := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			out, err := exec.CommandContext(ctx, "go", append(args, file)...).CombinedOutput()
			cancel()
			assert.NoError(t, err, "%s\n%s\n%s", document, code, out)
		}
	}
}

// TestLinks: what the documents point to is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/outcomes.md", "docs/sign-ups.md", "docs/bulk.md", "docs/benchmarks.md"} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, to := range link.FindAllStringSubmatch(inCode.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(document), to[1]))
			assert.NoError(t, err, document)
		}
	}
}

func withImports(code string) string {
	var imports, uses strings.Builder
	for name, path := range packages {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(code) {
			imports.WriteString("import \"" + path + "\"\n")
		}
	}
	for _, f := range function.FindAllStringSubmatch(code, -1) {
		uses.WriteString("_ = " + f[1] + ";")
	}
	return "package main\n" + imports.String() + code + "func main() {" + uses.String() + "}\n"
}
