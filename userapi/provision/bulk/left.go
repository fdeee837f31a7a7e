package bulk

import (
	"crypto/sha256"
	"maps"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// rowsLeft has a digest of each unfinished row of a run, by the row's key. In the same run a later
// row with that key does not correct the first one. An entry takes 32 bytes.
type rowsLeft map[[16]byte][16]byte

func short(sum [sha256.Size]byte) (half [16]byte) {
	copy(half[:], sum[:])
	return half
}

// sumOf returns a digest of a row of the input.
func sumOf(row Row) [16]byte {
	values := maps.Clone(row.Values)
	maps.DeleteFunc(values, func(name string, _ any) bool { return strings.HasPrefix(name, "_") })
	return short(sha256.Sum256([]byte(encode(values))))
}

// add stores the row if it is the first one with its key.
func (r rowsLeft) add(t task) {
	key := short(sha256.Sum256([]byte(t.req.IdempotencyKey)))
	if _, there := r[key]; !there {
		r[key] = sumOf(t.row)
	}
}

// hasOther reports whether a different row with the same key is unfinished.
func (r rowsLeft) hasOther(t task) bool {
	if len(r) == 0 {
		return false
	}
	sum, there := r[short(sha256.Sum256([]byte(t.req.IdempotencyKey)))]
	return there && sum != sumOf(t.row)
}

// different returns the results of a row whose key an earlier row has used.
func different(t task, targets []string) (results []provision.Result) {
	for _, name := range targets {
		results = append(results, provision.Result{
			Target: name, Disposition: provision.DispositionNotSent, IdempotencyKey: t.req.IdempotencyKey,
			Err: &userapi.Error{
				Op: "sign up user", Subject: userapi.SubjectUser, Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, Code: codeChanged,
				FieldErrors: []userapi.FieldError{{Field: "IdempotencyKey", Code: userapi.CodeDifferent, Message: "was used by an earlier row"}},
			},
		})
	}
	return results
}
