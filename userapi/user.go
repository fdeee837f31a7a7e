package userapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A User is a user that exists at a vendor, as the vendor describes it.
type User struct {
	// Provider is the vendor's name and ID the user's id there, as text.
	Provider string `json:"provider"`
	ID       string `json:"id"`

	Username   string `json:"username,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"`
	FullName   string `json:"full_name,omitempty"`
	ExternalID string `json:"external_id,omitempty"`

	// CreatedAt is when the vendor created the user; zero if it does not say.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Unmapped names the fields of CreateUserRequest that were set and that this
	// vendor cannot store.
	Unmapped []string `json:"unmapped,omitempty"`
	// Warnings are oddities that are not failures, such as a reply that
	// carries another request's id.
	Warnings []string `json:"warnings,omitempty"`
	// Proof says how we know that this is the user that was asked for.
	Proof Proof `json:"proof"`
	// Compared names the fields of CreateUserRequest that a look-up compared with the
	// user and found equal; empty for a user that the create itself returned.
	Compared []string `json:"compared,omitempty"`
	// FromRecord is set by a Resolver that did not ask the vendor, but read the
	// client's own record of its creates.
	FromRecord bool `json:"from_record,omitempty"`
	// RequestID is the id by which the vendor's support finds the call, if any.
	RequestID string `json:"request_id,omitempty"`
	// Raw is the vendor's reply, byte for byte. It may hold one-time tokens.
	Raw json.RawMessage `json:"-"`

	native any
}

// As returns the vendor's own form of the user if it is of type T, as in
// As[*quickblox.CreateUserResponse](u). It is false for a nil user.
func As[T any](u *User) (T, bool) {
	if u == nil {
		var zero T
		return zero, false
	}
	v, ok := u.native.(T)
	return v, ok
}

// SetNative sets what As finds. It is for implementers of Creator.
func (u *User) SetNative(v any) { u.native = v }

// Format writes the vendor and the user's id, for every verb. It never writes names,
// addresses or the raw reply.
func (u User) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "user "+u.Provider+"/"+u.ID)
}

// LogValue returns the vendor, the user's id and the proof.
func (u User) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("provider", u.Provider),
		slog.String("id", u.ID),
		slog.String("proof", u.Proof.String()),
	)
}

// Proof says how we know that a user is the one that was asked for.
type Proof int

// The numbers are fixed.
const (
	// ProofNone says nothing: the user was not the result of a create or look-up.
	ProofNone Proof = 0
	// ProofReply: the vendor returned the user in reply to the create itself.
	ProofReply Proof = 1
	// ProofID: the user was found under an id that this client chose.
	ProofID Proof = 2
	// ProofKey: the user was found under a unique id of the caller's.
	ProofKey Proof = 3
	// ProofMatch: a user was found whose identity keys all equal the request's, and
	// which was created during the call. It does not prove who owns the user, or which
	// password the user has.
	ProofMatch Proof = 4
	// ProofEarlier: the user was found under an id that the request's IdempotencyKey
	// chose, and is older than the create, or of unknown age. An earlier create with
	// that key may have made it. It is also the proof of a user that existed before and
	// that the create updated, such as a visitor at User.com.
	ProofEarlier Proof = 5
)

var proofNames = [...]string{"none", "reply", "id", "key", "match", "earlier"}

// String returns the lower-case name.
func (p Proof) String() string { return enumName("proof", proofNames[:], int(p)) }

// MarshalText returns the lower-case name.
func (p Proof) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Proof) UnmarshalText(text []byte) error {
	return enumValue("proof", proofNames[:], text, p)
}
