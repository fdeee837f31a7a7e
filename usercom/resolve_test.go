package usercom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// quick makes the waits between look-ups very short.
func quick(cfg *usercom.Config) {
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1, BaseWait: time.Millisecond}
}

// TestResolveUser: how a user is found, and what that proves.
func TestResolveUser(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		req      userapi.CreateUserRequest
		proof    userapi.Proof
		compared []string
	}{
		"user id":       {userapi.CreateUserRequest{ExternalID: "crm-1", FullName: "Ada"}, userapi.ProofKey, []string{"ExternalID"}},
		"all":           {userapi.CreateUserRequest{ExternalID: "crm-1", Email: "Ada@Example.org", Phone: "+48 500", Language: "pl"}, userapi.ProofKey, []string{"ExternalID", "Email", "Phone"}},
		"email":         {userapi.CreateUserRequest{Email: "ada+x@example.org"}, userapi.ProofMatch, []string{"Email"}},
		"email, phone":  {userapi.CreateUserRequest{Email: "ada@example.org", Phone: "500"}, userapi.ProofMatch, []string{"Email", "Phone"}},
		"with spaces":   {userapi.CreateUserRequest{Email: " ada@example.org "}, userapi.ProofMatch, []string{"Email"}},
		"id in a query": {userapi.CreateUserRequest{ExternalID: "crm/1", Email: "ada@example.org"}, userapi.ProofKey, []string{"ExternalID", "Email"}},
	} {
		for _, version := range []usercom.Version{usercom.V1, usercom.V2} {
			t.Run(fmt.Sprintf("%s, V%d", name, version+1), func(t *testing.T) {
				t.Parallel()
				srv, c := newFake(t, func(cfg *usercom.Config) { cfg.Version = version; quick(cfg) })
				proof := test.proof
				if version == usercom.V2 && strings.Contains(test.req.ExternalID, "/") {
					proof = userapi.ProofMatch
				}
				since := time.Now()
				_, err := c.CreateUser(t.Context(), test.req)
				require.NoError(t, err)
				u, err := c.ResolveUser(t.Context(), test.req, since)
				require.NoError(t, err)
				want := srv.Users()[0]
				assert.Equal(t, []string{fmt.Sprint(want.ID), want.Email, want.UserID}, []string{u.ID, u.Email, u.ExternalID})
				assert.Equal(t, proof, u.Proof)
				assert.Equal(t, test.compared, u.Compared)
				native, ok := userapi.As[*usercom.CreateUserResponse](u)
				require.True(t, ok)
				assert.Equal(t, want.ID, native.ID)
				got, err := c.Users.Get(t.Context(), want.ID)
				require.NoError(t, err)
				assert.Equal(t, []any{want.ID, 200, strings.Trim(string(native.Raw()), "[]")}, []any{got.ID, got.StatusCode(), string(got.Raw())})
				assert.NotEmpty(t, got.RequestID())
			})
		}
	}
}

// TestResolveAsksForEveryForm: a look-up asks for every form in which User.com may have stored a
// key. Only then it misses.
func TestResolveAsksForEveryForm(t *testing.T) {
	t.Parallel()
	const byID, search = "GET /api/public/users-by-id/", "GET /api/public/users/search/?email="
	for name, test := range map[string]struct {
		req  userapi.CreateUserRequest
		look []string
	}{
		"user id":          {userapi.CreateUserRequest{ExternalID: "crm-1", Email: "Ada@Example.org"}, []string{byID + "crm-1/"}},
		"a spacious one":   {userapi.CreateUserRequest{ExternalID: " crm-1"}, []string{byID + "%20crm-1/", byID + "crm-1/"}},
		"email":            {userapi.CreateUserRequest{Email: "ada@example.org"}, []string{search + "ada%40example.org"}},
		"email, by domain": {userapi.CreateUserRequest{Email: "ada@Example.org"}, []string{search + "ada%40Example.org", search + "ada%40example.org"}},
		"email, three":     {userapi.CreateUserRequest{Email: " Ada@Example.ORG"}, []string{search + "Ada%40Example.ORG", search + "Ada%40example.org", search + "ada%40example.org"}},
	} {
		c, mock := newClient(t, quick)
		seen := answerAll(mock, reply{404, `{"detail":"Not found."}`, nil})
		_, err := c.ResolveUser(t.Context(), test.req, time.Now())
		require.ErrorIs(t, err, userapi.ErrNotFound, name)
		for i := range *seen {
			(*seen)[i] = strings.TrimSuffix((*seen)[i], "&many=true")
		}
		assert.Equal(t, slices.Repeat(test.look, 3), *seen, name)
	}
}

// found returns a user that is this much older than replyDate, with further members.
func found(age time.Duration, members string) string {
	at := replyAt.Add(-age).UTC().Format("2006-01-02T15:04:05.000000Z")
	return `{"id":7,"created_at":"` + at + `",` + members + `}`
}

// replyAt is replyDate: the time on the vendor's clock.
var replyAt = time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)

// resolved returns the result of a resolution: the user's id, or the error's kind and code, the
// candidates and the differing fields. It returns the error too.
func resolved(t *testing.T, c *usercom.Client, req userapi.CreateUserRequest) (string, *userapi.Error) {
	t.Helper()
	u, err := c.ResolveUser(t.Context(), req, time.Now())
	if err == nil {
		return u.ID, nil
	}
	assert.Nil(t, u)
	e := asError(t, err)
	outcome := userapi.OutcomeUnknown
	if e.Kind == userapi.KindConflict {
		outcome = userapi.OutcomeRejected
	}
	assert.Equal(t, []any{"resolve user", outcome}, []any{e.Op, e.Outcome})
	text := printed(t, e)
	assert.False(t, strings.Contains(text, "example.org") || strings.Contains(text, "500"), "a value is shown")
	var fields []string
	for _, f := range e.FieldErrors {
		fields = append(fields, f.Field)
	}
	return fmt.Sprintf("%v %s %v %q", e.Kind, e.Code, e.Candidates, fields), e
}

// TestResolveCompares: an ExternalID finds one user, and every sent key is compared. An e-mail
// address can find several users. Other users, and users that do not show the address, do not rule
// out that the request's own appears later. So the look-up is tried three times.
func TestResolveCompares(t *testing.T) {
	t.Parallel()
	const all = `"user_id":"crm-1","email":"ada@example.org","phone_number":"+48 500"`
	const mine, undated = `"email":"ada@example.org"`, `{"id":6,"email":"ada@example.org"}`
	const unsure, nothing, unproven = `unknown ambiguous [7] []`, `unknown ambiguous [] []`, `unknown absence_unproven [] []`
	keyed := userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org", Phone: "+48 500"}
	mailed := userapi.CreateUserRequest{Email: "ada@example.org"}
	// V2 has no call for these ids. The address can find the user, but a miss proves nothing.
	hidden := func(userID string) userapi.CreateUserRequest {
		return userapi.CreateUserRequest{ExternalID: userID, Email: "ada@example.org"}
	}
	for name, test := range map[string]struct {
		req        userapi.CreateUserRequest
		body, want string
		looks      int
	}{
		"nothing to ask by":     {userapi.CreateUserRequest{Phone: "+48 500", FullName: "Ada"}, ``, nothing, 0},
		"V2, nothing to ask by": {userapi.CreateUserRequest{ExternalID: "crm/1", Phone: "+48 500"}, ``, nothing, 0},
		"V2, slash":             {hidden("crm/1"), `[]`, unproven, 3},
		"V2, search":            {hidden("search"), `[]`, unproven, 3},
		"V2, dots":              {hidden(" .."), `[]`, unproven, 3},
		"V2, percent":           {hidden("50%"), `[]`, unproven, 3},
		"V2, another's id":      {hidden("crm/1"), "[" + found(0, mine+`,"custom_id":"crm-2"`) + "]", unsure, 3},
		"the same":              {keyed, found(0, all), "7", 1},
		"in capitals":           {keyed, found(0, `"user_id":"crm-1","email":" ADA@example.org","phone_number":"+48 500 "`), "7", 1},
		"phone as a number":     {keyed, found(0, `"user_id":"crm-1","email":"ada@example.org","phone_number":48500`), "7", 1},
		"another email":         {keyed, found(0, `"user_id":"crm-1","email":"bob@example.org","phone_number":"+48 500"`), `conflict  [7] ["Email"]`, 1},
		"null email":            {keyed, found(0, `"user_id":"crm-1","email":null,"phone_number":"+48 500"`), `conflict  [7] ["Email"]`, 1},
		"another phone":         {keyed, found(0, `"user_id":"crm-1","email":"ada@example.org","phone_number":"+48 501"`), `conflict  [7] ["Phone"]`, 1},
		"no phone":              {keyed, found(0, `"user_id":"crm-1","email":"ada@example.org"`), `conflict  [7] ["Phone"]`, 1},
		"nothing":               {keyed, found(0, `"user_id":"crm-1"`), `conflict  [7] ["Email" "Phone"]`, 1},
		"day alone, another":    {keyed, `{"id":7,"created_at":"2017-03-02","user_id":"crm-1"}`, `conflict  [7] ["Email" "Phone"]`, 1},
		"older":                 {keyed, found(2*time.Minute, all), `conflict  [7] [""]`, 1},
		"user id not shown":     {keyed, found(0, `"email":"ada@example.org","phone_number":"+48 500"`), unsure, 1},
		"without a date":        {keyed, `{"id":7,` + all + `}`, unsure, 1},
		"date without zone":     {keyed, `{"id":7,"created_at":"2026-03-02 08:15:31",` + all + `}`, unsure, 1},
		"another user id":       {keyed, found(0, `"user_id":"crm-7","email":"ada@example.org","phone_number":"+48 500"`), `protocol  [] []`, 3},
		"one and older":         {mailed, "[" + found(0, mine) + `,{"id":6,"email":"ada@example.org","created_at":"2017-01-01T00:00:00Z"}]`, "7", 1},
		"one and another":       {mailed, "[" + found(0, mine) + `,{"id":6,"email":"bob@example.org","created_at":"2026-03-02T08:15:31Z"}]`, "7", 1},
		"twice the same":        {mailed, "[" + found(0, mine) + "," + found(0, mine) + "]", "7", 1},
		"one and undated":       {mailed, "[" + found(0, mine) + "," + undated + "]", `unknown ambiguous [7 6] []`, 1},
		"undated":               {mailed, "[" + undated + "]", `unknown ambiguous [6] []`, 1},
		"only older":            {mailed, "[" + found(time.Hour, mine) + "]", unsure, 3},
		"somebody else":         {mailed, "[" + found(0, `"email":"bob@example.org"`) + "]", unsure, 3},
		"without an email":      {mailed, "[" + found(0, `"email":null`) + "]", unsure, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, func(cfg *usercom.Config) {
				if quick(cfg); strings.HasPrefix(name, "V2") {
					cfg.Version = usercom.V2
				}
			})
			answerAll(mock, reply{200, test.body, nil})
			got, e := resolved(t, c, test.req)
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.looks, mock.GetTotalCallCount())
			if test.want == nothing {
				assert.Contains(t, e.Message, "ExternalID")
			}
		})
	}
}

// TestResolveUserIDWithWhiteSpace: User.com trims the values that it stores. The user with the
// trimmed id may be the request's, so it does not count as missing.
func TestResolveUserIDWithWhiteSpace(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, quick)
	req := userapi.CreateUserRequest{ExternalID: " crm-1 ", Email: "ada@example.org"}
	u, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	got, _ := resolved(t, c, req)
	assert.Equal(t, "unknown ambiguous ["+u.ID+"] []", got)
	assert.Equal(t, 1, srv.UserCount())
}
