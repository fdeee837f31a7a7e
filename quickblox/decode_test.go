package quickblox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

func TestDecodeError(t *testing.T) {
	t.Parallel()
	type fields = map[string][]string
	for _, tc := range []struct {
		name, body    string
		code, message string
		errors        fields
	}{
		{"code and message", `{"code":null,"message":"No data was provided"}`, "", "No data was provided", fields{}},
		{"code as text", `{"code":"E1","message":"m"}`, "E1", "m", fields{}},
		{"code as number", `{"code":17,"message":"m"}`, "17", "m", fields{}},
		{"fields", `{"errors":{"login":["a","b"],"phone":["c"]}}`, "", "", fields{"login": {"a", "b"}, "phone": {"c"}}},
		{"base", `{"errors":{"base":["a"],"login":["b"]}}`, "", "", fields{"base": {"a"}, "login": {"b"}}},
		{"array", `{"errors":["a","b"]}`, "", "", fields{"base": {"a", "b"}}},
		{"text", `{"errors":"a"}`, "", "", fields{"base": {"a"}}},
		{"bare text in a field", `{"errors":{"login":"a"}}`, "", "", fields{"login": {"a"}}},
		{"nested", `{"errors":{"user":{"login":["a"]}}}`, "", "", fields{"user.login": {"a"}}},
		{"objects in an array", `{"errors":[{"login":["a"]},{"message":"b"}]}`, "", "", fields{"login": {"a"}, "base": {"b"}}},
		{"empty object", `{}`, "", "", fields{}},
		{"errors null", `{"errors":null,"message":null}`, "", "", fields{}},
		{"array at the top", `["a"]`, "", "", nil},
		{"text at the top", `"a"`, "", "", nil},
		{"null", `null`, "", "", nil},
		{"blank", ` `, "", "", nil},
		{"empty", ``, "", "", nil},
		{"HTML", `<html>`, "", "", nil},
		{"cut off", `{"errors":{"login":["has already`, "", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-Request-Id": {"1"}}
			e := decodeError(http.StatusUnprocessableEntity, header, []byte(tc.body))
			assert.Equal(t, &APIError{
				StatusCode: http.StatusUnprocessableEntity, Code: tc.code, Message: tc.message,
				Errors: tc.errors, Header: header, Body: e.Body,
			}, e)
			assert.Equal(t, tc.body, string(e.Body))
			assert.Equal(t, "quickblox: status 422", e.Error())
		})
	}
}

func addFixtures(f *testing.F, add func([]byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/create_*.json")
	require.NoError(f, err)
	require.Len(f, files, 3)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		add(text)
		add(text[:len(text)/2])
	}
}

func FuzzDecodeError(f *testing.F) {
	addFixtures(f, func(body []byte) { f.Add(422, body) })
	for _, seed := range []string{
		`{"errors":["Token is required"]}`, `{"errors":{"base":["Forbidden. Need user."]}}`, `{"errors":"x"}`, `{"errors":{"a":{"b":{"c":["d"]}}}}`,
		`{"errors":[[[["x"]]]]}`, `{"errors":{"":[""]}}`, `{"code":{},"message":[]}`, `{"error":{"code":1,"message":"m"}}`, ` `, `null`, `<html>`, "{\"errors\":\"\xff\"}",
	} {
		f.Add(401, []byte(seed))
		f.Add(500, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := decodeError(status, nil, body)
		require.Equal(t, status, e.StatusCode)
		require.True(t, bytes.HasPrefix(body, e.Body))
		reply := &transport.Reply{Status: status, Body: body}
		verdict := classify(reply)
		if success := status >= 200 && status < 300; verdict.OK != success {
			t.Fatalf("status %d: success is %v", status, verdict.OK)
		} else if success {
			return
		}
		require.NotEqual(t, userapi.OutcomeCreated, verdict.Outcome)
		require.NotEqual(t, userapi.OutcomeNotSent, verdict.Outcome)
		require.NotEqual(t, userapi.KindUnknown, verdict.Kind)
		failure := (&provider.Vendor{Name: Name, Explain: explain}).Refused(&provider.Call{}, &transport.Result{Classification: verdict, Reply: reply})
		require.Equal(t, status, failure.StatusCode)
		_, err := json.Marshal(failure)
		require.NoError(t, err)
		_ = fmt.Sprintf("%+v %#v %v", failure, e, failure.Unwrap())
	})
}

func FuzzDecodeResponse(f *testing.F) {
	addFixtures(f, func(body []byte) { f.Add(body) })
	for _, seed := range []string{
		`{"user":{"id":"96752798","user_tags":["a"]}}`, `{"user":{"id":1,"login":5,"phone":{},"age_over16":"x"}}`, `{"user":[]}`, `{"user":null}`, `null`, `[]`, ``,
		`{"user":{"id":1e3}}`, `{"user":{"id":1},"errors":{}}`, `{"USER":{"ID":1}}`, `{"user":{"id":1},"user":{"id":2}}`, `{"user":{"created_at":"2016-04-11 16:29:04 UTC"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in reply
		bad := in.decode(body)
		err := provider.Broken(bad)
		r := CreateUserResponse(in)
		switch {
		case err != nil && bad == nil:
			t.Fatal("a reply that cannot be read is none")
		case err != nil && json.Valid(body):
			t.Fatalf("valid JSON failed: %v", err)
		case bad == nil && r.User.ID <= 0:
			t.Fatal("a success without an id")
		}
		u := in.Neutral()
		again, err := json.Marshal(&r)
		require.NoError(t, err)
		var second CreateUserResponse
		require.NoError(t, json.Unmarshal(again, &second))
		require.Equal(t, r.User.ID, second.User.ID)
		_ = fmt.Sprintf("%+v", u)
	})
}
