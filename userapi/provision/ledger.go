package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/enlist-go/enlist/userapi"
)

// A Ledger stores the state of each target of each sign-up, so that an interrupted run
// can be resumed. Implementations are [Memory] and those of the packages fileledger and
// sqlledger. Package ledgertest checks others. Implementations are safe for concurrent
// use.
type Ledger interface {
	Storer
	// Load returns the records of a key, in byte order of their targets' names. For a
	// key that it does not have it returns no records and no error.
	Load(ctx context.Context, key string) ([]Record, error)
	// ListOpen returns keys that have an open record ([Record.Open]) and come after the
	// given key in byte order: at most limit keys, in byte order, and at least one if
	// there is one.
	ListOpen(ctx context.Context, after string, limit int) ([]string, error)
}

// A Storer is the part of a Ledger that writes.
type Storer interface {
	// Store stores the records, all or none of them, and returns once they are durable.
	// Each record's Revision must be that of the stored record, or 0 if there is none.
	// Otherwise nothing is stored, and the error matches ErrStale. A stored record has
	// the next Revision. Nothing is stored if a record fails Check, if two records have
	// one name, or if the context was done before. After any other error it is not
	// known whether they are stored: all of them, or none. The caller's records are not
	// kept, and not changed.
	Store(ctx context.Context, records ...Record) error
}

// A ManyLoader is a Ledger that can read many keys at once.
type ManyLoader interface {
	// LoadMany returns the records of the keys, in byte order of keys and targets. A
	// key that is given twice counts once.
	LoadMany(ctx context.Context, keys []string) ([]Record, error)
}

// ErrStale says that a record was changed since it was loaded.
var ErrStale = errors.New("provision: the record was changed by another run")

// A Record is the state of one target of one sign-up. It has no personal data and no
// secrets, unless Key is one. Its texts are UTF-8 without NUL, of at most 1 KiB.
type Record struct {
	// Key is the request's IdempotencyKey and Target the target's name; together they
	// are the record's name. Each has 1 to 255 bytes of printable UTF-8.
	Key    string
	Target string
	// Revision counts how often the record was stored, from 1; 0 is a new one.
	Revision int64
	State    State
	// Kind is of the error that came with the state, KindUnknown where none did.
	Kind userapi.Kind
	// Provider and UserID are set when a user is known. UserID is also set if it is
	// known before the create. Proof says how we know that the user is the request's.
	Provider string
	UserID   string
	Proof    userapi.Proof
	// Unfinished is set when the user exists and the second step of its create is not
	// done.
	Unfinished bool
	// Decided is set when a person, and not the vendor, said whether the user exists.
	Decided bool
	// Lost is set when a create may have been sent, its reply did not come, and the
	// vendor may still be working on it. The user is looked up before it is created.
	Lost bool
	// Closed is set when the sign-up was undone: what is open is resolved, and nothing
	// is created.
	Closed bool
	// Request is the fingerprint of the request. Sent is that of the target's request,
	// which Target.Map made; it is set from StateInFlight on. Each is an HMAC that does
	// not cover passwords.
	Request string
	Sent    string
	// Owner is the run that holds a StateInFlight. At Until other runs may take it
	// over.
	Owner string
	Until time.Time
	// Started is when the first create began that made the user, or whose outcome is
	// open. Changed is when the record was stored. Times are in UTC, in whole
	// microseconds.
	Started time.Time
	Changed time.Time
}

// A State is the state of one target of a sign-up. You can store its names: they never
// change.
type State string

// The states.
const (
	// StateQueued: the user will be created, and nothing was sent.
	StateQueued State = "queued"
	// StateInFlight: a run is creating the user, or was when it ended.
	StateInFlight State = "intent"
	// StateUnknown, NotSent, Rejected, Created, Recovered and Existing are the
	// dispositions of the same names.
	StateUnknown   State = "unknown"
	StateNotSent   State = "not_sent"
	StateRejected  State = "rejected"
	StateCreated   State = "created"
	StateRecovered State = "recovered"
	StateExisting  State = "existing"
	// StateDeleting: the user is being deleted, or was when the run ended.
	StateDeleting State = "deleting"
	// StateUndone: the sign-up was undone. The user does not exist and will not be
	// created. UserID is that of the deleted user; "" if none had been created.
	StateUndone State = "undone"
)

var states = []State{
	StateQueued, StateInFlight, StateUnknown, StateNotSent, StateRejected,
	StateCreated, StateRecovered, StateExisting, StateDeleting, StateUndone,
}

// Known reports whether s is one of the states above.
func (s State) Known() bool { return slices.Contains(states, s) }

// HasUser reports whether the user exists: StateCreated, StateRecovered and
// StateExisting.
func (s State) HasUser() bool {
	return s == StateCreated || s == StateRecovered || s == StateExisting
}

// Open reports whether something is left to do. It is false for a finished user, an
// undone target, and a refusal because of the request itself. [Provisioner.Resume]
// continues what is open.
func (r Record) Open() bool {
	switch {
	case r.State.HasUser():
		return r.Unfinished
	case r.State == StateUndone:
		return false
	case r.State == StateRejected || r.State == StateNotSent:
		return r.Kind != userapi.KindInvalid && r.Kind != userapi.KindConflict && (r.Kind != userapi.KindProtocol || r.Lost)
	}
	return true
}

// Check returns an error if no ledger may store the record. The error names the field
// and does not show its value. Check is for implementers of Ledger.
func (r Record) Check() error {
	for _, name := range [...]struct{ field, value string }{{"Key", r.Key}, {"Target", r.Target}} {
		if !printable(name.value) {
			return fmt.Errorf("provision: %s of a record must be 1 to %d bytes of printable UTF-8", name.field, maxName)
		}
	}
	if !r.State.Known() {
		return errors.New("provision: State of a record is not one of the states")
	}
	if r.Revision < 0 {
		return errors.New("provision: Revision of a record must not be negative")
	}
	for _, text := range [...]struct{ field, value string }{
		{"Provider", r.Provider}, {"UserID", r.UserID}, {"Request", r.Request}, {"Sent", r.Sent}, {"Owner", r.Owner},
	} {
		if !takes(text.value) {
			return fmt.Errorf("provision: %s of a record must be at most %d bytes of UTF-8 without NUL", text.field, maxText)
		}
	}
	return nil
}

// takes reports whether every ledger takes a text.
func takes(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// maxText bounds every other text of a record.
const maxText = 1 << 10

// NextRevisions returns records as a Storer stores them: in order of keys and targets,
// each with the next revision, and times in UTC and whole microseconds. It returns an
// error if a record fails Check, or if two have one name. It is for implementers of
// Ledger.
func NextRevisions(records []Record) ([]Record, error) {
	next := slices.Clone(records)
	slices.SortFunc(next, byName)
	for i := range next {
		r := &next[i]
		if err := r.Check(); err != nil {
			return nil, err
		}
		if i > 0 && byName(next[i-1], *r) == 0 {
			return nil, errors.New("provision: two records with one name cannot be stored at once")
		}
		r.Revision++
		r.Until, r.Started, r.Changed = stamp(r.Until), stamp(r.Started), stamp(r.Changed)
	}
	return next, nil
}

// recordOfTarget finds a target's record among those of a key.
func recordOfTarget(records []Record, target string) (r Record, found bool) {
	i := slices.IndexFunc(records, func(r Record) bool { return r.Target == target })
	if i < 0 {
		return Record{}, false
	}
	return records[i], true
}

func byName(a, b Record) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Target, b.Target))
}

// stamp returns t as every ledger keeps it.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
