package usercom_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
)

const upsertURL = usersURL + "update_or_create/"

func TestUpdateOrCreateSends(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change      func(*usercom.Config)
		contentType string
		body        string
	}{
		"V1":   {nil, "application/json", `{"email":"ada@example.org","user_id":"crm/1"}`},
		"V2":   {func(cfg *usercom.Config) { cfg.Version = usercom.V2 }, "application/json", `{"email":"ada@example.org","custom_id":"crm/1"}`},
		"form": {func(cfg *usercom.Config) { cfg.Encoding = usercom.Form }, "application/x-www-form-urlencoded", "email=ada%40example.org&user_id=crm%2F1"},
	} {
		for status, created := range map[int]bool{200: false, 201: true} {
			c, mock := newClient(t, test.change)
			body := fmt.Sprintf(`{"created":%t,"id":310455021}`, created)
			got := answer(mock, upsertURL, status, body)
			resp, err := c.Users.UpdateOrCreate(t.Context(), usercom.CreateUserRequest{Email: new("ada@example.org"), UserID: new("crm/1")})
			require.NoError(t, err, name)
			assert.Equal(t, test.body, got.body)
			assert.Equal(t, "/api/public/users/update_or_create/", got.uri)
			assert.Equal(t, []string{test.contentType}, got.header["Content-Type"])
			assert.True(t, got.header.Get("Authorization") == "Token "+testKey)
			assert.Equal(t, created, resp.Created)
			assert.Equal(t, int64(310455021), resp.ID)
			assert.Equal(t, status, resp.StatusCode())
			assert.Equal(t, body, string(resp.Raw()))
		}
	}
}

func TestUpdateOrCreateIsProven(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		id      string
	}{
		"no id":         {200, `{"created":true}`, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"id 0":          {200, `{"created":true,"id":0}`, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"another ID":    {200, `{"created":true,"ID":7}`, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"not created":   {200, `{"id":7}`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"created null":  {200, `{"id":7,"created":null}`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"created maybe": {200, `{"id":7,"created":"maybe"}`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"Created":       {200, `{"id":7,"Created":true}`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"errors":        {200, `{"created":true,"id":7,"errors":{"email":["x"]}}`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"cut off":       {200, `{"created":true,"id":7,`, userapi.KindProtocol, userapi.OutcomeUnknown, "7"},
		"cut in the id": {200, `{"created":true,"id":7`, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"empty":         {204, ``, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"a user list":   {200, fixtureList, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"refused":       {400, `{"errors":{"first_name":["Too odd."]}}`, userapi.KindInvalid, userapi.OutcomeRejected, ""},
		"taken":         {400, `{"errors":{"user_id":["This field must be unique."]}}`, userapi.KindConflict, userapi.OutcomeRejected, ""},
		"404 in HTML":   {404, fixtureHTML, userapi.KindNotFound, userapi.OutcomeRejected, ""},
		"gateway":       {502, ``, userapi.KindUnavailable, userapi.OutcomeUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, nil)
			answer(mock, upsertURL, test.status, test.body)
			_, native := c.Users.UpdateOrCreate(t.Context(), usercom.CreateUserRequest{UserID: new("crm-1")})
			u, portable := c.RepeatUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-1", FullName: "Ada"})
			assert.Nil(t, u)
			for _, err := range []error{native, portable} {
				e := asError(t, err)
				assert.Equal(t, test.kind, e.Kind)
				assert.Equal(t, test.outcome, e.Outcome)
				assert.Equal(t, test.id, e.UserID)
				assert.Equal(t, "create user", e.Op)
				assert.Nil(t, e.User)
			}
			if e := asError(t, portable); test.kind == userapi.KindInvalid {
				assert.Equal(t, "FullName", e.FieldErrors[0].Field)
			}
			assert.Equal(t, 2, mock.GetTotalCallCount(), "it is not repeated")
		})
	}
}

func TestUpdateOrCreateReadsWhole(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *usercom.Config) { cfg.HTTP.MaxResponseBytes = 24 })
	answer(mock, upsertURL, 200, `{"created":true,"id":7}       `)
	_, err := c.Users.UpdateOrCreate(t.Context(), usercom.CreateUserRequest{UserID: new("crm-1")})
	e := asError(t, err)
	assert.Equal(t, userapi.KindProtocol, e.Kind)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "7", e.UserID)
}

func TestUpdateOrCreateRefusesLocally(t *testing.T) {
	t.Parallel()
	for version, name := range map[usercom.Version]string{usercom.V1: "user_id", usercom.V2: "custom_id"} {
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = version })
		for _, userID := range []string{"", " "} {
			_, err := c.Users.UpdateOrCreate(t.Context(), usercom.CreateUserRequest{UserID: &userID, Email: new("ada@example.org"), Gender: "x"})
			require.ErrorIs(t, err, userapi.ErrInvalid)
			assert.Equal(t, []string{name, "gender"}, vendorFields(err))

			_, err = c.RepeatUser(t.Context(), userapi.CreateUserRequest{ExternalID: userID, Email: "ada@example.org", Language: "pl", Strict: true})
			e := asError(t, err)
			assert.Equal(t, userapi.KindInvalid, e.Kind)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			require.Len(t, e.FieldErrors, 2)
			assert.Equal(t, "ExternalID", e.FieldErrors[0].Field)
			assert.Equal(t, "required", e.FieldErrors[0].Code)
			assert.Equal(t, "Language", e.FieldErrors[1].Field)
		}
		assert.Zero(t, mock.GetTotalCallCount())
	}
}

func TestRepeatUser(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*usercom.Config){
		"V1":      nil,
		"V2 form": func(cfg *usercom.Config) { cfg.Version, cfg.Encoding = usercom.V2, usercom.Form },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, change)
			u, err := c.RepeatUser(t.Context(), fullNeutral())
			require.NoError(t, err)
			assert.Equal(t, "crm-000781", u.ExternalID)
			assert.Equal(t, "Ada Nowak", u.FullName)
			assert.Equal(t, userapi.ProofReply, u.Proof)
			assert.Empty(t, u.Compared)
			assert.Equal(t, []string{"Username", "Password", "Language"}, u.Unmapped)
			_, ok := userapi.As[*usercom.CreateUserResponse](u)
			assert.True(t, ok)
			users := srv.Users()
			require.Len(t, users, 1)
			assert.Equal(t, "12", string(users[0].Attributes["seats"]))
			assert.Equal(t, "female", users[0].Gender)
			var uris []string
			for _, r := range srv.Requests() {
				uris = append(uris, r.Method+" "+r.URI)
			}
			assert.Equal(t, []string{
				"POST /api/public/users/update_or_create/", "GET /api/public/users/" + u.ID + "/",
				"POST /api/public/users/" + u.ID + "/set_multiple_attributes/",
			}, uris)

			// Retry: another user has it now.
			other := fullNeutral()
			other.Attributes = map[string]any{"seats": 99}
			again, err := c.RepeatUser(t.Context(), other)
			assert.Nil(t, again)
			e := asError(t, err)
			assert.Equal(t, userapi.KindConflict, e.Kind)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			assert.Equal(t, u.ID, e.UserID)
			require.NotNil(t, e.User)
			assert.Equal(t, u.ID, e.User.ID)
			assert.Equal(t, "Ada Nowak", e.User.FullName)
			assert.Equal(t, userapi.ProofKey, e.User.Proof)
			assert.Equal(t, []string{"Username", "Password", "Language"}, e.User.Unmapped)
			require.Len(t, e.FieldErrors, 1)
			assert.Equal(t, "ExternalID", e.FieldErrors[0].Field)
			assert.Equal(t, "taken", e.FieldErrors[0].Code)
			assert.Equal(t, 200, e.StatusCode)
			assert.Equal(t, 1, srv.UserCount())
			assert.Equal(t, "12", string(srv.Users()[0].Attributes["seats"]), "no attribute of somebody else's user is set")

			// The result is the same if that user cannot be read.
			srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 503, Times: -1})
			_, err = c.RepeatUser(t.Context(), other)
			e = asError(t, err)
			assert.Equal(t, userapi.KindConflict, e.Kind)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			assert.Equal(t, u.ID, e.User.ID)
			assert.Equal(t, userapi.ProofKey, e.User.Proof)
		})
	}
}

// After User.com has confirmed a create, the user exists, whatever follows.
func TestRepeatedUserExists(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault userapitest.Fault
		op    string
		kind  userapi.Kind
	}{
		"not read":       {userapitest.Fault{On: userapitest.Lookup, Status: 503, Times: 3}, "look up user", userapi.KindUnavailable},
		"gone":           {userapitest.Fault{On: userapitest.Lookup, Status: 404, Body: []byte(`{"detail":"Not found."}`)}, "look up user", userapi.KindProtocol},
		"another":        {userapitest.Fault{On: userapitest.Lookup, Status: 200, Body: []byte(`{"id":7}`)}, "look up user", userapi.KindProtocol},
		"attributes not": {userapitest.Fault{On: userapitest.Attributes, Status: 403}, "set attributes", userapi.KindForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			srv.Inject(test.fault)
			req := userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org", Language: "pl", Attributes: map[string]any{"seats": 1}}
			u, err := c.RepeatUser(t.Context(), req)
			assert.Nil(t, u)
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind)
			assert.Equal(t, test.op, e.Op)
			assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			require.NotNil(t, e.User)
			assert.Equal(t, fmt.Sprint(srv.Users()[0].ID), e.User.ID)
			assert.Equal(t, e.User.ID, e.UserID)
			assert.Equal(t, userapi.ProofReply, e.User.Proof)
			assert.Equal(t, []string{"Language"}, e.User.Unmapped)
			assert.False(t, strings.Contains(printed(t, e), "ada@"))
			require.NoError(t, c.FinishUser(t.Context(), req, e.User))
			assert.Equal(t, "1", string(srv.Users()[0].Attributes["seats"]))
		})
	}
}

// A throttled repeat was not done, and is sent again.
func TestThrottledRepeatIsSentAgain(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	srv.Inject(userapitest.Fault{Status: 429, Header: http.Header{"Retry-After": {"0"}}})
	_, err := c.RepeatUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-1"})
	require.NoError(t, err)
	assert.Equal(t, 1, srv.UserCount())
}
