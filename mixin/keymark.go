package mixin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/enlist-go/enlist/internal/durable"
)

// A mark is a file beside a key file which says that a create is sent. Only one caller can
// create it. It reserves markSize bytes, into which the record of the reply is written. Mixin's
// reply takes a tenth.
const markSize = 8 << 10

// An openCreate is a create under way. Its mark is locked until it ends.
type openCreate struct {
	secret string
	mark   *durable.Mark
}

func (d *SessionKeyDir) at(step string) {
	if d.step != nil {
		d.step(step)
	}
}

func (d *SessionKeyDir) steps(of string) func(step string) {
	return func(step string) { d.at(of + ": " + step) }
}

// lock waits for the lock of a file. No context ends the wait.
func (d *SessionKeyDir) lock(name string) (unlock func()) {
	unlock, _ = d.files.Lock(context.Background(), name)
	return unlock
}

// prepare makes the file if there is none. Its key must not be taken.
func (d *SessionKeyDir) prepare(name string) (*keyRecord, error) {
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
	if err == nil {
		err = r.taken()
	}
	return r, err
}

// claim takes a file from "prepared" to "sent". Only the caller that creates the mark can.
func (d *SessionKeyDir) claim(name string) (*keyRecord, *durable.Mark, error) {
	d.at("claim: begin")
	mark, err := durable.CreateMark(d.mark(name))
	if errors.Is(err, fs.ErrExist) {
		return &keyRecord{State: KeyFileSent}, nil, errSent
	}
	if err != nil {
		return nil, nil, err
	}
	d.at("claim: marked")
	// Another process may have come and gone between the look and the mark.
	r, err := readKeyRecord(d.file(name))
	if err == nil {
		err = r.taken()
	}
	if err == nil {
		err = mark.Reserve(markSize, d.steps("claim"))
	}
	if err != nil {
		// Nothing is sent. What cannot be undone stays "sent", for a person.
		err = errors.Join(err, mark.End(""))
		mark.Close()
		return r, nil, err
	}
	return r, mark, nil
}

// taken says why the key is not for another create; nil if it is.
func (r *keyRecord) taken() error {
	switch {
	case r.State == KeyFilePrepared:
		return nil
	case r.State.atLeast(KeyFileComplete):
		return errCreated
	}
	return errSent
}

// read is look, and refuses a directory that must not be used.
func (d *SessionKeyDir) read(name string) (*keyRecord, error) {
	if err := durable.CheckDir(d.path); err != nil {
		return nil, err
	}
	return d.look(name)
}

// look returns what a file and its mark say together. The error of a missing file matches
// errSent too if there is a mark.
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
		return &keyRecord{State: KeyFileSent}, errors.Join(errSent, err)
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

// adopt makes a mark with a whole keystore the key file, after its process has ended.
func (d *SessionKeyDir) adopt(name string) {
	mark, held, err := durable.OpenMark(d.mark(name))
	if err == nil && !held {
		_ = mark.End(d.file(name)) // if that fails the next look does it
	}
	mark.Close()
}

// keep stores what is known of a user whose create has ended. A record with a session is a
// keystore and becomes the key file. It is written into the mark, if this process has that:
// the space is there.
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
			_ = os.Remove(d.mark(name)) // one that stays does no harm: the state decides
		}
		return err
	}
	err := d.write(name, r, step, func(_ string, text []byte, _ func(string)) error { return mark.Fill(text) })
	if err != nil {
		return err
	}
	d.at(step + ": written")
	if step == "complete" {
		err = mark.End(d.file(name))
		d.at("complete: ended")
	}
	return err
}

// write writes a record the given way.
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

// store writes the record of a file that is complete. A file that another process has
// brought further is read instead.
func (d *SessionKeyDir) store(name string, r *keyRecord) error {
	defer d.lock(name)()
	there, err := d.read(name)
	switch {
	case err != nil:
	case there.UserID != r.UserID: // the file was moved away, and another took its place
		err = durable.ErrGone
	case there.State.atLeast(r.State) && there.State != r.State:
		*r = *there
	default:
		err = d.write(name, r, "setup "+string(r.State)+" "+string(r.Intent), durable.Replace)
	}
	return d.fileError(name, r.State, err)
}
