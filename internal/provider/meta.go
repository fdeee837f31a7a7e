package provider

import (
	"encoding/json"
	"slices"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Meta is what a reply says beside its members. It stands behind a pointer, so that printing the
// reply does not show the raw bytes. The zero value is of a reply that no call returned.
type Meta struct{ *meta }

type meta struct {
	status    int
	requestID string
	raw       []byte
	warnings  []string
}

func newMeta(res *transport.Result, requestID string, warnings []string) Meta {
	return Meta{&meta{res.Reply.Status, requestID, res.Reply.Body, warnings}}
}

// get returns what the reply says; the zero value for a reply that no call returned.
func (m Meta) get() meta {
	if m.meta == nil {
		return meta{}
	}
	return *m.meta
}

// StatusCode returns the reply's HTTP status, 0 for none.
func (m Meta) StatusCode() int { return m.get().status }

// RequestID returns the id by which the vendor's support finds the call, "" for none.
func (m Meta) RequestID() string { return m.get().requestID }

// Warnings returns oddities that are not failures, such as another request's id.
func (m Meta) Warnings() []string { return m.get().warnings }

// Warn adds an oddity, of a reply that a call returned.
func (m Meta) Warn(text string) { m.warnings = append(m.warnings, text) }

// Raw returns the reply byte for byte.
func (m Meta) Raw() json.RawMessage { return m.get().raw }

// Of returns the same of a part of the reply, which is about one user of several.
func (m Meta) Of(part []byte) Meta {
	own := m.get()
	own.raw, own.warnings = part, slices.Clip(own.warnings)
	return Meta{&own}
}

// NewUser begins the user that a reply shows. native is the vendor's own form of it.
func (m Meta) NewUser(provider, id string, native any) *userapi.User {
	u := &userapi.User{Provider: provider, ID: id, Proof: userapi.ProofReply, RequestID: m.RequestID(), Raw: m.Raw()}
	u.SetNative(native)
	return u
}
