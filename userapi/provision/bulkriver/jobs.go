package bulkriver

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A queued is River's job for a row.
type queued struct {
	id    int64
	queue string
	args  Args
}

// find returns the jobs for rows, by the rows' keys.
func (q *Queue) find(ctx context.Context, keys []string) (map[string]queued, error) {
	found := map[string]queued{}
	var list []string
	for _, key := range keys {
		if q.dialect == sqlledger.SQLite {
			if err := q.findInto(ctx, found, uniqueKey(key)); err != nil {
				return nil, dbError("look for jobs", err)
			}
			continue
		}
		list = append(list, hex.EncodeToString(uniqueKey(key)))
	}
	if len(list) > 0 {
		if err := q.findInto(ctx, found, listOf(list)); err != nil {
			return nil, dbError("look for jobs", err)
		}
	}
	return found, nil
}

func (q *Queue) findInto(ctx context.Context, found map[string]queued, arg any) error {
	rows, err := q.db.QueryContext(ctx, q.sql.find, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var j queued
		var args []byte
		if err := rows.Scan(&j.id, &j.queue, &args); err != nil {
			return err
		}
		if err := json.Unmarshal(args, &j.args); err != nil {
			return err
		}
		found[j.args.Key] = j
	}
	return rows.Err()
}

// replace puts another row into a job and moves the job to this queue, unless a worker runs it.
func (q *Queue) replace(ctx context.Context, id int64, args Args) (replaced bool, err error) {
	text, err := json.Marshal(args)
	if err != nil {
		return false, err
	}
	n, err := exec(ctx, q.db, "put a row into its job", q.sql.replace, id, string(text), q.name)
	return n == 1, err
}

// drop deletes jobs that have nothing left to do. It skips a job that has another row by now or
// that a worker runs. That worker finds nothing to do.
func (q *Queue) drop(ctx context.Context, jobs []newJob) error {
	if len(jobs) == 0 {
		return nil
	}
	found, err := q.find(ctx, keysOf(jobs))
	if err != nil {
		return err
	}
	type dropped struct {
		ID  int64  `json:"id"`
		Row []byte `json:"row"` // every sealed row is different
	}
	list := make([]dropped, len(jobs))
	for i, j := range jobs {
		list[i] = dropped{found[j.args.Key].id, j.args.Row}
	}
	_, err = exec(ctx, q.db, "delete jobs", q.sql.drop, listOf(list))
	return err
}

// Cancel removes a job's rows from the queue and returns how many it removed. It skips rows that a
// worker is doing. Such a row can come back to the queue: pause the queue and wait for its workers
// first, or call Cancel again. The ledger keeps its records of the rows, and a Load adds again
// those that have something left to do.
func (q *Queue) Cancel(ctx context.Context, job string) (int64, error) {
	if job == "" {
		return 0, errors.New("bulkriver: Cancel needs the name of a job")
	}
	return exec(ctx, q.db, "cancel a job", q.sql.cancel, job, q.name)
}

// listOf returns a JSON list.
func listOf(all any) string {
	text, _ := json.Marshal(all) // never fails for numbers, texts and structs of them
	return string(text)
}

// exec runs a statement and returns the number of affected rows.
func exec(ctx context.Context, in interface {
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
