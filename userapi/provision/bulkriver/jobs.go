package bulkriver

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A queued is a job of River that is there for a row.
type queued struct {
	id    int64
	state string
	args  Args
}

// uniqueStates is the condition of River's unique index, without which it is not used.
func (q *Queue) uniqueStates() string {
	const given = "unique_key IS NOT NULL AND unique_states IS NOT NULL AND "
	if q.dialect == sqlledger.SQLite {
		return given + "CASE state WHEN 'available' THEN unique_states & (1 << 0) WHEN 'cancelled' THEN unique_states & (1 << 1)" +
			" WHEN 'completed' THEN unique_states & (1 << 2) WHEN 'discarded' THEN unique_states & (1 << 3)" +
			" WHEN 'pending' THEN unique_states & (1 << 4) WHEN 'retryable' THEN unique_states & (1 << 5)" +
			" WHEN 'running' THEN unique_states & (1 << 6) WHEN 'scheduled' THEN unique_states & (1 << 7) ELSE 0 END >= 1"
	}
	return given + q.prefix + "river_job_state_in_bitmask(unique_states, state)"
}

// findStatement returns the statement that finds jobs by their unique keys: in PostgreSQL of a JSON
// list, each by the index, and in SQLite of one.
func (q *Queue) findStatement() string {
	if q.dialect == sqlledger.SQLite {
		return "SELECT id, state, json(args) FROM " + q.jobs() + " WHERE unique_key = ?1 AND " + q.uniqueStates()
	}
	return "SELECT id, state::text, args::text FROM json_array_elements_text($1::text::json) AS k(value)" +
		" CROSS JOIN LATERAL (SELECT id, state, args FROM " + q.jobs() +
		" WHERE unique_key = decode(k.value, 'hex') AND " + q.uniqueStates() + " OFFSET 0) AS j"
}

// find returns the jobs that are there for rows, by the rows' keys.
func (q *Queue) find(ctx context.Context, keys []string) (map[string]queued, error) {
	found := map[string]queued{}
	read := func(arg any) error {
		rows, err := q.db.QueryContext(ctx, q.findStatement(), arg)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var j queued
			var args []byte
			if err := rows.Scan(&j.id, &j.state, &args); err != nil {
				return err
			}
			if err := json.Unmarshal(args, &j.args); err != nil {
				return err
			}
			found[j.args.Key] = j
		}
		return rows.Err()
	}
	var list []string
	for _, key := range keys {
		if q.dialect == sqlledger.SQLite {
			if err := read(uniqueKey(key)); err != nil {
				return nil, dbError("look for jobs", err)
			}
			continue
		}
		list = append(list, hex.EncodeToString(uniqueKey(key)))
	}
	if len(list) > 0 {
		text, _ := json.Marshal(list) // never fails: texts
		if err := read(string(text)); err != nil {
			return nil, dbError("look for jobs", err)
		}
	}
	return found, nil
}

// waiting are River's states of a job that no worker is at.
const waiting = "('available', 'pending', 'retryable', 'scheduled')"

// replace puts another row into a job, unless a worker is at it.
func (q *Queue) replace(ctx context.Context, id int64, args Args) (replaced bool, err error) {
	text, err := json.Marshal(args)
	if err != nil {
		return false, err
	}
	set := "args = " + q.p(2) + "::text::jsonb"
	if q.dialect == sqlledger.SQLite {
		set = "args = jsonb(" + q.p(2) + ")"
	}
	n, err := q.exec(ctx, "put a row into its job", "UPDATE "+q.jobs()+" SET "+set+" WHERE id = "+q.p(1)+" AND "+q.state()+" IN "+waiting, id, string(text))
	return n == 1, err
}

// drop deletes jobs that are in one of the states.
func (q *Queue) drop(ctx context.Context, states string, ids ...int64) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	return q.exec(ctx, "delete jobs", "DELETE FROM "+q.jobs()+" WHERE "+q.state()+" IN "+states+" AND "+q.among("id", q.element(1, "id")), listOf(ids, func(id int64) string { return `{"id":` + strconv.FormatInt(id, 10) + "}" }))
}

// state is the state of a job that is found by its id, in a form that no index is used for: a
// database might else look through all jobs of the state.
func (q *Queue) state() string {
	if q.dialect == sqlledger.SQLite {
		return "+state"
	}
	return "state::text"
}

// element returns what selects members of each object of a JSON list, which is the n-th parameter,
// as whole numbers.
func (q *Queue) element(n int, names ...string) string {
	columns := ""
	for i, name := range names {
		if i > 0 {
			columns += ", "
		}
		if q.dialect == sqlledger.SQLite {
			columns += "json_extract(value, '$." + name + "')"
		} else {
			columns += "(value ->> '" + name + "')::bigint"
		}
	}
	if q.dialect == sqlledger.SQLite {
		return columns + " FROM json_each(" + q.p(n) + ")"
	}
	return columns + " FROM json_array_elements(" + q.p(n) + "::text::json)"
}

// among returns the condition that a column has one of the values that a SELECT's columns have. In
// PostgreSQL it is such that the index is used, whatever plan was made while the table was small.
func (q *Queue) among(column, selected string) string {
	if q.dialect == sqlledger.SQLite {
		return column + " IN (SELECT " + selected + ")"
	}
	return column + " = ANY(ARRAY(SELECT " + selected + "))"
}

// listOf returns a JSON list.
func listOf[T any](all []T, of func(T) string) string {
	text := "["
	for i, v := range all {
		if i > 0 {
			text += ","
		}
		text += of(v)
	}
	return text + "]"
}

func (q *Queue) exec(ctx context.Context, what, statement string, args ...any) (int64, error) {
	return execIn(ctx, q.db, what, statement, args...)
}

// execIn carries out a statement, and returns how many rows it was about.
func execIn(ctx context.Context, in interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
}, what, statement string, args ...any,
) (int64, error) {
	result, err := in.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, dbError(what, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, dbError(what, err)
	}
	return n, nil
}
