package userapitest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/userapi"
)

func init() {
	for name, d := range map[string]defect{
		"sends an unknown create again": {around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				u, err := c.CreateUser(ctx, req)
				if userapi.MayHaveCreated(err) {
					return c.CreateUser(ctx, req)
				}
				return u, err
			})
		}},
		"replays below the client": {options: through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			var body []byte
			if r.Body != nil {
				body, _ = io.ReadAll(r.Body)
			}
			resp, err := next.RoundTrip(withBody(r, body))
			if err != nil && r.Context().Err() == nil {
				return next.RoundTrip(withBody(r, body))
			}
			return resp, err
		})},
		"follows redirects": {options: through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil && resp.Header.Get("Location") != "" {
				to, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, resp.Header.Get("Location"), nil)
				return http.DefaultTransport.RoundTrip(to)
			}
			return resp, err
		})},
		"claims that unknown was not sent": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			if e.Outcome == userapi.OutcomeUnknown {
				e.Outcome = userapi.OutcomeNotSent
			}
			return nil, e
		})},
		"claims that refused is unknown": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			if e.Outcome == userapi.OutcomeRejected {
				e.Outcome = userapi.OutcomeUnknown
			}
			return nil, e
		})},
		"returns plain errors": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, _ *userapi.Error) (*userapi.User, error) {
			return nil, errors.New("it failed")
		})},
		"returns a user and an error": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			return &userapi.User{}, e
		})},
		"takes any 2xx for success": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			if e.StatusCode/100 == 2 {
				return &userapi.User{}, nil
			}
			return nil, e
		})},
		"reports a conflict as invalid": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			if e.Kind == userapi.KindConflict {
				e.Kind = userapi.KindInvalid
			}
			return nil, e
		})},
		"forgets the fields": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			e.FieldErrors = nil
			return nil, e
		})},
		"forgets Retry-After": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			e.RetryAfter = 0
			return nil, e
		})},
		"names the password in errors": {around: failing(func(_ context.Context, req userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			e.Op = "create user with " + req.Password.Reveal()
			return nil, e
		})},
		"names the address in errors": {around: failing(func(_ context.Context, req userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			e.Op = "create user " + req.Email
			return nil, e
		})},
		"wraps a context error as the cause only": {around: failing(func(_ context.Context, _ userapi.CreateUserRequest, e *userapi.Error) (*userapi.User, error) {
			e.Err = fmt.Errorf("transport: %v", e.Err) //nolint:errorlint // the defect
			return nil, e
		})},
		"ignores the context": {around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				return c.CreateUser(context.WithoutCancel(ctx), req)
			})
		}},
		"changes the request": {around: succeeding(func(req userapi.CreateUserRequest, _ *userapi.User) {
			if len(req.Tags) > 0 {
				req.Tags[0] = "changed"
			}
		})},
		"loses the id":          {around: succeeding(func(_ userapi.CreateUserRequest, u *userapi.User) { u.ID = "" })},
		"loses the raw reply":   {around: succeeding(func(_ userapi.CreateUserRequest, u *userapi.User) { u.Raw = nil })},
		"loses the native user": {around: succeeding(func(_ userapi.CreateUserRequest, u *userapi.User) { u.SetNative(nil) })},
		"drops fields unseen":   {around: succeeding(func(_ userapi.CreateUserRequest, u *userapi.User) { u.Unmapped = nil })},
		"calls the key unmapped": {around: succeeding(func(req userapi.CreateUserRequest, u *userapi.User) {
			if req.IdempotencyKey != "" {
				u.Unmapped = append(u.Unmapped, "IdempotencyKey")
			}
		})},
		"logs what it sends": {around: func(c userapi.Creator, o userapi.HTTPOptions) userapi.Creator {
			return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				if o.Logger != nil {
					o.Logger.DebugContext(ctx, "sending "+req.Password.Reveal())
				}
				return c.CreateUser(ctx, req)
			})
		}},
		"counts no attempts": {options: func(o *userapi.HTTPOptions) { o.OnAttempt = nil }},
		"changes the caller's client": {options: func(o *userapi.HTTPOptions) {
			o.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}},
		"has no User-Agent": {options: func(o *userapi.HTTPOptions) { o.UserAgent = "" }},
		"leaves a goroutine": {around: succeeding(func(userapi.CreateUserRequest, *userapi.User) {
			go func() { select {} }()
		})},
		"holds its key in the open": {around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return struct {
				userapi.Creator
				Key string
			}{c, plantedKey}
		}},
		"shares one user": {around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return userapi.CreatorFunc(func(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
				u, err := c.CreateUser(ctx, req)
				if u != nil {
					u.ID = "1"
				}
				return u, err
			})
		}},
		"plans by creating": {only: "plan", around: planning(func(c userapi.Creator, req userapi.CreateUserRequest, plan *userapi.Plan) {
			_, _ = c.CreateUser(context.Background(), req)
		})},
		"shows the password in plans": {only: "plan", around: planning(func(_ userapi.Creator, req userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Body = bytes.Replace(plan.Body, []byte(userapi.Redacted), []byte(req.Password.Reveal()), 1)
		})},
		"plans another body": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Body = append([]byte(`{"stray":1,`), plan.Body[1:]...)
		})},
		"plans another route": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Route = "/people"
		})},
		"plans a step that is not taken": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Next = plan.Steps()
		})},
		"plans another id": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.UserID = "0"
		})},
		"plans nothing unique": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Unique = nil
		})},
		"plans one value for all": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Unique = []userapi.UniqueValue{{Field: "Username", Value: "ada"}}
		})},
		"plans without Unmapped": {only: "plan", around: planning(func(_ userapi.Creator, _ userapi.CreateUserRequest, plan *userapi.Plan) {
			plan.Unmapped = nil
		})},
		"changes the request to plan it": {only: "plan", around: planning(func(_ userapi.Creator, req userapi.CreateUserRequest, _ *userapi.Plan) {
			if len(req.Tags) > 0 {
				req.Tags[0] = "changed"
			}
		})},
		"plans what it refuses": {only: "plan", around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return planner{c, func(req userapi.CreateUserRequest) (userapi.Plan, error) {
				if req.Password == userapi.Redacted {
					req.Password = "another"
				}
				return c.(userapi.Planner).PlanUser(req)
			}}
		}},
		"plans one fault at a time": {only: "plan", around: func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator {
			return planner{c, func(req userapi.CreateUserRequest) (userapi.Plan, error) {
				plan, err := c.(userapi.Planner).PlanUser(req)
				if e, ok := err.(*userapi.Error); ok {
					e.FieldErrors = e.FieldErrors[:1]
				}
				return plan, err
			}}
		}},
		"mixes up the results of a batch": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, _ []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			slices.Reverse(results)
			return results
		})},
		"loses a result of a batch": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, _ []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			return results[:max(len(results)-1, 0)]
		})},
		"fails a batch for one user": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, _ []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			for _, r := range results {
				if r.Err != nil {
					for i := range results {
						results[i] = r
					}
				}
			}
			return results
		})},
		"takes a lost user of a batch for created": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, _ []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			for i, r := range results {
				if userapi.MayHaveCreated(r.Err) {
					results[i] = userapi.BatchResult{User: &userapi.User{ID: "1"}}
				}
			}
			return results
		})},
		"takes a lost user of a batch for absent": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, _ []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			for _, r := range results {
				var e *userapi.Error
				if errors.As(r.Err, &e) && e.Outcome == userapi.OutcomeUnknown {
					e.Outcome = userapi.OutcomeRejected
				}
			}
			return results
		})},
		"changes the requests of a batch": {only: "batch", around: batching(func(_ context.Context, _ userapi.Creator, reqs []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			if len(reqs) > 0 {
				reqs[0].Email = "changed@example.org"
			}
			return results
		})},
		"creates a batch after its context": {only: "batch", around: batching(func(_ context.Context, c userapi.Creator, reqs []userapi.CreateUserRequest, results []userapi.BatchResult) []userapi.BatchResult {
			for i, r := range results {
				if errors.Is(r.Err, userapi.ErrCanceled) {
					results[i].User, results[i].Err = c.CreateUser(context.Background(), reqs[i])
				}
			}
			return results
		})},
		"never tries again": {options: func(o *userapi.HTTPOptions) { o.Retry.MaxAttempts = 1 }},
	} {
		defects[name] = d
	}
}

// A batcher creates a batch one by one, as a function says.
type batcher struct {
	userapi.Creator
	change func(context.Context, userapi.Creator, []userapi.CreateUserRequest, []userapi.BatchResult) []userapi.BatchResult
}

func (b batcher) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) []userapi.BatchResult {
	results := make([]userapi.BatchResult, len(reqs))
	for i, req := range reqs {
		results[i].User, results[i].Err = b.CreateUser(ctx, req)
	}
	return b.change(ctx, b.Creator, reqs, results)
}

// batching returns a defect in the results of a batch.
func batching(change func(context.Context, userapi.Creator, []userapi.CreateUserRequest, []userapi.BatchResult) []userapi.BatchResult) func(userapi.Creator, userapi.HTTPOptions) userapi.Creator {
	return func(c userapi.Creator, _ userapi.HTTPOptions) userapi.Creator { return batcher{c, change} }
}

func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}
