package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// body is a reply's body that may break off.
type body struct {
	io.Reader
	err error
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

func (body) Close() error { return nil }

// script answers requests with replies in turn.
type script struct {
	replies []string // "status body", with "!" at the end for one that breaks off
	sent    []*http.Request
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	status, text, _ := strings.Cut(s.replies[min(len(s.sent), len(s.replies)-1)], " ")
	s.sent = append(s.sent, r)
	b := body{Reader: strings.NewReader(strings.TrimSuffix(text, "!"))}
	if strings.HasSuffix(text, "!") {
		b.err = io.ErrUnexpectedEOF
	}
	code := map[string]int{"200": 200, "404": 404, "422": 422, "500": 500}[status]
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: b, ContentLength: -1, Request: r}, nil
}

// acme is a vendor whose key must not be seen.
func acme(t *testing.T, replies ...string) (*provider.Vendor, *script) {
	t.Helper()
	s := &script{replies: replies}
	c, faults := transport.New(transport.Config{Provider: "acme", BaseURL: "https://acme.invalid", Options: userapi.HTTPOptions{
		HTTPClient: &http.Client{Transport: s}, Retry: userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: time.Millisecond, MaxAttempts: 2},
	}})
	require.Empty(t, faults)
	return &provider.Vendor{
		Name: "acme", HTTP: c, CredentialHeader: "X-Key",
		Prepare: func(call *provider.Call) {
			call.Sign = func(r *http.Request, _ []byte) error {
				r.Header.Set("X-Key", "Key planted")
				return nil
			}
			call.Classify = func(r *transport.Reply) transport.Classification {
				c := provider.Classify(r.Status)
				c.Err = errors.New("acme")
				return c
			}
		},
		Absent: func(r *transport.Reply) bool { return provider.IsBlank(r.Body) },
		Explain: func(e *userapi.Error, _ error, _ *provider.Call, mask provider.Mask) {
			e.Message = mask.Text("Ann and planted and abc")
		},
	}, s
}

// user is acme's reply: {"id": …, "name": …, "error": …}.
type user struct{ ID, Name, Error string }

func (u *user) Receive(r *transport.Reply, _ provider.Meta) error {
	err := json.Unmarshal(r.Body, u)
	switch {
	case err != nil:
		if u.ID == "" && strings.HasPrefix(string(r.Body), `{"id":"7",`) {
			u.ID = "7"
		}
		return err
	case u.Error != "":
		return provider.ErrErrorInSuccess
	case u.ID == "":
		return provider.ErrNoID
	}
	return nil
}

func (u *user) Neutral() *userapi.User {
	if u.ID == "" {
		return nil
	}
	return &userapi.User{Provider: "acme", ID: u.ID, Username: u.Name, Proof: userapi.ProofReply}
}

func call(method string, lookup bool) *provider.Call {
	return &provider.Call{
		Call:   transport.Call{Operation: "do", Route: "/u", Method: method, Path: "/u", Repeatable: lookup, Body: []byte(`{"name":"Ann"}`), ContentType: "application/json"},
		Lookup: lookup, UserID: "chosen", Hidden: []string{"abc"},
	}
}

func isAnn(u *user, _ *transport.Result) error {
	if u.Name == "old" {
		return &userapi.Error{Provider: "acme", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected, StatusCode: 200, User: u.Neutral()}
	}
	return provider.Contradicts("Ann", u.Name, provider.CompareText)
}

// TestCreate: what a success proves, and what is left of a reply that only looks like one.
func TestCreate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reply      string
		kind       userapi.Kind
		outcome    userapi.Outcome
		user       string
		candidates []string
	}{
		"ours":                     {reply: `200 {"id":"7","name":"ann"}`, user: "7"},
		"nothing to compare":       {reply: `200 {"id":"7"}`, user: "7"},
		"refused in its own words": {`200 {"id":"7","name":"old"}`, userapi.KindConflict, userapi.OutcomeRejected, "7", nil},
		"the same, cut off":        {`200 {"id":"7","name":"old"}!`, userapi.KindProtocol, userapi.OutcomeUnknown, "", []string{"7"}},
		"somebody else's":          {`200 {"id":"7","name":"Bob"}`, userapi.KindProtocol, userapi.OutcomeUnknown, "", []string{"7"}},
		"error beside ours":        {`200 {"id":"7","name":"Ann","error":"e"}`, userapi.KindProtocol, userapi.OutcomeCreated, "7", nil},
		"error beside another's":   {`200 {"id":"7","name":"Bob","error":"e"}`, userapi.KindProtocol, userapi.OutcomeUnknown, "", []string{"7"}},
		"cut off behind it all":    {`200 {"id":"7","name":"Ann"}!`, userapi.KindProtocol, userapi.OutcomeCreated, "7", nil},
		"another's, cut off":       {`200 {"id":"7","name":"Bob"}!`, userapi.KindProtocol, userapi.OutcomeUnknown, "", []string{"7"}},
		"cut off behind the id":    {`200 {"id":"7","na`, userapi.KindProtocol, userapi.OutcomeCreated, "7", nil},
		"cut off within the id":    {`200 {"id":"7`, userapi.KindProtocol, userapi.OutcomeUnknown, "", nil},
		"no id":                    {`200 {"name":"Ann"}`, userapi.KindProtocol, userapi.OutcomeUnknown, "", nil},
		"refused":                  {`422 {}`, userapi.KindInvalid, userapi.OutcomeRejected, "", nil},
		"may have been done":       {`500 {}`, userapi.KindUnavailable, userapi.OutcomeUnknown, "", nil},
		"404, which says nothing":  {`404 `, userapi.KindNotFound, userapi.OutcomeRejected, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, s := acme(t, tt.reply)
			u, err := provider.CreateUser(t.Context(), v, &userapi.CreateUserRequest{}, []string{"Tags"}, call(http.MethodPost, false), new(user), isAnn)
			assert.Len(t, s.sent, 1, "a create is sent once")
			if tt.kind == 0 {
				require.NoError(t, err)
				assert.Equal(t, tt.user, u.ID)
				assert.Equal(t, []string{"Tags"}, u.Unmapped)
				return
			}
			assert.Nil(t, u)
			e, ok := err.(*userapi.Error)
			require.True(t, ok)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, tt.candidates, e.Candidates)
			if tt.user != "" {
				require.NotNil(t, e.User)
				assert.Equal(t, tt.user, e.User.ID)
				assert.Equal(t, []string{"Tags"}, e.User.Unmapped)
			} else {
				assert.Nil(t, e.User)
				assert.Equal(t, "chosen", e.UserID)
			}
			if e.StatusCode != 200 {
				assert.Equal(t, "[…] and […] and […]", e.Message)
			}
		})
	}
}

// TestLookups: what a look-up or a delete says of the user.
func TestLookups(t *testing.T) {
	t.Parallel()
	scoped := errors.New("these credentials see a part")
	read := func(ctx context.Context, v *provider.Vendor) error {
		_, err := provider.Read(ctx, v, call(http.MethodGet, true), new(user), isAnn)
		return err
	}
	remove := func(ctx context.Context, v *provider.Vendor) error {
		return provider.Do(ctx, v, call(http.MethodDelete, true))
	}
	for name, tt := range map[string]struct {
		do      func(context.Context, *provider.Vendor) error
		scoped  error
		replies []string
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		"found":                             {do: read, replies: []string{`200 {"id":"7","name":"ANN"}`}},
		"another":                           {read, nil, []string{`200 {"id":"7","name":"Bob"}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"broken":                            {read, nil, []string{`200 {"id":"7","na`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"absent":                            {read, nil, []string{`404 `}, userapi.KindNotFound, userapi.OutcomeRejected},
		"a gateway's 404":                   {read, nil, []string{`404 <html>`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"a 404 that breaks off":             {read, nil, []string{`404 !`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"absent, for credentials of a part": {read, scoped, []string{`404 `}, userapi.KindNotFound, userapi.OutcomeUnknown},
		"failed twice":                      {read, nil, []string{`500 `}, userapi.KindUnavailable, userapi.OutcomeUnknown},
		"refused":                           {read, nil, []string{`422 `}, userapi.KindInvalid, userapi.OutcomeUnknown},
		"deleted":                           {do: remove, replies: []string{`200 `}},
		"deleted, JSON":                     {do: remove, replies: []string{`200 {"id":1,"errors":[]}`}},
		"deleted, a blank":                  {do: remove, replies: []string{"200  \n"}},
		"deleted, no errors":                {do: remove, replies: []string{`200 {"errors":null}`}},
		"deleted, with an error":            {remove, nil, []string{`200 {"errors":["e"]}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"deleted, an error of a text":       {remove, nil, []string{`200 {"error":"e"}`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"deleted, half an object":           {remove, nil, []string{`200 {"id":`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"deleted, cut off":                  {remove, nil, []string{`200 {}!`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"deleted, a page":                   {remove, nil, []string{`200 <html>`}, userapi.KindProtocol, userapi.OutcomeUnknown},
		"nobody to delete, of a part":       {remove, scoped, []string{`404 `}, userapi.KindNotFound, userapi.OutcomeUnknown},
		"gone after a delete of ours":       {remove, scoped, []string{`500 `, `404 `}, userapi.KindNotFound, userapi.OutcomeRejected},
		"missed after a look of ours":       {read, scoped, []string{`500 `, `404 `}, userapi.KindNotFound, userapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := acme(t, tt.replies...)
			v.WhyMissProvesNothing = tt.scoped
			err := tt.do(t.Context(), v)
			if tt.kind == 0 {
				require.NoError(t, err)
				return
			}
			e, ok := err.(*userapi.Error)
			require.True(t, ok)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, "chosen", e.UserID)
			assert.Nil(t, e.User)
		})
	}
}

// TestFind: a user that does not exist is not an error to a resolution. Every other failure is.
func TestFind(t *testing.T) {
	t.Parallel()
	v, _ := acme(t, `404 `, `500 `, `500 `, `200 {"id":"7"}`)
	find := func() (*user, *provider.Candidate, error) {
		return provider.Find(t.Context(), v, call(http.MethodGet, true), userapi.ProofMatch, new(user), isAnn)
	}
	u, c, err := find()
	require.NoError(t, err)
	assert.True(t, u == nil && c == nil)
	_, c, err = find()
	require.Error(t, err)
	assert.Nil(t, c)
	u, c, err = find()
	require.NoError(t, err)
	assert.Equal(t, "7", u.ID)
	assert.Equal(t, userapi.ProofMatch, c.User.Proof)
}
