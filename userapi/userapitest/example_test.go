package userapitest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// One call runs the whole conformance suite on an implementation.
func ExampleRun() {
	_ = func(t *testing.T) {
		userapitest.Run(t, userapitest.Harness{
			New: func(t testing.TB, opts userapi.HTTPOptions) (userapi.Creator, userapitest.Backend) {
				srv := quickbloxtest.NewServer(t)
				cfg := srv.Config()
				opts.BaseURL = srv.URL()
				cfg.HTTP = opts
				c, err := quickblox.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return c, srv
			},
			Minimal: func(n int) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{Username: fmt.Sprint("user", n), Password: "!Peter009"}
			},
			Full: func(n int) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{Username: fmt.Sprint("user", n), Email: fmt.Sprintf("user%d@example.com", n), Password: "!Peter009"}
			},
			Duplicate: func(n int) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{Username: fmt.Sprint("user", n), Password: "!Peter010"}
			},
			Invalid: func(n int) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{Username: fmt.Sprint("user", n), Password: "2short!"}
			},
			// The client can delete users by id and look them up.
			ID:           regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
			BlankAbsence: true,
			// Another person with the same login, whom a look-up must not return.
			Stranger: func(n int) userapi.CreateUserRequest {
				return userapi.CreateUserRequest{Username: fmt.Sprint("user", n), Email: fmt.Sprintf("other%d@example.com", n), Password: "!Peter010"}
			},
			// What the client believes of a reply to a create.
			Reply: &userapitest.Reply{
				ID:         []string{"user", "id"},
				CreatedAt:  []string{"user", "created_at"},
				Errors:     [][]string{{"errors"}},
				Contradict: []userapitest.Edit{{Name: "login", Path: []string{"user", "login"}, To: userapitest.JSON("bob")}},
				Agree:      []userapitest.Edit{{Name: "login_in_capitals", Path: []string{"user", "login"}, To: strings.ToUpper}},
			},
		})
	}
}
