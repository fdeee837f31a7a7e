package userapi

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
)

// CreateUserRequest is a vendor-neutral description of the user to create. A field that
// is "" or nil is not sent. Each vendor's package documents, under Mapping, where each
// field goes.
type CreateUserRequest struct {
	// IdempotencyKey is the caller's own stable name for this create, such as the id of
	// a sign-up. It is not a field of the user: no vendor gets it as it is,
	// User.Unmapped does not list it, and Strict does not refuse it. FusionAuth derives
	// the user's id from it when ExternalID is empty.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	// ExternalID is the user's unique id in the caller's own system.
	ExternalID string `json:"external_id,omitempty"`

	Username string `json:"username,omitempty"`
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Password Secret `json:"password,omitempty"`

	FullName   string `json:"full_name,omitempty"`
	GivenName  string `json:"given_name,omitempty"`
	FamilyName string `json:"family_name,omitempty"`

	// Timezone is an IANA name such as "Europe/Warsaw", Language a BCP 47 tag such
	// as "pl" or "es-MX".
	Timezone string `json:"timezone,omitempty"`
	Language string `json:"language,omitempty"`

	Tags []string `json:"tags,omitempty"`
	// Attributes are custom values by name. Values must be encodable as JSON.
	Attributes map[string]any `json:"attributes,omitempty"`

	// Extensions carry what only one vendor knows, as a value or a pointer. An
	// extension for another vendor is ignored, under Strict too. Two for one
	// vendor, or one that sets what a neutral field sets, make the request invalid.
	Extensions []Extension `json:"-"`

	// Strict makes a field that the vendor cannot store an error instead of an
	// entry in User.Unmapped.
	Strict bool `json:"strict,omitempty"`
}

// An Extension is a vendor's part of a CreateUserRequest, such as
// quickblox.Extra.
type Extension interface {
	// UserExtension returns the name of the vendor that the extension is for. An
	// extension for "" is not part of the request. A program can carry its own data in
	// one, such as what a provision.Target's Map needs.
	UserExtension() (provider string)
}

// setFields returns the names of the fields that are set.
func (r *CreateUserRequest) setFields() []string {
	var names []string
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}

// Format writes the names of the fields that are set, for every verb. It never writes a
// value.
func (r CreateUserRequest) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "create user request{"+strings.Join(r.setFields(), " ")+"}")
}

// LogValue returns the names of the fields that are set.
func (r CreateUserRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("fields", r.setFields()))
}
