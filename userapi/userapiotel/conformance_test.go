package userapiotel_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapiotel"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestCreatorConformance: a client claims what it claims without traces, in each case of the suite.
func TestCreatorConformance(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	userapitest.Run(t, userapitest.Harness{
		New: func(t testing.TB, o userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
			fake := quickbloxtest.NewServer(t, quickbloxtest.WithAPIKey("planted-api-key-0123456789"))
			o.BaseURL = fake.URL()
			c, err := quickblox.New(quickblox.Config{APIKey: "planted-api-key-0123456789", HTTP: userapiotel.Options(quickblox.Name, o, r.options()...)})
			if err != nil {
				t.Fatal(err)
			}
			return userapiotel.Wrap(c, r.options()...), fake
		},
		Minimal: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("minimal%d", n), Password: "pass-Word-1!"}
		},
		Full: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("key-%d", n), ExternalID: fmt.Sprint(1236672 + n),
				Username: fmt.Sprintf("peter.smith%d", n), Email: fmt.Sprintf("peter%d+tag@example.com", n), Phone: fmt.Sprintf("+7312355%04d", n),
				Password: userapi.Secret(fmt.Sprintf("!Peter-planted-%d", n)), FullName: "Peter Smithson",
				Tags: []string{"marketing", "seo"}, Attributes: map[string]any{"plan": "gold", "seats": 12},
			}
		},
		Duplicate: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("peter.smith%d", n), Password: "another-Pass1!"}
		},
		Invalid: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{Username: fmt.Sprintf("invalid%d", n), Password: "qz7!"}
		},
		Secrets:      []string{"planted-api-key-0123456789"},
		ID:           regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
		BlankAbsence: true,
	})
}
