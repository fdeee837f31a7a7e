//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSignals: the first signal has the command settle what is under way and tell what came of it.
func TestSignals(t *testing.T) {
	t.Parallel()
	const rows = 60
	o := newOffice(t, "job: spring\ntargets:\n  identity: {vendor: fusionauth, concurrency: 2}\ncolumns: {key: id, email: \"E-mail\"}\n")
	file := o.people(t, rows)
	identity := newGate(t, o.fusionauth.URL())
	o.env["FUSIONAUTH_URL"] = identity.URL
	cmd := o.errand(t, "import", file, "--in-flight", "2", "-o", "json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := make(chan struct{})
	identity.after(5, func() {
		<-started
		_ = cmd.Process.Signal(syscall.SIGTERM)
	})
	require.NoError(t, cmd.Start())
	close(started)
	require.Error(t, cmd.Wait())
	assert.Equal(t, exitOpen, cmd.ProcessState.ExitCode(), stderr.String())
	var report struct {
		RowsDone int64 `json:"rows_done"`
		ExitCode int   `json:"exit_code"`
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	assert.Equal(t, exitOpen, report.ExitCode)
	assert.Contains(t, flat(stderr.String()), "stopped. Users that were created stay")
	assert.Less(t, report.RowsDone, int64(rows))
	assert.Equal(t, int64(o.fusionauth.UserCount()), report.RowsDone)
	assert.Contains(t, o.names(t), "spring.results.partial.csv", "it ended")
	cmd = o.errand(t, "import", file)
	require.NoError(t, cmd.Run())
	assert.Equal(t, rows, o.fusionauth.UserCount())
	assert.Equal(t, int64(rows), identity.creates.Load())
}
