package provision

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A Result is what Ensure or a Provisioner knows about a user that was asked for, and
// how it knows.
type Result struct {
	// Target is the target's name in a Provisioner's result. In Ensure's it is the
	// vendor's name; "" if it is not known.
	Target      string
	Disposition Disposition
	// User is set with DispositionCreated, Recovered and Existing.
	User *userapi.User
	// Err is nil or a *userapi.Error, the one that Ensure returned. It may be set
	// together with User: the user exists, and its second step is not done, or the
	// vendor's reply was cut off.
	Err error
	// IdempotencyKey is the key that was used: the request's, or the one that Ensure
	// chose. With it in the request, ResolveUser finds the user that this call made. A
	// later Ensure does too, if the vendor's client derives the user's id from the key.
	IdempotencyKey string
	// Started is when the first create began.
	Started time.Time
	// Recorded is set if the result is from the ledger, of an earlier run: nothing was
	// sent, and the User has only Provider, ID and Proof.
	Recorded bool
	// Steps are what was done, in order.
	Steps []Step
}

// An Action is what a step did.
type Action string

// The actions.
const (
	// ActionCreate is a call of CreateUser, ActionRepeat one of RepeatUser.
	ActionCreate Action = "create"
	ActionRepeat Action = "repeat"
	// ActionResolve looked up the user that the create made, ActionAdopt one of any
	// age.
	ActionResolve Action = "resolve"
	ActionAdopt   Action = "adopt"
	// ActionFinish is a call of FinishUser, ActionDelete one of DeleteUser.
	ActionFinish Action = "finish"
	ActionDelete Action = "delete"
)

// A Step is a call that was made. It has no values of the request.
type Step struct {
	Action   Action        `json:"action"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	// UserID, Proof and Compared describe the user that the step had or found. Compared
	// names the fields of the request that equalled the user's.
	UserID   string        `json:"user_id,omitempty"`
	Proof    userapi.Proof `json:"proof"`
	Compared []string      `json:"compared,omitempty"`
	// Err is the step's error, nil for a success. It is logged without its texts.
	Err *userapi.Error `json:"error,omitempty"`
}

// String returns what the step did, and its result.
func (s Step) String() string {
	var b strings.Builder
	b.WriteString(string(s.Action) + ": ")
	if s.Err != nil {
		b.WriteString(s.Err.Kind.String() + ", " + s.Err.Outcome.String())
		if s.Err.StatusCode != 0 {
			b.WriteString(", status " + strconv.Itoa(s.Err.StatusCode))
		}
		if s.Err.Attempts > 1 {
			b.WriteString(", " + strconv.Itoa(s.Err.Attempts) + " attempts")
		}
		if len(s.Err.Candidates) > 0 {
			b.WriteString(", candidates " + strings.Join(s.Err.Candidates, " "))
		}
		return b.String()
	}
	b.WriteString("ok")
	if s.UserID != "" {
		b.WriteString(", user " + s.UserID + ", proof " + s.Proof.String())
	}
	if len(s.Compared) > 0 {
		b.WriteString(", compared " + strings.Join(s.Compared, " "))
	}
	return b.String()
}

// String describes the result in one line. It shows no value of the request.
func (r Result) String() string {
	var b strings.Builder
	b.WriteString("user at " + cmp.Or(r.Target, "a vendor without a name") + ": " + r.Disposition.String())
	if r.User != nil {
		b.WriteString(" as " + r.User.ID + " (proof " + r.User.Proof.String() + ")")
	}
	if r.Recorded {
		b.WriteString("; by the ledger")
	}
	for i, s := range r.Steps {
		if i == 0 {
			b.WriteString("; ")
		} else {
			b.WriteString(", then ")
		}
		b.WriteString(s.String())
	}
	return b.String()
}

// Format writes String for every verb.
func (r Result) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue returns what may be logged, as a group.
func (r Result) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("target", r.Target),
		slog.String("disposition", r.Disposition.String()),
	}
	if r.User != nil {
		attrs = append(attrs, slog.String("user_id", r.User.ID), slog.String("proof", r.User.Proof.String()))
	}
	steps := make([]string, len(r.Steps))
	for i, s := range r.Steps {
		steps[i] = s.String()
	}
	return slog.GroupValue(append(attrs, slog.Any("steps", steps))...)
}

// MarshalJSON encodes what may be logged: the user's id and proof, and of errors what
// their own MarshalJSON shows.
func (r Result) MarshalJSON() ([]byte, error) {
	shown := struct {
		Target      string         `json:"target"`
		Disposition Disposition    `json:"disposition"`
		UserID      string         `json:"user_id,omitempty"`
		Proof       *userapi.Proof `json:"proof,omitempty"`
		Err         error          `json:"error,omitempty"`
		Started     time.Time      `json:"started,omitzero"`
		Recorded    bool           `json:"recorded,omitempty"`
		Steps       []Step         `json:"steps,omitempty"`
	}{Target: r.Target, Disposition: r.Disposition, Err: r.Err, Started: r.Started, Recorded: r.Recorded, Steps: r.Steps}
	if r.User != nil {
		shown.UserID, shown.Proof = r.User.ID, &r.User.Proof
	}
	return json.Marshal(shown)
}
