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
)

// packages are what the README's fragments use without importing it.
var packages = map[string]string{
	"errors":        "errors",
	"fmt":           "fmt",
	"testing":       "testing",
	"quickblox":     "github.com/enlist-go/enlist/quickblox",
	"quickbloxtest": "github.com/enlist-go/enlist/quickblox/quickbloxtest",
	"userapi":       "github.com/enlist-go/enlist/userapi",
	"userapitest":   "github.com/enlist-go/enlist/userapi/userapitest",
}

var fence = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestReadme builds the README's programs and fragments, and runs its tests, as
// they are written.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	snippets := fence.FindAllStringSubmatch(string(text), -1)
	require.Len(t, snippets, 3)
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
		assert.NoError(t, err, "%s\n%s", code, out)
	}
}

func withImports(code string) string {
	var imports strings.Builder
	for name, path := range packages {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(code) {
			imports.WriteString("import \"" + path + "\"\n")
		}
	}
	main := "func main() {}\n"
	if strings.Contains(code, "func explain") {
		main = "func main() { _ = explain }\n"
	}
	return "package main\n" + imports.String() + code + main
}
