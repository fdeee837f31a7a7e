//go:build unix

package bulkriver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// errandVariable has an errand as JSON. TestErrand then runs this worker.
const errandVariable = "ENLIST_TEST_BULKRIVER"

// An errand is a worker in its own process.
type errand struct {
	Dialect                         sqlledger.Dialect
	DSN, URL, Key, ChatURL, ChatKey string
}

// The times of the killed workers. A killed worker's row is free after the lease. Then River gives
// it to another worker after killedRescue.
const (
	killedLease   = 2 * time.Second
	killedTimeout = 3 * time.Second
	killedRescue  = 4 * time.Second
)

// TestErrand runs only in a process that another test has started. There it works, and writes a
// line for each finished row.
func TestErrand(t *testing.T) {
	t.Parallel()
	text := os.Getenv(errandVariable)
	if text == "" {
		return
	}
	var e errand
	require.NoError(t, json.Unmarshal([]byte(text), &e))
	at := openPlace(t, e.Dialect, e.DSN, false)
	identity, err := fusionauth.New(fusionauth.Config{APIKey: userapi.Secret(e.Key), HTTP: userapi.HTTPOptions{BaseURL: e.URL}})
	require.NoError(t, err)
	chat, err := quickblox.New(quickblox.Config{APIKey: userapi.Secret(e.ChatKey), HTTP: userapi.HTTPOptions{BaseURL: e.ChatURL}})
	require.NoError(t, err)
	p := at.provisioner(t, []provision.Target{{Name: "identity", Creator: identity}, {Name: "chat", Creator: chat, After: []string{"identity"}}},
		provision.Lease(killedLease), provision.Grace(500*time.Millisecond))
	job := spring
	job.OnResult = func(bulk.RowResult) { _, _ = fmt.Fprintln(os.Stdout, "row") }
	w, err := at.queue.Worker(bulkriver.WorkerConfig{Provisioner: p, Jobs: []bulk.Job{job}, JobTimeout: killedTimeout})
	require.NoError(t, err)
	c := at.start(t, w, 8, func(c *river.Config) {
		c.JobTimeout, c.RescueStuckJobsAfter = killedTimeout, killedRescue
	})
	_, _ = fmt.Fprintln(os.Stdout, "started")
	// The parent closes its end of the pipe to stop the worker.
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	require.NoError(t, c.Stop(t.Context()))
}

// A process is a worker in its own process.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	end   func() error
}

func startProcess(t *testing.T, e errand) *process {
	t.Helper()
	text, err := json.Marshal(e)
	require.NoError(t, err)
	return runSelf(t, "TestErrand", errandVariable, string(text))
}

// runSelf runs a test in a process of its own, with a variable in its environment.
func runSelf(tb testing.TB, test, variable, value string) *process {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), self, "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), variable+"="+value)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	in, err := cmd.StdinPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	p := &process{cmd: cmd, lines: bufio.NewScanner(out), end: in.Close}
	tb.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

// kill kills the process after it has done this many rows.
func (p *process) kill(t *testing.T, rows int) {
	t.Helper()
	for range rows + 1 { // "started" is the first line
		if !p.lines.Scan() {
			break
		}
	}
	require.NoError(t, p.cmd.Process.Kill())
	for p.lines.Scan() {
	}
	require.Error(t, p.cmd.Wait())
}

// TestWorkersAreKilled kills worker processes repeatedly. The last ones finish. Each row has one
// user at each vendor, and no finished create was sent again.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		rows, processes, kills := 300, 3, 4
		if at.dialect == sqlledger.SQLite {
			rows, processes, kills = 60, 1, 3
		}
		v := newVendors(t)
		p := at.provisioner(t, v.targets())
		at.load(t, p, people(1, rows))
		e := errand{
			Dialect: at.dialect, DSN: at.dsn, URL: v.identity.URL(), Key: v.identity.Config().APIKey.Reveal(),
			ChatURL: v.chat.URL(), ChatKey: v.chat.Config().APIKey.Reveal(),
		}
		for range kills {
			var running []*process
			for range processes {
				running = append(running, startProcess(t, e))
			}
			for _, process := range running {
				process.kill(t, rand.IntN(rows/processes/kills/2+1))
			}
			at.load(t, p, people(1, rows)) // any number of loads is fine
		}
		require.Positive(t, at.jobs(t), "the workers were done before they were killed")
		last := startProcess(t, e)
		until(t, "the queue is empty", func() bool { return at.jobs(t) == 0 })
		require.NoError(t, last.end())
		for last.lines.Scan() {
		}
		require.NoError(t, last.cmd.Wait())
		for name, s := range map[string]userapitest.Stats{"identity": v.identity.Stats(), "chat": v.chat.Stats()} {
			assert.Equal(t, rows, s.Users, name)
			assert.Equal(t, rows, s.Creates, name)
		}
		assert.EqualValues(t, rows, at.load(t, p, people(1, rows)).Done)
		s := at.status(t)
		assert.Zero(t, s.Rejects)
		assert.Zero(t, s.Unknown())
	})
}
