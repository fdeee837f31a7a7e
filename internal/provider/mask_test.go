package provider_test

import (
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

func TestMaskForm(t *testing.T) {
	t.Parallel()
	m := provider.NewMask([]byte("email=a%2Bb%40example.org&first_name=John+Doe"), "application/x-www-form-urlencoded")
	assert.Equal(t, "[…] of […]", m.Text("a+b@example.org of john doe"))
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
		FieldErrors: []userapi.FieldError{{VendorField: "adalbert", Code: "taken", Message: "of ADALBERT"}},
	}
	provider.MaskRequest(e, &userapi.CreateUserRequest{GivenName: "Adalbert"})
	assert.Equal(t, "[…] has it", e.Message)
	assert.Empty(t, e.Code)
	assert.Equal(t, userapi.FieldError{Code: "taken", Message: "of […]"}, e.FieldErrors[0])
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
