package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// errandVariable has TestErrand be the command.
const errandVariable = "ENLIST_TEST_ARGS"

// TestErrand does nothing but in a process that another test has started. There it is the command,
// with the arguments of the variable.
func TestErrand(t *testing.T) {
	t.Parallel()
	text := os.Getenv(errandVariable)
	if text == "" {
		return
	}
	var args []string
	require.NoError(t, json.Unmarshal([]byte(text), &args))
	os.Args = append([]string{"enlist"}, args...)
	main()
}

// errand returns the command in a process of its own.
func (o office) errand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(append(args, "-c", o.at("enlist.yaml")))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestErrand$")
	cmd.Env = append(os.Environ(), errandVariable+"="+string(text))
	for name, value := range o.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// A gate stands before a fake. What it was given whole it gives the fake, whatever becomes of the
// sender; and it counts the creates.
type gate struct {
	*httptest.Server

	creates atomic.Int64
	mu      sync.Mutex
	// at is called when the fake has carried out the create of that number, before the reply.
	at   int64
	call func()
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	g := &gate{}
	client := &http.Client{Transport: &http.Transport{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // its sender was killed
		}
		req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, to+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header = r.Header.Clone()
		resp, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		reply, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(err)
		}
		if r.Method == http.MethodPost {
			g.created()
		}
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(reply) // its sender may have been killed
	}))
	t.Cleanup(func() {
		g.Close()
		client.CloseIdleConnections()
	})
	return g
}

func (g *gate) created() {
	n := g.creates.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.call != nil && n >= g.at {
		g.call()
		g.call = nil
	}
}

// after has a function called once so many more creates were carried out.
func (g *gate) after(n int64, call func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.call = g.creates.Load()+n, call
}

// TestKilled kills the command in the middle of creates, at each vendor: in the end each row has one
// user at each vendor, and each create was sent once.
func TestKilled(t *testing.T) {
	t.Parallel()
	const rows = 120
	o := newOffice(t, "job: spring\ntargets:\n  identity: {vendor: fusionauth}\n  chat: {vendor: quickblox, after: [identity]}\ncolumns: {key: id, email: \"E-mail\", username: login}\n")
	file := o.people(t, rows)
	identity, chat := newGate(t, o.fusionauth.URL()), newGate(t, o.quickblox.URL())
	o.env["FUSIONAUTH_URL"], o.env["QUICKBLOX_URL"] = identity.URL, chat.URL
	for i, g := range []*gate{identity, chat} {
		cmd := o.errand(t, "import", file)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		started, killed := make(chan struct{}), make(chan struct{})
		g.after(int64(7+3*i), func() {
			<-started
			_ = cmd.Process.Kill()
			close(killed)
		})
		require.NoError(t, cmd.Start())
		close(started)
		require.Error(t, cmd.Wait())
		<-killed
		require.Equal(t, -1, cmd.ProcessState.ExitCode(), "by a signal: %s", stderr.String())
		assert.Contains(t, o.names(t), "spring.results.csv.part")
		assert.NotContains(t, o.names(t), "spring.results.csv")
	}
	cmd := o.errand(t, "import", file)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), stderr.String())
	assert.Contains(t, stdout.String(), "120 done, 0 refused, 0 left open, 0 unknown")
	assert.Equal(t, [4]int{0, rows, rows, 0}, o.counts())
	assert.Equal(t, int64(rows), identity.creates.Load())
	assert.Equal(t, int64(rows), chat.creates.Load())
	results := o.desk.read(t, "spring.results.csv")
	assert.Equal(t, 1+2*rows, strings.Count(results, "\n"))
	assert.Contains(t, results, ",recovered,", "a create whose reply was lost")
	assert.NotContains(t, o.names(t), "spring.results.csv.part")
	o.noPlanted(t, ran{stdout: stdout.String(), stderr: stderr.String()})
	assert.Equal(t, exitDone, o.run(t, "", "status").code)
}
