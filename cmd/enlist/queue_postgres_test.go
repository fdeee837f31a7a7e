//go:build linux

package main

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/internal/pgserver"
)

// TestQueueOfOneConnection: a URL may have pool_max_conns, also as the place of the ledger. One connection makes
// the tables. The end of a worker deletes its note and those of workers that were killed, and no others.
func TestQueueOfOneConnection(t *testing.T) {
	t.Parallel()
	server, err := pgserver.Start()
	require.NoError(t, err)
	t.Cleanup(server.End)
	dir, _, _ := strings.Cut(strings.TrimPrefix(server.DSN(), "host="), " ")
	at := url.URL{Scheme: "postgres", User: url.User("enlist"), Path: "/postgres", RawQuery: url.Values{
		"host": {dir}, "port": {"5432"}, "sslmode": {"disable"}, "pool_max_conns": {"1"},
	}.Encode()}
	place := queue.Place{At: at.String(), Job: "spring"}
	_, err = queue.Migrate(t.Context(), place)
	require.NoError(t, err)
	q, err := queue.Open(t.Context(), place, nil)
	require.NoError(t, err)
	t.Cleanup(q.Close)
	l, err := ledger.Read(t.Context(), ledger.Place{At: at.String(), Job: "spring"})
	require.NoError(t, err)
	require.NoError(t, l.Close())

	db, err := sql.Open("pgx", server.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, q.CheckUsers(t.Context(), false))
	require.NoError(t, q.Beat(t.Context(), queue.Beat{Worker: "killed/A"}))
	_, err = db.ExecContext(t.Context(), "UPDATE enlist_note SET changed = changed - 7200")
	require.NoError(t, err)
	for _, worker := range []string{"runs/B", "ends/C"} {
		require.NoError(t, q.Beat(t.Context(), queue.Beat{Worker: worker}))
	}
	require.NoError(t, q.Leave(t.Context(), "ends/C"))
	var left string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT string_agg(name, ' ' ORDER BY name) FROM enlist_note").Scan(&left))
	assert.Equal(t, "users worker/runs/B", left)
	beats, err := q.Workers(t.Context())
	require.NoError(t, err)
	require.Len(t, beats, 1)
	assert.Equal(t, "runs/B", beats[0].Worker)
}
