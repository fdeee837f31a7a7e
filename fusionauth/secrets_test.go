package fusionauth_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

// planted is in every secret of the values below.
const planted = "planted-Secret-93d2"

// everyForm returns every printed, logged or encoded form of a value, of a pointer to it, and with
// verbs that do not fit.
func everyForm[T any](t *testing.T, v T) string {
	t.Helper()
	var b strings.Builder
	shapes := []any{
		v, &v, []T{v}, []*T{&v}, [1]*T{&v}, []any{v, &v}, map[string]T{"v": v}, map[string]*T{"v": &v},
		map[string]any{"v": v, "p": &v}, struct{ V T }{v}, struct{ P *T }{&v}, &struct{ P *T }{&v},
		struct{ A any }{&v}, []struct{ P *T }{{&v}},
	}
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t", "e", "f", "g", "U", "c", "b", "o", "z"} {
		for _, shape := range shapes {
			fmt.Fprintf(&b, "%"+verb+"\n", shape)
		}
	}
	for _, shape := range shapes {
		encoded, err := json.Marshal(shape)
		require.NoError(t, err)
		b.Write(encoded)
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("m", "v", shape, slog.Group("g", "v", shape))
		}
	}
	return b.String()
}

// assertHidden asserts that neither the planted secret nor an encoding of it is shown.
func assertHidden[T any](t *testing.T, name string, v T) {
	t.Helper()
	lower := strings.ToLower(everyForm(t, v))
	var digits, runes []string
	for _, c := range []byte(planted) {
		digits, runes = append(digits, fmt.Sprint(c)), append(runes, fmt.Sprintf("%U", c))
	}
	for form, encoded := range map[string]string{
		"plain": planted, "hex": hex.EncodeToString([]byte(planted)), "base64": base64.RawStdEncoding.EncodeToString([]byte(planted)),
		"numbers": strings.Join(digits, " "), "code points": strings.Join(runes, " "),
	} {
		assert.False(t, strings.Contains(lower, strings.ToLower(encoded)), "%s shows the secret (%s)", name, form)
	}
}

func TestNothingShowsSecrets(t *testing.T) {
	t.Parallel()
	registration := fusionauth.Registration{AuthenticationToken: planted, Tokens: map[string]userapi.Secret{"idp": planted}}
	method := fusionauth.TwoFactorMethod{Method: fusionauth.TwoFactorAuthenticator, Secret: planted}
	twoFactor := fusionauth.TwoFactor{Methods: []fusionauth.TwoFactorMethod{method}, RecoveryCodes: []userapi.Secret{planted}}
	newUser := fusionauth.NewUser{
		Password: planted, Salt: planted, TwoFactor: twoFactor, Registrations: []fusionauth.Registration{registration},
	}
	request := fusionauth.CreateUserRequest{CurrentPassword: planted, User: newUser, VerificationIDs: []userapi.Secret{planted}}
	user := fusionauth.User{Password: planted, Salt: planted, TwoFactor: twoFactor, Registrations: []fusionauth.Registration{registration}}
	verification := fusionauth.Verification{ID: planted, OneTimeCode: planted}
	response := fusionauth.CreateUserResponse{
		EmailVerificationID: planted, EmailVerificationOneTimeCode: planted, Token: planted, User: user,
		RegistrationVerificationIDs:          map[string]userapi.Secret{"a": planted},
		RegistrationVerificationOneTimeCodes: map[string]userapi.Secret{"a": planted},
		VerificationIDs:                      []fusionauth.Verification{verification},
	}
	assertHidden(t, "Registration", registration)
	assertHidden(t, "TwoFactorMethod", method)
	assertHidden(t, "TwoFactor", twoFactor)
	assertHidden(t, "NewUser", newUser)
	assertHidden(t, "CreateUserRequest", request)
	assertHidden(t, "User", user)
	assertHidden(t, "Verification", verification)
	assertHidden(t, "CreateUserResponse", response)
	assertHidden(t, "RegisterRequest", fusionauth.RegisterRequest{Registration: registration, User: &newUser, VerificationIDs: []userapi.Secret{planted}})
	assertHidden(t, "RegisterResponse", fusionauth.RegisterResponse{
		RefreshToken: planted, Registration: registration, RegistrationVerificationID: planted, RegistrationVerificationOneTimeCode: planted,
		Token: planted, User: user, VerificationIDs: []fusionauth.Verification{verification},
	})
	assertHidden(t, "Extra", fusionauth.Extra{MiddleName: planted, TwoFactor: twoFactor, VerificationIDs: []userapi.Secret{planted}, Registration: &registration})
	cfg := fusionauth.Config{APIKey: planted, HTTP: userapi.HTTPOptions{BaseURL: baseURL}}
	assertHidden(t, "Config", cfg)
	c, err := fusionauth.New(cfg)
	require.NoError(t, err)
	assertHidden(t, "Client", *c)
	assertHidden(t, "UsersService", c.Users)

	assert.Equal(t, "[fusionauth.NewUser{}]", fmt.Sprintf("%s", []any{&newUser}))
	for v, want := range map[any]string{
		&verification: `{"id":"[REDACTED]","oneTimeCode":"[REDACTED]"}`,
		&method:       `{"method":"authenticator","secret":"[REDACTED]"}`,
		&registration: `{"tokens":{"idp":"[REDACTED]"},"authenticationToken":"[REDACTED]"}`,
	} {
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(encoded), "marshalling shows what is not secret")
	}
}

// The result of a create, and the user that contains it, hide their secrets too.
func TestWhatIsReturnedShowsNoSecrets(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	reply(mock, 200, `{"user":{"id":"{id}","twoFactor":{"methods":[{"secret":"`+planted+`"}]}},"token":"`+planted+`","verificationIds":[{"id":"`+planted+`"}]}`)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "jane@example.com", Password: planted})
	require.NoError(t, err)
	native, ok := userapi.As[*fusionauth.CreateUserResponse](u)
	require.True(t, ok)
	assert.True(t, native.Token.Reveal() == planted)
	assertHidden(t, "CreateUserResponse", *native)
	assertHidden(t, "userapi.User", *u)
}
