package provision_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A backEnd has a chat after an identity provider, on fakes of both.
type backEnd struct {
	identity *fusionauthtest.Server
	chat     *quickbloxtest.Server
	targets  []provision.Target
}

func (b backEnd) close() { b.identity.Close(); b.chat.Close() }

func startBackEnd() backEnd {
	identity, err := fusionauthtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	chat, err := quickbloxtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	identityClient, err := fusionauth.New(identity.Config())
	if err != nil {
		log.Fatal(err)
	}
	chatClient, err := quickblox.New(chat.Config())
	if err != nil {
		log.Fatal(err)
	}
	return backEnd{identity, chat, []provision.Target{
		{Name: "identity", Creator: identityClient},
		{
			Name: "chat", Creator: chatClient, After: []string{"identity"},
			Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
				req.Attributes = map[string]any{"identity": users["identity"].ID}
				return req
			},
		},
	}}
}

var signUp = userapi.CreateUserRequest{
	IdempotencyKey: "sign-up 1", Username: "peter", Email: "peter@example.com", Password: "!Peter009",
}

// A vendor refuses, and the next run with the same key does the rest.
func ExampleProvisioner_CreateUser() {
	b := startBackEnd()
	defer b.close()
	p, err := provision.New(new(provision.Memory), b.targets)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	b.chat.Inject(userapitest.Fault{On: userapitest.Create, Status: 403, Body: []byte(`{"errors":["Forbidden. Need user."]}`)})
	for range 2 {
		results, err := p.CreateUser(ctx, signUp)
		for _, r := range results {
			fmt.Println(r.Target, r.Disposition, r.Recorded)
		}
		fmt.Println(errors.Is(err, userapi.ErrForbidden), userapi.MayHaveCreated(err))
	}
	// Output:
	// identity created false
	// chat rejected false
	// true false
	// identity created true
	// chat created false
	// false false
}

// A sign-up is only queued, and provisioned later. A worker resumes all open sign-ups, including
// those that a crash interrupted.
func ExampleProvisioner_Resume() {
	b := startBackEnd()
	defer b.close()
	ledger := new(provision.Memory)
	p, err := provision.New(ledger, b.targets)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := p.Queue(ctx, nil, signUp); err != nil { // sends nothing
		log.Fatal(err)
	}
	resumed, err := p.Resume(ctx, func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
		return signUp, nil // a program reads it from its own storage
	})
	for _, r := range resumed {
		fmt.Println(r.Key, len(r.Results), err)
	}
	fmt.Println(b.identity.UserCount(), b.chat.UserCount())
	// Output:
	// sign-up 1 2 <nil>
	// 1 1
}

// A failed sign-up is undone.
func ExampleProvisioner_Undo() {
	b := startBackEnd()
	defer b.close()
	p, err := provision.New(new(provision.Memory), b.targets)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	b.chat.Inject(userapitest.Fault{On: userapitest.Create, Status: 403, Body: []byte(`{"errors":["Forbidden. Need user."]}`)})
	if _, err := p.CreateUser(ctx, signUp); err != nil {
		results, err := p.Undo(ctx, signUp.IdempotencyKey)
		for _, r := range results {
			fmt.Println(r.Target, r.Disposition)
		}
		fmt.Println(err, b.identity.UserCount())
	}
	// Output:
	// identity undone
	// chat undone
	// <nil> 0
}

// Plan reports every fault at every vendor before anything is sent.
func ExampleProvisioner_Plan() {
	b := startBackEnd()
	defer b.close()
	p, err := provision.New(new(provision.Memory), b.targets)
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range p.Plan(signUp) {
		fmt.Println(item.Target, item.Plan.Method, item.Plan.Route)
	}
	for _, item := range p.Plan(userapi.CreateUserRequest{IdempotencyKey: "sign-up 2", Username: "paul", Timezone: "Central European"}) {
		var e *userapi.Error
		if errors.As(item.Err, &e) {
			for _, f := range e.FieldErrors {
				fmt.Println(item.Target, f)
			}
		}
	}
	// Output:
	// identity POST /api/user/1bb26573-9e15-52c7-ab7c-e69c3432b56e
	// chat POST /users.json
	// identity Timezone (user.timezone): invalid
	// chat Password: required
}
