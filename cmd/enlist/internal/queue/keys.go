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

// KeyVariable has the keys that rows are sealed with. The same name with _FILE has the path of a file.
const KeyVariable = "ENLIST_QUEUE_KEY"

// Sealer returns the sealer of the variable's keys: the first seals, and all of them open. A key is 32
// bytes in hex or base64; between keys there are commas or line ends. No error shows a key.
func Sealer(getenv func(string) string) (bulkriver.Sealer, error) {
	text, err := vendors.Secret(getenv, KeyVariable)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("%s must be set, or %s_FILE: it seals the rows in the queue. openssl rand -hex 32 makes a key", KeyVariable, KeyVariable)
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
		return nil, fmt.Errorf("%s: a key is expected", KeyVariable)
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
	return "", errors.New("32 bytes in hex or base64 are expected, as openssl rand -hex 32 makes them")
}
