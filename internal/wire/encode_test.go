package wire_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/wire"
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
