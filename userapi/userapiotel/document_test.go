package userapiotel_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocument runs the program of docs/observability.md that uses this package, and its test.
func TestDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	require.NoError(t, err)
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	dir, files := t.TempDir(), []string{}
	for _, fence := range strings.Split(string(page), "```go\n")[1:] {
		code, _, _ := strings.Cut(fence, "```")
		if !strings.Contains(code, "userapiotel") {
			continue
		}
		name := []string{"main.go", "main_test.go"}[len(files)]
		files = append(files, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(code), 0o600))
	}
	require.Len(t, files, 2)
	for out, quote := range map[string]string{run("run", files[0]): `{"Name":"%s"`, run(append([]string{"test", "-v"}, files...)...): "%s\n"} {
		for _, span := range []string{"provision CreateUser", "create user", "POST /api/user/{userId}", "POST /users.json", "ledger store"} {
			require.Contains(t, out, fmt.Sprintf(quote, span))
		}
	}
}
