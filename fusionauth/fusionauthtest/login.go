package fusionauthtest

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // users can have such hashes
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// A credential is what a user logs in with: a plain password, or its hash and the scheme.
type credential struct {
	password, salt, scheme string
	factor                 int
}

func newCredential(in object) credential {
	var c credential
	c.password, _ = in["password"].(string)
	c.salt, _ = in["salt"].(string)
	c.scheme, _ = in["encryptionScheme"].(string)
	if factor, ok := in["factor"].(json.Number); ok {
		n, _ := factor.Int64()
		c.factor = int(n)
	}
	return c
}

// plain removes the hash's parts. In a create they say how the server hashes.
func (c credential) plain() credential { return credential{password: c.password} }

func (c credential) saltIsReadable() bool {
	_, ok := c.saltBytes()
	return ok || c.scheme == "bcrypt"
}

// saltBytes decodes the salt as Java does, with or without padding.
func (c credential) saltBytes() ([]byte, bool) {
	encoding := base64.RawStdEncoding
	if len(c.salt)%4 == 0 {
		encoding = base64.StdEncoding
	}
	salt, err := encoding.DecodeString(c.salt)
	return salt, err == nil && !strings.ContainsAny(c.salt, "\r\n") // Go ignores them
}

// accepts reports whether a password is the user's. It supports FusionAuth's schemes. Source:
// FusionAuth, "Password-Hashing Algorithms".
func (c credential) accepts(password string) bool {
	if c.scheme == "" {
		return c.password != "" && subtle.ConstantTimeCompare([]byte(c.password), []byte(password)) == 1
	}
	if c.scheme == "bcrypt" {
		whole := fmt.Sprintf("$2a$%02d$%s%s", c.factor, c.salt, c.password)
		return bcrypt.CompareHashAndPassword([]byte(whole), []byte(password)) == nil
	}
	salt, ok := c.saltBytes()
	if !ok {
		return false
	}
	text := base64.StdEncoding.EncodeToString(c.hash([]byte(password), salt))
	if c.scheme == "phpass-sha512" && text != "" {
		text = text[:43]
	}
	return text != "" && subtle.ConstantTimeCompare([]byte(c.password), []byte(text)) == 1
}

// hash hashes a password. It returns nil for an unknown scheme.
func (c credential) hash(password, salt []byte) []byte {
	switch c.scheme {
	case "salted-md5":
		return rounds(md5.New(), append(password, salt...), nil, c.factor) //nolint:gosec // see the import
	case "salted-sha256":
		return rounds(sha256.New(), append(password, salt...), nil, c.factor)
	case "salted-hmac-sha256":
		mac := hmac.New(sha256.New, salt)
		mac.Write(password)
		return mac.Sum(nil)
	case "salted-pbkdf2-hmac-sha256":
		return derived(sha256.New, password, salt, c.factor, 32)
	case "salted-pbkdf2-hmac-sha256-512":
		return derived(sha256.New, password, salt, c.factor, 64)
	case "salted-pbkdf2-hmac-sha512-512":
		return derived(sha512.New, password, salt, c.factor, 64)
	case "phpass-md5":
		return rounds(md5.New(), append(salt, password...), password, c.factor+1) //nolint:gosec // see the import
	case "phpass-sha512":
		return rounds(sha512.New(), append(salt, password...), password, c.factor+1)
	}
	return nil
}

// rounds hashes a text n times. From the second time on it appends more.
func rounds(h hash.Hash, text, more []byte, n int) []byte {
	for i := range n {
		h.Reset()
		h.Write(text)
		if i > 0 {
			h.Write(more)
		}
		text = h.Sum(nil)
	}
	return text
}

func derived(h func() hash.Hash, password, salt []byte, factor, size int) []byte {
	key, err := pbkdf2.Key(h, string(password), salt, factor, size)
	if err != nil {
		return nil
	}
	return key
}

var loginRequest = members{
	"applicationId": uuid, "ipAddress": text, "loginId": text, "loginIdTypes": listOf{text}, "noJWT": boolean, "password": text,
}

// login logs a user in if the password is right. A wrong password and a missing user get the same
// answer. Source: FusionAuth, "Login API", "Authenticate a User".
func (s *Server) login(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	request, invalid := s.parse(r, loginRequest)
	if invalid != nil {
		return invalid.reply()
	}
	loginID, _ := request["loginId"].(string)
	password, _ := request["password"].(string)
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants := s.settings.tenants
	if tenantID != "" {
		tenants = []string{tenantID}
	}
	for _, tenant := range tenants {
		for _, name := range [...]string{"email", "username", "phoneNumber"} {
			u := s.holder(name, tenant, loginID)
			if u == nil || !u.active || !u.credential.accepts(password) {
				continue
			}
			return jsonReply(http.StatusOK, object{
				"token": token(u), "tokenExpirationInstant": s.http.Now().Add(tokenLife).UnixMilli(), "user": s.reply(u)["user"],
			})
		}
	}
	return notFound
}
