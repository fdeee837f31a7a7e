package provider

import (
	"encoding/json"

	"github.com/enlist-go/enlist/internal/transport"
)

// Meta is what a reply says beside its members. It stands behind a pointer, so that
// printing the reply does not show the raw bytes. The zero value is of a reply that no
// call returned.
type Meta struct{ *meta }

type meta struct {
	status    int
	requestID string
	raw       []byte
	warnings  []string
}

func newMeta(res *transport.Result, warnings []string) Meta {
	return Meta{&meta{res.Reply.Status, Mask{}.Code(res.RequestID), res.Reply.Body, warnings}}
}

// StatusCode returns the reply's HTTP status, 0 for none.
func (m Meta) StatusCode() int {
	if m.meta == nil {
		return 0
	}
	return m.status
}

// RequestID returns the id by which the vendor's support finds the call, "" for none.
func (m Meta) RequestID() string {
	if m.meta == nil {
		return ""
	}
	return m.requestID
}

// Warnings returns oddities that are not failures, such as another request's id.
func (m Meta) Warnings() []string {
	if m.meta == nil {
		return nil
	}
	return m.warnings
}

// Raw returns the reply byte for byte.
func (m Meta) Raw() json.RawMessage {
	if m.meta == nil {
		return nil
	}
	return m.raw
}
