package mixin

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// tipCounter is that of a user's first TIP key, which is also its last.
const tipCounter = 1

// tipSecret is what sets a TIP key: its public half and a counter. Source: Mixin's docs,
// "Migrate to TIP".
func tipSecret(key ed25519.PrivateKey) []byte {
	secret := make([]byte, 0, ed25519.PublicKeySize+8)
	secret = append(secret, key[ed25519.SeedSize:]...)
	return binary.BigEndian.AppendUint64(secret, tipCounter)
}

// tipVerification is what proves a TIP key at a time in Unix nanoseconds. Source:
// Mixin's docs, "Migrate to TIP".
func tipVerification(key ed25519.PrivateKey, timestamp int64) []byte {
	return ed25519.Sign(key, fmt.Appendf(nil, "TIP:VERIFY:%032d", timestamp))
}

// spendSignature proves the key that is registered with Safe. What is signed is the
// SHA3-256 of the user's id, as Mixin's bot-api-go-client v3 has it; Mixin's docs,
// "Registration", say otherwise.
func spendSignature(spend ed25519.PrivateKey, userID string) []byte {
	digest := sha3.Sum256([]byte(userID))
	return ed25519.Sign(spend, digest[:])
}

// tipRegistration proves the TIP key for a registration with Safe. Source: Mixin's
// bot-api-go-client v3.
func tipRegistration(key ed25519.PrivateKey, userID, publicKey string) []byte {
	digest := sha256.Sum256([]byte("SEQUENCER:REGISTER:" + userID + publicKey))
	return ed25519.Sign(key, digest[:])
}

// publicHex returns a key's public half in hex.
func publicHex(key crypto.Signer) string {
	pub, _ := key.Public().(ed25519.PublicKey)
	return hex.EncodeToString(pub)
}
