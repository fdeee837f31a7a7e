package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/userapi"
)

const (
	keyBytes = 32 // of a new key
	// minKey and maxKey bound the text of a key.
	minKey, maxKey = 32, 4096
)

// KeyVariable has the request key, instead of the file. With _FILE, the variable has the path of another file.
const KeyVariable = "ENLIST_REQUEST_KEY"

// ErrNoKey is the error of RequestKey without a key.
var ErrNoKey = errors.New("the request key is missing")

// RequestKey returns the request key of the variable, or else of the file. If create is set and the file does
// not exist, RequestKey makes it, and calls made with its path.
func RequestKey(p Place, create bool, made func(path string)) (userapi.Secret, error) {
	if key, err := keyOfVariable(p.Getenv); key != "" || err != nil {
		return key, err
	}
	path := p.KeyFile()
	key, err := keyOf(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if !create {
		return "", fmt.Errorf("%w: the file %s does not exist, but %s was made with it. Without the key enlist cannot see whether a row was changed. Restore the file from where the ledger was first made, or set %s", ErrNoKey, path, p, KeyVariable)
	}
	random := make([]byte, keyBytes)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	err = durable.Create(path, []byte(hex.EncodeToString(random)+"\n"), func(string) {})
	switch {
	case err == nil:
		made(path)
	case !errors.Is(err, fs.ErrExist): // if it exists, another process was first: its key counts
		return "", fmt.Errorf("the key cannot be stored: %w", err)
	}
	return keyOf(path)
}

// keyOfVariable returns the key of the variable; "" if it is not set.
func keyOfVariable(getenv func(string) string) (userapi.Secret, error) {
	if getenv == nil {
		return "", nil
	}
	text, err := vendors.Secret(getenv, KeyVariable)
	key := strings.TrimSpace(text.Reveal())
	if err == nil && text != "" && (len(key) < minKey || len(key) > maxKey) {
		err = fmt.Errorf("%s must have %d to %d characters: openssl rand -hex 32 makes them", KeyVariable, minKey, maxKey)
	}
	return userapi.Secret(key), err
}

// keyOf reads the file of a key. Errors do not have the key.
func keyOf(path string) (userapi.Secret, error) {
	f, err := durable.OpenRegular(path, os.O_RDONLY)
	var unfit *durable.UnfitError
	switch {
	case errors.As(err, &unfit):
		return "", fmt.Errorf("the key %s: %w", path, err)
	case err != nil:
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("the key %s has mode %#o, but only its owner may have access: chmod 600 it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if len(key) < minKey || len(key) > maxKey {
		return "", fmt.Errorf("the key %s must have %d to %d characters. Restore the file from where the ledger was first made", path, minKey, maxKey)
	}
	return userapi.Secret(key), nil
}

// machineName returns a name for the holder of a lock on this machine, for a ledger that several machines
// share. It is made from the machine's name, the lock's path and a file beside the lock. So a copy of the
// directory has another name, and another machine with the same paths too.
func machineName(lock string) (string, error) {
	path := lock + ".id"
	err := durable.Create(path, []byte(rand.Text()+"\n"), func(string) {})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("the file beside the lock cannot be stored: %w", err)
	}
	id, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("this machine has no name: %w", err)
	}
	whole, err := filepath.Abs(lock)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(host + "\x00" + whole + "\x00" + string(id)))
	return "enlist-" + hex.EncodeToString(sum[:16]), nil
}
