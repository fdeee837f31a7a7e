// Package uuid makes and checks the UUIDs of RFC 9562 that vendors want.
package uuid

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // version 5 is defined with SHA-1
	"encoding/hex"
	"strings"
)

// UUID is a UUID's sixteen bytes.
type UUID [16]byte

// New returns a random version 4 UUID.
func New() UUID {
	var u UUID
	_, _ = rand.Read(u[:]) // never fails: crypto/rand
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Derive returns the version 5 UUID of name in a namespace.
func Derive(namespace UUID, name string) UUID {
	h := sha1.New() //nolint:gosec // see the import
	h.Write(namespace[:])
	h.Write([]byte(name))
	var u UUID
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// String returns the canonical form in lower case.
func (u UUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// Canonical returns text in lower case if it is a UUID in the canonical form of
// 36 characters, of any version.
func Canonical(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return "", false
		}
	}
	return strings.ToLower(text), true
}
