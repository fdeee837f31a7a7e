//go:build linux

package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/pgserver"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func TestMain(m *testing.M) { pgserver.Main(m) }

// threeTargets are those of most clusters: identity, and then the others.
const threeTargets = "  identity: {vendor: fusionauth}\n" +
	"  chat: {vendor: quickblox, after: [identity]}\n" +
	"  crm: {vendor: usercom, after: [identity], columns: {external_id: \"{{ .users.identity.ID }}\"}}\n"

// vendorOf is where the targets of threeTargets have their users.
var vendorOf = map[string]string{"identity": "fusionauth", "chat": "quickblox", "crm": "usercom"}

// A cluster is a queue in a PostgreSQL server of its own, fakes in a process of their own, a config and a
// file of people. Its commands are processes.
type cluster struct {
	dir     string
	rows    int
	server  *pgserver.Server
	db      *sql.DB
	env     []string
	fakes   *exec.Cmd
	reports chan error // the end of the fakes
	workers []*workProcess
	planted []string
}

// clusterPassword, and clusterDomain in an address, are what no output may show.
const (
	clusterPassword = "Planted-Pa55word"
	clusterDomain   = "planted.example"
	clusterKey      = "3031323334353637383961626364656630313233343536373839616263646566"
	clusterRequests = "request-key-0123456789abcdef0123"
)

// newCluster starts a server and fakes, which have the flags besides. targets is what the config has of them.
func newCluster(tb testing.TB, rows int, targets string, flags ...string) *cluster {
	tb.Helper()
	server, err := pgserver.Start()
	require.NoError(tb, err)
	tb.Cleanup(server.End)
	c := &cluster{dir: tb.TempDir(), rows: rows, server: server}
	c.db, err = sql.Open("pgx", server.DSN())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.db.Close() })
	at := url.URL{Scheme: "postgres", User: url.User("enlist"), Host: "", Path: "/postgres", RawQuery: url.Values{
		"host": {c.serverDir()}, "port": {"5432"}, "sslmode": {"disable"},
	}.Encode()}
	c.write(tb, "enlist.yaml", "job: spring\nqueue: "+strconv.Quote(at.String())+"\ntargets:\n"+targets)
	c.write(tb, "people.csv", clusterPeople(rows))
	c.env = append(os.Environ(), "ENLIST_QUEUE_KEY="+clusterKey, "ENLIST_REQUEST_KEY="+clusterRequests)
	c.fakes = c.command(tb, append([]string{"fakes", "--mixin=", "--report", "report.json"}, flags...)...)
	out, err := c.fakes.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, c.fakes.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(tb, err)
	c.reports = make(chan error, 1)
	go func() { c.reports <- c.fakes.Wait() }()
	c.write(tb, "vendors.json", line)
	c.plant(clusterPassword, clusterDomain, "planted.login", "Planted Name", clusterKey, clusterRequests)
	var announced map[string]struct {
		APIKey     string `json:"api_key"`
		AuthKey    string `json:"auth_key"`
		AuthSecret string `json:"auth_secret"`
	}
	require.NoError(tb, json.Unmarshal([]byte(line), &announced))
	for _, a := range announced {
		for _, credential := range []string{a.APIKey, a.AuthKey, a.AuthSecret} {
			if credential != "" {
				c.plant(credential)
			}
		}
	}
	require.Greater(tb, len(c.planted), 9*5)
	c.run(tb, exitDone, "migrate")
	return c
}

// clusterPeople is a file of people whom every vendor takes.
func clusterPeople(rows int) string {
	var b strings.Builder
	b.WriteString("key,username,email,password,full_name\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s,%s,%s-%d,Planted Name %d\n", i, clusterLogin(i), clusterEmail(i), clusterPassword, i, i)
	}
	return b.String()
}

func clusterLogin(i int) string { return fmt.Sprintf("planted.login%d", i) }
func clusterEmail(i int) string { return fmt.Sprintf("person%d@%s", i, clusterDomain) }

func (c *cluster) write(tb testing.TB, name, text string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
}

func (c *cluster) read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(tb, err)
	return string(text)
}

// serverDir is the folder of the server.
func (c *cluster) serverDir() string {
	dir, _, _ := strings.Cut(strings.TrimPrefix(c.server.DSN(), "host="), " ")
	return dir
}

// command is the command in a process of its own, which ends with the test.
func (c *cluster) command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	text, err := json.Marshal(args)
	require.NoError(tb, err)
	self, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(tb.Context(), self, "-test.run=^TestProcess$")
	cmd.Env = append(slices.Clone(c.env), processVariable+"="+string(text))
	cmd.Dir = c.dir
	return cmd
}

// run runs a command to its end, and returns what it wrote on standard output.
func (c *cluster) run(tb testing.TB, code int, args ...string) string {
	tb.Helper()
	cmd := c.command(tb, args...)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	_ = cmd.Run() // the code says it
	require.Equal(tb, code, cmd.ProcessState.ExitCode(), "%q: %s%s", args, out.String(), told.String())
	c.assertNothingPlanted(tb, args[0], out.String()+told.String())
	return out.String()
}

// A loaded is the report of enlist load -o json.
type loaded struct {
	Queued, Replaced, Present, Done, Refused, Different int64
	AtWork                                              int64 `json:"at_work"`
}

// load loads the file of people.
func (c *cluster) load(tb testing.TB) (l loaded) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(c.run(tb, exitDone, "load", "people.csv", "-o", "json")), &l))
	return l
}

// loadsNothing loads the file once more, of which nothing may be added.
func (c *cluster) loadsNothing(tb testing.TB) {
	tb.Helper()
	l := c.load(tb)
	assert.EqualValues(tb, c.rows, l.Present+l.Done, "%+v", l)
	assert.Zero(tb, l.Queued, "%+v", l)
}

// count returns the number that a statement selects, and false while the server does not answer.
func (c *cluster) count(tb testing.TB, statement string, args ...any) (n int, answers bool) {
	tb.Helper()
	return n, c.db.QueryRowContext(tb.Context(), statement, args...).Scan(&n) == nil
}

// left returns how many rows are in the queue.
func (c *cluster) left(tb testing.TB) (n int, answers bool) {
	tb.Helper()
	return c.count(tb, "SELECT count(*) FROM river_job")
}

// jobs tells what is in the queue, for a test that fails.
func (c *cluster) jobs(tb testing.TB) (text string) {
	tb.Helper()
	require.NoError(tb, c.db.QueryRowContext(tb.Context(), `SELECT concat('now ', now(), chr(10),
		(SELECT string_agg(concat_ws(' ', 'leader', leader_id, elected_at, expires_at), chr(10)) FROM river_leader), chr(10),
		(SELECT string_agg(concat_ws(' ', id, state, attempt, attempted_at, scheduled_at, metadata), chr(10)) FROM river_job), chr(10),
		(SELECT string_agg(concat_ws(' ', key, target, state, kind, 'proof', proof, 'unfinished', unfinished, 'lost', lost, 'owner', owner, 'until', to_timestamp(until), started, changed), chr(10)) FROM enlist_ledger WHERE open = 1), chr(10))`).Scan(&text))
	return text
}

// waitUntil waits until something is so.
func waitUntil(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(5 * time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			require.Fail(tb, "waited too long until "+what)
		}
	}
}

// A workProcess is enlist work in a process of its own. What it logs of all its lives is in one file.
type workProcess struct {
	c     *cluster
	args  []string
	log   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has
	// starts counts its lives, and fails says how those ended that did by themselves.
	starts int
	fails  []string
}

// worker starts one.
func (c *cluster) worker(tb testing.TB, args ...string) *workProcess {
	tb.Helper()
	w := &workProcess{c: c, log: fmt.Sprintf("worker%d.log", len(c.workers)), args: append([]string{"work", "--vendors", "vendors.json"}, args...)}
	c.workers = append(c.workers, w)
	w.start(tb)
	return w
}

func (w *workProcess) start(tb testing.TB, more ...string) {
	tb.Helper()
	cmd := w.c.command(tb, append(slices.Clone(w.args), more...)...)
	log, err := os.OpenFile(filepath.Join(w.c.dir, w.log), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	require.NoError(tb, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(tb, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says it
		close(ended)
	}()
	w.cmd, w.ended = cmd, ended
	w.starts++
}

// kill kills it by kill -9, unless it has ended.
func (w *workProcess) kill(tb testing.TB) {
	tb.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		require.ErrorIs(tb, err, os.ErrProcessDone)
	}
	<-w.ended
}

func (w *workProcess) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	require.NoError(tb, w.cmd.Process.Signal(s))
}

// revive starts it again where it has ended by itself, as a supervisor does.
func (w *workProcess) revive(tb testing.TB) {
	tb.Helper()
	select {
	case <-w.ended:
		w.fails = append(w.fails, w.cmd.ProcessState.String())
		w.start(tb)
	default:
	}
}

// end waits for its end by itself.
func (w *workProcess) end(tb testing.TB) {
	tb.Helper()
	select {
	case <-w.ended:
	case <-time.After(5 * time.Minute):
		require.Fail(tb, "it does not end", w.c.jobs(tb)+w.c.read(tb, w.log))
	}
	require.Equal(tb, exitDone, w.cmd.ProcessState.ExitCode(), w.c.read(tb, w.log))
}

// stopWorkers has the workers drain and end.
func (c *cluster) stopWorkers(tb testing.TB) {
	tb.Helper()
	for _, w := range c.workers {
		w.signal(tb, syscall.SIGTERM)
	}
	for _, w := range c.workers {
		w.end(tb)
	}
}

// report ends the fakes, and returns what they counted.
func (c *cluster) report(tb testing.TB) (stats map[string]userapitest.Stats) {
	tb.Helper()
	require.NoError(tb, c.fakes.Process.Signal(syscall.SIGTERM))
	require.NoError(tb, <-c.reports)
	require.NoError(tb, json.Unmarshal([]byte(c.read(tb, "report.json")), &stats))
	return stats
}

// forms are how a text may be written.
func forms(text string) (all []string) {
	all = append(all, text, hex.EncodeToString([]byte(text)))
	for i := range 3 { // wherever it begins in what is encoded
		encoded := base64.RawStdEncoding.EncodeToString([]byte("xxx"[:i] + text))
		all = append(all, encoded[4:len(encoded)-3])
	}
	return all
}

// plant has the texts looked for that no output may show.
func (c *cluster) plant(texts ...string) {
	for _, text := range texts {
		c.planted = append(c.planted, forms(text)...)
	}
}

// assertNothingPlanted finds nothing of a row, and no credential, in a text.
func (c *cluster) assertNothingPlanted(tb testing.TB, where, text string) {
	tb.Helper()
	for _, p := range c.planted {
		if at := strings.Index(text, p); at >= 0 {
			assert.Fail(tb, "planted text", "%s: %q", where, text[max(at-200, 0):min(at+100, len(text))])
		}
	}
}

// assertServerHasNothingPlanted looks into each row of each table, and into all files of the server: what
// was deleted, and the WAL.
func (c *cluster) assertServerHasNothingPlanted(tb testing.TB) {
	tb.Helper()
	ctx := tb.Context()
	var tables []string
	rows, err := c.db.QueryContext(ctx, "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')")
	require.NoError(tb, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(tb, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(tb, rows.Err())
	require.Greater(tb, len(tables), 5)
	for _, name := range tables {
		var text string
		require.NoError(tb, c.db.QueryRowContext(ctx, "SELECT COALESCE(string_agg(t::text, chr(10)), '') FROM "+name+" AS t").Scan(&text))
		c.assertNothingPlanted(tb, name, text)
	}
	_, err = c.db.ExecContext(ctx, "CHECKPOINT")
	require.NoError(tb, err)
	files := 0
	require.NoError(tb, filepath.WalkDir(c.serverDir(), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // the server has removed it
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		files++
		c.assertNothingPlanted(tb, path, string(text))
		return err
	}))
	require.Greater(tb, files, 100)
}

// assertLogsHaveNothingPlanted looks into what the workers have logged.
func (c *cluster) assertLogsHaveNothingPlanted(tb testing.TB) {
	tb.Helper()
	for _, w := range c.workers {
		text := c.read(tb, w.log)
		require.Contains(tb, text, "worker started")
		c.assertNothingPlanted(tb, w.log, text)
	}
}
