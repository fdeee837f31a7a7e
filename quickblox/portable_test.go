package quickblox_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

// least returns a request with the required fields, changed.
func least(change func(*userapi.CreateUserRequest)) userapi.CreateUserRequest {
	req := userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox"}
	change(&req)
	return req
}

// with returns a request with extensions.
func with(extensions ...userapi.Extension) userapi.CreateUserRequest {
	return least(func(r *userapi.CreateUserRequest) { r.Extensions = extensions })
}

// foreign is another vendor's extension; wrong is one that claims to be QuickBlox's.
type (
	foreign struct{ Name string }
	wrong   struct{}
)

func (f *foreign) UserExtension() string { return f.Name }
func (wrong) UserExtension() string      { return "quickblox" }

func TestMapping(t *testing.T) {
	t.Parallel()
	var nilForeign *foreign
	for _, tc := range []struct {
		name     string
		req      userapi.CreateUserRequest
		want     string // besides login and password
		unmapped []string
	}{
		{"least", with(), ``, nil},
		{"names joined", least(func(r *userapi.CreateUserRequest) { r.GivenName, r.FamilyName = "John", "Doe" }), `"full_name":"John Doe"`, nil},
		{"given name alone", least(func(r *userapi.CreateUserRequest) { r.GivenName = "John" }), `"full_name":"John"`, nil},
		{"family name alone", least(func(r *userapi.CreateUserRequest) { r.FamilyName = "Doe" }), `"full_name":"Doe"`, nil},
		{"full name wins", least(func(r *userapi.CreateUserRequest) { r.FullName, r.GivenName, r.FamilyName = "J. Doe", "John", "Doe" }), `"full_name":"J. Doe"`, nil},
		{"phone", least(func(r *userapi.CreateUserRequest) { r.Phone = "+73123555" }), `"phone":"+73123555"`, nil},
		{"email", least(func(r *userapi.CreateUserRequest) { r.Email = "j+d@x.org" }), `"email":"j+d@x.org"`, nil},
		{"external id", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "2147483647" }), `"external_user_id":2147483647`, nil},
		{"external id too large", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "2147483648" }), ``, []string{"ExternalID"}},
		{"external id zero", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "0" }), ``, []string{"ExternalID"}},
		{"external id negative", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "-1" }), ``, []string{"ExternalID"}},
		{"external id not canonical", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "007" }), ``, []string{"ExternalID"}},
		{"external id with sign", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "+7" }), ``, []string{"ExternalID"}},
		{"external id a UUID", least(func(r *userapi.CreateUserRequest) { r.ExternalID = "2ed6657d-e927-568b-95e1-2665a8aea6a2" }), ``, []string{"ExternalID"}},
		{"zone, language, key", least(func(r *userapi.CreateUserRequest) {
			r.Timezone, r.Language, r.IdempotencyKey = "Europe/Warsaw", "pl", "signup-1"
		}), ``, []string{"Timezone", "Language"}},
		{"tags", least(func(r *userapi.CreateUserRequest) { r.Tags = []string{"marketing", "a b"} }), `"tag_list":"marketing,a b"`, nil},
		{"attributes", least(func(r *userapi.CreateUserRequest) {
			r.Attributes = map[string]any{"plan": "gold", "seats": json.Number("12345678901234567890")}
		}), `"custom_data":"{\"plan\":\"gold\",\"seats\":12345678901234567890}"`, nil},
		{"extra", with(quickblox.Extra{
			BlobID: new(int64(5)), FacebookID: "8887366", TwitterID: "7", Website: "https://mysite.com", CustomData: "free text",
			AllowSalesActivities: new(false), AllowStatisticsAnalysis: new(true), AgeOver16: new(true), ParentsContacts: "mum",
		}), `"blob_id":5,"facebook_id":"8887366","twitter_id":"7","website":"https://mysite.com","custom_data":"free text",` +
			`"allow_sales_activities":false,"allow_statistics_analysis":true,"age_over16":true,"parents_contacts":"mum"`, nil},
		{"extra by pointer", with(&quickblox.Extra{Website: "https://mysite.com"}), `"website":"https://mysite.com"`, nil},
		{"extra without anything", with(quickblox.Extra{}), ``, nil},
		{"extra beside others'", with(&foreign{"mixin"}, nilForeign, quickblox.Extra{TwitterID: "7"}), `"twitter_id":"7"`, nil},
		{"others' under Strict", least(func(r *userapi.CreateUserRequest) {
			r.Strict, r.IdempotencyKey, r.Extensions = true, "k", []userapi.Extension{&foreign{"usercom"}}
		}), ``, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			got := replying(mock, http.StatusCreated, []byte(keyless))
			u, err := c.CreateUser(context.Background(), tc.req)
			require.NoError(t, err)
			want := `{"user":{"login":"johndoe","password":"quickblox"}}`
			if tc.want != "" {
				want = `{"user":{"login":"johndoe","password":"quickblox",` + tc.want + `}}`
			}
			assert.True(t, jsonEqual(t, []byte(want), got.body), "the body differs")
			assert.Equal(t, tc.unmapped, u.Unmapped)
			require.NoError(t, c.PreflightUser(tc.req))
		})
	}
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	var nilExtra *quickblox.Extra
	invalid := func(field, vendor, message string) userapi.FieldError {
		return userapi.FieldError{Field: field, VendorField: vendor, Code: "invalid", Message: message}
	}
	unsupported := func(field string) userapi.FieldError {
		return userapi.FieldError{Field: field, Code: "unsupported", Message: "cannot be stored by quickblox"}
	}
	noName := userapi.FieldError{Field: "Username", VendorField: "login", Code: "required", Message: "a login or an e-mail address must be set"}
	noPassword := userapi.FieldError{Field: "Password", VendorField: "password", Code: "required", Message: "must be set"}
	for _, tc := range []struct {
		name string
		req  userapi.CreateUserRequest
		want []userapi.FieldError
	}{
		{"nothing", userapi.CreateUserRequest{}, []userapi.FieldError{noName, noPassword}},
		{"blanks", least(func(r *userapi.CreateUserRequest) { r.Username, r.Email = " ", "\t" }), []userapi.FieldError{noName}},
		{"redacted password", least(func(r *userapi.CreateUserRequest) { r.Password = userapi.Redacted }),
			[]userapi.FieldError{invalid("Password", "", "must be the secret itself, not its redacted form")}},
		{"comma in a tag", least(func(r *userapi.CreateUserRequest) { r.Tags = []string{"a", "b,c", "d,e"} }),
			[]userapi.FieldError{invalid("Tags", "tag_list", "must not contain a comma: QuickBlox separates tags by it")}},
		{"empty tag", least(func(r *userapi.CreateUserRequest) { r.Tags = []string{""} }),
			[]userapi.FieldError{invalid("Tags", "", "must be texts of valid UTF-8, none empty")}},
		{"not UTF-8", least(func(r *userapi.CreateUserRequest) { r.FullName = "J\xff" }), []userapi.FieldError{invalid("FullName", "", "must be valid UTF-8")}},
		{"attributes that are no JSON", least(func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"a": func() {}} }),
			[]userapi.FieldError{invalid("Attributes", "", "must be encodable as JSON")}},
		{"attributes without end", least(func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"a": math.Inf(1)} }),
			[]userapi.FieldError{invalid("Attributes", "", "must hold only finite numbers and no cycles")}},
		{"secret in attributes", least(func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"a": userapi.Secret("s")} }),
			[]userapi.FieldError{invalid("Attributes", "", "must not have a Secret in it: it would be stored redacted")}},
		{"attributes and custom data", userapi.CreateUserRequest{
			Username: "j", Password: "quickblox", Attributes: map[string]any{"a": 1},
			Extensions: []userapi.Extension{quickblox.Extra{CustomData: "x"}},
		}, []userapi.FieldError{invalid("Attributes", "custom_data", "must not be set together with Extra.CustomData")}},
		{"two extensions", with(quickblox.Extra{}, &quickblox.Extra{}), []userapi.FieldError{invalid("Extensions", "", "must hold at most one extension for quickblox")}},
		{"nil pointer", with(nilExtra), []userapi.FieldError{invalid("Extensions", "", "must not hold a nil pointer")}},
		{"nil", with(nil), []userapi.FieldError{invalid("Extensions", "", "must not hold nil")}},
		{"of a foreign type", with(wrong{}), []userapi.FieldError{invalid("Extensions", "", "must be of the type that package quickblox exports")}},
		{"strict", least(func(r *userapi.CreateUserRequest) {
			r.Strict, r.ExternalID, r.Timezone, r.Language = true, "abc", "Europe/Warsaw", "pl"
		}), []userapi.FieldError{unsupported("ExternalID"), unsupported("Timezone"), unsupported("Language")}},
		{"all at once", userapi.CreateUserRequest{
			Strict: true, Timezone: "Europe/Warsaw", Phone: "\xff", Tags: []string{"a,b"}, Extensions: []userapi.Extension{nil, quickblox.Extra{}, quickblox.Extra{}},
		}, []userapi.FieldError{
			invalid("Phone", "", "must be valid UTF-8"), unsupported("Timezone"),
			invalid("Tags", "tag_list", "must not contain a comma: QuickBlox separates tags by it"),
			invalid("Extensions", "", "must not hold nil"), invalid("Extensions", "", "must hold at most one extension for quickblox"),
			noName, noPassword,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			u, err := c.CreateUser(context.Background(), tc.req)
			assert.Nil(t, u)
			e := wantError(t, err)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, tc.want, e.FieldErrors)
			assert.Zero(t, mock.GetTotalCallCount())
			assert.Equal(t, err, c.PreflightUser(tc.req))
		})
	}
}
