package main

import (
	"cmp"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
)

var fusionauthVendor = vendor{
	name:      fusionauth.Name,
	variables: []string{"FUSIONAUTH_URL", "FUSIONAUTH_API_KEY", "FUSIONAUTH_TENANT_ID"},
	needs:     "FUSIONAUTH_URL and FUSIONAUTH_API_KEY",
	variableOf: map[string]string{
		"Config.APIKey":       "FUSIONAUTH_API_KEY",
		"Config.TenantID":     "FUSIONAUTH_TENANT_ID",
		"Config.HTTP.BaseURL": "FUSIONAUTH_URL",
	},
	configure: configureFusionAuth,
	fake:      fakeFusionAuth,
	sample:    sampleFusionAuth,
	returned:  returnedByFusionAuth,
	find:      "read the user with that id",
}

func configureFusionAuth(s *settings, t *target) {
	address := s.text("FUSIONAUTH_URL")
	c, err := fusionauth.New(fusionauth.Config{
		APIKey:   s.secret("FUSIONAUTH_API_KEY"),
		TenantID: s.text("FUSIONAUTH_TENANT_ID"),
		HTTP:     userapi.HTTPOptions{BaseURL: address},
	})
	t.use(s, c, err, vendorAt(address, ""))
}

func fakeFusionAuth(s *settings, t *target) {
	srv, err := fusionauthtest.Start()
	if !t.started(s, err) {
		return
	}
	t.close = srv.Close
	c, err := fusionauth.New(srv.Config())
	t.use(s, c, err, fakeAt(srv.URL()))
}

// sampleFusionAuth fills in FusionAuth's sample, which has placeholders for values.
func sampleFusionAuth(req userapi.CreateUserRequest) (userapi.CreateUserRequest, []member) {
	x := fusionauth.Extra{
		MiddleName: "Marie", BirthDate: "1990-05-17", ImageURL: "https://example.com/jane.png",
		SkipVerification: new(true),
	}
	return userapi.CreateUserRequest{
			Username: "jane.doe", Email: "jane.doe@example.com", Phone: "+13035551234",
			Password: cmp.Or(req.Password, "correct horse battery"),
			FullName: "Jane Marie Doe", GivenName: "Jane", FamilyName: "Doe",
			Timezone: "America/Denver", Language: "en-US",
			Attributes: map[string]any{"plan": "team", "seats": 12},
			Extensions: []userapi.Extension{x}, Strict: req.Strict,
		}, []member{
			{"MiddleName", x.MiddleName},
			{"BirthDate", string(x.BirthDate)},
			{"ImageURL", x.ImageURL},
			{"SkipVerification", "true"},
		}
}

func returnedByFusionAuth(u *userapi.User) []member {
	r, ok := userapi.As[*fusionauth.CreateUserResponse](u)
	if !ok {
		return nil
	}
	return []member{
		{"tenantId", shown(r.User.TenantID)},
		{"birthDate", string(r.User.BirthDate)},
		{"timezone", shown(r.User.Timezone)},
		{"preferredLanguages", strings.Join(r.User.PreferredLanguages, ",")},
	}
}
