package usercom_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

const listURL = usersURL + "310455021/add_to_list/"

func TestAddToListSends(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*usercom.Config){
		"V1": nil, "V2, form": func(cfg *usercom.Config) { cfg.Version, cfg.Encoding = usercom.V2, usercom.Form },
	} {
		for _, status := range []int{200, 201} {
			c, mock := newClient(t, change)
			got := answer(mock, listURL, status, `{"id":9007199254740993}`)
			require.NoError(t, c.Users.AddToList(t.Context(), 310455021, 9007199254740993), name)
			assert.Equal(t, `{"list":9007199254740993}`, got.body)
			assert.Equal(t, "/api/public/users/310455021/add_to_list/", got.uri)
			assert.Equal(t, []string{"application/json"}, got.header["Content-Type"])
			assert.True(t, got.header.Get("Authorization") == "Token "+testKey)
		}
	}
}

func TestAddToListIsProven(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
	}{
		"empty":          {200, ``, userapi.KindProtocol, userapi.OutcomeUnknown},
		"no id":          {200, `{}`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"null":           {200, `null`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"id 0":           {200, `{"id":0}`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"ID":             {200, `{"ID":7}`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"two ids":        {200, `{"id":7,"id":8}`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"errors":         {200, `{"id":7,"errors":{"list":["x"]}}`, userapi.KindProtocol, userapi.OutcomeUnknown},
		"a page":         {200, fixtureHTML, userapi.KindProtocol, userapi.OutcomeUnknown},
		"no such list":   {400, `{"errors":{"list":["Invalid pk \"5\" - object does not exist."]}}`, userapi.KindInvalid, userapi.OutcomeRejected},
		"unique":         {400, `{"errors":{"user_id":["This field must be unique."]}}`, userapi.KindInvalid, userapi.OutcomeRejected},
		"no such user":   {404, `{"detail":"Not found."}`, userapi.KindNotFound, userapi.OutcomeRejected},
		"404 in HTML":    {404, fixtureHTML, userapi.KindProtocol, userapi.OutcomeUnknown},
		"cannot be told": {502, ``, userapi.KindUnavailable, userapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, listURL, test.status, test.body)
			e := asError(t, c.Users.AddToList(t.Context(), 310455021, 5))
			assert.Equal(t, []any{test.kind, test.outcome, "add to list", "310455021"}, []any{e.Kind, e.Outcome, e.Op, e.UserID})
			for _, f := range e.FieldErrors {
				assert.Empty(t, f.Field)
			}
		})
	}
}

func TestListsAreChecked(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	for name, call := range map[string]func() error{
		"list 0":   func() error { return c.Users.AddToList(t.Context(), 7, 0) },
		"list -1":  func() error { return c.Users.AddToList(t.Context(), 7, -1) },
		"id 0":     func() error { return c.Users.AddToList(t.Context(), 0, 7) },
		"lists 0":  func() error { return c.PreflightUser(onLists(0)) },
		"lists -1": func() error { return c.PreflightUser(onLists(7, -1)) },
		"lists 7,7": func() error {
			_, err := c.CreateUser(t.Context(), onLists(7, 8, 7))
			return err
		},
		"lists of finish": func() error {
			return c.FinishUser(t.Context(), onLists(7, 7), &userapi.User{Provider: usercom.Name, ID: "7"})
		},
	} {
		e := asError(t, call())
		var member string
		_, err := fmt.Sscan(name, &member)
		require.NoError(t, err)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome}, name)
		assert.Equal(t, []string{member}, vendorFields(e), name)
	}
	assert.Empty(t, srv.Requests())
}

// onLists returns a request for a user on lists.
func onLists(lists ...int64) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		Email: "ada@example.org", Attributes: map[string]any{"seats": 12}, Extensions: []userapi.Extension{usercom.Extra{Lists: lists}},
	}
}

// TestListsFollowTheAttributes: the order is the plan's.
func TestListsFollowTheAttributes(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	req := onLists(78, 77)
	plan, err := c.PlanUser(req)
	require.NoError(t, err)
	assert.Equal(t, []userapi.Step{
		{Method: "POST", Route: "/users/{id}/set_multiple_attributes/", Body: json.RawMessage(`{"seats":12}`)},
		{Method: "POST", Route: "/users/{id}/add_to_list/", Body: json.RawMessage(`{"list":78}`)},
		{Method: "POST", Route: "/users/{id}/add_to_list/", Body: json.RawMessage(`{"list":77}`)},
	}, plan.Next)
	assert.NotContains(t, string(plan.Body), "list")

	u, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, []int64{78, 77}, srv.Users()[0].Lists)
	assert.Len(t, srv.Requests(), 4)
	require.NoError(t, c.FinishUser(t.Context(), req, u))
	assert.Len(t, srv.Requests(), 7)
	assert.Equal(t, []int64{78, 77}, srv.Users()[0].Lists)
}

// TestListThatFails: if any list fails, the user exists and the step can be repeated.
func TestListThatFails(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]int64{"the first": 77, "the last": 78} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil, usercomtest.WithLists(77+78-broken))
			_, err := c.CreateUser(t.Context(), onLists(77, 78))
			e := asError(t, err)
			assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeCreated, "add to list"}, []any{e.Kind, e.Outcome, e.Op})
			require.NotNil(t, e.User)
			assert.Equal(t, userapi.ProofReply, e.User.Proof)
			assert.Equal(t, 1, srv.UserCount())
			assert.Equal(t, "12", string(srv.Users()[0].Attributes["seats"]))

			require.NoError(t, c.FinishUser(t.Context(), onLists(77+78-broken), e.User))
			assert.Equal(t, []int64{77 + 78 - broken}, srv.Users()[0].Lists)
		})
	}
}

// TestPassingFailureOfAList: a temporary failure is retried, even if the list already has the user.
func TestPassingFailureOfAList(t *testing.T) {
	t.Parallel()
	for _, when := range []userapitest.Moment{userapitest.BeforeCommit, userapitest.AfterCommit} {
		for _, do := range []userapitest.Action{userapitest.Hangup, userapitest.Reset, userapitest.Respond} {
			srv, c := newFake(t, nil)
			req := onLists(77)
			req.Attributes = nil
			srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: when, Do: do, Status: http.StatusServiceUnavailable})
			_, err := c.CreateUser(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, []int64{77}, srv.Users()[0].Lists)
			assert.Equal(t, 1, srv.UserCount())
		}
	}
}

// TestRepeatedUserIsPutOnItsLists: a repeated user, and a found one, joins its lists.
func TestRepeatedUserIsPutOnItsLists(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	req := onLists(77)
	req.ExternalID = "crm-1"
	u, err := c.RepeatUser(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, []int64{77}, srv.Users()[0].Lists)
	found, err := c.ResolveUser(t.Context(), req, u.CreatedAt)
	require.NoError(t, err)
	require.NoError(t, c.FinishUser(t.Context(), req, found))
}
