package fusionauth_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

func ofBytes(n int) userapi.Secret {
	return userapi.Secret(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("h", n))))
}

// An invalid hash is refused before anything is sent, and the error names the member.
func TestPasswordHash(t *testing.T) {
	t.Parallel()
	const salt = "c2FsdA=="
	bcryptHash, bcryptSalt := userapi.Secret(strings.Repeat("a", 31)), userapi.Secret(strings.Repeat("b", 22))
	for _, tt := range []struct {
		scheme     fusionauth.EncryptionScheme
		hash, salt userapi.Secret
		factor     int
		wrong      string // the invalid members; "" for none
	}{
		{fusionauth.SaltedMD5, ofBytes(16), salt, 1, ""},
		{fusionauth.SaltedMD5, ofBytes(16), "", 1, ""},
		{fusionauth.SaltedMD5, "5f4dcc3b5aa765d61d8327deb882cf99", salt, 1, "Hash"}, // in hex
		{fusionauth.SaltedMD5, ofBytes(16), salt, 0, "Factor"},
		{fusionauth.SaltedMD5, ofBytes(16), salt, -1, "Factor"},
		{fusionauth.SaltedMD5, ofBytes(16), " " + salt, 1, "Salt"},
		{fusionauth.SaltedMD5, ofBytes(16), salt + "\n", 1, "Salt"},
		{fusionauth.SaltedMD5, ofBytes(16), "c2FsdA", 1, ""}, // without padding
		{fusionauth.SaltedMD5, ofBytes(16), "c2FsdA=", 1, "Salt"},
		{fusionauth.SaltedMD5, ofBytes(16), "pepper!", 1, "Salt"},
		{fusionauth.SaltedMD5, "", salt, 1, "Hash"},
		{fusionauth.SaltedSHA256, ofBytes(32), salt, 24000, ""},
		{fusionauth.SaltedSHA256, ofBytes(32)[:43], salt, 24000, "Hash"},        // without padding
		{fusionauth.SaltedSHA256, ofBytes(32) + "====", salt, 24000, "Hash"},    // with too much padding
		{fusionauth.SaltedSHA256, ofBytes(32)[:42] + "h=", salt, 24000, "Hash"}, // a non-canonical text of the same bytes
		{fusionauth.SaltedSHA256, ofBytes(32), "AAAA====", 24000, "Salt"},
		{fusionauth.SaltedSHA256, ofBytes(16), salt, 24000, "Hash"},
		{fusionauth.SaltedHmacSHA256, ofBytes(32), salt, 0, ""},
		{fusionauth.SaltedHmacSHA256, ofBytes(32), "", 0, "Salt"},
		{fusionauth.SaltedPBKDF2HmacSHA256, ofBytes(32), salt, 24000, ""},
		{fusionauth.SaltedPBKDF2HmacSHA256, ofBytes(64), salt, 24000, "Hash"},
		{fusionauth.SaltedPBKDF2HmacSHA256, ofBytes(32), "", 0, "Factor Salt"},
		{fusionauth.SaltedPBKDF2HmacSHA256512, ofBytes(64), salt, 24000, ""},
		{fusionauth.SaltedPBKDF2HmacSHA512512, ofBytes(64), salt, 24000, ""},
		{fusionauth.SaltedPBKDF2HmacSHA512512, ofBytes(32), salt, 24000, "Hash"},
		{fusionauth.PhpassMD5, ofBytes(16), salt, 8192, ""},
		{fusionauth.PhpassSHA512, ofBytes(64)[:43], salt, 8192, ""},
		{fusionauth.PhpassSHA512, ofBytes(64), salt, 8192, "Hash"},
		{fusionauth.Bcrypt, bcryptHash, bcryptSalt, 10, ""},
		{fusionauth.Bcrypt, bcryptHash, bcryptSalt, 3, "Factor"},
		{fusionauth.Bcrypt, bcryptHash, bcryptSalt, 32, "Factor"},
		{fusionauth.Bcrypt, bcryptHash, "", 10, "Salt"},
		{fusionauth.Bcrypt, bcryptSalt + bcryptHash, "", 10, "Hash Salt"},
		{fusionauth.Bcrypt, bcryptHash, bcryptSalt[:21] + "+", 10, "Salt"},
		{"argon2id-of-a-plug-in", "anything", "any salt", 0, ""},
		{"argon2id-of-a-plug-in", "", "", 0, "Hash"},
		{"", "anything", "", 0, "Scheme"},
		{fusionauth.SaltedMD5, userapi.Redacted, userapi.Redacted, 1, "Hash Salt"},
	} {
		t.Run(fmt.Sprintf("%s %s", tt.scheme, tt.wrong), func(t *testing.T) {
			t.Parallel()
			c, server := newPair(t)
			err := c.PreflightUser(userapi.CreateUserRequest{Username: "ada", Extensions: []userapi.Extension{fusionauth.Extra{
				PasswordHash: fusionauth.PasswordHash{Hash: tt.hash, Salt: tt.salt, Scheme: tt.scheme, Factor: tt.factor},
			}}})
			assert.Empty(t, server.Requests())
			if tt.wrong == "" {
				require.NoError(t, err)
				return
			}
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			wrong := map[string]bool{}
			for _, f := range e.FieldErrors {
				if member, ok := strings.CutPrefix(f.VendorField, "Extra.PasswordHash."); ok {
					wrong[member] = true
				}
				if tt.hash != "" {
					assert.NotContains(t, f.Message, tt.hash.Reveal())
				}
			}
			for _, member := range strings.Fields(tt.wrong) {
				assert.True(t, wrong[member], "%s is wrong: %+v", member, e.FieldErrors)
				delete(wrong, member)
			}
			assert.Empty(t, wrong)
		})
	}
}

func TestPasswordHashAlone(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	for name, change := range map[string]func(*userapi.CreateUserRequest, *fusionauth.Extra){
		"user.password":                     func(r *userapi.CreateUserRequest, _ *fusionauth.Extra) { r.Password = password },
		"Extra.EncryptionScheme":            func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.EncryptionScheme = fusionauth.Bcrypt },
		"Extra.Factor":                      func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.Factor = new(0) },
		"Extra.ApplicationID":               func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.ApplicationID = userID },
		"Extra.DisableDomainBlock":          func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.DisableDomainBlock = new(false) },
		"Extra.SendSetPasswordEmail":        func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.SendSetPasswordEmail = new(false) },
		"Extra.SendSetPasswordIdentityType": func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.SendSetPasswordIdentityType = "email" },
		"Extra.VerificationIDs":             func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.VerificationIDs = []userapi.Secret{"v"} },
		"Extra.EventInfo":                   func(_ *userapi.CreateUserRequest, x *fusionauth.Extra) { x.EventInfo.OS = new("Plan 9") },
	} {
		req, x := numbered(1), fusionauth.Extra{PasswordHash: sha256Hash()}
		req.Password = ""
		change(&req, &x)
		req.Extensions = []userapi.Extension{x}
		_, err := c.CreateUser(t.Context(), req)
		e := asError(t, err)
		require.Len(t, e.FieldErrors, 1, name)
		assert.Equal(t, name, e.FieldErrors[0].VendorField)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	}
	assert.Empty(t, server.Requests())
}

// A fault of a hash or of its registration is reported once.
func TestPasswordHashFaultsOnce(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t)
	hash := sha256Hash()
	hash.Salt = userapi.Redacted
	req := userapi.CreateUserRequest{Username: "ada", Extensions: []userapi.Extension{fusionauth.Extra{
		PasswordHash: hash, Registration: &fusionauth.Registration{Timezone: new("Mars /Base")},
	}}}
	var wrong []string
	for _, f := range asError(t, c.PreflightUser(req)).FieldErrors {
		wrong = append(wrong, f.VendorField)
	}
	assert.ElementsMatch(t, []string{"Extra.PasswordHash.Salt", "registration.applicationId", "registration.timezone"}, wrong)
}

func TestParseBcrypt(t *testing.T) {
	t.Parallel()
	const rest = "wisIVhmjWjm/lkujDJVAXuuYDXiGU/c9HK3mMzqFbfk45PXA527ui"
	for _, version := range []string{"2a", "2b", "2y", "2"} {
		h, err := fusionauth.ParseBcrypt("$" + version + "$10$" + rest)
		require.NoError(t, err)
		assert.True(t, h.Hash.Reveal() == rest[22:] && h.Salt.Reveal() == rest[:22])
		assert.Equal(t, 10, h.Factor)
		assert.Equal(t, fusionauth.Bcrypt, h.Scheme)
	}
	for _, text := range []string{"", rest, "$10$" + rest, "$2y$10$" + rest[1:], "$2y$10$" + rest + "=", "$2y$x$" + rest, "$2y$99$" + rest, "$1$10$" + rest, "$2x$10$" + rest, "$2a$+9$" + rest, "$2a$010$" + rest, "$2y$10$" + rest[1:] + "!"} {
		h, err := fusionauth.ParseBcrypt(text)
		require.Error(t, err, text)
		assert.True(t, h.IsZero())
		assert.NotContains(t, err.Error(), rest[1:])
	}
}

// A plan shows the request without the hash.
func TestPlanOfAnImport(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	req := moved(1)
	req.Attributes = nil
	req.Extensions = []userapi.Extension{&fusionauth.Extra{PasswordHash: sha256Hash(), SkipVerification: new(true)}}
	plan, err := c.PlanUser(req)
	require.NoError(t, err)
	assert.Equal(t, "POST /api/user/import", plan.Method+" "+plan.Route)
	assert.Equal(t, `{"users":[{"active":true,"email":"Jane1@Example.com","encryptionScheme":"salted-sha256","factor":30,"id":"`+plan.UserID+`","username":"jane1","verified":true,"password":"[REDACTED]","salt":"[REDACTED]"}],"validateDbConstraints":true}`, string(plan.Body))
	got := reply(mock, 200, "")
	_, _ = c.CreateUser(t.Context(), req)
	sent := strings.NewReplacer(hashOfSHA256, userapi.Redacted, sha256Hash().Salt.Reveal(), userapi.Redacted).Replace(string(got.body))
	assert.Equal(t, string(plan.Body), sent, "what is sent is what was planned")

	req.ExternalID = ""
	plan, err = c.PlanUser(req)
	require.NoError(t, err)
	assert.Empty(t, plan.UserID)
	assert.NotContains(t, string(plan.Body), `"id"`)
}
