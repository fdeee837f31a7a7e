package mixin

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ userapi.Creator       = (*Client)(nil)
	_ userapi.Preflighter   = (*Client)(nil)
	_ userapi.Planner       = (*Client)(nil)
	_ userapi.UserIDChecker = (*Client)(nil)
	_ userapi.Extension     = Extra{}
)

// Extra is what only Mixin needs for a new user, for
// userapi.CreateUserRequest.Extensions. Printed, logged or encoded it shows the kind of
// key alone.
type Extra struct {
	// SessionKey is the new user's session key: an Ed25519 key or, in the 2018 form, an RSA
	// key of at least 1024 bits. Only its public half is sent. Store it durably before the
	// user is created. nil leaves it to Config.SessionKeys.
	SessionKey crypto.Signer
}

// UserExtension returns Name.
func (Extra) UserExtension() string { return Name }

func (e Extra) summary() provider.Summary {
	return provider.Summarize("mixin.Extra", "session_key", keyKind(e.SessionKey))
}

// Format shows the kind of key, and nothing else.
func (e Extra) Format(f fmt.State, verb rune) { e.summary().Format(f, verb) }

// LogValue is like Format.
func (e Extra) LogValue() slog.Value { return e.summary().LogValue() }

// MarshalJSON is like Format.
func (e Extra) MarshalJSON() ([]byte, error) { return e.summary().MarshalJSON() }

// CreateUser creates a user as userapi.Creator describes, with the mapping in the
// package's documentation.
func (c *Client) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil {
		return nil, err
	}
	if err := c.core.checkCredit(ctx); err != nil { // before a key is made
		return nil, err
	}
	fromStore := native.SessionSecret == ""
	if fromStore {
		if native.SessionSecret, err = c.core.newSecret(ctx, req); err != nil {
			return nil, err
		}
	}
	resp, err := c.Users.create(ctx, native)
	if err != nil {
		err = provider.Portable(err, &req, unmapped)
		if failure, ok := err.(*userapi.Error); ok && fromStore {
			c.core.tellFailed(ctx, req, failure)
		}
		return nil, err
	}
	user := resp.Neutral()
	user.Unmapped = unmapped
	if fromStore {
		err = c.core.tellCreated(ctx, req, (*CreateUserResponse)(resp), user)
	}
	if err != nil {
		return nil, err
	}
	return user, nil
}

// PlanUser returns what CreateUser would send, as userapi.Planner describes.
// session_secret is always userapi.Redacted: no key is asked for. Reading the bill is
// not part of the plan.
func (c *Client) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	native, unmapped, err := c.mapRequest(&req)
	if err != nil {
		return userapi.Plan{}, err
	}
	native.SessionSecret = userapi.Redacted
	body, _ := provider.Encode(native) // texts that were checked
	call := createCall(body)
	return provider.Plan(c.core.Vendor, call, call.Path, unmapped), nil
}

// PreflightUser checks a request. It sends nothing, and does not ask for a key.
func (c *Client) PreflightUser(req userapi.CreateUserRequest) error {
	_, _, err := c.mapRequest(&req)
	return err
}

// mapRequest turns a neutral request into the vendor's. Its SessionSecret is "" if the key is
// still to be asked for.
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
	x, _ := provider.Extension[Extra](&check, req.Extensions)
	switch {
	case x.SessionKey != nil:
		secret, err := SessionSecret(x.SessionKey)
		if err != nil {
			check.Invalid("Extensions", "session_secret", "Extra.SessionKey: "+fault(err))
		}
		r.SessionSecret = secret
	case c.core.keys == nil:
		check.Required("Extensions", "session_secret", "a session key must be set, by Extra.SessionKey or by Config.SessionKeys")
	default:
		var failure *userapi.Error
		if errors.As(c.core.keys().PreflightSessionKey(*req), &failure) {
			check.Add(failure.FieldErrors...)
		}
	}
	unmapped, err := check.Done(provider.OpCreate)
	return r, unmapped, err
}

// tellCreated hands a new user to Config.SessionKeys, even when the caller has gone.
func (c *core) tellCreated(ctx context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse, user *userapi.User) error {
	err := c.keys().UserCreated(context.WithoutCancel(ctx), req, resp)
	if err == nil {
		return nil
	}
	failure := &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: asUserError(err).Kind, Outcome: userapi.OutcomeCreated,
		StatusCode: resp.StatusCode(), RequestID: user.RequestID, User: user, UserID: user.ID, Err: err,
	}
	if errors.Is(err, userapi.ErrProtocol) {
		failure.Kind = userapi.KindProtocol
	}
	nameKeyFile(failure, err)
	return failure
}

// tellFailed hands a create that failed to Config.SessionKeys, and adds its answer to the
// failure.
func (c *core) tellFailed(ctx context.Context, req userapi.CreateUserRequest, failure *userapi.Error) {
	if err := c.keys().UserFailed(context.WithoutCancel(ctx), req, failure); err != nil {
		nameKeyFile(failure, err)
		failure.Err = errors.Join(failure.Err, err)
	}
}

// nameKeyFile adds the path of a key file to an error's message.
func nameKeyFile(failure *userapi.Error, err error) {
	var file *KeyFileError
	if !errors.As(err, &file) {
		return
	}
	if failure.Message != "" {
		failure.Message += "; "
	}
	failure.Message += "the session key is stored in " + file.Path
}

// newSecret asks for the new user's session key.
func (c *core) newSecret(ctx context.Context, req userapi.CreateUserRequest) (string, error) {
	// A key is stored somewhere: none is made for a call that is over.
	if err := context.Cause(ctx); err != nil {
		return "", provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	key, err := c.keys().SessionKey(ctx, req)
	if err != nil {
		return "", provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	secret, err := SessionSecret(key)
	if err != nil {
		var check provider.Check
		check.Invalid("", "session_secret", "Config.SessionKeys: "+fault(err))
		failure := provider.Invalid(Name, provider.OpCreate, check.Faults())
		c.tellFailed(ctx, req, failure)
		return "", failure
	}
	return secret, nil
}
