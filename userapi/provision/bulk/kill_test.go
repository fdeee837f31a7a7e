package bulk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// errandVariable has an errand as JSON. TestErrand then runs this job.
const errandVariable = "ENLIST_TEST_BULK"

// An errand is a job in its own process.
type errand struct {
	Ledger, URL, Key, ChatURL, ChatKey string
	Rows                               int
	Hashed                             bool
}

// killedRows is the number of rows of an errand.
const killedRows = 400

// TestErrand runs only in a process that another test has started. There it runs a job, and writes
// a line for each row.
func TestErrand(t *testing.T) {
	t.Parallel()
	text := os.Getenv(errandVariable)
	if text == "" {
		return
	}
	var e errand
	require.NoError(t, json.Unmarshal([]byte(text), &e))
	report := e.run(t, func(bulk.RowResult) { fmt.Fprintln(os.Stdout, "row") })
	require.True(t, report.Complete)
}

// run runs the job in this process.
func (e errand) run(t *testing.T, onResult func(bulk.RowResult)) bulk.Report {
	t.Helper()
	http := userapi.HTTPOptions{BaseURL: e.URL}
	identity, err := fusionauth.New(fusionauth.Config{APIKey: userapi.Secret(e.Key), HTTP: http})
	require.NoError(t, err)
	defer identity.CloseIdleConnections()
	targets := []provision.Target{{Name: "identity", Creator: identity}}
	job := bulk.Job{Name: "spring", Mapping: hashes, InFlight: 50, OnResult: onResult}
	source := movers(e.Rows)
	if !e.Hashed {
		http.BaseURL = e.ChatURL
		chat, err := quickblox.New(quickblox.Config{APIKey: userapi.Secret(e.ChatKey), HTTP: http})
		require.NoError(t, err)
		defer chat.CloseIdleConnections()
		targets = append(targets, provision.Target{Name: "chat", Creator: chat, After: []string{"identity"}})
		job.Mapping = bulk.Mapping{}
		source = bulk.CSV(&generator{header: "key,username,password\n", rows: e.Rows, row: func(i int) string { return fmt.Sprintf("%d,u%d,planted-Secret-%d\n", i, i, i) }}, bulk.CSVOptions{})
	}
	ledger, err := fileledger.Open(e.Ledger)
	require.NoError(t, err)
	defer func() { require.NoError(t, ledger.Close()) }()
	p, err := provision.New(ledger, targets, provision.RequestKeys(runKeys), provision.Alone("spring"))
	require.NoError(t, err)
	report, err := bulk.Run(t.Context(), p, job, source)
	require.NoError(t, err)
	return report
}

// TestRunIsKilled kills a process that runs a job repeatedly, even during an import. The last run
// finishes. Each row has one user, and no finished create was sent again.
func TestRunIsKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, hashed := range []bool{false, true} {
		t.Run(fmt.Sprint("hashed ", hashed), func(t *testing.T) {
			t.Parallel()
			identity, chat := fusionauthtest.NewServer(t), quickbloxtest.NewServer(t)
			e := errand{
				Ledger: filepath.Join(t.TempDir(), "spring.ledger"), URL: identity.URL(), Key: identity.Config().APIKey.Reveal(),
				ChatURL: chat.URL(), ChatKey: chat.Config().APIKey.Reveal(), Rows: killedRows, Hashed: hashed,
			}
			text, err := json.Marshal(e)
			require.NoError(t, err)
			for i := range 8 { // each gets a little further
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				cmd := exec.CommandContext(ctx, self, "-test.run=^TestErrand$")
				cmd.Env = append(os.Environ(), errandVariable+"="+string(text))
				out, err := cmd.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				lines := bufio.NewScanner(out)
				for range i*killedRows/8 + rand.IntN(killedRows/8) {
					lines.Scan()
				}
				require.NoError(t, cmd.Process.Kill())
				for lines.Scan() {
				}
				require.Error(t, cmd.Wait())
				cancel()
			}
			report := e.run(t, nil)
			assert.EqualValues(t, killedRows, report.RowsDone, report)
			assert.Equal(t, killedRows, identity.UserCount())
			if !hashed {
				assert.Equal(t, killedRows, chat.UserCount())
				assert.Zero(t, chat.Stats().Duplicates)
			}
			if created := identity.Stats().Creates - identity.Stats().Duplicates; !assert.Equal(t, killedRows, created) {
				t.Log(report)
			}
		})
	}
}
