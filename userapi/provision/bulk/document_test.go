package bulk_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocument runs the program of docs/bulk-library.md on its file and compares the output.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "bulk-library.md"))
	require.NoError(t, err)
	block := func(language, start string) string {
		found := regexp.MustCompile("(?s)```"+language+"\n("+start+".*?)```").FindAllSubmatch(text, -1)
		require.Len(t, found, 1, language)
		return string(found[0][1])
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "check")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(block("go", "package main")), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(block("csv", "")), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, filepath.Join(dir, "main.go")).CombinedOutput()
	require.NoError(t, err, string(out))
	run := exec.CommandContext(ctx, program)
	run.Dir = dir
	out, err = run.CombinedOutput()
	require.NoError(t, err, string(out))
	elapsed := regexp.MustCompile(`in \S+ \(\d+ a second\)`)
	assert.Equal(t, elapsed.ReplaceAllString(block("text", ""), "in time"), elapsed.ReplaceAllString(string(out), "in time"))
}
