package usercom_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

const plantedKey = "planted0123456789planted0123456789planted0123456789planted012345"

// conformance returns the harness for a version and an encoding.
func conformance(version usercom.Version, encoding usercom.Encoding) userapitest.Harness {
	// In V2 a custom attribute can be named errors.
	userID, errs := "user_id", [][]string{{"errors"}, {"error"}}
	if version == usercom.V2 {
		userID, errs = "custom_id", nil
	}
	return userapitest.Harness{
		New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			srv := usercomtest.NewServer(t, usercomtest.WithAPIKey(plantedKey))
			cfg := srv.Config()
			opts.BaseURL = cfg.HTTP.BaseURL
			cfg.HTTP, cfg.Version, cfg.Encoding = opts, version, encoding
			c, err := usercom.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return c, srv
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("minimal%d@example.org", n)}
		},
		Full: func(n int) userapi.CreateUserRequest {
			extra, attributes := usercom.Extra{Gender: usercom.GenderFemale, Score: new(int64(0)), City: "Gdynia"}, map[string]any{"plan": "gold", "seats": 12}
			if version == usercom.V2 { // the second step has only lists
				extra.Lists, attributes = []int64{77, 78}, nil
			}
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprintf("crm-%06d", n),
				Username: fmt.Sprintf("ada.nowakowska%d", n), Email: fmt.Sprintf("ada%d+tag@example.org", n), Phone: fmt.Sprintf("+4850010%04d", n),
				Password: userapi.Secret(fmt.Sprintf("!Ada-planted-%d", n)), FullName: "Ada Nowakowska", GivenName: "Adalbert", FamilyName: "Nowakowska",
				Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"newsletter", "a,b"}, Attributes: attributes,
				Extensions: []userapi.Extension{&extra},
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{ExternalID: fmt.Sprintf("crm-%06d", n), Email: fmt.Sprintf("else%d@example.org", n)}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("not an address %d", n)}
		},
		Secrets:      []string{plantedKey},
		ID:           regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
		BlankAbsence: true,
		Reply: &userapitest.Reply{
			ID: []string{"id"}, CreatedAt: []string{"created_at"}, Errors: errs,
			Contradict: []userapitest.Edit{
				{Name: "email", Path: []string{"email"}, To: userapitest.JSON("bob@example.org")},
				{Name: userID, Path: []string{userID}, To: userapitest.JSON("crm-999999")},
				{Name: userID + "_as_a_number", Path: []string{userID}, To: userapitest.JSON(999999)},
			},
			Agree: []userapitest.Edit{
				{Name: "id_as_text", Path: []string{"id"}, To: strconv.Quote},
				{Name: "email_in_capitals", Path: []string{"email"}, To: strings.ToUpper},
				{Name: "email_with_blanks", Path: []string{"email"}, To: withBlanks},
				{Name: "email_null", Path: []string{"email"}, To: userapitest.JSON(nil)},
				{Name: "email_empty", Path: []string{"email"}, To: userapitest.JSON("")},
				{Name: "email_beyond_ascii", Path: []string{"email"}, To: userapitest.JSON("ada@bücher.example")},
				{Name: userID + "_in_capitals", Path: []string{userID}, To: strings.ToUpper},
				{Name: userID + "_with_blanks", Path: []string{userID}, To: withBlanks},
				{Name: userID + "_missing", Path: []string{userID}, To: func(string) string { return "" }},
				{Name: "name_of_another", Path: []string{"name"}, To: userapitest.JSON("Bob")},
				{Name: "phone_of_another", Path: []string{"phone_number"}, To: userapitest.JSON("+48500100999")},
			},
		},
		Stranger: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{ExternalID: fmt.Sprintf("crm-%06d", n), Email: fmt.Sprintf("else%d@example.org", n)}
		},
		Ambiguous: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("twice%d@example.org", n)}
		},
		Unrepeatable: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Email: fmt.Sprintf("nokey%d@example.org", n)}
		},
	}
}

// withBlanks adds blanks around a text.
func withBlanks(shown string) string { return `" ` + strings.Trim(shown, `"`) + ` "` }

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("v1 json", func(t *testing.T) {
		t.Parallel()
		userapitest.Run(t, conformance(usercom.V1, usercom.JSON))
	})
	t.Run("v2 form", func(t *testing.T) {
		t.Parallel()
		userapitest.Run(t, conformance(usercom.V2, usercom.Form))
	})
}
