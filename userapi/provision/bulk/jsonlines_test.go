package bulk_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

func TestJSONLines(t *testing.T) {
	t.Parallel()
	const latin = "the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8"
	tests := []struct{ name, in, want string }{
		{"numbers, lists and objects", `{"id":9007199254740993,"score":1.10,"on":true,"off":null,"tags":["a",1],"more":{"x":{"y":1e400}}}` + "\r\n\n" + `{"id":"Zo\u00eb \ud83d\ude00 \\ud800"}`,
			`1 map["id":"9007199254740993" "more":map["x":map["y":"1e400"]] "off":<nil> "on":%!q(bool=true) "score":"1.10" "tags":["a" "1"]]` + "\n" + `3 map["id":"Zoë 😀 \\ud800"]` + "\n"},
		{"gzip of UTF-16", zipped(utf16Of(`{"a":"ł"}`+"\n", false)), `1 map["a":"ł"]` + "\n"},
		{"CR alone", `{"a":1}` + "\r" + `{"a":2}` + "\r", `1 map["a":"1"]` + "\n" + `2 map["a":"2"]` + "\n"},
		{"what is not an object", threeObjects + "1\n[]\nnull\n\"" + planted + "\"\n{}", `1 map["a":"1"]` + "\n" + `2 map["a":"2"]` + "\n" + `3 map["a":"3"]` + "\nline 4: a JSON object is expected\nline 5: a JSON object is expected\nline 6: a JSON object is expected\nline 7: a JSON object is expected\n8 map[]\n"},
		{"what is not JSON", `{"a":1}` + "\n" + `{"a":` + planted + `}` + "\n" + `{"a":1}{"a":2}` + "\n" + `{"a":"` + planted + "\n" + `{"a":1}x` + "\n" + `{"a":2,}`,
			`1 map["a":"1"]` + "\nline 2: the line is not one JSON object: unexpected byte 6\nline 3: the line is not one JSON object: unexpected byte 8\nline 4: the line ends inside a JSON value\nline 5: the line is not one JSON object: unexpected byte 8\nline 6: the line is not one JSON object: unexpected byte 8\n"},
		{"members twice", `{"a":1,"b":"` + planted + `","a":2}` + "\n" + `{"a":{"x":[{"b":1,"\u0062":2}]}}` + "\n" + `{"a":1,"A":2}`,
			"line 1: column \"a\": a member appears twice\nline 2: column \"a\": a member appears twice\n" + `3 map["A":"2" "a":"1"]` + "\n"},
		{"a member without a name", `{"":1}`, "line 1: a member has no name\n"},
		{"NUL", `{"a":"x\u0000"}` + "\n" + `{"a":["\u0000"]}` + "\n" + "{\"a\":\"\x00\"}", "line 1: column \"a\": the text has a NUL\nline 2: column \"a\": the text has a NUL\nline 3: the line is not one JSON object: unexpected byte 7\n"},
		{"Latin-1", "{\"a\":\"\xeb\"}\n{\"a\":1}", "line 1: " + latin + "\n" + `2 map["a":"1"]` + "\n"},
		{"halves of pairs", `{"a":"\ud83d"}` + "\n" + `{"a":"\ud83dx"}` + "\n" + `{"a":"\ude00\ud83d"}` + "\n" + `{"a":"\ud83d\n"}` + "\n" + `{"\uD83D\uD83D":1}`,
			strings.Join([]string{"line 1: an escape \\ud800 to \\udfff is half of a character\n", "line 2: an escape \\ud800 to \\udfff is half of a character\n", "line 3: an escape \\ud800 to \\udfff is half of a character\n", "line 4: an escape \\ud800 to \\udfff is half of a character\n", "line 5: an escape \\ud800 to \\udfff is half of a character\n"}, "")},
		{"a list", "[\n" + `{"a":1},` + "\n]", "line 1: the first line is not a complete object: write one object on each line END\n"},
		{"objects of several lines", "\n{\n" + `"a":1` + "\n}", "line 2: the first line is not a complete object: write one object on each line END\n"},
		{"joined files", threeObjects + "\ufeff" + threeObjects[:8], `1 map["a":"1"]` + "\n" + `2 map["a":"2"]` + "\n" + `3 map["a":"3"]` + "\nline 4: a byte order mark is in the middle of the file: files were joined\n"},
		{"too deep", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}` + "\n" + `{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, "line 1: column \"a\": lists and objects are more than 100 deep\n" + `2 map["a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "]\n"},
		{"a row of 2 MB", `{"a":"` + strings.Repeat("x", 2<<20) + `"}` + "\n" + `{"a":1}` + "\n" + strings.Repeat(" ", 2<<20), "line 1: the row is longer than 1048576 bytes\n" + `2 map["a":"1"]` + "\nline 3: the row is longer than 1048576 bytes\n"},
		{"gzip without its end", zipped(threeObjects)[:len(zipped(threeObjects))-8], `1 map["a":"1"]` + "\n" + `2 map["a":"2"]` + "\n" + `3 map["a":"3"]` + "\nline 4: the input is cut off END\n"},
		{"nothing", "\n\n", "line 3: the file has no rows END\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, read(t, bulk.JSONLines(strings.NewReader(test.in))))
			assert.Equal(t, test.want, read(t, bulk.JSONLines(&dribble{test.in})))
		})
	}
}

func TestRowIsNotShown(t *testing.T) {
	t.Parallel()
	row := bulk.Row{Line: 3, Values: map[string]any{"email": planted, "id": planted, "more": map[string]any{"x": planted}}}
	text := fmt.Sprintf("%v %+v %#v %s %q %d %x", row, &row, row, row, row, row, []bulk.Row{row})
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("row", "row", row, "rows", []bulk.Row{row})
	encoded, err := json.Marshal(row)
	require.NoError(t, err)
	for _, text := range []string{text, b.String(), string(encoded)} {
		assert.NotContains(t, text, planted)
		assert.NotContains(t, text, fmt.Sprintf("%x", planted))
	}
	assert.Equal(t, "row{line 3: email id more}", fmt.Sprint(row))
}
