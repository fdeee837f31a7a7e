package bulkriver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A RejectID identifies one refusal of a row. A later refusal of the row has another RejectID.
type RejectID [sha256.Size]byte

// A Reject is a row that a target has refused.
type Reject struct {
	bulk.Row

	ID RejectID
}

// Rejects yields the rows of a job that a target has refused, in the order of their keys.
//
// Each row has its own values, and the columns of a bulk.Job.Rejects file, such as _target and
// _code. Secrets are left out unless the worker's Job.RejectSecrets is set. Load accepts such rows
// and ignores those columns. A row leaves the list when its correction has been loaded and is done.
//
// If a reject cannot be opened, Rejects yields an error with its key and continues. A database
// error ends it.
func (q *Queue) Rejects(ctx context.Context, job string) iter.Seq2[Reject, error] {
	return func(yield func(Reject, error) bool) {
		for after := ""; ; {
			page, err := q.rejectPage(ctx, job, after)
			if err != nil {
				yield(Reject{}, err)
				return
			}
			for _, r := range page {
				after = r.key
				row, err := q.openReject(ctx, job, r)
				if !yield(Reject{row, r.id()}, err) {
					return
				}
			}
			if len(page) < rejectsAtOnce {
				return
			}
		}
	}
}

// rejectsAtOnce is the number of rows in one read.
const rejectsAtOnce = 200

type sealedReject struct {
	key    string
	sealed string // in base64
}

// id returns the hash of the sealed row. Every sealed row is different.
func (r sealedReject) id() RejectID { return sha256.Sum256([]byte(r.sealed)) }

func (q *Queue) openReject(ctx context.Context, job string, r sealedReject) (bulk.Row, error) {
	var row bulk.Row
	sealed, err := base64.StdEncoding.DecodeString(r.sealed)
	if err != nil {
		err = ErrSealed
	} else {
		row, err = q.open(ctx, sealed, aboutReject, job, r.key)
	}
	if err != nil {
		return bulk.Row{}, fmt.Errorf("bulkriver: the reject of row %s: %w", r.key, err)
	}
	return row, nil
}

func (q *Queue) rejectPage(ctx context.Context, job, after string) (page []sealedReject, err error) {
	rows, err := q.db.QueryContext(ctx, q.sql.rejects, job, after, rejectsAtOnce)
	if err != nil {
		return nil, dbError("read rejects", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r sealedReject
		if err := rows.Scan(&r.key, &r.sealed); err != nil {
			return nil, dbError("read rejects", err)
		}
		page = append(page, r)
	}
	if err := rows.Err(); err != nil {
		return nil, dbError("read rejects", err)
	}
	return page, nil
}

// DropRejects deletes rejects of a job and returns how many it deleted. It keeps a row that was
// refused again after Rejects yielded it.
func (q *Queue) DropRejects(ctx context.Context, job string, ids map[RejectID]bool) (dropped int64, err error) {
	type pair struct {
		Key string `json:"key"`
		Row string `json:"row"`
	}
	for after := ""; ; {
		page, err := q.rejectPage(ctx, job, after)
		if err != nil {
			return dropped, err
		}
		drop := []pair{}
		for _, r := range page {
			after = r.key
			if ids[r.id()] {
				drop = append(drop, pair{r.key, r.sealed})
			}
		}
		n, err := exec(ctx, q.db, "delete rejects", q.sql.dropRejects, listOf(drop))
		if dropped += n; err != nil || len(page) < rejectsAtOnce {
			return dropped, err
		}
	}
}
