package fusionauth

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// A PasswordHash is a password that another system has hashed. It is for a user who
// moves to FusionAuth and keeps the password. The zero value means none.
//
// FusionAuth compares the hash when the user logs in, and not before: a wrong Salt or Factor
// locks the user out. So the forms of the schemes that FusionAuth brings along are checked
// before anything is sent. Other schemes are those of plug-ins, and pass unchecked.
// Source: FusionAuth, "Users API", "Import Users", and "Password-Hashing Algorithms".
type PasswordHash struct {
	// Hash is the hash alone: in base64 with its padding, for phpass-sha512 the first 43
	// characters of that, or for bcrypt the last 31 characters. The server compares texts.
	Hash userapi.Secret
	// Salt is in base64, or for bcrypt the 22 characters before the hash. "" is sent as an
	// empty salt.
	Salt userapi.Secret
	// Scheme is required.
	Scheme EncryptionScheme
	// Factor is the number of rounds, or for bcrypt their logarithm. 0 is not sent. The
	// schemes that use a factor require it.
	Factor int
}

// ParseBcrypt splits a bcrypt hash as other systems store it, such as
// $2y$10$wisIVhmjWjm/lkujDJVAXuuYDXiGU/c9HK3mMzqFbfk45PXA527ui. The error holds nothing
// of the text.
func ParseBcrypt(text string) (PasswordHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) == 4 && parts[0] == "" && len(parts[2]) == 2 && isDigits(parts[2]) && len(parts[3]) == bcryptSalt+bcryptHash {
		factor, _ := strconv.Atoi(parts[2])
		h := PasswordHash{
			Hash: userapi.Secret(parts[3][bcryptSalt:]), Salt: userapi.Secret(parts[3][:bcryptSalt]),
			Scheme: Bcrypt, Factor: factor,
		}
		var check provider.Check
		h.check(&check)
		// Hashes of 2x are of a library that reads letters beyond ASCII wrong: no server accepts their passwords.
		if slices.Contains([]string{"2", "2a", "2b", "2y"}, parts[1]) && len(check.Faults()) == 0 {
			return h, nil
		}
	}
	return PasswordHash{}, errNotBcrypt
}

var errNotBcrypt = errors.New("fusionauth: the text must be a bcrypt hash: $2a$, $2b$ or $2y$, the factor in two digits, $, and 53 characters")

// A hashForm is what the parts of a hash look like in one of FusionAuth's own schemes.
type hashForm struct {
	// hash is its length in bytes, decoded.
	hash int
	// salted: an empty salt fails at log-in.
	salted bool
	// minFactor and maxFactor bound the factor; 0 and 0 where it is not used.
	minFactor, maxFactor int
}

const (
	maxFactor  = 1<<31 - 1
	bcryptSalt = 22
	bcryptHash = 31
	// phpass keeps 43 characters of the base64 of a SHA-512.
	phpassSHA512 = 43
)

var hashForms = map[EncryptionScheme]hashForm{
	SaltedMD5:                 {hash: 16, minFactor: 1, maxFactor: maxFactor},
	SaltedSHA256:              {hash: 32, minFactor: 1, maxFactor: maxFactor},
	SaltedHmacSHA256:          {hash: 32, salted: true},
	SaltedPBKDF2HmacSHA256:    {hash: 32, salted: true, minFactor: 1, maxFactor: maxFactor},
	SaltedPBKDF2HmacSHA256512: {hash: 64, salted: true, minFactor: 1, maxFactor: maxFactor},
	SaltedPBKDF2HmacSHA512512: {hash: 64, salted: true, minFactor: 1, maxFactor: maxFactor},
	Bcrypt:                    {minFactor: 4, maxFactor: 31},
	PhpassMD5:                 {hash: 16, minFactor: 1, maxFactor: maxFactor},
	PhpassSHA512:              {minFactor: 1, maxFactor: maxFactor},
}

// check notes what cannot be right in a hash that is set.
func (h *PasswordHash) check(c *provider.Check) {
	invalid := func(member, expected string, args ...any) {
		c.Invalid("", "Extra.PasswordHash."+member, fmt.Sprintf(expected, args...))
	}
	c.Secret("", "Extra.PasswordHash.Hash", h.Hash)
	c.Secret("", "Extra.PasswordHash.Salt", h.Salt)
	c.MustBeSet("", "Extra.PasswordHash.Scheme", h.Scheme != "")
	c.MustBeSet("", "Extra.PasswordHash.Hash", h.Hash != "")
	form, known := hashForms[h.Scheme]
	switch {
	case h.Factor < 0 || h.Factor > maxFactor:
		invalid("Factor", "must be a number from 0 to %d", maxFactor)
	case !known:
	case form.maxFactor > 0 && (h.Factor < form.minFactor || h.Factor > form.maxFactor):
		invalid("Factor", "must be the factor that the hash was made with, from %d to %d", form.minFactor, form.maxFactor)
	}
	if !known || h.Hash == "" || h.Hash == userapi.Redacted || h.Salt == userapi.Redacted {
		return
	}
	hash, salt := h.Hash.Reveal(), h.Salt.Reveal()
	switch {
	case h.Scheme == Bcrypt:
		if len(hash) != bcryptHash || !isBcrypt(hash) {
			invalid("Hash", "must be the last %d characters of a bcrypt hash, of ./A-Za-z0-9; ParseBcrypt splits it", bcryptHash)
		}
		if len(salt) != bcryptSalt || !isBcrypt(salt) {
			invalid("Salt", "must be the %d characters behind the last $ of a bcrypt hash, of ./A-Za-z0-9; ParseBcrypt splits it", bcryptSalt)
		}
		return
	case h.Scheme == PhpassSHA512:
		if _, ok := decodeBase64(hash); len(hash) != phpassSHA512 || !ok {
			invalid("Hash", "must be the first %d characters of the hash in base64", phpassSHA512)
		}
	default:
		// The server makes this text of a password, and compares the texts.
		if raw, _ := decodeBase64(hash); len(raw) != form.hash || base64.StdEncoding.EncodeToString(raw) != hash {
			invalid("Hash", "must be %d bytes in base64 with padding%s", form.hash, butNotHex(hash))
		}
	}
	switch raw, ok := decodeBase64(salt); {
	case !ok:
		invalid("Salt", "must be base64")
	case len(raw) == 0 && form.salted:
		c.Required("", "Extra.PasswordHash.Salt", "must be set for this scheme")
	}
}

// importHash puts the hash into the user, and notes what an import has no place for.
func (x *Extra) importHash(u *NewUser, req *userapi.CreateUserRequest, c *provider.Check) {
	for _, other := range [...]struct {
		field, member string
		isSet         bool
	}{
		{"Password", "user.password", req.Password != ""},
		{"", "Extra.EncryptionScheme", x.EncryptionScheme != ""},
		{"", "Extra.Factor", x.Factor != nil},
		{"", "Extra.ApplicationID", x.ApplicationID != ""},
		{"", "Extra.DisableDomainBlock", x.DisableDomainBlock != nil},
		{"", "Extra.SendSetPasswordEmail", x.SendSetPasswordEmail != nil},
		{"", "Extra.SendSetPasswordIdentityType", x.SendSetPasswordIdentityType != ""},
		{"", "Extra.VerificationIDs", len(x.VerificationIDs) > 0},
		{"", "Extra.GenerateAuthenticationToken", x.GenerateAuthenticationToken != nil},
		{"", "Extra.EventInfo", !reflect.ValueOf(x.EventInfo).IsZero()},
	} {
		if other.isSet {
			c.Invalid(other.field, other.member, "must not be set together with Extra.PasswordHash")
		}
	}
	h := &x.PasswordHash
	h.check(c)
	u.Password, u.Salt, u.EncryptionScheme = h.Hash, h.Salt, h.Scheme
	if h.Factor != 0 {
		u.Factor = &h.Factor
	}
	u.Active, u.Verified = new(true), x.SkipVerification
	if x.Registration != nil {
		registration := *x.Registration
		registration.checkNew(c)
		if x.SkipRegistrationVerification != nil {
			registration.Verified = x.SkipRegistrationVerification
		}
		u.Registrations = []Registration{registration}
	}
}

// butNotHex names the usual mistake.
func butNotHex(hash string) string {
	if _, err := hex.DecodeString(hash); err == nil {
		return ", not in hex"
	}
	return ""
}

// decodeBase64 reads base64 as Java does: of the standard alphabet, with padding or without.
func decodeBase64(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") { // which Go skips
		return nil, false
	}
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(text, "=") {
		encoding = base64.StdEncoding
	}
	raw, err := encoding.DecodeString(text)
	return raw, err == nil
}

func isBcrypt(text string) bool {
	return strings.Trim(text, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// IsZero reports whether nothing is set.
func (h PasswordHash) IsZero() bool { return h == PasswordHash{} }

// Format shows only the type.
func (h PasswordHash) Format(f fmt.State, verb rune) { provider.TypeOnly(h).Format(f, verb) }

// LogValue is like Format.
func (h PasswordHash) LogValue() slog.Value { return provider.TypeOnly(h).LogValue() }

// MarshalJSON is like Format.
func (h PasswordHash) MarshalJSON() ([]byte, error) { return provider.TypeOnly(h).MarshalJSON() }
