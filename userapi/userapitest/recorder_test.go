package userapitest_test

import (
	"context"
	"sync"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A recorder is a creator that resolves from its own record of creates with an IdempotencyKey. It
// has at most one defect, selected by name.
type recorder struct {
	*reference
	defect string

	mu sync.Mutex
	// made are the users by key; nil for a create without an answer.
	made map[string]*userapi.User
	last *userapi.User
}

func init() {
	for _, name := range []string{
		"none on record",
		"takes its record for the vendor's word",
		"asks the vendor for what is on record",
		"finds on record whom it made last",
		"forgets whom it made",
		"forgets a create whose reply was lost",
		"takes a create on record for a user",
		"takes what it never records for absent",
		"does not say that nothing is on record",
		"takes an end of the context for absence",
		"has a record of what was never sent",
		"does not say that an invalid request was not sent",
		"has no proof of whom it has on record",
		"keeps no record of Unmapped",
	} {
		defects[name] = defect{only: "record", recorded: true, around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return &recorder{reference: c.(*reference), defect: name, made: map[string]*userapi.User{}}
		}}
	}
	defects["takes the vendor's word for its record"] = defect{only: "resolve", around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
		return boaster{c.(*reference)}
	}}
}

func (r *recorder) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	r.note(req.IdempotencyKey, nil)
	u, err := r.reference.CreateUser(ctx, req)
	switch {
	case err == nil && r.defect != "forgets whom it made":
		r.note(req.IdempotencyKey, u)
	case !userapi.MayHaveCreated(err), r.defect == "forgets a create whose reply was lost":
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.made, req.IdempotencyKey)
	}
	return u, err
}

func (r *recorder) note(key string, u *userapi.User) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[key] = u
	if u != nil {
		r.last = u
	}
}

func (r *recorder) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.defect == "asks the vendor for what is on record" {
		_, _ = r.reference.ResolveUser(context.WithoutCancel(ctx), req, since)
	}
	fromRecord := r.defect != "takes its record for the vendor's word"
	fail := func(kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
		e := r.fail("resolve user", kind, outcome)
		e.Subject, e.FromRecord = userapi.SubjectUser, fromRecord
		return e
	}
	absent, unknown := fail(userapi.KindNotFound, userapi.OutcomeRejected), fail(userapi.KindUnknown, userapi.OutcomeUnknown)
	if ctx.Err() != nil && r.defect == "takes an end of the context for absence" {
		return nil, absent
	}
	unmapped, e := r.check("resolve user", &req)
	switch {
	case e == nil, r.defect == "has a record of what was never sent":
	case r.defect == "does not say that an invalid request was not sent":
		return nil, fail(userapi.KindInvalid, userapi.OutcomeUnknown)
	default:
		return nil, fail(userapi.KindInvalid, userapi.OutcomeNotSent)
	}
	if req.IdempotencyKey == "" {
		if r.defect == "takes what it never records for absent" {
			return nil, absent
		}
		if r.defect != "does not say that nothing is on record" {
			unknown.Code = "absence_unproven"
		}
		return nil, unknown
	}
	made, sent := r.made[req.IdempotencyKey]
	switch {
	case r.defect == "finds on record whom it made last":
		made = r.last
	case !sent:
		return nil, absent
	case made == nil && r.defect == "takes a create on record for a user":
		made = &userapi.User{Provider: vendor, ID: "1", Proof: userapi.ProofReply}
	case made == nil:
		return nil, unknown
	}
	found := &userapi.User{Provider: vendor, ID: made.ID, Proof: made.Proof, Unmapped: unmapped, FromRecord: fromRecord}
	switch r.defect {
	case "has no proof of whom it has on record":
		found.Proof = userapi.ProofNone
	case "keeps no record of Unmapped":
		found.Unmapped = nil
	}
	return found, nil
}

// A boaster asks the vendor, but claims that it did not.
type boaster struct{ *reference }

func (b boaster) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	u, err := b.reference.ResolveUser(ctx, req, since)
	if e, ok := err.(*userapi.Error); ok {
		e.FromRecord = true
		return nil, e
	}
	u.FromRecord = true
	return u, nil
}
