package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

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
		{[]string{"creat"}, `unknown command "creat"`},
		{[]string{"--colour"}, "unknown flag: --colour"},
		{[]string{"version", "--colour"}, "unknown flag: --colour; see enlist version --help"},
		{[]string{"version", "x"}, "expected flags only, got another argument; see enlist version --help"},
		{[]string{"completion"}, "expected one shell: bash, zsh, fish, powershell"},
		{[]string{"completion", "nosuch"}, "expected one shell"},
		{[]string{"completion", "bash", "x"}, "expected one shell"},
		{[]string{"help", "nosuch"}, `unknown command "nosuch"`},
		{[]string{"help", "create", "x"}, `unknown command "create x"`},
	} {
		code, out, err := runs(t, nil, c.args...)
		assert.Equal(t, exitUsage, code, c.args)
		assert.Empty(t, out)
		assert.Contains(t, flat(err), c.says)
	}
}

// TestErrorsFit: an error is broken into lines that fit the width. Its own lines stay apart.
func TestErrorsFit(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"import", "people.csv", "--to", "usercom", "--ledger", "postgres://a:b@h/d"},
		{"create", "--fakes", "--name", "Ada", "--tag", "a,b", "--strict"},
		{"plan", "--to", "mixin,usercom", "--name", "Ada", "--tag", "a,b", "--strict"},
	} {
		_, _, text := runs(t, nil, args...)
		assert.Contains(t, text, "\n    ")
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
		}
	}
	_, _, lines := runs(t, nil, "create", "--to", "nosuch", "--email", "")
	assert.Contains(t, lines, "leave the flag out\n--to: unknown vendor")
}

// TestHelpAndCompletion: they are written for each command and shell.
func TestHelpAndCompletion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"help", "create"}, {"help", "help"}, {"completion", "bash"}, {"completion", "zsh"}, {"completion", "fish"}, {"completion", "powershell"}} {
		code, out, err := runs(t, nil, args...)
		assert.Equal(t, exitDone, code, err)
		assert.Contains(t, out, "enlist")
		assert.Empty(t, err)
	}
	_, asked, _ := runs(t, nil, "help", "create")
	_, flag, _ := runs(t, nil, "create", "--help")
	assert.Equal(t, flag, asked)
}
