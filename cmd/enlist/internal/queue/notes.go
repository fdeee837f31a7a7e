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
)

// notesTable has what the processes of a job must know of each other. changed is in seconds since 1970.
const notesTable = "CREATE TABLE IF NOT EXISTS enlist_note (\n" +
	"\tjob TEXT NOT NULL,\n\tname TEXT NOT NULL,\n\tvalue TEXT NOT NULL,\n\tchanged BIGINT NOT NULL,\n\tPRIMARY KEY (job, name)\n)"

// The names of notes.
const (
	noteKey    = "request_key" // what the request key of all processes has in common
	noteUsers  = "users"       // where the users are
	noteWorker = "worker/"     // and a worker's name: what it does
)

// note returns the value of a note, "" where there is none.
func (q *Queue) note(ctx context.Context, name string) (value string, err error) {
	err = q.d.db.QueryRowContext(ctx, "SELECT value FROM enlist_note WHERE job = $1 AND name = $2", q.job, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// first notes a value unless there is one, and returns the one that is there then.
func (q *Queue) first(ctx context.Context, name, value string) (string, error) {
	_, err := q.d.db.ExecContext(ctx,
		"INSERT INTO enlist_note (job, name, value, changed) VALUES ($1, $2, $3, $4) ON CONFLICT (job, name) DO NOTHING", q.job, name, value, time.Now().Unix())
	if err != nil {
		return "", err
	}
	return q.note(ctx, name)
}

// HasRecords reports whether the job was begun: a request key is then there, and no other can be made.
func (q *Queue) HasRecords(ctx context.Context) (bool, error) {
	value, err := q.note(ctx, noteKey)
	if err != nil || value != "" {
		return value != "", err
	}
	// An import on the same ledger leaves no note.
	keys, err := q.sqlLedger.Count(ctx, q.job+"/")
	return len(keys) > 0, err
}

// CheckRequestKey refuses another request key than the job's other processes have: by another one each
// row would seem to have been changed. The first process gives the key that counts.
func (q *Queue) CheckRequestKey(ctx context.Context, key userapi.Secret) error {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = mac.Write([]byte("enlist request key\x00" + q.job))
	own := hex.EncodeToString(mac.Sum(nil)[:8])
	there, err := q.first(ctx, noteKey, own)
	if err != nil {
		return fmt.Errorf("the queue cannot be read: %w", err)
	}
	if there != own {
		return fmt.Errorf("the request key is not the one that job %s was loaded with: give every process the same ENLIST_REQUEST_KEY, or the same key file", q.job)
	}
	return nil
}

// CheckUsers refuses users elsewhere than the job's other workers create them: what was done at fakes is
// not done at vendors.
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
		return fmt.Errorf("job %s is worked on at %s, and not at %s: what is done there is not done here. Give the job another name, or use another queue", q.job, there, own)
	}
	return nil
}

// A Beat is what a worker says of itself.
type Beat struct {
	// Worker names the process.
	Worker string `json:"worker"`
	// Since is when it started.
	Since time.Time `json:"since"`
	// Rows is how many rows it has finished, and RowsPerSecond how many a second of late.
	Rows          int64   `json:"rows"`
	RowsPerSecond float64 `json:"rows_per_second"`
	// Draining is set while it takes no further row.
	Draining bool `json:"draining,omitempty"`
	// Targets are those that it sends to.
	Targets []TargetBeat `json:"targets"`
}

// A TargetBeat is what a worker says of a target.
type TargetBeat struct {
	Target string `json:"target"`
	// RequestsPerSecond is how many requests it sent a second of late, and TooMany how many of all were
	// refused with a 429.
	RequestsPerSecond float64 `json:"requests_per_second"`
	TooMany           int64   `json:"too_many_requests"`
	// PausedUntil is set while the target is left alone because its vendor fails.
	PausedUntil time.Time `json:"paused_until,omitzero"`
}

const (
	// BeatEvery is how often a worker says what it does.
	BeatEvery = 5 * time.Second
	// beatLife is for how long that counts.
	beatLife = 30 * time.Second
)

// Beat stores what a worker does.
func (q *Queue) Beat(ctx context.Context, b Beat) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = q.d.db.ExecContext(ctx, "INSERT INTO enlist_note (job, name, value, changed) VALUES ($1, $2, $3, $4)"+
		" ON CONFLICT (job, name) DO UPDATE SET value = EXCLUDED.value, changed = EXCLUDED.changed", q.job, noteWorker+b.Worker, string(text), time.Now().Unix())
	return err
}

// Leave says that a worker has ended, and forgets those that ended without saying so.
func (q *Queue) Leave(ctx context.Context, worker string) error {
	_, err := q.d.db.ExecContext(ctx, "DELETE FROM enlist_note WHERE job = $1 AND (name = $2 OR name > $3 AND name < $4 AND changed < $5)",
		q.job, noteWorker+worker, noteWorker, noteWorker+"\U0010ffff", time.Now().Add(-time.Hour).Unix())
	return err
}

// Workers returns what the workers say that are there.
func (q *Queue) Workers(ctx context.Context) (beats []Beat, err error) {
	rows, err := q.d.db.QueryContext(ctx, "SELECT name, value FROM enlist_note WHERE job = $1 AND changed >= $2 ORDER BY name", q.job, time.Now().Add(-beatLife).Unix())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		var b Beat
		if len(name) > len(noteWorker) && name[:len(noteWorker)] == noteWorker && json.Unmarshal([]byte(value), &b) == nil {
			beats = append(beats, b)
		}
	}
	return beats, rows.Err()
}
