package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	queueConfig = "queue: sqlite:queue.db\n" + officeConfig
	queueKey    = "6e6c697374207175657565206b657920706c616e7465642068657265206f6b21"
	oldQueueKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	// shortLease has rows that are held come back at once.
	shortLease = "--lease=3s"
)

// newQueue returns an office whose rows go through a queue.
func newQueue(t *testing.T, config string) office {
	t.Helper()
	o := newOffice(t, config)
	o.env[queue.KeyVariable] = queueKey
	r := o.run(t, "", "migrate")
	require.Equal(t, exitDone, r.code, r.stderr)
	return o
}

// load loads a file, and returns what it told as JSON.
func (o office) load(t *testing.T, code int, args ...string) (told struct {
	Queued, Replaced, Present, Done, Refused, Different int64
	AtWork                                              int64 `json:"at_work"`
	Next                                                []string
}) {
	t.Helper()
	r := o.run(t, "", append([]string{"load", "-o", "json"}, args...)...)
	require.Equal(t, code, r.code, r.stderr)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &told))
	return told
}

func (o office) work(t *testing.T, code int, args ...string) ran {
	t.Helper()
	r := o.run(t, "", append([]string{"work", "--until-done", shortLease}, args...)...)
	require.Equal(t, code, r.code, r.stderr)
	return r
}

// TestQueue: rows that are loaded get their users, one that is refused is mended, and what is done is
// not loaded again.
func TestQueue(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 20)
	people := o.read(t, "people.csv") + "21,row21@pLanTed.example,row.7,Ada,Lovelace," + plantedPassword + "\n"
	o.write(t, "people.csv", people)
	assert.EqualValues(t, 21, o.load(t, exitDone, file).Queued)
	again := o.load(t, exitDone, file)
	assert.Zero(t, again.Queued)
	assert.EqualValues(t, 21, again.Present)

	s := o.run(t, "", "status")
	assert.Equal(t, exitOpen, s.code)
	assert.Contains(t, s.stdout, "queue: 21 waiting, 0 for later, 0 at work, 0 rejects\n")
	assert.Contains(t, s.stdout, "no worker runs: enlist work starts one\n")
	o.noPlanted(t, s)

	w := o.work(t, exitRefused, "--rows=1") // row 7 comes before row 21, which has the same user name
	assert.Contains(t, w.stdout, "queue: 0 waiting, 0 for later, 0 at work, 1 rejects\n")
	assert.Contains(t, w.stdout, "      20  created      crm\n")
	assert.Contains(t, flat(w.stderr), "rows_done=20 rows_refused=1 rows_unknown=0")
	o.noPlanted(t, w)
	users := o.counts()
	assert.Equal(t, 20, users[3])
	again = o.load(t, exitRefused, file)
	assert.EqualValues(t, 20, again.Done)
	assert.EqualValues(t, 1, again.Refused)
	assert.Contains(t, strings.Join(again.Next, " "), "enlist rejects")

	r := o.run(t, "", "rejects")
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Equal(t, "job spring: 1 row was refused: "+o.at("spring.rejects.csv"), flat(r.stdout))
	rejects := o.read(t, "spring.rejects.csv")
	assert.NotContains(t, rejects, plantedPassword)
	assert.Contains(t, rejects, `"[REDACTED]"`)
	o.write(t, "mended.csv", strings.Replace(rejects, `"row.7"`, `"row.21"`, 1))
	assert.EqualValues(t, 1, o.load(t, exitDone, file, "--only", o.at("mended.csv")).Queued)
	w = o.work(t, exitDone)
	assert.Equal(t, [4]int{0, 21, 21, 21}, o.counts())
	o.noPlanted(t, w)
	r = o.run(t, "", "rejects")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Empty(t, o.read(t, "spring.rejects.csv"), "an old file of rejects is gone")
	s = o.run(t, "", "status", "21")
	assert.Equal(t, exitDone, s.code)
	assert.Contains(t, s.stdout, "spring/21 at crm: created, user ")
}

// TestLoadListsFaults: the rows at fault are counted, the first ones listed in the words of the config, and the
// others loaded.
func TestLoadListsFaults(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	o.people(t, 1)
	o.write(t, "people.csv", o.read(t, "people.csv")+"2,b@example.com,b,NULL,Lee,web-1989-web\n1,c@example.com,c,Ada,Lee,web-1989-web\n")
	r := o.run(t, "", "load", o.at("people.csv"), "--max-faults", "1", "-o", "json")
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "2 rows were not added, because of a fault.")
	var told struct {
		Rows   bulk.Report
		Queued int64
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &told))
	assert.EqualValues(t, 1, told.Queued)
	assert.EqualValues(t, 2, told.Rows.RowsAtFault)
	require.Len(t, told.Rows.Faults, 1)
	assert.Contains(t, told.Rows.Faults[0].Message, "set csv.null in the config")
}

// TestQueueOfLines: rejects of values that CSV cannot hold are JSON Lines.
func TestQueueOfLines(t *testing.T) {
	t.Parallel()
	o := newQueue(t, "queue: sqlite:queue.db\njob: spring\ntargets:\n  chat: {vendor: quickblox}\ncolumns: {key: id, username: login, password: pass}\n")
	o.write(t, "people.jsonl", `{"id": 1, "login": "ada", "pass": "`+plantedPassword+`"}`+"\n"+
		`{"id": 2, "login": "ada", "pass": "`+plantedPassword+`", "note": null}`+"\n")
	o.load(t, exitDone, o.at("people.jsonl"))
	o.work(t, exitRefused)
	r := o.run(t, "", "rejects")
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "name a file of JSON Lines with --rejects")
	r = o.run(t, "", "rejects", "--rejects", o.at("rejects.jsonl"), "--drop")
	assert.Equal(t, exitRefused, r.code, r.stderr)
	var row map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.read(t, "rejects.jsonl")), &row))
	assert.Equal(t, "[REDACTED]", row["pass"])
	assert.Equal(t, "chat", row["_target"])
	assert.Equal(t, exitDone, o.run(t, "", "rejects").code, "they were dropped")

	o.load(t, exitDone, o.at("people.jsonl"), "--retry-refused")
	o.work(t, exitRefused)
	o.env[queue.KeyVariable] = oldQueueKey
	r = o.run(t, "", "rejects", "--rejects", o.at("rejects.jsonl"), "--drop")
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "1 reject cannot be opened: no key of ENLIST_QUEUE_KEY is theirs. 0 rows were written")
	o.env[queue.KeyVariable] = queueKey
	for range 2 {
		assert.Equal(t, exitRefused, o.run(t, "", "rejects", "--rejects", o.at("rejects.jsonl")).code, "it is dropped only with --drop")
	}
}

// TestRejectsOverAnotherFile: the rejects take the place of a file of rejects alone.
func TestRejectsOverAnotherFile(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 2)
	people := o.read(t, "people.csv")
	r := o.run(t, "", "rejects", "--rejects", file)
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "is not a file of rejects: name another file")
	assert.Equal(t, people, o.read(t, "people.csv"))
	people = "id,postal_code\n1,_code\n"
	o.write(t, "people.csv", people)
	assert.Equal(t, exitUsage, o.run(t, "", "rejects", "--rejects", file).code)
	assert.Equal(t, people, o.read(t, "people.csv"))
	for name, rejects := range map[string]string{
		"rejects.jsonl": `{"_code":"conflict","id":1}` + "\n", "quoted.csv": `"id","_code"` + "\n", "import.csv": "id,_code,_field\n", "empty.csv": "",
	} {
		o.write(t, name, rejects)
		assert.Equal(t, exitDone, o.run(t, "", "rejects", "--rejects", o.at(name)).code, name)
		assert.NoFileExists(t, o.at(name))
	}
}

// TestQueueUnknown: a user of which nobody knows leaves the queue, is listed, and is not created again.
func TestQueueUnknown(t *testing.T) {
	t.Parallel()
	o := newQueue(t, "queue: sqlite:queue.db\njob: spring\ntargets:\n  wallet: {vendor: mixin}\ncolumns: {key: id, full_name: first}\n")
	file := o.people(t, 3)
	o.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset, Times: 1})
	o.load(t, exitDone, file)
	w := o.work(t, exitUnknown)
	assert.Contains(t, flat(w.stdout), "the user may exist: load the row again: its worker asks the vendor if it can; else look at the vendor, and use enlist decide")
	assert.Equal(t, 3, o.mixin.UserCount())
	assert.EqualValues(t, 1, o.load(t, exitDone, file).Queued)
	o.work(t, exitUnknown)
	assert.Equal(t, 3, o.mixin.UserCount())
	o.noPlanted(t, w)

	var told struct{ Rows []struct{ Key string } }
	require.NoError(t, json.Unmarshal([]byte(o.run(t, "", "status", "-o", "json").stdout), &told))
	require.Len(t, told.Rows, 1)
	d := o.run(t, "", "decide", told.Rows[0].Key, "--target", "wallet", "--found", "d4d31aea-d60d-46ec-a37a-a2d1d1b1d2a4")
	assert.Equal(t, exitDone, d.code, d.stderr)
	assert.EqualValues(t, 3, o.load(t, exitDone, file).Done)
	assert.Equal(t, exitDone, o.run(t, "", "status").code)
}

// TestQueueIsUndone: undo deletes what workers have created, and closes the keys of rows in the queue.
func TestQueueIsUndone(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 3)
	o.load(t, exitDone, file)
	o.work(t, exitDone)
	assert.Equal(t, 3, o.usercom.UserCount())
	u := o.run(t, "", "undo", file, "--yes")
	assert.Equal(t, exitDone, u.code, u.stderr)
	assert.Equal(t, [4]int{}, o.counts())
	o.load(t, exitDone, file)
	o.work(t, exitDone)
	assert.Equal(t, [4]int{}, o.counts())
}

// TestQueueKeys: a worker with the old key among its own opens what is there; one without leaves it.
func TestQueueKeys(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	o.env[queue.KeyVariable] = oldQueueKey
	file := o.people(t, 2)
	o.load(t, exitDone, file)

	o.env[queue.KeyVariable] = queueKey
	w := start(t, o, "work", "--log", "json", shortLease)
	assert.Contains(t, w.line(t, `"row left for later"`), "its key is not there")
	assert.Equal(t, exitDone, w.stop(t))
	assert.Zero(t, o.usercom.UserCount())
	r := o.run(t, "", "rejects")
	assert.Equal(t, exitDone, r.code)

	o.write(t, "queue.keys", queueKey+"\n"+oldQueueKey+"\n")
	delete(o.env, queue.KeyVariable)
	o.env[queue.KeyVariable+"_FILE"] = o.at("queue.keys")
	assert.EqualValues(t, 2, o.load(t, exitDone, file).Present)
	// The rows were left for a minute: others take their place.
	assert.Equal(t, exitDone, o.run(t, "", "cancel", "--yes").code)
	o.load(t, exitDone, file)
	o.work(t, exitDone)
	assert.Equal(t, 2, o.usercom.UserCount())
}

// TestPauseAndCancel: a paused queue gives nothing away, and one that is cancelled has nothing left.
func TestPauseAndCancel(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 4)
	o.load(t, exitDone, file, "--job", "other")
	r := o.run(t, "", "pause") // before the first worker
	assert.Equal(t, exitDone, r.code, r.stderr)
	o.load(t, exitDone, file)
	s := o.run(t, "", "status")
	assert.Contains(t, flat(s.stdout), "; paused, until enlist resume")
	w := start(t, o, "work", shortLease)
	w.line(t, "worker started")
	assert.Zero(t, o.usercom.UserCount())
	assert.Equal(t, exitDone, o.run(t, "", "resume", "-o", "json").code)
	until(t, func() bool { return o.usercom.UserCount() == 4 })
	assert.Equal(t, exitDone, w.stop(t))

	r = o.runIn(t.Context(), t, "no\n", "cancel", "--job", "other")
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "This deletes 4 rows of job other from the queue.")
	assert.Contains(t, flat(r.stderr), "nothing was deleted")
	r = o.runIn(t.Context(), t, "yes\n", "cancel", "--job", "other")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, "job other: 4 rows were deleted from the queue, 0 still at work\n", r.stdout)
	assert.Equal(t, exitDone, o.run(t, "", "status", "--job", "other").code)
}

// TestQueueJSON: the JSON of each command has its exit code, and what to do next.
func TestQueueJSON(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 2)
	people := o.read(t, "people.csv") + "3,row3@pLanTed.example,row.1,Ada,Lovelace," + plantedPassword + "\n"
	o.write(t, "people.csv", people)
	for _, c := range []struct {
		args []string
		code int
		next string
	}{
		{[]string{"migrate"}, exitDone, ""},
		{[]string{"pause"}, exitDone, ""},
		{[]string{"resume"}, exitDone, ""},
		{[]string{"load", file}, exitDone, "enlist work"},
		{[]string{"status"}, exitOpen, ""},
		{[]string{"work", "--until-done", "--rows=1", "--log=none", shortLease}, exitRefused, ""},
		{[]string{"rejects"}, exitRefused, "enlist load FILE --only COPY"},
		{[]string{"cancel"}, exitDone, ""},
	} {
		r := o.run(t, "", append(c.args, "-o", "json")...)
		assert.Equal(t, c.code, r.code, c.args)
		var told struct {
			Next     []string
			ExitCode *int `json:"exit_code"`
		}
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &told), c.args)
		assert.Equal(t, &c.code, told.ExitCode, c.args)
		assert.Contains(t, strings.Join(told.Next, " "), c.next)
		assert.Equal(t, c.next != "", len(told.Next) > 0, told.Next)
		assert.Contains(t, flat(r.stderr), strings.Join(told.Next, " "))
	}
}

// TestUntilDoneOfPaused: a worker that waits for a paused queue says so.
func TestUntilDoneOfPaused(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 2)
	assert.Equal(t, exitDone, o.run(t, "", "pause").code)
	o.load(t, exitDone, file)
	w := start(t, o, "work", "--until-done", shortLease)
	w.line(t, "the queue is paused, until enlist resume")
	assert.Equal(t, exitDone, o.run(t, "", "resume").code)
	assert.Equal(t, exitDone, <-w.code)
	assert.Equal(t, 2, o.usercom.UserCount())
}

// TestOlderTables: a queue without the latest of River's migrations is refused until migrate has run.
func TestOlderTables(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	db, err := sql.Open("sqlite", o.at("queue.db"))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "DELETE FROM river_migration WHERE version > 6")
	require.NoError(t, err)
	for _, command := range []string{"work", "status", "pause"} {
		r := o.run(t, "", command)
		assert.Equal(t, exitFailed, r.code)
		assert.Contains(t, flat(r.stderr), "those of an older enlist: run enlist migrate")
	}
}

// TestWorkersOfOtherClocks: status shows a worker by the clock of the database.
func TestWorkersOfOtherClocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // its clock is years behind that of the database
		place := queue.Place{At: "sqlite:queue.db", Dir: t.TempDir(), Job: "spring"}
		_, err := queue.Migrate(t.Context(), place)
		require.NoError(t, err)
		q, err := queue.Open(t.Context(), place, nil)
		require.NoError(t, err)
		defer q.Close()
		require.NoError(t, q.Beat(t.Context(), queue.Beat{Worker: "a"}))
		time.Sleep(20 * time.Minute)
		require.NoError(t, q.Beat(t.Context(), queue.Beat{Worker: "b"}))
		beats, err := q.Workers(t.Context())
		require.NoError(t, err)
		assert.Len(t, beats, 2)
		require.NoError(t, q.Leave(t.Context(), "b"))
		beats, err = q.Workers(t.Context())
		require.NoError(t, err)
		assert.Len(t, beats, 1)
	})
}

// TestServe: a worker tells how it is, and drains when it is told to end.
func TestServe(t *testing.T) {
	t.Parallel()
	o := newQueue(t, strings.Replace(queueConfig, "{vendor: quickblox}", "{vendor: quickblox, per_second: 1000}", 1))
	o.load(t, exitDone, o.people(t, 3))
	w := start(t, o, "work", "--listen", "127.0.0.1:0", "--log", "json", shortLease)
	var served struct{ Address string }
	require.NoError(t, json.Unmarshal([]byte(w.line(t, "serving health and metrics")), &served))
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+served.Address+path, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	until(t, func() bool { return o.usercom.UserCount() == 3 })
	for _, path := range []string{"/healthz", "/readyz"} {
		code, body := get(path)
		assert.Equal(t, http.StatusOK, code)
		assert.Equal(t, "ok\n", body)
	}
	until(t, func() bool {
		_, metrics := get("/metrics")
		return strings.Contains(metrics, `enlist_rows_total{job="spring",result="done"} 3`)
	})
	var metrics string
	for _, want := range []string{
		`enlist_queue_rows{job="spring",state="waiting"} 0`, `enlist_queue_paused{job="spring"} 0`, `enlist_queue_up{job="spring"} 1`,
		`enlist_unknown_users{job="spring"} 0`, `enlist_target_paused{target="crm"} 0`,
	} {
		until(t, func() bool { // scrapes share a count
			_, metrics = get("/metrics")
			return strings.Contains(metrics, want+"\n")
		})
	}
	// Those of package userapiotel: calls, requests, runs and the ledger.
	assert.Regexp(t, `enlist_creates_total\{.*enlist_outcome="ok".*enlist_vendor="usercom".*\} 3\n`, metrics)
	for _, want := range []string{"http_client_request_duration_seconds_count{", "enlist_run_duration_seconds_count{", "enlist_ledger_duration_seconds_count{"} {
		assert.Contains(t, metrics, want)
	}
	o.assertMetricsOf(t, "queue-alerts.yaml", metrics)
	o.assertMetricsOf(t, "grafana-queue.json", metrics)
	o.noPlanted(t, ran{stdout: metrics})
	var told struct {
		Queue struct {
			Workers []queue.Beat
			Limits  []struct{ Name string }
		}
	}
	status := func() { require.NoError(t, json.Unmarshal([]byte(o.run(t, "", "status", "-o", "json").stdout), &told)) }
	status()
	require.Len(t, told.Queue.Workers, 1)
	assert.Len(t, told.Queue.Workers[0].Targets, 3)
	rows := 3
	untilUsed := func(is func() bool) {
		until(t, func() bool { // the worker gives back a share that it does not use: another row has it use one
			rows++
			o.load(t, exitDone, o.people(t, rows))
			return is()
		})
	}
	untilUsed(func() bool {
		_, metrics = get("/metrics")
		return strings.Contains(metrics, `enlist_limit_share{target="chat"} 1000`+"\n")
	})
	untilUsed(func() bool {
		status()
		return len(told.Queue.Limits) > 0
	})
	require.Len(t, told.Queue.Limits, 1)
	assert.Equal(t, "chat", told.Queue.Limits[0].Name)

	assert.Equal(t, exitDone, w.stop(t))
	o.noPlanted(t, ran{stderr: w.all()})
	assert.Contains(t, w.all(), `"msg":"worker ended"`)
	s := o.run(t, "", "status")
	assert.NotContains(t, s.stdout, "rows/s", "no worker is there any more")
	assert.NotContains(t, s.stdout, "workers", "and none has a share")
}

// metricName is the name of a metric of a worker's in an expression.
var metricName = regexp.MustCompile(`\benlist_[a-z_]+`)

// assertMetricsOf finds every metric that a file of deploy/ names among those that a worker serves.
func (o office) assertMetricsOf(t *testing.T, name, metrics string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	require.NoError(t, err)
	names := metricName.FindAllString(string(text), -1)
	require.NotEmpty(t, names, name)
	for _, metric := range names {
		assert.Truef(t, strings.Contains(metrics, "# TYPE "+metric+" "), "%s names %s", name, metric)
	}
}

// TestQueueIsUsedWrongly: what cannot be is told with what is expected, and nothing is sent.
func TestQueueIsUsedWrongly(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 2)
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		"no queue":         {nil, []string{"work", "--to", "usercom"}, exitUsage, "no queue is set: use --queue, ENLIST_QUEUE, or queue in the config"},
		"a file":           {nil, []string{"load", file, "--queue", "file:queue"}, exitUsage, "--queue: postgres://HOST/DATABASE or sqlite:PATH is expected"},
		"no kind":          {nil, []string{"load", file, "--queue", "mysql://pLanTed"}, exitUsage, "--queue: postgres://HOST/DATABASE or sqlite:PATH is expected"},
		"a password":       {nil, []string{"load", file, "--queue", "postgres://me:pLanTed@localhost/x"}, exitUsage, "--queue: must not have a password: set the variable PGPASSWORD"},
		"not there":        {nil, []string{"load", file, "--queue", "sqlite:other.db"}, exitFailed, "run enlist migrate"},
		"no URL":           {nil, []string{"load", file, "--queue", "postgres://localhost:pLanTed/x"}, exitUsage, "postgres://HOST/DATABASE is expected"},
		"a parameter":      {nil, []string{"status", "--queue", "postgres://localhost/x?sslmode=pLanTed"}, exitUsage, "queue in the config: the URL, one of its parameters"},
		"no tables":        {nil, []string{"status", "--queue", "sqlite:other.db"}, exitFailed, "run enlist migrate"},
		"not reached":      {nil, []string{"load", file, "--queue", "postgres://127.0.0.1:1/x?connect_timeout=2"}, exitFailed, "the queue cannot be reached"},
		"another ledger":   {map[string]string{"ENLIST_LEDGER": "sqlite:other.db"}, []string{"load", file}, exitUsage, "ledger and queue are in two databases"},
		"no key":           {map[string]string{queue.KeyVariable: ""}, []string{"load", file}, exitUsage, "ENLIST_QUEUE_KEY or ENLIST_QUEUE_KEY_FILE must be set"},
		"a short key":      {map[string]string{queue.KeyVariable: queueKey + ",abcdef"}, []string{"work"}, exitUsage, "ENLIST_QUEUE_KEY: key 2: expected 32 bytes in hex or base64"},
		"a file of no key": {map[string]string{queue.KeyVariable: "", queue.KeyVariable + "_FILE": "/nowhere/pLanTed"}, []string{"rejects"}, exitUsage, "the file for ENLIST_QUEUE_KEY cannot be read"},
		"a request key":    {map[string]string{"ENLIST_REQUEST_KEY": "short"}, []string{"load", file}, exitUsage, "ENLIST_REQUEST_KEY must have 32 to 4096 characters"},
		"too few rows":     {nil, []string{"work", "--rows", "-1"}, exitUsage, "--rows: expected 1 to "},
		"no lease":         {nil, []string{"work", "--lease", "1ms"}, exitUsage, "--lease: expected at least 3s"},
		"no drain":         {nil, []string{"work", "--drain", "-1s"}, exitUsage, "--drain must not be negative"},
		"a log":            {nil, []string{"work", "--log", "xml"}, exitUsage, "must be text, json or none"},
		"no address":       {nil, []string{"work", "--listen", "nowhere", "--rows", "1"}, exitUsage, "--listen"},
		"an argument":      {nil, []string{"pause", "spring"}, exitUsage, "expected flags only"},
		"standard input":   {nil, []string{"load", "-", "--only", "-"}, exitUsage, "only one of FILE and --only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := office{newDesk(t, queueConfig), o.backend}
			env := map[string]string{}
			for name, value := range o.env {
				env[name] = value
			}
			env["ENLIST_QUEUE"], env["ENLIST_REQUEST_KEY"] = "sqlite:"+o.at("queue.db"), queueKey
			for name, value := range c.env {
				env[name] = value
			}
			args := append([]string{}, c.args...)
			if name != "no queue" {
				args = append(args, "-c", own.at("enlist.yaml"))
			} else {
				delete(env, "ENLIST_QUEUE")
			}
			r := runIn(t.Context(), env, "", args...)
			assert.Equal(t, c.code, r.code, r.stderr)
			assert.Contains(t, flat(r.stderr), c.want)
			assert.NotContains(t, r.stderr+r.stdout, "pLanTed")
			own.noSecrets(t, r)
			assert.Equal(t, [4]int{}, o.counts())
		})
	}
}

// TestQueueOfOthers: processes of a job have one request key, and their users in one place.
func TestQueueOfOthers(t *testing.T) {
	t.Parallel()
	o := newQueue(t, queueConfig)
	file := o.people(t, 2)
	r := o.run(t, "", "work", "--until-done")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "no rows of job spring were loaded yet, and the first load makes the request key: run enlist load, or set ENLIST_REQUEST_KEY")
	o.load(t, exitDone, file)
	require.NoError(t, os.Remove(o.at("queue.key")))
	r = o.run(t, "", "work", "--until-done")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "the request key is missing: the file "+o.at("queue.key")+" does not exist")
	assert.Equal(t, exitUsage, o.run(t, "", "load", file).code)
	o.env["ENLIST_REQUEST_KEY"] = queueKey
	r = o.run(t, "", "work", "--until-done")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "the request key differs from the one that job spring was loaded with")
	assert.Zero(t, o.usercom.UserCount())

	o.env["ENLIST_JOB"] = "fakes"
	o.load(t, exitDone, file)
	o.write(t, "vendors.json", `{"fusionauth": {"url": "http://127.0.0.1:1", "api_key": "k", "tenant_id": ""}, "usercom": {"url": "http://127.0.0.1:1", "api_key": "k"},`+
		` "quickblox": {"url": "http://127.0.0.1:1", "api_key": "k"}}`)
	w := start(t, o, "work", "--vendors", o.at("vendors.json"), shortLease)
	w.line(t, "worker started")
	assert.Equal(t, exitDone, w.stop(t))
	r = o.run(t, "", "work", "--until-done")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "job fakes creates users at fakes, not at vendors")
}

// A worker is a command that runs until it is stopped, with what it told on standard error.
type worker struct {
	cancel context.CancelFunc
	code   chan int
	lines  chan string

	mu   sync.Mutex
	told strings.Builder
}

func start(t *testing.T, o office, args ...string) *worker {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, pipe := io.Pipe()
	env := map[string]string{}
	for name, value := range o.env {
		env[name] = value
	}
	w := &worker{cancel: cancel, code: make(chan int, 1), lines: make(chan string, 1000)}
	go func() {
		code := run(ctx, environment{
			args: append(args, "-c", o.at("enlist.yaml")), in: strings.NewReader(""), out: pipe, err: pipe,
			getenv: func(name string) string { return env[name] },
		})
		_ = pipe.Close()
		w.code <- code
	}()
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			w.mu.Lock()
			fmt.Fprintln(&w.told, s.Text())
			w.mu.Unlock()
			select {
			case w.lines <- s.Text():
			default:
			}
		}
	}()
	t.Cleanup(cancel)
	return w
}

// line waits for a line that has a text.
func (w *worker) line(t *testing.T, text string) string {
	t.Helper()
	end := time.After(5 * time.Minute)
	for {
		select {
		case line, more := <-w.lines:
			if strings.Contains(line, text) {
				return line
			}
			require.True(t, more, "the worker ended without %q: %s", text, w.all())
		case <-end:
			require.Failf(t, "the worker goes on", "without %q: %s", text, w.all())
		}
	}
}

// stop stops the worker, and returns its exit code.
func (w *worker) stop(t *testing.T) int {
	t.Helper()
	w.cancel()
	code := <-w.code
	for range w.lines { // all that it told is in told
	}
	return code
}

func (w *worker) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told.String()
}

// until waits until something is so.
func until(t *testing.T, is func() bool) {
	t.Helper()
	end := time.After(5 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("waited too long")
		}
	}
}
