package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// A ledger is where the outcomes of sign-ups stay, with what must stay beside it.
type ledger struct {
	provision.Ledger

	options []provision.Option
	// keys has the session keys of Mixin's users: without its key a user is lost.
	keys  *mixin.SessionKeyDir
	close func()
}

// openLedger opens a ledger in a file, or makes one; without a path it is in memory,
// and the session keys in a directory that is removed by close.
func openLedger(path string) (*ledger, error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "signup-")
		if err != nil {
			return nil, err
		}
		return &ledger{
			Ledger: new(provision.Memory), keys: mixin.KeyDir(dir),
			close: func() { _ = os.RemoveAll(dir) },
		}, nil
	}
	key, err := requestKey(path)
	if err != nil {
		return nil, fmt.Errorf("-ledger: %w", err)
	}
	file, err := fileledger.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-ledger: %w", err)
	}
	return &ledger{
		Ledger: file, options: []provision.Option{provision.RequestKeys(key)}, keys: mixin.KeyDir(path + ".keys"),
		close: func() { _ = file.Close() }, // all that was promised is on the disk
	}, nil
}

// requestKey reads the key of a ledger's fingerprints, and makes it with the ledger.
// Another key for a ledger that is there would have every person taken for another.
func requestKey(ledger string) (userapi.Secret, error) {
	path := ledger + ".key"
	text, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	switch {
	case err == nil && len(text) < len(rand.Text()):
		return "", fmt.Errorf("%s holds no key: if no ledger is there yet, delete it", path)
	case err == nil:
		return userapi.Secret(text), nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if _, err := os.Stat(ledger); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the ledger is there and its key, %s, is not: nothing would tell whose sign-ups these are", path)
	}
	key := userapi.Secret(rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(key.Reveal())
	if err == nil {
		err = f.Sync()
	}
	return key, errors.Join(err, f.Close())
}
