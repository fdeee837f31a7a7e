package fusionauth_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func TestConformanceHash(t *testing.T) {
	t.Parallel()
	x := []userapi.Extension{fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{Hash: hashOfSHA256, Salt: "c2FsdC1vZi0xNi1ieXRlcw==", Scheme: fusionauth.SaltedSHA256, Factor: 30}}}
	userapitest.Run(t, userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			srv := fusionauthtest.NewServer(t, fusionauthtest.WithAPIKey(conformanceKey))
			cfg := srv.Config()
			opts.BaseURL = cfg.HTTP.BaseURL
			cfg.HTTP = opts
			c, err := fusionauth.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return c, srv
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{IdempotencyKey: fmt.Sprintf("minimal-%d", n), Username: fmt.Sprintf("minimal%d", n), Extensions: x}
		},
		Full: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprintf("crm/%06d", n),
				Username: fmt.Sprintf("ada.nowakowska%d", n), Email: fmt.Sprintf("Ada%d+tag@example.org", n), Phone: fmt.Sprintf("+4850010%04d", n),
				FullName: "Ada Nowakowska", GivenName: "Adalbert", FamilyName: "Nowakowska",
				Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"newsletter"}, Attributes: map[string]any{"plan": "gold", "seats": 12},
				Extensions: x,
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("ada%d+TAG@example.org", n), Extensions: x}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("invalid%d", n), Timezone: "a b", Extensions: x}
		},
		ReadsBack:    true,
		Secrets:      []string{conformanceKey},
		ID:           regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
		BlankAbsence: true,
		Stranger: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{ExternalID: fmt.Sprintf("crm/%06d", n), Email: fmt.Sprintf("else%d@example.org", n), Extensions: x}
		},
		Unrepeatable: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("nokey%d", n), Extensions: x}
		},
	})
}
