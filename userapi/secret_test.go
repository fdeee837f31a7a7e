package userapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	s := userapi.Secret(planted)
	req := userapi.CreateUserRequest{Username: "peter", Password: s}
	for _, v := range []any{s, &s, []userapi.Secret{s}, map[string]userapi.Secret{"a": s}, req, &req, struct{ P *userapi.CreateUserRequest }{&req}, []any{&req}} {
		text := forms(v)
		assert.False(t, strings.Contains(text, planted), "in a %T", v)
		assert.False(t, strings.Contains(text, fmt.Sprintf("%x", planted)), "in a %T, as hex", v)
	}
	assert.Equal(t, planted, s.Reveal())
	for verb, want := range map[string]string{"%v": "[REDACTED]", "%s": "[REDACTED]", "%q": `"[REDACTED]"`, "%#v": `"[REDACTED]"`, "%x": "[REDACTED]", "%10d": "[REDACTED]"} {
		assert.Equal(t, want, fmt.Sprintf(verb, s))
	}
}

func TestRequestShowsWhichFieldsAreSet(t *testing.T) {
	t.Parallel()
	req := userapi.CreateUserRequest{Username: planted, Password: "x", Tags: []string{planted}, Strict: true}
	assert.Equal(t, "create user request{Username Password Tags Strict}", fmt.Sprint(req))
	assert.NotContains(t, fmt.Sprintf("%+v %#v %s", req, &req, []any{&req}), planted)
}

func TestEmptySecretShowsNothing(t *testing.T) {
	t.Parallel()
	assert.Empty(t, userapi.Secret("").String())
	text, err := json.Marshal(userapi.CreateUserRequest{Username: "peter"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"username":"peter"}`, string(text))
}

func TestSecretIsReadFromJSON(t *testing.T) {
	t.Parallel()
	var req userapi.CreateUserRequest
	require.NoError(t, json.Unmarshal([]byte(`{"password":"`+planted+`"}`), &req))
	assert.True(t, req.Password.Reveal() == planted)
	text, err := json.Marshal(req)
	require.NoError(t, err)
	assert.JSONEq(t, `{"password":"[REDACTED]"}`, string(text))
}
