package usercom_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

const browserKey = "q7RtLm2XvB0d"

func ofVisitor(lists ...int64) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: "signup-1", ExternalID: "crm-1", Email: "ada@example.org", FullName: "Ada Nowak",
		Attributes: map[string]any{"seats": 12}, Extensions: []userapi.Extension{usercom.Extra{Key: browserKey, Lists: lists}},
	}
}

// sentTo returns the methods and paths that the server received, without queries.
func sentTo(srv *usercomtest.Server) (sent []string) {
	for _, r := range srv.Requests() {
		path, _, _ := strings.Cut(strings.TrimPrefix(r.URI, "/api/public"), "?")
		sent = append(sent, r.Method+" "+path)
	}
	return sent
}

func TestVisitorBecomesTheUser(t *testing.T) {
	t.Parallel()
	for _, version := range []usercom.Version{usercom.V1, usercom.V2} {
		for _, encoding := range []usercom.Encoding{usercom.JSON, usercom.Form} {
			srv, c := newFake(t, func(cfg *usercom.Config) { cfg.Version, cfg.Encoding = version, encoding })
			srv.AddVisitor("somebodyElse")
			visitor := srv.AddVisitor(browserKey)
			plan, err := c.PlanUser(ofVisitor(77))
			require.NoError(t, err)
			assert.Equal(t, "PUT /users/{id}/", plan.Method+" "+plan.Route)
			assert.Len(t, plan.Next, 2)

			u, err := c.CreateUser(t.Context(), ofVisitor(77))
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint(visitor.ID), u.ID)
			assert.Equal(t, userapi.ProofEarlier, u.Proof)
			assert.Empty(t, u.Warnings)
			assert.Empty(t, u.Unmapped)
			native, ok := userapi.As[*usercom.CreateUserResponse](u)
			require.True(t, ok)
			assert.Equal(t, browserKey, *native.Key)

			users := srv.Users()
			require.Len(t, users, 2)
			assert.Equal(t, []string{browserKey, "crm-1", "ada@example.org", "Ada Nowak"}, []string{users[1].Key, users[1].UserID, users[1].Email, users[1].FirstName})
			assert.Equal(t, map[string]json.RawMessage{"seats": []byte("12")}, users[1].Attributes, "no attribute is called key")
			assert.Equal(t, []int64{77}, users[1].Lists)
			id := fmt.Sprintf("/users/%d/", visitor.ID)
			assert.Equal(t, []string{"GET /users/search/", "PUT " + id, "POST " + id + "set_multiple_attributes/", "POST " + id + "add_to_list/"}, sentTo(srv))
			assert.JSONEq(t, string(plan.Body), string(srv.Requests()[1].Body))
		}
	}
}

// TestNoVisitor: an unknown key makes a new user. A strict request with one is refused.
func TestNoVisitor(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	u, err := c.CreateUser(t.Context(), ofVisitor())
	require.NoError(t, err)
	assert.Equal(t, userapi.ProofReply, u.Proof)
	assert.Len(t, u.Warnings, 1)
	assert.Equal(t, []string{"GET /users/search/", "POST /users/", "POST /users/" + u.ID + "/set_multiple_attributes/"}, sentTo(srv))

	req := ofVisitor()
	req.ExternalID = "crm-2"
	u, err = c.RepeatUser(t.Context(), req)
	require.NoError(t, err)
	assert.Len(t, u.Warnings, 1)

	req = ofVisitor()
	req.Strict = true
	_, err = c.CreateUser(t.Context(), req)
	e := asError(t, err)
	assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome})
	assert.Equal(t, []userapi.FieldError{{Field: "Extensions", VendorField: "key", Code: userapi.CodeNotFound, Message: "no visitor has this key"}}, e.FieldErrors)
	assert.Equal(t, 2, srv.UserCount())

	req.Extensions = []userapi.Extension{usercom.Extra{Key: " "}}
	assert.Equal(t, []string{"key"}, vendorFields(c.PreflightUser(req)))
}

// TestVisitorWhoIsAUser: an existing user is not overwritten.
func TestVisitorWhoIsAUser(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body   string // makes a user of the visitor
		fields map[string]string
		ours   bool
	}{
		"another address":      {`{"email":"bob@example.org"}`, map[string]string{"Email": userapi.CodeDifferent}, false},
		"another id":           {`{"user_id":"crm-7"}`, map[string]string{"ExternalID": userapi.CodeDifferent}, false},
		"another's in both":    {`{"user_id":"crm-7","email":"bob@example.org"}`, map[string]string{"ExternalID": userapi.CodeDifferent, "Email": userapi.CodeDifferent}, false},
		"our address, his id":  {`{"user_id":"crm-7","email":"ada@example.org"}`, map[string]string{"ExternalID": userapi.CodeDifferent}, false},
		"our id, his address":  {`{"user_id":"crm-1","email":"bob@example.org"}`, map[string]string{"ExternalID": userapi.CodeTaken, "Email": userapi.CodeDifferent}, false},
		"the user of this id":  {`{"user_id":"crm-1","email":"ada@example.org"}`, map[string]string{"ExternalID": userapi.CodeTaken}, true},
		"our id, no address":   {`{"user_id":"crm-1"}`, map[string]string{"ExternalID": userapi.CodeTaken}, true},
		"our address":          {`{"email":"Ada@example.org"}`, nil, true},
		"a number and no more": {`{"phone_number":"+48500100200"}`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			visitor := srv.AddVisitor(browserKey)
			var known usercom.UpdateUserRequest
			require.NoError(t, json.Unmarshal([]byte(test.body), &known))
			_, err := c.Users.Update(t.Context(), visitor.ID, known)
			require.NoError(t, err)
			before := srv.Users()[0]

			u, err := c.CreateUser(t.Context(), ofVisitor())
			if test.fields == nil {
				require.NoError(t, err)
				assert.Equal(t, fmt.Sprint(visitor.ID), u.ID)
				return
			}
			e := asError(t, err)
			assert.Equal(t, []any{userapi.KindConflict, userapi.OutcomeRejected, "create user"}, []any{e.Kind, e.Outcome, e.Op})
			fields := map[string]string{}
			for _, f := range e.FieldErrors {
				fields[f.Field] = f.Code
			}
			assert.Equal(t, test.fields, fields)
			assert.Equal(t, test.ours, e.User != nil)
			assert.Equal(t, !test.ours, len(e.Candidates) == 1)
			assert.Equal(t, before, srv.Users()[0], "nothing was written")
			assert.Equal(t, 1, srv.UserCount())
			assert.NotContains(t, printed(t, e), "example.org")
		})
	}
}

// TestTwoPersonsAtOneBrowser: the second person does not overwrite the first, who has only a phone
// number.
func TestTwoPersonsAtOneBrowser(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	srv.AddVisitor(browserKey)
	req := userapi.CreateUserRequest{Phone: "+48 500 100 200", GivenName: "Ada", Extensions: []userapi.Extension{usercom.Extra{Key: browserKey}}}
	ada, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	req.Phone, req.Email, req.GivenName = "+48 500 100 201", "bob@example.org", "Bob"
	_, err = c.CreateUser(t.Context(), req)
	e := asError(t, err)
	assert.Equal(t, []any{userapi.KindConflict, userapi.OutcomeRejected, []string{ada.ID}}, []any{e.Kind, e.Outcome, e.Candidates})
	assert.Equal(t, []any{"Phone", "phone_number", userapi.CodeDifferent}, []any{e.FieldErrors[0].Field, e.FieldErrors[0].VendorField, e.FieldErrors[0].Code})
	assert.Equal(t, "Ada", srv.Users()[0].FirstName)
	assert.NotContains(t, printed(t, e), "500 100")
}

// TestKeyIsNeededFirst: a failed look-up says nothing about the visitor, and nothing is created.
func TestKeyIsNeededFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault userapitest.Fault
		kind  userapi.Kind
	}{
		"forbidden":   {userapitest.Fault{Status: 403}, userapi.KindForbidden},
		"unavailable": {userapitest.Fault{Status: 503, Times: -1}, userapi.KindUnavailable},
		"a page":      {userapitest.Fault{Status: 404, Body: []byte(fixtureHTML)}, userapi.KindProtocol},
		"another":     {userapitest.Fault{Status: 200, Body: []byte(`{"id":7,"key":"somebodyElse"}`)}, userapi.KindProtocol},
		"anybody":     {userapitest.Fault{Status: 200, Body: []byte(`{"id":310455021}`)}, userapi.KindProtocol},
		"lost":        {userapitest.Fault{Do: userapitest.Reset, Times: -1}, userapi.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			visitor := srv.AddVisitor(browserKey)
			test.fault.On, test.fault.When = userapitest.Lookup, userapitest.BeforeCommit
			srv.Inject(test.fault)
			_, err := c.CreateUser(t.Context(), ofVisitor())
			e := asError(t, err)
			assert.Equal(t, []any{test.kind, userapi.OutcomeNotSent, "create user"}, []any{e.Kind, e.Outcome, e.Op})
			assert.False(t, userapi.MayHaveCreated(err))
			assert.Equal(t, []usercomtest.User{visitor}, srv.Users())
			assert.NotContains(t, printed(t, e), browserKey)
		})
	}
}

// TestLostUpdateOfAVisitor: the update is sent once, its outcome is unknown, and the key resolves
// it.
func TestLostUpdateOfAVisitor(t *testing.T) {
	t.Parallel()
	for when, updated := range map[userapitest.Moment]bool{userapitest.BeforeCommit: false, userapitest.AfterCommit: true} {
		for _, do := range []userapitest.Action{userapitest.Hangup, userapitest.Reset, userapitest.Truncate, userapitest.Respond} {
			t.Run(fmt.Sprint(when, do), func(t *testing.T) {
				t.Parallel()
				srv, c := newFake(t, nil)
				visitor := srv.AddVisitor(browserKey)
				fault := userapitest.Fault{On: userapitest.Attributes, When: when, Do: do}
				if do == userapitest.Respond || do == userapitest.Truncate && !updated {
					fault.Status, fault.Body = http.StatusInternalServerError, []byte(`{"detail":"A server error occurred."}`)
				}
				srv.Inject(fault)
				since := time.Now()
				req := ofVisitor(77)
				_, err := c.CreateUser(t.Context(), req)
				assert.Equal(t, userapi.OutcomeUnknown, asError(t, err).Outcome)
				assert.Len(t, srv.Requests(), 2, "it is not sent again")

				u, err := c.ResolveUser(t.Context(), req, since)
				if updated {
					require.NoError(t, err)
					assert.Equal(t, userapi.ProofEarlier, u.Proof)
					assert.Equal(t, []string{"ExternalID", "Email"}, u.Compared)
					require.NoError(t, c.FinishUser(t.Context(), req, u))
					_, err = c.RepeatUser(t.Context(), req)
					require.ErrorIs(t, err, userapi.ErrConflict)
				} else {
					require.ErrorIs(t, err, userapi.ErrNotFound)
					assert.Equal(t, userapi.OutcomeRejected, asError(t, err).Outcome)
					u, err = c.RepeatUser(t.Context(), req)
					require.NoError(t, err)
				}
				assert.Equal(t, fmt.Sprint(visitor.ID), u.ID)
				assert.Equal(t, 1, srv.UserCount())
				assert.Equal(t, "crm-1", srv.Users()[0].UserID)
				assert.Equal(t, []int64{77}, srv.Users()[0].Lists)
			})
		}
	}
}

// TestVisitorFoundByUserID: if the search by key misses the visitor, it counts neither as a user of
// ours that may be deleted, nor as somebody else's.
func TestVisitorFoundByUserID(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, time.Hour} {
		srv, c := newFake(t, nil)
		srv.AddVisitor(browserKey)
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Hangup})
		_, err := c.CreateUser(t.Context(), ofVisitor())
		require.True(t, userapi.MayHaveCreated(err))
		srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: http.StatusNotFound, Body: []byte(`{"detail":"Not found."}`)})
		u, err := c.ResolveUser(t.Context(), ofVisitor(), time.Now().Add(age))
		require.NoError(t, err)
		assert.Equal(t, userapi.ProofEarlier, u.Proof)
	}
}

// TestVisitorBeforeTheUpdate: values that the visitor had before do not prove the update.
func TestVisitorBeforeTheUpdate(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]usercom.UpdateUserRequest{
		"the address":           {Email: new("żółw@example.org")},
		"a number":              {PhoneNumber: new("+48500100200")},
		"the number and a name": {PhoneNumber: new("+48500100200"), FirstName: new("Ada")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			visitor := srv.AddVisitor(browserKey)
			_, err := c.Users.Update(t.Context(), visitor.ID, known)
			require.NoError(t, err)
			srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Do: userapitest.Hangup})
			req := ofVisitor()
			req.Email, req.Phone = "żółw@example.org", "+48500100200"
			since := time.Now()
			_, err = c.CreateUser(t.Context(), req)
			require.True(t, userapi.MayHaveCreated(err))
			for _, externalID := range []string{"crm-1", ""} {
				req.ExternalID = externalID
				if externalID == "" && known.Email != nil {
					continue // it was updated a moment ago, so nothing shows the difference
				}
				_, err = c.ResolveUser(t.Context(), req, since)
				require.ErrorIs(t, err, userapi.ErrNotFound, externalID)
			}
		})
	}
}

// TestRefusedUpdateOfAVisitor: the create was refused, and the error shows no key.
func TestRefusedUpdateOfAVisitor(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	visitor := srv.AddVisitor(browserKey)
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 400, Body: []byte(
		`{"detail":"` + browserKey + ` is odd","errors":{"first_name":["Too odd."],"user_id":["` + browserKey + `"]}}`)})
	_, err := c.CreateUser(t.Context(), ofVisitor())
	e := asError(t, err)
	assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeRejected, "create user", fmt.Sprint(visitor.ID)}, []any{e.Kind, e.Outcome, e.Op, e.UserID})
	assert.Equal(t, []string{"FullName", "ExternalID"}, []string{e.FieldErrors[0].Field, e.FieldErrors[1].Field})
	assert.NotContains(t, printed(t, e)+e.Message+fmt.Sprint(e.FieldErrors[1].Message), browserKey)
	assert.Equal(t, []usercomtest.User{visitor}, srv.Users())
}

// TestResolvedByAddressAndKey: an address that the visitor had before proves no update.
func TestResolvedByAddressAndKey(t *testing.T) {
	t.Parallel()
	req := ofVisitor()
	req.ExternalID = ""
	for name, test := range map[string]struct {
		shown   string
		outcome userapi.Outcome
	}{
		"updated since":  {`"email":"ada@example.org","updated_at":"2026-03-02T08:15:31Z"`, userapi.OutcomeCreated},
		"updated before": {`"email":"ada@example.org","updated_at":"2026-03-02T08:10:00Z"`, userapi.OutcomeUnknown},
		"a moment ago":   {`"email":"ada@example.org","updated_at":"2026-03-02T08:15:26Z"`, userapi.OutcomeUnknown},
		"not said when":  {`"email":"ada@example.org"`, userapi.OutcomeUnknown},
		"no address":     {`"updated_at":"2026-03-02T08:15:31Z"`, userapi.OutcomeRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, func(cfg *usercom.Config) { cfg.HTTP.Retry.BaseWait = time.Millisecond })
			visitor := `{"id":7,"key":"` + browserKey + `","created_at":"2026-01-02T08:15:30Z",` + test.shown + `}`
			list := "[" + visitor + "]"
			if !strings.Contains(test.shown, "email") {
				list = "[]"
			}
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				body := list
				if r.URL.Query().Has("key") {
					body = visitor
				}
				return respond(body), nil
			})
			u, err := c.ResolveUser(t.Context(), req, time.Now())
			if test.outcome == userapi.OutcomeCreated {
				require.NoError(t, err)
				assert.Equal(t, []any{"7", userapi.ProofEarlier}, []any{u.ID, u.Proof})
				return
			}
			assert.Equal(t, test.outcome, asError(t, err).Outcome)
		})
	}
}

// TestEnsuredVisitor: Ensure resolves every loss, and Undo leaves a visitor that existed before.
func TestEnsuredVisitor(t *testing.T) {
	t.Parallel()
	for _, when := range []userapitest.Moment{userapitest.BeforeCommit, userapitest.AfterCommit} {
		srv, c := newFake(t, nil)
		visitor := srv.AddVisitor(browserKey)
		srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: when, Do: userapitest.Hangup})
		p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "crm", Creator: c}}, provision.Patience(time.Millisecond))
		require.NoError(t, err)
		results, err := p.CreateUser(t.Context(), ofVisitor(77))
		require.NoError(t, err)
		require.Len(t, results, 1)
		assert.Equal(t, fmt.Sprint(visitor.ID), results[0].User.ID)
		assert.Equal(t, 1, srv.UserCount())
		assert.Equal(t, []int64{77}, srv.Users()[0].Lists)

		_, err = p.Undo(t.Context(), "signup-1")
		require.Error(t, err)
		assert.Equal(t, 1, srv.UserCount(), "the visitor and the history are kept")
	}
}

// TestUndoLeavesAVisitorShownInPart: a reply without a date, or a failed second step, does not make
// the visitor a user of the create.
func TestUndoLeavesAVisitorShownInPart(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	visitor := srv.AddVisitor(browserKey)
	part := fmt.Appendf(nil, `{"id":%d,"key":%q,"user_id":"crm-1"}`, visitor.ID, browserKey)
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Status: http.StatusOK, Body: part})
	srv.Inject(userapitest.Fault{On: userapitest.Attributes, Status: http.StatusForbidden})
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "crm", Creator: c}}, provision.Patience(time.Millisecond))
	require.NoError(t, err)
	results, _ := p.CreateUser(t.Context(), ofVisitor())
	require.Len(t, results, 1)
	require.NotNil(t, results[0].User)
	assert.Equal(t, userapi.ProofEarlier, results[0].User.Proof)
	_, err = p.Undo(t.Context(), "signup-1")
	require.Error(t, err)
	assert.Equal(t, 1, srv.UserCount(), "the visitor and the history are kept")
}

// respond returns a success with a body, at the creation time of the users in testdata.
func respond(body string) *http.Response {
	resp := httpmock.NewStringResponse(http.StatusOK, body)
	resp.Header.Set("Date", replyDate)
	return resp
}
