package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A Count is how many records of a job are alike at a target.
type Count struct {
	Target string          `json:"target"`
	State  provision.State `json:"state"`
	// Kind is of the error that came with the state.
	Kind userapi.Kind `json:"kind"`
	// Open is set where something is left to do.
	Open bool  `json:"open"`
	Rows int64 `json:"rows"`
}

// CountsAll reports whether Counts has what is done too.
func (l *Ledger) CountsAll() bool { return l.counts != nil }

// Counts counts the records of the job, by target and state. A ledger in a file of its own lists
// only what is open.
func (l *Ledger) Counts(ctx context.Context) ([]Count, error) {
	if l.counts != nil {
		return l.counts(ctx, l.job)
	}
	rows := map[Count]int64{}
	err := l.EachOpen(ctx, func(_ string, records []provision.Record) error {
		for _, r := range records {
			if r.Open() {
				rows[Count{Target: r.Target, State: r.State, Kind: r.Kind, Open: true}]++
			}
		}
		return nil
	})
	var all []Count
	for c := range maps.Keys(rows) {
		c.Rows = rows[Count{Target: c.Target, State: c.State, Kind: c.Kind, Open: true}]
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.State, b.State), cmp.Compare(a.Kind, b.Kind))
	})
	return all, err
}

// countSQL counts in the table of sqlledger.Schema. The keys of a job lie between its name with a
// slash and its name with what comes after the slash.
func countSQL(ctx context.Context, db *sql.DB, dialect sqlledger.Dialect, job string) ([]Count, error) {
	const (
		counts = "SELECT target, state, kind, open, COUNT(*) FROM " + sqlledger.DefaultTable + " WHERE "
		groups = " GROUP BY target, state, kind, open ORDER BY target, state, kind, open"
	)
	statement := counts + "key >= $1 AND key < $2" + groups
	if dialect == sqlledger.SQLite {
		statement = counts + "key >= ? AND key < ?" + groups
	}
	rows, err := db.QueryContext(ctx, statement, job+"/", job+"0")
	if err != nil {
		return nil, fmt.Errorf("the ledger cannot be counted: %w", err)
	}
	defer rows.Close()
	var all []Count
	for rows.Next() {
		var c Count
		var open int64
		if err := rows.Scan(&c.Target, &c.State, &c.Kind, &open, &c.Rows); err != nil {
			return nil, fmt.Errorf("the ledger cannot be counted: %w", err)
		}
		c.Open = open != 0
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("the ledger cannot be counted: %w", err)
	}
	return all, nil
}
