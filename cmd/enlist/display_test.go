package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/progress"
)

// TestBarsNeedATerminal: elsewhere there are lines, also where bars are asked for.
func TestBarsNeedATerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer f.Close()
	for _, mode := range []string{"bars", "auto", "lines"} {
		for _, env := range []*environment{{err: f, getenv: os.Getenv}, {err: &bytes.Buffer{}, getenv: os.Getenv}} {
			d, _ := newDisplay(env, mode, &config.Config{}, &people{})
			assert.IsType(t, progress.Lines(f), d, mode)
			d.End()
		}
	}
}
