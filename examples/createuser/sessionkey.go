package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

var (
	_ mixin.SessionKeys = memoryKeys{}
	_ mixin.SessionKeys = (*keyFile)(nil)
)

// memoryKeys makes session keys that nobody keeps: for users of a fake.
type memoryKeys struct{}

// SessionKey makes a key.
func (memoryKeys) SessionKey(context.Context, userapi.CreateUserRequest) (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// A keyFile stores the session key of one new user in a new file, as PEM in
// PKCS #8, which mixin.ParseKeystore reads as a private_key.
type keyFile struct {
	path    string
	written atomic.Bool
}

// SessionKey makes a key and returns it once it is on the disk: the user is created
// next, and paid for. It never replaces a file.
func (f *keyFile) SessionKey(ctx context.Context, req userapi.CreateUserRequest) (crypto.Signer, error) {
	key, err := memoryKeys{}.SessionKey(ctx, req)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writeNew(f.path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, err
	}
	f.written.Store(true)
	return key, nil
}

// writeNew writes a file that did not exist, for its owner alone, and returns when
// it would outlast a power failure.
func writeNew(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // no user has this key
	}
	return err
}

// syncDir makes a new name in a directory last.
func syncDir(path string) error {
	if runtime.GOOS == "windows" { // which has no such call, and needs none
		return nil
	}
	dir, err := os.Open(path) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
