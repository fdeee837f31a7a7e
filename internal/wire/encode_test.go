package wire_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// custom encodes itself.
type custom string

func (c custom) MarshalJSON() ([]byte, error) { return []byte(c), nil }

// TestEncode: what is written is what package json writes, byte for byte.
func TestEncode(t *testing.T) {
	t.Parallel()
	type nested struct {
		Text  *string        `json:"text,omitempty"`
		Empty string         `json:"empty,omitempty"`
		List  []string       `json:"list"`
		Map   map[string]any `json:"map,omitempty"`
	}
	for _, v := range []any{
		nested{}, nested{Text: new("<é&\u2028\">")}, nested{List: []string{}, Map: map[string]any{"b": 1.50, "a": json.Number("1.50"), "c": nil, "d": []any{int64(1) << 60, 1e21}}},
		map[string]any{"raw": json.RawMessage(`{"b":1,"a":2}`), "custom": custom(`[1, 2]`), "\uFFFD": "\uFFFD"}, nil, 5,
		struct {
			nested
			Text string `json:"text"`
		}{nested{Text: new("inner")}, "outer"},
	} {
		want, err := json.Marshal(v)
		require.NoError(t, err)
		got, member, err := wire.Encode(v)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
		assert.Empty(t, member)
	}
}

func TestEncodeFails(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"text": map[string]any{"user": map[string]any{"text": "a\xff"}},
		"list": map[string][]string{"list": {"a", "b\xff"}},
		"a":    map[string]any{"a": custom("\"\xff\"")},
	} {
		body, member, err := wire.Encode(v)
		require.ErrorIs(t, err, wire.ErrNotUTF8)
		assert.Nil(t, body)
		assert.Equal(t, want, member)
	}
	_, _, err := wire.Encode(map[string]any{"a": "\xff", "b": math.NaN()})
	var value *json.UnsupportedValueError
	require.ErrorAs(t, err, &value)
	_, _, err = wire.Encode(func() {})
	var kind *json.UnsupportedTypeError
	require.ErrorAs(t, err, &kind)
	_, _, err = wire.Encode(map[string]any{"n": json.Number("1x")})
	require.Error(t, err)
}

// TestEncodeRevealed: a Secret's text is written wherever it stands, and redacted by Encode.
func TestEncodeRevealed(t *testing.T) {
	t.Parallel()
	type login struct {
		Name     string                    `json:"name"`
		Password userapi.Secret            `json:"password,omitempty"`
		Codes    []userapi.Secret          `json:"codes,omitempty"`
		Tokens   map[string]userapi.Secret `json:"tokens,omitempty"`
		Next     *userapi.Secret           `json:"next,omitempty"`
	}
	type plain struct {
		Name     string            `json:"name"`
		Password string            `json:"password,omitempty"`
		Codes    []string          `json:"codes,omitempty"`
		Tokens   map[string]string `json:"tokens,omitempty"`
		Next     *string           `json:"next,omitempty"`
	}
	const text = `<pass> & "wörd" \ 7!` + "\u2028"
	for v, want := range map[*login]plain{
		{Name: "a"}: {Name: "a"},
		{Password: text, Codes: []userapi.Secret{"", text}, Tokens: map[string]userapi.Secret{"t": text}, Next: new(userapi.Secret(text))}: {
			Password: text, Codes: []string{"", text}, Tokens: map[string]string{"t": text}, Next: new(text),
		},
	} {
		wantJSON, err := json.Marshal(want)
		require.NoError(t, err)
		body, _, err := wire.EncodeRevealed(v)
		require.NoError(t, err)
		assert.True(t, string(wantJSON) == string(body), "what is sent is not what is expected")

		redacted, err := json.Marshal(v)
		require.NoError(t, err)
		body, _, err = wire.Encode(v)
		require.NoError(t, err)
		assert.True(t, string(redacted) == string(body), "what is shown is not redacted")
	}
	body, member, err := wire.EncodeRevealed(login{Password: "\xff"})
	require.ErrorIs(t, err, wire.ErrNotUTF8)
	assert.Equal(t, "password", member)
	assert.Nil(t, body)
}

// fickle can be encoded from the third time on.
type fickle struct{ times *int }

func (f fickle) MarshalJSON() ([]byte, error) {
	if *f.times++; *f.times < 3 {
		return nil, errors.New("not yet")
	}
	return []byte("1"), nil
}

// Nothing that package json wrote is taken for what is sent: it holds redacted secrets.
func TestEncodeOfWhatFailsOnce(t *testing.T) {
	t.Parallel()
	body, _, err := wire.EncodeRevealed(map[string]any{"a": fickle{new(int)}, "b": userapi.Secret("x")})
	require.Error(t, err)
	assert.Nil(t, body)
}
