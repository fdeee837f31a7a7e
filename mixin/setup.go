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
	errForeignPIN = errors.New("mixin: the user has a PIN that is not a TIP key and was not set by this package")
)

// tipWaits are the waits before a refused PIN is tried again. Mixin takes a moment to know a new
// PIN everywhere, and until then refuses it as a wrong one. It allows five of those: there are
// four tries in all. Source: baizhiheizi/mixin_bot, which waits as long.
var tipWaits = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// A Wallet is a user that is ready for use, as Setup returns it. Printed, logged or
// encoded it shows the path, the state and the user's id.
type Wallet struct {
	// Keystore is the user's, for a client that acts as the user. Its SpendPrivateKey is
	// the TIP key too.
	Keystore Keystore
	// Path is that of the key file, State what it says: KeyFileRegistered.
	Path  string
	State KeyFileState
	// Created: the user was created, and paid for, by this call.
	Created bool
	// User is the user as the reply to the create describes it or, in a later call, GET
	// /me. Of a user that was ready before the call only Provider, ID and Proof are set.
	User *userapi.User
}

func (w Wallet) summary() provider.Summary {
	return provider.Summarize("mixin.Wallet", "path", w.Path, "state", w.State, "user_id", w.Keystore.UserID)
}

// Format shows the path, the state and the user's id.
func (w Wallet) Format(f fmt.State, verb rune) { w.summary().Format(f, verb) }

// LogValue is like Format.
func (w Wallet) LogValue() slog.Value { return w.summary().LogValue() }

// MarshalJSON is like Format.
func (w Wallet) MarshalJSON() ([]byte, error) { return w.summary().MarshalJSON() }

// Setup makes a user that is ready for use. It creates the user with a key of the
// directory, sets its TIP key, lets Mixin verify the key, and registers the user with
// Safe. app is the application's configuration; its SessionKeys must be dir or unset.
// req needs an IdempotencyKey and must not bring a session key of its own.
//
// Each step is recorded durably in the user's key file, before it is sent and after it
// is done. A call with the same IdempotencyKey continues where the last one ended, even
// if that was killed. It asks Mixin what the user has, and repeats nothing that was
// done. It never creates a second user or a second TIP key. The rest of req counts only
// when the user is created. For a user that is registered the call reads the file and
// sends nothing. A create with an unknown outcome stays a Conflict, as
// SessionKeyDir.SessionKey describes.
//
// An error is a *userapi.Error. Once the user exists, Outcome is
// userapi.OutcomeCreated, Op is the step that failed, User is the user, and a
// *KeyFileError in the chain has the file: call Setup again. If that file is in the
// state KeyFileSent, the user could not be stored: store Error.User first. A TIP key or
// PIN that somebody else gave the user is a Conflict.
//
// Mixin takes a moment to know a new TIP key everywhere. Until then it refuses the key
// like a wrong PIN and counts that. After five it locks the PIN for a day. One call
// tries a refused PIN again after 1, 2 and 4 seconds, encrypted again each time. It
// does not count the refusals of earlier calls: wait a minute before the next call.
//
// Calls for one IdempotencyKey wait for each other within one SessionKeyDir. Two
// processes at once do not create a second user or a second key. A step of one of them
// may fail, and the file may go back to an earlier state; the next call repairs this.
func Setup(ctx context.Context, app Config, dir *SessionKeyDir, req userapi.CreateUserRequest) (*Wallet, error) {
	if err := checkSetup(app, dir, &req); err != nil {
		return nil, err
	}
	name := dir.nameOf(req.IdempotencyKey)
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
	s := &setup{app: app, dir: dir, name: name, waits: dir.waits}
	defer s.close(client)
	if err := s.create(ctx, client, req); err != nil {
		return nil, err
	}
	if err := s.finish(ctx, client); err != nil {
		return nil, s.userExists(err)
	}
	return &Wallet{
		Keystore: s.record.keystore(), Path: dir.file(name), State: s.record.State,
		Created: s.created, User: s.user,
	}, nil
}

// checkSetup finds what is wrong with Setup's arguments; New checks the rest of app.
func checkSetup(app Config, dir *SessionKeyDir, req *userapi.CreateUserRequest) error {
	check := provider.NewCheck(Name, req)
	if dir == nil {
		check.Required("", "dir", "must be made by KeyDir")
	}
	if app.SessionKeys != nil && app.SessionKeys != SessionKeys(dir) {
		check.Invalid("", "Config.SessionKeys", "must not be set: the keys are those of the directory")
	}
	checkFileKey(&check, req)
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

// close closes the connections of a client, unless they are the caller's.
func (s *setup) close(c *Client) {
	if s.app.HTTP.HTTPClient == nil {
		c.CloseIdleConnections()
	}
}

// create makes sure that the user exists and its file is complete.
func (s *setup) create(ctx context.Context, client *Client, req userapi.CreateUserRequest) error {
	durable.RemoveTemps(s.dir.file(s.name))
	r, err := s.dir.read(s.name)
	switch {
	case err != nil && !isMissing(err):
		return s.dir.refusal(s.name, r, err)
	case r != nil && r.State.atLeast(KeyFileComplete):
		s.record = r
		s.user = &userapi.User{Provider: Name, ID: r.UserID, Proof: userapi.ProofReply} // the reply's, kept
		return nil
	}
	// CreateUser refuses what is neither new nor prepared.
	if s.user, err = client.CreateUser(ctx, req); err != nil {
		return err
	}
	s.created = true
	if s.record, err = s.dir.read(s.name); err != nil {
		s.record = &keyRecord{}
		return s.userExists(err)
	}
	return nil
}

// userExists makes the error of a step say that the user exists.
func (s *setup) userExists(step error) *userapi.Error {
	e := *asUserError(step)
	e.Outcome, e.User, e.UserID = userapi.OutcomeCreated, s.user, s.user.ID
	var file *KeyFileError
	if !errors.As(step, &file) {
		e.Err = errors.Join(e.Err, &KeyFileError{Path: s.dir.file(s.name), State: s.record.State})
	}
	nameKeyFile(&e, e.Err)
	return &e
}

// stepError is the error of a step that failed without a call to Mixin.
func stepError(kind userapi.Kind, err error) *userapi.Error {
	return &userapi.Error{Provider: Name, Op: opSetup, Subject: userapi.SubjectStep, Kind: kind, Err: err}
}

// asUserError returns the *userapi.Error in an error's chain, or one of this package's own.
func asUserError(err error) *userapi.Error {
	var e *userapi.Error
	if errors.As(err, &e) {
		return e
	}
	return stepError(userapi.KindUnavailable, err)
}

// store writes what was changed in the record.
func (s *setup) store() error { return s.dir.store(s.name, s.record) }

// finish takes the user from the state that its file has to the last one.
func (s *setup) finish(ctx context.Context, client *Client) error {
	if s.record.State.atLeast(KeyFileRegistered) {
		return nil
	}
	user, err := New(Config{Keystore: s.record.keystore(), TokenLifetime: s.app.TokenLifetime, HTTP: s.app.HTTP})
	if err != nil {
		return err
	}
	defer s.close(user)
	// A call with a PIN is not repeated for a clock that is off: the create has shown the time.
	user.core.auth.offset.Store(client.core.auth.offset.Load())
	if !s.created || s.lacksServerKey() {
		if err := s.ask(ctx, user); err != nil {
			return err
		}
	}
	key := s.record.spendKey()
	pin := TIPPIN(key)
	for _, step := range [...]struct {
		state KeyFileState
		do    func() (*GetUserResponse, error)
	}{
		{KeyFileTIPSet, func() (*GetUserResponse, error) { return user.PIN.Update(ctx, PIN{}, pin) }},
		{KeyFileVerified, func() (*GetUserResponse, error) { return user.PIN.Verify(ctx, pin) }},
		{KeyFileRegistered, func() (*GetUserResponse, error) { return user.Safe.Register(ctx, key, pin) }},
	} {
		if err := s.step(ctx, step.state, step.do); err != nil {
			return err
		}
	}
	return nil
}

// lacksServerKey: the reply to the create had no key to encrypt a PIN with.
func (s *setup) lacksServerKey() bool {
	return s.record.PinToken == "" && s.record.ServerPublicKey == ""
}

// step takes the user to a state, unless it is there.
func (s *setup) step(ctx context.Context, state KeyFileState, do func() (*GetUserResponse, error)) error {
	if s.record.State.atLeast(state) {
		return nil
	}
	s.record.Intent = state
	if err := s.store(); err != nil || s.record.State.atLeast(state) { // another process was working
		return err
	}
	resp, err := s.try(ctx, state, do)
	if err == nil {
		err = s.compare(resp)
	}
	if err != nil {
		return err
	}
	s.record.State, s.record.Intent = state, ""
	return s.store()
}

// try does a step, and does it again while Mixin may not know the TIP key yet.
func (s *setup) try(ctx context.Context, state KeyFileState, do func() (*GetUserResponse, error)) (*GetUserResponse, error) {
	for {
		resp, err := do()
		if fault, _ := IsPINError(err); fault != PINRefused || state == KeyFileTIPSet || len(s.waits) == 0 {
			return resp, err
		}
		timer := time.NewTimer(s.waits[0])
		s.waits = s.waits[1:]
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			failure := asUserError(err)
			failure.Err = errors.Join(context.Cause(ctx), failure.Err)
			return nil, failure
		}
	}
}

// ask reads from Mixin how far the user has come, which an earlier call may have had no time to
// write down, and what the reply to the create left out.
func (s *setup) ask(ctx context.Context, user *Client) error {
	me, err := user.Users.profile(ctx)
	if err != nil {
		return err
	}
	s.user = (*reply)(me).Neutral()
	before := *s.record
	if s.lacksServerKey() {
		s.record.take(me)
	}
	if err := s.compare(me); err != nil {
		return err
	}
	if err := s.advance(me); err != nil || *s.record == before {
		return err
	}
	err = s.store()
	user.core.preparePIN(s.record.keystore(), 0) // the server's key may be new
	return err
}

// advance notes how far Mixin says the user has come.
func (s *setup) advance(me *GetUserResponse) error {
	hasTIP, hasPIN, hasSafe := provider.Given(me.TipKeyBase64), isTrue(me.HasPin), isTrue(me.HasSafe)
	registered := hasSafe && (hasTIP || s.record.State.atLeast(KeyFileTIPSet))
	if s.record.State == KeyFileComplete {
		// Where /me leaves the key out, a PIN is ours if we were about to set one: the next
		// step proves the key.
		mayBeOurs := me.TipKeyBase64 == nil && s.record.Intent == KeyFileTIPSet
		switch {
		case hasTIP, hasPIN && mayBeOurs:
			s.record.State, s.record.Intent = KeyFileTIPSet, ""
		case hasPIN, hasSafe:
			return stepError(userapi.KindConflict, errForeignPIN)
		}
	}
	if registered {
		s.record.State, s.record.Intent = KeyFileRegistered, ""
	}
	return nil
}

// compare refuses a reply that shows another TIP or spend key than ours.
func (s *setup) compare(resp *GetUserResponse) error {
	own := s.record.spendKey()[ed25519.SeedSize:]
	for _, text := range [...]string{provider.Value(resp.TipKeyBase64), provider.Value(resp.SpendPublicKey)} {
		// Mixin does not say whether the key's counter follows it.
		if raw, ok := decodeText(text); text != "" && !(ok && bytes.HasPrefix(raw, own)) {
			e := stepError(userapi.KindConflict, errForeignTIP)
			e.FieldErrors = []userapi.FieldError{{VendorField: "tip_key_base64", Code: "taken"}}
			return e
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }
