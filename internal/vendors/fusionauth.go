package vendors

import (
	"regexp"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func newFusionauth(o userapi.HTTPOptions) (userapi.Creator, error) {
	return fusionauth.New(fusionauth.Config{APIKey: token, HTTP: o})
}

// isRegistered reports whether a user has the registration that a request asks for.
func isRegistered(u User, req userapi.CreateUserRequest) bool {
	for _, extension := range req.Extensions {
		if x, ok := extension.(fusionauth.Extra); ok && x.Registration != nil {
			return len(u.Native.(fusionauthtest.User).Registrations) == 1
		}
	}
	return true
}

func fusionauthVendor() []*Vendor {
	general := func(code string) string {
		return `{"fieldErrors":{},"generalErrors":[{"code":"` + code + `","message":"It failed."}]}`
	}
	const id = "06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"
	alone := Vendor{
		Package: "fusionauth", Name: "fusionauth", New: newFusionauth,
		Start: func(o userapitest.ServerOptions) (*Fake, error) {
			s, err := fusionauthtest.Start(
				fusionauthtest.WithHTTP(o), fusionauthtest.WithAPIKey(token),
				fusionauthtest.WithApplications(fusionauthtest.Application{ID: fusionauthApplication, Roles: []string{Planted}}),
			)
			if err != nil {
				return nil, err
			}
			return newFake(s, s.Config().HTTP.HTTPClient, func(u fusionauthtest.User) User {
				return User{ID: u.ID, Keys: map[string]string{"Username": u.Username, "Email": u.Email}}
			}), nil
		},
		Request: func(n int) userapi.CreateUserRequest {
			req := request(n)
			req.IdempotencyKey = "" // which would choose the user's id
			return req
		},
		Finished: isRegistered,
		Creates:  regexp.MustCompile(`^/api/user(/.*)?$`),
		Looks:    3,
		Unique:   []string{"Username", "Email"},
		Compared: map[string]string{"ID": "id", "Username": "username", "Email": "email"},
		Replies: map[string]Reply{
			"no id":              {200, `{"user":{"email":"other@example.org"}}`},
			"400":                {400, `{"fieldErrors":{"user.password":[{"code":"[tooShort]user.password","message":"Too short."}]},"generalErrors":[]}`},
			"401":                {401, ""},
			"403":                {403, Page},
			"404":                {404, ""},
			"409":                {409, general("[conflict]")},
			"422":                {422, general("[invalid]")},
			"429":                {429, general("[RateLimitedException]")},
			"5xx":                {0, general("[Exception]")},
			"absent":             {404, ""},
			"504 of a proxy":     {0, `{"message":"upstream timed out"}`},
			"webhook":            {504, general("[WebhookTransactionException]")},
			"retryable conflict": {409, general("[retryableConflict]")},
		},
		Benches: []Bench{{
			Name: "fusionauth", New: newFusionauth,
			Request: userapi.CreateUserRequest{ExternalID: id, Email: "peter@example.com", Username: "peter", Password: "!Peter009", FullName: "Peter Smith"},
			Native: func() (request, reply any) {
				return new(fusionauth.CreateUserRequest), new(fusionauth.CreateUserResponse)
			},
			Reply: `{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","tokenExpirationInstant":1700000000000,"user":{"active":true,"connectorId":"e3306678-a53a-4964-9040-1c96f36dda72","email":"peter@example.com","fullName":"Peter Smith","id":"` + id + `","insertInstant":1700000000000,"lastUpdateInstant":1700000000000,"memberships":[],"passwordChangeRequired":false,"passwordLastUpdateInstant":1700000000000,"preferredLanguages":[],"registrations":[],"tenantId":"30663132-6464-6665-3032-326466613934","twoFactor":{},"username":"peter","usernameStatus":"ACTIVE","verified":true}}`,
		}},
	}
	// FinishUser POSTs to the path of the create too, and counts as one that arrives.
	registered := alone
	registered.Name, registered.Benches, registered.Unfinished = "fusionauth-registration", nil, alone.Request
	registered.Unproven = "{}"
	registered.Request = func(n int) userapi.CreateUserRequest {
		req := alone.Request(n)
		req.Extensions = []userapi.Extension{fusionauth.Extra{Registration: &fusionauth.Registration{
			ApplicationID: new(fusionauthApplication), Roles: []string{Planted}, AuthenticationToken: Planted,
		}}}
		return req
	}
	// The reply to an import shows nobody: the user is read.
	imported := alone
	imported.Name, imported.Benches, imported.Compared, imported.ReadsBack = "fusionauth-import", nil, nil, true
	imported.Creates = regexp.MustCompile(`^/api/user/import$`)
	imported.Request = func(n int) userapi.CreateUserRequest {
		req := alone.Request(n)
		req.Password, req.Extensions = "", []userapi.Extension{fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{
			Hash: Planted, Salt: Planted + "A", Scheme: "plug-in",
		}}}
		return req
	}
	return []*Vendor{&alone, &registered, &imported}
}

const fusionauthApplication = "9c1d6b0e-7a35-4f1c-8e55-2d0f6c1b4a77"
