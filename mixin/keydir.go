package mixin

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	keyNameBytes = 16 // how much of a SHA-256 names a file
	keyFileExt   = ".json"
	markExt      = ".sent"
)

var (
	errSent        = errors.New("a create with this key was sent, or was about to be: its user may exist and be paid for")
	errCreated     = errors.New("the user exists")
	errNoIDs       = errors.New("expected the user_id and session_id as Mixin writes them: UUIDs of 36 characters, in lower case")
	errUnderWay    = errors.New("a create with this key is under way")
	errForeign     = errors.New("the file has the key of another user")
	errNoSession   = fmt.Errorf("the reply to the create has no session_id: the user cannot be reached: %w", userapi.ErrProtocol)
	errNothingSent = errors.New("no create was sent with the key")
)

// A SessionKeyDir makes the session keys of new users and keeps each in its own file. It is
// a SessionKeyStore, and safe for concurrent use; several processes may use one directory at
// once. Make it with KeyDir.
//
// The key, and the fact that a create is sent, are stored durably before the create is
// sent. So if the process ends at any moment, either nothing was sent, or the key is on
// disk. In the second case a later call for the same request does not send a second
// create. It fails with userapi.KindConflict and userapi.OutcomeNotSent, and names the
// file.
//
// While a create is under way, and after an unknown outcome, there is a second file
// with the ending .sent beside the key file. Keep and move the two together. It has its
// full size before the create is sent, so that the reply can be stored even if the disk
// becomes full. A file system that never writes in place, such as Btrfs or ZFS, may
// need more space.
//
// Rules for the directory:
//
//   - Use one directory for each application, and one IdempotencyKey for each user. A
//     file's name is a hash of the IdempotencyKey alone; a UUID counts in lower case.
//   - Store the IdempotencyKey elsewhere too. The file does not have it, and a key that
//     provision.Ensure chooses is another one after a restart.
//   - The directory must belong to the user that runs the process, and have mode 0700.
//     Files have mode 0600.
//   - The file system must support hard links.
//
// From the state KeyFileComplete on the file is the user's keystore, which
// ParseKeystore and Mixin's own clients read. It also has the key that Setup makes the
// user's TIP and spend key. Until then that key is in next_spend_private_key, which no
// client reads.
type SessionKeyDir struct {
	path  string
	files durable.Locks // by the name of a file, while it is looked at and changed
	runs  durable.Locks // likewise, while Setup is working on its user
	open  sync.Map      // openCreate, by the name of the file: this process's creates under way

	waits []time.Duration   // before Setup tries a step again
	step  func(name string) // for tests, called at each step
}

// KeyDir returns the directory of key files at a path. The directory is made, with mode
// 0700, when the first key is.
func KeyDir(path string) *SessionKeyDir {
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		path = abs
	}
	return &SessionKeyDir{path: path, waits: tipWaits[:]}
}

// keyName is what the files of an IdempotencyKey are called by.
func keyName(idempotencyKey string) string {
	sum := sha256.Sum256([]byte("enlist mixin key file\x00" + idempotencyKey))
	return hex.EncodeToString(sum[:keyNameBytes])
}

// nameOf is the keyName of an IdempotencyKey. One that is a UUID counts in lower case, but
// where there are files of it as it is given: before version 1 they were called after that.
func (d *SessionKeyDir) nameOf(idempotencyKey string) string {
	given := keyName(idempotencyKey)
	canonical, isUUID := uuid.Canonical(idempotencyKey)
	if !isUUID || canonical == idempotencyKey {
		return given
	}
	for _, path := range [...]string{d.file(given), d.mark(given)} {
		if _, err := os.Lstat(path); err == nil {
			return given
		}
	}
	return keyName(canonical)
}

func (d *SessionKeyDir) file(name string) string { return filepath.Join(d.path, name+keyFileExt) }
func (d *SessionKeyDir) mark(name string) string { return filepath.Join(d.path, name+markExt) }

// Path returns where the file of an IdempotencyKey is, or would be.
func (d *SessionKeyDir) Path(idempotencyKey string) string { return d.file(d.nameOf(idempotencyKey)) }

// Load reads the file of an IdempotencyKey. The error is a *KeyFileError; for a file
// that does not exist it matches fs.ErrNotExist.
func (d *SessionKeyDir) Load(idempotencyKey string) (KeyFile, error) {
	name := d.nameOf(idempotencyKey)
	r, err := d.read(name)
	if err != nil {
		return KeyFile{}, d.fileError(name, "", err)
	}
	return KeyFile{
		Path: d.file(name), State: r.State, Intent: r.Intent, UserID: r.UserID, Keystore: r.keystore(),
		SessionSecret: r.SessionSecret, RequestID: r.RequestID, ChangedAt: r.ChangedAt,
	}, nil
}

// Discard releases an IdempotencyKey for a new session key and another create. A person
// must decide this, for instance by what Mixin has billed. The file is renamed and
// stays in the directory, because its user may exist.
//
// Do not call Discard while Setup is working on the user, or while a create with the
// key is under way. The latter is an error on systems that lock files (Linux, macOS,
// the BSDs). If the process ends during the call, the key may stay a Conflict without a
// file: call Discard again. Errors are as for Load.
func (d *SessionKeyDir) Discard(idempotencyKey string) error {
	name := d.nameOf(idempotencyKey)
	defer d.lock(name)()
	mark, held, err := durable.OpenMark(d.mark(name))
	marked := err == nil
	if marked {
		defer mark.Close()
	}
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
			aside = "" // otherwise the mark has what the file had, and more
		}
		err = mark.End(aside)
	}
	return d.fileError(name, "", err)
}

// SessionKey returns the key for a request that is about to be sent, as SessionKeys
// describes it. The client calls it.
//
// In the state KeyFilePrepared it returns the same key again. From KeyFileSent on the
// error is of userapi.KindConflict. If several callers ask at once, in one process or
// in several, exactly one gets the key. A missing IdempotencyKey, a directory that
// others may use, and a file that is not a regular file are of userapi.KindInvalid.
// Each error is a *userapi.Error with userapi.OutcomeNotSent. Unless the IdempotencyKey
// is missing, it has a *KeyFileError in its chain.
func (d *SessionKeyDir) SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	if err := d.PreflightSessionKey(req); err != nil {
		return nil, err
	}
	name := d.nameOf(req.IdempotencyKey)
	unlock, err := d.files.Lock(ctx, name)
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	defer unlock()
	var r *keyRecord
	var mark *durable.Mark
	if err = durable.MakeDir(d.path); err == nil {
		durable.RemoveTemps(d.file(name))
		r, err = d.prepare(name)
	}
	if err == nil {
		r, mark, err = d.claim(name)
	}
	if err != nil {
		return nil, d.refusal(name, r, err)
	}
	d.open.Store(name, openCreate{r.SessionSecret, mark})
	return r.sessionKey(), nil
}

// PreflightSessionKey refuses a request without an IdempotencyKey. It does not read
// files.
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

// UserCreated completes the file, which is then the user's keystore. After a failure
// you can call it again with the response in Error.User. A file that is complete with
// the same user does not change. An error is a *KeyFileError.
func (d *SessionKeyDir) UserCreated(_ context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error {
	name := d.nameOf(req.IdempotencyKey)
	defer d.lock(name)()
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
	case resp.StatusCode() == 0 && !(isCanonical(resp.UserID) && isCanonical(resp.SessionID)): // given by a person
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
	return d.fileError(name, state, err)
}

// isCanonical reports whether an id is a UUID as Mixin writes it.
func isCanonical(id string) bool {
	canonical, ok := uuid.Canonical(id)
	return ok && canonical == id
}

// UserFailed puts the file back to the state KeyFilePrepared after a create that made
// no user; the next create uses the same key. Otherwise it stores what is known of the
// user, and returns a *KeyFileError. If that is enough the file is complete; if not, it
// is "sent".
func (d *SessionKeyDir) UserFailed(_ context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
	name := d.nameOf(req.IdempotencyKey)
	defer d.lock(name)()
	own := d.opened(name)
	if failure == nil || own.secret == "" {
		return nil // not a create of this process's: the file is not its to change
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
		if err = own.mark.End(""); err == nil {
			d.at("unmarked")
		}
		return d.fileError(name, KeyFileSent, err)
	case userapi.OutcomeCreated:
		why = errCreated
		r.UserID = cmp.Or(failure.UserID, r.UserID)
		if native, ok := userapi.As[*CreateUserResponse](failure.User); ok {
			r.take(native)
		}
	default:
	}
	r.RequestID = failure.RequestID
	if err = d.keep(name, r); err != nil {
		r.State = KeyFileSent
	}
	return d.fileError(name, r.State, errors.Join(why, err))
}

// ResolveUser reads the result of a create from the request's key file, as
// userapi.Resolver describes. It does not ask Mixin. From the state KeyFileComplete on
// it returns the user, with only its id. If the file is prepared or missing, the user
// does not exist. A lost directory looks like a missing file. The context and the time
// are not used.
func (d *SessionKeyDir) ResolveUser(_ context.Context, req userapi.CreateUserRequest, _ time.Time) (*userapi.User, error) {
	e := &userapi.Error{Provider: Name, Op: provider.OpResolve, Subject: userapi.SubjectUser, FromRecord: true}
	if e.Err = d.PreflightSessionKey(req); e.Err != nil {
		e.Kind = userapi.KindInvalid
		return nil, e
	}
	name := d.nameOf(req.IdempotencyKey)
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

// fileError is the error of a key file, nil for nil.
func (d *SessionKeyDir) fileError(name string, state KeyFileState, err error) error {
	if err == nil {
		return nil
	}
	e := &KeyFileError{Path: d.file(name), State: state, Err: err}
	var unfit *durable.UnfitError
	if errors.As(err, &unfit) {
		e.Path = unfit.Path
	}
	return e
}

// refusal is the error of a create whose key could not be had. r is what the file says, nil
// for nothing.
func (d *SessionKeyDir) refusal(name string, r *keyRecord, err error) *userapi.Error {
	r = cmp.Or(r, &keyRecord{})
	e := &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindConflict, Outcome: userapi.OutcomeNotSent,
		UserID: r.UserID, RequestID: r.RequestID, Err: d.fileError(name, r.State, err),
	}
	fault := userapi.FieldError{Field: "IdempotencyKey", Code: userapi.CodeTaken}
	var unfit *durable.UnfitError
	switch {
	case errors.Is(err, errCreated):
		e.Message = "the user of this key exists; its keystore is " + d.file(name)
	case errors.Is(err, errSent):
		e.Message = "a create with this key was already sent, or was about to be; what is known stands in " + d.file(name)
	case errors.Is(err, errNoKeyFile):
		e.Message = "the key's file cannot be read as one: " + d.file(name)
	case errors.As(err, &unfit):
		e.Kind, e.Message, e.Err = userapi.KindInvalid, unfit.Must+": "+unfit.Path, d.fileError(name, "", err)
		fault = userapi.FieldError{VendorField: "Config.SessionKeys", Code: userapi.CodeInvalid}
	default:
		e.Kind, e.Message, e.Err = userapi.KindUnavailable, "the session key could not be stored in "+d.file(name), d.fileError(name, "", err)
		return e
	}
	fault.Message = e.Message
	e.FieldErrors = []userapi.FieldError{fault}
	return e
}
