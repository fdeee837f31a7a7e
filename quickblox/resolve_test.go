package quickblox_test

import (
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

// What peter's look-ups ask for, the strongest key first.
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

// newServer returns a server and a client with its API key that waits next to nothing.
func newServer(t *testing.T, opts ...quickbloxtest.Option) (*quickbloxtest.Server, *quickblox.Client) {
	t.Helper()
	s := quickbloxtest.NewServer(t, opts...)
	cfg := s.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 1, BaseWait: time.Millisecond}
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return s, c
}

// wantUnknown wants a resolution that could not tell.
func wantUnknown(t *testing.T, u *userapi.User, err error) *userapi.Error {
	t.Helper()
	assert.Nil(t, u)
	e := wantError(t, err)
	assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	assert.Equal(t, "resolve user", e.Op)
	wantHidden(t, err, "peter", "8887366", "1236672", "quickblox.com", "!Peter009", "Europe/Warsaw", apiKey, sampleToken)
	return e
}

// wantAnother wants a resolution that found somebody else.
func wantAnother(t *testing.T, u *userapi.User, err error, id string, codes ...string) {
	t.Helper()
	assert.Nil(t, u)
	require.ErrorIs(t, err, userapi.ErrConflict)
	e := wantError(t, err)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, "resolve user", e.Op)
	assert.Equal(t, []string{id}, e.Candidates)
	var got []string
	for _, f := range e.FieldErrors {
		got = append(got, f.Field+"/"+f.VendorField+"/"+f.Code)
	}
	assert.Equal(t, codes, got)
	wantHidden(t, err, "peter", "8887366", "1236672", "!Peter009")
}

// A create whose reply gets lost is found again by whichever keys were sent.
func TestResolveFindsWhatALostReplyMade(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		change   func(*userapi.CreateUserRequest)
		asks     string
		proof    userapi.Proof
		compared []string
	}{
		{"every key", func(*userapi.CreateUserRequest) {}, askExternal, userapi.ProofKey, []string{"ExternalID", "Username", "Email", "facebook_id"}},
		{"login", func(r *userapi.CreateUserRequest) { r.ExternalID = "" }, askLogin, userapi.ProofMatch, []string{"Username", "Email", "facebook_id"}},
		{"external id that is no number", func(r *userapi.CreateUserRequest) { r.ExternalID = "p-1" }, askLogin, userapi.ProofMatch, []string{"Username", "Email", "facebook_id"}},
		{"e-mail", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Username = "", "" }, askEmail, userapi.ProofMatch, []string{"Email", "facebook_id"}},
		{"login alone", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Email, r.Extensions = "", "", nil }, askLogin, userapi.ProofMatch, []string{"Username"}},
		{"trailing white space", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Username = "", "Peter \t\n" }, askLogin, userapi.ProofMatch, []string{"Username", "Email", "facebook_id"}},
		{"e-mail in another case", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Username, r.Email = "", "", "Peter@GMAIL.com" },
			"GET /users/by_email.json?email=Peter%40GMAIL.com", userapi.ProofMatch, []string{"Email", "facebook_id"}},
		{"blank login", func(r *userapi.CreateUserRequest) { r.ExternalID, r.Username = "", " " }, askEmail, userapi.ProofMatch, []string{"Email", "facebook_id"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, c := newServer(t)
			s.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup})
			req := peter()
			tc.change(&req)
			begun := time.Now()
			_, err := c.CreateUser(t.Context(), req)
			require.True(t, userapi.MayHaveCreated(err))
			for _, since := range []time.Time{begun, {}} {
				u, err := c.ResolveUser(t.Context(), req, since)
				require.NoError(t, err)
				assert.Equal(t, "96752798", u.ID)
				assert.Equal(t, tc.proof, u.Proof)
				assert.Equal(t, tc.compared, u.Compared)
				_, ok := userapi.As[*quickblox.GetUserResponse](u)
				assert.True(t, ok)
			}
			last := s.Requests()[len(s.Requests())-1]
			assert.Equal(t, tc.asks, last.Method+" "+last.URI)
		})
	}
}

// One look goes through the keys until one finds somebody.
func TestResolveAsksByEveryKey(t *testing.T) {
	t.Parallel()
	user := answer{200, string(fixture(t, "create_201.json"))}
	failure := answer{503, ""}
	for _, tc := range []struct {
		name    string
		answers []answer
		asks    []string
	}{
		{"at once", []answer{user}, []string{askExternal}},
		{"after a miss", []answer{missing, user}, []string{askExternal, askLogin}},
		{"by the weakest", []answer{missing, {404, " "}, failure, user}, []string{askExternal, askLogin, askEmail, askFacebook}},
		{"in the next look", []answer{missing, missing, missing, missing, user}, []string{askExternal, askLogin, askEmail, askFacebook, askExternal}},
		{"after failures", []answer{failure, failure, failure, failure, failure, user}, []string{askExternal, askLogin, askEmail, askFacebook, askExternal, askLogin}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, apiKeyConfig, tc.answers...)
			u, err := c.ResolveUser(t.Context(), peter(), time.Time{})
			require.NoError(t, err)
			assert.Equal(t, tc.asks, s.uris())
			assert.Equal(t, userapi.ProofKey, u.Proof, "the external id was sent and is the user's")
			assert.Equal(t, []string{"ExternalID", "Username", "Email", "facebook_id"}, u.Compared)
		})
	}
}

// A user session is shown every user.
func TestResolveProvesAbsenceToAUserSession(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	u, err := c.ResolveUser(t.Context(), peter(), time.Now())
	assert.Nil(t, u)
	require.EqualError(t, err, "quickblox: resolve user: not found, the user does not exist")
	assert.Equal(t, userapi.OutcomeRejected, wantError(t, err).Outcome)
	assert.Equal(t, 3*4, received(s, userapitest.Lookup))
}

// Credentials that may not be shown a user cannot prove that there is none.
func TestResolveWithoutProof(t *testing.T) {
	t.Parallel()
	const session = `{"session":{"token":"cf5709d6013fdb7a6787fbeb8340afed8aec4c69","user_id":0}}`
	application := quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "k", AuthSecret: "s"}}
	t.Run("application session", func(t *testing.T) {
		t.Parallel()
		c, s := scripted(t, application, answer{201, session}, missing)
		u, err := c.ResolveUser(t.Context(), peter(), time.Now())
		e := wantUnknown(t, u, err)
		assert.Equal(t, "absence_unproven", e.Code)
		assert.Equal(t, "an application session may not be allowed to see the user: to find nobody with it proves nothing", e.Message)
		assert.NotErrorIs(t, err, userapi.ErrNotFound)
		assert.Len(t, s.requests, 1+3*4)
	})
	t.Run("session token", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, sessionConfig, missing)
		u, err := c.ResolveUser(t.Context(), peter(), time.Now())
		e := wantUnknown(t, u, err)
		assert.Equal(t, "absence_unproven", e.Code)
		assert.Contains(t, e.Message, "the session token may be an application session's")
	})
	t.Run("but can find", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, application, answer{201, session}, answer{200, string(fixture(t, "create_201.json"))})
		u, err := c.ResolveUser(t.Context(), peter(), time.Time{})
		require.NoError(t, err)
		assert.Equal(t, userapi.ProofKey, u.Proof)
	})
}

func TestResolveFailures(t *testing.T) {
	t.Parallel()
	t.Run("one key failing for ever", func(t *testing.T) {
		t.Parallel()
		c, s := scripted(t, apiKeyConfig, missing, answer{500, ""}, missing, answer{500, ""}, missing, answer{500, ""})
		req := john
		req.Email = "peter@gmail.com"
		u, err := c.ResolveUser(t.Context(), req, time.Now())
		wantUnknown(t, u, err)
		assert.Len(t, s.requests, 6)
	})
	t.Run("an echo", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, apiKeyConfig, answer{500, `{"code":null,"message":"no luck with Peter, peter@gmail.com, 8887366, 1236672, !Peter009, Europe/Warsaw, ` + apiKey + `"}`})
		u, err := c.ResolveUser(t.Context(), peter(), time.Now())
		assert.Contains(t, wantUnknown(t, u, err).Message, "no luck with")
	})
}

// Every key that was sent is compared with what is shown of the user.
func TestResolveCompares(t *testing.T) {
	t.Parallel()
	const (
		same = iota
		unsure
		different
	)
	external, login, email, facebook := "ExternalID/external_user_id/different", "Username/login/different", "Email/email/different", "/facebook_id/different"
	for _, tc := range []struct {
		name            string
		user            string // beside the id
		apiKey, session int
		codes           []string // of what differs
	}{
		{"all", `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`, same, same, nil},
		{"numbers as texts", `"external_user_id":"1236672","login":"Peter","email":"peter@gmail.com","facebook_id":8887366`, same, same, nil},
		{"trailing blanks", `"external_user_id":1236672,"login":"Peter ","email":"peter@gmail.com","facebook_id":"8887366\n"`, same, same, nil},
		{"e-mail in another case", `"external_user_id":1236672,"login":"Peter","email":"PETER@gmail.com","facebook_id":"8887366"`, same, same, nil},
		{"key of the look-up hidden", `"external_user_id":null,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`, same, same, nil},
		{"login in another case", `"external_user_id":1236672,"login":"peter","email":"peter@gmail.com","facebook_id":"8887366"`, unsure, unsure, nil},
		{"login missing", `"external_user_id":1236672,"email":"peter@gmail.com","facebook_id":"8887366"`, different, unsure, []string{login}},
		{"e-mail null", `"external_user_id":1236672,"login":"Peter","email":null,"facebook_id":"8887366"`, different, unsure, []string{email}},
		{"e-mail empty", `"external_user_id":1236672,"login":"Peter","email":"","facebook_id":"8887366"`, different, unsure, []string{email}},
		{"Facebook id null", `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":null`, different, unsure, []string{facebook}},
		{"another external id", `"external_user_id":7,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`, different, different, []string{external}},
		{"another login", `"external_user_id":1236672,"login":"Pete","email":"peter@gmail.com","facebook_id":"8887366"`, different, different, []string{login}},
		{"leading blank", `"external_user_id":1236672,"login":" Peter","email":"peter@gmail.com","facebook_id":"8887366"`, different, different, []string{login}},
		{"another e-mail", `"external_user_id":1236672,"login":"Peter","email":"p@gmail.com","facebook_id":"8887366"`, different, different, []string{email}},
		{"another Facebook id", `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":"8"`, different, different, []string{facebook}},
		{"everything else but one", `"external_user_id":1236672,"login":"Pete","email":"p@gmail.com","facebook_id":"8"`, different, different, []string{login, email, facebook}},
	} {
		for name, want := range map[string]struct {
			cfg   quickblox.Config
			likes int
		}{"api key": {apiKeyConfig, tc.apiKey}, "session": {sessionConfig, tc.session}} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c, s := scripted(t, want.cfg, answer{200, `{"user":{"id":96752798,` + tc.user + `}}`})
				u, err := c.ResolveUser(t.Context(), peter(), time.Time{})
				if strings.Contains(tc.user, `"external_user_id":7,`) {
					// The look-up has answered with somebody else: the next key is asked for.
					assert.Equal(t, []string{askExternal, "GET /users/by_login.json?login=Peter"}, s.uris()[:2])
				} else {
					assert.Equal(t, []string{askExternal}, s.uris())
				}
				switch want.likes {
				case same:
					require.NoError(t, err)
					assert.Equal(t, userapi.ProofKey, u.Proof)
					assert.Equal(t, []string{"ExternalID", "Username", "Email", "facebook_id"}, u.Compared)
				case unsure:
					e := wantUnknown(t, u, err)
					assert.Equal(t, "ambiguous", e.Code)
					assert.Equal(t, []string{"96752798"}, e.Candidates)
				case different:
					wantAnother(t, u, err, "96752798", tc.codes...)
				}
			})
		}
	}
}

// The server's clock may be off: its Date header tells by how much.
func TestResolveByAge(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"two days behind": -48 * time.Hour, "a year ahead": 365 * 24 * time.Hour} {
		t.Run("clock "+name, func(t *testing.T) {
			t.Parallel()
			_, c := newServer(t, quickbloxtest.WithHTTP(userapitest.ServerOptions{Now: func() time.Time { return time.Now().Add(off) }}))
			begun := time.Now()
			_, err := c.CreateUser(t.Context(), peter())
			require.NoError(t, err)

			u, err := c.ResolveUser(t.Context(), peter(), begun)
			require.NoError(t, err)
			assert.Equal(t, "96752798", u.ID)

			u, err = c.ResolveUser(t.Context(), peter(), begun.Add(10*time.Minute))
			wantAnother(t, u, err, "96752798", "/created_at/older")

			u, err = c.ResolveUser(t.Context(), peter(), begun.Add(20*time.Second))
			e := wantUnknown(t, u, err)
			assert.Equal(t, []string{"96752798"}, e.Candidates)

			_, err = c.ResolveUser(t.Context(), peter(), time.Time{})
			require.NoError(t, err)
		})
	}
	const keys = `"external_user_id":1236672,"login":"Peter","email":"peter@gmail.com","facebook_id":"8887366"`
	for name, at := range map[string]string{"no time": `null`, "a time without a zone": `"2126-01-01 00:00:00"`, "no time at all": `"soon"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, apiKeyConfig, answer{200, `{"user":{"id":96752798,"created_at":` + at + `,` + keys + `}}`})
			u, err := c.ResolveUser(t.Context(), peter(), time.Now())
			wantUnknown(t, u, err)
			_, err = c.ResolveUser(t.Context(), peter(), time.Time{})
			require.NoError(t, err)
		})
	}
}

// The abilities are found as those who need them look for them.
func TestAbilities(t *testing.T) {
	t.Parallel()
	_, c := newServer(t)
	_, resolves := userapi.Ability[userapi.Resolver](c)
	_, repeats := userapi.Ability[userapi.Repeater](c)
	_, deletes := userapi.Ability[userapi.Deleter](c)
	assert.True(t, resolves && repeats && deletes)
}
