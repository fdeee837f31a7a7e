package mixin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

const opSetup = "set up user"

var (
	errForeignTIP = errors.New("mixin: the user has a TIP key that is not the one in its key file, and Mixin cannot change it")
	errForeignPIN = errors.New("mixin: the user has a PIN that is no TIP key, and not of this package's making")
)

// tipWaits are those before a PIN is tried again that Mixin refuses right after it was
// set: it takes a moment to be known everywhere. Mixin locks a PIN after five refusals,
// and there is no telling this one from a wrong PIN's, so that there are four tries in
// all. Source: baizhiheizi/mixin_bot, which waits as long.
var tipWaits = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// A Wallet is a user that is ready for use, as Setup returns it. However it is printed,
// logged or encoded it shows where the file is, its state and the user's id.
type Wallet struct {
	// Keystore is the user's, with its SpendPrivateKey, which is its TIP key too. Make
	// a client from it that acts as the user.
	Keystore Keystore
	// Path is that of the file that holds it, and State what stands there:
	// KeyFileRegistered.
	Path  string
	State KeyFileState
	// Created: the user was created by this call. A user that an earlier one created
	// was not paid for again.
	Created bool
	// User is the user as the reply to the create described it or, in a later call, GET
	// /me; of one that was ready before the call only Provider, ID and Proof are set.
	User *userapi.User
}

func (w Wallet) summary() provider.Summary {
	return provider.Summary{Type: "mixin.Wallet", Attrs: []slog.Attr{
		slog.String("path", w.Path), slog.String("state", string(w.State)), slog.String("user_id", w.Keystore.UserID),
	}}
}

// Format shows the path, the state and the user's id.
func (w Wallet) Format(f fmt.State, verb rune) { w.summary().Format(f, verb) }

// LogValue is like Format.
func (w Wallet) LogValue() slog.Value { return w.summary().LogValue() }

// MarshalJSON is like Format.
func (w Wallet) MarshalJSON() ([]byte, error) { return w.summary().MarshalJSON() }

// Setup makes a user that can be used: it creates the user with a key of the directory,
// sets its TIP key, has Mixin verify that, and registers the user with Safe. app is the
// application's configuration, whose SessionKeys Setup takes the place of; req needs an
// IdempotencyKey and must not bring a session key of its own.
//
// Each step is noted in the user's key file, durably, before it is sent and after it
// was done. A call with the same IdempotencyKey goes on where the last one ended, even
// one that was killed: it first asks Mixin what the user has by then, sends nothing
// that was done, and never creates a second user nor makes a second TIP key. What it
// does not settle is a create whose outcome is not known: that is a Conflict, as
// SessionKeyDir.SessionKey describes it. Once the user is registered a call reads the
// file and sends nothing. The rest of req is looked at when the user is created, and
// then alone.
//
// An error is a *userapi.Error. Once the user exists its Outcome is
// userapi.OutcomeCreated, its Op the step that failed, its User the user, and a
// *KeyFileError in its chain leads to the file; call Setup again. Where that file is in
// the state KeyFileSent, what Error.User holds could not be stored: store it before.
// A TIP key or PIN that somebody else gave the user is a Conflict.
//
// Mixin takes a moment to know a new TIP key everywhere, and until then refuses it as it
// refuses a wrong PIN, which it counts: in one call Setup tries a refused PIN again
// after 1, 2 and 4 seconds, encrypted anew, and not more often. It does not count the
// refusals of earlier calls: leave a minute before the next one, for after five Mixin
// locks the PIN for a day.
//
// Calls for one IdempotencyKey wait for each other within one SessionKeyDir. Two
// processes at once make no second user and no second key; a step of one may fail, and
// the file may for once be set back to an earlier state, which the next call mends.
func Setup(ctx context.Context, app Config, dir *SessionKeyDir, req userapi.CreateUserRequest) (*Wallet, error) {
	if err := checkSetup(app, dir, &req); err != nil {
		return nil, err
	}
	name := keyName(req.IdempotencyKey)
	unlock, err := dir.runs.Lock(ctx, name)
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, opSetup, err)
	}
	defer unlock()
	app.SessionKeys = dir
	client, err := New(app)
	if err != nil {
		return nil, err
	}
	if app.HTTP.HTTPClient == nil {
		defer client.CloseIdleConnections()
	}
	s := &setup{app: app, dir: dir, name: name, waits: tipWaits[:]}
	if dir.waits != nil {
		s.waits = dir.waits
	}
	if err := s.create(ctx, client, req); err != nil {
		return nil, err
	}
	if failure := s.finish(ctx, client); failure != nil {
		return nil, s.failed(failure)
	}
	return &Wallet{
		Keystore: s.record.keystore(), Path: dir.file(name), State: s.record.State,
		Created: s.created, User: s.user,
	}, nil
}

// checkSetup finds what is wrong with Setup's arguments, but for what New finds.
func checkSetup(app Config, dir *SessionKeyDir, req *userapi.CreateUserRequest) error {
	check := provider.NewCheck(Name, req)
	if dir == nil {
		check.Required("", "dir", "must be made by KeyDir")
	}
	if app.SessionKeys != nil && app.SessionKeys != SessionKeys(dir) {
		check.Invalid("", "Config.SessionKeys", "must not be set: the keys are those of the directory")
	}
	if req.IdempotencyKey == "" {
		check.Required("IdempotencyKey", "", "must be set: the file of the session key is called after it")
	}
	if x, _ := provider.Extension[Extra](&check, req.Extensions); x.SessionKey != nil {
		check.Invalid("Extensions", "session_secret", "Extra.SessionKey must not be set: the key is one of the directory's")
	}
	_, err := check.Done(opSetup)
	return err
}

// setup is one call of Setup. Its record holds the user's keys.
type setup struct {
	app     Config
	dir     *SessionKeyDir
	name    string
	record  *keyRecord
	user    *userapi.User
	created bool
	waits   []time.Duration
}

// create makes sure that the user exists and its file is complete.
func (s *setup) create(ctx context.Context, client *Client, req userapi.CreateUserRequest) error {
	durable.RemoveTemps(s.dir.file(s.name))
	r, err := s.dir.read(s.name)
	switch {
	case err != nil && !isMissing(err):
		return s.dir.refusal(s.name, err)
	case r != nil && r.State.atLeast(KeyFileComplete):
		s.record = r
		s.user = &userapi.User{Provider: Name, ID: r.UserID, Proof: userapi.ProofReply} // the reply's, kept
		return nil
	}
	// What is neither new nor prepared is refused there.
	user, err := client.CreateUser(ctx, req)
	if err != nil {
		return err
	}
	s.user, s.created = user, true
	if s.record, err = s.dir.read(s.name); err != nil {
		s.record = &keyRecord{}
		return s.failed(&userapi.Error{Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: userapi.KindUnavailable, Err: err})
	}
	return nil
}

// failed makes an error of a step that of a user which exists.
func (s *setup) failed(step *userapi.Error) *userapi.Error {
	e := *step
	e.Outcome, e.User, e.UserID = userapi.OutcomeCreated, s.user, s.user.ID
	var file *KeyFileError
	if !errors.As(step, &file) {
		e.Err = errors.Join(step.Err, &KeyFileError{Path: s.dir.file(s.name), State: s.record.State})
	}
	nameKeyFile(&e, e.Err)
	return &e
}

// store writes what was changed in the record.
func (s *setup) store() *userapi.Error {
	err := s.dir.store(s.name, s.record)
	if err == nil {
		return nil
	}
	return &userapi.Error{Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: userapi.KindUnavailable, Err: err}
}

// store writes the record of a file that is complete.
func (d *SessionKeyDir) store(name string, r *keyRecord) error {
	unlock, _ := d.files.Lock(context.Background(), name) // a context that does not end
	defer unlock()
	fail := func(err error) error { return &KeyFileError{Path: d.file(name), State: r.State, Err: err} }
	// A file that was moved away, and perhaps one that took its place, is not ours to
	// write.
	there, err := d.read(name)
	switch {
	case err != nil:
		return fail(err)
	case there.UserID != r.UserID:
		return fail(durable.ErrGone)
	}
	// Another process may have come further meanwhile.
	if there.State.atLeast(r.State) && there.State != r.State {
		*r = *there
		return nil
	}
	if err := d.write(name, r, "setup "+string(r.State)+" "+string(r.Intent), durable.Replace); err != nil {
		return fail(err)
	}
	return nil
}

// finish takes the user from the state that its file has to the last one.
func (s *setup) finish(ctx context.Context, client *Client) *userapi.Error {
	if s.record.State.atLeast(KeyFileRegistered) {
		return nil
	}
	user, err := s.client()
	if err != nil {
		return asUserError(err)
	}
	if s.app.HTTP.HTTPClient == nil {
		defer user.CloseIdleConnections()
	}
	// A call with a PIN is not repeated for a clock that is off: it must be right from
	// the start.
	user.core.auth.offset.Store(client.core.auth.offset.Load())
	if !s.created || s.record.PinToken == "" && s.record.ServerPublicKey == "" {
		if failure := s.ask(ctx, &user); failure != nil {
			return failure
		}
	}
	key := s.record.spendKey()
	pin := TIPPIN(key)
	for _, step := range [...]struct {
		state KeyFileState
		do    func(context.Context) (*GetUserResponse, error)
	}{
		{KeyFileTIPSet, func(ctx context.Context) (*GetUserResponse, error) { return user.PIN.Update(ctx, PIN{}, pin) }},
		{KeyFileVerified, func(ctx context.Context) (*GetUserResponse, error) { return user.PIN.Verify(ctx, pin) }},
		{KeyFileRegistered, func(ctx context.Context) (*GetUserResponse, error) { return user.Safe.Register(ctx, key, pin) }},
	} {
		if s.record.State.atLeast(step.state) {
			continue
		}
		s.record.Intent = step.state
		if failure := s.store(); failure != nil {
			return failure
		}
		if s.record.State.atLeast(step.state) {
			continue // another process was at work
		}
		resp, failure := s.try(ctx, step.state, step.do)
		if failure != nil {
			return failure
		}
		if failure := s.compare(resp); failure != nil {
			return failure
		}
		s.record.State, s.record.Intent = step.state, ""
		if failure := s.store(); failure != nil {
			return failure
		}
	}
	return nil
}

// client returns a client that acts as the user.
func (s *setup) client() (*Client, error) {
	return New(Config{Keystore: s.record.keystore(), TokenLifetime: s.app.TokenLifetime, HTTP: s.app.HTTP})
}

// try does a step, and does it again while Mixin may not know the TIP key yet.
func (s *setup) try(ctx context.Context, state KeyFileState, do func(context.Context) (*GetUserResponse, error)) (*GetUserResponse, *userapi.Error) {
	for {
		resp, err := do(ctx)
		if err == nil {
			return resp, nil
		}
		failure := asUserError(err)
		fault, _ := IsPINError(err)
		if fault != PINRefused || state == KeyFileTIPSet || len(s.waits) == 0 {
			return nil, failure
		}
		timer := time.NewTimer(s.waits[0])
		s.waits = s.waits[1:]
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			failure.Err = errors.Join(context.Cause(ctx), failure.Err)
			return nil, failure
		}
	}
}

// asUserError returns the *userapi.Error that an error of this package's is.
func asUserError(err error) *userapi.Error {
	var e *userapi.Error
	if errors.As(err, &e) {
		return e
	}
	return &userapi.Error{Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: userapi.KindUnavailable, Err: err}
}

// ask reads from Mixin how far the user has come, which a call that was ended could not
// write down, and what the reply to the create left out.
func (s *setup) ask(ctx context.Context, user **Client) *userapi.Error {
	me, failure := s.me(ctx, *user)
	if failure != nil {
		return failure
	}
	s.user = (*reply)(me).Neutral()
	before := *s.record
	if s.record.PinToken == "" && s.record.ServerPublicKey == "" {
		s.record.take(me)
	}
	if failure := s.compare(me); failure != nil {
		return failure
	}
	hasPIN, hasSafe := isTrue(me.HasPin), isTrue(me.HasSafe)
	if s.record.State == KeyFileComplete {
		// Where /me leaves the key out, a PIN after we were about to set one is ours or
		// is not: the next step, which proves the key, tells.
		mayBeOurs := me.TipKeyBase64 == nil && s.record.Intent == KeyFileTIPSet
		switch {
		case hasKey(me.TipKeyBase64), hasPIN && mayBeOurs:
			s.record.State, s.record.Intent = KeyFileTIPSet, ""
		case hasPIN, hasSafe:
			return &userapi.Error{Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: userapi.KindConflict, Err: errForeignPIN}
		}
	}
	if hasSafe && (hasKey(me.TipKeyBase64) || before.State.atLeast(KeyFileTIPSet)) {
		s.record.State, s.record.Intent = KeyFileRegistered, ""
	}
	if *s.record == before {
		return nil
	}
	if failure := s.store(); failure != nil {
		return failure
	}
	if s.record.PinToken == before.PinToken && s.record.ServerPublicKey == before.ServerPublicKey {
		return nil
	}
	// The client was made without the server's key.
	offset := (*user).core.auth.offset.Load()
	renewed, err := s.client()
	if err != nil {
		return asUserError(err)
	}
	*user = renewed
	(*user).core.auth.offset.Store(offset)
	return nil
}

// me reads the user, by /me and, for what that may leave out, /safe/me.
func (s *setup) me(ctx context.Context, user *Client) (*GetUserResponse, *userapi.Error) {
	me, err := user.Users.Me(ctx)
	if err != nil {
		return nil, asUserError(err)
	}
	if me.HasSafe != nil && me.TipKeyBase64 != nil {
		return me, nil
	}
	safe, err := user.Safe.Me(ctx)
	switch {
	case errors.Is(err, userapi.ErrNotFound), errors.Is(err, userapi.ErrForbidden):
		return me, nil // it is not to be had
	case err != nil:
		return nil, asUserError(err)
	}
	if me.HasSafe == nil {
		me.HasSafe = safe.HasSafe
	}
	if me.TipKeyBase64 == nil {
		me.TipKeyBase64, me.SpendPublicKey = safe.TipKeyBase64, safe.SpendPublicKey
	}
	return me, nil
}

// compare refuses a user whose TIP or spend key, where a reply shows it, is not ours.
func (s *setup) compare(resp *GetUserResponse) *userapi.Error {
	own := s.record.spendKey()[ed25519.SeedSize:]
	for _, text := range [...]*string{resp.TipKeyBase64, resp.SpendPublicKey} {
		if !hasKey(text) {
			continue
		}
		// Mixin does not say whether the key's counter follows it.
		raw, ok := decodeText(*text)
		if ok && bytes.HasPrefix(raw, own) {
			continue
		}
		return &userapi.Error{
			Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: userapi.KindConflict,
			FieldErrors: []userapi.FieldError{{VendorField: "tip_key_base64", Code: "taken"}}, Err: errForeignTIP,
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func hasKey(text *string) bool { return text != nil && *text != "" }
