package provider_test

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

func TestMaskText(t *testing.T) {
	t.Parallel()
	m := provider.NewMask([]byte(`{"user":{"email":"Peter+a@example.com","login":"al","n":1236672,"data":"{\"plan\":\"gold & more\"}","tags":["seo"]}}`),
		"application/json", "top secret")
	for in, want := range map[string]string{
		"A User with email = [peter+A@EXAMPLE.com] already exists.": "A User with email = […] already exists.",
		"it is peter%2Ba%40example.com":                             "it is […]",
		"gold &amp; more is no plan":                                "[…] is no plan",
		"Gold & More":                                               "[…]",
		"al is not normal":                                          "[…] is not normal",
		"id 1236672 is taken":                                       "id […] is taken",
		"seo and museo":                                             "[…] and museo",
		"TOP SECRET":                                                "[…]",
		"nothing of it":                                             "nothing of it",
		"a\nb\x00c":                                                 "a b c",
	} {
		want = strings.ReplaceAll(strings.ReplaceAll(want, "[[…]]", "[…]"), "email = […]", "email = [[…]]")
		assert.Equal(t, want, m.Text(in))
	}
	assert.True(t, utf8.ValidString(m.Text("a\xffb")))
	long := m.Text(strings.Repeat("ä", 2000))
	assert.LessOrEqual(t, len(long), 504)
	assert.True(t, utf8.ValidString(long))
}

// The text is shortened after it is masked: a value that is cut is still a value.
func TestMaskBeforeShortening(t *testing.T) {
	t.Parallel()
	m := provider.NewMask(nil, "", "planted-s3cret")
	assert.NotContains(t, m.Text(strings.Repeat("x", 495)+"planted-s3cret"), "plan")
}

// A sent value is masked in an encoding too, wherever it stood in the request.
func TestMaskEncodings(t *testing.T) {
	t.Parallel()
	const value = "ab>cd?s3cret~" // of which base64 has both signs that differ
	encodings := map[string]string{
		"hex":              hex.EncodeToString([]byte(value)),
		"HEX":              strings.ToUpper(hex.EncodeToString([]byte(value))),
		"base64":           base64.StdEncoding.EncodeToString([]byte(value)),
		"base64, raw":      base64.RawStdEncoding.EncodeToString([]byte(value)),
		"base64url":        base64.URLEncoding.EncodeToString([]byte(value)),
		"base64url, raw":   base64.RawURLEncoding.EncodeToString([]byte(value)),
		"in a URL's query": url.QueryEscape(value),
		"in a URL's path":  url.PathEscape(value),
		"in HTML":          html.EscapeString(value),
		"in JSON":          `ab\u003ecd?s3cret~`,
		"base64 in a URL":  url.QueryEscape(base64.RawStdEncoding.EncodeToString([]byte(value))),
	}
	require.Contains(t, encodings["base64"], "+")
	require.Contains(t, encodings["base64"], "/")
	require.Contains(t, encodings["base64"], "=")
	for name, m := range map[string]provider.Mask{
		"JSON":           provider.NewMask([]byte(`{"user":{"a":["`+value+`"]}}`), "application/json"),
		"JSON in a text": provider.NewMask([]byte(`{"data":"{\"a\":\"`+value+`\"}"}`), "application/json"),
		"a form":         provider.NewMask([]byte("password="+url.QueryEscape(value)), "application/x-www-form-urlencoded"),
		"more":           provider.NewMask(nil, "", value),
		"with blanks":    provider.NewMask(nil, "", " "+value+"\n"),
	} {
		for encoding, text := range encodings {
			assert.Equal(t, "it is […] here", strings.ReplaceAll(m.Text("it is "+text+" here"), "=", ""), "%s of %s", encoding, name)
			assert.Empty(t, m.Code(text), "%s of %s", encoding, name)
		}
	}
	blank := " s3cret "
	m := provider.NewMask(nil, "", blank)
	assert.Equal(t, "[…]", m.Text(hex.EncodeToString([]byte(blank))), "with the blanks that were sent")
}

// What SECURITY.md says is not masked.
func TestMaskLeavesParts(t *testing.T) {
	t.Parallel()
	m := provider.NewMask([]byte(`{"name":"Ada Lovelace","id":"ab7"}`), "application/json")
	for _, text := range []string{"Lovelace", hex.EncodeToString([]byte("ab7")), base64.StdEncoding.EncodeToString([]byte("key:Ada Lovelace"))} {
		assert.Equal(t, text, m.Text(text))
	}
}

func TestMaskCode(t *testing.T) {
	t.Parallel()
	m := provider.NewMask(nil, "", "planted")
	for in, want := range map[string]string{
		"[duplicate]user.email":  "[duplicate]user.email",
		"10002":                  "10002",
		"is planted here":        "",
		"PLANTED":                "",
		"has blanks":             "",
		"ümlaut":                 "",
		strings.Repeat("x", 200): "",
		"7a1b2c3d4e5f6071-WAW":   "7a1b2c3d4e5f6071-WAW",
	} {
		assert.Equal(t, want, m.Code(in), in)
	}
}

func TestMaskRequest(t *testing.T) {
	t.Parallel()
	e := &userapi.Error{
		Message: "Adalbert has it", Code: "adalbert",
		FieldErrors: []userapi.FieldError{
			{VendorField: "adalbert", Code: "taken", VendorCode: "adalbert", Message: "of ADALBERT"},
			{Field: "Email", VendorField: "email", Code: "taken", VendorCode: "adalbert"},
		},
	}
	provider.MaskRequest(e, &userapi.CreateUserRequest{GivenName: "Adalbert", Username: "email", FamilyName: "taken"})
	assert.Equal(t, "[…] has it", e.Message)
	assert.Empty(t, e.Code)
	assert.Equal(t, []userapi.FieldError{
		{Code: "taken", Message: "of […]"}, {Field: "Email", VendorField: "email", Code: "taken"},
	}, e.FieldErrors)
}

func FuzzMask(f *testing.F) {
	f.Add("Peter", "a peter b")
	f.Add("İ", "x İ y i̇")
	f.Add("a", "a")
	f.Fuzz(func(t *testing.T, value, text string) {
		m := provider.NewMask(nil, "", value)
		got := m.Text(text)
		require.True(t, utf8.ValidString(got))
		if v := strings.TrimSpace(value); len(v) >= 4 && len(text) < 400 && !strings.Contains("[…]", v) && isPrintable(v) {
			assert.NotContains(t, got, v)
		}
		_ = m.Code(text)
	})
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
