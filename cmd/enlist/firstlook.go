package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
)

// codeFound is the code of an error for users that a look-up before the create has found.
const codeFound = "found"

// lookFirst looks the user up at User.com before the create. Only the external id is unique there, and a
// create with a taken one may change the user that has it. If found is false, the create may be sent.
func lookFirst(ctx context.Context, c *usercom.Client, req userapi.CreateUserRequest) (res provision.Result, found bool) {
	if req.ExternalID != "" {
		return lookByExternalID(ctx, c, req)
	}
	var users []*usercom.GetUserResponse
	var err error
	field := "Email"
	if req.Email != "" {
		users, err = findByEmail(ctx, c, req.Email)
	} else {
		field = "Phone"
		users, err = c.Users.FindByPhone(ctx, req.Phone)
	}
	switch {
	case err != nil:
		return notSent(err), true
	case len(users) == 0:
		return res, false
	}
	failure := &userapi.Error{
		Provider: usercom.Name, Op: "look for the user", Kind: userapi.KindConflict, Outcome: userapi.OutcomeNotSent, Code: codeFound,
		UserID:      strconv.FormatInt(users[0].ID, 10),
		FieldErrors: []userapi.FieldError{{Field: field, Code: userapi.CodeTaken, Message: "is that of an existing user"}},
	}
	for _, u := range users {
		failure.Candidates = append(failure.Candidates, strconv.FormatInt(u.ID, 10))
	}
	return provision.Result{Target: usercom.Name, Disposition: provision.DispositionNotSent, Err: failure}, true
}

// findByEmail looks for an address as it is and in lower case, as keys have it.
func findByEmail(ctx context.Context, c *usercom.Client, address string) (all []*usercom.GetUserResponse, err error) {
	for _, form := range slices.Compact([]string{address, strings.ToLower(address)}) {
		users, err := c.Users.FindByEmail(ctx, form)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if !slices.ContainsFunc(all, func(known *usercom.GetUserResponse) bool { return known.ID == u.ID }) {
				all = append(all, u)
			}
		}
	}
	return all, nil
}

func lookByExternalID(ctx context.Context, c *usercom.Client, req userapi.CreateUserRequest) (res provision.Result, found bool) {
	taken, err := c.Users.GetByUserID(ctx, req.ExternalID)
	if errors.Is(err, userapi.ErrNotFound) {
		return res, false
	}
	if err != nil {
		return notSent(err), true
	}
	u, err := c.ResolveUser(ctx, req, time.Time{}) // it compares the user with the request
	if err != nil {
		res = notSent(err)
		failure := asError(usercom.Name, res.Err)
		failure.UserID = strconv.FormatInt(taken.ID, 10)
		if failure.Kind == userapi.KindConflict {
			failure.FieldErrors = append([]userapi.FieldError{
				{Field: "ExternalID", Code: userapi.CodeTaken, Message: "is that of an existing user"},
			}, failure.FieldErrors...)
		}
		return res, true
	}
	res = provision.Result{Target: usercom.Name, Disposition: provision.DispositionExisting, User: u}
	begun := time.Now()
	step := provision.Step{Action: provision.ActionFinish, Started: begun, UserID: u.ID}
	if err := c.FinishUser(ctx, req, u); err != nil {
		res.Err, step.Err = err, asError(usercom.Name, err)
	}
	step.Duration = time.Since(begun)
	res.Steps = []provision.Step{step}
	return res, true
}

// notSent returns the result of a look-up that failed or found another user. No create was sent.
func notSent(err error) provision.Result {
	failure := asError(usercom.Name, err)
	own := *failure
	own.Subject, own.Outcome = userapi.SubjectUser, userapi.OutcomeNotSent
	return provision.Result{Target: usercom.Name, Disposition: provision.DispositionNotSent, Err: &own}
}

// asError returns the *userapi.Error that every client returns. For an error of another type the user may
// exist.
func asError(vendor string, err error) *userapi.Error {
	var e *userapi.Error
	if errors.As(err, &e) {
		return e
	}
	return &userapi.Error{Provider: vendor, Op: "create user", Err: err}
}
