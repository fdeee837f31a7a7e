//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClusterTellsNothing: of rows that wait, are at work, were left behind, refused or done, nothing is seen
// in the database, the logs, the metrics or the status; nor any credential.
func TestClusterTellsNothing(t *testing.T) {
	t.Parallel()
	const rows = 60
	c := newCluster(t, rows, strings.Replace(threeTargets, "{vendor: fusionauth}", "{vendor: fusionauth, per_second: 500}", 1),
		"--fault", "fusionauth:create:before-commit:respond=503:3", "--fault", "fusionauth:create:before-commit:respond=400:1",
		"--fault", "quickblox:create:after-commit:truncate:3", "--fault", "quickblox:lookup:before-commit:respond=500:2",
		"--fault", "usercom:create:after-commit:reset:3",
	)
	// Of two rows with one name QuickBlox refuses the later one, unless the other was refused before.
	c.write(t, "people.csv", c.read(t, "people.csv")+fmt.Sprintf("refused,%s,refused@%s,%s,Planted Name\n", clusterLogin(0), clusterDomain, clusterPassword))
	c.run(t, exitDone, "load", "people.csv")
	c.run(t, exitDone, "pause") // before the first worker
	c.run(t, exitDone, "resume")
	c.assertServerHasNothingPlanted(t)
	c.runDocumentedSQL(t)

	for _, log := range []string{"text", "json"} {
		c.worker(t, "--lease", "3s", "--rows", "4", "--listen", "127.0.0.1:0", "--log", log)
	}
	waitUntil(t, "half of the rows are done", func() bool {
		n, answers := c.left(t)
		return answers && n < rows/2
	})
	for _, w := range c.workers {
		c.assertServesNothingPlanted(t, w)
	}
	c.assertStatusHasNothingPlanted(t)
	c.workers[0].kill(t)
	require.NoError(t, c.server.Stop())
	c.assertServesNothingPlanted(t, c.workers[1])
	require.NoError(t, c.server.Again())
	c.assertServerHasNothingPlanted(t)
	c.workers[0].start(t)
	waitUntil(t, "the rows that were left behind are alone", func() bool {
		n, answers := c.left(t)
		refused, _ := c.count(t, "SELECT count(*) FROM enlist_reject")
		return answers && n < 12 && refused > 0
	})
	for _, w := range c.workers {
		c.assertServesNothingPlanted(t, w)
	}
	c.stopWorkers(t)
	c.assertServerHasNothingPlanted(t)
	c.assertLogsHaveNothingPlanted(t)
	c.assertStatusHasNothingPlanted(t)
	c.run(t, exitRefused, "rejects", "-o", "json")
	rejects := c.read(t, "spring.rejects.csv")
	assert.Contains(t, rejects, "@"+clusterDomain, "it is for a person")
	assert.NotContains(t, rejects, clusterPassword)
}

// assertStatusHasNothingPlanted looks at what is told of the queue, whatever is left.
func (c *cluster) assertStatusHasNothingPlanted(t *testing.T) {
	t.Helper()
	for _, format := range []string{"table", "json"} {
		out, _ := c.command(t, "status", "-o", format).CombinedOutput() // the code says what is left
		assert.Contains(t, string(out), "rejects")
		c.assertNothingPlanted(t, "status", string(out))
	}
}

// runDocumentedSQL runs the statements of docs/bulk.md.
func (c *cluster) runDocumentedSQL(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bulk.md"))
	require.NoError(t, err)
	_, statements, found := strings.Cut(string(page), "```sql\n")
	require.True(t, found)
	statements, _, _ = strings.Cut(statements, "```")
	_, err = c.db.ExecContext(t.Context(), statements)
	require.NoError(t, err)
}

var servedAt = regexp.MustCompile(`(?m)serving health and metrics.*(127\.0\.0\.1:[0-9]+)`)

// assertServesNothingPlanted looks at all that a worker serves.
func (c *cluster) assertServesNothingPlanted(t *testing.T, w *workProcess) {
	t.Helper()
	var client http.Client
	defer client.CloseIdleConnections()
	var at string
	waitUntil(t, "it serves", func() bool {
		found := servedAt.FindAllStringSubmatch(c.read(t, w.log), -1)
		if len(found) != w.starts {
			return false
		}
		at = found[w.starts-1][1]
		return true
	})
	for path, want := range map[string]string{"/metrics": `enlist_rows_total{job="spring",result="done"} `, "/healthz": "ok\n", "/readyz": "\n", "/": ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+path, http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Contains(t, string(body), want, path)
		c.assertNothingPlanted(t, path, string(body))
	}
}
