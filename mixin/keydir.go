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
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ SessionKeys        = (*SessionKeyDir)(nil)
	_ SessionKeyStore    = (*SessionKeyDir)(nil)
	_ SessionKeyFailures = (*SessionKeyDir)(nil)

	_ SessionKeyPreflighter = (*SessionKeyDir)(nil)
)

const (
	keyDirMode = 0o700
	// keyNameBytes is how much of a SHA-256 names a file: enough that no two keys of
	// anybody's ever share one.
	keyNameBytes = 16
	keyFileExt   = ".json"
	// sentMarkExt is of the empty file beside a key file that exactly one caller can
	// create, and that says the same as the state "sent".
	sentMarkExt = ".sent"
	tempExt     = ".tmp"
	// tempAge is when a temporary file is nobody's any more.
	tempAge = time.Hour
)

var (
	errSent      = errors.New("a create with this key was sent, or was about to be: its user may exist and be paid for")
	errCreated   = errors.New("the user exists")
	errDiscarded = errors.New("the file was moved away while it was needed")
	errNoIDs     = errors.New("expected the user_id and session_id as Mixin writes them: UUIDs of 36 characters, in lower case")
	errUnderWay  = errors.New("a create with this key is under way")
	errForeign   = errors.New("the file holds the key of another user")
	errNoSession = fmt.Errorf("the reply to the create holds no session_id, without which the user is out of reach: %w", userapi.ErrProtocol)
)

// A SessionKeyDir makes the session keys of new users and keeps each in a file of its
// own. It is a SessionKeys, a SessionKeyStore and a SessionKeyFailures, and safe for
// concurrent use; several processes may use one directory at once. Make it with KeyDir.
//
// A key is stored durably before the create that needs it is sent, and so is the fact
// that it is sent. Whatever ends the process, either nothing was sent or the key is on
// disk, and no later call sends a second create for the same request: it fails with
// userapi.KindConflict and userapi.OutcomeNotSent, and names the file.
//
// The file is called after the request's IdempotencyKey, by a hash, so that no personal
// data stands in its name. Give a directory to one application alone, and each user a
// key of its own; the rest of the request is not looked at. Keep the IdempotencyKey
// elsewhere too, as that of a sign-up is: the file does not hold it, and where
// provision.Ensure makes one up, a restart would make another. The directory must be
// its owner's alone, mode 0700; files have mode 0600. Their system must know hard links.
//
// From the state KeyFileComplete on the file is the user's keystore, which
// ParseKeystore reads, and Mixin's own clients in either of their forms. Beside the
// session key it holds the key that Setup makes the user's TIP and spend key; until
// then under a name of its own, next_spend_private_key, that no client looks at.
type SessionKeyDir struct {
	path  string
	files keyedLocks // by the name of a file, while it is looked at and changed
	runs  keyedLocks // likewise, while Setup is at work on its user

	mu sync.Mutex
	// open has the creates of this process whose end is awaited, by the name of the file.
	open map[string]openCreate

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
	return &SessionKeyDir{path: path, open: map[string]openCreate{}}
}

// An openCreate is a create under way: with which key, and the mark that says so, which
// is locked as long.
type openCreate struct {
	secret string
	mark   *os.File
}

func (d *SessionKeyDir) at(step string) {
	if d.step != nil {
		d.step(step)
	}
}

// keyName is what the files of an IdempotencyKey are called by.
func keyName(idempotencyKey string) string {
	sum := sha256.Sum256([]byte("enlist mixin key file\x00" + idempotencyKey))
	return hex.EncodeToString(sum[:keyNameBytes])
}

func (d *SessionKeyDir) file(name string) string { return filepath.Join(d.path, name+keyFileExt) }
func (d *SessionKeyDir) mark(name string) string { return filepath.Join(d.path, name+sentMarkExt) }

// Path returns where the file of an IdempotencyKey is, or would be.
func (d *SessionKeyDir) Path(idempotencyKey string) string { return d.file(keyName(idempotencyKey)) }

// Load reads the file of an IdempotencyKey. The error is a *KeyFileError; for a file
// that does not exist it matches fs.ErrNotExist.
func (d *SessionKeyDir) Load(idempotencyKey string) (KeyFile, error) {
	name := keyName(idempotencyKey)
	r, err := d.read(name)
	if err != nil {
		return KeyFile{}, &KeyFileError{Path: d.file(name), Err: err}
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
	unlock, _ := d.files.lock(context.Background(), name) // a context that does not end
	defer unlock()
	fail := func(err error) error { return &KeyFileError{Path: d.file(name), Err: err} }
	mark, err := os.OpenFile(d.mark(name), os.O_RDWR, 0)
	marked := err == nil
	switch {
	case marked:
		defer mark.Close()
		if tryLock(mark) {
			return fail(errUnderWay)
		}
	case !isMissing(err):
		return fail(err)
	}
	// The file goes first: until the mark is gone too, nobody is given another key.
	aside := fmt.Sprintf("%s.discarded-%s-%s", name, time.Now().UTC().Format("20060102T150405Z"), strings.ToLower(rand.Text()[:8]))
	err = os.Rename(d.file(name), d.file(aside))
	if err != nil && (!isMissing(err) || !marked) {
		return fail(err)
	}
	d.at("discard: moved")
	if err := syncDir(d.path); err != nil {
		return fail(err)
	}
	if !marked {
		return nil
	}
	if err := d.unmark(name, mark); err != nil {
		return fail(err)
	}
	return nil
}

// SessionKey returns the key for a request that is about to be sent. It is asked by the
// client; SessionKeys says what it promises.
//
// A request without an IdempotencyKey is invalid. For one whose file is in the state
// KeyFilePrepared the same key is returned again; from KeyFileSent on the error is of
// userapi.KindConflict. Of several callers at once, in one process or in several,
// exactly one gets the key. Each error is a *userapi.Error with
// userapi.OutcomeNotSent, and all but that of a missing IdempotencyKey have a
// *KeyFileError in their chain.
func (d *SessionKeyDir) SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	if err := checkIdempotencyKey(&req); err != nil {
		return nil, err
	}
	name := keyName(req.IdempotencyKey)
	unlock, err := d.files.lock(ctx, name)
	if err != nil {
		return nil, provider.NotPrepared(ctx, Name, provider.OpCreate, err)
	}
	defer unlock()
	if err := d.makeDir(); err != nil {
		return nil, err
	}
	d.removeTemps(name)
	r, err := d.prepared(name)
	var mark *os.File
	if err == nil {
		r, mark, err = d.claim(name)
	}
	if err != nil {
		var failure *userapi.Error
		if errors.As(err, &failure) {
			return nil, failure
		}
		return nil, d.unavailable(name, KeyFilePrepared, err)
	}
	d.setOpen(name, openCreate{r.SessionSecret, mark})
	return r.sessionKey(), nil
}

// PreflightSessionKey refuses a request without an IdempotencyKey. It looks at no file.
func (d *SessionKeyDir) PreflightSessionKey(req userapi.CreateUserRequest) error {
	return checkIdempotencyKey(&req)
}

// checkIdempotencyKey refuses a request without the key that names its file.
func checkIdempotencyKey(req *userapi.CreateUserRequest) error {
	if req.IdempotencyKey != "" {
		return nil
	}
	check := provider.NativeCheck(Name)
	check.Required("IdempotencyKey", "", "must be set: the file of the session key is called after it")
	_, err := check.Done(provider.OpCreate)
	return err
}

// prepared returns the record of a file that is in the state "prepared", and makes the
// file if there is none. The error of another state is a conflict.
func (d *SessionKeyDir) prepared(name string) (*keyRecord, error) {
	r, err := d.read(name)
	if isMissing(err) {
		if marked, err := d.marked(name); err != nil || marked {
			return nil, d.conflict(name, &keyRecord{State: KeyFileSent}, err)
		}
		d.at("prepare: begin")
		if r, err = newKeyRecord(); err != nil {
			return nil, err
		}
		err = d.write(name, r, "prepare")
		if errors.Is(err, fs.ErrExist) { // another process was faster, and its key counts
			r, err = d.read(name)
		}
	}
	switch {
	case err != nil && r == nil && !isIOError(err):
		return nil, d.conflict(name, &keyRecord{}, err)
	case err != nil:
		return nil, err
	case r.State != KeyFilePrepared:
		return nil, d.conflict(name, r, nil)
	}
	return r, nil
}

// claim takes a file from "prepared" to "sent", as one caller alone can: the one that
// creates the mark. What is in the file follows. A crash in between leaves the mark,
// which reads as "sent" too.
func (d *SessionKeyDir) claim(name string) (r *keyRecord, mark *os.File, err error) {
	d.at("claim: begin")
	mark, err = os.OpenFile(d.mark(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, d.conflict(name, &keyRecord{State: KeyFileSent}, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	_ = tryLock(mark) // nobody else has it open yet, or only to see that it is there
	defer func() {
		if err != nil {
			_ = mark.Close() // nothing was written to it
			mark = nil
		}
	}()
	d.at("claim: marked")
	// Another process may have come and gone between the look and the mark.
	r, err = readKeyRecord(d.file(name))
	switch {
	case isMissing(err):
		return nil, mark, d.conflict(name, &keyRecord{State: KeyFileSent}, errDiscarded)
	case err != nil:
		return nil, mark, errors.Join(err, d.unmark(name, mark))
	case r.State.atLeast(KeyFileComplete):
		return nil, mark, errors.Join(d.conflict(name, r, nil), d.unmark(name, mark))
	case r.State != KeyFilePrepared:
		return nil, mark, d.conflict(name, r, nil)
	}
	r.State = KeyFileSent
	if err := d.write(name, r, "claim"); err != nil {
		// Nothing is sent now. What cannot be undone stays "sent", for a person.
		if there, e := readKeyRecord(d.file(name)); e == nil && there.State == KeyFilePrepared {
			return nil, mark, errors.Join(err, d.unmark(name, mark))
		}
		return nil, mark, errors.Join(err, d.release(name, r, mark))
	}
	return r, mark, nil
}

// release takes a file from "sent" back to "prepared": no user was made with its key.
func (d *SessionKeyDir) release(name string, r *keyRecord, mark *os.File) error {
	r.State, r.RequestID = KeyFilePrepared, ""
	if err := d.write(name, r, "release"); err != nil {
		return err
	}
	return d.unmark(name, mark)
}

// UserCreated completes the file: it is the user's keystore from then on. It may be
// called again, with what Error.User holds, after it failed; a file that is complete
// with the same user is left as it is. An error is a *KeyFileError.
func (d *SessionKeyDir) UserCreated(_ context.Context, req userapi.CreateUserRequest, resp *CreateUserResponse) error {
	name := keyName(req.IdempotencyKey)
	unlock, _ := d.files.lock(context.Background(), name) // what is known of a user is stored whoever waits
	defer unlock()
	defer d.closed(name)
	d.at("complete: begin")
	r, err := d.read(name)
	if err != nil {
		return &KeyFileError{Path: d.file(name), Err: err}
	}
	fail := func(err error) error { return &KeyFileError{Path: d.file(name), State: r.State, Err: err} }
	switch {
	case resp == nil || resp.UserID == "":
		return fail(provider.ErrNoID)
	case resp.StatusCode() == 0 && !isUserByHand(resp):
		return fail(errNoIDs)
	case r.UserID != "" && r.UserID != resp.UserID,
		resp.sessionSecret != "" && !samePublicKey(resp.sessionSecret, r.SessionSecret):
		return fail(errForeign)
	case r.State.atLeast(KeyFileComplete):
		return nil
	}
	r.take(resp)
	r.State, r.RequestID = KeyFileSent, resp.RequestID()
	if r.SessionID == "" {
		return fail(errors.Join(errNoSession, d.write(name, r, "note")))
	}
	done := *r
	done.State, done.RequestID = KeyFileComplete, ""
	if err := d.write(name, &done, "complete"); err != nil {
		return fail(err)
	}
	// The state decides, now that the file is complete: a mark that stays does no harm.
	_ = d.unmark(name, d.opened(name).mark)
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
// user, so that the next one uses the same key. Otherwise the file stays as it is, with
// what is known of the user noted in it, and the *KeyFileError that UserFailed returns
// leads to it.
func (d *SessionKeyDir) UserFailed(_ context.Context, req userapi.CreateUserRequest, failure *userapi.Error) error {
	name := keyName(req.IdempotencyKey)
	unlock, _ := d.files.lock(context.Background(), name)
	defer unlock()
	own := d.opened(name)
	if failure == nil || own.secret == "" {
		return nil // not the end of a create of this process's: the file is not its to change
	}
	defer d.closed(name)
	d.at("fail: begin")
	r, err := d.read(name)
	if err != nil {
		return &KeyFileError{Path: d.file(name), Err: err}
	}
	fail := func(err error) error { return &KeyFileError{Path: d.file(name), State: KeyFileSent, Err: err} }
	if r.SessionSecret != own.secret || r.State != KeyFileSent {
		return &KeyFileError{Path: d.file(name), State: r.State, Err: errDiscarded}
	}
	switch failure.Outcome {
	case userapi.OutcomeNotSent, userapi.OutcomeRejected:
		if err := d.release(name, r, own.mark); err != nil {
			return fail(err)
		}
		return nil
	case userapi.OutcomeCreated:
		r.RequestID = failure.RequestID
		if native, ok := userapi.As[*CreateUserResponse](failure.User); ok {
			r.take(native)
		} else if failure.UserID != "" {
			r.UserID = failure.UserID
		}
		if r.SessionID != "" { // the reply was whole, or nearly
			done := *r
			done.State, done.RequestID = KeyFileComplete, ""
			if d.write(name, &done, "complete") == nil {
				_ = d.unmark(name, own.mark)
				return &KeyFileError{Path: d.file(name), State: KeyFileComplete, Err: errCreated}
			}
		}
		return fail(errors.Join(errCreated, d.write(name, r, "note")))
	default:
		r.RequestID = failure.RequestID
		return fail(errors.Join(errSent, d.write(name, r, "note")))
	}
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
		Err:         &KeyFileError{Path: path, State: r.State, Err: errors.Join(why, cause)},
	}
}

// unavailable is the error of a file that cannot be read or written.
func (d *SessionKeyDir) unavailable(name string, state KeyFileState, err error) *userapi.Error {
	return &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent,
		Message: "the session key could not be stored in " + d.file(name),
		Err:     &KeyFileError{Path: d.file(name), State: state, Err: err},
	}
}

// isIOError tells an error of the file system from one of a file's content.
func isIOError(err error) bool { return !errors.Is(err, errNoKeyFile) }

// read returns a file's record. A mark makes "prepared" read as "sent".
func (d *SessionKeyDir) read(name string) (*keyRecord, error) {
	r, err := readKeyRecord(d.file(name))
	if err != nil || r.State != KeyFilePrepared {
		return r, err
	}
	marked, err := d.marked(name)
	if err != nil {
		return nil, err
	}
	if marked {
		r.State = KeyFileSent
	}
	return r, nil
}

func (d *SessionKeyDir) marked(name string) (bool, error) {
	_, err := os.Lstat(d.mark(name))
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// unmark removes the mark of a file, durably: own, if it is given, and no other that
// took its place.
func (d *SessionKeyDir) unmark(name string, own *os.File) error {
	if own != nil {
		ours, err := own.Stat()
		if err != nil {
			return err
		}
		there, err := os.Lstat(d.mark(name))
		if isMissing(err) || err == nil && !os.SameFile(ours, there) {
			return nil
		}
	}
	if err := os.Remove(d.mark(name)); err != nil && !isMissing(err) {
		return err
	}
	d.at("unmarked")
	return syncDir(d.path)
}

// write stores a record durably: the file is the old one or the new one, whole,
// whatever happens. A file in the state "prepared" is created if there is none; if
// another process has created it meanwhile the error matches fs.ErrExist.
func (d *SessionKeyDir) write(name string, r *keyRecord, step string) (err error) {
	r.ChangedAt = time.Now()
	text, err := r.encode()
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(d.path, "."+name+".*"+tempExt) // its mode is 0600
	if err != nil {
		return err
	}
	defer func() {
		// After a rename there is nothing left to remove.
		if e := os.Remove(temp.Name()); err == nil && e != nil && !isMissing(e) {
			err = e
		}
	}()
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	if e := temp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	d.at(step + ": written")
	if step == "prepare" {
		// A link fails where a file is: of two processes one alone creates it.
		err = os.Link(temp.Name(), d.file(name))
	} else {
		err = os.Rename(temp.Name(), d.file(name))
	}
	if err != nil {
		return err
	}
	d.at(step + ": in place")
	if err := syncDir(d.path); err != nil {
		return err
	}
	d.at(step + ": durable")
	return nil
}

// removeTemps removes what a process that was killed has left of a file, or puts it in
// place: it holds a key, and perhaps a user's ids. What is young may be another process's
// that is at work.
func (d *SessionKeyDir) removeTemps(name string) {
	left, err := filepath.Glob(filepath.Join(globEscape(d.path), "."+name+".*"+tempExt))
	if err != nil {
		return
	}
	for _, path := range left {
		if r, err := readKeyRecord(path); err == nil && r.UserID != "" {
			d.adopt(name, path, r)
			continue // it may be all that is known of a user
		}
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > tempAge {
			_ = os.Remove(path) // next time, then
		}
	}
}

// adopt puts a temporary file in place that was written whole by a process which then
// ended: the keystore of a user, where the file knows only of a create that was sent.
func (d *SessionKeyDir) adopt(name, temp string, r *keyRecord) {
	there, err := d.read(name)
	if err != nil || there.State != KeyFileSent || there.SessionSecret != r.SessionSecret || !r.State.atLeast(KeyFileComplete) {
		return
	}
	mark, err := os.OpenFile(d.mark(name), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer mark.Close()
	if tryLock(mark) || os.Rename(temp, d.file(name)) != nil {
		return // its process is alive
	}
	if syncDir(d.path) == nil {
		_ = d.unmark(name, mark) // the state decides
	}
}

// makeDir makes the directory, durably, or checks the one that is there.
func (d *SessionKeyDir) makeDir() error {
	err := d.tryMakeDir()
	if err == nil {
		return nil
	}
	var failure *userapi.Error
	if errors.As(err, &failure) {
		return failure
	}
	return &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent,
		Message: "the directory for session keys cannot be used: " + d.path,
		Err:     &KeyFileError{Path: d.path, Err: err},
	}
}

func (d *SessionKeyDir) tryMakeDir() error {
	if d.path == "" {
		return d.badDir("must have a path")
	}
	info, err := os.Stat(d.path)
	if isMissing(err) {
		if err = makeDirs(d.path); err == nil {
			info, err = os.Stat(d.path)
		}
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return d.badDir("must be a directory: " + d.path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0: // modes mean nothing there
		return d.badDir(fmt.Sprintf("must be its owner's alone, mode 0700, and has mode %#o: %s", info.Mode().Perm(), d.path))
	}
	return nil
}

// badDir is the error of a directory that must not be used.
func (d *SessionKeyDir) badDir(expected string) *userapi.Error {
	check := provider.NativeCheck(Name)
	check.Invalid("", "Config.SessionKeys", "the directory "+expected)
	e := provider.Invalid(Name, provider.OpCreate, check.Faults())
	e.Err = &KeyFileError{Path: d.path, Err: errors.New("the directory " + expected)}
	return e
}

// makeDirs makes a directory and those above it that are missing, and syncs each one's
// parent: a file is of no use in a directory that a power cut takes away.
func makeDirs(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); isMissing(err) && parent != path {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, keyDirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes durable what was created, renamed or removed in a directory.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there, and need not be
	}
	f, err := os.Open(path) //nolint:gosec // the caller's own directory
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// globEscape makes a path mean itself in a pattern.
func globEscape(path string) string {
	if runtime.GOOS == "windows" {
		return path // a pattern has no escapes there
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// opened returns the create under way with a file, the zero value for none.
func (d *SessionKeyDir) opened(name string) openCreate {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[name]
}

func (d *SessionKeyDir) setOpen(name string, c openCreate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[name] = c
}

// closed notes that the create with a file has ended.
func (d *SessionKeyDir) closed(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if mark := d.open[name].mark; mark != nil {
		_ = mark.Close() // nothing was written to it
	}
	delete(d.open, name)
}

// keyedLocks are locks by name. The zero value is ready for use.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]*keyedLock
}

type keyedLock struct {
	token chan struct{} // full while the lock is held
	users int           // who hold it or wait for it
}

// lock waits for a name's lock as long as the context allows.
func (l *keyedLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	if ctx.Err() != nil { // which select might pass over
		return nil, context.Cause(ctx)
	}
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*keyedLock{}
	}
	k := l.held[name]
	if k == nil {
		k = &keyedLock{token: make(chan struct{}, 1)}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, name)
		}
	}
	select {
	case k.token <- struct{}{}:
		return func() { <-k.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
