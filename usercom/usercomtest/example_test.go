package usercomtest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// A program, or a test with NewServer, that sees what its users become at User.com,
// and what it does when User.com fails in the middle.
func Example() {
	srv, err := usercomtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := usercom.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	req := userapi.CreateUserRequest{
		ExternalID: "crm-000781",
		Email:      "ada.nowak@example.org",
		GivenName:  "Ada",
		FamilyName: "Nowak",
		Attributes: map[string]any{"seats": 12},
		Extensions: []userapi.Extension{usercom.Extra{Status: usercom.StatusUser}},
	}

	// The user is created, but its attributes are refused.
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 403})
	_, err = client.CreateUser(ctx, req)
	var e *userapi.Error
	if errors.As(err, &e) && e.Outcome == userapi.OutcomeCreated {
		fmt.Println("created", e.User.ID, "without attributes:", e.Kind)
		if err := client.FinishUser(ctx, req, e.User); err != nil {
			log.Fatal(err)
		}
	}

	_, err = client.CreateUser(ctx, req)
	fmt.Println("a second time:", errors.Is(err, userapi.ErrConflict))

	u := srv.Users()[0]
	fmt.Println(srv.UserCount(), u.UserID, u.FirstName, u.Status, string(u.Attributes["seats"]))
	// Output:
	// created 310455021 without attributes: forbidden
	// a second time: true
	// 1 crm-000781 Ada user 12
}
