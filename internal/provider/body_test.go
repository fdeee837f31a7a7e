package provider_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
)

func TestDecodeErrorBody(t *testing.T) {
	t.Parallel()
	fields := func(pairs ...string) map[string][]string {
		m := map[string][]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = append(m[pairs[i]], pairs[i+1])
		}
		return m
	}
	for name, tt := range map[string]struct {
		body  string
		plain bool
		want  provider.ErrorBody
	}{
		"by field":          {`{"errors":{"login":["has already been taken","is bad"],"email":"x"}}`, false, provider.ErrorBody{Fields: fields("login", "has already been taken", "login", "is bad", "email", "x")}},
		"base":              {`{"errors":{"base":["Forbidden. Need user."]}}`, false, provider.ErrorBody{Fields: fields(), General: []string{"Forbidden. Need user."}}},
		"a list":            {`{"errors":["Token is required"]}`, false, provider.ErrorBody{Fields: fields(), General: []string{"Token is required"}}},
		"a text":            {`{"errors":"no"}`, false, provider.ErrorBody{Fields: fields(), General: []string{"no"}}},
		"objects in a list": {`{"errors":[{"message":"no","code":1},{"email":["bad"]}]}`, false, provider.ErrorBody{Fields: fields("email", "bad"), General: []string{"no"}}},
		"nested":            {`{"errors":{"user":{"email":["bad"]}}}`, false, provider.ErrorBody{Fields: fields("user.email", "bad")}},
		"code and message":  {`{"code":null,"message":"No data was provided"}`, false, provider.ErrorBody{Fields: fields(), Message: "No data was provided"}},
		"number code":       {`{"code":17,"message":"x"}`, false, provider.ErrorBody{Fields: fields(), Code: "17", Message: "x"}},
		"error text":        {`{"error":"no"}`, false, provider.ErrorBody{Fields: fields(), Message: "no"}},
		"error object":      {`{"error":{"code":401,"description":"no"}}`, false, provider.ErrorBody{Fields: fields(), Code: "401", Message: "no"}},
		"detail":            {`{"detail":"Not found."}`, false, provider.ErrorBody{Fields: fields(), Message: "Not found."}},
		"django":            {`{"email":["bad"],"non_field_errors":["worse"]}`, true, provider.ErrorBody{Fields: fields("email", "bad"), General: []string{"worse"}}},
		"django, not asked": {`{"email":["bad"]}`, false, provider.ErrorBody{Fields: fields()}},
		"nulls":             {`{"errors":null,"error":null,"message":null}`, false, provider.ErrorBody{Fields: fields()}},
	} {
		got, ok := provider.DecodeErrorBody([]byte(tt.body), tt.plain)
		assert.True(t, ok, name)
		assert.Equal(t, tt.want.Fields, got.Fields, name)
		assert.Equal(t, tt.want.General, got.General, name)
		assert.Equal(t, tt.want.Code, got.Code, name)
		assert.Equal(t, tt.want.Message, got.Message, name)
	}
	for _, body := range []string{"", " ", "null", "[]", `"x"`, "<html>", `{"errors":`, "17"} {
		_, ok := provider.DecodeErrorBody([]byte(body), true)
		assert.False(t, ok, body)
	}
}

// Hostile nesting is given up, not followed.
func TestDecodeErrorBodyGivesUpNesting(t *testing.T) {
	t.Parallel()
	body := `{"errors":` + strings.Repeat("[", 5000) + `"x"` + strings.Repeat("]", 5000) + `}`
	got, ok := provider.DecodeErrorBody([]byte(body), true)
	assert.True(t, ok)
	assert.Empty(t, got.Messages())
}

// Nor are long names joined to each of many members.
func TestDecodeErrorBodyKeepsNamesShort(t *testing.T) {
	t.Parallel()
	for _, length := range []int{300, 500_000} {
		body := `{"errors":{"` + strings.Repeat("x", length) + `":{"a":"b"}}}`
		got, ok := provider.DecodeErrorBody([]byte(body), true)
		assert.True(t, ok)
		assert.Equal(t, map[string][]string{"a": {"b"}}, got.Fields)
	}
}

// many is a hostile body's content: 60,000 times one part, each with a number for %.
func many(part string) string {
	var b strings.Builder
	for i := range 60_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(part, "%", strconv.Itoa(i)))
	}
	return b.String()
}

// Not parallel: it counts allocations.
func TestDecodeErrorBodyIsBounded(t *testing.T) { //nolint:paralleltest // it counts allocations
	for name, body := range map[string]string{
		"fields":      `{"errors":{` + many(`"f%":["bad"]`) + `},"code":"x"}`,
		"one field":   `{"errors":{"f":[` + many(`"bad %"`) + `]},"code":"x"}`,
		"general":     `{"errors":[` + many(`"bad %"`) + `],"code":"x"}`,
		"objects":     `{"errors":[` + many(`{"f%":{"a":["bad"]}}`) + `],"code":"x"}`,
		"at the top":  `{` + many(`"f%":["bad"]`) + `,"code":"x"}`,
		"in an error": `{"error":{` + many(`"f%":["bad"]`) + `,"code":"x"}}`,
	} {
		var got provider.ErrorBody
		allocs := testing.AllocsPerRun(1, func() { got, _ = provider.DecodeErrorBody([]byte(body), true) })
		assert.Less(t, allocs, 12_000.0, name)
		assert.LessOrEqual(t, len(got.Messages()), 1000, name)
		assert.Equal(t, "x", got.Code, "%s: what is at the top is found behind them", name)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{}`: nil, `[]`: nil, ` [ ] `: nil,
		`{"a":1}`: {"a=1"},
		" { \"a\" :\t[1, {\"b\":2}] ,\r\n\"c\\\"\\u0064\" : \"x,}]\" } ": {`a=[1, {"b":2}]`, `c"d="x,}]"`},
		`[1,"a\"b",null,[[]],{"x":{}}, true ]`:                           {"=1", `="a\"b"`, "=null", "=[[]]", `={"x":{}}`, "=true"},
		`{"a":1,"a":2}`:                                                  {"a=1", "a=2"},
	} {
		var got []string
		var budget provider.Budget
		assert.True(t, budget.Each([]byte(text), func(name string, value json.RawMessage) { got = append(got, name+"="+string(value)) }), text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{``, ` `, `1`, `"[1]"`, `null`} {
		var budget provider.Budget
		assert.False(t, budget.Each([]byte(text), func(string, json.RawMessage) { t.Error("visited") }), text)
	}
	var budget provider.Budget
	visits := 0
	list := []byte("[" + many("1") + "]")
	for range 2 {
		budget.Each(list, func(string, json.RawMessage) { visits++ })
	}
	assert.Equal(t, 1000, visits, "of one budget, over all calls")
}

// FuzzBudget holds the scanner against package json.
func FuzzBudget(f *testing.F) {
	for _, text := range []string{`{"a":[1,{"b":"\\\""}]}`, `[1,2,[3]]`, `{`, `[:`, `{"a" 1}`, `"x"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []json.RawMessage
		var budget provider.Budget
		budget.Each(data, func(_ string, value json.RawMessage) { got = append(got, value) })
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil || len(list) > 1000 {
			return
		}
		require.Len(t, got, len(list))
		for i := range list {
			require.Equal(t, string(list[i]), string(got[i]))
		}
	})
}

func TestEncode(t *testing.T) {
	t.Parallel()
	body, faults := provider.Encode(map[string]string{"a": "\ufffd \\ufffd é <&>"})
	require.Empty(t, faults)
	assert.JSONEq(t, `{"a":"\ufffd \\ufffd é <&>"}`, string(body))
	for name, v := range map[string]any{
		"invalid UTF-8": map[string]string{"a": "x\xff"},
		"and a slash":   map[string]string{"a": "\\\xff"},
		"a channel":     map[string]any{"a": make(chan int)},
		"not a number":  map[string]any{"a": nan()},
	} {
		_, faults := provider.Encode(v)
		assert.Len(t, faults, 1, name)
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}
