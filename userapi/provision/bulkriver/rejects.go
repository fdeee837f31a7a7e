package bulkriver

import (
	"context"
	"encoding/base64"
	"iter"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// Rejects yields the rows of a job that a target has refused, by their keys. Each has, beside its own
// values, those columns that a file of bulk.Job.Rejects has, such as _target and _code; a secret is
// left out, unless the worker's Job.RejectSecrets was set. An error ends them. A row leaves the list
// when it was mended, loaded again and is done. Load takes them as they are: it does not read such columns.
func (q *Queue) Rejects(ctx context.Context, job string) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for after := ""; ; {
			page, err := q.rejectPage(ctx, job, after)
			if err != nil {
				yield(bulk.Row{}, err)
				return
			}
			for _, r := range page {
				after = r.key
				row, err := q.open(ctx, r.sealed, aboutReject, job, r.key)
				if !yield(row, err) || err != nil {
					return
				}
			}
			if len(page) < rejectsAtOnce {
				return
			}
		}
	}
}

// rejectsAtOnce is how many rows are read at once.
const rejectsAtOnce = 200

type sealedReject struct {
	key    string
	sealed []byte
}

func (q *Queue) rejectPage(ctx context.Context, job, after string) (page []sealedReject, err error) {
	rows, err := q.db.QueryContext(ctx, q.sql.rejects, job, after, rejectsAtOnce)
	if err != nil {
		return nil, dbError("read rejects", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r sealedReject
		var text string
		if err := rows.Scan(&r.key, &text); err != nil {
			return nil, dbError("read rejects", err)
		}
		if r.sealed, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, ErrSealed
		}
		page = append(page, r)
	}
	if err := rows.Err(); err != nil {
		return nil, dbError("read rejects", err)
	}
	return page, nil
}

// DropRejects deletes the rejects of a job, and returns how many there were.
func (q *Queue) DropRejects(ctx context.Context, job string) (int64, error) {
	return exec(ctx, q.db, "delete rejects", q.sql.dropRejects, job)
}
