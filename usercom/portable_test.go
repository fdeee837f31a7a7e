package usercom_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// newFake returns a fake and a client of it.
func newFake(t *testing.T, change func(*usercom.Config), opts ...usercomtest.Option) (*usercomtest.Server, *usercom.Client) {
	t.Helper()
	srv := usercomtest.NewServer(t, opts...)
	cfg := srv.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	c, err := usercom.New(cfg)
	require.NoError(t, err)
	return srv, c
}

func fullNeutral() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: "signup-1", ExternalID: "crm-000781", Username: "ada", Email: "ada.nowak@example.org", Phone: "+48500100200",
		Password: "correct horse", GivenName: "Ada", FamilyName: "Nowak", FullName: "Ada Nowak",
		Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"newsletter", "spring"},
		Attributes: map[string]any{"seats": 12, "interests": []string{"chess"}},
		Extensions: []userapi.Extension{&usercom.Extra{
			Gender: usercom.GenderFemale, Status: usercom.StatusUser, Score: new(int64(0)), Notifications: new(false),
			Unsubscribed: new(true), AssignedTo: new(int64(11)), CompanyID: "acme-7",
			City: "Gdynia", Region: "Pomorskie", Country: "Poland",
			FacebookURL: "f.example", GoogleURL: "g.example", GravatarURL: "gr.example", LinkedInURL: "l.example", TwitterURL: "t.example",
		}},
	}
}

func TestCreateUserMapsEveryField(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*usercom.Config){
		"V1":      nil,
		"V2":      func(cfg *usercom.Config) { cfg.Version = usercom.V2 },
		"V1 form": func(cfg *usercom.Config) { cfg.Encoding = usercom.Form },
		"V2 form": func(cfg *usercom.Config) { cfg.Version, cfg.Encoding = usercom.V2, usercom.Form },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, change)
			req, before := fullNeutral(), fullNeutral()

			u, err := c.CreateUser(t.Context(), req)

			require.NoError(t, err)
			assert.True(t, reflect.DeepEqual(before, req), "the request is changed")
			assert.Equal(t, "usercom", u.Provider)
			assert.Equal(t, "crm-000781", u.ExternalID)
			assert.Equal(t, "ada.nowak@example.org", u.Email)
			assert.Equal(t, "+48500100200", u.Phone)
			assert.Equal(t, "Ada Nowak", u.FullName)
			assert.Equal(t, []string{"Username", "Password", "Language"}, u.Unmapped)
			assert.Equal(t, userapi.ProofReply, u.Proof)
			assert.WithinDuration(t, time.Now(), u.CreatedAt, time.Minute)
			assert.NotEmpty(t, u.RequestID)
			native, ok := userapi.As[*usercom.CreateUserResponse](u)
			require.True(t, ok)
			assert.Equal(t, usercom.GenderFemale, native.Gender)
			assert.Equal(t, string(native.Raw()), string(u.Raw))

			users := srv.Users()
			require.Len(t, users, 1)
			got := users[0]
			assert.Equal(t, "12", string(got.Attributes["seats"]))
			assert.JSONEq(t, `["chess"]`, string(got.Attributes["interests"]))
			got.ID, got.Key, got.Attributes, got.CreatedAt, got.UpdatedAt = 0, "", nil, time.Time{}, time.Time{}
			assert.Equal(t, usercomtest.User{
				UserID: "crm-000781", Email: "ada.nowak@example.org", FirstName: "Ada", LastName: "Nowak", PhoneNumber: "+48500100200",
				Gender: "female", Status: "user", AssignedTo: 11, Unsubscribed: true, CompanyID: "acme-7",
				City: "Gdynia", Region: "Pomorskie", Country: "Poland", Timezone: "Europe/Warsaw",
				FacebookURL: "f.example", GoogleURL: "g.example", GravatarURL: "gr.example", LinkedInURL: "l.example", TwitterURL: "t.example",
				Tags: []string{"newsletter", "spring"},
			}, got)

			for _, r := range srv.Requests() {
				assert.False(t, strings.Contains(string(r.Body), "correct horse"))
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ full, given, family, first, last string }{
		"full alone":       {"Ada Maria Nowak", "", "", "Ada Maria Nowak", ""},
		"parts":            {"", "Ada", "Nowak", "Ada", "Nowak"},
		"parts win":        {"Ada Maria Nowak", "Ada", "Nowak", "Ada", "Nowak"},
		"family name only": {"", "", "Nowak", "", "Nowak"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: test.full, GivenName: test.given, FamilyName: test.family})
			require.NoError(t, err)
			assert.Empty(t, u.Unmapped)
			assert.Equal(t, test.first, srv.Users()[0].FirstName)
			assert.Equal(t, test.last, srv.Users()[0].LastName)
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	long := strings.Repeat("ł", 65)
	for name, test := range map[string]struct {
		req    userapi.CreateUserRequest
		fields []string
	}{
		"nobody":           {userapi.CreateUserRequest{Username: "ada"}, []string{"Email"}},
		"strict":           {userapi.CreateUserRequest{Email: "a@b.example", Username: "ada", Password: "p", Language: "pl", IdempotencyKey: "k", Strict: true}, []string{"Username", "Password", "Language"}},
		"too long":         {userapi.CreateUserRequest{GivenName: long, FamilyName: long, Phone: long}, []string{"GivenName", "FamilyName", "Phone"}},
		"full name":        {userapi.CreateUserRequest{FullName: long}, []string{"FullName"}},
		"attribute names":  {userapi.CreateUserRequest{Email: "a@b.example", Attributes: map[string]any{"": 1, " Email": 2}}, []string{"Attributes", "Attributes"}},
		"attribute values": {userapi.CreateUserRequest{Email: "a@b.example", Attributes: map[string]any{"x": math.NaN()}}, []string{"Attributes"}},
		"clash in V2":      {userapi.CreateUserRequest{Email: "a@b.example", Attributes: map[string]any{"custom_id": 1}}, []string{"Attributes"}},
		"recorded clash":   {userapi.CreateUserRequest{Email: "a@b.example", Attributes: map[string]any{"chat_id": 1}}, []string{"Attributes"}},
		"extra":            {userapi.CreateUserRequest{Email: "a@b.example", Extensions: []userapi.Extension{usercom.Extra{Gender: "boy", City: long, Region: "\xff"}}}, []string{"", "", ""}},
		"two extras":       {userapi.CreateUserRequest{Email: "a@b.example", Extensions: []userapi.Extension{usercom.Extra{}, &usercom.Extra{}}}, []string{"Extensions"}},
		"redacted":         {userapi.CreateUserRequest{Email: "a@b.example", Password: userapi.Redacted}, []string{"Password"}},
		"everything":       {userapi.CreateUserRequest{Tags: []string{""}, Phone: long, Attributes: map[string]any{"tags": 1}}, []string{"Tags", "Phone", "Attributes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			preflight := c.PreflightUser(test.req)
			user, err := c.CreateUser(t.Context(), test.req)
			assert.Nil(t, user)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			assert.Equal(t, preflight, err)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			var fields []string
			for _, f := range e.FieldErrors {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, test.fields, fields)
		})
	}
	t.Cleanup(func() { assert.Empty(t, srv.Requests()) })
	require.NoError(t, c.PreflightUser(fullNeutral()))
}

func TestSilentUpdate(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Unix())
	srv, c := newFake(t, nil, usercomtest.WithSilentUpdate(), usercomtest.WithHTTP(userapitest.ServerOptions{
		Now: func() time.Time { return time.Unix(clock.Load(), 0) },
	}))
	first, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-000781", Email: "old@example.org"})
	require.NoError(t, err)
	clock.Add(3600)

	_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-000781", Email: "new@example.org", Attributes: map[string]any{"seats": 1}})

	require.ErrorIs(t, err, userapi.ErrConflict)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, http.StatusCreated, e.StatusCode)
	assert.Equal(t, first.ID, e.User.ID)
	assert.Equal(t, 1, srv.UserCount())
	assert.Equal(t, "new@example.org", srv.Users()[0].Email, "the vendor has updated it all the same")
	assert.Empty(t, srv.Users()[0].Attributes)
}

func TestFinishUser(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Email: "ada.nowak@example.org"})
	require.NoError(t, err)
	require.Len(t, srv.Requests(), 1)
	require.NoError(t, c.FinishUser(t.Context(), userapi.CreateUserRequest{}, u))
	require.Len(t, srv.Requests(), 1, "without attributes nothing is sent")

	for _, wrong := range []struct {
		user  *userapi.User
		field string
	}{
		{nil, "User"}, {&userapi.User{Provider: "quickblox", ID: "7"}, "User"}, {&userapi.User{Provider: "usercom"}, "User.ID"},
		{&userapi.User{Provider: "usercom", ID: "007"}, "User.ID"}, {&userapi.User{Provider: "usercom", ID: "99999999999999999999"}, "User.ID"},
	} {
		err := c.FinishUser(t.Context(), userapi.CreateUserRequest{Attributes: map[string]any{"": 1}}, wrong.user)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.Equal(t, []string{wrong.field, ""}, vendorFields(err))
	}

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	err = c.FinishUser(canceled, userapi.CreateUserRequest{Attributes: map[string]any{"seats": 1}}, u)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	assert.Same(t, u, e.User)
}

func TestCreateIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   userapitest.Fault
		kind    userapi.Kind
		outcome userapi.Outcome
		users   int
	}{
		"cut off after":   {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Truncate}, userapi.KindProtocol, userapi.OutcomeCreated, 1},
		"invalid by name": {userapitest.Fault{Status: 400, Body: []byte(`{"errors":{"first_name":["Too odd."]}}`)}, userapi.KindInvalid, userapi.OutcomeRejected, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			srv.Inject(test.fault)
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Ada Nowak", Attributes: map[string]any{"seats": 1}})
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind)
			assert.Equal(t, test.outcome, e.Outcome)
			assert.Equal(t, test.users, srv.UserCount())
			assert.Len(t, srv.Requests(), 1)
			if e.Kind == userapi.KindInvalid {
				assert.Equal(t, "FullName", e.FieldErrors[0].Field)
			}
		})
	}
}

// A time without a zone proves no age.
func TestAgeNeedsAZone(t *testing.T) {
	t.Parallel()
	for createdAt, conflict := range map[string]bool{
		"2017-06-13T12:22:38.748373Z": true,
		"2017-06-13":                  false,
		"2017-06-13 12:22:38":         false,
		"soon":                        false,
	} {
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodPost, "https://acme.user.com/api/public/users/",
			httpmock.NewStringResponder(201, `{"id":5,"user_id":"crm-1","created_at":"`+createdAt+`"}`))
		c, err := usercom.New(usercom.Config{App: "acme", APIKey: "key", HTTP: userapi.HTTPOptions{HTTPClient: &http.Client{Transport: mock}}})
		require.NoError(t, err)
		_, err = c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-1"})
		assert.Equal(t, conflict, errors.Is(err, userapi.ErrConflict), createdAt)
	}
}
