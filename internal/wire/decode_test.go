package wire_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	experiment "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi/lenient"
)

type inner struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

type user struct {
	ID     int64             `json:"id"`
	Login  *string           `json:"login"`
	Flag   *bool             `json:"flag"`
	Count  *int64            `json:"count"`
	List   []string          `json:"list"`
	Inners []inner           `json:"inners"`
	One    *inner            `json:"one"`
	Names  map[string]string `json:"names"`
	Loose  *lenient.Number   `json:"loose"`
	At     lenient.Time      `json:"at"`
	Raw    json.RawMessage   `json:"raw"`
}

type reply struct {
	User user `json:"user"`
}

var path = wire.Path{Object: "user", Names: []string{"id", "login"}}

func TestDecode(t *testing.T) {
	t.Parallel()
	seven := lenient.Number("7")
	for in, want := range map[string]user{
		`{"user":{"id":5,"login":"ann","flag":true,"count":0,"list":["x"],"inners":[{"name":"n","score":1.5}],"one":{"name":"o"},"names":{"a":"b"},"loose":7}}`: {
			ID: 5, Login: new("ann"), Flag: new(true), Count: new(int64(0)), List: []string{"x"},
			Inners: []inner{{"n", 1.5}}, One: &inner{Name: "o"}, Names: map[string]string{"a": "b"}, Loose: &seven,
		},
		// Of another type.
		`{"user":{"id":"5","login":7,"flag":"true","count":"12","loose":"7"}}`:                            {ID: 5, Login: new("7"), Flag: new(true), Count: new(int64(12)), Loose: &seven},
		`{"user":{"id":5.0,"login":true,"flag":"yes","count":1.5}}`:                                       {ID: 5, Login: new("true")},
		`{"user":{"id":5,"login":["a"],"flag":{},"count":[],"one":7,"names":[],"raw":{"a":1}}}`:           {ID: 5, Raw: json.RawMessage(`{"a":1}`)},
		`{"user":{"id":null,"login":null,"flag":null,"list":null,"one":null,"names":null,"x":"y","y":3}}`: {},
		`{"user":{"id":12345678901234567890,"count":"007"}}`:                                              {},
		`{"user":{"id":5,"list":["a",{},7,null,["b"]],"inners":[{"name":3},"x",{"score":"2"}]}}`:          {ID: 5, List: []string{"a", "7"}, Inners: []inner{{Name: "3"}, {Score: 2}}},
		`{"user":{"id":"5","list":"a","inners":{},"names":{"a":1,"b":{}}}}`:                               {ID: 5, Names: map[string]string{"a": "1"}},
		`{"user":[]}`: {}, `{"user":null}`: {}, `[]`: {}, `null`: {}, `7`: {},
		// In another spelling it is another member; escaped it is the same.
		`{"user":{"id":5,"ID":7,"Login":"x"}}`:   {ID: 5},
		`{"USER":{"id":5},"u\u017fer":{"id":6}}`: {},
		`{"us\u0065r":{"\u0069d":5}}`:            {ID: 5},
		// Of the path, none that stands twice; elsewhere the last.
		`{"user":{"id":5,"id":7,"login":"a"}}`:                {Login: new("a")},
		`{"user":{"id":5,"\u0069d":5}}`:                       {},
		`{"user":{"id":5,"id":6,"id":7}}`:                     {},
		`{"user":{"id":5},"user":{"id":7}}`:                   {},
		`{"user":{"id":5,"login":"a","login":"a"}}`:           {ID: 5},
		`{"user":{"id":5,"count":1,"count":2}}`:               {ID: 5, Count: new(int64(2))},
		`{"user":{"id":5,"x":{"id":1,"id":2}},"id":1,"id":2}`: {ID: 5},
		// Bytes that are not UTF-8.
		"{\"user\":{\"id\":5,\"login\":\"\xff\"}}": {ID: 5, Login: new("\uFFFD")},
		`{"user":{"id":"5","login":"\ud800"}}`:     {ID: 5, Login: new("\uFFFD")},
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			var got reply
			require.NoError(t, wire.Decode([]byte(in), &got, path))
			assert.Equal(t, want, got.User)
		})
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"5": 5, "-5": -5, "0": 0, "5.0": 5, "5.00": 5} {
		n, ok := wire.Int(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, n, text)
	}
	for _, text := range []string{"", "5.", ".0", "5.1", "007", "+5", "-0", " 5", "5e0", "0x5", "1_0", "9223372036854775808"} {
		n, ok := wire.Int(text)
		assert.False(t, ok, text)
		assert.Zero(t, n, text)
	}
}

func TestDecodeValues(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]wire.Values{
		`{"user":{"id":5}}`:                           nil,
		`{"errors":null}`:                             {json.RawMessage(`null`)},
		`{"errors":["a"], "errors" : null}`:           {json.RawMessage(`["a"]`), json.RawMessage(`null`)},
		`{"errors":{},"Errors":7,"\u0065rrors":"no"}`: {json.RawMessage(`{}`), json.RawMessage(`"no"`)},
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			var got struct {
				Errors wire.Values `json:"errors"`
			}
			require.NoError(t, wire.Decode([]byte(in), &got, path))
			assert.Equal(t, want, got.Errors)
		})
	}
}

// TestDecodeBroken: what stood before a text broke off is kept.
func TestDecodeBroken(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]user{
		`{"user":{"id":5,"login":"ann","co`:       {ID: 5, Login: new("ann")},
		`{"user":{"id":5,"id":7,"login":"ann","c`: {Login: new("ann")},
		`{"user":{"id":5,"login":"a","count":12`:  {ID: 5, Login: new("a")}, // perhaps cut in two
		`{"user":{"id":5}`:                        {ID: 5},
		`{"user":{"id":5}} x`:                     {ID: 5},
		`{"user":{"id":5}}{}`:                     {ID: 5},
		`{"Pa55word":x`:                           {},
		`<html>`:                                  {},
		``:                                        {},
	} {
		var got reply
		err := wire.Decode([]byte(in), &got, path)
		require.Error(t, err, in)
		assert.Contains(t, []string{"the reply is cut off", "the reply is not JSON"}, err.Error(), "no byte of the reply is quoted")
		require.NoError(t, errors.Unwrap(err))
		assert.Equal(t, want, got.User, in)
	}
}

func TestScanID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"user":{"id":96752798,"login":"Pe`:           "96752798",
		`{"user":{"login":"x","id":96752798}`:          "96752798",
		`{"user":{"id":"96752798" ,`:                   "96752798",
		`{"a":{"id":1},"b":[{"id":2}],"user":{"id":3,`: "3",
		`{"us\u0065r":{"\u0069d":3,`:                   "3",
		`{"user":{"id":96752798`:                       "", // perhaps cut in two
		`{"user":{"id":96752798   `:                    "",
		`{"user":{"id":"967527`:                        "",
		`{"user":{"id":null,`:                          "",
		`{"user":{"id":{"a":1},`:                       "",
		`{"user":{"id":true,`:                          "",
		`{"user":{"id":"",`:                            "",
		`{"id":5,`:                                     "",
		`{"user":[{"id":5}],`:                          "",
		`[{"user":{"id":5,`:                            "",
		`{"user":{"ID":5,`:                             "",
		`{"user":{"id":5,"id":7,`:                      "",
		`{"user":{"id":5,"id":{}}}`:                    "",
		`{"user":{"id":5},"user":{"x":7}}`:             "",
		`{"user":{"id":5},"user":3,`:                   "",
		`<html>`:                                       "",
		``:                                             "",
	} {
		id, ok := wire.ScanID([]byte(in), "user", "id")
		assert.Equal(t, want != "", ok, in)
		assert.Equal(t, want, id, in)
	}
}

// TestDecodeRest: members without a field, and those of another type, are kept as they came.
func TestDecodeRest(t *testing.T) {
	t.Parallel()
	type row struct {
		ID    int64  `json:"id"`
		Email string `json:"email"`
		Flag  *bool  `json:"flag"`
	}
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	for in, want := range map[string]map[string]json.RawMessage{
		`{"id":5,"email":"a"}`:                          nil,
		`{"id":"5","email":7,"flag":null}`:              nil,
		`{"id":5,"email":{"a":1},"flag":"perhaps"}`:     {"email": raw(`{"a":1}`), "flag": raw(`"perhaps"`)},
		`{"id":5,"plan":"gold","x":{"y":[1]},"z":null}`: {"plan": raw(`"gold"`), "x": raw(`{"y":[1]}`), "z": raw(`null`)},
		`{"ID":5}`:                           {"ID": raw(`5`)},
		`{"\u0069d":5,"pl\u0061n":"\u0061"}`: {"plan": raw(`"\u0061"`)},
		"{\"\xff\":1}":                       {"\uFFFD": raw(`1`)},
		`{"a":1,"a":2}`:                      {"a": raw(`2`)},
		`{"a":1,"b":`:                        {"a": raw(`1`)},
		`[{"a":1}]`:                          nil,
		``:                                   nil,
	} {
		var r row
		rest, err := wire.DecodeRest([]byte(in), &r, wire.Path{Names: []string{"id"}})
		assert.Equal(t, json.Valid([]byte(in)), err == nil, in)
		assert.Equal(t, want, rest, in)
	}
	text := []byte(`{"id":5, "plan" : "gold" ,"seats": 3 }`)
	rest, err := wire.DecodeRest(text, &row{}, wire.Path{Names: []string{"id"}})
	require.NoError(t, err)
	clear(text)
	_ = append(rest["plan"], "is overwritten"...)
	assert.Equal(t, map[string]json.RawMessage{"plan": raw(`"gold"`), "seats": raw(`3`)}, rest, "each value is the caller's own")
	assert.ElementsMatch(t, []string{"id", "email", "flag"}, slices.Collect(wire.FieldNames(&row{})))
}

func TestOnce(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"code":5,"x":{"code":6}}`: "5", `{"c\u006fde":"a" }`: `"a"`, `{"code":5,"more":`: "5",
		`{"code":5,"code":5}`: "", `{"CODE":5}`: "", `{"code":5`: "", `["code"]`: "", ``: "",
	} {
		assert.Equal(t, want, string(wire.Once([]byte(in), "code")["code"]), in)
	}
}

// FuzzDecode: nothing makes a decode panic, valid JSON never fails it, and the reading of
// a broken reply's id agrees with it.
func FuzzDecode(f *testing.F) {
	for _, in := range []string{
		`{"user":{"id":5,"login":"ann","list":["a",1],"inners":[{"name":3}],"names":{"a":1},"at":"2026-01-01T00:00:00+24:00"}}`,
		`{"user":{"id":5,"id":7}}`, `{"user":{"id":5},"user":{}}`, `{"user":{"id":"5","ID":7},"x":`, `[]`, ``, `{"user":{"id":5.0}}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got reply
		err := wire.Decode(data, &got, path)
		if err != nil && json.Valid(data) {
			t.Fatalf("valid JSON failed: %v", err)
		}
		again, encodeErr := json.Marshal(got.User.At)
		require.NoError(t, encodeErr, again)
		text, ok := wire.ScanID(data, "user", "id")
		id, isInt := wire.Int(text)
		if ok && isInt && got.User.ID != id {
			t.Fatalf("the id is %d to one and %d to the other", got.User.ID, id)
		}
		if err == nil && got.User.ID != 0 && !ok {
			t.Fatalf("the id %d is believed by one alone", got.User.ID)
		}
		_, _ = wire.DecodeRest(data, &got, path)
	})
}

// BenchmarkDecode decodes a reply with members that are known, and with some that are not,
// beside the packages that it could be decoded with.
func BenchmarkDecode(b *testing.B) {
	known, err := os.ReadFile("testdata/reply.json")
	require.NoError(b, err)
	unknown, err := os.ReadFile("testdata/reply_unknown.json")
	require.NoError(b, err)
	for name, data := range map[string][]byte{"known": known, "unknown": unknown} {
		for with, decode := range map[string]func([]byte, any) error{
			"wire":       func(data []byte, v any) error { return wire.Decode(data, v, path) },
			"json":       json.Unmarshal,
			"experiment": func(data []byte, v any) error { return experiment.Unmarshal(data, v) },
		} {
			b.Run(name+"/"+with, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var r reply
					if err := decode(data, &r); err != nil || r.User.ID == 0 {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
