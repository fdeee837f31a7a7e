package queue

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// KeyVariable has the keys that seal rows. With _FILE, the variable has the path of a file.
const KeyVariable = "ENLIST_QUEUE_KEY"

// Sealer returns a sealer with the keys of the variable. The first key seals, and all keys open. A key is 32
// bytes in hex or base64. Commas or line ends separate keys. Errors have no keys.
func Sealer(getenv func(string) string) (bulkriver.Sealer, error) {
	text, err := vendors.Secret(getenv, KeyVariable)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("%s or %s_FILE must be set: it encrypts the rows in the queue. openssl rand -hex 32 makes a key", KeyVariable, KeyVariable)
	}
	var keys []userapi.Secret
	for part := range strings.FieldsFuncSeq(text.Reveal(), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		key, err := decodeKey(part)
		if err != nil {
			return nil, fmt.Errorf("%s: key %d: %w", KeyVariable, len(keys)+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: expected a key", KeyVariable)
	}
	return bulkriver.Keys(keys[0], keys[1:]...)
}

func decodeKey(text string) (userapi.Secret, error) {
	if key, err := hex.DecodeString(text); err == nil && len(key) == bulkriver.KeySize {
		return userapi.Secret(key), nil
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(text); err == nil && len(key) == bulkriver.KeySize {
			return userapi.Secret(key), nil
		}
	}
	return "", errors.New("expected 32 bytes in hex or base64: openssl rand -hex 32 makes them")
}
