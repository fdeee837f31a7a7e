package userapiotel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocument runs the program of docs/observability.md that uses this package.
func TestDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	require.NoError(t, err)
	built := 0
	for _, fence := range strings.Split(string(page), "```go\n")[1:] {
		code, _, _ := strings.Cut(fence, "```")
		if !strings.Contains(code, "userapiotel") {
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
		out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, span := range []string{"provision CreateUser", "create user", "POST /users.json", "ledger store"} {
			require.Contains(t, string(out), `{"Name":"`+span+`"`)
		}
		built++
	}
	require.Equal(t, 1, built)
}
