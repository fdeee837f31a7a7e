package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// runs carries the command out, and returns what it said.
func runs(t *testing.T, getenv map[string]string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), environment{
		args: args, in: strings.NewReader(""), out: &stdout, err: &stderr, getenv: func(name string) string { return getenv[name] },
	})
	return code, stdout.String(), stderr.String()
}

// TestWrongUse: what cannot be meant is wrong use, and is named.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"creat"}, `there is no command "creat"`},
		{[]string{"--colour"}, "unknown flag: --colour"},
		{[]string{"version", "--colour"}, "unknown flag: --colour; see enlist version --help"},
	} {
		code, out, err := runs(t, nil, c.args...)
		assert.Equal(t, exitUsage, code, c.args)
		assert.Empty(t, out)
		assert.Contains(t, err, c.says)
	}
}
