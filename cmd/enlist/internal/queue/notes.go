package queue

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// notesTable has what the processes of a job tell each other. changed is in seconds since 1970, by the clock of
// the database: those of two machines differ.
const notesTable = "CREATE TABLE IF NOT EXISTS enlist_note (\n" +
	"\tjob TEXT NOT NULL,\n\tname TEXT NOT NULL,\n\tvalue TEXT NOT NULL,\n\tchanged BIGINT NOT NULL,\n\tPRIMARY KEY (job, name)\n)"

// The names of notes.
const (
	noteKey    = "request_key" // a hash of the request key
	noteUsers  = "users"       // where the users are
	noteWorker = "worker/"     // and a worker's name: its Beat
)

// now returns the database's time, for changed.
func (q *Queue) now(ctx context.Context) (seconds int64, err error) {
	clock := "SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint"
	if q.d.dialect == sqlledger.SQLite {
		clock = "SELECT CAST(strftime('%s', 'now') AS INTEGER)"
	}
	err = q.d.db.QueryRowContext(ctx, clock).Scan(&seconds)
	return seconds, err
}

// note returns the value of a note, or "".
func (q *Queue) note(ctx context.Context, name string) (value string, err error) {
	err = q.d.db.QueryRowContext(ctx, "SELECT value FROM enlist_note WHERE job = $1 AND name = $2", q.job, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// first stores a value unless there is one, and returns the stored one.
func (q *Queue) first(ctx context.Context, name, value string) (string, error) {
	now, err := q.now(ctx)
	if err != nil {
		return "", err
	}
	_, err = q.d.db.ExecContext(ctx,
		"INSERT INTO enlist_note (job, name, value, changed) VALUES ($1, $2, $3, $4) ON CONFLICT (job, name) DO NOTHING", q.job, name, value, now)
	if err != nil {
		return "", err
	}
	return q.note(ctx, name)
}

// HasRecords reports whether the job has begun. It then has a request key.
func (q *Queue) HasRecords(ctx context.Context) (bool, error) {
	value, err := q.note(ctx, noteKey)
	if err != nil || value != "" {
		return value != "", err
	}
	// An import on the same ledger leaves no note.
	keys, err := q.sqlLedger.Count(ctx, q.job+"/")
	return len(keys) > 0, err
}

// CheckRequestKey refuses a request key that differs from the one of the job's first process. With another key
// each row would seem to have changed.
func (q *Queue) CheckRequestKey(ctx context.Context, key userapi.Secret) error {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = mac.Write([]byte("enlist request key\x00" + q.job))
	own := hex.EncodeToString(mac.Sum(nil)[:8])
	there, err := q.first(ctx, noteKey, own)
	if err != nil {
		return fmt.Errorf("the queue cannot be read: %w", err)
	}
	if there != own {
		return fmt.Errorf("the request key differs from the one that job %s was loaded with: give every process the same ENLIST_REQUEST_KEY, or the same key file", q.job)
	}
	return nil
}

// CheckUsers refuses a worker for vendors if the job's other workers create users at fakes, and the other way
// round.
func (q *Queue) CheckUsers(ctx context.Context, atFakes bool) error {
	own := "vendors"
	if atFakes {
		own = "fakes"
	}
	there, err := q.first(ctx, noteUsers, own)
	if err != nil {
		return fmt.Errorf("the queue cannot be read: %w", err)
	}
	if there != own {
		return fmt.Errorf("job %s creates users at %s, not at %s. Give the job another name, or use another queue", q.job, there, own)
	}
	return nil
}

// A Beat is the state of a worker, as the worker reports it.
type Beat struct {
	// Worker names the process.
	Worker string `json:"worker"`
	// Since is when it started.
	Since time.Time `json:"since"`
	// Rows is the number of rows that it has finished, and RowsPerSecond its present rate.
	Rows          int64   `json:"rows"`
	RowsPerSecond float64 `json:"rows_per_second"`
	// Draining is set while it takes no further rows.
	Draining bool `json:"draining,omitempty"`
	// Targets are the targets that it sends to.
	Targets []TargetBeat `json:"targets"`
}

// A TargetBeat is the state of a target at a worker.
type TargetBeat struct {
	Target string `json:"target"`
	// RequestsPerSecond is its present rate, and TooMany the number of all its requests that were refused
	// with status 429.
	RequestsPerSecond float64 `json:"requests_per_second"`
	TooMany           int64   `json:"too_many_requests"`
	// PausedUntil is set while the target is paused because its vendor fails.
	PausedUntil time.Time `json:"paused_until,omitzero"`
}

const (
	// BeatEvery is the time between two beats of a worker.
	BeatEvery = 5 * time.Second
	// beatLife is how long a beat counts.
	beatLife = 30 * time.Second
	// beatKept is after what time the beat of a worker that was killed is deleted.
	beatKept = time.Hour
)

// Beat stores the state of a worker.
func (q *Queue) Beat(ctx context.Context, b Beat) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	now, err := q.now(ctx)
	if err != nil {
		return err
	}
	_, err = q.d.db.ExecContext(ctx, "INSERT INTO enlist_note (job, name, value, changed) VALUES ($1, $2, $3, $4)"+
		" ON CONFLICT (job, name) DO UPDATE SET value = EXCLUDED.value, changed = EXCLUDED.changed", q.job, noteWorker+b.Worker, string(text), now)
	return err
}

// Leave removes a worker that has ended, and workers that ended without calling Leave.
func (q *Queue) Leave(ctx context.Context, worker string) error {
	now, err := q.now(ctx)
	if err != nil {
		return err
	}
	_, err = q.d.db.ExecContext(ctx, "DELETE FROM enlist_note WHERE job = $1 AND (name = $2 OR name LIKE $3 AND changed < $4)",
		q.job, noteWorker+worker, noteWorker+"%", now-int64(beatKept.Seconds()))
	return err
}

// Workers returns the latest beats of the running workers.
func (q *Queue) Workers(ctx context.Context) (beats []Beat, err error) {
	now, err := q.now(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := q.d.db.QueryContext(ctx, "SELECT value FROM enlist_note WHERE job = $1 AND name LIKE $2 AND changed >= $3 ORDER BY name",
		q.job, noteWorker+"%", now-int64(beatLife.Seconds()))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		var b Beat
		if json.Unmarshal([]byte(value), &b) == nil { // another version of enlist may have written it
			beats = append(beats, b)
		}
	}
	return beats, rows.Err()
}
