package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childVariable makes TestChild the program, with the flags in it.
const childVariable = "ENLIST_TEST_SIGNUP"

// TestChild does nothing but in a process that another test has started, which it ends.
func TestChild(t *testing.T) {
	t.Parallel()
	var args []string
	if flags := os.Getenv(childVariable); flags != "" {
		require.NoError(t, json.Unmarshal([]byte(flags), &args))
		os.Exit(run(context.Background(), args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}
}

// killed runs the program in a process of its own, which must end by a signal.
func (b *backend) killed(t *testing.T, args ...string) ran {
	t.Helper()
	flags, err := json.Marshal(append(b.flags, args...))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"="+string(flags), "SIGNUP_PASSWORD="+plantedPassword)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	r := ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	r.hidesSecrets(t, plantedPassword)
	b.hidden(t, r)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "it was not killed: %s", r.stdout)
	require.NoError(t, ctx.Err())
	require.False(t, exit.Exited(), "it ended by itself: %s%s", r.stdout, r.stderr)
	return r
}

// TestKilled: wherever the program is killed, the next run finishes, and no vendor has
// two users of the person's.
func TestKilled(t *testing.T) {
	t.Parallel()
	for i, target := range targets {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, nil, "")
			r := b.killed(t, "-fault", target.name+"=kill")
			assert.Contains(t, r.stdout, "  "+target.name+strings.Repeat(" ", 10-len(target.name))+target.vendor)
			assert.NotContains(t, r.stdout, "TARGET", "it did not come to its end")
			assert.Equal(t, 1, b.users()[i], "the vendor had created the user")

			r = b.run(t)
			assert.Contains(t, r.stdout, "An earlier run has left:\n")
			got := r.table(t)[target.name]
			assert.Equal(t, [4]int{1, 1, 1, 1}, b.users())
			if target.name == "wallet" { // of which nobody can be asked
				assert.Equal(t, 1, r.code)
				assert.Equal(t, "unknown - - it may exist, and the vendor cannot be asked", got)
				return
			}
			assert.Zero(t, r.code, r.stdout+r.stderr)
			assert.Regexp(t, `^recovered ID (id|key) the reply was lost, and the user found$`, got)
			assert.Zero(t, b.run(t, "-undo").code)
			assert.Equal(t, [4]int{0, 0, 0, 1}, b.users())
		})
	}
}
