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

// KeyVariable has the request key, in place of the file. The same name with _FILE has the path of another
// file.
const KeyVariable = "ENLIST_REQUEST_KEY"

// RequestKey returns the request key: that of the variable, else that of the file, which is made
// where it is not there and may be. made is called with its path then.
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
		return "", fmt.Errorf("the key %s is missing, and %s was made with it: without it enlist cannot tell whether a row was changed; put the file back from where the ledger was first made, or set %s", path, p, KeyVariable)
	}
	random := make([]byte, keyBytes)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	err = durable.Create(path, []byte(hex.EncodeToString(random)+"\n"), func(string) {})
	switch {
	case err == nil:
		made(path)
	case !errors.Is(err, fs.ErrExist): // else another process was first: its key counts
		return "", fmt.Errorf("the key cannot be stored: %w", err)
	}
	return keyOf(path)
}

// keyOfVariable returns the key of the variable, "" where it is not set.
func keyOfVariable(getenv func(string) string) (userapi.Secret, error) {
	if getenv == nil {
		return "", nil
	}
	text, err := vendors.Secret(getenv, KeyVariable)
	key := strings.TrimSpace(text.Reveal())
	if err == nil && text != "" && (len(key) < minKey || len(key) > maxKey) {
		err = fmt.Errorf("%s must have %d to %d characters, as openssl rand -hex 32 makes them", KeyVariable, minKey, maxKey)
	}
	return userapi.Secret(key), err
}

// keyOf reads the file of a key. No text of an error has the key.
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
		return "", fmt.Errorf("the key %s has mode %#o, and must be its owner's alone: chmod 600 it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if len(key) < minKey || len(key) > maxKey {
		return "", fmt.Errorf("the key %s must have %d to %d characters: put the file back from where the ledger was first made", path, minKey, maxKey)
	}
	return userapi.Secret(key), nil
}

// machineName returns a name for whoever holds a lock of this machine's, for a ledger that other
// machines share. It is of the machine, of the lock's path and of a file beside the lock, so that
// neither a copy of the directory nor another machine with the same paths has it.
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
