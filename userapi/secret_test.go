package userapi_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"testing"
	"text/template"

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
	assert.Empty(t, userapi.Secret("").String())
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

func TestSecretInJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"password":"` + planted + `"}`: `{"password":"[REDACTED]"}`,
		`{"username":"peter"}`:           `{"username":"peter"}`,
	} {
		var req userapi.CreateUserRequest
		require.NoError(t, json.Unmarshal([]byte(in), &req))
		assert.Equal(t, req.Username == "", req.Password.Reveal() == planted)
		text, err := json.Marshal(req)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text))
	}
}

func TestSecretIsRefusedByGob(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		userapi.Secret(planted), &userapi.CreateUserRequest{Password: planted}, []userapi.Secret{planted},
		map[string]userapi.Secret{"a": planted},
	} {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		require.Error(t, err, "a %T", v)
		assert.Contains(t, err.Error(), "cannot encode a Secret", "a %T", v)
		assert.False(t, strings.Contains(b.String()+err.Error(), planted), "a %T", v)
	}
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(userapi.CreateUserRequest{Username: "peter"}), "without a secret")
	var back userapi.CreateUserRequest
	require.NoError(t, gob.NewDecoder(&b).Decode(&back))
	assert.Equal(t, "peter", back.Username)

	// A secret that was written is read, or the error says that it is not.
	b.Reset()
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ Password sent }{planted}))
	require.NoError(t, gob.NewDecoder(&b).Decode(&back))
	assert.True(t, back.Password.Reveal() == planted)
	b.Reset()
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ Password string }{planted}))
	err := gob.NewDecoder(&b).Decode(&back)
	require.ErrorContains(t, err, "wrong type")
	assert.False(t, strings.Contains(err.Error(), planted))
}

// sent is another program's type, which writes its secrets.
type sent string

func (s sent) GobEncode() ([]byte, error) { return []byte(s), nil }

func TestSecretInXMLAndTemplates(t *testing.T) {
	t.Parallel()
	type sample struct {
		Key  userapi.Secret   `xml:"key,attr"`
		Text userapi.Secret   `xml:",chardata"`
		Own  userapi.Secret   `xml:"own"`
		List []userapi.Secret `xml:"list"`
	}
	s := sample{planted, planted, planted, []userapi.Secret{planted}}
	text, err := xml.Marshal(s)
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(text), userapi.Redacted))
	assert.False(t, strings.Contains(string(text), planted))

	const page = `{{.Key}} {{printf "%s %q %x" .Own .Own .Own}} {{.List}} {{print .}} {{slice .Own 1 3}} {{js .Own}} {{urlquery .Own}}`
	var b strings.Builder
	require.NoError(t, template.Must(template.New("").Parse(page)).Execute(&b, s))
	require.NoError(t, htmltemplate.Must(htmltemplate.New("").Parse(`<p title="{{.Key}}">{{.Own}}</p><script>f({{.}}, {{.Own}})</script><a href="?{{.Own}}">`)).Execute(&b, s))
	assert.False(t, strings.Contains(b.String(), planted))
	assert.False(t, strings.Contains(b.String(), fmt.Sprintf("%x", planted)))
}
