package mixin

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator     = (*Client)(nil)
	_ userapi.Preflighter = (*Client)(nil)
	_ userapi.Extension   = Extra{}
)

// Extra is what only Mixin needs for a new user, for
// userapi.CreateUserRequest.Extensions. It shows the kind of key alone, however it
// is printed, logged or encoded.
type Extra struct {
	// SessionKey is the new user's session key: an Ed25519 key or, in the 2018 form,
	// an RSA key of at least 1024 bits. Only its public half is sent. It must be
	// stored durably before the user is created. nil leaves it to Config.SessionKeys.
	SessionKey crypto.Signer
}

// UserExtension returns Name.
func (Extra) UserExtension() string { return Name }

func (e Extra) shown() provider.Shown {
	return provider.Shown{Type: "mixin.Extra", Attrs: []slog.Attr{slog.String("session_key", keyKind(e.SessionKey))}}
}

// Format shows the kind of key, and nothing else.
func (e Extra) Format(f fmt.State, verb rune) { e.shown().Format(f, verb) }

// LogValue is like Format.
func (e Extra) LogValue() slog.Value { return e.shown().LogValue() }

// MarshalJSON is like Format.
func (e Extra) MarshalJSON() ([]byte, error) { return e.shown().MarshalJSON() }

// CreateUser creates a user as userapi.Creator describes it, with the mapping that
// the package's documentation lists.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	if native.SessionSecret == "" {
		if native.SessionSecret, err = c.core.newSecret(ctx, req); err != nil {
			return nil, err
		}
	}
	resp, failure := c.Users.create(ctx, native)
	if failure != nil {
		provider.MaskRequest(failure, &req)
		if failure.User != nil {
			failure.User.Unmapped = unmapped
		}
		return nil, failure
	}
	user := resp.neutral()
	user.Unmapped = unmapped
	return user, nil
}

// PreflightUser checks a request without sending anything. It does not ask
// Config.SessionKeys, so that no key is made for a user that is not wanted yet.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, _, err := c.mapRequest(&req)
	return err
}

// mapRequest turns a neutral request into the vendor's. Its SessionSecret is "" if
// the key is still to be asked for.
func (c *Client) mapRequest(req *userapi.CreateUserRequest) (*CreateUserRequest, []string, error) {
	check := provider.NewCheck(Name, req)
	r := &CreateUserRequest{FullName: provider.FullName(req)}
	check.Unmapped("ExternalID", req.ExternalID != "")
	check.Unmapped("Username", req.Username != "")
	check.Unmapped("Email", req.Email != "")
	check.Unmapped("Phone", req.Phone != "")
	check.Unmapped("Password", req.Password != "")
	check.Unmapped("Timezone", req.Timezone != "")
	check.Unmapped("Language", req.Language != "")
	check.Unmapped("Tags", len(req.Tags) > 0)
	check.Unmapped("Attributes", len(req.Attributes) > 0)
	x := provider.Extension[Extra](&check, req.Extensions)
	switch {
	case x != nil && x.SessionKey != nil:
		secret, err := SessionSecret(x.SessionKey)
		if err != nil {
			check.Invalid("Extensions", "session_secret", "Extra.SessionKey: "+fault(err))
		}
		r.SessionSecret = secret
	case c.core.sessionKey == nil:
		check.Required("Extensions", "session_secret", "a session key must be set, by Extra.SessionKey or by Config.SessionKeys")
	}
	unmapped, err := check.Done(provider.OpCreate)
	return r, unmapped, err
}

// newSecret asks for the new user's session key.
func (c *core) newSecret(ctx context.Context, req userapi.CreateUserRequest) (string, error) {
	// A key is stored somewhere: none is made for a call that is over.
	if err := context.Cause(ctx); err != nil {
		return "", provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	key, err := c.sessionKey(ctx, req)
	if err != nil {
		return "", provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	secret, err := SessionSecret(key)
	if err != nil {
		var check provider.Check
		check.Invalid("", "session_secret", "Config.SessionKeys: "+fault(err))
		return "", provider.Invalid(Name, provider.OpCreate, check.Faults())
	}
	return secret, nil
}

// neutral returns the user in the form that is common to all vendors.
func (r *CreateUserResponse) neutral() *userapi.User {
	u := &userapi.User{
		Provider:  Name,
		ID:        r.UserID,
		Phone:     provider.Value(r.Phone),
		FullName:  provider.Value(r.FullName),
		CreatedAt: r.CreatedAt.Time,
		Warnings:  r.Warnings(),
		Proof:     userapi.ProofReply,
		RequestID: r.RequestID(),
		Raw:       r.Raw(),
	}
	u.SetNative(r)
	return u
}
