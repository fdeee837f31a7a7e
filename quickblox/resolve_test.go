package quickblox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// peter is a request with every key.
func peter() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		ExternalID: "1236672", Username: "Peter", Email: "peter@gmail.com", Password: "!Peter009", Timezone: "Europe/Warsaw",
		Extensions: []userapi.Extension{quickblox.Extra{FacebookID: "8887366"}},
	}
}

// The requests of peter's look-ups, the strongest key first.
const (
	askExternal = "GET /users/external/1236672.json"
	askLogin    = "GET /users/by_login.json?login=Peter"
	askEmail    = "GET /users/by_email.json?email=peter%40gmail.com"
	askFacebook = "GET /users/by_facebook_id.json?facebook_id=8887366"
)

var (
	apiKeyConfig  = quickblox.Config{APIKey: apiKey}
	sessionConfig = quickblox.Config{SessionToken: sampleToken}
)

// newServer returns a server and a client with its API key that hardly waits.
func newServer(t *testing.T) (*quickbloxtest.Server, *quickblox.Client) {
	t.Helper()
	s := quickbloxtest.NewServer(t)
	cfg := s.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1, BaseWait: time.Millisecond}
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return s, c
}

// resolved returns the result of a resolution: the user's id and proof, or the error's kind and
// code, the candidates and the differing fields. It returns the error too.
func resolved(t *testing.T, c *quickblox.Client, since time.Time) (string, *userapi.Error) {
	t.Helper()
	u, err := c.ResolveUser(t.Context(), peter(), since)
	if err == nil {
		return fmt.Sprint(u.ID, " ", u.Proof, " ", u.Compared), nil
	}
	assert.Nil(t, u)
	e := wantError(t, err)
	outcome := userapi.OutcomeUnknown
	if e.Kind == userapi.KindConflict || e.Kind == userapi.KindNotFound {
		outcome = userapi.OutcomeRejected
	}
	assert.Equal(t, []any{"resolve user", outcome}, []any{e.Op, e.Outcome})
	wantHidden(t, err, "peter", "8887366", "1236672", "quickblox.com", "!Peter009", "Europe/Warsaw", apiKey, sampleToken)
	var fields []string
	for _, f := range e.FieldErrors {
		fields = append(fields, f.Field+"/"+f.VendorField+"/"+f.Code)
	}
	return fmt.Sprint(e.Kind, " ", e.Code, " ", e.Candidates, " ", fields), e
}

// TestResolveByKeys: a look-up asks by each key, the strongest first, until one finds a user. An
// external id that was sent is a proof. Other keys only match.
func TestResolveByKeys(t *testing.T) {
	t.Parallel()
	user := answer{200, string(fixture(t, "create_201.json"))}
	failure := answer{503, ""}
	whole := func(*userapi.CreateUserRequest) {}
	but := func(externalID, login, email string) func(*userapi.CreateUserRequest) {
		return func(r *userapi.CreateUserRequest) { r.ExternalID, r.Username, r.Email = externalID, login, email }
	}
	all := []string{askExternal, askLogin, askEmail, askFacebook}
	byExternal, byLogin, byEmail := []string{"ExternalID", "Username", "Email", "facebook_id"}, []string{"Username", "Email", "facebook_id"}, []string{"Email", "facebook_id"}
	for _, tc := range []struct {
		name     string
		change   func(*userapi.CreateUserRequest)
		answers  []answer
		asks     []string
		compared []string
	}{
		{"at once", whole, []answer{user}, all[:1], byExternal},
		{"after a miss", whole, []answer{missing, user}, all[:2], byExternal},
		{"by the weakest", whole, []answer{missing, {404, " "}, failure, user}, all, byExternal},
		{"in the next look", whole, []answer{missing, missing, missing, missing, user}, append(all[:4:4], askExternal), byExternal},
		{"after failures", whole, []answer{failure, failure, failure, failure, failure, user}, append(all[:4:4], askExternal, askLogin), byExternal},
		{"login", but("", "Peter", "peter@gmail.com"), []answer{user}, []string{askLogin}, byLogin},
		{"external id that is not a number", but("p-1", "Peter", "peter@gmail.com"), []answer{user}, []string{askLogin}, byLogin},
		{"trailing white space", but("", "Peter \t\n", "peter@gmail.com"), []answer{user}, []string{askLogin}, byLogin},
		{"login alone", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Email, r.Extensions = "", "", nil }, []answer{user}, []string{askLogin}, byLogin[:1]},
		{"e-mail", but("", "", "peter@gmail.com"), []answer{user}, []string{askEmail}, byEmail},
		{"blank login", but("", " ", "peter@gmail.com"), []answer{user}, []string{askEmail}, byEmail},
		{"e-mail in another case", but("", "", "Peter@GMAIL.com"), []answer{user}, []string{"GET /users/by_email.json?email=Peter%40GMAIL.com"}, byEmail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, apiKeyConfig, tc.answers...)
			req := peter()
			tc.change(&req)
			u, err := c.ResolveUser(t.Context(), req, time.Time{})
			require.NoError(t, err)
			assert.Equal(t, tc.asks, s.uris())
			assert.Equal(t, tc.compared, u.Compared)
			assert.Equal(t, tc.compared[0] == "ExternalID", u.Proof == userapi.ProofKey, "the external id was sent and is the user's")
			assert.Equal(t, tc.compared[0] != "ExternalID", u.Proof == userapi.ProofMatch)
			native, ok := userapi.As[*quickblox.GetUserResponse](u)
			require.True(t, ok)
			assert.Equal(t, int64(96752798), native.User.ID)
			assert.Equal(t, "Peter Smith", *native.User.FullName)
			assert.Equal(t, http.StatusOK, native.StatusCode())
			assert.Equal(t, user.body, string(native.Raw()))
		})
	}
}

// TestResolveProvesAbsenceToAUserSession: a user's session sees every user.
func TestResolveProvesAbsenceToAUserSession(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	_, e := resolved(t, c, time.Now())
	require.EqualError(t, e, "quickblox: resolve user: not found, the user does not exist")
	assert.Equal(t, 3*4, received(s, userapitest.Lookup))
}

// TestResolveWithoutProof: credentials that cannot see a user cannot prove that it is missing, and
// say why. They find a user that they can see. If one key's look-up fails, misses by the others
// prove nothing.
func TestResolveWithoutProof(t *testing.T) {
	t.Parallel()
	session := answer{201, `{"session":{"token":"cf5709d6013fdb7a6787fbeb8340afed8aec4c69","user_id":0}}`}
	application := quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "k", AuthSecret: "s"}}
	echo := answer{500, `{"code":null,"message":"no luck with Peter, peter@gmail.com, 8887366, 1236672, !Peter009, Europe/Warsaw, ` + apiKey + `"}`}
	for message, tc := range map[string]struct {
		cfg     quickblox.Config
		answers []answer
		want    string
		asked   int
	}{
		"an application session may not be allowed to see the user": {application, []answer{session, missing}, "unknown absence_unproven [] []", 1 + 3*4},
		"the session token may be an application session's":         {sessionConfig, []answer{missing}, "unknown absence_unproven [] []", 3 * 4},
		"no luck with": {apiKeyConfig, slices.Repeat([]answer{missing, echo, missing, missing}, 3), "unavailable  [] []", 3 * 4},
	} {
		c, s := scripted(t, tc.cfg, tc.answers...)
		got, e := resolved(t, c, time.Now())
		assert.Equal(t, tc.want, got)
		assert.Contains(t, e.Message, message)
		assert.Len(t, s.requests, tc.asked)
	}
	c, _ := scripted(t, application, session, answer{200, string(fixture(t, "create_201.json"))})
	_, e := resolved(t, c, time.Time{})
	assert.Nil(t, e)
}

// TestResolveCompares: every sent key is compared with the found user. So is the time of creation,
// if it has a zone.
func TestResolveCompares(t *testing.T) {
	t.Parallel()
	const keys = `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`
	const same, unsure = "96752798 key [ExternalID Username Email facebook_id]", "unknown ambiguous [96752798] []"
	differs := func(fields ...string) string { return fmt.Sprint("conflict  [96752798] ", fields) }
	external, login, email, facebook := "ExternalID/external_user_id/different", "Username/login/different", "Email/email/different", "/facebook_id/different"
	for _, tc := range []struct{ name, user, apiKey, session string }{ // user is the members besides the id
		{"all", keys, same, same},
		{"numbers as texts", `"external_user_id":"1236672","login":"Peter","email":"peter@gmail.com","facebook_id":8887366`, same, same},
		{"trailing blanks", `"external_user_id":1236672,"login":"Peter ","email":"peter@gmail.com","facebook_id":"8887366\n"`, same, same},
		{"e-mail in another case", `"external_user_id":1236672,"login":"Peter","email":"PETER@gmail.com","facebook_id":"8887366"`, same, same},
		{"key of the look-up hidden", `"external_user_id":null,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`, same, same},
		{"login in another case", `"external_user_id":1236672,"login":"peter","email":"peter@gmail.com","facebook_id":"8887366"`, unsure, unsure},
		{"login missing", `"external_user_id":1236672,"email":"peter@gmail.com","facebook_id":"8887366"`, differs(login), unsure},
		{"e-mail null", `"external_user_id":1236672,"login":"Peter","email":null,"facebook_id":"8887366"`, differs(email), unsure},
		{"e-mail empty", `"external_user_id":1236672,"login":"Peter","email":"","facebook_id":"8887366"`, differs(email), unsure},
		{"Facebook id null", `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":null`, differs(facebook), unsure},
		{"another external id", `"external_user_id":7,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`, differs(external), differs(external)},
		{"another login", `"external_user_id":1236672,"login":"Pete","email":"peter@gmail.com","facebook_id":"8887366"`, differs(login), differs(login)},
		{"leading blank", `"external_user_id":1236672,"login":" Peter","email":"peter@gmail.com","facebook_id":"8887366"`, differs(login), differs(login)},
		{"another e-mail", `"external_user_id":1236672,"login":"Peter","email":"p@gmail.com","facebook_id":"8887366"`, differs(email), differs(email)},
		{"another Facebook id", `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":"8"`, differs(facebook), differs(facebook)},
		{"everything else but one", `"external_user_id":1236672,"login":"Pete","email":"p@gmail.com","facebook_id":"8"`, differs(login, email, facebook), differs(login, email, facebook)},
		{"older", `"created_at":"2017-01-01T00:00:00Z",` + keys, differs("/created_at/older"), differs("/created_at/older")},
		{"no time", `"created_at":null,` + keys, unsure, unsure},
		{"a time without a zone", `"created_at":"2126-01-01 00:00:00",` + keys, unsure, unsure},
		{"not a time", `"created_at":"soon",` + keys, unsure, unsure},
	} {
		for name, cfg := range map[string]quickblox.Config{"api key": apiKeyConfig, "session": sessionConfig} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				begun, members := time.Now(), tc.user
				if !strings.Contains(members, "created_at") {
					members = `"created_at":"` + begun.UTC().Format(time.RFC3339Nano) + `",` + members
				}
				c, s := scripted(t, cfg, answer{200, `{"user":{"id":96752798,` + members + `}}`})
				got, _ := resolved(t, c, begun)
				assert.Equal(t, map[string]string{"api key": tc.apiKey, "session": tc.session}[name], got)
				asks := []string{askExternal}
				if tc.name == "another external id" { // the look-up returned another user, and the next key is tried
					asks = append(asks, askLogin)
				}
				assert.Equal(t, asks, s.uris())
			})
		}
	}
}
