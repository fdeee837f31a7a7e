package bulkriver

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestRowComesBack: opening a sealed row returns the same row, with every digit.
func TestRowComesBack(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	source.WriteString(`{"key":7,"big":123456789012345678901234567890,"exact":1.10,"small":1e-400,"null":null,"yes":true,"text":" <&>\u2028é\n ","list":["a",1.0,null,{"b":[]}],"object":{}}`)
	for row, err := range bulk.JSONLines(strings.NewReader(source.String())).Rows(t.Context()) {
		require.NoError(t, err)
		text, err := encodeRow(row)
		require.NoError(t, err)
		back, err := decodeRow(text)
		require.NoError(t, err)
		assert.Equal(t, row.Values, back.Values)
		assert.Equal(t, row.Line, back.Line)
		row.Line = 99
		moved, err := encodeRow(row)
		require.NoError(t, err)
		assert.True(t, sameRow(text, moved))
		row.Values["exact"] = json.Number("1.1")
		edited, err := encodeRow(row)
		require.NoError(t, err)
		assert.False(t, sameRow(text, edited))
	}
}

// TestRowThatDoesNot: a value that would change is refused, and not shown.
func TestRowThatDoesNot(t *testing.T) {
	t.Parallel()
	var deep any
	for range maxDepth + 10 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"bytes": []byte("planted"), "int": 7, "time": time.Now(), "number": json.Number("planted"), "empty number": json.Number(""), "text as number": json.Number(`"planted"`),
		"not UTF-8": "planted\xff", "in a list": []any{"planted\xff"}, "a name": map[string]any{"planted\xff": 1}, "deep": deep,
	} {
		_, err := encodeRow(bulk.Row{Line: 3, Values: map[string]any{"column": v}})
		require.ErrorContains(t, err, `line 3: column "column"`, name)
		assert.NotContains(t, err.Error(), "planted", name)
	}
	for _, text := range []string{"", "7", "x\n{}", "7\nplanted", "7\nnull", "7\n[]"} {
		_, err := decodeRow([]byte(text))
		require.ErrorIs(t, err, errRow, text)
	}
}
