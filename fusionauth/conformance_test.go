package fusionauth_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const conformanceKey = "planted-api-key-0123456789"

// A plain client makes no registration, so it needs no second step.
type plain struct{ *fusionauth.Client }

func (plain) FinishUser() {}

func TestConformance(t *testing.T) {
	t.Parallel()
	userapitest.Run(t, plainHarness())
}

func plainHarness() userapitest.Harness {
	h := harness()
	register := h.New
	h.New = func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
		c, srv := register(t, opts)
		return plain{c.(*fusionauth.Client)}, srv
	}
	return h
}

// TestConformanceOfImports: an import creates users with a hash like any others, except that the
// reply does not show them.
func TestConformanceOfImports(t *testing.T) {
	t.Parallel()
	h := plainHarness()
	hashed := func(of func(n int) userapi.CreateUserRequest) func(n int) userapi.CreateUserRequest {
		return func(n int) userapi.CreateUserRequest {
			req := of(n)
			req.Password, req.Extensions = "", []userapi.Extension{&fusionauth.Extra{PasswordHash: sha256Hash()}}
			return req
		}
	}
	minimal, h2 := h.Minimal, h
	h.Minimal = hashed(func(n int) userapi.CreateUserRequest {
		req := minimal(n)
		req.IdempotencyKey = fmt.Sprintf("minimal-%d", n) // a plan has no random id
		return req
	})
	h.Full, h.Duplicate, h.Stranger, h.Unrepeatable = hashed(h2.Full), hashed(h2.Duplicate), hashed(h2.Stranger), hashed(h2.Unrepeatable)
	h.Invalid = hashed(func(n int) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{Username: fmt.Sprintf("invalid%d", n), Timezone: "Mars / Base"}
	})
	h.Reply, h.ReadsBack = nil, true
	userapitest.Run(t, h)
}

// TestConformanceOfRegistrations: the combined call passes every check of a plain create.
func TestConformanceOfRegistrations(t *testing.T) {
	t.Parallel()
	h := harness()
	plainMinimal, plainFull, plainDuplicate, plainInvalid := h.Minimal, h.Full, h.Duplicate, h.Invalid
	plainStranger, plainUnrepeatable := h.Stranger, h.Unrepeatable
	registered := func(of func(n int) userapi.CreateUserRequest, r fusionauth.Registration) func(n int) userapi.CreateUserRequest {
		return func(n int) userapi.CreateUserRequest {
			req := of(n)
			x := &fusionauth.Extra{}
			if len(req.Extensions) > 0 {
				own := *req.Extensions[0].(*fusionauth.Extra)
				x = &own
			}
			x.Registration = &r
			req.Extensions = []userapi.Extension{x}
			return req
		}
	}
	minimal := fusionauth.Registration{ApplicationID: new(applicationID)}
	full := fusionauth.Registration{
		ApplicationID: new(applicationID), Roles: []string{"user"}, Username: new("ada"), Timezone: new("Europe/Warsaw"),
		PreferredLanguages: []string{"pl"}, Data: fusionauth.Data{"plan": "gold"}, AuthenticationToken: "qz-planted-token!",
	}
	h.Minimal, h.Full = registered(plainMinimal, minimal), registered(plainFull, full)
	h.Duplicate, h.Invalid = registered(plainDuplicate, minimal), registered(plainInvalid, minimal)
	h.Stranger, h.Unrepeatable = registered(plainStranger, minimal), registered(plainUnrepeatable, minimal)
	h.Unfinished = plainFull
	userapitest.Run(t, h)
}

const applicationID = "85a03867-dccf-4882-adde-1a79aeec50df"

func harness() userapitest.Harness {
	return userapitest.Harness{
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
			return userapi.CreateUserRequest{Username: fmt.Sprintf("minimal%d", n), Password: "qz-planted-7!"}
		},
		Full: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprintf("crm/%06d", n),
				Username: fmt.Sprintf("ada.nowakowska%d", n), Email: fmt.Sprintf("Ada%d+tag@example.org", n), Phone: fmt.Sprintf("+4850010%04d", n),
				Password: userapi.Secret(fmt.Sprintf("!Ada-planted-%d", n)), FullName: "Ada Nowakowska", GivenName: "Adalbert", FamilyName: "Nowakowska",
				Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"newsletter"}, Attributes: map[string]any{"plan": "gold", "seats": 12},
				Extensions: []userapi.Extension{&fusionauth.Extra{MiddleName: "Maria"}},
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("ada%d+TAG@example.org", n), Password: "qz-planted-8!"}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("invalid%d", n), Password: "qz7!"}
		},
		Secrets:      []string{conformanceKey},
		ID:           regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
		BlankAbsence: true,
		Reply: &userapitest.Reply{
			ID: []string{"user", "id"}, CreatedAt: []string{"user", "insertInstant"}, Errors: [][]string{{"fieldErrors"}, {"generalErrors"}},
			Contradict: []userapitest.Edit{
				{Name: "id", Path: []string{"user", "id"}, To: userapitest.JSON("0b0b0b0b-0000-4000-8000-00000000000b")},
				{Name: "email", Path: []string{"user", "email"}, To: userapitest.JSON("bob@example.org")},
				{Name: "username", Path: []string{"user", "username"}, To: userapitest.JSON("bob")},
			},
			Agree: []userapitest.Edit{
				{Name: "id_in_capitals", Path: []string{"user", "id"}, To: strings.ToUpper},
				{Name: "email_in_capitals", Path: []string{"user", "email"}, To: strings.ToUpper},
				{Name: "email_null", Path: []string{"user", "email"}, To: userapitest.JSON(nil)},
				{Name: "email_beyond_ascii", Path: []string{"user", "email"}, To: userapitest.JSON("ada@bücher.example")},
				{Name: "username_in_capitals", Path: []string{"user", "username"}, To: strings.ToUpper},
				{Name: "username_with_blanks", Path: []string{"user", "username"}, To: func(shown string) string { return `" ` + strings.Trim(shown, `"`) + ` "` }},
				{Name: "username_missing", Path: []string{"user", "username"}, To: func(string) string { return "" }},
				{Name: "username_empty", Path: []string{"user", "username"}, To: userapitest.JSON("")},
				{Name: "first_name_of_another", Path: []string{"user", "firstName"}, To: userapitest.JSON("Bob")},
				{Name: "phone_of_another", Path: []string{"user", "mobilePhone"}, To: userapitest.JSON("+48500100999")},
			},
		},
		Stranger: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{ExternalID: fmt.Sprintf("crm/%06d", n), Email: fmt.Sprintf("else%d@example.org", n), Password: "qz-planted-8!"}
		},
		Unrepeatable: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("nokey%d", n), Password: "qz-planted-7!"}
		},
	}
}
