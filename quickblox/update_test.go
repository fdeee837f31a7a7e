package quickblox_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// everyChange returns every member that QuickBlox documents, including deprecated ones.
func everyChange() quickblox.UpdateUserRequest {
	return quickblox.UpdateUserRequest{User: quickblox.UserUpdate{
		Login: new("Jen_Lesser"), Email: new("jen_lesser@gmail.com"), BlobID: new(int64(7)), ExternalUserID: new(int64(1433712)), FacebookID: new("125553"), TwitterID: new("998800"),
		FullName: new("Jen Lesser"), Phone: new("+965234215"), Website: new("https://jen.com"), CustomData: new("Head of marketing"), TagList: new("android,web"),
		AllowSalesActivities: new(false), AllowStatisticsAnalysis: new(true), AgeOver16: new(true), ParentsContacts: new(""),
		Password: "mynewpassword!", OldPassword: "myoldpassword!",
	}}
}

func TestUpdateSendsGoldenBytes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		req  quickblox.UpdateUserRequest
		want string
	}{
		{"every member", everyChange(), `{"user":{"login":"Jen_Lesser","email":"jen_lesser@gmail.com","blob_id":7,"external_user_id":1433712,"facebook_id":"125553","twitter_id":"998800",` +
			`"full_name":"Jen Lesser","phone":"+965234215","website":"https://jen.com","custom_data":"Head of marketing","tag_list":"android,web",` +
			`"allow_sales_activities":false,"allow_statistics_analysis":true,"age_over16":true,"parents_contacts":"","password":"mynewpassword!","old_password":"myoldpassword!"}}`},
		{"one member", quickblox.UpdateUserRequest{User: quickblox.UserUpdate{FullName: new("Jen <Lesser>")}}, `{"user":{"full_name":"Jen \u003cLesser\u003e"}}`},
		{"cleared", quickblox.UpdateUserRequest{User: quickblox.UserUpdate{Phone: new("")}}, `{"user":{"phone":""}}`},
		{"password", quickblox.UpdateUserRequest{User: quickblox.UserUpdate{Password: "mynewpassword!"}}, `{"user":{"password":"mynewpassword!"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var attempts []string
			cfg := apiKeyConfig
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
			c, s := scripted(t, cfg, answer{200, string(fixture(t, "update_200.json"))})
			got, err := c.Users.Update(t.Context(), 96831397, tc.req)
			require.NoError(t, err)
			assert.Equal(t, []string{"PUT /users/96831397.json"}, s.uris())
			assert.True(t, s.bodies[0] == tc.want, "what is sent is not the golden body of %d bytes, but has %d", len(tc.want), len(s.bodies[0]))
			assert.Equal(t, "application/json", s.requests[0].Header.Get("Content-Type"))
			assert.Equal(t, []string{"update user /users/{id}.json"}, attempts)
			assert.Equal(t, "Jen Lesser", *got.User.FullName)
			assert.Equal(t, 200, got.StatusCode())
			assert.Equal(t, time.Date(2019, 9, 1, 14, 2, 54, 0, time.UTC), got.User.LastRequestAt.Time)
		})
	}
}

func TestUpdateChecks(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, apiKeyConfig, missing)
	for name, tc := range map[string]struct {
		id   int64
		user quickblox.UserUpdate
		want string
	}{
		"nothing":             {5, quickblox.UserUpdate{}, "user: must hold at least one change"},
		"id":                  {0, quickblox.UserUpdate{Login: new("a")}, "id: must be a positive number"},
		"external id":         {5, quickblox.UserUpdate{ExternalUserID: new(int64(1 << 31))}, "ExternalID (external_user_id): must be from 1 to 2147483647"},
		"old password alone":  {5, quickblox.UserUpdate{OldPassword: "planted"}, "old_password: needs the new password"},
		"redacted passwords":  {5, quickblox.UserUpdate{Password: userapi.Redacted, OldPassword: userapi.Redacted}, "Password: must be the secret itself, not its redacted form; old_password: must be the secret itself, not its redacted form"},
		"not UTF-8":           {5, quickblox.UserUpdate{Website: new("planted\xff")}, "website: must be valid UTF-8"},
		"everything at once":  {-1, quickblox.UserUpdate{ExternalUserID: new(int64(0)), OldPassword: "planted"}, "id: must be a positive number; ExternalID (external_user_id): must be from 1 to 2147483647; old_password: needs the new password"},
		"a password of bytes": {5, quickblox.UserUpdate{Password: "planted\xff"}, "password: must be valid UTF-8"},
	} {
		_, err := c.Users.Update(t.Context(), tc.id, quickblox.UpdateUserRequest{User: tc.user})
		require.EqualError(t, err, "quickblox: update user: invalid request: "+tc.want+", nothing was sent", name)
		assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{wantError(t, err).Kind, wantError(t, err).Outcome}, name)
		wantHidden(t, err, "planted")
	}
	assert.Empty(t, s.requests)
}

// TestUpdateErrors: the outcome is about the change. A change of the password is not sent again if
// it may have been done.
func TestUpdateErrors(t *testing.T) {
	t.Parallel()
	const echo = `jen_lesser@gmail.com mynewpassword! myoldpassword! 1433712`
	const rejected, unknown = userapi.OutcomeRejected, userapi.OutcomeUnknown
	for _, tc := range []struct {
		name           string
		cfg            quickblox.Config
		answer         answer
		kind           userapi.Kind
		outcome        userapi.Outcome
		attempts       int
		attemptsOfPass int
		text           string
	}{
		{"taken", apiKeyConfig, answer{422, `{"errors":{"email":["` + echo + ` has already been taken"],"phone":["is not a number"]}}`}, userapi.KindConflict, rejected, 1, 1, "it was not done"},
		{"invalid", apiKeyConfig, answer{422, `{"errors":{"base":["` + echo + `"]}}`}, userapi.KindInvalid, rejected, 1, 1, "it was not done"},
		{"blob", apiKeyConfig, answer{422, `{"errors":{"blob":["does not exist"]}}`}, userapi.KindInvalid, rejected, 1, 1, "blob: invalid"},
		{"somebody else", apiKeyConfig, answer{403, `{"errors":{"base":["You are not owner of this object"]}}`}, userapi.KindForbidden, rejected, 1, 1, "it was not done"},
		{"need user", sessionConfig, answer{422, `{"errors":{"base":["Forbidden. Need user."]}}`}, userapi.KindForbidden, rejected, 1, 1, "it was not done"},
		{"nobody", apiKeyConfig, missing, userapi.KindNotFound, rejected, 1, 1, "the user does not exist"},
		{"nobody for a token", sessionConfig, missing, userapi.KindNotFound, unknown, 1, 1, "it may have been done"},
		{"gateway's 404", apiKeyConfig, answer{404, "<html>"}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"401", apiKeyConfig, answer{401, `{"errors":["` + echo + `"]}`}, userapi.KindUnauthorized, rejected, 1, 1, "it was not done"},
		{"429", apiKeyConfig, answer{429, ""}, userapi.KindRateLimited, rejected, 2, 2, "it was not done"},
		{"500", apiKeyConfig, answer{500, echo}, userapi.KindUnavailable, unknown, 2, 1, "it may have been done"},
		{"307", apiKeyConfig, answer{307, ""}, userapi.KindProtocol, rejected, 1, 1, "it was not done"},
		{"another user", apiKeyConfig, answer{200, `{"user":{"id":7}}`}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"another login", apiKeyConfig, answer{200, `{"user":{"id":96831397,"login":"jim"}}`}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"another external id", apiKeyConfig, answer{200, `{"user":{"id":96831397,"external_user_id":"5"}}`}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"no id", apiKeyConfig, answer{200, `{"user":{"login":"Jen_Lesser"}}`}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"an error in it", apiKeyConfig, answer{200, `{"user":{"id":96831397},"errors":["` + echo + `"]}`}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"nothing", apiKeyConfig, answer{200, ""}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
		{"HTML", apiKeyConfig, answer{200, "<html>"}, userapi.KindProtocol, unknown, 1, 1, "it may have been done"},
	} {
		for _, password := range []bool{false, true} {
			t.Run(tc.name+"/"+strconv.FormatBool(password), func(t *testing.T) {
				t.Parallel()
				req, attempts, hidden := everyChange(), tc.attemptsOfPass, []string{"jen_lesser@gmail.com", "1433712", apiKey, sampleToken, "mynewpassword!", "myoldpassword!"}
				if !password {
					req.User.Password, req.User.OldPassword, attempts, hidden = "", "", tc.attempts, hidden[:4]
				}
				c, s := retrying(t, tc.cfg, tc.answer)
				got, err := c.Users.Update(t.Context(), 96831397, req)
				assert.Nil(t, got)
				e := wantError(t, err)
				assert.Equal(t, []any{tc.kind, tc.outcome, userapi.SubjectStep, tc.answer.status, "update user", "96831397"}, []any{e.Kind, e.Outcome, e.Subject, e.StatusCode, e.Op, e.UserID})
				assert.Contains(t, e.Error(), tc.text)
				assert.Len(t, s.requests, attempts)
				wantHidden(t, err, hidden...)
				var vendor *quickblox.APIError
				assert.Equal(t, tc.answer.status >= 300, errors.As(err, &vendor))
			})
		}
	}
}

// TestUpdateAtTheFake changes a user with each credential that is allowed to.
func TestUpdateAtTheFake(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t, quickbloxtest.WithAccountOwner("boss"))
	cfg := s.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{MaxAttempts: 3, BaseWait: time.Millisecond, Jitter: -1}
	keys, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(keys.CloseIdleConnections)
	var last int64
	for _, login := range []string{"boss", "jim", "jen"} {
		resp, err := keys.Users.Create(t.Context(), quickblox.CreateUserRequest{User: quickblox.NewUser{Login: &login, Password: "quickblox"}})
		require.NoError(t, err)
		last = resp.User.ID
	}
	jen := func() quickbloxtest.User { return s.Users()[2] }
	session := func(login string, password userapi.Secret) *quickblox.Client {
		return newSessionClient(t, s, func(c *quickblox.Config) { c.Session.Login, c.Session.Password = login, password })
	}
	rename := func(c *quickblox.Client, id int64, name string) error {
		_, err := c.Users.Update(t.Context(), id, quickblox.UpdateUserRequest{User: quickblox.UserUpdate{FullName: &name}})
		return err
	}
	for name, c := range map[string]*quickblox.Client{"the key": keys, "herself": session("jen", "quickblox"), "the owner": session("boss", "quickblox")} {
		require.NoError(t, rename(c, last, name))
		assert.Equal(t, name, jen().FullName)
	}
	err = rename(session("jim", "quickblox"), last, "no")
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.Equal(t, userapi.OutcomeRejected, wantError(t, err).Outcome)
	require.ErrorIs(t, rename(keys, 5, "no"), userapi.ErrNotFound)
	_, err = keys.Users.Update(t.Context(), last, quickblox.UpdateUserRequest{User: quickblox.UserUpdate{Login: new("jim")}})
	require.ErrorIs(t, err, userapi.ErrConflict)

	// Every member that can be set.
	req := everyChange()
	req.User.OldPassword = "quickblox"
	_, err = keys.Users.Update(t.Context(), last, req)
	require.NoError(t, err)
	want := jen()
	want.LastRequestAt, want.CreatedAt, want.UpdatedAt = time.Time{}, time.Time{}, time.Time{}
	assert.Equal(t, quickbloxtest.User{
		ID: last, Login: "Jen_Lesser", Email: "jen_lesser@gmail.com", FullName: "Jen Lesser", Phone: "+965234215", Website: "https://jen.com", FacebookID: "125553",
		CustomData: "Head of marketing", ExternalUserID: 1433712, BlobID: 7, Tags: []string{"android", "web"}, AgeOver16: true, AllowStatisticsAnalysis: true, HasPassword: true,
	}, want)

	// A change is repeated after a lost reply, except a change of the password.
	lost := userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Hangup}
	s.Inject(lost)
	require.NoError(t, rename(keys, last, "again"))
	jens := session("Jen_Lesser", "mynewpassword!")
	s.Inject(lost)
	_, err = jens.Users.Update(t.Context(), last, quickblox.UpdateUserRequest{User: quickblox.UserUpdate{Password: "quickblox3", OldPassword: "mynewpassword!"}})
	e := wantError(t, err)
	assert.Equal(t, []any{userapi.KindUnavailable, userapi.OutcomeUnknown, 1}, []any{e.Kind, e.Outcome, e.Attempts})
	_, err = session("Jen_Lesser", "quickblox3").Users.Get(t.Context(), last)
	require.NoError(t, err, "it was made")

	// The owner can also delete others.
	boss := session("boss", "quickblox")
	require.NoError(t, boss.Users.Delete(t.Context(), last))
	require.ErrorIs(t, boss.Users.Delete(t.Context(), last), userapi.ErrNotFound)
}

// TestLastRequestAt: QuickBlox's "User model" calls it a timestamp, and its samples show a text.
func TestLastRequestAt(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, 8, 29, 20, 48, 14, 0, time.UTC)
	for value, want := range map[string]time.Time{
		`1567111694`: at, `"1567111694"`: at, `1567111694000`: at, `1567111694.0`: at, `"2019-08-29T20:48:14Z"`: at,
		`null`: {}, `0`: {}, `-5`: {}, `""`: {}, `"soon"`: {}, `99999999999999999999`: {}, `9223372036854775807`: {}, `{}`: {},
	} {
		c, _ := scripted(t, apiKeyConfig, answer{200, `{"items":[{"user":{"id":5,"last_request_at":` + value + `}}],"user":{"id":5,"last_request_at":` + value + `}}`})
		got, err := c.Users.Get(t.Context(), 5)
		require.NoError(t, err)
		assert.Equal(t, want, got.User.LastRequestAt.Time, value)
		for u, err := range c.Users.List(t.Context(), quickblox.ListUsersRequest{}) {
			require.NoError(t, err)
			assert.Equal(t, want, u.LastRequestAt.Time, value)
		}
		text, err := got.User.LastRequestAt.MarshalJSON()
		require.NoError(t, err)
		if !want.IsZero() {
			assert.Equal(t, `"2019-08-29T20:48:14Z"`, string(text))
		}
	}
}
