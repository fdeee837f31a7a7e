package enlist_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
)

// packages are those that fragments use without importing them.
var packages = map[string]string{
	"bulk":        "github.com/enlist-go/enlist/userapi/provision/bulk",
	"context":     "context",
	"errors":      "errors",
	"fmt":         "fmt",
	"http":        "net/http",
	"httpmock":    "github.com/jarcoal/httpmock",
	"io":          "io",
	"net":         "net",
	"os":          "os",
	"slog":        "log/slog",
	"strconv":     "strconv",
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
	fence    = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	function = regexp.MustCompile(`(?m)^func (\w+)\(`)
	link     = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	inCode   = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	inLink   = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	testName = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)[/`]")
	command  = regexp.MustCompile(`(?m)^ {4,}(?:[A-Z]+=\S+ )*(go (?:-C \S+ )?(?:test|run|build|vet) .*)$`)
)

// documents returns the text of each page.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	}))
	pages := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		pages[filepath.ToSlash(name)] = string(text)
	}
	for _, name := range []string{"README.md", "docs/outcomes.md", "docs/vendors/mixin.md"} {
		require.Contains(t, pages, name, "the walk missed a page, so the checks would prove nothing")
	}
	return pages
}

// TestDocuments builds the programs and fragments of the documents, and runs their tests.
func TestDocuments(t *testing.T) {
	t.Parallel()
	pieces := 0
	atOnce := make(chan struct{}, 2)
	for name, text := range documents(t) {
		for _, s := range fence.FindAllStringSubmatch(text, -1) {
			language, code := s[1], s[2]
			if language != "go" {
				assert.Contains(t, []string{"", "mermaid", "sh", "console", "text", "yaml", "json", "sql", "csv"}, language, "%s: a fence", name)
				continue
			}
			if strings.Contains(code, "userapiotel") {
				continue // another module's tests build it
			}
			pieces++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				atOnce <- struct{}{}
				defer func() { <-atOnce }()
				build(t, code)
			})
		}
	}
	require.Greater(t, pieces, 15, "the fences missed pieces, so the builds would prove little")
}

func build(t *testing.T, code string) {
	t.Helper()
	name, verb := "main.go", "vet" // vet compiles and does not link
	if !strings.HasPrefix(code, "package ") {
		code = withImports(code)
	}
	if strings.Contains(code, "func Test") {
		name, verb = "readme_test.go", "test"
	}
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
	out, err := goCommand(t, verb, file)
	assert.NoError(t, err, "%s\n%s", code, out)
}

func goCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	return string(out), err
}

// TestCommands checks the go commands of the documents. It runs examples. For go test, the folders
// must exist and the patterns must match tests or benchmarks. .ci/run does the rest.
func TestCommands(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, text := range documents(t) {
		for _, c := range command.FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(c[1], "  #")
			if line = strings.TrimSpace(line); seen[line] || strings.Contains(line, "@") {
				continue
			}
			seen[line] = true
			words, dir := strings.Fields(strings.ReplaceAll(line, "'", ""))[1:], "."
			if words[0] == "-C" {
				dir, words = words[1], words[2:]
			}
			switch {
			case strings.HasPrefix(line, "go run ./examples/fakevendors"):
				words = append(words[:2:2], "-for", "1ms")
				fallthrough
			case words[0] == "run":
				out, err := goCommand(t, append([]string{"-C", dir}, words...)...)
				assert.NoError(t, err, "%s: %s\n%s", name, line, out)
			default:
				finds(t, name+": "+line, dir, words[1:])
			}
		}
	}
	require.Greater(t, len(seen), 15, "the pattern missed commands")
}

// finds checks that the folders of a go test command exist. Each pattern must match something in
// one of them, except ^$, which must match nothing.
func finds(t *testing.T, command, dir string, args []string) {
	t.Helper()
	var folders, patterns []string
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "./"):
			folders = append(folders, strings.TrimSuffix(arg, "..."))
		case i > 0 && slices.Contains([]string{"-run", "-bench", "-fuzz"}, args[i-1]) && arg != "^$" && arg != ".":
			pattern, _, _ := strings.Cut(arg, "/")
			patterns = append(patterns, pattern)
		}
	}
	if len(folders) == 0 {
		folders = []string{"."}
	}
	var names strings.Builder
	for _, folder := range folders {
		folder = filepath.Join(dir, folder)
		require.DirExists(t, folder, command)
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, f := range function.FindAllStringSubmatch(string(text), -1) {
				names.WriteString(f[1] + "\n")
			}
		}
	}
	for _, p := range patterns {
		assert.Regexp(t, "(?m)"+p, names.String(), "%s: nothing has this name", command)
	}
}

// TestLinks: the targets of links exist, including headings.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := documents(t)
	links := 0
	for name, text := range pages {
		for _, to := range link.FindAllStringSubmatch(inCode.ReplaceAllString(text, ""), -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			links++
			target := filepath.ToSlash(name)
			if to[1] != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), to[1]))
			}
			_, err := os.Stat(target)
			assert.NoError(t, err, name)
			if to[2] != "" {
				assert.Contains(t, anchors(pages[target]), to[2][1:], "%s: %s has no such heading", name, target)
			}
		}
	}
	require.Greater(t, links, 30, "the pattern missed links")
}

// anchors returns GitHub's link names of a page's headings.
func anchors(text string) (names []string) {
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.ReplaceAll(strings.ToLower(inLink.ReplaceAllString(h[1], "")), " ", "-"))
	}
	return names
}

// TestNamedTests: the tests that the documents name exist.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, f := range function.FindAllStringSubmatch(string(text), -1) {
			tests[f[1]] = true
		}
		return err
	}))
	named := 0
	for name, text := range documents(t) {
		for _, test := range testName.FindAllStringSubmatch(text, -1) {
			named++
			assert.True(t, tests[test[1]], "%s names %s", name, test[1])
		}
	}
	require.Greater(t, named, 15, "the pattern missed names")
}

// TestReadmeIsShort: the README takes a few minutes to read.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, strings.Count(documents(t)["README.md"], "\n"), 160, "move what is more to docs")
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
