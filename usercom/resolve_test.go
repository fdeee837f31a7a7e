package usercom_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// quick waits next to nothing between looks.
func quick(cfg *usercom.Config) {
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1, BaseWait: time.Millisecond}
}

// started is a moment before every test.
var started = time.Now()

// clockAt makes a fake tell the time that it is plus what is stored, in nanoseconds.
func clockAt(off *atomic.Int64) usercomtest.Option {
	return usercomtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }})
}

// lose carries out a create whose reply is lost.
func lose(t *testing.T, srv *usercomtest.Server, c *usercom.Client, req userapi.CreateUserRequest) (since time.Time) {
	t.Helper()
	since = time.Now()
	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	_, err := c.CreateUser(t.Context(), req)
	require.Equal(t, userapi.OutcomeUnknown, asError(t, err).Outcome)
	return since
}

func TestResolveUser(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		req      userapi.CreateUserRequest
		proof    userapi.Proof
		compared []string
	}{
		"user id":       {userapi.CreateUserRequest{ExternalID: "crm-1", FullName: "Ada"}, userapi.ProofKey, []string{"ExternalID"}},
		"all":           {userapi.CreateUserRequest{ExternalID: "crm-1", Email: "Ada@Example.org", Phone: "+48 500", Language: "pl"}, userapi.ProofKey, []string{"ExternalID", "Email", "Phone"}},
		"email":         {userapi.CreateUserRequest{Email: "ada+x@example.org", Language: "pl"}, userapi.ProofMatch, []string{"Email"}},
		"email, phone":  {userapi.CreateUserRequest{Email: "ada@example.org", Phone: "500"}, userapi.ProofMatch, []string{"Email", "Phone"}},
		"with spaces":   {userapi.CreateUserRequest{Email: " ada@example.org "}, userapi.ProofMatch, []string{"Email"}},
		"id in a query": {userapi.CreateUserRequest{ExternalID: "crm/1", Email: "ada@example.org"}, userapi.ProofKey, []string{"ExternalID", "Email"}},
	} {
		for _, version := range []usercom.Version{usercom.V1, usercom.V2} {
			t.Run(fmt.Sprintf("%s, V%d", name, version+1), func(t *testing.T) {
				t.Parallel()
				// The server's clock is far off, and says so.
				for _, off := range []time.Duration{0, 90 * 24 * time.Hour, -90 * 24 * time.Hour} {
					var clock atomic.Int64
					clock.Store(int64(off))
					srv, c := newFake(t, func(cfg *usercom.Config) { cfg.Version = version; quick(cfg) }, clockAt(&clock))
					proof, compared := test.proof, test.compared
					if version == usercom.V2 && strings.Contains(test.req.ExternalID, "/") {
						proof = userapi.ProofMatch
					}
					since := lose(t, srv, c, test.req)
					// One look finds nobody yet, one fails.
					for _, since := range []time.Time{since, {}} {
						srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 404, Body: []byte(`{"detail":"Not found."}`)})
						srv.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 503})
						u, err := c.ResolveUser(t.Context(), test.req, since)
						require.NoError(t, err)
						want := srv.Users()[0]
						assert.Equal(t, fmt.Sprint(want.ID), u.ID)
						assert.Equal(t, want.Email, u.Email)
						assert.Equal(t, want.UserID, u.ExternalID)
						assert.Equal(t, proof, u.Proof)
						assert.Equal(t, compared, u.Compared)
						if test.req.Language != "" {
							assert.Equal(t, []string{"Language"}, u.Unmapped)
						}
						assert.NotEmpty(t, u.Raw)
						native, ok := userapi.As[*usercom.CreateUserResponse](u)
						require.True(t, ok)
						assert.Equal(t, want.ID, native.ID)
					}
					require.NoError(t, c.FinishUser(t.Context(), userapi.CreateUserRequest{Attributes: map[string]any{"seats": 1}}, mustResolve(t, c, test.req)))
					assert.Equal(t, 1, srv.UserCount())
				}
			})
		}
	}
}

func mustResolve(t *testing.T, c *usercom.Client, req userapi.CreateUserRequest) *userapi.User {
	t.Helper()
	u, err := c.ResolveUser(t.Context(), req, time.Time{})
	require.NoError(t, err)
	return u
}

func TestResolveAbsent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		req   userapi.CreateUserRequest
		looks int
	}{
		"user id":          {userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org"}, 3},
		"a spacious one":   {userapi.CreateUserRequest{ExternalID: " crm-1", Email: "ada@example.org"}, 6},
		"email":            {userapi.CreateUserRequest{Email: "ada@example.org"}, 3},
		"email, by domain": {userapi.CreateUserRequest{Email: "ada@Example.org"}, 6},
		"email, three":     {userapi.CreateUserRequest{Email: "Ada@Example.org"}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, quick)
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-2", Email: "else@example.org"})
			require.NoError(t, err)
			u, err := c.ResolveUser(t.Context(), test.req, time.Now())
			assert.Nil(t, u)
			require.ErrorIs(t, err, userapi.ErrNotFound)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			assert.Equal(t, "resolve user", e.Op)
			assert.Len(t, srv.Requests(), 1+test.looks)
		})
	}
}

// A look-up that fails proves nothing, however often.
func TestResolveFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply
		kind userapi.Kind
	}{
		"an echo":        {reply{401, `{"detail":"Invalid token. ada@example.org"}`, nil}, userapi.KindUnauthorized},
		"another user":   {reply{200, `{"id":7,"user_id":"crm-7","email":"ada@example.org"}`, nil}, userapi.KindProtocol},
		"nothing at all": {reply{200, ``, nil}, userapi.KindProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick)
			answerAll(mock, test.reply)
			u, err := c.ResolveUser(t.Context(), userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org"}, started)
			assert.Nil(t, u)
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			assert.Equal(t, "resolve user", e.Op)
			assert.Equal(t, 3, mock.GetTotalCallCount())
			text := printed(t, e) + e.Message
			assert.False(t, strings.Contains(text, "ada@example.org") || strings.Contains(text, "crm-"), "a value is shown")
		})
	}
}

// found is a user that User.com created that long before replyDate, with further
// members.
func found(age time.Duration, members string) string {
	at := replyAt.Add(-age).UTC().Format("2006-01-02T15:04:05.000000Z")
	return `{"id":7,"created_at":"` + at + `",` + members + `}`
}

// replyAt is replyDate: what the vendor's clock shows now.
var replyAt = time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)

func TestResolveCompares(t *testing.T) {
	t.Parallel()
	const (
		conflict = "conflict"
		unsure   = "unsure"
		ours     = "ours"
	)
	const all = `"user_id":"crm-1","email":"ada@example.org","phone_number":"+48 500"`
	req := userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org", Phone: "+48 500"}
	for name, test := range map[string]struct {
		body   string
		want   string
		fields []string
	}{
		"the same":           {found(0, all), ours, nil},
		"in capitals":        {found(0, `"user_id":"crm-1","email":" ADA@example.org","phone_number":"+48 500 "`), ours, nil},
		"another email":      {found(0, `"user_id":"crm-1","email":"bob@example.org","phone_number":"+48 500"`), conflict, []string{"Email"}},
		"null email":         {found(0, `"user_id":"crm-1","email":null,"phone_number":"+48 500"`), conflict, []string{"Email"}},
		"another phone":      {found(0, `"user_id":"crm-1","email":"ada@example.org","phone_number":"+48 501"`), conflict, []string{"Phone"}},
		"no phone":           {found(0, `"user_id":"crm-1","email":"ada@example.org"`), conflict, []string{"Phone"}},
		"nothing":            {found(0, `"user_id":"crm-1"`), conflict, []string{"Email", "Phone"}},
		"phone as a number":  {found(0, `"user_id":"crm-1","email":"ada@example.org","phone_number":48500`), ours, nil},
		"user id not shown":  {found(0, `"email":"ada@example.org","phone_number":"+48 500"`), unsure, nil},
		"older":              {found(2*time.Minute, all), conflict, []string{""}},
		"older and another":  {found(2*time.Minute, `"user_id":"crm-1","email":"bob@example.org","phone_number":"+48 500"`), conflict, []string{"Email", ""}},
		"a little older":     {found(30*time.Second, all), unsure, nil},
		"without a date":     {`{"id":7,` + all + `}`, unsure, nil},
		"date without zone":  {`{"id":7,"created_at":"2026-03-02 08:15:31",` + all + `}`, unsure, nil},
		"day alone, another": {`{"id":7,"created_at":"2017-03-02","user_id":"crm-1"}`, conflict, []string{"Email", "Phone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick)
			answerAll(mock, reply{200, test.body, nil})
			u, err := c.ResolveUser(t.Context(), req, time.Now())
			if test.want == ours {
				require.NoError(t, err)
				assert.Equal(t, "7", u.ID)
				return
			}
			assert.Nil(t, u)
			e := asError(t, err)
			assert.Equal(t, []string{"7"}, e.Candidates)
			assert.Equal(t, 1, mock.GetTotalCallCount())
			if test.want == unsure {
				assert.Equal(t, userapi.KindUnknown, e.Kind)
				assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
				assert.Equal(t, "ambiguous", e.Code)
				return
			}
			assert.Equal(t, userapi.KindConflict, e.Kind)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			var fields []string
			for _, f := range e.FieldErrors {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, test.fields, fields)
			text := printed(t, e)
			assert.False(t, strings.Contains(text, "example.org") || strings.Contains(text, "500"), "a value is shown")
		})
	}
	t.Run("any age", func(t *testing.T) {
		t.Parallel()
		c, mock := newClient(t, quick)
		answerAll(mock, reply{200, found(time.Hour, all), nil})
		_, err := c.ResolveUser(t.Context(), req, time.Time{})
		require.NoError(t, err)
	})
}

// The framework takes white space off what it stores: whom it then stored under the
// shorter id may be ours, and is not taken for absent.
func TestResolveUserIDWithWhiteSpace(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, quick)
	req := userapi.CreateUserRequest{ExternalID: " crm-1 ", Email: "ada@example.org"}
	since := lose(t, srv, c, req)
	_, err := c.ResolveUser(t.Context(), req, since)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, []string{fmt.Sprint(srv.Users()[0].ID)}, e.Candidates)
}

// E-mail is not unique: one user in time is ours, and anything else is not told.
func TestResolveByEmailAmongMany(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		users string
		id    string
		ids   []string
	}{
		"one":               {found(0, `"email":"ada@example.org"`), "7", nil},
		"one and older":     {found(0, `"email":"ada@example.org"`) + `,{"id":6,"email":"ada@example.org","created_at":"2017-01-01T00:00:00Z"}`, "7", nil},
		"one and another":   {found(0, `"email":"ada@example.org"`) + `,{"id":6,"email":"bob@example.org","created_at":"2026-03-02T08:15:31Z"}`, "7", nil},
		"twice the same":    {found(0, `"email":"ada@example.org"`) + "," + found(0, `"email":"ada@example.org"`), "7", nil},
		"two":               {found(0, `"email":"ada@example.org"`) + `,{"id":6,"email":"ada@example.org","created_at":"2026-03-02T08:15:31Z"}`, "", []string{"7", "6"}},
		"one and unsure":    {found(0, `"email":"ada@example.org"`) + `,{"id":6,"email":"ada@example.org"}`, "", []string{"7", "6"}},
		"only older":        {found(time.Hour, `"email":"ada@example.org"`), "", []string{"7"}},
		"only a bit older":  {found(30*time.Second, `"email":"ada@example.org"`), "", []string{"7"}},
		"somebody else":     {found(0, `"email":"bob@example.org"`), "", []string{"7"}},
		"without an email":  {found(0, `"email":null`), "", []string{"7"}},
		"undated":           {`{"id":7,"email":"ada@example.org","created_at":"2026-03-02 08:15:31"}`, "", []string{"7"}},
		"several, no zones": {`{"id":7,"email":"ada@example.org"},{"id":6,"email":"ada@example.org"}`, "", []string{"7", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, quick)
			answerAll(mock, reply{200, "[" + test.users + "]", nil})
			u, err := c.ResolveUser(t.Context(), userapi.CreateUserRequest{Email: "ada@example.org"}, time.Now())
			looks := 1
			if name == "only older" || name == "somebody else" || name == "without an email" {
				looks = 3 // they do not stand in the way of one that is still to appear
			}
			assert.Equal(t, looks, mock.GetTotalCallCount())
			if test.id != "" {
				require.NoError(t, err)
				assert.Equal(t, test.id, u.ID)
				assert.Equal(t, userapi.ProofMatch, u.Proof)
				return
			}
			assert.Nil(t, u)
			e := asError(t, err)
			assert.Equal(t, userapi.KindUnknown, e.Kind)
			assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
			assert.Equal(t, "ambiguous", e.Code)
			assert.Equal(t, test.ids, e.Candidates)
		})
	}
}

// Every form in which User.com may have stored the address is looked for.
func TestResolveEmailForms(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, quick)
	seen := answerAll(mock, reply{404, `{"detail":"Not found."}`, nil}, reply{200, `[]`, nil}, reply{200, "[" + found(0, `"email":"ada@example.org"`) + "]", nil})
	u, err := c.ResolveUser(t.Context(), userapi.CreateUserRequest{Email: " Ada@Example.ORG"}, time.Now())
	require.NoError(t, err)
	assert.Equal(t, "7", u.ID)
	const path = "GET /api/public/users/search/?email="
	assert.Equal(t, []string{path + "Ada%40Example.ORG&many=true", path + "Ada%40example.org&many=true", path + "ada%40example.org&many=true"}, *seen)
}

func TestResolveNeedsSomethingToLookFor(t *testing.T) {
	t.Parallel()
	for version, req := range map[usercom.Version]userapi.CreateUserRequest{
		usercom.V1: {Phone: "+48500100200", FullName: "Ada"},
		usercom.V2: {ExternalID: "crm/1", Phone: "+48500100200"},
	} {
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = version })
		u, err := c.ResolveUser(t.Context(), req, started)
		assert.Nil(t, u)
		e := asError(t, err)
		assert.Equal(t, userapi.KindUnknown, e.Kind)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.Equal(t, "resolve user", e.Op)
		assert.Equal(t, "ambiguous", e.Code)
		assert.Contains(t, e.Message, "ExternalID")
		assert.Zero(t, mock.GetTotalCallCount())
	}
	c, mock := newClient(t, nil)
	_, err := c.ResolveUser(t.Context(), userapi.CreateUserRequest{Email: "a@b.example", Tags: []string{""}}, started)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Equal(t, userapi.OutcomeNotSent, asError(t, err).Outcome)
	assert.Zero(t, mock.GetTotalCallCount())
}

// Where V2 cannot be asked for an ExternalID, the e-mail may find its user and
// cannot prove that there is none.
func TestResolveWithoutACallForTheUserID(t *testing.T) {
	t.Parallel()
	for _, userID := range []string{"crm/1", "search", " ..", "50%"} {
		req := userapi.CreateUserRequest{ExternalID: userID, Email: "ada@example.org"}
		c, mock := newClient(t, func(cfg *usercom.Config) { cfg.Version = usercom.V2; quick(cfg) })
		seen := answerAll(mock, reply{200, `[]`, nil})
		_, err := c.ResolveUser(t.Context(), req, time.Now())
		e := asError(t, err)
		assert.Equal(t, userapi.KindUnknown, e.Kind)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.Equal(t, "absence_unproven", e.Code)
		assert.Len(t, *seen, 3)
		assert.Contains(t, (*seen)[0], "/users/search/?email=")

		c, mock = newClient(t, func(cfg *usercom.Config) { cfg.Version = usercom.V2; quick(cfg) })
		answerAll(mock, reply{200, "[" + found(0, `"email":"ada@example.org","custom_id":"crm-2"`) + "]", nil})
		_, err = c.ResolveUser(t.Context(), req, time.Now())
		assert.Equal(t, []string{"7"}, asError(t, err).Candidates, "another's id")
	}
}
