package quickblox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// The operations' names.
const (
	opToken  = "create token"
	opSignIn = "sign in user"
)

// A Token is the token of a user's session. A back end hands it to the user's app, which
// sends it as QB-Token, or gives it to QuickBlox's SDK.
type Token struct {
	// UserID is the user's id.
	UserID int64
	// Token is opaque, of any length.
	Token userapi.Secret
	// ExpiresAt is when the session ends if the app does not use it. Where the reply does not
	// say, it is zero from CreateToken, and QuickBlox's two hours from SignIn.
	ExpiresAt time.Time

	meta provider.Meta
}

// RequestID returns the reply's X-Request-Id, "" for none.
func (t *Token) RequestID() string { return t.meta.RequestID() }

func (t Token) summary() provider.Summary {
	return provider.Summarize("quickblox.Token", "user_id", t.UserID, "expires_at", t.ExpiresAt)
}

// Format shows the user's id and the end of the session.
func (t Token) Format(f fmt.State, verb rune) { t.summary().Format(f, verb) }

// LogValue is like Format.
func (t Token) LogValue() slog.Value { return t.summary().LogValue() }

// MarshalJSON is like Format.
func (t Token) MarshalJSON() ([]byte, error) { return t.summary().MarshalJSON() }

// CreateToken opens a session of the user with the given id, by POST
// /users/{id}/tokens, and returns its token. The user's password is not needed.
// QuickBlox needs an API key for this: with other credentials the error is of
// KindInvalid, and nothing is sent.
//
// Temporary failures are retried: an additional session is harmless. The Outcome of an
// error is about the session. An error that matches userapi.ErrNotFound means that the
// user does not exist. Source: QuickBlox, "Create Token with API key".
func (s *UsersService) CreateToken(ctx context.Context, id int64) (*Token, error) {
	check := provider.NativeCheck(Name)
	user := strconv.FormatInt(id, 10)
	check.NumberID("", byID.member, user)
	if !s.seesAll {
		check.Required("", "Config.APIKey", "must be set: QuickBlox takes an API key alone for this call")
	}
	call := &provider.Call{UserID: user, Call: transport.Call{
		Operation: opToken, Route: "/users/{id}/tokens",
		Method: http.MethodPost, Path: "/users/" + user + "/tokens",
		Repeatable: true,
	}}
	got, err := provider.Read(ctx, s.vendor, call.Checked(&check), &tokenReply{Token{UserID: id}}, nil)
	if err != nil {
		return nil, err
	}
	return &got.Token, nil
}

// A tokenReply is the reply to POST /users/{id}/tokens.
type tokenReply struct{ Token }

// Receive reads the token, for provider.Reply.
func (r *tokenReply) Receive(from *transport.Reply, m provider.Meta) error {
	var in struct {
		Token     string      `json:"token"`
		ExpiresAt Time        `json:"expires_at"`
		Errors    wire.Values `json:"errors"`
		Error     wire.Values `json:"error"`
	}
	err := wire.Decode(from.Body, &in, wire.Path{Names: []string{"token"}})
	if err := provider.Success(err, true, in.Errors, in.Error); err != nil {
		return err
	}
	if !isToken(in.Token) {
		return errNoToken
	}
	r.Token.Token, r.ExpiresAt, r.meta = userapi.Secret(in.Token), in.ExpiresAt.Time, m
	return nil
}

// Neutral returns nil: a token is not a user.
func (r *tokenReply) Neutral() *userapi.User { return nil }

// isToken reports whether a text can be a token, which is forty hex digits, or a JWT of any length.
func isToken(text string) bool { return text != "" && provider.IsWord(text) }

var errNoToken = errors.New("quickblox: the reply has no session token")

// A SignInRequest names a user by Login or Email, but not by both, with the password.
type SignInRequest struct {
	Login, Email string
	Password     userapi.Secret
}

// Format shows only the type.
func (r SignInRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r SignInRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }

// MarshalJSON is like Format.
func (r SignInRequest) MarshalJSON() ([]byte, error) { return provider.TypeOnly(r).MarshalJSON() }

func (r *SignInRequest) check(c *provider.Check) {
	switch {
	case r.Login != "" && r.Email != "":
		c.Invalid("", "login", "at most one of login and email may be set")
	case r.Email != "":
		c.Key("", "email", r.Email)
	default:
		c.Key("", "login", r.Login)
	}
	c.MustBeSet("", "password", r.Password != "")
	c.Secret("", "password", r.Password)
}

// SignIn opens a session of the user with the given login or e-mail address and
// password, by POST /session.json, and returns its token. It uses the application's
// credentials of Config.Session: without Config.Session the error is of KindInvalid,
// and nothing is sent. The client's own session does not change.
//
// Temporary failures are retried. After a wrong login, e-mail address or password the
// error matches userapi.ErrUnauthorized, as after wrong credentials of the application.
// The Outcome of an error is about the session. Source: QuickBlox, "Create session".
func (s *UsersService) SignIn(ctx context.Context, req SignInRequest) (*Token, error) {
	check := provider.NativeCheck(Name)
	req.check(&check)
	if s.sessions == nil {
		check.Required("", "Config.Session", "must be set: it has the application's credentials")
	}
	if _, err := check.Done(opSignIn); err != nil {
		return nil, err
	}
	cfg := *s.sessions.config()
	cfg.Login, cfg.Email, cfg.Password = req.Login, req.Email, req.Password
	got, err := s.sessions.obtain(ctx, opSignIn, &cfg)
	if err != nil {
		return nil, err
	}
	return &Token{UserID: got.userID, Token: userapi.Secret(got.session.token()), ExpiresAt: got.session.until, meta: got.meta}, nil
}
