package quickblox_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	plantedAPIKey     = "planted-api-key-0123456789"
	plantedAuthSecret = "planted-auth-secret-0123456789"
)

// conformance returns the harness for a kind of credential and its secret.
func conformance(secret string, configure func(*quickbloxtest.Server, *quickblox.Config)) userapitest.Harness {
	return userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			srv := quickbloxtest.NewServer(t,
				quickbloxtest.WithAPIKey(plantedAPIKey),
				quickbloxtest.WithApplication(76730, "auth-key", plantedAuthSecret))
			opts.BaseURL = srv.URL()
			cfg := quickblox.Config{HTTP: opts}
			configure(srv, &cfg)
			c, err := quickblox.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return c, srv
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("minimal%d", n), Password: userapi.Secret(fmt.Sprintf("pass-Word-%d!", n))}
		},
		Full: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprint(1236672 + n),
				Username: fmt.Sprintf("peter.smith%d", n), Email: fmt.Sprintf("peter%d+tag@example.com", n), Phone: fmt.Sprintf("+7312355%04d", n),
				Password: userapi.Secret(fmt.Sprintf("!Peter-planted-%d", n)), FullName: "Peter Smithson", GivenName: "Peter", FamilyName: "Smithson",
				Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"marketing", "seo"}, Attributes: map[string]any{"plan": "gold", "seats": 12},
				Extensions: []userapi.Extension{&quickblox.Extra{BlobID: new(int64(5)), FacebookID: fmt.Sprint(8887366 + n), Website: "https://mysite.com"}},
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("peter.smith%d", n), Password: "another-Pass1!"}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("invalid%d", n), Password: "qz7!"}
		},
		Secrets:      []string{secret},
		ID:           regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
		BlankAbsence: true,
		Reply: &userapitest.Reply{
			ID: []string{"user", "id"}, CreatedAt: []string{"user", "created_at"}, Errors: [][]string{{"errors"}, {"error"}},
			Contradict: []userapitest.Edit{
				{Name: "login", Path: []string{"user", "login"}, To: userapitest.JSON("bob")},
				{Name: "login_in_brackets", Path: []string{"user", "login"}, To: userapitest.JSON("[clan]bob")},
				{Name: "email", Path: []string{"user", "email"}, To: userapitest.JSON("bob@example.com")},
				{Name: "external_user_id", Path: []string{"user", "external_user_id"}, To: userapitest.JSON(99)},
			},
			Agree: []userapitest.Edit{
				{Name: "id_as_text", Path: []string{"user", "id"}, To: strconv.Quote},
				{Name: "login_in_capitals", Path: []string{"user", "login"}, To: strings.ToUpper},
				{Name: "login_with_trailing_blank", Path: []string{"user", "login"}, To: withBlankAfter},
				{Name: "login_missing", Path: []string{"user", "login"}, To: missingMember},
				{Name: "login_beyond_ascii", Path: []string{"user", "login"}, To: userapitest.JSON("péter")},
				{Name: "email_in_capitals", Path: []string{"user", "email"}, To: strings.ToUpper},
				{Name: "email_null", Path: []string{"user", "email"}, To: userapitest.JSON(nil)},
				{Name: "email_empty", Path: []string{"user", "email"}, To: userapitest.JSON("")},
				{Name: "email_beyond_ascii", Path: []string{"user", "email"}, To: userapitest.JSON("peter@bücher.example")},
				{Name: "external_user_id_as_text", Path: []string{"user", "external_user_id"}, To: strconv.Quote},
				{Name: "external_user_id_null", Path: []string{"user", "external_user_id"}, To: userapitest.JSON(nil)},
				{Name: "full_name_of_another", Path: []string{"user", "full_name"}, To: userapitest.JSON("Bob")},
				{Name: "facebook_id_of_another", Path: []string{"user", "facebook_id"}, To: userapitest.JSON("1")},
			},
		},
		Stranger: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				ExternalID: fmt.Sprint(9236672 + n), Username: fmt.Sprintf("peter.smith%d", n), Email: fmt.Sprintf("pete%d@example.org", n), Password: "another-Pass1!",
			}
		},
	}
}

// withBlankAfter appends a blank to a text.
func withBlankAfter(shown string) string { return strings.TrimSuffix(shown, `"`) + ` "` }

// missingMember removes a member from a reply.
func missingMember(string) string { return "" }

// hidden returns a creator that cannot see the user of a request.
func hidden(configure func(*quickbloxtest.Server, *quickblox.Config)) func(testing.TB, userapi.HTTPOptions) (userapi.Creator, userapitest.Backend, userapi.CreateUserRequest, string) {
	return func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend, userapi.CreateUserRequest, string) {
		srv := quickbloxtest.NewServer(t)
		seeing, err := quickblox.New(srv.Config())
		if err != nil {
			t.Fatal(err)
		}
		req := userapi.CreateUserRequest{Username: "hidden", Password: "another-Pass1!"}
		u, err := seeing.CreateUser(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		opts.BaseURL = srv.URL()
		cfg := quickblox.Config{HTTP: opts}
		configure(srv, &cfg)
		c, err := quickblox.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c, srv, req, u.ID
	}
}

// creating is a client whose application session cannot see users. It hides the look-ups.
type creating struct {
	userapi.Creator
	userapi.Preflighter
	userapi.Planner
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("api key", func(t *testing.T) {
		t.Parallel()
		h := conformance(plantedAPIKey, func(_ *quickbloxtest.Server, c *quickblox.Config) { c.APIKey = plantedAPIKey })
		h.Hidden = hidden(func(s *quickbloxtest.Server, c *quickblox.Config) { c.Session = s.SessionConfig() })
		userapitest.Run(t, h)
	})
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		h := conformance(plantedAuthSecret, func(s *quickbloxtest.Server, c *quickblox.Config) { c.Session = s.SessionConfig() })
		open := h.New
		h.New = func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			c, srv := open(t, opts)
			return creating{c, c.(userapi.Preflighter), c.(userapi.Planner)}, srv
		}
		userapitest.Run(t, h)
	})
}
