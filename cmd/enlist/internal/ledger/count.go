package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// A Count is the number of equal records of a job at a target.
type Count struct {
	// Record has their equal fields: Target, State, Kind, Unfinished, Lost and Decided.
	Record provision.Record
	Rows   int64
}

// alike returns a record with the fields that Count compares.
func alike(r provision.Record) provision.Record {
	return provision.Record{Target: r.Target, State: r.State, Kind: r.Kind, Unfinished: r.Unfinished, Lost: r.Lost, Decided: r.Decided}
}

// CountsAll reports whether Counts includes done records.
func (l *Ledger) CountsAll() bool { return l.counts != nil }

// Counts counts the records of the job, by target and state. For a ledger of file: it counts only open
// records.
func (l *Ledger) Counts(ctx context.Context) ([]Count, error) {
	if l.counts != nil {
		return l.counts(ctx, l.job)
	}
	rows := map[provision.Record]int64{}
	err := l.EachOpen(ctx, func(_ string, records []provision.Record) error {
		for _, r := range records {
			if r.Open() {
				rows[alike(r)]++
			}
		}
		return nil
	})
	var all []Count
	for r, n := range rows {
		all = append(all, Count{r, n})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(
			cmp.Compare(a.Record.Target, b.Record.Target), cmp.Compare(a.Record.State, b.Record.State), cmp.Compare(a.Record.Kind, b.Record.Kind),
		)
	})
	return all, err
}

// countSQL counts in the table of sqlledger.Schema. The keys of a job lie between its name with a
// slash and its name with what comes after the slash.
func countSQL(ctx context.Context, db *sql.DB, dialect sqlledger.Dialect, job string) ([]Count, error) {
	const (
		columns = "target, state, kind, unfinished, lost, decided"
		counts  = "SELECT " + columns + ", COUNT(*) FROM " + sqlledger.DefaultTable + " WHERE "
		groups  = " GROUP BY " + columns + " ORDER BY " + columns
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
		var unfinished, lost, decided int64
		if err := rows.Scan(&c.Record.Target, &c.Record.State, &c.Record.Kind, &unfinished, &lost, &decided, &c.Rows); err != nil {
			return nil, fmt.Errorf("the ledger cannot be counted: %w", err)
		}
		c.Record.Unfinished, c.Record.Lost, c.Record.Decided = unfinished != 0, lost != 0, decided != 0
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("the ledger cannot be counted: %w", err)
	}
	return all, nil
}
