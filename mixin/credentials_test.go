package mixin

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

const (
	newUserID    = "9c3d2b1a-0f4e-4d6c-8b7a-6e5f4d3c2b04"
	newSessionID = "d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e505"
)

// createdWith returns the result of a create with this session secret.
func createdWith(t testing.TB, secret, body string) *CreateUserResponse {
	t.Helper()
	c, _ := userClient(t, nil, answering(200, body))
	resp, err := c.Users.Create(t.Context(), CreateUserRequest{SessionSecret: secret})
	require.NoError(t, err)
	return resp
}

func secretOf(t testing.TB, key crypto.Signer) string {
	t.Helper()
	secret, err := SessionSecret(key)
	require.NoError(t, err)
	return secret
}

func replyWith(members string) string {
	return `{"data":{"user_id":"` + newUserID + `","session_id":"` + newSessionID + `"` + members + `}}`
}

// TestCredentials: the rendered keystore is read back unchanged, and gives the same PIN key, for
// each form of the server's key.
func TestCredentials(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	v := ed25519Vector(t)
	key := all.key(t, "ed25519")
	private, seed := "fe1syg43hnFJYOVW7Oi0okVo3qQJ4Nef6fSoKA_zQnannwD3qn4XWhHLsJoOejL0hwjllK1PzsRSMNXWozc8VQ", all.Keys.Ed25519.SeedHex
	ids := `"session_id":"` + newSessionID + `"`
	client := `{"client_id":"` + newUserID + `",` + ids + `,"pin_token":"` + v.TokenRaw + `","private_key":"` + private + `"}`
	app := `{"app_id":"` + newUserID + `",` + ids + `,"server_public_key":"` + v.Edwards + `","session_private_key":"` + seed + `"}`
	for name, tt := range map[string]struct {
		members string
		secret  string
	}{
		"today's":       {`,"pin_token":"` + v.TokenStd + `","pin_token_base64":"` + v.TokenRaw + `","server_public_key":"` + v.Edwards + `"`, all.Keys.Ed25519.SessionSecret},
		"standard":      {`,"pin_token":"` + v.TokenStd + `"`, all.Keys.Ed25519.SessionSecretStd},
		"no pin_token":  {`,"pin_token":"","server_public_key":"` + strings.ToUpper(v.Edwards) + `"`, all.Keys.Ed25519.SessionSecret},
		"of a foreign":  {`,"pin_token_base64":"` + v.TokenRaw + `","x":1`, strings.TrimRight(all.Keys.Ed25519.SessionSecretStd, "=")},
		"its X25519":    {`,"server_public_key":"` + v.TokenRaw + `"`, all.Keys.Ed25519.SessionSecret},
		"another type":  {`,"has_pin":"?","pin_token":"` + v.TokenStd + `"`, all.Keys.Ed25519.SessionSecret},
		"upper-case id": {`,"pin_token":"` + v.TokenStd + `"`, all.Keys.Ed25519.SessionSecret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := replyWith(tt.members)
			if name == "upper-case id" {
				body = strings.Replace(body, newSessionID, strings.ToUpper(newSessionID), 1)
			}
			resp := createdWith(t, tt.secret, body)
			creds, err := resp.Credentials(key)
			require.NoError(t, err)
			assert.True(t, creds.Exportable())

			got, err := creds.JSON(ClientForm)
			require.NoError(t, err)
			require.True(t, string(got) == client, "the client form")
			requireSameKeystore(t, got, newUserID, key, v.Shared)

			got, err = creds.JSON(AppForm)
			require.NoError(t, err)
			if resp.ServerPublicKey == nil || !strings.EqualFold(*resp.ServerPublicKey, v.Edwards) { // computed, so its sign is not known
				ks, err := ParseKeystore(got)
				require.NoError(t, err)
				want := v.Edwards
				if ks.ServerPublicKey != want {
					want = flipSign(t, v.Edwards)
				}
				got = []byte(strings.Replace(string(got), want, v.Edwards, 1))
			}
			require.True(t, string(got) == app, "the app form")
			requireSameKeystore(t, got, newUserID, key, v.Shared)

			ks := creds.Keystore()
			assert.Equal(t, newUserID, ks.UserID)
			assert.Equal(t, newSessionID, ks.SessionID)
			require.True(t, equalKeys(ks.PrivateKey, key))
		})
	}
}

// requireSameKeystore reads a keystore back and opens its PIN key.
func requireSameKeystore(t testing.TB, text []byte, userID string, key crypto.Signer, pinKey string) {
	t.Helper()
	ks, err := ParseKeystore(text)
	require.NoError(t, err)
	assert.Equal(t, userID, ks.UserID)
	require.True(t, equalKeys(ks.PrivateKey, key), "another key")
	_, err = New(Config{Keystore: ks})
	require.NoError(t, err)
	c, err := NewPINCipher(ks)
	require.NoError(t, err)
	sealed, err := c.EncryptPIN([]byte("123456"))
	require.NoError(t, err)
	require.True(t, string(decrypt(t, pinKey, sealed).pin) == "123456", "another PIN key")
}

// TestCredentialsOfRSA: the form of 2018.
func TestCredentialsOfRSA(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	v := readPINVectors(t).PinTokens[0]
	key := all.key(t, "rsa2048")
	body := strings.Replace(replyWith(`,"pin_token":"`+v.TokenStd+`"`), newSessionID, v.SessionID, 1)
	creds, err := createdWith(t, all.Keys.RSA2048.SessionSecret, body).Credentials(key)
	require.NoError(t, err)
	assert.True(t, creds.Exportable())
	got, err := creds.JSON(ClientForm)
	require.NoError(t, err)
	pem, err := json.Marshal(all.Keys.RSA2048.PKCS1)
	require.NoError(t, err)
	want := `{"client_id":"` + newUserID + `","session_id":"` + v.SessionID + `","pin_token":"` + v.TokenStd + `","private_key":` + string(pem) + `}`
	require.True(t, string(got) == want, "the form of 2018")
	requireSameKeystore(t, got, newUserID, key, v.Plaintext)
	_, err = creds.JSON(AppForm)
	requireLocal(t, err, "make credentials", "form")
}

// TestCredentialsOfAnotherKey: only the sent key gives credentials.
func TestCredentialsOfAnotherKey(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	token := `,"pin_token":"` + ed25519Vector(t).TokenStd + `"`
	resp := createdWith(t, all.Keys.Ed25519.SessionSecret, replyWith(token))
	for name, tt := range map[string]struct {
		resp   *CreateUserResponse
		key    crypto.Signer
		fields []string
	}{
		"another":           {resp, other, []string{"session_secret"}},
		"of another kind":   {resp, all.key(t, "rsa2048"), []string{"session_secret"}},
		"nil":               {resp, nil, []string{"session_secret"}},
		"broken":            {resp, ed25519.PrivateKey("x"), []string{"session_secret"}},
		"RSA, another":      {createdWith(t, all.Keys.RSA1024.SessionSecret, replyWith(token)), all.key(t, "rsa2048"), []string{"session_secret"}},
		"odd members":       {createdWith(t, all.Keys.Ed25519.SessionSecret, replyWith(`,"has_pin":"?"`)), other, []string{"session_secret"}},
		"no session":        {createdWith(t, all.Keys.Ed25519.SessionSecret, `{"data":{"user_id":"`+newUserID+`"}}`), all.key(t, "ed25519"), []string{"session_id"}},
		"no id of it":       {createdWith(t, all.Keys.Ed25519.SessionSecret, `{"data":{"user_id":"`+newUserID+`","session_id":"1"}}`), all.key(t, "ed25519"), []string{"session_id"}},
		"all at once":       {&CreateUserResponse{PinToken: userapi.Redacted}, nil, []string{"session_secret", "user_id", "session_id", "pin_token"}},
		"a session, no key": {&CreateUserResponse{UserID: newUserID, SessionID: newSessionID}, nil, []string{"session_secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			creds, err := tt.resp.Credentials(tt.key)
			assert.Nil(t, creds)
			requireLocal(t, err, "make credentials", tt.fields...)
			e := asError(t, err)
			assert.Equal(t, tt.resp.UserID, e.UserID)
		})
	}
	// A reply that was decoded elsewhere does not know the sent key.
	var decoded CreateUserResponse
	require.NoError(t, json.Unmarshal([]byte(`{"user_id":"`+newUserID+`","session_id":"`+newSessionID+`"}`), &decoded))
	creds, err := decoded.Credentials(other)
	require.NoError(t, err)
	assert.True(t, creds.Exportable())
	// The response of a portable create knows it.
	c, _ := userClient(t, nil, answering(200, replyWith(token)))
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: []userapi.Extension{Extra{SessionKey: all.key(t, "ed25519")}}})
	require.NoError(t, err)
	native, ok := userapi.As[*CreateUserResponse](u)
	require.True(t, ok)
	_, err = native.Credentials(other)
	requireLocal(t, err, "make credentials", "session_secret")
	_, err = native.Credentials(all.key(t, "ed25519"))
	require.NoError(t, err)
}

// TestCredentialsOfAKMS: the key stays in the KMS, and the keystore says so.
func TestCredentialsOfAKMS(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	v := ed25519Vector(t)
	key := kms{all.key(t, "ed25519")}
	creds, err := createdWith(t, secretOf(t, key), replyWith(`,"pin_token":"`+v.TokenStd+`"`)).Credentials(key)
	require.NoError(t, err)
	assert.False(t, creds.Exportable())
	assert.Contains(t, printed(t, creds)["%v"], "exportable: false")
	for form, want := range map[KeystoreForm]string{
		ClientForm: `{"client_id":"` + newUserID + `","session_id":"` + newSessionID + `","pin_token":"` + v.TokenRaw + `"}`,
		AppForm:    `{"app_id":"` + newUserID + `","session_id":"` + newSessionID + `","server_public_key":`,
	} {
		got, err := creds.JSON(form)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(got), want), form)
		require.False(t, strings.Contains(string(got), "private"), form)
		_, err = ParseKeystore(got)
		require.ErrorContains(t, err, "expected a private key")
	}
	c, err := New(Config{Keystore: creds.Keystore()}) // signs with the KMS
	require.NoError(t, err)
	assert.NotNil(t, c)
	_, err = NewPINCipher(creds.Keystore())
	requireLocal(t, err, "encrypt PIN", "Keystore.PrivateKey")

	rsaKey := kms{all.key(t, "rsa1024")}
	creds, err = createdWith(t, secretOf(t, rsaKey), replyWith("")).Credentials(rsaKey)
	require.NoError(t, err)
	got, err := creds.JSON(ClientForm)
	require.NoError(t, err)
	assert.JSONEq(t, `{"client_id":"`+newUserID+`","session_id":"`+newSessionID+`"}`, string(got))
	_, err = creds.JSON(AppForm)
	requireLocal(t, err, "make credentials", "form")
}

func TestCredentialsJSONFaults(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	twist := base64.StdEncoding.EncodeToString(append([]byte{2}, make([]byte, 31)...))
	credentials := func(keyName, members string) *Credentials {
		key := all.key(t, keyName)
		creds, err := createdWith(t, secretOf(t, key), replyWith(members)).Credentials(key)
		require.NoError(t, err)
		return creds
	}
	var none *Credentials
	for name, tt := range map[string]struct {
		creds *Credentials
		form  KeystoreForm
		field string
	}{
		"no form":               {credentials("ed25519", ""), 7, "form"},
		"a token of no key":     {credentials("ed25519", `,"pin_token":"AAAA"`), ClientForm, "Keystore.PinToken"},
		"a token on the twist":  {credentials("ed25519", `,"pin_token":"`+twist+`"`), AppForm, "pin_token"},
		"two keys":              {credentials("ed25519", `,"pin_token":"`+ed25519Vector(t).TokenStd+`","server_public_key":"5866666666666666666666666666666666666666666666666666666666666666"`), AppForm, "Keystore.ServerPublicKey"},
		"an RSA token, no text": {credentials("rsa2048", `,"pin_token":"?"`), ClientForm, "pin_token"},
		"none":                  {none, ClientForm, "Credentials"},
		"the zero value":        {&Credentials{}, AppForm, "Credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.creds.JSON(tt.form)
			assert.Nil(t, got)
			requireLocal(t, err, "make credentials", tt.field)
		})
	}
	assert.Equal(t, Keystore{}, none.Keystore())
	assert.False(t, none.Exportable())
	assert.Equal(t, "client form, app form, unknown form", ClientForm.String()+", "+AppForm.String()+", "+KeystoreForm(2).String())
	got, err := credentials("ed25519", "").JSON(AppForm)
	require.NoError(t, err)
	require.False(t, strings.Contains(string(got), "server_public_key"))
}

// TestCredentialsShowNoKey prints them in every form and wipes the source.
func TestCredentialsShowNoKey(t *testing.T) {
	t.Parallel()
	all := readVectors(t)
	for _, name := range []string{"ed25519", "rsa2048"} {
		key := all.key(t, name)
		pristine := all.key(t, name)
		body := replyWith(`,"pin_token":"` + testPinToken + `","pin_token_base64":"` + testPIN + `"`)
		creds, err := createdWith(t, secretOf(t, key), body).Credentials(key)
		require.NoError(t, err)
		secrets := append(keyForms(t, pristine), testPinToken, testPIN)
		for _, value := range []any{creds, *creds, []any{creds}, []Credentials{*creds}, struct{ C Credentials }{*creds}, struct{ c *Credentials }{creds}} {
			requireNoLeak(t, value, secrets)
		}
		kind := map[string]string{"ed25519": "Ed25519", "rsa2048": "RSA"}[name]
		assert.Equal(t, "mixin.Credentials{user_id: "+newUserID+", session_id: "+newSessionID+", key: "+kind+", exportable: true}", printed(t, creds)["%+v"])
		if ed, ok := key.(ed25519.PrivateKey); ok {
			clear(ed)
			given, _ := creds.Keystore().PrivateKey.(ed25519.PrivateKey)
			clear(given)
			require.True(t, equalKeys(creds.Keystore().PrivateKey, pristine), "the caller wiped it")
		}
		if rsaKey, ok := key.(*rsa.PrivateKey); ok {
			require.True(t, slices.Equal(rsaKey.N.Bits(), pristine.(*rsa.PrivateKey).N.Bits()))
		}
	}
	assert.Equal(t, "mixin.Credentials{user_id: , session_id: , key: none, exportable: false}", printed(t, Credentials{})["%v"])
}
