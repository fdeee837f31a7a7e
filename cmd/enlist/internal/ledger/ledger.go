// Package ledger opens the ledger of an import, with the key of its fingerprints and with the lock that lets
// one process of this machine change it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A Place says where a ledger is.
type Place struct {
	// At is the location, as in the config; "" is sqlite:<Job>.db.
	At string
	// Dir is the directory that paths are relative to. Job names the files.
	Dir, Job string
	// For is where the users are.
	For Use
	// Getenv reads a variable, for the request key; nil reads none.
	Getenv func(string) string
}

// A Use says where the users of a ledger are.
type Use int

// The uses.
const (
	ForVendors Use = iota
	// ForFakes is a ledger of users at fakes.
	ForFakes
	// ForEither is for commands that call no vendor.
	ForEither
)

// String says for people where the ledger is. It has no password.
func (p Place) String() string {
	if p.isPostgres() {
		return "the PostgreSQL database"
	}
	return p.path()
}

func (p Place) at() string {
	if p.At == "" {
		return config.SQLite + p.Job + ".db"
	}
	return p.At
}

func (p Place) isPostgres() bool {
	return strings.HasPrefix(p.at(), config.Postgres) || strings.HasPrefix(p.at(), config.Postgresql)
}

// path is that of the ledger's file.
func (p Place) path() string {
	_, path, _ := strings.Cut(p.at(), ":")
	return p.beside(path)
}

func (p Place) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.Dir, path)
}

// File is the path of the ledger's file, or "".
func (p Place) File() string {
	if p.isPostgres() {
		return ""
	}
	return p.path()
}

// KeyFile is the path of the file with the request key.
func (p Place) KeyFile() string { return p.file(".key") }

// Beside returns the paths of other files of the ledger. They need not exist.
func (p Place) Beside() []string {
	paths := []string{p.lockFile(), p.machineFile(), p.fakesFile()}
	if path := p.File(); path != "" {
		paths = append(paths, path+"-wal", path+"-shm", path+"-journal", path+".lock")
	}
	return paths
}

func (p Place) machineFile() string { return p.file(".lock.id") }

func (p Place) fakesFile() string { return p.file(".fakes") }

func (p Place) lockFile() string { return p.file(".lock") }

// file is a file beside the ledger's file, with its name. Two jobs on one ledger share it.
func (p Place) file(ext string) string {
	if p.isPostgres() {
		return p.beside(p.Job + ext)
	}
	return strings.TrimSuffix(p.path(), filepath.Ext(p.path())) + ext
}

// exists reports whether the file of the ledger exists.
func (p Place) exists() (bool, error) {
	_, err := os.Stat(p.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("the ledger cannot be looked for: %w", err)
	}
	return true, nil
}

func (p Place) mustExist() error {
	there, err := p.exists()
	if err == nil && !there {
		err = fmt.Errorf("%w (%s)", ErrNone, p)
	}
	return err
}

// A Ledger is an open ledger. Close it.
type Ledger struct {
	provision.Ledger

	// Key is the request key; "" after Read.
	Key userapi.Secret
	// Alone is for provision.Alone: the name of the lock's holder; "" after Read.
	Alone string
	// OfFakes is set if the users are at fakes.
	OfFakes bool

	job    string
	counts func(ctx context.Context, job string) ([]Count, error) // nil if the ledger cannot count
	close  []io.Closer
}

// Close closes the ledger, and then releases the lock.
func (l *Ledger) Close() error {
	var all []error
	for i := len(l.close) - 1; i >= 0; i-- {
		all = append(all, l.close[i].Close())
	}
	l.close = nil
	return errors.Join(all...)
}

// ErrNone is the error of a ledger that does not exist.
var ErrNone = errors.New("no ledger: nothing was imported")

// Open opens a ledger to change it. It makes the ledger and its key if they do not exist, and calls made with
// the path of a new key. If made is nil the ledger must exist; else the error matches ErrNone. Only one process
// of this machine can have the ledger open.
func Open(ctx context.Context, p Place, made func(path string)) (*Ledger, error) {
	if err := config.CheckLedger(p.at()); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if made == nil && !p.isPostgres() {
		if err := p.mustExist(); err != nil {
			return nil, err
		}
	}
	lock, err := durable.LockFile(p.lockFile())
	switch {
	case errors.Is(err, durable.ErrLocked):
		return nil, fmt.Errorf("another enlist is at work on %s: wait until it has ended, or stop it", p)
	case err != nil:
		return nil, fmt.Errorf("the ledger cannot be locked: %w", err)
	}
	l := &Ledger{job: p.Job, close: []io.Closer{lock}}
	if err := l.open(ctx, p, made); err != nil {
		_ = l.Close() // nothing was written
		return nil, err
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, p Place, made func(string)) (err error) {
	if p.isPostgres() {
		return l.openShared(ctx, p, made)
	}
	there, err := p.exists()
	if err != nil {
		return err
	}
	if l.OfFakes, err = p.mark(there); err != nil {
		return err
	}
	// The key comes first: a ledger that exists has one.
	if l.Key, err = RequestKey(p, !there, made); err != nil {
		return err
	}
	l.Alone = "enlist" // the writer of the file has the lock
	return l.connect(ctx, p, true)
}

// openShared opens a ledger that other machines share.
func (l *Ledger) openShared(ctx context.Context, p Place, made func(string)) (err error) {
	if l.Alone, err = machineName(p.lockFile()); err != nil {
		return err
	}
	if err := l.connect(ctx, p, made != nil); err != nil {
		return err
	}
	counts, err := l.Counts(ctx)
	if err != nil {
		return err
	}
	if len(counts) == 0 && made == nil {
		return fmt.Errorf("%w (%s)", ErrNone, p)
	}
	if l.OfFakes, err = p.mark(len(counts) > 0); err != nil {
		return err
	}
	l.Key, err = RequestKey(p, len(counts) == 0, made)
	return err
}

// mark refuses a ledger of users at fakes for users at vendors, and the other way round. A new ledger for fakes
// gets a marker file beside it.
func (p Place) mark(there bool) (ofFakes bool, err error) {
	path := p.fakesFile()
	_, err = os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	marked := err == nil
	switch {
	case there && marked && p.For == ForVendors:
		return true, fmt.Errorf("%s is a ledger of users at fakes. Name another one with --ledger, or delete it and the files beside it", p)
	case there && !marked && p.For == ForFakes:
		return false, fmt.Errorf("%s is a ledger of users at vendors. Name another one with --ledger", p)
	case !there && marked && p.For == ForVendors:
		return false, os.Remove(path)
	case !there && !marked && p.For == ForFakes:
		return true, os.WriteFile(path, nil, fileMode)
	}
	return marked, nil
}

// MarkFakes marks the ledger of a queue as one of users at fakes, for commands on this machine.
func MarkFakes(p Place) error { return os.WriteFile(p.fakesFile(), nil, fileMode) }

// Read opens a ledger to read it, also while another process changes it. The error matches ErrNone if it does
// not exist.
func Read(ctx context.Context, p Place) (*Ledger, error) {
	if err := config.CheckLedger(p.at()); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if !p.isPostgres() {
		if err := p.mustExist(); err != nil {
			return nil, err
		}
	}
	l := &Ledger{job: p.Job}
	if err := l.connect(ctx, p, false); err != nil {
		_ = l.Close() // nothing was written
		return nil, err
	}
	return l, nil
}

// connect opens the ledger's file or database.
func (l *Ledger) connect(ctx context.Context, p Place, create bool) error {
	switch at := p.at(); {
	case p.isPostgres():
		return l.openPostgres(ctx, at, create)
	case strings.HasPrefix(at, config.File):
		return l.openFile(p.path())
	}
	if create {
		return l.makeSQLite(ctx, p.path())
	}
	return l.readSQLite(ctx, p.path())
}

// EachOpen visits the keys of the job that have an open record, with all records of the key, in the order of
// the keys.
func (l *Ledger) EachOpen(ctx context.Context, visit func(key string, records []provision.Record) error) error {
	prefix := l.job + "/"
	for after := prefix; ; {
		keys, err := l.ListOpen(ctx, after, pageSize)
		if err != nil {
			return fmt.Errorf("the ledger cannot be read: %w", err)
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, prefix) {
				return nil
			}
			records, err := l.Load(ctx, key)
			if err == nil {
				err = visit(key, records)
			}
			if err != nil {
				return err
			}
			after = key
		}
		if len(keys) == 0 {
			return nil
		}
	}
}

const pageSize = 500
