package provider_test

import (
	"strings"
	"testing"
	"time"

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
func TestDecodeErrorBodyIsBounded(t *testing.T) {
	t.Parallel()
	body := `{"errors":` + strings.Repeat("[", 5000) + `"x"` + strings.Repeat("]", 5000) + `}`
	begun := time.Now()
	got, ok := provider.DecodeErrorBody([]byte(body), true)
	assert.True(t, ok)
	assert.Empty(t, got.Messages())
	assert.Less(t, time.Since(begun), 10*time.Second)
}

// Nor are long names joined to each of many members.
func TestDecodeErrorBodyKeepsNamesShort(t *testing.T) {
	t.Parallel()
	body := `{"errors":{"` + strings.Repeat("x", 500_000) + `":{` + strings.TrimSuffix(strings.Repeat(`"a":"b",`, 60_000), ",") + `}}}`
	got, ok := provider.DecodeErrorBody([]byte(body), true)
	assert.True(t, ok)
	assert.Equal(t, map[string][]string{"a": {"b"}}, got.Fields)
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
