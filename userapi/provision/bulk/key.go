package bulk

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// jobName is what a job may be called. It has no slash, which ends it in a key.
var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

var (
	keyNumber = regexp.MustCompile(`^-?[0-9]{1,20}$`)
	keyUUID   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// keyOf returns the IdempotencyKey of a row, from the name of the job and the value of key. It
// never changes: a ledger knows the rows by it. The package's documentation has the form.
func keyOf(job, value string) string {
	switch {
	case keyNumber.MatchString(value):
		return job + "/" + value
	case keyUUID.MatchString(value):
		return job + "/" + strings.ToLower(value)
	}
	sum := sha256.Sum256([]byte(job + "\x00" + value))
	return job + "/sha256:" + hex.EncodeToString(sum[:])
}
