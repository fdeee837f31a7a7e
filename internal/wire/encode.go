package wire

import (
	"cmp"
	stdjson "encoding/json"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/enlist-go/enlist/userapi"
)

// An encoding writes what encoding/json writes. anyUTF8 replaces what is not UTF-8, as that
// does; onlyUTF8 refuses it.
type encoding struct{ anyUTF8, onlyUTF8 json.Options }

func newEncoding(marshalers ...*json.Marshalers) encoding {
	number := json.MarshalFunc(func(n stdjson.Number) ([]byte, error) { return stdjson.Marshal(n) })
	anyUTF8 := json.JoinOptions(
		jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false),
		json.WithMarshalers(json.JoinMarshalers(append(marshalers, number)...)),
	)
	return encoding{anyUTF8, json.JoinOptions(anyUTF8, jsontext.AllowInvalidUTF8(false))}
}

var (
	redacting = newEncoding()
	revealing = newEncoding(json.MarshalToFunc(func(to *jsontext.Encoder, s userapi.Secret) error {
		return to.WriteToken(jsontext.String(s.Reveal()))
	}))
)

// ErrNotUTF8 says that a text is not valid UTF-8.
var ErrNotUTF8 = errors.New("a text is not valid UTF-8")

// Encode writes a value as encoding/json does, secrets redacted. Its errors are those of
// encoding/json, and ErrNotUTF8 with the name of the member that the text is in; "" where that is
// not known.
func Encode(v any) (body []byte, member string, err error) { return redacting.encode(v) }

// EncodeRevealed is Encode with the text of each userapi.Secret, wherever it stands: it
// writes what is sent.
func EncodeRevealed(v any) (body []byte, member string, err error) { return revealing.encode(v) }

func (e encoding) encode(v any) (body []byte, member string, err error) {
	body, err = json.Marshal(v, e.onlyUTF8)
	if err == nil {
		return body, "", nil
	}
	if _, otherErr := json.Marshal(v, e.anyUTF8); otherErr != nil {
		_, err = stdjson.Marshal(v) // which says what is wrong by the types of its errors
		return nil, "", cmp.Or(err, otherErr)
	}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	var at jsontext.Pointer
	switch {
	case errors.As(err, &syntactic):
		at = syntactic.JSONPointer
	case errors.As(err, &semantic):
		at = semantic.JSONPointer
	}
	for token := range at.Tokens() {
		if strings.Trim(token, "0123456789") != "" {
			member = token
		}
	}
	return nil, member, ErrNotUTF8
}
