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

// A Ledger remembers what became of each target of each sign-up, so that a run which
// was cut off can be taken up. [Memory] and those of the packages fileledger and sqlledger are three;
// package ledgertest checks others. Implementations are safe for concurrent
// use.
type Ledger interface {
	Storer
	// Load returns the records of a key by the names of their targets, in byte order;
	// of a key that it does not know, none and no error.
	Load(ctx context.Context, key string) ([]Record, error)
	// ListOpen returns, in byte order, keys after the given one that have a record which is
	// open ([Record.Open]): at most limit of them, and at least one if there is one.
	ListOpen(ctx context.Context, after string, limit int) ([]string, error)
}

// A Storer is the half of a Ledger that writes.
type Storer interface {
	// Store stores the records, all or none of them, and returns once they are durable.
	// Each is compared first: its Revision must be that of the stored record, 0 if
	// there is none, or nothing is stored and the error matches ErrStale. What is
	// stored has the next Revision. Nothing is stored either of a record that no ledger
	// takes, of two with one name, and with a context that is done before. After any
	// other error it is not known whether they are stored, then all of them. The
	// caller's records are neither kept nor changed.
	Store(ctx context.Context, records ...Record) error
}

// A ManyLoader is what a Ledger may be able to do beside: read many keys at once.
type ManyLoader interface {
	// LoadMany returns the records of the keys as Load does those of one: by key and by target,
	// in byte order. A key that stands there twice counts once.
	LoadMany(ctx context.Context, keys []string) ([]Record, error)
}

// ErrStale says that a record was changed since it was loaded.
var ErrStale = errors.New("provision: the record was changed by another run")

// A Record is what a ledger holds of one target of one sign-up. It holds no personal
// data and no secret, as long as Key is none. Its texts are UTF-8 without NUL, of at
// most 1 KiB.
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
	// Provider and UserID are set when a user is known, UserID also where it is known
	// before; Proof says how it is known to be the request's.
	Provider string
	UserID   string
	Proof    userapi.Proof
	// Unfinished is set when the user exists and the second step of its create is not
	// done.
	Unfinished bool
	// Decided is set when a person and no vendor said what became of the user.
	Decided bool
	// Lost is set when a create was sent, perhaps, of which no reply came, and which a
	// vendor may yet be working on: the user is asked for before it is created.
	Lost bool
	// Closed is set when the sign-up was undone: what is open of it is settled, and
	// nothing created.
	Closed bool
	// Request is the fingerprint of the request, and Sent, from StateInFlight on, that of
	// what Target.Map made of it: each an HMAC that covers no password.
	Request string
	Sent    string
	// Owner is the run that holds a StateInFlight, and Until when others may take it over.
	Owner string
	Until time.Time
	// Started is when the first create whose outcome is open or the user's began,
	// Changed when the record was stored. Times are in UTC, in whole microseconds.
	Started time.Time
	Changed time.Time
}

// A State is how far one target of a sign-up has come. Its names never change, so that
// they can be stored.
type State string

// The states.
const (
	// StateQueued: the target is to be created, and nothing was sent.
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
	// StateUndone: there is no user, and none will be created: the sign-up was undone.
	// UserID is that of the user which was deleted, "" where none had been created.
	StateUndone State = "undone"
)

var states = []State{
	StateQueued, StateInFlight, StateUnknown, StateNotSent, StateRejected,
	StateCreated, StateRecovered, StateExisting, StateDeleting, StateUndone,
}

// Known reports whether it is one of the states above.
func (s State) Known() bool { return slices.Contains(states, s) }

// HasUser reports whether a user of the request's exists: StateCreated, StateRecovered
// and StateExisting.
func (s State) HasUser() bool {
	return s == StateCreated || s == StateRecovered || s == StateExisting
}

// Open reports whether something is left to do: all but a finished user, an undone
// target, and a refusal that the request itself was the reason of. A
// [Provisioner.Resume] goes on with what is open.
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

// Check finds what no ledger takes, for implementations of Ledger: the error names the
// field and not its value.
func (r Record) Check() error {
	for _, name := range [...]struct{ field, value string }{{"Key", r.Key}, {"Target", r.Target}} {
		if !printable(name.value) {
			return fmt.Errorf("provision: %s of a record must be 1 to %d bytes of printable UTF-8", name.field, maxName)
		}
	}
	if !r.State.Known() {
		return errors.New("provision: State of a record is none of the states")
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

// NextRevisions returns records as a Storer stores them: by key and target, each with the
// next revision and with times in UTC and whole microseconds. It is for implementations of
// Ledger. The error says what no ledger takes: a record that fails Check, or two with one
// name.
func NextRevisions(records []Record) ([]Record, error) {
	next := slices.Clone(records)
	slices.SortFunc(next, byName)
	for i := range next {
		r := &next[i]
		if err := r.Check(); err != nil {
			return nil, err
		}
		if i > 0 && byName(next[i-1], *r) == 0 {
			return nil, errors.New("provision: two records of one name cannot be stored at once")
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
