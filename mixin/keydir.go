package mixin

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

var _ SessionKeyStore = (*SessionKeyDir)(nil)

const (
	// keyNameBytes is how much of a SHA-256 names a file: enough that no two keys of
	// anybody's ever share one.
	keyNameBytes = 16
	keyFileExt   = ".json"
	// markExt is of the file beside a key file which says that a create is sent. One
	// caller alone can create it. It has the space that the record of the reply needs,
	// and the record is written into it.
	markExt = ".sent"
	// markSize is that space. The members of a reply of Mixin's take a tenth.
	markSize = 8 << 10
)

var (
	errSent        = errors.New("a create with this key was sent, or was about to be: its user may exist and be paid for")
	errCreated     = errors.New("the user exists")
	errNoIDs       = errors.New("expected the user_id and session_id as Mixin writes them: UUIDs of 36 characters, in lower case")
	errUnderWay    = errors.New("a create with this key is under way")
	errForeign     = errors.New("the file holds the key of another user")
	errNoSession   = fmt.Errorf("the reply to the create holds no session_id, without which the user is out of reach: %w", userapi.ErrProtocol)
	errNothingSent = errors.New("no create was sent with the key")
)

// A SessionKeyDir makes the session keys of new users and keeps each in a file of its
// own. It is a SessionKeyStore, and safe for concurrent use; several processes may use
// one directory at once. Make it with KeyDir.
//
// A key is stored durably before the create that needs it is sent, and so is the fact
// that it is sent. Whatever ends the process, either nothing was sent or the key is on
// disk, and no later call sends a second create for the same request: it fails with
// userapi.KindConflict and userapi.OutcomeNotSent, and names the file.
//
// While a create is open, and after an outcome that is unknown, a second file stands
// beside the key file, with the ending .sent. It belongs to the key: keep or move the two
// together. It is written at its full size before the create is sent, so that what the
// reply holds can be stored on a disk that has filled up meanwhile. A file system that
// never writes in place, as Btrfs and ZFS, may need space all the same.
//
// The file is called after the request's IdempotencyKey, by a hash, so that no personal
// data stands in its name. Give a directory to one application alone, and each user a
// key of its own; the rest of the request is not looked at. Keep the IdempotencyKey
// elsewhere too, as that of a sign-up is: the file does not hold it, and where
// provision.Ensure makes one up, a restart would make another. The directory must belong
// to the user that runs the process, and to nobody else: mode 0700; files have mode 0600.
// Their system must know hard links.
//
// From the state KeyFileComplete on the file is the user's keystore, which
// ParseKeystore reads, and Mixin's own clients in either of their forms. Beside the
// session key it holds the key that Setup makes the user's TIP and spend key; until
// then under a name of its own, next_spend_private_key, that no client looks at.
type SessionKeyDir struct {
	path  string
	files durable.Locks // by the name of a file, while it is looked at and changed
	runs  durable.Locks // likewise, while Setup is at work on its user

	open sync.Map // openCreate, by the name of the file: this process's creates whose end is awaited

	// waits are those before a step of Setup is tried again; nil for the usual ones.
	waits []time.Duration
	// step is called at each step; tests stop there. nil for none.
	step func(name string)
}

// KeyDir returns the directory of key files at a path. It looks at nothing yet: the
// directory is made, mode 0700, when the first key is.
func KeyDir(path string) *SessionKeyDir {
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		path = abs
	}
	return &SessionKeyDir{path: path}
}

// An openCreate is a create under way: with which key, and the mark that says so, which
// is locked as long.
type openCreate struct {
	secret string
	mark   *durable.Mark
}

func (d *SessionKeyDir) at(step string) {
	if d.step != nil {
		d.step(step)
	}
}

// steps returns what to call with the steps of something.
func (d *SessionKeyDir) steps(of string) func(step string) {
	return func(step string) { d.at(of + ": " + step) }
}

// keyName is what the files of an IdempotencyKey are called by.
func keyName(idempotencyKey string) string {
	sum := sha256.Sum256([]byte("enlist mixin key file\x00" + idempotencyKey))
	return hex.EncodeToString(sum[:keyNameBytes])
}

func (d *SessionKeyDir) file(name string) string { return filepath.Join(d.path, name+keyFileExt) }
func (d *SessionKeyDir) mark(name string) string { return filepath.Join(d.path, name+markExt) }

// Path returns where the file of an IdempotencyKey is, or would be.
func (d *SessionKeyDir) Path(idempotencyKey string) string { return d.file(keyName(idempotencyKey)) }

// Load reads the file of an IdempotencyKey. The error is a *KeyFileError; for a file
// that does not exist it matches fs.ErrNotExist.
func (d *SessionKeyDir) Load(idempotencyKey string) (KeyFile, error) {
	name := keyName(idempotencyKey)
	r, err := d.read(name)
	if err != nil {
		return KeyFile{}, d.fileError(name, "", err)
	}
	return KeyFile{
		Path: d.file(name), State: r.State, Intent: r.Intent, UserID: r.UserID, Keystore: r.keystore(),
		SessionSecret: r.SessionSecret, RequestID: r.RequestID, ChangedAt: r.ChangedAt,
	}, nil
}

// Discard gives an IdempotencyKey free for a new key and another create: a person has
// decided that its file is of no more use, such as after looking at what Mixin has
// billed. The file is not deleted: it is renamed and stays in the directory, since the
// user whose key it holds may exist after all. It must not be called while a create
// with the key is under way, which is noticed, and an error, on systems that lock files:
// Linux, macOS and the BSDs. Nor may it be called while Setup is at work on the user. When the
// process ends in the middle, the key may stay a Conflict though there is no file any more:
// call it again. Errors are as for Load.
func (d *SessionKeyDir) Discard(idempotencyKey string) error {
	name := keyName(idempotencyKey)
	unlock, _ := d.files.Lock(context.Background(), name) // a context that does not end
	defer unlock()
	mark, held, err := durable.OpenMark(d.mark(name))
	defer mark.Close()
	marked := err == nil
	if held {
		err = errUnderWay
	}
	if err != nil && !isMissing(err) {
		return d.fileError(name, "", err)
	}
	aside := d.file(fmt.Sprintf("%s.discarded-%s-%s", name, time.Now().UTC().Format("20060102T150405Z"), strings.ToLower(rand.Text()[:8])))
	// The file goes first: until the mark is gone too, nobody is given another key.
	err = os.Rename(d.file(name), aside)
	if err == nil || isMissing(err) && marked {
		d.at("discard: moved")
		err = durable.SyncDir(d.path)
	}
	if err == nil && marked {
		if _, broken := readKeyRecord(d.mark(name)); broken != nil {
			aside = "" // or else the mark has what the file had, and more
		}
		err = mark.End(aside)
	}
	if err != nil {
		return d.fileError(name, "", err)
	}
	return nil
}

// SessionKey returns the key for a request that is about to be sent. It is asked by the
// client; SessionKeys says what it promises.
//
// A request without an IdempotencyKey is invalid, and so is a directory that others may
// use, or a file of it that is not a regular one. For a request whose file is in the state
// KeyFilePrepared the same key is returned again; from KeyFileSent on the error is of
// userapi.KindConflict. Of several callers at once, in one process or in several,
// exactly one gets the key. Each error is a *userapi.Error with
// userapi.OutcomeNotSent, and all but that of a missing IdempotencyKey have a
// *KeyFileError in their chain.
func (d *SessionKeyDir) SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	if err := d.PreflightSessionKey(req); err != nil {
		return nil, err
	}
	name := keyName(req.IdempotencyKey)
	unlock, err := d.files.Lock(ctx, name)
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	defer unlock()
	err = durable.MakeDir(d.path)
	if err == nil {
		durable.RemoveTemps(d.file(name))
		err = d.prepare(name)
	}
	if err != nil {
		return nil, d.refusal(name, err)
	}
	r, mark, err := d.claim(name)
	if err != nil {
		return nil, d.refusal(name, err)
	}
	d.open.Store(name, openCreate{r.SessionSecret, mark})
	return r.sessionKey(), nil
}

// PreflightSessionKey refuses a request without an IdempotencyKey. It looks at no file.
func (d *SessionKeyDir) PreflightSessionKey(req userapi.CreateUserRequest) error {
	check := provider.NativeCheck(Name)
	checkFileKey(&check, &req)
	_, err := check.Done(provider.OpCreate)
	return err
}

func checkFileKey(check *provider.Check, req *userapi.CreateUserRequest) {
	if req.IdempotencyKey == "" {
		check.Required("IdempotencyKey", "", "must be set: the file of the session key is called after it")
	}
}

// prepare makes the file if there is none. The error of one that is not in the state
// "prepared" is a conflict.
func (d *SessionKeyDir) prepare(name string) error {
	r, err := d.read(name)
	if isMissing(err) && !errors.Is(err, errSent) {
		d.at("prepare: begin")
		if r, err = newKeyRecord(); err == nil {
			err = d.write(name, r, "prepare", durable.Create)
		}
		if errors.Is(err, fs.ErrExist) { // another process was faster, and its key counts
			r, err = d.read(name)
		}
	}
	if err == nil && r.State != KeyFilePrepared {
		err = d.conflict(name, r, nil)
	}
	return err
}

// claim takes a file from "prepared" to "sent", as one caller alone can: the one that
// creates the mark.
func (d *SessionKeyDir) claim(name string) (*keyRecord, *durable.Mark, error) {
	d.at("claim: begin")
	mark, err := durable.CreateMark(d.mark(name))
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, d.conflict(name, &keyRecord{State: KeyFileSent}, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	d.at("claim: marked")
	// Another process may have come and gone between the look and the mark.
	r, err := readKeyRecord(d.file(name))
	if err == nil && r.State != KeyFilePrepared {
		err = d.conflict(name, r, nil)
	}
	if err == nil {
		err = mark.Reserve(markSize, d.steps("claim"))
	}
	if err != nil {
		// Nothing is sent now. What cannot be undone stays "sent", for a person.
		err = errors.Join(err, mark.End(""))
		mark.Close()
		return nil, nil, err
	}
	return r, mark, nil
}

// UserCreated completes the file: it is the user's keystore from then on. It may be
// called again, with what Error.User holds, after it failed; a file that is complete
// with the same user is left as it is. An error is a *KeyFileError.
func (d *SessionKeyDir) UserCreated(_ context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error {
	name := keyName(req.IdempotencyKey)
	unlock, _ := d.files.Lock(context.Background(), name) // what is known of a user is stored whoever waits
	defer unlock()
	defer d.closed(name)
	d.at("complete: begin")
	r, err := d.look(name) // in whatever directory: the user exists
	if err != nil {
		return d.fileError(name, "", err)
	}
	state := r.State
	switch {
	case resp == nil || resp.UserID == "":
		err = provider.ErrNoID
	case resp.StatusCode() == 0 && !isUserByHand(resp):
		err = errNoIDs
	case r.UserID != "" && r.UserID != resp.UserID,
		resp.sessionSecret != "" && !samePublicKey(resp.sessionSecret, r.SessionSecret):
		err = errForeign
	case r.State.atLeast(KeyFileComplete):
		return nil
	default:
		r.take(resp)
		r.RequestID = resp.RequestID()
		if err = d.keep(name, r); r.SessionID == "" {
			err = errors.Join(errNoSession, err)
		}
	}
	if err != nil {
		return d.fileError(name, state, err)
	}
	return nil
}

// isUserByHand reports whether a person has given both of a user's ids, as Mixin writes
// them.
func isUserByHand(resp *CreateUserResponse) bool {
	user, okUser := uuid.Canonical(resp.UserID)
	session, okSession := uuid.Canonical(resp.SessionID)
	return okUser && okSession && user == resp.UserID && session == resp.SessionID
}

// UserFailed puts the file back to the state KeyFilePrepared after a create that made no
// user, so that the next one uses the same key. Otherwise what is known of the user is
// kept: the file is complete where that is enough, and "sent" where it is not. The
// *KeyFileError that UserFailed then returns leads to it.
func (d *SessionKeyDir) UserFailed(_ context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
	name := keyName(req.IdempotencyKey)
	unlock, _ := d.files.Lock(context.Background(), name)
	defer unlock()
	own := d.opened(name)
	if failure == nil || own.secret == "" {
		return nil // not the end of a create of this process's: the file is not its to change
	}
	defer d.closed(name)
	d.at("fail: begin")
	r, err := d.look(name)
	if err != nil {
		return d.fileError(name, "", err)
	}
	if r.SessionSecret != own.secret || r.State != KeyFileSent {
		return d.fileError(name, r.State, durable.ErrGone)
	}
	why := errSent
	switch failure.Outcome {
	case userapi.OutcomeNotSent, userapi.OutcomeRejected:
		if err := own.mark.End(""); err != nil {
			return d.fileError(name, KeyFileSent, err)
		}
		d.at("unmarked")
		return nil
	case userapi.OutcomeCreated:
		why = errCreated
		if native, ok := userapi.As[*CreateUserResponse](failure.User); ok {
			r.take(native)
		} else if failure.UserID != "" {
			r.UserID = failure.UserID
		}
	default:
	}
	r.RequestID = failure.RequestID
	if err := d.keep(name, r); err != nil {
		return d.fileError(name, KeyFileSent, errors.Join(why, err))
	}
	return d.fileError(name, r.State, why)
}

// ResolveUser finds in the key file of a request what became of its create, as
// userapi.Resolver describes it, and asks nobody: the user from the state KeyFileComplete
// on, with its id alone, and that there is none for a file that is prepared or not there.
// A directory that was lost or changed looks like one without the file. The context and
// the time are not looked at.
func (d *SessionKeyDir) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	e := &userapi.Error{Provider: Name, Op: provider.OpResolve, FromRecord: true}
	if e.Err = d.PreflightSessionKey(req); e.Err != nil {
		e.Kind = userapi.KindInvalid
		return nil, e
	}
	name := keyName(req.IdempotencyKey)
	r, err := d.read(name)
	switch {
	case err != nil:
		e.Kind, e.Err = userapi.KindUnavailable, d.fileError(name, "", err)
		if isMissing(err) && !errors.Is(err, errSent) {
			e.Kind, e.Outcome = userapi.KindNotFound, userapi.OutcomeRejected
		}
	case r.State == KeyFilePrepared:
		e.Kind, e.Outcome, e.Err = userapi.KindNotFound, userapi.OutcomeRejected, d.fileError(name, r.State, errNothingSent)
	case r.State == KeyFileSent:
		e.UserID, e.RequestID, e.Err = r.UserID, r.RequestID, d.fileError(name, r.State, errSent)
	default:
		return &userapi.User{Provider: Name, ID: r.UserID, Proof: userapi.ProofReply, FromRecord: true}, nil
	}
	return nil, e
}

// fileError is the error of a key file.
func (d *SessionKeyDir) fileError(name string, state KeyFileState, err error) *KeyFileError {
	e := &KeyFileError{Path: d.file(name), State: state, Err: err}
	var unfit *durable.UnfitError
	if errors.As(err, &unfit) {
		e.Path = unfit.Path
	}
	return e
}

// refusal is the error of a create whose key could not be had.
func (d *SessionKeyDir) refusal(name string, err error) *userapi.Error {
	var failure *userapi.Error
	var unfit *durable.UnfitError
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, errSent):
		return d.conflict(name, &keyRecord{State: KeyFileSent}, err)
	case errors.Is(err, errNoKeyFile):
		return d.conflict(name, &keyRecord{}, err)
	}
	failure = &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent,
		Message: "the session key could not be stored in " + d.file(name), Err: d.fileError(name, "", err),
	}
	if errors.As(err, &unfit) {
		failure.Kind, failure.Message = userapi.KindInvalid, unfit.Must+": "+unfit.Path
		failure.FieldErrors = []userapi.FieldError{{VendorField: "Config.SessionKeys", Code: "invalid", Message: failure.Message}}
	}
	return failure
}

// conflict is the error of a file that is no longer "prepared".
func (d *SessionKeyDir) conflict(name string, r *keyRecord, cause error) *userapi.Error {
	path := d.file(name)
	message := "a create with this key was already sent, or was about to be; what is known stands in " + path
	why := errSent
	switch {
	case r.State == "":
		message = "the key's file cannot be read as one: " + path
		why = nil
	case r.State.atLeast(KeyFileComplete):
		message = "the user of this key exists; its keystore is " + path
		why = errCreated
	}
	return &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindConflict, Outcome: userapi.OutcomeNotSent,
		Message: message, UserID: r.UserID, RequestID: r.RequestID,
		FieldErrors: []userapi.FieldError{{Field: "IdempotencyKey", Code: "taken", Message: message}},
		Err:         d.fileError(name, r.State, errors.Join(why, cause)),
	}
}

// read is look, and refuses a directory that must not be used.
func (d *SessionKeyDir) read(name string) (*keyRecord, error) {
	if err := durable.CheckDir(d.path); err != nil {
		return nil, err
	}
	return d.look(name)
}

// look returns what a file and its mark say together. The error of a file that is not
// there matches errSent too where a mark is.
func (d *SessionKeyDir) look(name string) (*keyRecord, error) {
	// The mark first: a create that ends in between is seen to have ended.
	noted, err := readKeyRecord(d.mark(name))
	marked := !isMissing(err)
	if marked && err != nil && !errors.Is(err, errNoKeyFile) {
		return nil, err
	}
	r, err := readKeyRecord(d.file(name))
	switch {
	case marked && isMissing(err):
		return nil, errors.Join(errSent, err)
	case err != nil || !marked || r.State != KeyFilePrepared:
		return r, err
	case noted == nil || noted.SessionSecret != r.SessionSecret:
		r.State = KeyFileSent
		return r, nil
	case noted.State == KeyFileComplete:
		d.adopt(name)
	}
	return noted, nil
}

// adopt makes a mark the key file that a process had written a whole keystore into when
// it ended.
func (d *SessionKeyDir) adopt(name string) {
	mark, held, err := durable.OpenMark(d.mark(name))
	if err == nil && !held {
		_ = mark.End(d.file(name)) // the next look does it, then
	}
	mark.Close()
}

// keep stores what is known of a user whose create has ended. A record with a session is
// a keystore, and becomes the key file. Where this process has the mark it needs no more
// space on the disk.
func (d *SessionKeyDir) keep(name string, r *keyRecord) error {
	r.State = KeyFileSent
	step := "note"
	if r.SessionID != "" {
		r.State, r.RequestID = KeyFileComplete, ""
		step = "complete"
	}
	mark := d.opened(name).mark
	if mark.Holds() != nil {
		err := d.write(name, r, step, durable.Replace)
		if err == nil && step == "complete" {
			_ = os.Remove(d.mark(name)) // the state decides: one that stays does no harm
		}
		return err
	}
	r.ChangedAt = time.Now()
	text, err := r.encode()
	if err == nil {
		err = mark.Fill(text)
	}
	if err != nil {
		return err
	}
	d.at(step + ": written")
	if step == "note" {
		return nil
	}
	err = mark.End(d.file(name))
	d.at("complete: ended")
	return err
}

// write stores a record as a key file, without a mark.
func (d *SessionKeyDir) write(name string, r *keyRecord, step string, write func(string, []byte, func(string)) error) error {
	r.ChangedAt = time.Now()
	text, err := r.encode()
	if err != nil {
		return err
	}
	return write(d.file(name), text, d.steps(step))
}

// opened returns the create under way with a file, the zero value for none.
func (d *SessionKeyDir) opened(name string) openCreate {
	c, _ := d.open.Load(name)
	create, _ := c.(openCreate)
	return create
}

// closed notes that the create with a file has ended.
func (d *SessionKeyDir) closed(name string) {
	d.opened(name).mark.Close()
	d.open.Delete(name)
}
