package userapitest_test

import (
	"fmt"
	"testing"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An implementation's whole conformance test is one call.
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
		})
	}
}
