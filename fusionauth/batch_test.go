package fusionauth_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const hashOfSHA256 = "rTaw3UXvWPuDIa1Hmy8HVfsvwhxjwBdodf483t01nSI="

func sha256Hash() fusionauth.PasswordHash {
	return fusionauth.PasswordHash{Hash: hashOfSHA256, Salt: "c2FsdC1vZi0xNi1ieXRlcw==", Scheme: fusionauth.SaltedSHA256, Factor: 30}
}

// moved returns the request of a person with a hashed password.
func moved(n int) userapi.CreateUserRequest {
	req := numbered(n)
	req.Password = ""
	req.Extensions = []userapi.Extension{fusionauth.Extra{PasswordHash: sha256Hash()}}
	return req
}

func movedUsers(n int) (reqs []userapi.CreateUserRequest) {
	for i := range n {
		reqs = append(reqs, moved(i))
	}
	return reqs
}

// imports counts the imports that a fake has received.
func imports(server *fusionauthtest.Server) (n int) {
	for _, r := range server.Requests() {
		if r.URI == "/api/user/import" {
			n++
		}
	}
	return n
}

// outcomes returns a word for the result of each request.
func outcomes(t *testing.T, results []userapi.BatchResult) (words []string) {
	t.Helper()
	for i, r := range results {
		if (r.User == nil) == (r.Err == nil) {
			t.Errorf("result %d has a user and an error, or neither", i)
		}
		word := "created"
		if r.Err != nil {
			e := asError(t, r.Err)
			word = e.Outcome.String() + " " + e.Kind.String()
			assert.NotEmpty(t, e.UserID)
			assert.NotContains(t, fmt.Sprintf("%+v %v", e, e.Err), hashOfSHA256)
		}
		words = append(words, word)
	}
	return words
}

func TestCreateUsers(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	reqs := movedUsers(5)
	reqs[2].Extensions = nil
	reqs[2].Password = password // this user is created alone
	results := c.CreateUsers(t.Context(), reqs)
	require.Equal(t, []string{"created", "created", "created", "created", "created"}, outcomes(t, results))
	ids := map[string]string{}
	for _, u := range server.Users() {
		assert.True(t, u.Active && u.HasPassword)
		ids[u.ID] = u.Email
	}
	require.Len(t, ids, 5)
	for i, r := range results {
		plan, err := c.PlanUser(reqs[i])
		require.NoError(t, err)
		assert.Equal(t, plan.UserID, r.User.ID)
		assert.Equal(t, strings.ToLower(reqs[i].Email), ids[r.User.ID], "the results are in the order of the requests")
		assert.True(t, strings.EqualFold(reqs[i].Email, r.User.Email))
		assert.Equal(t, reqs[i].ExternalID, r.User.ExternalID)
		assert.Equal(t, userapi.ProofReply, r.User.Proof)
	}
	assert.Equal(t, 1, imports(server))
	assert.Len(t, server.Requests(), 3, "an import, a look at one of its users, and a create")
}

// A user that was not read back has the same members as one that was.
func TestCreateUsersWithPhoneLogin(t *testing.T) {
	t.Parallel()
	for before, opts := range map[int][]fusionauthtest.Option{0: nil, 1: {fusionauthtest.WithServerBefore159()}} {
		c, _ := phonePair(t, opts...)
		reqs := movedUsers(3)
		reqs[0].Phone, reqs[2].Phone = "+13035551212", "+13035551213"
		results := c.CreateUsers(t.Context(), reqs)
		require.Equal(t, []string{"created", "created", "created"}, outcomes(t, results))
		assert.Equal(t, reqs[0].Phone, results[0].User.Phone)
		assert.Len(t, results[0].User.Warnings, before)
		assert.Empty(t, results[1].User.Warnings)
		one, err := c.CreateUser(t.Context(), func() userapi.CreateUserRequest { r := moved(3); r.Phone = "+13035551214"; return r }())
		require.NoError(t, err)
		assert.Len(t, one.Warnings, before)
	}
}

// A fault of one user affects only that user.
func TestCreateUsersAtFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(reqs []userapi.CreateUserRequest)
		want   string // for request 3
		field  string
		sent   bool // the vendor refused it
	}{
		"e-mail address taken": {func(reqs []userapi.CreateUserRequest) { reqs[3].Email = "OLD@example.org" }, "rejected conflict", "Email", true},
		"user name taken":      {func(reqs []userapi.CreateUserRequest) { reqs[3].Username = "Old" }, "rejected conflict", "Username", true},
		"id taken":             {func(reqs []userapi.CreateUserRequest) { reqs[3].ExternalID = "old" }, "rejected conflict", "ExternalID", true},
		"key taken": {func(reqs []userapi.CreateUserRequest) {
			reqs[3].ExternalID, reqs[3].IdempotencyKey = "", "11111111-1111-4111-8111-111111111111"
		}, "rejected conflict", "IdempotencyKey", true},
		"e-mail address twice": {func(reqs []userapi.CreateUserRequest) { reqs[3].Email = reqs[1].Email }, "rejected conflict", "Email", true},
		"id twice":             {func(reqs []userapi.CreateUserRequest) { reqs[3].ExternalID = reqs[1].ExternalID }, "not_sent invalid", "ExternalID", false},
		"refused":              {func(reqs []userapi.CreateUserRequest) { reqs[3].Phone = "12" }, "rejected invalid", "Phone", true},
		"refused here":         {func(reqs []userapi.CreateUserRequest) { reqs[3].Timezone = "Mars /Base" }, "not_sent invalid", "Timezone", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := phonePair(t)
			for _, req := range []userapi.CreateUserRequest{
				{ExternalID: "old", Email: "old@example.org", Username: "old", Password: password},
				{IdempotencyKey: "11111111-1111-4111-8111-111111111111", Email: "older@example.org", Password: password},
			} {
				_, err := c.CreateUser(t.Context(), req)
				require.NoError(t, err)
			}
			reqs := movedUsers(6)
			tt.change(reqs)
			results := c.CreateUsers(t.Context(), reqs)
			assert.Equal(t, []string{"created", "created", "created", tt.want, "created", "created"}, outcomes(t, results))
			e := asError(t, results[3].Err)
			assert.True(t, slices.ContainsFunc(e.FieldErrors, func(f userapi.FieldError) bool { return f.Field == tt.field }), "%+v", e.FieldErrors)
			assert.Equal(t, tt.sent, e.StatusCode != 0)
			assert.Equal(t, 7, server.UserCount())
		})
	}
}

// The result of a failed import is looked up if possible, and never guessed.
func TestCreateUsersLost(t *testing.T) {
	t.Parallel()
	const documented = `{"fieldErrors":{},"generalErrors":[{"code":"[Exception]","message":"It failed."}]}`
	for name, tt := range map[string]struct {
		fault   userapitest.Fault
		want    string
		users   int
		imports int
	}{
		"reply lost":              {userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup}, "created", 4, 1},
		"reply is a proxy's":      {userapitest.Fault{When: userapitest.AfterCommit, Status: 502, Body: []byte("<html>")}, "created", 4, 1},
		"request lost":            {userapitest.Fault{When: userapitest.BeforeCommit, Do: userapitest.Reset}, "unknown unavailable", 0, 1},
		"503 of a proxy":          {userapitest.Fault{When: userapitest.BeforeCommit, Status: 503, Body: []byte("<html>")}, "unknown unavailable", 0, 1},
		"500 after the commit":    {userapitest.Fault{When: userapitest.AfterCommit, Status: 500, Body: []byte(documented)}, "created", 4, 1},
		"500 before the commit":   {userapitest.Fault{When: userapitest.BeforeCommit, Status: 500, Body: []byte(documented)}, "created", 4, 3},
		"500 again and again":     {userapitest.Fault{When: userapitest.BeforeCommit, Status: 500, Body: []byte(documented), Times: -1}, "unknown unavailable", 0, 7},
		"200 and nothing is done": {userapitest.Fault{When: userapitest.BeforeCommit, Status: 200}, "unknown protocol", 0, 1},
		"200 of a page":           {userapitest.Fault{When: userapitest.AfterCommit, Status: 200, Body: []byte("<html>")}, "created", 4, 1},
		"200 with an error":       {userapitest.Fault{When: userapitest.BeforeCommit, Status: 200, Body: []byte(documented)}, "unknown protocol", 0, 1},
		"401":                     {userapitest.Fault{When: userapitest.BeforeCommit, Status: 401}, "rejected unauthorized", 0, 1},
		"429 once":                {userapitest.Fault{When: userapitest.BeforeCommit, Status: 429}, "created", 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := newPair(t)
			tt.fault.On = userapitest.Create
			server.Inject(tt.fault)
			results := c.CreateUsers(t.Context(), movedUsers(4))
			assert.Equal(t, []string{tt.want, tt.want, tt.want, tt.want}, outcomes(t, results))
			assert.Equal(t, tt.users, server.UserCount())
			assert.Equal(t, tt.imports, imports(server))
		})
	}
}

// If every import fails at a server, it is not asked about each user.
func TestCreateUsersAtAServerThatFails(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 500, Times: -1,
		Body: []byte(`{"generalErrors":[{"code":"[Exception]","message":"m"}]}`)})
	for _, word := range outcomes(t, c.CreateUsers(t.Context(), movedUsers(64))) {
		assert.Equal(t, "unknown unavailable", word)
	}
	assert.Equal(t, 29, imports(server))
	assert.Zero(t, server.UserCount())
}

// A user that an earlier import may have created is not reported as refused.
func TestCreateUsersLostThenRefused(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 500, Body: []byte(`{"generalErrors":[{"code":"[Exception]","message":"m"}]}`)})
	server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.BeforeCommit, Status: 401, Times: -1})
	assert.Equal(t, []string{"unknown unauthorized", "unknown unauthorized"}, outcomes(t, c.CreateUsers(t.Context(), movedUsers(2))))
}

// The faults of an import belong to some of its users, and are not reported for all.
func TestCreateUsersShareNoFaults(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.HTTP.Retry.BaseWait = 1 })
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/import", httpmock.NewStringResponder(500, `{"fieldErrors":{"user.email":[{"code":"[notEmail]user.email","message":"m"}]}}`))
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/search", httpmock.NewStringResponder(503, ""))
	for _, r := range c.CreateUsers(t.Context(), movedUsers(2)) {
		assert.Empty(t, asError(t, r.Err).FieldErrors)
	}
}

// After a lost reply, a user with another name is somebody else. The search is in the users'
// tenant.
func TestCreateUsersFindStrangers(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	reqs := movedUsers(2)
	for i := range reqs {
		reqs[i].Extensions = []userapi.Extension{fusionauth.Extra{PasswordHash: sha256Hash(), TenantID: tenantA}}
	}
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/import", httpmock.NewStringResponder(502, ""))
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/search", func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, tenantA, r.Header.Get("X-FusionAuth-TenantId"))
		var users []string
		for i, name := range []string{"jane0", "bob"} {
			plan, err := c.PlanUser(reqs[i])
			require.NoError(t, err)
			users = append(users, fmt.Sprintf(`{"id":%q,"email":"jane%d@example.com","username":%q,"insertInstant":%d}`, plan.UserID, i, name, time.Now().UnixMilli()))
		}
		return httpmock.NewStringResponse(200, `{"total":2,"users":[`+strings.Join(users, ",")+`]}`), nil
	})
	results := c.CreateUsers(t.Context(), reqs)
	assert.Equal(t, []string{"created", "rejected conflict"}, outcomes(t, results))
	assert.Equal(t, userapi.ProofID, results[0].User.Proof)
}

// A user does not keep what the search shows of other users.
func TestCreateUsersFoundShowNobodyElse(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	server.Inject(userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Hangup})
	for i, r := range c.CreateUsers(t.Context(), movedUsers(2)) {
		require.NoError(t, r.Err)
		native, ok := userapi.As[*fusionauth.CreateUserResponse](r.User)
		require.True(t, ok)
		for _, raw := range []string{string(r.User.Raw), string(native.Raw())} {
			assert.Contains(t, raw, fmt.Sprintf("jane%d@example.com", i))
			assert.NotContains(t, raw, fmt.Sprintf("jane%d@example.com", 1-i))
		}
	}
}

// If the client cannot read the users of an import, its reply counts, with a warning.
func TestCreateUsersUnread(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	server.Inject(userapitest.Fault{On: userapitest.Lookup, When: userapitest.BeforeCommit, Status: 401, Times: -1})
	results := c.CreateUsers(t.Context(), movedUsers(2))
	require.Equal(t, []string{"created", "created"}, outcomes(t, results))
	assert.Equal(t, []string{"the import was not confirmed: the API key may not read users"}, results[0].User.Warnings)

	results = c.CreateUsers(t.Context(), movedUsers(3)) // two exist already
	assert.Equal(t, []string{"rejected conflict", "rejected conflict", "created"}, outcomes(t, results))
}

// If the search returns another user in a user's place, only that user's error has the candidate.
func TestCreateUsersShareNoCandidates(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.HTTP.Retry.BaseWait = 1 })
	reqs := movedUsers(2)
	plan, err := c.PlanUser(reqs[1])
	require.NoError(t, err)
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/import", httpmock.NewStringResponder(200, ""))
	mock.RegisterResponder(http.MethodGet, baseURL+"/api/user/"+plan.UserID, httpmock.NewStringResponder(200, `{"user":{"id":"`+plan.UserID+`","email":"bob@example.com"}}`))
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/search", httpmock.NewStringResponder(200, `{"total":1,"users":[{"id":"`+plan.UserID+`","email":"bob@example.com"}]}`))
	results := c.CreateUsers(t.Context(), reqs)
	assert.Equal(t, []string{"unknown protocol", "rejected conflict"}, outcomes(t, results))
	assert.Empty(t, asError(t, results[0].Err).Candidates)
	assert.Equal(t, []string{plan.UserID}, asError(t, results[1].Err).Candidates)
}

// If a server has no search, each user is looked up by id.
func TestCreateUsersWithoutSearch(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/import", httpmock.NewStringResponder(502, ""))
	mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/search", httpmock.NewStringResponder(404, ""))
	reqs := movedUsers(3)
	for i := range reqs[:2] {
		plan, err := c.PlanUser(reqs[i])
		require.NoError(t, err)
		mock.RegisterResponder(http.MethodGet, baseURL+"/api/user/"+plan.UserID, httpmock.NewStringResponder(200, fmt.Sprintf(
			`{"user":{"id":%q,"email":"jane%d@example.com","username":"jane%d","insertInstant":32503680000000}}`, plan.UserID, i, i)))
	}
	mock.RegisterNoResponder(httpmock.NewStringResponder(404, ""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := c.CreateUsers(ctx, reqs)
	// Two are found, but with a creation time in the year 3000, which is not believed.
	assert.Equal(t, []string{"unknown unknown", "unknown unknown", "unknown unavailable"}, outcomes(t, results))
	assert.Equal(t, 1, mock.GetCallCountInfo()["POST "+baseURL+"/api/user/import"])
}

// A search that returns other users than asked for, or not all of them, proves nothing.
func TestCreateUsersBadSearch(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"another user": `{"total":1,"users":[{"id":"0b0b0b0b-0000-4000-8000-00000000000b"}]}`,
		"not all":      `{"total":2,"users":[]}`,
		"no total":     `{"users":[]}`,
		"users twice":  `{"total":1,"users":[],"users":[{"id":"0b0b0b0b-0000-4000-8000-00000000000b"}]}`,
		"no id":        `{"total":1,"users":[{}]}`,
		"an error":     `{"total":0,"users":[],"generalErrors":[{"code":"[Exception]"}]}`,
		"a page":       `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t, func(cfg *fusionauth.Config) { cfg.HTTP.Retry.BaseWait = 1 })
			mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/import", httpmock.NewStringResponder(500, `{"generalErrors":[{"code":"[ImportRequestFailed]","message":"m"}]}`))
			mock.RegisterResponder(http.MethodPost, baseURL+"/api/user/search", httpmock.NewStringResponder(200, body))
			assert.Equal(t, []string{"unknown unavailable", "unknown unavailable"}, outcomes(t, c.CreateUsers(t.Context(), movedUsers(2))))
			assert.Equal(t, 1, mock.GetCallCountInfo()["POST "+baseURL+"/api/user/import"], "it is not sent again")
		})
	}
}

// A fault of the tenant affects all users, so they are not tried one by one.
func TestCreateUsersOfNoTenant(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "0b0b0b0b-0000-4000-8000-00000000000b"} {
		c, server := newPair(t, fusionauthtest.WithTenants(tenantA, tenantB))
		results := c.WithTenant(id).CreateUsers(t.Context(), movedUsers(2))
		assert.Equal(t, []string{"rejected invalid", "rejected invalid"}, outcomes(t, results))
		assert.Contains(t, strings.ToLower(results[0].Err.Error()), "tenantid")
		assert.Len(t, server.Requests(), 1)
	}
}

// A client and its other tenants have one import at a time.
func TestImportsAreOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var under, most, total atomic.Int32
		c, server := newPair(t, fusionauthtest.WithTenants(tenantA, tenantB),
			fusionauthtest.WithHTTP(userapitest.ServerOptions{Listener: fakehttp.NewMemory()}),
			fusionauthtest.WithImporting(func(users int) {
				most.Store(max(most.Load(), under.Add(1)))
				time.Sleep(time.Second) // until everything else waits
				total.Add(int32(users))
				under.Add(-1)
			}))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				client := c
				if i%2 == 1 {
					client = c.WithTenant(tenantB)
				}
				_, err := client.CreateUser(t.Context(), moved(i))
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, most.Load())
		assert.EqualValues(t, 8, total.Load())
		assert.Equal(t, 8, server.UserCount())
		c.CloseIdleConnections()
	})
}

// A waiting import is not sent after its context has ended.
func TestImportWaits(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	c, server := newPair(t, fusionauthtest.WithImporting(func(int) {
		close(began)
		<-end
	}))
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.CreateUser(t.Context(), moved(1))
		assert.NoError(t, err)
	})
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Users.Import(ctx, fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("bob"), Password: password}}})
	assert.Equal(t, userapi.OutcomeNotSent, asError(t, err).Outcome)
	close(end)
	wg.Wait()
	assert.Equal(t, 1, server.UserCount())
}

func TestCreateUsersOfTenants(t *testing.T) {
	t.Parallel()
	c, server := newPair(t, fusionauthtest.WithTenants(tenantA, tenantB))
	reqs := movedUsers(4)
	for i := range reqs {
		tenant := ""
		if i%2 == 1 {
			tenant = tenantB
		}
		reqs[i].Extensions = []userapi.Extension{fusionauth.Extra{PasswordHash: sha256Hash(), TenantID: tenant}}
	}
	assert.Equal(t, []string{"created", "created", "created", "created"}, outcomes(t, c.CreateUsers(t.Context(), reqs)))
	assert.Equal(t, 2, imports(server))
	of := map[string]string{}
	for _, u := range server.Users() {
		of[u.Username] = u.TenantID
	}
	assert.Equal(t, map[string]string{"jane0": tenantA, "jane1": tenantB, "jane2": tenantA, "jane3": tenantB}, of)
}

// The error of a taken id names the field that the id comes from, as in any create.
func TestImportOfATakenID(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t)
	for field, req := range map[string]userapi.CreateUserRequest{
		"ExternalID":     {ExternalID: "old", Extensions: moved(0).Extensions},
		"IdempotencyKey": {IdempotencyKey: "old", Extensions: moved(0).Extensions},
	} {
		req.Username = "first" + field
		_, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err)
		req.Username = "second" + field
		_, err = c.CreateUser(t.Context(), req)
		assert.Equal(t, []string{field}, fieldNames(asError(t, err)))
	}
}
