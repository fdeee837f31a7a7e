package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// processVariable makes TestProcess the command, with the arguments in it.
const processVariable = "ENLIST_TEST_PROCESS"

// TestProcess does nothing but in a process that another test has started, which it ends.
func TestProcess(t *testing.T) {
	t.Parallel()
	var args []string
	if text := os.Getenv(processVariable); text != "" {
		require.NoError(t, json.Unmarshal([]byte(text), &args))
		os.Args = append([]string{"enlist"}, args...)
		main()
	}
}

// process is the command in a process of its own.
func process(ctx context.Context, t *testing.T, variables map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(args)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestProcess$")
	cmd.Env = append(os.Environ(), processVariable+"="+string(text))
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// TestStandardOutputIsGone: a full disk or a closed pipe loses no result.
func TestStandardOutputIsGone(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	closed := func() *os.File {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		return w
	}
	outputs := map[string]func() *os.File{"pipe": closed}
	if runtime.GOOS == "linux" {
		outputs["full"] = func() *os.File {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			require.NoError(t, err)
			return f
		}
	}
	for name, open := range outputs {
		cmd := process(ctx, t, b.env, "create", "--to", "usercom", "--email", name+"@example.com")
		var stderr bytes.Buffer
		out := open()
		cmd.Stdout, cmd.Stderr = out, &stderr
		err := cmd.Run()
		require.NoError(t, out.Close())
		assert.Error(t, err, name)
		assert.Equal(t, exitFailed, cmd.ProcessState.ExitCode(), name)
		has(t, stderr.String(), "standard output cannot be written")
		has(t, stderr.String(), "created  3104550")
		b.noSecrets(t, ran{stderr: stderr.String()})
	}
	assert.Equal(t, len(outputs), b.usercom.UserCount())
}

// TestFakesEndBySignal: they serve until they are interrupted, and end well.
func TestFakesEndBySignal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" { // which cannot send one
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := process(ctx, t, nil, "fakes", "--report", report)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	one := make([]byte, 1)
	_, err = out.Read(one) // they serve
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	assert.Equal(t, exitDone, cmd.ProcessState.ExitCode())
	assert.FileExists(t, report)
}
