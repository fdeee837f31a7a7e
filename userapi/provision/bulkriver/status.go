package bulkriver

import (
	"context"
	"database/sql"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A Status says how many of the rows that were loaded are done. It holds no value of a row.
type Status struct {
	// States are how many rows are in the queue, by River's state of their jobs. A row that is done is
	// not in the queue any more. River discards a row that has ended its process 100 times, and
	// keeps it for 7 days by default: load it again once the reason is mended.
	States map[string]int64 `json:"states"`
	// Oldest is when the oldest row of the queue was loaded; the zero time if there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	// Paused is set while no row is taken from the queue, by River's QueuePause.
	Paused bool `json:"paused"`
	// Rejects is how many rows Queue.Rejects has.
	Rejects int64 `json:"rejects"`
	// Ledger is how many records are in each state at each target, of all rows ever loaded; nil
	// without a Config.Ledger. For those that are open and provision.StateUnknown it is unknown
	// whether there is a user. They are not in the queue: a person decides, or they are loaded again.
	Ledger []sqlledger.Count `json:"ledger,omitempty"`
	// Limits are those of Queue.Limiter that are in use, by their names.
	Limits []LimitStatus `json:"limits,omitempty"`
}

// A LimitStatus is what the processes that have a share of a limit may send.
type LimitStatus struct {
	Name string `json:"name"`
	// Members is how many processes have a share.
	Members int64 `json:"members"`
	// Shares is the sum of their shares, in requests a second, and Rate that of what they let through
	// when they last renewed them: less, where the vendor refuses requests.
	Shares float64 `json:"shares"`
	Rate   float64 `json:"rate"`
}

// Unknown returns how many records of the ledger are unknown: it is not known whether there is a user.
func (s Status) Unknown() (n int64) {
	for _, c := range s.Ledger {
		if c.State == provision.StateUnknown {
			n += c.Records
		}
	}
	return n
}

// Status counts the rows of a job, or those of all jobs for "". It reads all of the queue, and all that
// the ledger has of the job: it is for a person who looks now and then.
func (q *Queue) Status(ctx context.Context, job string) (Status, error) {
	s := Status{States: map[string]int64{}}
	if err := q.backlog(ctx, job, &s); err != nil {
		return Status{}, dbError("count jobs", err)
	}
	var err error
	if s.Paused, err = q.isPaused(ctx); err != nil {
		return Status{}, dbError("look at the queue", err)
	}
	if err := q.db.QueryRowContext(ctx, q.sql.countRejects, job).Scan(&s.Rejects); err != nil {
		return Status{}, dbError("count rejects", err)
	}
	if s.Limits, err = q.limits(ctx); err != nil {
		return Status{}, dbError("look at the shares", err)
	}
	if q.ledger == nil {
		return s, nil
	}
	prefix := ""
	if job != "" {
		prefix = job + "/"
	}
	s.Ledger, err = q.ledger.Count(ctx, prefix)
	return s, err
}

// isPaused reports whether River takes nothing from the queue.
func (q *Queue) isPaused(ctx context.Context) (paused bool, err error) {
	err = q.db.QueryRowContext(ctx, q.sql.paused, q.name).Scan(&paused)
	return paused, err
}

// backlog counts the jobs.
func (q *Queue) backlog(ctx context.Context, job string, s *Status) error {
	rows, err := q.db.QueryContext(ctx, q.sql.backlog, job, q.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var n int64
		var since sql.NullInt64
		if err := rows.Scan(&state, &n, &since); err != nil {
			return err
		}
		s.States[state] = n
		if at := time.Unix(since.Int64, 0).UTC(); since.Valid && (s.Oldest.IsZero() || at.Before(s.Oldest)) {
			s.Oldest = at
		}
	}
	return rows.Err()
}

// limits reads the shares that are not over.
func (q *Queue) limits(ctx context.Context) (all []LimitStatus, err error) {
	rows, err := q.db.QueryContext(ctx, q.sql.limits)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l LimitStatus
		if err := rows.Scan(&l.Name, &l.Members, &l.Shares, &l.Rate); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}
