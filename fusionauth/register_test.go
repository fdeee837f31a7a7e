package fusionauth_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

const (
	johnID  = "00000000-0000-0001-0000-000000000000"
	johnApp = "10000000-0000-0002-0000-000000000001"
)

// registrations makes the mock answer every registration with a status and a body.
func registrations(mock *httpmock.MockTransport, status int, body string) *sent {
	got := &sent{}
	mock.RegisterRegexpResponder(http.MethodPost, anyUserPath, func(r *http.Request) (*http.Response, error) {
		got.path, got.header = r.URL.Path, r.Header.Clone()
		got.body, _ = io.ReadAll(r.Body)
		return httpmock.NewStringResponse(status, body), nil
	})
	return got
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return data
}

func TestRegisterSendsTheVendorsExample(t *testing.T) {
	t.Parallel()
	var req fusionauth.RegisterRequest
	sample := fixture(t, "register_request.json")
	require.NoError(t, json.Unmarshal(sample, &req))
	req.User.Password = password
	c, mock := newClient(t)
	got := registrations(mock, 200, string(fixture(t, "register_response.json")))
	resp, err := c.Users.Register(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "/api/user/registration/"+johnID, got.path)
	assert.JSONEq(t, strings.Replace(string(sample), `"expiry"`, `"password": "`+password+`", "expiry"`, 1), string(got.body))

	assert.Equal(t, johnID, resp.User.ID)
	assert.Equal(t, johnApp, *resp.Registration.ApplicationID)
	assert.Equal(t, []string{"user", "community_helper"}, resp.Registration.Roles)
	assert.True(t, resp.RefreshToken.Reveal() != "" && resp.Token.Reveal() != "" && resp.VerificationIDs[0].ID.Reveal() != "")
	assert.Equal(t, 200, resp.StatusCode())
	assert.JSONEq(t, string(fixture(t, "register_response.json")), string(resp.Raw()))
	assert.Empty(t, resp.Warnings())
}

func TestRegisterTheWholeTree(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tenantA })
	got := registrations(mock, 200, `{"registration":{"applicationId":"`+johnApp+`","authenticationToken":"tok"},"user":{"id":"`+userID+`"},
		"registrationVerificationId":"rv","registrationVerificationOneTimeCode":"code","refreshTokenId":"`+tenantB+`","tokenExpirationInstant":1594755001001}`)
	resp, err := c.Users.Register(t.Context(), fusionauth.RegisterRequest{
		UserID: userID, DisableDomainBlock: new(true), GenerateAuthenticationToken: new(true),
		Registration:                fusionauth.Registration{ApplicationID: new(johnApp), Tokens: map[string]userapi.Secret{"idp": "t"}, AuthenticationToken: "a"},
		SendSetPasswordIdentityType: fusionauth.SendSetPasswordByPhone, SkipRegistrationVerification: new(false), SkipVerification: new(true),
		User: &fusionauth.NewUser{Username: new("john")}, VerificationIDs: []userapi.Secret{"v"},
		EventInfo: fusionauth.EventInfo{IPAddress: new("192.0.2.7")},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{tenantA}, got.header[http.CanonicalHeaderKey("X-FusionAuth-TenantId")])
	assert.JSONEq(t, `{"disableDomainBlock":true,"generateAuthenticationToken":true,
		"registration":{"applicationId":"`+johnApp+`","tokens":{"idp":"t"},"authenticationToken":"a"},
		"sendSetPasswordIdentityType":"phone","skipRegistrationVerification":false,"skipVerification":true,
		"user":{"username":"john"},"verificationIds":["v"],"eventInfo":{"ipAddress":"192.0.2.7"}}`, string(got.body))
	assert.True(t, resp.RegistrationVerificationID.Reveal() == "rv" && resp.RegistrationVerificationOneTimeCode.Reveal() == "code")
	assert.True(t, resp.Registration.AuthenticationToken.Reveal() == "tok")
	assert.Equal(t, tenantB, *resp.RefreshTokenID)
	assert.EqualValues(t, 1594755001001, resp.TokenExpirationInstant.UnixMilli())
}

func TestRegisterAUserWhoExists(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.TenantID = tenantA })
	got := registrations(mock, 200, `{"registration":{"applicationId":"`+johnApp+`"},"token":"t"}`)
	req := fusionauth.RegisterRequest{UserID: userID, Registration: fusionauth.Registration{ApplicationID: new(johnApp), Roles: []string{"user"}}}
	resp, err := c.Users.Register(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "/api/user/registration/"+userID, got.path)
	assert.Equal(t, `{"registration":{"applicationId":"`+johnApp+`","roles":["user"]}}`, string(got.body))
	assert.Empty(t, got.header[http.CanonicalHeaderKey("X-FusionAuth-TenantId")], "an id needs no tenant")
	assert.Equal(t, []string{"user"}, req.Registration.Roles)
	assert.Empty(t, resp.User.ID)
	req.TenantID = strings.ToUpper(tenantB)
	_, err = c.Users.Register(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, []string{tenantB}, got.header[http.CanonicalHeaderKey("X-FusionAuth-TenantId")])
}

// The meaning of a registration's reply, for an existing user and for a new one.
func TestRegisterErrors(t *testing.T) {
	t.Parallel()
	const app = `"registration":{"applicationId":"` + johnApp + `"}`
	for name, tt := range map[string]struct {
		status                      int
		body                        string
		existing, combined          userapi.Kind
		existingIs, combinedIs      userapi.Outcome
		existingField, createdField string
	}{
		"registered already": {
			400, `{"fieldErrors":{"registration":[{"code":"[duplicate]registration","message":"User is already registered."}]},"generalErrors":[]}`,
			userapi.KindConflict, userapi.KindConflict, userapi.OutcomeRejected, userapi.OutcomeRejected, "registration", "registration",
		},
		"unknown role": {
			400, `{"fieldErrors":{"registration.roles":[{"code":"[invalid]registration.roles","message":"The role [admin] does not exist in the Application indicated by the [registration.applicationId] property."}]}}`,
			userapi.KindInvalid, userapi.KindInvalid, userapi.OutcomeRejected, userapi.OutcomeRejected, "registration.roles", "registration.roles",
		},
		"no such user": {404, ``, userapi.KindNotFound, userapi.KindNotFound, userapi.OutcomeRejected, userapi.OutcomeRejected, "", ""},
		"a proxy's 404": {
			404, `<html>`, userapi.KindProtocol, userapi.KindNotFound, userapi.OutcomeUnknown, userapi.OutcomeRejected, "", "",
		},
		"a server that fails": {500, ``, userapi.KindUnavailable, userapi.KindUnavailable, userapi.OutcomeUnknown, userapi.OutcomeUnknown, "", ""},
		"no registration": {
			200, `{"user":{"id":"` + userID + `"}}`,
			userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeCreated, "", "",
		},
		"another application's": {
			200, `{"user":{"id":"` + userID + `"},"registration":{"applicationId":"` + tenantB + `"}}`,
			userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeCreated, "", "",
		},
		"another user": {
			200, `{"user":{"id":"` + johnID + `"},` + app + `}`,
			userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeUnknown, "", "",
		},
		"empty":  {200, ``, userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeUnknown, "", ""},
		"cut":    {200, `{"user":{"id":"` + userID + `"},"regis`, userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeCreated, "", ""},
		"errors": {200, `{` + app + `,"fieldErrors":{"a":[{"code":"x"}]}}`, userapi.KindProtocol, userapi.KindProtocol, userapi.OutcomeUnknown, userapi.OutcomeUnknown, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			registrations(mock, tt.status, tt.body)
			req := fusionauth.RegisterRequest{UserID: userID, Registration: fusionauth.Registration{ApplicationID: new(johnApp)}}
			_, err := c.Users.Register(t.Context(), req)
			e := asError(t, err)
			assert.Equal(t, tt.existing, e.Kind)
			assert.Equal(t, tt.existingIs, e.Outcome)
			assert.Equal(t, userapi.SubjectStep, e.Subject)
			assert.Equal(t, userID, e.UserID)
			if tt.existingField != "" {
				assert.Equal(t, tt.existingField, e.FieldErrors[0].VendorField)
			}
			assert.Equal(t, 1, mock.GetTotalCallCount(), "it may have been done")

			req.User = &fusionauth.NewUser{Username: new("john"), Password: password}
			_, err = c.Users.Register(t.Context(), req)
			e = asError(t, err)
			assert.Equal(t, tt.combined, e.Kind)
			assert.Equal(t, tt.combinedIs, e.Outcome)
			assert.Equal(t, userapi.SubjectCreate, e.Subject)
			assert.Equal(t, 2, mock.GetTotalCallCount())
		})
	}
}

func TestRegisterChecksTheRequest(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	bad := fusionauth.Registration{
		ID: new("x"), CleanSpeakID: new("x"), Timezone: new(""), AuthenticationToken: userapi.Redacted,
		Tokens: map[string]userapi.Secret{"idp": userapi.Redacted},
	}
	_, err := c.Users.Register(t.Context(), fusionauth.RegisterRequest{UserID: "../42", TenantID: "y", Registration: bad})
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	var names []string
	for _, f := range e.FieldErrors {
		names = append(names, f.VendorField)
	}
	assert.Equal(t, []string{
		"RegisterRequest.UserID", "RegisterRequest.TenantID", "registration.applicationId", "registration.cleanSpeakId", "registration.id",
		"registration.timezone", "registration.authenticationToken", "registration.tokens",
	}, names)
	for name, req := range map[string]fusionauth.RegisterRequest{
		"no id":                 {Registration: fusionauth.Registration{ApplicationID: new(johnApp)}},
		"no id of the server's": {UserID: fusionauth.ServerAssigned, Registration: fusionauth.Registration{ApplicationID: new(johnApp)}},
		"two ids": {
			UserID: userID, Registration: fusionauth.Registration{ApplicationID: new(johnApp)},
			User: &fusionauth.NewUser{ID: new(johnID), Username: new("john"), Password: password},
		},
		"nothing to log in with": {Registration: fusionauth.Registration{ApplicationID: new(johnApp)}, User: &fusionauth.NewUser{Password: password}},
		"a secret in data": {
			UserID:       userID,
			Registration: fusionauth.Registration{ApplicationID: new(johnApp), Data: fusionauth.Data{"a": userapi.Secret("s")}},
		},
	} {
		_, err := c.Users.Register(t.Context(), req)
		assert.ErrorIs(t, err, userapi.ErrInvalid, name)
	}
	assert.Zero(t, mock.GetTotalCallCount())
}
