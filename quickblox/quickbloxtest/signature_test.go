package quickbloxtest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSignature holds the fake's own signer against signatures that were made
// elsewhere, and its reading of a body against bodies that QuickBlox's JavaScript
// SDK sent.
func TestSignature(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../testdata/signatures.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Name, Hash, Message, Signature string
			AuthSecret                     string `json:"auth_secret"`
			Body                           string `json:"form_body_sent_by_sdk"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Vectors, 12)
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			pairs := []string{v.Message}
			if v.Body != "" {
				pairs = nil
				p := readParameters("application/x-www-form-urlencoded; charset=UTF-8", []byte(v.Body))
				for _, one := range p.list {
					if one.name != "signature" {
						pairs = append(pairs, one.name+"="+one.value)
					}
				}
				assert.Equal(t, v.Signature, p.value("signature"))
			}
			assert.Equal(t, v.Signature, signatureOf(v.Hash == "sha256", v.AuthSecret, pairs))
			assert.Equal(t, v.Message, strings.Join(pairs, "&"))
		})
	}
}
