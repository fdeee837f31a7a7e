//go:build unix

package bulkriver_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

func csv(text string) bulk.Source { return bulk.CSV(strings.NewReader(text), bulk.CSVOptions{}) }

// TestUniqueKey: the computed unique key of a job is River's.
func TestUniqueKey(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, "key,email\n7,a@planted.example\n\"an <odd> & key\",b@planted.example\n")
		rows, err := at.db.QueryContext(t.Context(), "SELECT unique_key FROM river_job ORDER BY id")
		require.NoError(t, err)
		defer rows.Close()
		var got []string
		for rows.Next() {
			var key []byte
			require.NoError(t, rows.Scan(&key))
			got = append(got, hex.EncodeToString(key))
		}
		require.NoError(t, rows.Err())
		require.Len(t, got, 2)
		assert.Equal(t, bulkriver.UniqueKey("spring/7"), got[0])
		var key string
		require.NoError(t, at.db.QueryRowContext(t.Context(), keyOfLast(at)).Scan(&key))
		assert.Equal(t, bulkriver.UniqueKey(key), got[1])
	})
}

func keyOfLast(at *place) string {
	if at.dialect == sqlledger.SQLite {
		return "SELECT json_extract(args, '$.key') FROM river_job ORDER BY id DESC LIMIT 1"
	}
	return "SELECT args ->> 'key' FROM river_job ORDER BY id DESC LIMIT 1"
}

// TestJobsByIndex: jobs are found by River's unique index, and deleted by the primary key.
func TestJobsByIndex(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		explain := "EXPLAIN "
		if at.dialect == sqlledger.SQLite {
			explain = "EXPLAIN QUERY PLAN "
		}
		plan := func(statement string, arg any) string {
			rows, err := at.db.QueryContext(t.Context(), explain+statement, arg)
			require.NoError(t, err)
			defer rows.Close()
			columns, err := rows.Columns()
			require.NoError(t, err)
			var b strings.Builder
			for rows.Next() {
				cells := make([]any, len(columns))
				for i := range cells {
					cells[i] = new(any)
				}
				require.NoError(t, rows.Scan(cells...))
				switch x := (*cells[len(cells)-1].(*any)).(type) {
				case string:
					b.WriteString(x + "\n")
				case []byte:
					b.WriteString(string(x) + "\n")
				}
			}
			require.NoError(t, rows.Err())
			return b.String()
		}
		find, finish := bulkriver.Statements(at.queue)
		arg := any(`["00"]`)
		if at.dialect == sqlledger.SQLite {
			arg = []byte{0}
		}
		assert.Contains(t, plan(find, arg), "river_job_unique_idx")
		deletes := plan(finish, `[{"id":1,"attempt":1}]`)
		if at.dialect == sqlledger.SQLite {
			assert.Contains(t, deletes, "USING INTEGER PRIMARY KEY")
		} else {
			assert.Contains(t, deletes, "river_job_pkey")
		}
	})
}

// TestLateWorker: a worker does not delete a job that River has taken from it. The job may have
// another row by now.
func TestLateWorker(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, newVendors(t).targets())
		at.load(t, p, people(1, 1))
		id := int64(at.count(t, "SELECT id FROM river_job"))
		for _, tt := range []struct {
			set  string
			left int
		}{
			{"state = 'retryable', attempt = 1", 1}, // taken back
			{"state = 'running', attempt = 2", 1},   // given to another worker
			{"state = 'running', attempt = 1", 0},   // its own
		} {
			_, err := at.db.ExecContext(t.Context(), "UPDATE river_job SET "+tt.set)
			require.NoError(t, err)
			own, err := bulkriver.Finish(t.Context(), at.queue, id, 1)
			require.NoError(t, err)
			assert.Equal(t, tt.left == 0, own, tt.set)
			assert.Equal(t, tt.left, at.jobs(t), tt.set)
		}
	})
}
