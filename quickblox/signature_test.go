package quickblox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// A signatureVector is a signature that was made by others: QuickBlox's JavaScript
// SDK, openssl, Python and node agree on it.
type signatureVector struct {
	Name, Hash, Message, Signature string
	ApplicationID                  string         `json:"application_id"`
	AuthKey                        string         `json:"auth_key"`
	AuthSecret                     userapi.Secret `json:"auth_secret"`
	Nonce, Timestamp               int64
	Params                         map[string]any
	Body                           string `json:"form_body_sent_by_sdk"`
}

func readVectors(t *testing.T) []signatureVector {
	t.Helper()
	text, err := os.ReadFile("testdata/signatures.json")
	require.NoError(t, err)
	var file struct{ Vectors []signatureVector }
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Vectors, 12)
	return file.Vectors
}

func (v *signatureVector) hash() Hash {
	if v.Hash == "sha256" {
		return SHA256
	}
	return SHA1
}

func TestSignature(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			// The parameters are those of the body that was sent, in its order, which is
			// not that of the message: the signature follows the order of the names.
			// Where no body is known the message is its own only pair.
			params, err := url.ParseQuery(v.Body)
			require.NoError(t, err)
			params.Del("signature")
			if v.Body == "" {
				name, value, _ := strings.Cut(v.Message, "=")
				params.Set(name, value)
			}
			assert.Equal(t, v.Signature, signature(v.hash(), v.AuthSecret.Reveal(), params))
		})
	}
}

// What the client itself makes of a session's settings is what the vendor's SDK
// sent for the same ones.
func TestSessionForm(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, v := range readVectors(t) {
		login, _ := v.Params["login"].(string)
		password, _ := v.Params["password"].(string)
		if v.Body == "" || v.Nonce < 0 || len(v.Params) > 0 && login == "" {
			continue // made in another way than ours
		}
		tested++
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			id, err := json.Number(v.ApplicationID).Int64()
			require.NoError(t, err)
			cfg := SessionConfig{
				ApplicationID: id, AuthKey: v.AuthKey, AuthSecret: v.AuthSecret,
				Login: login, Password: userapi.Secret(password), Hash: v.hash(),
			}
			got, err := url.ParseQuery(string(cfg.sessionForm(time.Unix(v.Timestamp, 0), uint32(v.Nonce))))
			require.NoError(t, err)
			want, err := url.ParseQuery(v.Body)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	assert.Equal(t, 6, tested)
}

func TestSessionFormByEmail(t *testing.T) {
	t.Parallel()
	cfg := SessionConfig{ApplicationID: 76730, AuthKey: "key", AuthSecret: "secret", Email: "j+d@x.org", Password: "p&=%"}
	assert.Equal(t, url.Values{
		"application_id": {"76730"}, "auth_key": {"key"}, "nonce": {"7"}, "timestamp": {"1572434294"},
		"user[email]": {"j+d@x.org"}, "user[password]": {"p&=%"},
	}, cfg.params(time.Unix(1572434294, 0), 7))
}

func TestNonces(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	for range 1000 {
		n := newNonce()
		assert.Less(t, n, uint32(1)<<31)
		seen[n] = true
	}
	assert.Greater(t, len(seen), 990, "the nonces repeat")
}

// The two forms of the header that tells a session's end, and none.
func TestExpiry(t *testing.T) {
	t.Parallel()
	read := time.Date(2018, 7, 11, 15, 33, 9, 0, time.UTC)
	for _, tc := range []struct {
		name, header, date string
		want               time.Duration
	}{
		{"absent", "", "", 2 * time.Hour},
		{"no time", "soon", "", 2 * time.Hour},
		{"offset", "2018-07-11 17:33:09 +0000", "", 2 * time.Hour},
		{"zone", "2018-07-11 16:03:09 UTC", "", 30 * time.Minute},
		{"past", "2018-07-11 15:00:00 UTC", "", -33*time.Minute - 9*time.Second},
		{"by the server's clock", "2018-07-11 20:33:09 +0000", "Wed, 11 Jul 2018 19:33:09 GMT", time.Hour},
		{"server's clock unreadable", "2018-07-11 16:33:09 +0000", "yesterday", time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("QB-Token-ExpirationDate", tc.header)
			h.Set("Date", tc.date)
			assert.Equal(t, tc.want, expiry(&transport.Reply{Header: h, Read: read}).Sub(read))
		})
	}
}
