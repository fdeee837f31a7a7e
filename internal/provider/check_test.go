package provider_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

type ours struct{ A int }

func (ours) UserExtension() string { return "vendor" }

type pretender struct{}

func (pretender) UserExtension() string { return "vendor" }

type foreign struct{ name string }

func (f *foreign) UserExtension() string { return f.name } // panics when nil

func TestExtension(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		extensions []userapi.Extension
		found      ours
		faults     int
	}{
		"none":             {nil, ours{}, 0},
		"a value":          {[]userapi.Extension{ours{1}}, ours{1}, 0},
		"a pointer":        {[]userapi.Extension{&ours{2}}, ours{2}, 0},
		"two":              {[]userapi.Extension{ours{1}, &ours{2}}, ours{1}, 1},
		"nil":              {[]userapi.Extension{nil}, ours{}, 1},
		"a nil pointer":    {[]userapi.Extension{(*ours)(nil)}, ours{}, 1},
		"another vendor's": {[]userapi.Extension{&foreign{"other"}, (*foreign)(nil), ours{3}}, ours{3}, 0},
		"a pretender":      {[]userapi.Extension{pretender{}}, ours{}, 1},
	} {
		check := provider.NativeCheck("vendor")
		found, ok := provider.Extension[ours](&check, tt.extensions)
		assert.Equal(t, tt.found, found, name)
		assert.Equal(t, tt.found != ours{}, ok, name)
		assert.Len(t, check.Faults(), tt.faults, name)
	}
}

func TestNewCheckFindsEveryFault(t *testing.T) {
	t.Parallel()
	bad := "x\xff"
	check := provider.NewCheck("vendor", &userapi.CreateUserRequest{
		IdempotencyKey: bad, ExternalID: bad, Username: bad, Email: bad, Phone: bad, Password: userapi.Secret(bad), FullName: bad,
		GivenName: bad, FamilyName: bad, Timezone: bad, Language: bad, Tags: []string{"fine", ""},
	})
	var names []string
	for _, f := range check.Faults() {
		names = append(names, f.Field)
	}
	assert.Equal(t, []string{"IdempotencyKey", "ExternalID", "Username", "Email", "Phone", "Password", "FullName", "GivenName", "FamilyName", "Timezone", "Language", "Tags"}, names)
	_, err := check.Done("create user")
	require.ErrorIs(t, err, userapi.ErrInvalid)
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
}

func TestUnmappedAndStrict(t *testing.T) {
	t.Parallel()
	check := provider.NewCheck("vendor", &userapi.CreateUserRequest{})
	check.Unmapped("Tags", true)
	check.Unmapped("Phone", false)
	unmapped, err := check.Done("create user")
	require.NoError(t, err)
	assert.Equal(t, []string{"Tags"}, unmapped)

	check = provider.NewCheck("vendor", &userapi.CreateUserRequest{Strict: true})
	check.Unmapped("Tags", true)
	check.Unmapped("Phone", false)
	_, err = check.Done("create user")
	assert.EqualError(t, err, "vendor: create user: invalid request: Tags: cannot be stored by vendor, nothing was sent")
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	check := provider.NativeCheck("vendor")
	assert.JSONEq(t, `{"a":1}`, string(check.Attributes(map[string]any{"a": 1})))
	assert.Empty(t, check.Faults())
	for _, attributes := range []map[string]any{{"a": make(chan int)}, {"a": userapi.Secret("x")}, {"a": "\xff"}, {"a": nan()}} {
		check := provider.NativeCheck("vendor")
		check.Attributes(attributes)
		require.Len(t, check.Faults(), 1)
		assert.Equal(t, "Attributes", check.Faults()[0].Field)
	}
}
