//go:build unix

package sqltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// version1 are the statements that made the table in the first version. %[1]s is its name.
var version1 = map[sqlledger.Dialect]string{
	sqlledger.PostgreSQL: `CREATE TABLE %[1]s (
		key TEXT COLLATE "C" NOT NULL, target TEXT COLLATE "C" NOT NULL, revision BIGINT NOT NULL, state TEXT NOT NULL,
		kind SMALLINT NOT NULL, provider TEXT NOT NULL, user_id TEXT NOT NULL, proof SMALLINT NOT NULL,
		unfinished SMALLINT NOT NULL, decided SMALLINT NOT NULL, lost SMALLINT NOT NULL, closed SMALLINT NOT NULL,
		request TEXT NOT NULL, sent TEXT NOT NULL, owner TEXT NOT NULL, until BIGINT NOT NULL, started BIGINT NOT NULL,
		changed BIGINT NOT NULL, open SMALLINT NOT NULL, PRIMARY KEY (key, target))`,
	sqlledger.SQLite: `CREATE TABLE %[1]s (
		key TEXT COLLATE BINARY NOT NULL, target TEXT COLLATE BINARY NOT NULL, revision BIGINT NOT NULL, state TEXT NOT NULL,
		kind SMALLINT NOT NULL, provider TEXT NOT NULL, user_id TEXT NOT NULL, proof SMALLINT NOT NULL,
		unfinished SMALLINT NOT NULL, decided SMALLINT NOT NULL, lost SMALLINT NOT NULL, closed SMALLINT NOT NULL,
		request TEXT NOT NULL, sent TEXT NOT NULL, owner TEXT NOT NULL, until BIGINT NOT NULL, started BIGINT NOT NULL,
		changed BIGINT NOT NULL, open SMALLINT NOT NULL, PRIMARY KEY (key, target)) WITHOUT ROWID`,
}

// TestOpensVersion1: a table that the first version made and wrote to is opened as it is.
func TestOpensVersion1(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t)
		must(t, db, fmt.Sprintf(version1[d.dialect], d.name()))
		must(t, db, "CREATE INDEX "+d.name()+"_open ON "+d.name()+" (key) WHERE open = 1")
		must(t, db, "INSERT INTO "+d.name()+` VALUES ('sign-up-1', 'idp', 1, 'unknown', 3, 'fusionauth',
			'06aed1e3-bd77-4a59-991a-5bb5ae6fbb03', 2, 1, 1, 1, 1, '1.aa', '1.bb', 'run', 1772442931000000, 1772439331000000, 1772439391000000, 1)`)
		l, err := d.openSQL(t)
		require.NoError(t, err)
		records, err := l.Load(t.Context(), "sign-up-1")
		require.NoError(t, err)
		at := time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)
		want := provision.Record{
			Key: "sign-up-1", Target: "idp", Revision: 1, State: provision.StateUnknown, Kind: userapi.Kind(3), Provider: "fusionauth",
			UserID: "06aed1e3-bd77-4a59-991a-5bb5ae6fbb03", Proof: userapi.Proof(2), Unfinished: true, Decided: true, Lost: true, Closed: true,
			Request: "1.aa", Sent: "1.bb", Owner: "run", Until: at.Add(time.Hour), Started: at, Changed: at.Add(time.Minute),
		}
		assert.Equal(t, []provision.Record{want}, records)
		open, err := l.ListOpen(t.Context(), "", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{"sign-up-1"}, open)
		require.NoError(t, l.Store(t.Context(), want), "it goes on from there")
	})
}
