package provision_test

import (
	"context"
	"errors"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A killed is the value of a panic that stands for a kill.
type killed struct{ where string }

func (k killed) Error() string { return "killed: " + k.where }

// mayKill ends the process in this percentage of cases, and less often with most seeds.
func (w *world) mayKill(purpose, where string, percent int) {
	if w.fails(purpose, percent) {
		w.kill(where)
	}
}

func (w *world) kill(where string) {
	w.say("%s: the process is killed", where)
	panic(killed{where})
}

// A shaky vendor can fail in every way, but never lies. It can only create.
type shaky struct {
	w      *world
	name   string
	unique bool // refuses a second user with the same key
}

func (v shaky) failure(op string, kind userapi.Kind, outcome userapi.Outcome, status int) *userapi.Error {
	return &userapi.Error{Provider: v.name, Op: op, Kind: kind, Outcome: outcome, StatusCode: status}
}

func (v shaky) timeout(op string) *userapi.Error {
	return v.failure(op, userapi.KindTimeout, userapi.OutcomeUnknown, 0)
}

func (v shaky) ended(ctx context.Context, op string, outcome userapi.Outcome) *userapi.Error {
	kind := userapi.KindCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = userapi.KindTimeout
	}
	return v.failure(op, kind, outcome, 0)
}

// takesLong waits, sometimes for seconds. It returns false if the context ended.
func (v shaky) takesLong(ctx context.Context, place string) bool {
	most := 100 * time.Millisecond
	switch {
	case v.w.fails(place, 15):
		most = 200 * time.Second
	case v.w.fails(place, 50):
		most = 3 * time.Second
	}
	timer := time.NewTimer(v.w.span(place, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (v shaky) user(id string) *userapi.User {
	return &userapi.User{Provider: v.name, ID: id, Proof: userapi.ProofReply, CreatedAt: v.w.bornAt(id), Raw: []byte("{}")}
}

func (v shaky) place(req userapi.CreateUserRequest) string { return v.name + "/" + req.IdempotencyKey }

func (v shaky) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	const op = "create user"
	w, place := v.w, v.place(req)
	if ctx.Err() != nil {
		return nil, v.ended(ctx, op, userapi.OutcomeNotSent)
	}
	w.begin(place)
	w.mayKill(place, "before the create at "+place, 5)
	switch {
	case w.fails(place, 10):
		return nil, v.failure(op, userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
	case w.fails(place, 10):
		return nil, v.failure(op, userapi.KindRateLimited, userapi.OutcomeRejected, 429)
	case w.fails(place, 10): // lost before the vendor got it
		v.takesLong(ctx, place)
		return nil, v.timeout(op)
	case w.happens(place, 15):
		w.createLater(place, v.unique)
		if w.happens(place, 30) {
			w.kill("during the create at " + place)
		}
		return nil, v.timeout(op)
	case !v.takesLong(ctx, place):
		if w.fails(place, 60) {
			w.createLater(place, v.unique)
		}
		return nil, v.ended(ctx, op, userapi.OutcomeUnknown)
	}
	id, created := w.create(place, v.unique)
	if !created {
		return nil, v.failure(op, userapi.KindConflict, userapi.OutcomeRejected, 409)
	}
	w.mayKill(place, "after the create at "+place, 10)
	switch {
	case w.fails(place, 15): // the reply is lost
		return nil, v.timeout(op)
	case w.fails(place, 10):
		e := v.failure(op, userapi.KindUnavailable, userapi.OutcomeCreated, 503)
		e.User = v.user(id)
		return nil, e
	}
	return v.user(id), nil
}

// shakyAsked also has look-ups and deletes.
type shakyAsked struct{ shaky }

func (v shakyAsked) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	const op = "resolve user"
	place := v.place(req)
	if ctx.Err() != nil || v.w.fails(place, 10) && !v.takesLong(ctx, place) {
		return nil, v.ended(ctx, op, userapi.OutcomeUnknown)
	}
	if v.w.fails(place, 15) {
		return nil, v.failure(op, userapi.KindUnavailable, userapi.OutcomeUnknown, 503)
	}
	v.w.mayKill(place, "during the look-up at "+place, 5)
	ids, _ := v.w.at(place)
	if len(ids) == 0 {
		return nil, v.failure(op, userapi.KindNotFound, userapi.OutcomeRejected, 404)
	}
	u := v.user(ids[len(ids)-1])
	if u.CreatedAt.Before(since.Add(-2 * time.Second)) {
		return nil, v.failure(op, userapi.KindConflict, userapi.OutcomeRejected, 200)
	}
	u.Proof = userapi.ProofKey
	return u, nil
}

func (v shakyAsked) DeleteUser(ctx context.Context, id string) error {
	const op = "delete user"
	if ctx.Err() != nil || v.w.fails(id, 10) && !v.takesLong(ctx, id) {
		return v.ended(ctx, op, userapi.OutcomeUnknown)
	}
	switch {
	case v.w.fails(id, 5):
		return v.failure(op, userapi.KindUnavailable, userapi.OutcomeNotSent, 0)
	case v.w.fails(id, 10):
		return v.failure(op, userapi.KindUnavailable, userapi.OutcomeUnknown, 503)
	}
	v.w.mayKill(id, "before the deletion of "+id, 5)
	found := v.w.remove(id)
	v.w.mayKill(id, "after the deletion of "+id, 5)
	switch {
	case v.w.fails(id, 10):
		return v.timeout(op)
	case !found:
		return v.failure(op, userapi.KindNotFound, userapi.OutcomeRejected, 404)
	}
	return nil
}

// shakyFull has every ability.
type shakyFull struct{ shakyAsked }

func (v shakyFull) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	return v.CreateUser(ctx, req)
}

func (v shakyFull) FinishUser(ctx context.Context, req userapi.CreateUserRequest, _ *userapi.User) error {
	const op = "finish user"
	place := v.place(req)
	if ctx.Err() != nil || v.w.fails(place, 10) && !v.takesLong(ctx, place) {
		return v.ended(ctx, op, userapi.OutcomeUnknown)
	}
	if v.w.fails(place, 20) {
		return v.failure(op, userapi.KindUnavailable, userapi.OutcomeUnknown, 503)
	}
	return nil
}
