package fusionauth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

func fullRequest() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: "signup-7", ExternalID: "customer-42",
		Username: "Jane", Email: "Jane@Example.com", Phone: "+13035551212", Password: password,
		FullName: "Jane Q. Doe", GivenName: "Jane", FamilyName: "Doe",
		Timezone: "America/Denver", Language: "es-MX", Tags: []string{"vip"},
		Attributes: map[string]any{"plan": "gold", "big": int64(9007199254740993), "exact": json.Number("1.10")},
	}
}

const customerID = "aac12bd6-f50d-5834-8481-4cfaaf4e0a5a" // derived from "customer-42" without a tenant

func TestMapping(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, `{"user":{"id":"{id}","username":"Jane","email":"jane@example.com","mobilePhone":"+13035551212",
		"phoneNumber":"+10000000000","fullName":"Jane Q. Doe","insertInstant":1594755001001},"token":"jwt"}`)
	req := fullRequest()
	u, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "/api/user/"+customerID, got.path)
	assert.Equal(t, `{"user":{"preferredLanguages":["es_MX"],"data":{"big":9007199254740993,"exact":1.10,"plan":"gold"},`+
		`"email":"Jane@Example.com","firstName":"Jane","fullName":"Jane Q. Doe","lastName":"Doe","mobilePhone":"+13035551212",`+
		`"timezone":"America/Denver","username":"Jane","password":"correct horse battery"}}`, string(got.body))
	assert.Equal(t, fullRequest(), req, "the request is left as it was")

	assert.Equal(t, "fusionauth", u.Provider)
	assert.Equal(t, customerID, u.ID)
	assert.Equal(t, "customer-42", u.ExternalID)
	assert.Equal(t, "Jane", u.Username)
	assert.Equal(t, "jane@example.com", u.Email)
	assert.Equal(t, "+13035551212", u.Phone)
	assert.Equal(t, "Jane Q. Doe", u.FullName)
	assert.Equal(t, time.UnixMilli(1594755001001).UTC(), u.CreatedAt)
	assert.Equal(t, userapi.ProofReply, u.Proof)
	assert.Equal(t, []string{"Tags"}, u.Unmapped)
	native, ok := userapi.As[*fusionauth.CreateUserResponse](u)
	require.True(t, ok)
	assert.True(t, native.Token.Reveal() == "jwt")
	assert.True(t, string(native.Raw()) == string(u.Raw))
}

func TestPhoneLogin(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.PhoneLogin = true })
	got := reply(mock, 200, `{"user":{"id":"{id}","phoneNumber":"+13035551212","firstName":"Jane","lastName":"Doe"}}`)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Phone: "303-555-1212", Password: password})
	require.NoError(t, err)
	assert.Equal(t, `{"user":{"phoneNumber":"303-555-1212","password":"correct horse battery"}}`, string(got.body))
	assert.Equal(t, "+13035551212", u.Phone)
	assert.Equal(t, "Jane Doe", u.FullName)
	assert.Empty(t, u.ExternalID)

	c, _ = newClient(t)
	err = c.PreflightUser(userapi.CreateUserRequest{Phone: "303-555-1212", Password: password})
	assert.Equal(t, "Email", asError(t, err).FieldErrors[0].Field, "mobilePhone is nothing to log in with")
}

func TestExtra(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tenantB })
	got := reply(mock, 200, `{"user":{"id":"{id}"}}`)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{
		ExternalID: "customer-42", Email: "jane@example.com",
		Extensions: []userapi.Extension{foreign{}, &fusionauth.Extra{
			UserID: strings.ToUpper(userID), TenantID: strings.ToUpper(tenantA), ApplicationID: tenantB,
			MiddleName: "Q.", BirthDate: "1976-05-30", ImageURL: "https://example.com/i.png", ParentEmail: "p@example.com",
			MobilePhone: "1", PhoneNumber: "+13035551212", Expiry: fusionauth.Instant{Time: time.UnixMilli(1594755001001)},
			PreferredLanguages: []string{"en", "es_MX"}, UsernameStatus: fusionauth.UsernamePending,
			Memberships: []fusionauth.NewMembership{{GroupID: new(tenantA), Data: fusionauth.Data{"a": 1}}},
			TwoFactor: fusionauth.TwoFactor{
				Methods: []fusionauth.TwoFactorMethod{{Method: fusionauth.TwoFactorAuthenticator, Secret: "otp-secret",
					Authenticator: fusionauth.Authenticator{Algorithm: fusionauth.HmacSHA1, CodeLength: "6", TimeStep: "30"}}},
				RecoveryCodes: []userapi.Secret{"one"},
			},
			EncryptionScheme: fusionauth.Bcrypt, Factor: new(12), PasswordChangeRequired: new(true),
			SendSetPasswordEmail: new(true), SendSetPasswordIdentityType: fusionauth.SendSetPasswordByPhone,
			SkipVerification: new(true), DisableDomainBlock: new(false), VerificationIDs: []userapi.Secret{"v1"},
			EventInfo: fusionauth.EventInfo{IPAddress: new("192.0.2.7"), DeviceType: fusionauth.DeviceBrowser, Data: fusionauth.Data{"b": 2},
				Location: fusionauth.Location{City: new("Denver")}},
		}},
	})
	require.NoError(t, err)
	assert.Equal(t, "/api/user/"+userID, got.path)
	assert.Equal(t, tenantA, got.header.Get("X-FusionAuth-TenantId"))
	assert.Equal(t, []string{"ExternalID"}, u.Unmapped)
	assert.Empty(t, u.ExternalID)
	assert.True(t, jsonEqual(t, []byte(`{
		"applicationId": "`+tenantB+`", "disableDomainBlock": false, "sendSetPasswordEmail": true, "sendSetPasswordIdentityType": "phone",
		"skipVerification": true, "verificationIds": ["v1"],
		"user": {
			"email": "jane@example.com", "middleName": "Q.", "birthDate": "1976-05-30", "imageUrl": "https://example.com/i.png",
			"parentEmail": "p@example.com", "mobilePhone": "1", "phoneNumber": "+13035551212", "expiry": 1594755001001,
			"preferredLanguages": ["en", "es_MX"], "usernameStatus": "PENDING",
			"memberships": [{"groupId": "`+tenantA+`", "data": {"a": 1}}],
			"twoFactor": {"methods": [{"method": "authenticator", "secret": "otp-secret",
				"authenticator": {"algorithm": "HmacSHA1", "codeLength": 6, "timeStep": 30}}], "recoveryCodes": ["one"]},
			"encryptionScheme": "bcrypt", "factor": 12, "passwordChangeRequired": true
		},
		"eventInfo": {"ipAddress": "192.0.2.7", "deviceType": "BROWSER", "data": {"b": 2}, "location": {"city": "Denver"}}
	}`), got.body), "the extension is not sent as it should be")
}

type foreign struct{}

func (foreign) UserExtension() string { return "elsewhere" }

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	type fault struct{ field, vendor, code string }
	base := userapi.CreateUserRequest{Email: "jane@example.com", Password: password}
	extra := func(x fusionauth.Extra) func(*userapi.CreateUserRequest) {
		return func(r *userapi.CreateUserRequest) { r.Extensions = []userapi.Extension{x} }
	}
	for _, tt := range []struct {
		name   string
		change func(*userapi.CreateUserRequest)
		want   []fault
	}{
		{"nothing set", func(r *userapi.CreateUserRequest) { *r = userapi.CreateUserRequest{} },
			[]fault{{"Email", "user.email", "required"}}},
		{"a phone alone", func(r *userapi.CreateUserRequest) { r.Email, r.Phone = "", "1" }, []fault{{"Email", "user.email", "required"}}},
		{"blanks", func(r *userapi.CreateUserRequest) { r.Email = "  " }, []fault{{"Email", "user.email", "required"}}},
		{"a redacted password", func(r *userapi.CreateUserRequest) { r.Password = userapi.Redacted },
			[]fault{{"Password", "", "invalid"}}},
		{"a time zone", func(r *userapi.CreateUserRequest) { r.Timezone = "America/New York" }, []fault{{"Timezone", "user.timezone", "invalid"}}},
		{"a language", func(r *userapi.CreateUserRequest) { r.Language = "English, please" }, []fault{{"Language", "user.preferredLanguages", "invalid"}}},
		{"attributes", func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"f": func() {}} }, []fault{{"Attributes", "", "invalid"}}},
		{"a secret among the attributes", func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"s": userapi.Secret("x")} }, []fault{{"Attributes", "", "invalid"}}},
		{"tags, strictly", func(r *userapi.CreateUserRequest) { r.Strict, r.Tags = true, []string{"a"} }, []fault{{"Tags", "", "unsupported"}}},
		{"two extensions", func(r *userapi.CreateUserRequest) {
			r.Extensions = []userapi.Extension{fusionauth.Extra{}, &fusionauth.Extra{}}
		}, []fault{{"Extensions", "", "invalid"}}},
		{"ids", extra(fusionauth.Extra{UserID: "x", TenantID: "y", ApplicationID: "z"}),
			[]fault{{"", "Extra.TenantID", "invalid"}, {"", "Extra.UserID", "invalid"}, {"", "applicationId", "invalid"}}},
		{"an id left to the server", extra(fusionauth.Extra{UserID: fusionauth.ServerAssigned}), []fault{{"", "Extra.UserID", "invalid"}}},
		{"a day that is none", extra(fusionauth.Extra{BirthDate: "9181-63-65"}), []fault{{"", "user.birthDate", "invalid"}}},
		{"languages twice", func(r *userapi.CreateUserRequest) {
			r.Language = "en"
			extra(fusionauth.Extra{PreferredLanguages: []string{"en"}})(r)
		}, []fault{{"Language", "user.preferredLanguages", "invalid"}}},
		{"a phone twice", func(r *userapi.CreateUserRequest) {
			r.Phone = "1"
			extra(fusionauth.Extra{MobilePhone: "1"})(r)
		}, []fault{{"Phone", "user.mobilePhone", "invalid"}}},
		{"an external id beside another id, strictly", func(r *userapi.CreateUserRequest) {
			r.Strict, r.ExternalID = true, "customer-42"
			extra(fusionauth.Extra{UserID: userID})(r)
		}, []fault{{"ExternalID", "", "unsupported"}}},
		{"invalid UTF-8 in the extension", extra(fusionauth.Extra{MiddleName: "\xff"}), []fault{{"", "middleName", "invalid"}}},
		{"invalid UTF-8 among other faults", func(r *userapi.CreateUserRequest) {
			r.Password, r.Timezone, r.Attributes = userapi.Redacted, "no zone", map[string]any{"f": func() {}}
			extra(fusionauth.Extra{MiddleName: "\xff"})(r)
		}, []fault{{"Password", "", "invalid"}, {"Attributes", "", "invalid"}, {"Timezone", "user.timezone", "invalid"}, {"", "middleName", "invalid"}}},
		{"a secret in the extension's data among other faults", func(r *userapi.CreateUserRequest) {
			r.Timezone = "no zone"
			extra(fusionauth.Extra{EventInfo: fusionauth.EventInfo{Data: fusionauth.Data{"a": userapi.Secret("x")}}})(r)
		}, []fault{{"Timezone", "user.timezone", "invalid"}, {"", "", "invalid"}}},
		{"redacted secrets in the extension, each by its name", extra(fusionauth.Extra{
			TwoFactor: fusionauth.TwoFactor{
				Methods: []fusionauth.TwoFactorMethod{{Secret: userapi.Redacted}}, RecoveryCodes: []userapi.Secret{userapi.Redacted},
			},
			VerificationIDs: []userapi.Secret{userapi.Redacted},
		}), []fault{
			{"", "verificationIds[0]", "invalid"}, {"", "user.twoFactor.methods[0].secret", "invalid"}, {"", "user.twoFactor.recoveryCodes[0]", "invalid"},
		}},
		{"the redaction text in place of a name", func(r *userapi.CreateUserRequest) { r.FullName = userapi.Redacted }, []fault{{"", "", "invalid"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			req := base
			tt.change(&req)
			_, err := c.CreateUser(t.Context(), req)
			preflight := c.PreflightUser(req)
			for _, err := range []error{err, preflight} {
				e := asError(t, err)
				assert.Equal(t, userapi.KindInvalid, e.Kind)
				assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
				var got []fault
				for _, f := range e.FieldErrors {
					got = append(got, fault{f.Field, f.VendorField, f.Code})
				}
				assert.Equal(t, tt.want, got)
			}
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

func TestPreflightAccepts(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	require.NoError(t, c.PreflightUser(fullRequest()))
	for _, zone := range []string{"America/Argentina/Buenos_Aires", "UTC-7", "UTC+2", "Z", "US/Mountain"} {
		require.NoError(t, c.PreflightUser(userapi.CreateUserRequest{Username: "jane", Password: password, Timezone: zone}))
	}
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestInvalidRequestTellsAnIDThatIsKnown(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "customer-42"})
	assert.Equal(t, customerID, asError(t, err).UserID)
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "customer-42", Extensions: []userapi.Extension{fusionauth.Extra{TenantID: "x"}}})
	assert.Empty(t, asError(t, err).UserID, "it depends on the tenant")
	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{})
	assert.Empty(t, asError(t, err).UserID)
}

func TestTenantIsPartOfADerivedID(t *testing.T) {
	t.Parallel()
	req := userapi.CreateUserRequest{ExternalID: "customer-42", Email: "jane@example.com", Password: password}
	for _, change := range []func(*fusionauth.Config, *userapi.CreateUserRequest){
		func(cfg *fusionauth.Config, _ *userapi.CreateUserRequest) { cfg.TenantID = strings.ToUpper(tenantA) },
		func(_ *fusionauth.Config, r *userapi.CreateUserRequest) {
			r.Extensions = []userapi.Extension{fusionauth.Extra{TenantID: strings.ToUpper(tenantA)}}
		},
	} {
		req := req
		c, mock := newClient(t, func(cfg *fusionauth.Config) { change(cfg, &req) })
		reply(mock, 200, `{"user":{"id":"{id}"}}`)
		u, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, "bfa70ae3-abe7-5e94-a063-23efc12157e9", u.ID)
		assert.Equal(t, "customer-42", u.ExternalID)
	}
}
